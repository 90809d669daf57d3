use nines_alerting::{Measurement, Phase, Policy, Reason, Severity, Traffic, TransitionKind as Kind};
use proptest::prelude::*;

use crate::scene::*;

#[test]
fn an_outage_pages_at_the_first_reading_and_resolves_soon_after_the_repair() {
    let mut stage = Stage::new();
    stage.run(60, QUIET);
    let fired = stage.run(1, OUTAGE);
    assert!(matches!(fired.reason, Reason::Over { ref tier, .. } if tier == "60s/5s"), "{}", fired.reason);
    stage.run(119, OUTAGE);
    stage.run(30, REPAIRED);
    assert_eq!(stage.phase(), Phase::Firing, "30 s of good readings are one second short");
    let resolved = stage.run(1, REPAIRED);
    assert_eq!(stage.phase(), Phase::Resolved, "{}", resolved.reason);
    // The slow windows still hold the outage, and the rule must not fire for the past.
    stage.run(600, REPAIRED);
    let told = [(60, Kind::Fired, Severity::Page), (210, Kind::Resolved, Severity::Page)];
    assert_eq!(stage.told, told);
}

#[test]
fn missing_data_holds_a_firing_alert_for_ever() {
    for measurement in [Measurement::Stale, Measurement::Invalid, Measurement::Paused] {
        let mut stage = Stage::new();
        stage.run(1, OUTAGE);
        stage.run(20, REPAIRED);
        let held = stage.play(7200, QUIET, |reading| {
            reading.measurement = measurement;
            reading.traffic = None;
            reading.burns.iter_mut().for_each(|burn| (burn.long_rate, burn.short_rate) = (None, None));
        });
        assert_eq!(stage.phase(), Phase::Firing, "{measurement:?}");
        assert!(matches!(held.reason, Reason::Held { .. } | Reason::StillBad { .. }), "{}", held.reason);
        // The good seconds before the silence do not count towards the end of it.
        stage.run(15, REPAIRED);
        assert_eq!(stage.phase(), Phase::Firing);
        stage.run(16, REPAIRED);
        assert_eq!(stage.phase(), Phase::Resolved);
    }
}

#[test]
fn one_good_reading_between_bad_ones_resolves_nothing() {
    let mut stage = Stage::new();
    for _ in 0..40 {
        stage.run(1, OUTAGE);
        stage.run(29, REPAIRED);
    }
    assert_eq!(stage.told.len(), 1, "{:?}", stage.told);
}

#[test]
fn a_ticket_becomes_a_page_and_the_page_becomes_a_ticket_again() {
    let mut stage = Stage::new();
    stage.run(10, LEAK);
    stage.run(60, OUTAGE);
    stage.run(120, LEAK);
    let told = [
        (0, Kind::Fired, Severity::Ticket),
        (10, Kind::Escalated, Severity::Page),
        (100, Kind::Lowered, Severity::Ticket),
    ];
    assert_eq!(stage.told, told);
    let alert = stage.track.alert.as_ref().unwrap();
    assert_eq!(
        (alert.severity, alert.severity_max, alert.transitions),
        (Severity::Ticket, Severity::Page, 3)
    );
}

#[test]
fn a_promise_that_breaks_again_within_half_an_hour_reopens_the_alert_and_later_makes_a_new_one() {
    let mut stage = Stage::new();
    stage.run(60, OUTAGE);
    stage.run(31, REPAIRED);
    let first = stage.track.alert.clone().unwrap().id;
    stage.run(1700, QUIET);
    stage.run(60, OUTAGE);
    assert_eq!(stage.track.alert.as_ref().unwrap().id, first);
    assert_eq!(stage.told.last().unwrap().1, Kind::Reopened);
    stage.run(31, REPAIRED);
    stage.run(1802, QUIET);
    assert_eq!(stage.phase(), Phase::Inactive);
    stage.run(1, OUTAGE);
    assert_ne!(stage.track.alert.as_ref().unwrap().id, first);
    assert_eq!(stage.told.last().unwrap().1, Kind::Fired);
}

