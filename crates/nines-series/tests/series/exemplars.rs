//! Exemplars live as long as the samples that they came with.

use std::time::Duration;

use nines_base::Random;
use nines_base::disk::{Disk, Fault};
use nines_series::{
    EXEMPLAR_SLOT_MS, Exemplar, Labels, Matcher, SEGMENT_EXEMPLARS_MAX, Select, SeriesStore, WriteRequest,
};

use crate::harness::{DAY_MS, HOUR_MS, Machine};

type Found = Vec<(String, Vec<(i64, f64, String)>)>;

/// A sample and an exemplar at the same time.
fn write(store: &SeriesStore, bucket: &str, t_ms: i64, value: f64) {
    let trace = format!("{:032x}", t_ms.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut request = WriteRequest::default();
    request.label(b"__name__", b"latency_bucket");
    request.label(b"le", bucket.as_bytes());
    request.sample(t_ms, value);
    request.exemplar(t_ms, value, [(b"trace_id".as_slice(), trace.as_bytes())]);
    request.end_series();
    assert!(store.write(request).unwrap().wait().unwrap().is_whole());
}

fn exemplars(store: &SeriesStore, matchers: &[Matcher], start_ms: i64, end_ms: i64) -> Found {
    let select = Select { matchers, start_ms, end_ms, samples_max: 0, threads: 1, cancelled: &|| false };
    let found = store.exemplars(&select).unwrap();
    assert_eq!((found.damaged, found.is_cut), (Vec::new(), false));
    let trace = |one: &Exemplar| one.labels.get("trace_id").unwrap_or_default().to_owned();
    let text = |(labels, some): (Labels, Vec<Exemplar>)| {
        (labels.to_string(), some.iter().map(|one| (one.t_ms, one.value, trace(one))).collect())
    };
    found.series.into_iter().map(text).collect()
}

fn all(store: &SeriesStore) -> Found {
    exemplars(store, &[], i64::MIN, i64::MAX)
}

fn compact(store: &SeriesStore) {
    while store.compact().unwrap().is_some() {}
}

#[test]
fn they_are_answered_the_same_before_and_after_a_seal_a_crash_a_merge_and_thinning() {
    let mut machine = Machine::new(41);
    machine.config.thin_after = Some(Duration::from_secs(10 * 86_400));
    let (store, _) = machine.open();
    for minute in 0..300 {
        for bucket in ["0.1", "1"] {
            write(&store, bucket, DAY_MS + minute * 60_000, minute as f64);
        }
        if minute == 100 {
            store.seal().unwrap();
        }
    }
    let before = all(&store);
    assert_eq!(before.iter().map(|(_, some)| some.len()).collect::<Vec<_>>(), [300, 300]);
    drop(store);
    machine.disk.crash();
    let (store, _) = machine.open();
    assert_eq!(all(&store), before, "after a crash");
    store.seal().unwrap();
    assert_eq!(all(&store), before, "after a seal");
    assert_eq!(store.stats().exemplars, 0, "the head keeps what is sealed");
    drop(store);
    machine.disk.crash();
    let (store, recovery) = machine.open();
    assert_eq!(recovery.replayed_samples, 0);
    assert_eq!(all(&store), before, "after a restart with nothing in the journal");
    machine.clock.advance(machine.config.window);
    compact(&store);
    assert_eq!((all(&store), store.stats().segments), (before.clone(), 1), "after a merge");
    machine.clock.advance(Duration::from_secs(10 * 86_400));
    compact(&store);
    assert_eq!(all(&store), before, "after thinning");
    assert!(store.verify().is_empty());
    // Of one series and of some time only.
    let of = exemplars(&store, &[Matcher::equal("le", "1")], DAY_MS + 60_000, DAY_MS + 120_000);
    assert_eq!(of, [(before[1].0.clone(), before[1].1[1..3].to_vec())]);
    // They go with their samples.
    store.delete_before(DAY_MS + 24 * HOUR_MS, true).unwrap();
    assert_eq!(all(&store), []);
}

#[test]
fn a_sealed_minute_keeps_its_greatest_and_what_is_sent_again_is_there_once() {
    let machine = Machine::new(42);
    let (store, _) = machine.open();
    for second in 0..180 {
        write(&store, "1", DAY_MS + second * 1_000, (second % 60 == 30) as u8 as f64);
    }
    assert_eq!(all(&store)[0].1.len(), 180);
    store.seal().unwrap();
    let sealed = all(&store);
    let times: Vec<i64> = sealed[0].1.iter().map(|(t_ms, ..)| (t_ms - DAY_MS) / 1_000).collect();
    assert_eq!(times, [30, 90, 150]);
    assert_eq!(EXEMPLAR_SLOT_MS, 60_000);
    // A scrape repeats the last one until there is another, and a restart forgets which it was.
    drop(store);
    let (store, _) = machine.open();
    write(&store, "1", DAY_MS + 150_000, 1.0);
    assert_eq!(all(&store), sealed);
    store.seal().unwrap();
    compact(&store);
    assert_eq!(all(&store), sealed);
}

#[test]
fn one_whose_sample_was_sealed_earlier_is_kept_with_its_series() {
    let machine = Machine::new(43);
    let (store, _) = machine.open();
    write(&store, "1", DAY_MS, 1.0);
    store.seal().unwrap();
    // The exemplar is of the partition before, which has no samples of this seal.
    let mut request = WriteRequest::default();
    request.label(b"__name__", b"latency_bucket");
    request.label(b"le", b"1");
    request.sample(DAY_MS + 2 * HOUR_MS, 2.0);
    request.exemplar(DAY_MS + HOUR_MS, 0.7, [(b"trace_id".as_slice(), b"abc".as_slice())]);
    // Neither of these two times may a sample have.
    for t_ms in [0, DAY_MS + 1_000 * HOUR_MS] {
        request.exemplar(t_ms, 0.7, [(b"trace_id".as_slice(), b"abc".as_slice())]);
    }
    request.end_series();
    assert_eq!(store.write(request).unwrap().wait().unwrap().exemplars_written, 1);
    let report = store.seal().unwrap();
    assert_eq!((report.segments, report.series, report.samples), (2, 1, 1));
    drop(store);
    let (store, _) = machine.open();
    let times = |store: &SeriesStore| all(store)[0].1.iter().map(|one| one.0 - DAY_MS).collect::<Vec<_>>();
    assert_eq!(times(&store), [0, HOUR_MS]);
    assert_eq!(crate::harness::all(&store)[0].1, [(DAY_MS, 1.0), (DAY_MS + 2 * HOUR_MS, 2.0)]);
    compact(&store);
    assert_eq!(times(&store), [0, HOUR_MS]);
}

#[test]
fn a_seal_that_fails_leaves_them_visible_and_the_next_one_takes_them_along() {
    for fault in [Fault::CreateError, Fault::WriteError, Fault::WriteFull, Fault::SyncError] {
        let machine = Machine::new(44);
        let (store, _) = machine.open();
        write(&store, "1", DAY_MS, 1.0);
        machine.disk.inject(fault);
        assert!(store.seal().is_err(), "{fault:?}");
        write(&store, "1", DAY_MS + 60_000, 2.0);
        let both = all(&store);
        assert_eq!(both[0].1.len(), 2);
        store.seal().unwrap();
        assert_eq!(all(&store), both);
        drop(store);
        machine.disk.crash();
        assert_eq!(all(&machine.open().0), both);
    }
}

#[test]
fn damage_to_them_is_named_and_samples_are_not_affected() {
    let machine = Machine::new(45);
    let (store, _) = machine.open();
    for minute in 0..100 {
        write(&store, "1", DAY_MS + minute * 60_000, minute as f64);
    }
    store.seal().unwrap();
    let (whole, samples) = (all(&store), crate::harness::all(&store));
    drop(store);
    let folder = machine.config.folder.join("segments");
    let names = machine.disk.list(&folder).unwrap();
    let path = folder.join(&names[0]);
    let size = machine.disk.size(&path).unwrap();
    let select = Select {
        matchers: &[],
        start_ms: i64::MIN,
        end_ms: i64::MAX,
        samples_max: 1_000,
        threads: 1,
        cancelled: &|| false,
    };
    let mut only_exemplars = 0;
    for byte in 16..size {
        machine.disk.flip_bit(&path, byte * 8 + byte % 8);
        let (store, recovery) = machine.open();
        let found = store.exemplars(&select).unwrap();
        let named = !found.damaged.is_empty() || !recovery.damaged_segments.is_empty();
        let count: usize = found.series.iter().map(|(_, some)| some.len()).sum();
        assert!(named == (count < whole[0].1.len()), "byte {byte}: {count} are left, named: {named}");
        if named && recovery.damaged_segments.is_empty() && store.select(&select).unwrap().damaged.is_empty()
        {
            assert_eq!(crate::harness::all(&store), samples);
            assert_eq!(found.damaged[0].what, "exemplars");
            assert!(!store.verify().is_empty(), "byte {byte} is not found by a check");
            only_exemplars += 1;
        }
        drop(store);
        machine.disk.flip_bit(&path, byte * 8 + byte % 8);
    }
    assert!(only_exemplars > 1_000, "{only_exemplars} of {size}");
}

#[test]
fn a_day_of_many_series_stays_within_its_bound_and_costs_little() {
    let machine = Machine::new(46);
    let (store, _) = machine.open();
    let random = Random::from_seed(46);
    // 600 buckets with an exemplar every minute.
    let buckets: Vec<String> = (0..600).map(|bucket| bucket.to_string()).collect();
    for hour in 0..24 {
        for minute in 0..60 {
            let t_ms = DAY_MS + hour * HOUR_MS + minute * 60_000;
            let mut request = WriteRequest::default();
            let mut traces = Vec::new();
            traces.resize_with(buckets.len(), || {
                format!("{:016x}{:016x}", random.next_u64(), random.next_u64())
            });
            for (bucket, trace) in buckets.iter().zip(&traces) {
                request.label(b"__name__", b"latency_bucket");
                request.label(b"le", bucket.as_bytes());
                request.sample(t_ms, minute as f64);
                let ids = [(b"trace_id".as_slice(), trace.as_bytes()), (b"span_id", &trace.as_bytes()[..16])];
                request.exemplar(t_ms, random.unit(), ids);
                request.end_series();
            }
            assert!(store.write(request).unwrap().wait().unwrap().is_whole());
        }
        if hour % 2 == 1 {
            store.seal().unwrap();
        }
    }
    let count = |store: &SeriesStore| all(store).iter().map(|(_, some)| some.len()).sum::<usize>();
    let select = Select {
        matchers: &[],
        start_ms: DAY_MS,
        end_ms: DAY_MS + 2 * HOUR_MS - 1,
        samples_max: 0,
        threads: 1,
        cancelled: &|| false,
    };
    let sealed: usize = store.exemplars(&select).unwrap().series.iter().map(|(_, some)| some.len()).sum();
    assert_eq!(sealed, 600 * 120);
    let cut = store.exemplars(&Select { end_ms: i64::MAX, ..select }).unwrap();
    assert!(cut.is_cut, "864 000 exemplars are answered at once");
    let each = store.stats().segment_bytes as f64 / (24.0 * 60.0 * 600.0);
    machine.clock.advance(machine.config.window);
    compact(&store);
    let merged = count(&store);
    assert!(merged <= SEGMENT_EXEMPLARS_MAX && merged * 3 > SEGMENT_EXEMPLARS_MAX, "{merged}");
    // A trace and a span id are 24 bytes, the value 8; the sample is in there as well.
    assert!(each < 42.0, "{each} bytes for each sample with its exemplar");
    println!("{each:.1} bytes for each sample with its exemplar, {merged} exemplars of the day");
}
