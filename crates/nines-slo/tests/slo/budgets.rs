//! Budgets over virtual months, against an oracle that asks the calendar about every single event.

use std::time::Duration;

use jiff::tz::TimeZone;
use nines_base::Random;
use nines_model::Timestamp;
use nines_slo::{
    Budgeting, Counts, LiveSlis, Period, Promise, Ratio, Registry, Settings, Slices, Window, default_tiers,
    evaluate, parse,
};
use proptest::prelude::*;

use crate::stream::{at, batch, event, indicator};

fn promise(window: Window, budgeting: Budgeting, slice: Option<(Duration, Slices)>) -> Promise {
    let target = Ratio::from_f64(0.99).unwrap();
    Promise {
        id: "a".to_owned(),
        slo: "a".to_owned(),
        title: "a".to_owned(),
        description: None,
        service: "shop".to_owned(),
        target,
        tiers: default_tiers(target, window.nominal()),
        window,
        budgeting,
        slice,
        indicator: Ok(indicator().into()),
        min_events: 25,
        settings: Settings::default(),
    }
}

/// Events a few minutes apart from `start` on for `days`.
fn sparse(random: &Random, start: i64, days: i64) -> Vec<(Timestamp, bool)> {
    let mut events = Vec::new();
    let mut secs = start;
    while secs < start + days * 86_400 {
        secs += 1 + random.below(900) as i64;
        events.push((at(secs), random.below(50) > 0));
    }
    events
}

