//! Live counting equals the query equals brute force, whatever arrives in whatever order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use nines_base::Random;
use nines_model::{Dataset, TimeRange, Timestamp};
use nines_slo::{Budgeting, Counts, LiveError, LiveSlis, Rings};
use proptest::prelude::*;

use crate::stream::{
    START, at, batch, count, count_buckets, counts_by_time, event, indicator, live, stream, window,
};

/// All windows that rules, budgets and boards ask for.
const WINDOWS: [u64; 14] = [
    1,
    5,
    60,
    300,
    1_800,
    3_600,
    7_200,
    7_201,
    21_600,
    86_400,
    4 * 86_400,
    4 * 86_400 + 1,
    30 * 86_400,
    90 * 86_400,
];

fn assert_equal_to_brute_force(rings: &Rings, batches: &[nines_model::Batch], now: Timestamp, what: &str) {
    for back in [0, 1, 599] {
        let end = now - Duration::from_secs(back);
        for window in WINDOWS.map(Duration::from_secs) {
            let range = rings.aligned(end, window);
            assert!(range.duration() >= window, "{what}: the window may be widened, not cut");
            let expected = count(batches, range);
            assert_eq!(rings.sum(end, window), expected, "{what}: {window:?} to {end}, counted {range:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn live_counts_are_those_of_brute_force_for_all_windows(seed in any::<u64>()) {
        let random = Random::from_seed(seed);
        let batches = stream(&random, 150);
        let sli = live(&batches, 90);
        let now = batches.last().unwrap().received_at;
        assert_equal_to_brute_force(sli.rings(), &batches, now, "live");
    }

    #[test]
    fn a_series_is_what_a_query_by_bucket_answers(seed in any::<u64>()) {
        let random = Random::from_seed(seed);
        let batches = stream(&random, 120);
        let sli = live(&batches, 30);
        let now = batches.last().unwrap().received_at;
        let by_time = counts_by_time(&batches);
        for (step, reach) in [(1, 7_200), (10, 7_000), (60, 4 * 86_400), (900, 30 * 86_400), (86_400, 60 * 86_400)] {
            let step = Duration::from_secs(step);
            let range = TimeRange::new(now - Duration::from_secs(reach.min(step.as_secs() * 3_000)), now);
            let series = sli.rings().series(range, step);
            prop_assert!(series.first().unwrap().start <= range.start);
            for bucket in series {
                let mut expected = Counts::default();
                for counts in by_time.range(bucket.start..bucket.start + step).map(|(_, counts)| counts) {
                    expected.good += counts.good;
                    expected.bad += counts.bad;
                }
                prop_assert_eq!(bucket.counts, expected, "{:?} from {}", step, bucket.start);
            }
        }
    }

    /// An SLI that is created at any moment, filled from a snapshot taken at any later one, counts each event once; so
    /// does one that is rebuilt after a restart.
    #[test]
    fn history_merged_at_a_random_cut_gives_the_whole(seed in any::<u64>()) {
        let random = Random::from_seed(seed);
        let batches = stream(&random, 120);
        let all = batches.len() as u64;
        let cut = random.below(all);
        let snapshot = cut + random.below(all - cut + 1);
        let merged = snapshot + random.below(all - snapshot + 1);

        let slis = LiveSlis::new();
        let mut sli = None;
        let mut history = None;
        for sequence in 0..=all {
            if sequence > 0 {
                slis.observe(sequence, &batches[sequence as usize - 1]);
            }
            if sequence == cut {
                sli = Some(slis.add("a", indicator(), &window(90), Budgeting::Occurrences).unwrap());
            }
            if sequence == snapshot {
                let now = batches[(sequence as usize).saturating_sub(1)].received_at;
                let stored = &batches[..sequence as usize];
                let plan = sli.as_ref().unwrap().backfill_plan(now);
                let parts: Vec<_> = plan.iter().map(|part| count_buckets(stored, part)).collect();
                history = Some((now, parts));
            }
            if sequence == merged {
                let (now, parts) = history.take().unwrap();
                slis.finish(sli.as_ref().unwrap(), snapshot, now, at(START - 200 * 86_400), &parts).unwrap();
            }
        }
        let now = batches.last().unwrap().received_at;
        let sli = sli.unwrap();
        assert_equal_to_brute_force(sli.rings(), &batches, now, &format!("cut {cut}, snapshot {snapshot}, merged {merged}"));

        // A restart: nothing live, all of it history.
        let restarted = LiveSlis::new();
        let sli = restarted.add("a", indicator(), &window(90), Budgeting::Occurrences).unwrap();
        let parts: Vec<_> = sli.backfill_plan(now).iter().map(|part| count_buckets(&batches, part)).collect();
        restarted.finish(&sli, all, now, at(START - 200 * 86_400), &parts).unwrap();
        assert_equal_to_brute_force(sli.rings(), &batches, now, "restart");
    }
}

#[test]
fn events_beyond_the_horizon_are_counted_as_ignored() {
    let now = at(START);
    let events = vec![
        event(now, true),
        event(now - Duration::from_secs(101 * 86_400), true),
        event(now + Duration::from_secs(601), false),
        event(now + Duration::from_secs(600), false),
    ];
    let sli = live(&[batch(now, events)], 30);
    assert_eq!(sli.rings().ignored(), (1, 1));
    let next = now + Duration::from_secs(600);
    assert_eq!(
        sli.rings().sum(next + Duration::from_secs(1), Duration::from_secs(3_600)),
        Counts { good: 1, bad: 1 }
    );
    assert_eq!(sli.rings().newest(), Some(next));
}

/// After a restart the seconds ring has room for more than history filled: what it was not given, it must not answer.
#[test]
fn seconds_that_history_did_not_fill_are_answered_by_minutes() {
    let now = at(START + 4 * 3_600);
    let times = (0..4 * 360).map(|index| at(START + index * 10));
    let batches: Vec<_> = times.map(|time| batch(time, vec![event(time, true)])).collect();
    let slis = LiveSlis::new();
    let sli = slis.add("a", indicator(), &window(30), Budgeting::Occurrences).unwrap();
    let parts: Vec<_> = sli.backfill_plan(now).iter().map(|part| count_buckets(&batches, part)).collect();
    slis.finish(&sli, 0, now, at(START), &parts).unwrap();
    let ten_seconds = |back: i64| {
        let start = at(START + 4 * 3_600 - back);
        sli.rings().sum_range(TimeRange::new(start, start + Duration::from_secs(10))).good
    };
    assert_eq!(ten_seconds(7_200), 1);
    assert_eq!(ten_seconds(9_000), 6);
}

#[test]
fn other_datasets_and_removed_indicators_count_nothing() {
    let slis = LiveSlis::new();
    let sli = slis.add("a", indicator(), &window(30), Budgeting::Occurrences).unwrap();
    let mut other = batch(at(START), vec![event(at(START), true)]);
    other.dataset = Dataset::Logs;
    slis.observe(1, &other);
    assert_eq!(sli.rings().newest(), None);
    assert!(slis.remove("a") && !slis.remove("a") && slis.get("a").is_none());
    slis.observe(2, &batch(at(START), vec![event(at(START), true)]));
    assert_eq!(sli.rings().newest(), None);
}

#[test]
fn a_snapshot_from_before_the_indicator_is_refused_and_history_comes_once() {
    let slis = LiveSlis::new();
    slis.observe(7, &batch(at(START), vec![]));
    let sli = slis.add("a", indicator(), &window(30), Budgeting::Occurrences).unwrap();
    let behind = LiveError::Behind { id: "a".to_owned(), have: 6, need: 7 };
    assert_eq!(slis.finish(&sli, 6, at(START), at(0), &[]), Err(behind));
    assert!(!sli.has_history());
    assert_eq!(slis.finish(&sli, 7, at(START), at(0), &[]), Ok(()));
    assert_eq!(slis.finish(&sli, 8, at(START), at(0), &[]), Err(LiveError::Merged("a".to_owned())));
    assert!(sli.has_history());
}

/// Readers race the writer over many turns of the ring. A second `s` gets `s % 5 + 1` events, never more: a reader that
/// saw more would have seen another bucket's counts.
#[test]
fn readers_never_see_the_counts_of_another_bucket() {
    let slis = Arc::new(LiveSlis::new());
    let sli = slis.add("a", indicator(), &window(30), Budgeting::Occurrences).unwrap();
    slis.start_empty(&sli, at(START)).unwrap();
    let head = Arc::new(AtomicI64::new(START));
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|reader| {
            let (sli, head, done) = (Arc::clone(&sli), Arc::clone(&head), Arc::clone(&done));
            std::thread::spawn(move || {
                let random = Random::from_seed(reader);
                let mut reads = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    let second = head.load(Ordering::Relaxed) - random.below(9_000) as i64;
                    let seen = sli.rings().sum_range(TimeRange::new(at(second), at(second + 1))).total();
                    // Beyond the reach of seconds the answer is the minute's or the quarter's.
                    let limit =
                        if head.load(Ordering::Relaxed) - second < 7_000 { second % 5 + 1 } else { 900 * 5 };
                    assert!(seen <= limit as u64, "second {second}: {seen} events");
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for step in 0..60_000 {
        let second = START + step;
        let events = (0..second % 5 + 1).map(|_| event(at(second), true)).collect();
        slis.observe(step as u64 + 1, &batch(at(second), events));
        head.store(second, Ordering::Relaxed);
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
}

/// Run by hand: `cargo test --release -p nines-slo --offline throughput -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn throughput() {
    use nines_filter::Filter;
    use nines_model::{Event, Name, Resource, Value};
    let resource = Arc::new(Resource {
        attributes: [
            "service.name",
            "service.version",
            "host.name",
            "cloud.region",
            "deployment.environment.name",
        ]
        .into_iter()
        .map(|name| (Name::new(name), Value::str(if name == "service.name" { "checkout" } else { "x" })))
        .collect(),
    });
    let random = Random::from_seed(1);
    let events: Vec<Event> = (0..1_000)
        .map(|index| {
            let mut fields: Vec<(Name, Value)> = (0..15)
                .map(|field| (Name::new(format!("attribute.number.{field}")), Value::str("some value")))
                .collect();
            fields.push((Name::new("user.id"), Value::str(format!("user-{}", random.below(5_000)))));
            fields.push((Name::new("trace_id"), Value::str(format!("{index:032x}"))));
            fields.push((Name::new("kind"), Value::str("server")));
            fields.push((Name::new("duration_ns"), Value::Int(random.below(500_000_000) as i64)));
            fields.push((
                Name::new("http.response.status_code"),
                Value::Int(if index % 10 == 0 { 503 } else { 200 }),
            ));
            Event { timestamp: at(START), resource: Arc::clone(&resource), fields }
        })
        .collect();
    let slis = LiveSlis::new();
    for index in 0..10 {
        let mut indicator = indicator();
        let service = if index < 5 { "checkout" } else { "payment" };
        indicator.total = Filter::parse(&format!("service.name: {service} and kind: server")).unwrap();
        if index % 2 == 1 {
            indicator.good = Filter::parse("duration_ns <= 300ms").unwrap();
        }
        slis.add(&format!("sli-{index}"), indicator, &window(30), Budgeting::Occurrences).unwrap();
    }
    let clock = nines_base::SystemClock::shared();
    let (batches, started) = (400_u64, clock.monotonic());
    for sequence in 1..=batches {
        let now = at(START) + Duration::from_millis(5 * sequence);
        let mut batch = batch(now, events.clone());
        batch.rows.timestamps_mut().fill(now.as_nanos());
        slis.observe(sequence, &batch);
    }
    let observed = clock.monotonic() - started;
    let started = clock.monotonic();
    for sequence in 1..=batches {
        let now = at(START) + Duration::from_millis(5 * sequence);
        let mut batch = batch(now, events.clone());
        batch.rows.timestamps_mut().fill(now.as_nanos());
        std::hint::black_box(&batch);
    }
    let copying = clock.monotonic() - started;
    let total = batches * events.len() as u64;
    println!("{:.0} events/s with 10 SLIs", total as f64 / (observed - copying).as_secs_f64());
    let sli = slis.get("sli-0").unwrap();
    for (what, window) in [("30 d", 30 * 86_400), ("6 h", 21_600), ("1 h", 3_600), ("5 s", 5)] {
        let started = clock.monotonic();
        for _ in 0..1_000 {
            std::hint::black_box(sli.rings().sum(at(START + 5), Duration::from_secs(window)));
        }
        println!("sum over {what}: {:?}", (clock.monotonic() - started) / 1_000);
    }
    let started = clock.monotonic();
    let suspects = sli.evidence().suspects(at(START + 5), Duration::from_secs(300));
    println!("evidence and suspects: {:?}, {} found", clock.monotonic() - started, suspects.len());
}

/// After a restart others may have been heard of since: what nobody has sent is not awaited.
#[test]
fn the_history_of_a_quiet_dataset_is_taken_although_others_went_on() {
    let now = at(START);
    let slis = LiveSlis::new();
    let ours = batch(now, vec![event(now, true)]);
    slis.observe(1, &ours);
    slis.observe(2, &nines_model::Batch { dataset: Dataset::Logs, ..ours.clone() });
    let sli = slis.add("a", indicator(), &window(30), Budgeting::Occurrences).unwrap();
    let parts: Vec<_> =
        sli.backfill_plan(now).iter().map(|part| count_buckets(std::slice::from_ref(&ours), part)).collect();
    assert!(matches!(
        slis.finish(&sli, 0, now, now, &parts),
        Err(LiveError::Behind { have: 0, need: 1, .. })
    ));
    slis.finish(&sli, 1, now, now, &parts).unwrap();
    assert_eq!(sli.rings().sum(now + Duration::from_secs(1), Duration::from_secs(60)).good, 1);
}
