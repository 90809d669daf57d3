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
    let (score, because) = credit.explain("198.51.100.9".parse().unwrap(), at(60)).unwrap();
    assert!(score < 3.0 && because.len() == 1, "{score} {because:?}");
}

#[test]
fn points_halve_in_ten_minutes() {
    let mut credit = Credit::new(Config::default());
    credit.observe(&access("203.0.113.7", 0, 401, "/login"));
    let score = |secs| credit.explain("203.0.113.7".parse().unwrap(), at(secs)).unwrap().0;
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
        let address = IpAddr::from(0x0a00_0000_u32.wrapping_add(number).to_be_bytes());
        credit.observe(&Access { address, ..access("10.0.0.0", 51, 200, "/") });
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
    let (score, _) = credit.explain("203.0.113.7".parse().unwrap(), at(600)).unwrap();
    assert!((score - (0.05 + 4.05 / 2.0)).abs() < 1e-3, "{score}");
}