#[test]
fn four_changes_in_ten_minutes_are_flapping_and_told_once() {
    let mut stage = Stage::new();
    for _ in 0..20 {
        stage.run(10, OUTAGE);
        stage.run(50, REPAIRED);
    }
    let kinds: Vec<_> = stage.told.iter().map(|(_, kind, _)| *kind).collect();
    assert_eq!(kinds, [Kind::Fired, Kind::Resolved, Kind::Reopened, Kind::Flapping]);
    assert!(stage.track.alert.as_ref().unwrap().flapping);
    stage.run(600, REPAIRED);
    assert_eq!(stage.told.last().unwrap().1, Kind::Resolved);
    assert!(!stage.track.alert.as_ref().unwrap().flapping);
}

#[test]
fn traffic_that_stops_pages_and_is_not_taken_for_health() {
    let silence = |reading: &mut nines_alerting::Reading| {
        reading.measurement = Measurement::Stale;
        reading.traffic = Some(Traffic { events: 0, expected: 6_000.0, window: secs(60) });
        reading.burns.iter_mut().for_each(|burn| (burn.short_rate, burn.enough_events) = (None, false));
    };
    let mut stage = Stage::new();
    stage.run(5, QUIET);
    let fired = stage.play(1, QUIET, silence);
    assert!(matches!(fired.reason, Reason::TrafficStopped { .. }));
    stage.play(3600, QUIET, silence);
    assert_eq!(stage.told, [(5, Kind::Fired, Severity::Page)]);
    stage.run(62, QUIET);
    assert_eq!(stage.phase(), Phase::Resolved);

    let mut night = Stage::new();
    night.play(3600, QUIET, |reading| {
        silence(reading);
        reading.measurement = Measurement::TooFew;
        reading.traffic = Some(Traffic { events: 0, expected: 3.0, window: secs(60) });
    });
    assert_eq!(night.told, [], "three events expected and none seen is no news");
}

#[test]
fn data_that_stays_away_is_a_ticket() {
    let mut stage = Stage::new();
    stage.run(1, QUIET);
    let last = START;
    stage.play(600, QUIET, |reading| {
        reading.measurement = Measurement::Stale;
        reading.last_event_at = Some(last);
        reading.traffic = None;
    });
    assert_eq!(stage.told, [(300, Kind::Fired, Severity::Ticket)]);
    stage.run(31, QUIET);
    assert_eq!(stage.phase(), Phase::Resolved);
}

#[test]
fn over_on_too_few_events_is_pending_and_says_so() {
    let too_few = |reading: &mut nines_alerting::Reading| {
        reading.measurement = Measurement::TooFew;
        reading.burns.iter_mut().for_each(|burn| (burn.enough_events, burn.firing) = (false, false));
    };
    let mut stage = Stage::new();
    let decision = stage.play(5, OUTAGE, too_few);
    assert_eq!(stage.phase(), Phase::Pending);
    assert!(matches!(decision.reason, Reason::TooFewEvents { .. }));
    stage.play(100, QUIET, |reading| reading.measurement = Measurement::Stale);
    assert_eq!(stage.phase(), Phase::Pending, "missing data does not clear a suspicion");
    stage.run(1, QUIET);
    assert_eq!(stage.phase(), Phase::Inactive);
    assert_eq!(stage.told, []);
}

#[test]
fn on_few_events_the_long_window_must_pass_before_it_resolves() {
    let mut stage = Stage::new();
    stage.run(1, OUTAGE);
    let sparse = |reading: &mut nines_alerting::Reading| {
        reading.measurement = Measurement::TooFew;
        reading.burns.iter_mut().for_each(|burn| (burn.enough_events, burn.firing) = (false, false));
    };
    stage.play(60, QUIET, sparse);
    assert_eq!(stage.phase(), Phase::Firing);
    stage.play(1, QUIET, sparse);
    assert_eq!(stage.phase(), Phase::Resolved);
}

