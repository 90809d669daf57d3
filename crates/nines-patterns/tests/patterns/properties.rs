//! What must hold for any lines: ids that stay, bounded memory, a state that survives.

use nines_model::{TimeRange, Timestamp};
use nines_patterns::{Book, Config, Line, Miner, PatternId, Survey};
use proptest::prelude::*;

use crate::foreign::{Numbers, write};

const WORDS: [&str; 12] = [
    "open", "close", "user", "alice", "bob", "carol", "from", "10.0.0.1", "failed", "12", "retry", "\"a b\"",
];

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..8).prop_map(|words| words.join(" "))
}

proptest! {
    /// Nothing panics, and learning a line makes it findable under the id that was given.
    #[test]
    fn any_text_is_taken(lines in prop::collection::vec(".{0,200}", 1..20)) {
        let mut miner = Miner::new(Config::default());
        for line in &lines {
            let id = miner.learn(line);
            prop_assert_eq!(miner.find(line), Some(id));
            let _ = miner.template(id).unwrap().to_string();
        }
    }

    /// Ids lead to the same groups whether the miner ran through or was saved and restored in between.
    #[test]
    fn a_restart_changes_nothing(lines in prop::collection::vec(line(), 1..120), cut in 0_usize..120) {
        let cut = cut.min(lines.len());
        let mut whole = Miner::new(Config::default());
        let expected: Vec<PatternId> = lines.iter().map(|line| whole.learn(line)).collect();

        let mut before = Miner::new(Config::default());
        let mut found: Vec<PatternId> = lines[..cut].iter().map(|line| before.learn(line)).collect();
        let mut after = Miner::new(Config::default());
        after.absorb(&before.save()).unwrap();
        found.extend(lines[cut..].iter().map(|line| after.learn(line)));

        let resolve = |miner: &Miner, ids: &[PatternId]| ids.iter().map(|&id| miner.resolve(id)).collect::<Vec<_>>();
        prop_assert_eq!(resolve(&whole, &expected), resolve(&after, &found));
        prop_assert_eq!(whole.len(), after.len());
        for (id, template, count) in whole.patterns() {
            prop_assert_eq!(after.count(id), count, "{}", template);
        }
    }

    /// Counts are conserved: every line is in exactly one pattern, also after merges.
    #[test]
    fn every_line_is_counted_once(lines in prop::collection::vec(line(), 1..200)) {
        let mut miner = Miner::new(Config::default());
        for line in &lines {
            miner.learn(line);
        }
        prop_assert_eq!(miner.patterns().map(|(_, _, count)| count).sum::<u64>(), lines.len() as u64);
    }
}

/// An id given out before a merge leads to the merged pattern, and learning goes on under the new id.
#[test]
fn ids_survive_generalisation() {
    let mut miner = Miner::new(Config::default());
    let early = miner.learn("session opened for user alice by root");
    for user in ["bob", "carol", "dave"] {
        miner.learn(&format!("session opened for user {user} by root"));
    }
    let late = miner.learn("session opened for user erin by root");
    assert_ne!(early, late);
    assert_eq!(miner.resolve(early), late);
    assert_eq!(miner.template(early).unwrap().to_string(), "session opened for user <*> by root");
    assert_eq!(miner.count(early), 5);
}

/// The ids of these templates are part of the format: links and stored rows hold them.
#[test]
fn ids_are_the_same_for_ever() {
    let mut miner = Miner::new(Config::default());
    let ids = [
        miner.learn("Connection from 10.0.0.7 closed after 12 ms").to_string(),
        miner.learn("disk full").to_string(),
        miner.learn("").to_string(),
    ];
    assert_eq!(ids, ["6efda173663d7b1d", "53b28f571f0eb76a", "be8cab644efdda51"]);
}

