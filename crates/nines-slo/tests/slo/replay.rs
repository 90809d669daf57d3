//! A replay reads what was read live.

use std::time::Duration;

use nines_model::Timestamp;
use nines_slo::{Bucket, Counts, LiveSlis, Promise, Registry, Replay, SloReading, evaluate, parse};
use proptest::prelude::*;

use crate::stream::{START, at, batch, event};

const SLO: &str = r#"
apiVersion: openslo/v1
kind: SLO
metadata: {name: shop}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        bad: {metricSource: {type: nines, spec: {dataset: spans, filter: "http.response.status_code >= 500"}}}
        total: {metricSource: {type: nines, spec: {dataset: spans, filter: "service.name: shop"}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"#;

fn promise() -> Promise {
    let mut registry = Registry::default();
    registry.apply(parse(None, SLO).unwrap().documents).unwrap();
    registry.promises().remove(0)
}

/// What a rule judges by: everything of a reading but the newest event, which a replay knows to the second only.
fn judged(reading: &SloReading) -> (String, nines_slo::Counts, Option<f64>, String) {
    let tiers: Vec<_> =
        reading.tiers.iter().map(|tier| (tier.verdict, tier.long_counts, tier.short_counts)).collect();
    (
        reading.state.as_str().to_owned(),
        reading.counts,
        reading.budget.as_ref().map(|budget| budget.remaining_share),
        format!("{tiers:?}"),
    )
}

/// Events by second from [`START`]: good and bad ones.
type Traffic = Vec<(i64, usize, usize)>;

fn traffic() -> impl Strategy<Value = Traffic> {
    prop::collection::vec((0_i64..900, 0_usize..6, 0_usize..4), 1..120).prop_map(|mut seconds| {
        seconds.sort_unstable();
        seconds
    })
}

/// Counts of the seconds of `from..to`, in buckets of `step` seconds since the epoch.
fn counted(traffic: &Traffic, from: i64, to: i64, step: i64) -> Vec<Bucket> {
    let mut buckets = std::collections::BTreeMap::<i64, Counts>::new();
    for (second, good, bad) in traffic {
        let secs = START + second;
        if (from..to).contains(&secs) {
            let bucket = buckets.entry(secs.div_euclid(step) * step).or_default();
            bucket.good += *good as u64;
            bucket.bad += *bad as u64;
        }
    }
    buckets.into_iter().map(|(start, counts)| Bucket { start: Timestamp::from_secs(start), counts }).collect()
}

#[test]
fn a_bucket_without_events_is_no_sign_of_life() {
    let promise = promise();
    let mut replay = Replay::begin(&promise, at(START), at(START - 86_400), &[]);
    replay.advance(Bucket { start: at(START + 10), counts: Counts::default() });
    let reading = evaluate(&promise, Some(replay.rings()), at(START + 11));
    assert_eq!(reading.state.as_str(), "stale");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_replay_reads_what_was_read_live(traffic in traffic(), begins in 0_i64..600) {
        let promise = promise();
        let slis = LiveSlis::new();
        let live = slis.add(&promise.id, promise.indicator.clone().unwrap(), &promise.window, promise.budgeting).unwrap();
        slis.start_empty(&live, at(START - 86_400)).unwrap();

        let start = at(START + begins);
        let plan = Replay::history(&promise, start);
        prop_assert!(plan.iter().all(|part| part.range.end <= start));
        let history: Vec<_> = plan
            .iter()
            .map(|part| {
                let step = part.step.as_secs() as i64;
                (part.step, counted(&traffic, part.range.start.as_secs(), part.range.end.as_secs(), step))
            })
            .collect();
        let mut replay = Replay::begin(&promise, start, at(START - 86_400), &history);
        let window = counted(&traffic, START + begins, START + 900, 1);
        let mut coming = window.into_iter().peekable();

        let mut waiting = traffic.iter().peekable();
        for (sequence, second) in (0..900_i64).enumerate() {
            let mut events = Vec::new();
            while let Some((_, good, bad)) = waiting.next_if(|(when, ..)| *when == second) {
                let time = at(START + second) + Duration::from_millis(100);
                events.extend((0..*good).map(|_| event(time, true)));
                events.extend((0..*bad).map(|_| event(time, false)));
            }
            let now = at(START + second + 1);
            slis.observe(sequence as u64 + 1, &batch(now, events));
            if second < begins {
                continue;
            }
            while let Some(bucket) = coming.next_if(|bucket| bucket.start < now) {
                replay.advance(bucket);
            }
            let (was, is) = (evaluate(&promise, Some(live.rings()), now), evaluate(&promise, Some(replay.rings()), now));
            prop_assert_eq!(judged(&was), judged(&is), "second {}", second);
        }
    }
}
