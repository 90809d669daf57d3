use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

fn access(address: &str, secs: i64, status: u16, path: &'static str) -> Access<'static> {
    Access { address: address.parse().unwrap(), at: at(secs), status, path, user_agent: "Mozilla/5.0" }
}

fn blocked(credit: &mut Credit, secs: i64) -> Vec<String> {
    credit.decide(at(secs)).block.iter().map(|block| block.network.to_string()).collect()
}

#[test]
fn a_scanner_is_blocked_and_told_why_and_a_shopper_is_not() {
    let mut credit = Credit::new(Config::default());
    for second in 0..60 {
        credit.observe(&access("203.0.113.7", second, 404, "/.env.bak"));
        credit.observe(&access("198.51.100.9", second, 200, "/products/7"));
    }
    let changes = credit.decide(at(60));
    let [block] = changes.block.as_slice() else { panic!("{changes:?}") };
    assert_eq!(block.network.to_string(), "203.0.113.7/32");
    assert_eq!(block.because[0].0, "secret-probe");
    let sum: f32 = block.because.iter().map(|(_, points)| points).sum();
    assert!((sum - block.score).abs() < 0.1, "the explanation adds up to {sum}, not {}", block.score);
    let shopper = credit.explain("198.51.100.9".parse().unwrap(), at(60)).unwrap();
    assert!(shopper.score < 3.0 && shopper.because.len() == 1, "{shopper:?}");
    assert_eq!(credit.worst(1, at(60))[0].network, block.network);
}

#[test]
fn points_halve_in_ten_minutes() {
    let mut credit = Credit::new(Config::default());
    credit.observe(&access("203.0.113.7", 0, 401, "/login"));
    let score = |secs| credit.explain("203.0.113.7".parse().unwrap(), at(secs)).unwrap().score;
    assert!((score(0) - 4.05).abs() < 1e-4);
    assert!((score(600) - 2.025).abs() < 1e-3);
    assert!((score(6_000) - 4.05 / 1_024.0).abs() < 1e-4);
}

#[test]
fn a_block_ends_only_when_it_has_expired_and_the_score_is_low_and_the_next_is_twice_as_long() {
    let mut credit = Credit::new(Config::default());
    let attack = |credit: &mut Credit, from: i64| {
        for second in 0..100 {
            credit.observe(&access("203.0.113.7", from + second, 403, "/../../etc/passwd"));
        }
    };
    attack(&mut credit, 0);
    assert_eq!(blocked(&mut credit, 100).len(), 1);
    let first = credit.blocks().next().unwrap().clone();
    assert_eq!(first.until.since(first.since), Duration::from_secs(900));
    // It goes on: the block has expired, but the score has not.
    attack(&mut credit, 950);
    assert_eq!(credit.decide(at(1_100)), Changes::default());
    let mut released = 0;
    while credit.decide(at(released)).release.is_empty() {
        released += 10;
    }
    assert!(released > 1_100 + 600, "released after {released} s");
    attack(&mut credit, released + 10);
    assert_eq!(blocked(&mut credit, released + 110).len(), 1);
    let second = credit.blocks().next().unwrap();
    assert_eq!((second.times, second.until.since(second.since)), (2, Duration::from_secs(1_800)));
}

#[test]
fn the_allow_list_is_never_scored_and_ipv6_is_judged_by_its_network() {
    let allow = vec!["203.0.113.0/24".parse().unwrap()];
    let mut credit = Credit::new(Config { allow, ..Config::default() });
    for second in 0..50 {
        credit.observe(&access("203.0.113.7", second, 401, "/.env"));
        credit.observe(&access("::ffff:203.0.113.8", second, 401, "/.env"));
        let address = format!("2001:db8:0:1::{second:x}");
        credit.observe(&access(&address, second, 401, "/.env"));
    }
    assert_eq!(blocked(&mut credit, 50), ["2001:db8:0:1::/64"]);
    assert_eq!(credit.len(), 1);
}

#[test]
fn memory_is_bounded_and_the_worst_are_kept() {
    let config = Config { addresses_max: 1_000, ..Config::default() };
    let mut credit = Credit::new(config);
    for second in 0..50 {
        credit.observe(&access("203.0.113.7", second, 401, "/.env"));
    }
    credit.observe(&access("203.0.113.8", 50, 401, "/.env"));
    assert_eq!(blocked(&mut credit, 50).len(), 1);
    for number in 0..100_000_u32 {
        let address = IpAddr::from(0x0b00_0000_u32.wrapping_add(number).to_be_bytes());
        credit.observe(&Access { address, ..access("11.0.0.0", 51, 200, "/") });
        assert!(credit.len() <= 1_000);
    }
    for address in ["203.0.113.7", "203.0.113.8"] {
        assert!(credit.explain(address.parse().unwrap(), at(52)).is_some(), "{address} was forgotten");
    }
}

#[test]
fn an_event_that_comes_late_counts_for_what_is_left_of_it() {
    let mut credit = Credit::new(Config::default());
    credit.observe(&access("203.0.113.7", 600, 200, "/"));
    credit.observe(&access("203.0.113.7", 0, 401, "/login"));
    let score = credit.explain("203.0.113.7".parse().unwrap(), at(600)).unwrap().score;
    assert!((score - (0.05 + 4.05 / 2.0)).abs() < 1e-3, "{score}");
}

#[test]
fn what_is_not_one_sender_of_the_internet_is_never_blocked() {
    let mut credit = Credit::new(Config::default());
    let never = [
        "10.1.2.3",
        "127.0.0.1",
        "192.168.0.9",
        "172.31.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::ffff:10.0.0.1",
        "fe80::1",
        "fd00::7",
        "ff02::1",
    ];
    for address in never {
        for second in 0..50 {
            credit.observe(&access(address, second, 401, "/.env"));
        }
        assert!(is_never_blocked(&network(judged(address.parse().unwrap()))), "{address}");
    }
    assert_eq!((blocked(&mut credit, 50), credit.len()), (vec![], 0));
    assert!(!is_never_blocked(&"203.0.113.7/32".parse().unwrap()));
}

#[test]
fn a_network_that_holds_an_allowed_address_is_not_blocked_and_a_block_ends_when_it_is_allowed() {
    let mut credit =
        Credit::new(Config { allow: vec!["2001:db8:0:1::42/128".parse().unwrap()], ..Config::default() });
    for second in 0..50 {
        credit.observe(&access("2001:db8:0:1::666", second, 401, "/.env"));
        credit.observe(&access("203.0.113.7", second, 401, "/.env"));
    }
    assert_eq!(blocked(&mut credit, 50), ["203.0.113.7/32"]);
    credit.begin_anew(Config { allow: vec!["203.0.113.0/24".parse().unwrap()], ..Config::default() });
    assert_eq!(credit.decide(at(51)).release, ["203.0.113.7/32".parse().unwrap()]);
}

#[test]
fn a_pardoned_address_is_let_alone_for_a_while() {
    let mut credit = Credit::new(Config::default());
    let attack = |credit: &mut Credit, from: i64| {
        (from..from + 30).for_each(|second| credit.observe(&access("203.0.113.7", second, 401, "/.env")));
    };
    attack(&mut credit, 0);
    assert_eq!(blocked(&mut credit, 30).len(), 1);
    credit.pardon("203.0.113.7/32".parse().unwrap(), at(3_600));
    attack(&mut credit, 40);
    assert!(blocked(&mut credit, 70).is_empty());
    attack(&mut credit, 3_601);
    assert_eq!(blocked(&mut credit, 3_640).len(), 1);
}

#[test]
fn a_rehearsal_decides_as_the_keeper_would_and_counts_whom_it_would_have_hurt() {
    let mut marks = Vec::new();
    for second in 0..3_600 {
        let is_attack = second < 60;
        if is_attack {
            marks.push(access("203.0.113.7", second, 404, "/.env").mark());
        } else if second % 10 == 0 {
            marks.push(access("203.0.113.7", second, 200, "/").mark());
        }
        marks.push(access("198.51.100.9", second, 200, "/products/7").mark());
    }
    marks.reverse();
    let rehearsed = rehearse(Config::default(), &mut marks, at(3_600));
    let [found] = rehearsed.blocks.as_slice() else { panic!("{rehearsed:?}") };
    assert_eq!(found.block.network.to_string(), "203.0.113.7/32");
    assert_eq!(rehearsed.requests, marks.len() as u64);
    // 12 points a request: the ninth passes 100, and the round after it decides.
    let (since, ended) = (found.block.since, found.ended_at.expect("it behaved afterwards"));
    assert!((9..=12).contains(&since.since(at(0)).as_secs()), "{found:?}");
    assert!((900..3_400).contains(&ended.since(since).as_secs()), "{found:?}");
    let hit =
        |mark: &&Mark| mark.address == IpAddr::from([203, 0, 113, 7]) && mark.at >= since && mark.at < ended;
    let hits: Vec<_> = marks.iter().filter(hit).collect();
    assert_eq!(found.requests, hits.len() as u64);
    assert_eq!(found.answered_well, hits.iter().filter(|mark| mark.status == 200).count() as u64);
}

/// The scorer against a sum over every request, whatever their order.
#[test]
fn the_score_is_the_decayed_sum_over_all_requests() {
    let statuses = [200, 301, 401, 403, 404, 500];
    let paths = ["/", "/.ENV", "/a?q=1+UNION+SELECT+2", "/products/7"];
    for seed in 0..200_u64 {
        let random = nines_base::Random::from_seed(seed);
        let pick = |count: usize| usize::try_from(random.below(count as u64)).unwrap();
        let half_life = Duration::from_secs(1 + random.below(3_600));
        let config = Config { half_life, block_at: f32::MAX, ..Config::default() };
        // As after a restart: what is stored goes into one, what comes in into another, and then they are one.
        let (mut credit, mut stored) = (Credit::new(config.clone()), Credit::new(config));
        let mut sums: HashMap<IpAddr, f64> = HashMap::new();
        for _ in 0..200 {
            let access = Access {
                address: IpAddr::from([203, 0, 113, u8::try_from(random.below(4)).unwrap()]),
                at: at(i64::try_from(random.below(3_000)).unwrap()),
                status: statuses[pick(statuses.len())],
                path: paths[pick(paths.len())],
                user_agent: ["-", "curl"][pick(2)],
            };
            if random.below(2) == 0 {
                credit.observe(&access)
            } else {
                stored.observe(&access)
            }
            let mut points = 0.05;
            points += if access.path == "/.ENV" { 10.0 } else { 0.0 };
            points += if access.path.contains("UNION") { 20.0 } else { 0.0 };
            points += if matches!(access.status, 401 | 403) { 4.0 } else { 0.0 };
            points += if access.status == 404 { 2.0 } else { 0.0 };
            points += if access.user_agent == "-" { 0.5 } else { 0.0 };
            let age = at(3_000).since(access.at).as_secs_f64();
            *sums.entry(access.address).or_default() += points * (-age / half_life.as_secs_f64()).exp2();
        }
        credit.absorb(stored);
        for (address, sum) in sums {
            let found = f64::from(credit.explain(address, at(3_000)).unwrap().score);
            assert!(
                (found - sum).abs() <= 1e-3 * sum.max(0.01),
                "seed {seed}: {address} has {found}, not {sum}"
            );
        }
    }
}