/// Zones with summer time of an hour, of half an hour, none, and an odd offset.
const ZONES: [&str; 5] =
    ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Taipei"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The oracle knows no boundaries: an event belongs to the window if the wall calendar of the zone shows the same day,
    /// week or month as it does now.
    #[test]
    fn calendar_budgets_equal_the_wall_calendar(seed in any::<u64>(), zone in 0..ZONES.len(), unit in 0..3_usize, spring in any::<bool>()) {
        let random = Random::from_seed(seed);
        let zone_name = ZONES[zone];
        let zone = TimeZone::get(zone_name).unwrap();
        // February to April and September to November hold the changes of both hemispheres.
        let start = if spring { 1_801_440_000 } else { 1_819_756_800 };
        let events = sparse(&random, start, 75);
        let period = ["1d", "1w", "1M"][unit];
        // 2024-01-01 was a Monday and a first of the month.
        let window = Window::Calendar {
            period: Period::parse(period).unwrap(),
            start: "2024-01-01T00:00:00".parse().unwrap(),
            zone: zone_name.to_owned(),
        };
        let promise = promise(window, Budgeting::Occurrences, None);
        let slis = LiveSlis::new();
        let sli = slis.add("a", indicator(), &promise.window, promise.budgeting).unwrap();
        slis.start_empty(&sli, at(start)).unwrap();
        let mut check_at = start + 86_400;
        for (sequence, (time, ok)) in events.iter().enumerate() {
            slis.observe(sequence as u64 + 1, &batch(*time, vec![event(*time, *ok)]));
            if time.as_secs() < check_at {
                continue;
            }
            check_at += random.below(3 * 86_400) as i64;
            // Windows are half open: the event at this very instant counts a moment later.
            let now = *time + Duration::from_millis(1);
            let same = |other: Timestamp| {
                let (a, b) = (zone.to_datetime(now.to_jiff()).date(), zone.to_datetime(other.to_jiff()).date());
                match unit {
                    0 => a == b,
                    1 => a.iso_week_date().year() == b.iso_week_date().year() && a.iso_week_date().week() == b.iso_week_date().week(),
                    _ => (a.year(), a.month()) == (b.year(), b.month()),
                }
            };
            let mut expected = Counts::default();
            for (_, ok) in events[..=sequence].iter().filter(|(at, _)| same(*at)) {
                *(if *ok { &mut expected.good } else { &mut expected.bad }) += 1;
            }
            let reading = evaluate(&promise, Some(sli.rings()), now);
            prop_assert_eq!(reading.counts, expected, "{} {} at {}", zone_name, period, now);

            // The budget by hand: the window's length is what the wall calendar says, in real hours.
            let budget = reading.budget.unwrap();
            let whole = reading.window.duration().as_secs_f64();
            let elapsed = now.since(reading.window.start.max(at(start))).as_secs_f64();
            let allowed = expected.total() as f64 * whole / elapsed * 0.01;
            prop_assert!((budget.allowed - allowed).abs() <= allowed * 1e-9);
            prop_assert!((budget.remaining_share - (1.0 - expected.bad as f64 / allowed)).abs() < 1e-6);
            prop_assert!((budget.allowed_time.as_secs_f64() - whole * 0.01).abs() < 1e-6);
        }
    }

    /// Slices against a map of minutes.
    #[test]
    fn time_slices_equal_a_map_of_minutes(seed in any::<u64>(), minutes in prop::sample::select(vec![1_u64, 5, 15, 60])) {
        let random = Random::from_seed(seed);
        // At any minute of the hour, so that the last slice is half over and holds events.
        let start = 1_800_000_000 + random.below(86_400) as i64;
        let events = sparse(&random, start, 12);
        let slice = Duration::from_secs(minutes * 60);
        let target = Ratio::from_f64(0.7).unwrap();
        for (budgeting, method) in [
            (Budgeting::Timeslices, Slices::Verdict(target)),
            (Budgeting::RatioTimeslices, Slices::Ratio),
        ] {
            let promise = promise(Window::Rolling(Period::days(10)), budgeting, Some((slice, method)));
            let slis = LiveSlis::new();
            let sli = slis.add("a", indicator(), &promise.window, budgeting).unwrap();
            slis.start_empty(&sli, at(start)).unwrap();
            // Late and out of order: by blocks, backwards.
            for (sequence, block) in events.chunks(40).enumerate() {
                let now = block.last().unwrap().0;
                let late = block.iter().rev().map(|(time, ok)| event(*time, *ok)).collect();
                slis.observe(sequence as u64 + 1, &batch(now, late));
            }
            let now = events.last().unwrap().0;
            let mut by_slice = std::collections::BTreeMap::<i64, (f64, f64)>::new();
            for (time, ok) in &events {
                let start = time.floor_to(slice);
                let whole = start >= now - Duration::from_secs(10 * 86_400) && start + slice <= now;
                if whole {
                    let tally = by_slice.entry(start.as_secs()).or_default();
                    tally.0 += 1.0;
                    tally.1 += f64::from(u8::from(!ok));
                }
            }
            let bad: f64 = by_slice
                .values()
                .map(|(total, bad)| match method {
                    Slices::Verdict(_) => f64::from(u8::from(1.0 - bad / total < 0.7 - 1e-12)),
                    Slices::Ratio => bad / total,
                })
                .sum();
            let reading = evaluate(&promise, Some(sli.rings()), now);
            prop_assert!((reading.budget.unwrap().spent - bad).abs() < 1e-6, "{:?}", method);
            let attained = 1.0 - bad / by_slice.len() as f64;
            prop_assert!((reading.attained.unwrap() - attained).abs() < 1e-9);
        }
    }
}

#[test]
fn a_document_becomes_promises_that_measure() {
    let text = include_str!("bases.txt");
    let base =
        |name: &str| text.split("## ").find_map(|block| block.strip_prefix(&format!("{name}\n"))).unwrap();
    let all = format!("{}---\n{}", base("ratio"), base("latency"));
    let mut registry = Registry::default();
    registry.apply(parse(None, &all).unwrap().documents).unwrap();
    let promises = registry.promises();
    let ids: Vec<&str> = promises.iter().map(|promise| promise.id.as_str()).collect();
    assert_eq!(ids, ["checkout-availability", "checkout-latency"]);
    let latency = promises[1].indicator.as_ref().unwrap().events().unwrap();
    assert_eq!(latency.good.to_string(), "duration_ns <= 300000000");
    assert!(latency.total.to_string().contains("duration_ns: *"), "{}", latency.total);
    assert_eq!(promises[0].settings.sla, Ratio::from_f64(0.99));
    assert_eq!(
        promises[1].slice,
        Some((Duration::from_secs(60), Slices::Verdict(Ratio::from_f64(0.95).unwrap())))
    );
}