#[test]
fn a_condition_must_hold_for_as_long_as_the_policy_says_over_restarts_too() {
    let mut stage = Stage::new();
    stage.policy = Policy { hold_for: secs(60), ..Policy::default() };
    stage.run(30, OUTAGE);
    assert_eq!(stage.phase(), Phase::Pending);
    // Down for 20 s; the persisted track goes on where it was.
    stage.now = stage.now + secs(20);
    stage.run(10, OUTAGE);
    assert_eq!(stage.phase(), Phase::Pending);
    stage.run(1, OUTAGE);
    assert_eq!(stage.told, [(60, Kind::Fired, Severity::Page)]);
}

#[test]
fn a_gap_between_readings_is_not_good_time() {
    let mut stage = Stage::new();
    stage.run(1, OUTAGE);
    stage.run(5, REPAIRED);
    stage.now = stage.now + secs(3600);
    stage.run(30, REPAIRED);
    assert_eq!(stage.phase(), Phase::Firing);
    stage.run(1, REPAIRED);
    assert_eq!(stage.phase(), Phase::Resolved);
}

#[test]
fn only_what_matters_after_a_restart_asks_to_be_written() {
    let mut stage = Stage::new();
    assert!(!stage.run(100, QUIET).changed);
    assert!(stage.run(1, OUTAGE).changed);
    assert!(!stage.run(100, OUTAGE).changed, "a steady state costs no write");
}

#[derive(Debug, Clone, Copy)]
enum Weather {
    Quiet,
    Outage,
    Repaired,
    Leak,
    Missing,
}

fn weather() -> impl Strategy<Value = (Weather, u64)> {
    let kind = prop_oneof![
        Just(Weather::Quiet),
        Just(Weather::Outage),
        Just(Weather::Repaired),
        Just(Weather::Leak),
        Just(Weather::Missing)
    ];
    (kind, prop_oneof![1_u64..5, 20_u64..40, 500_u64..700])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever the weather: one alert at a time, numbered without gaps, fired before resolved, never resolved within
    /// the clearing time of bad or missing data, few changes told in ten minutes, and nothing unbounded.
    #[test]
    fn the_rules_of_the_machine_hold_in_any_weather(story in prop::collection::vec(weather(), 1..30)) {
        let mut stage = Stage::new();
        let mut last_not_good = START;
        let mut open = false;
        let mut number = 0;
        for (kind, seconds) in story {
            for _ in 0..seconds {
                let (rates, missing) = match kind {
                    Weather::Quiet => (QUIET, false),
                    Weather::Outage => (OUTAGE, false),
                    Weather::Repaired => (REPAIRED, false),
                    Weather::Leak => (LEAK, false),
                    Weather::Missing => (QUIET, true),
                };
                let now = stage.now;
                let decision = stage.play(1, rates, |reading| if missing {
                    reading.measurement = Measurement::Invalid;
                });
                if missing || matches!(kind, Weather::Outage | Weather::Leak) {
                    last_not_good = now;
                }
                prop_assert!(stage.track.changes.len() <= 16);
                let Some(transition) = decision.transition else { continue };
                match transition.kind {
                    Kind::Fired => { prop_assert!(!open); open = true; number = 0; }
                    Kind::Reopened => { prop_assert!(!open); open = true; }
                    Kind::Resolved => {
                        prop_assert!(open);
                        open = false;
                        prop_assert!(now.since(last_not_good) >= secs(30), "resolved too soon");
                    }
                    Kind::Escalated | Kind::Lowered => prop_assert!(open),
                    Kind::Flapping => open = true,
                }
                number += 1;
                prop_assert_eq!(transition.number, number);
                prop_assert_eq!(open, stage.phase() == Phase::Firing);
            }
        }
        for window in stage.told.windows(5) {
            let changes = window.iter().filter(|(_, kind, _)| matches!(kind, Kind::Fired | Kind::Reopened | Kind::Resolved)).count();
            let span = window[4].0 - window[0].0;
            prop_assert!(changes < 5 || span >= 600, "five changes told within {span} s: {window:?}");
        }
    }
}
