use proptest::prelude::*;

use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("l{index}")).collect()
}

const THREE: Thresholds =
    Thresholds { failures: 3, successes: 2, quorum: 2, silent_after: Duration::from_secs(60) };

/// Letters of one location in turn: `.` success, `x` failure, `u` unable, `f` failure of a runner at fault.
fn seen(letter: char) -> (Outcome, bool) {
    match letter {
        '.' => (Outcome::Success, false),
        'x' => (Outcome::Failure, false),
        'u' => (Outcome::Unable, false),
        'f' => (Outcome::Failure, true),
        other => panic!("no such letter: {other}"),
    }
}

#[track_caller]
fn check(rows: &[&str], expected: Verdict, is_alerting: bool) {
    let locations = names(rows.len());
    let mut watch = Watch::new(THREE, &locations, at(0));
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    for index in 0..longest {
        let now = at(10 * index as i64 + 1);
        for (row, location) in rows.iter().zip(&locations) {
            if let Some(letter) = row.chars().nth(index).filter(|letter| *letter != ' ') {
                let (outcome, at_fault) = seen(letter);
                watch.observe(location, now, outcome, at_fault, None);
            }
        }
        watch.settle(now);
    }
    let standing = watch.standing();
    assert_eq!((standing.verdict, standing.is_alerting), (expected, is_alerting), "{rows:?}");
}

#[test]
fn three_failures_of_two_locations_of_three_are_needed_and_two_successes_to_recover() {
    check(&["", "", ""], Verdict::Unknown, false);
    check(&[".", "", ""], Verdict::Up, false);
    check(&["..xx", "....", "...."], Verdict::Up, false);
    check(&["..xxx", ".....", "....."], Verdict::Degraded, false);
    check(&["..xxx", "..xxx", "....."], Verdict::Down, true);
    check(&["..xxx.", "..xxx.", "......"], Verdict::Down, true);
    check(&["..xxx..", "..xxx..", "......."], Verdict::Up, false);
    check(&["..xx.xx.xx", "..........", ".........."], Verdict::Up, false);
}

#[test]
fn a_runner_that_is_cut_off_pages_nobody_and_its_row_begins_anew() {
    check(&[".ffffffff"], Verdict::Unknown, false);
    check(&[".uuuuuuuu"], Verdict::Unknown, false);
    check(&[".xxfx"], Verdict::Up, false);
    check(&[".xxfxxx", "......."], Verdict::Degraded, false);
    // Of three locations one is left: not enough to say that it is down.
    check(&["xxx", "fff", "uuu"], Verdict::Unknown, false);
    // Two are enough.
    check(&["xxx", "xxx", "fff"], Verdict::Down, true);
}

#[test]
fn what_is_unknown_does_not_end_an_alert() {
    check(&["xxxff", "xxxff"], Verdict::Unknown, true);
    check(&["xxxff..", "xxxff.."], Verdict::Up, false);
}

#[test]
fn silence_is_no_news() {
    let locations = names(1);
    let mut watch = Watch::new(THREE, &locations, at(0));
    watch.observe("l0", at(1), Outcome::Success, false, None);
    assert!(watch.settle(at(1)));
    assert!(!watch.settle(at(61)));
    assert!(watch.settle(at(62)));
    assert_eq!(watch.standing().verdict, Verdict::Unknown);
    assert_eq!(watch.views(at(62))[0].standing, LocationStanding::Silent);
}

#[test]
fn late_and_foreign_measurements_are_ignored() {
    let mut watch = Watch::new(THREE, &names(1), at(0));
    watch.observe("l0", at(5), Outcome::Success, false, None);
    for earlier in 1..5 {
        watch.observe("l0", at(earlier), Outcome::Failure, false, None);
    }
    watch.observe("elsewhere", at(9), Outcome::Failure, false, None);
    watch.settle(at(9));
    assert_eq!(watch.standing().verdict, Verdict::Up);
}

/// The slow and obvious way: for each moment look at everything that was ever seen.
fn oracle(
    history: &[(usize, i64, Outcome, bool)],
    count: usize,
    thresholds: &Thresholds,
    now: i64,
) -> Verdict {
    let mut ups = 0;
    let mut downs = 0;
    for location in 0..count {
        let of_it: Vec<_> = history.iter().filter(|seen| seen.0 == location && seen.1 <= now).collect();
        let Some(last) = of_it.last() else { continue };
        if Duration::from_secs((now - last.1) as u64) > thresholds.silent_after {
            continue;
        }
        if last.3 || last.2 == Outcome::Unable {
            continue;
        }
        // Its state is made by the last moment at which a whole row of one kind ended.
        let counts = |seen: &&(usize, i64, Outcome, bool)| !seen.3 && seen.2 != Outcome::Unable;
        let mut state = None;
        for end in 0..of_it.len() {
            let row = |wanted: Outcome| {
                of_it[..=end].iter().rev().take_while(|seen| counts(seen) && seen.2 == wanted).count()
            };
            let successes = if state.is_none() { 1 } else { thresholds.successes as usize };
            if row(Outcome::Failure) >= thresholds.failures as usize {
                state = Some(false);
            } else if row(Outcome::Success) >= successes {
                state = Some(true);
            }
        }
        match state {
            Some(true) => ups += 1,
            Some(false) => downs += 1,
            None => {}
        }
    }
    let quorum = thresholds.quorum as usize;
    if downs >= quorum {
        Verdict::Down
    } else if ups == 0 || (downs > 0 && ups + downs < quorum) {
        Verdict::Unknown
    } else if downs > 0 {
        Verdict::Degraded
    } else {
        Verdict::Up
    }
}

proptest! {
    #[test]
    fn the_verdict_equals_a_count_over_the_whole_history(
        count in 1_usize..5,
        failures in 1_u32..4,
        successes in 1_u32..4,
        quorum_of in 1_u32..5,
        seen in proptest::collection::vec((0_usize..5, 0_i64..40, 0_u8..6), 0..80),
    ) {
        let thresholds = Thresholds {
            failures,
            successes,
            quorum: quorum_of.min(count as u32),
            silent_after: Duration::from_secs(60),
        };
        let mut watch = Watch::new(thresholds, &names(count), at(0));
        let mut history = Vec::new();
        let mut now = 0;
        let mut was_alerting = false;
        for (location, pause, what) in seen {
            // Later by at least a second: measurements of one location never share an instant.
            now += pause + 1;
            let (outcome, at_fault) = match what {
                0 | 1 => (Outcome::Success, false),
                2 | 3 => (Outcome::Failure, false),
                4 => (Outcome::Unable, false),
                _ => (Outcome::Failure, true),
            };
            let location = location % count;
            history.push((location, now, outcome, at_fault));
            watch.observe(&format!("l{location}"), at(now), outcome, at_fault, None);
            watch.settle(at(now));
            let expected = oracle(&history, count, &thresholds, now);
            prop_assert_eq!(watch.standing().verdict, expected);
            was_alerting = match expected {
                Verdict::Down => true,
                Verdict::Up | Verdict::Degraded => false,
                Verdict::Unknown => was_alerting,
            };
            prop_assert_eq!(watch.standing().is_alerting, was_alerting);
        }
    }
}