/// Random lines fill the bounds and not more, and what is seen often outlives them.
#[test]
fn memory_is_bounded_under_random_lines() {
    let lines: u64 =
        std::env::var("NINES_PATTERNS_LINES").ok().and_then(|count| count.parse().ok()).unwrap_or(300_000);
    let config = Config { patterns_max: 2_000, shapes_max: 4_000, ..Config::default() };
    let mut miner = Miner::new(config);
    let mut numbers = Numbers(3);
    let mut line = String::new();
    for round in 0..lines {
        line.clear();
        for _ in 0..1 + numbers.below(9) {
            for _ in 0..1 + numbers.below(7) {
                line.push(char::from(b'a' + numbers.below(26) as u8));
            }
            line.push(' ');
        }
        miner.learn(&line);
        assert!(miner.len() <= 2_000);
        if round % 50 == 0 {
            miner.learn(&write("request {uuid} took {dur}", &mut numbers));
        }
    }
    let kept = miner.find("request 123e4567-e89b-42d3-a456-426614174000 took 3ms").unwrap();
    assert_eq!(miner.count(kept), lines.div_ceil(50));
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + minute * 60)
}

fn observe(book: &mut Book, text: &str, minute: i64, severity_number: i64) {
    book.observe(Line {
        text,
        at: at(minute),
        received_at: at(minute),
        severity_number,
        service: Some("checkout"),
        weight: 1,
    });
}

#[test]
fn a_new_and_a_surging_pattern_are_signals() {
    let mut book = Book::new(Config::default(), at(0));
    for minute in 0..60 {
        for number in 0..10 {
            observe(&mut book, &format!("order {number} stored in 3 ms"), minute, 9);
        }
        observe(&mut book, "payment gateway timed out after 5 s", minute, 13);
    }
    assert_eq!(book.signals(at(59), None, 10), []);
    for minute in 60..63 {
        for number in 0..10 {
            observe(&mut book, &format!("order {number} stored in 3 ms"), minute, 9);
            observe(&mut book, "payment gateway timed out after 5 s", minute, 13);
        }
        observe(&mut book, "cannot decode rune at byte 17", minute, 17);
    }
    let signals = book.signals(at(62), Some("checkout"), 10);
    let told: Vec<(&str, bool, bool)> =
        signals.iter().map(|view| (view.template.as_str(), view.is_new, view.surge.is_some())).collect();
    assert_eq!(
        told,
        [
            ("payment gateway timed out after <duration>", false, true),
            ("cannot decode rune at byte <num>", true, false)
        ]
    );
    assert_eq!(book.signals(at(62), Some("another"), 10), []);

    let mut restored = Book::new(Config::default(), at(63));
    restored.restore(&book.save()).unwrap();
    assert_eq!(restored.list(at(62)), book.list(at(62)));
    assert_eq!(restored.signals(at(62), None, 10).len(), 2, "a restart does not forget what is old");
}

#[test]
fn a_survey_counts_what_it_is_given() {
    let mut book = Book::new(Config::default(), at(0));
    for user in ["alice", "bob", "carol", "dave", "erin"] {
        observe(&mut book, &format!("session opened for user {user}"), 0, 9);
    }
    let mut survey = Survey::new(TimeRange::new(at(0), at(60)));
    for (minute, user, service) in [(0, "frank", "a"), (1, "bob", "b"), (59, "bob", "b")] {
        let text = format!("session opened for user {user}");
        survey.add(Line {
            text: &text,
            at: at(minute),
            received_at: at(minute),
            severity_number: minute,
            service: Some(service),
            weight: 1,
        });
    }
    assert!(!survey.is_sampled());
    let found = survey.finish(&mut book);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        one.template.to_string(),
        "session opened for user <*>",
        "the book knows more than these three lines"
    );
    assert_eq!(one.template.phrases(), ["session opened for user"]);
    assert_eq!((one.count, one.severity_number), (3, 59));
    assert_eq!((one.trend[0], one.trend[1], one.trend[59]), (1, 1, 1));
    assert_eq!(one.services, [("b".into(), 2), ("a".into(), 1)]);
    assert_eq!((one.first_seen, one.last_seen), (at(0), at(59)));
}

#[test]
fn a_state_of_another_version_is_refused() {
    let mut miner = Miner::new(Config::default());
    let error = miner.absorb("{\"format\":\"nines-patterns\",\"version\":9}\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "state of patterns has format `nines-patterns` version 9, this build reads `nines-patterns` version 1: use a newer nines"
    );
    assert!(miner.absorb("").is_err());
    assert!(miner.absorb("{\"format\":\"nines-patterns\",\"version\":1}\n{").is_err());
}
