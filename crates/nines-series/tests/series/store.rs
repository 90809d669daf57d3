use std::time::Duration;

use nines_base::ErrorKind;
use nines_series::{
    Counts, Histogram, MatchOp, Matcher, MetricType, RawMetadata, Reason, ResetHint, SeriesError, Span,
    WriteRequest,
};

use crate::harness::{DAY_MS, HOUR_MS, Machine, add, all, select, write};

const UP: &[(&str, &str)] = &[("__name__", "up"), ("instance", "a:9100"), ("job", "node")];

#[test]
fn what_is_acknowledged_is_visible_and_survives_a_restart() {
    let machine = Machine::new(1);
    let (store, _) = machine.open();
    let outcome = write(&store, UP, &[(DAY_MS, 1.0), (DAY_MS + 15_000, 0.0)]).unwrap();
    assert_eq!((outcome.samples_written, outcome.is_whole()), (2, true));
    let expected = vec![(
        "up{instance=\"a:9100\", job=\"node\"}".to_owned(),
        vec![(DAY_MS, 1.0), (DAY_MS + 15_000, 0.0)],
    )];
    assert_eq!(all(&store), expected);
    drop(store);
    machine.disk.crash();
    let (store, recovery) = machine.open();
    assert_eq!(all(&store), expected);
    assert_eq!((recovery.replayed_samples, recovery.orphan_samples), (2, 0));
    let report = store.seal().unwrap();
    assert_eq!((report.segments, report.samples, report.series), (1, 2, 1));
    assert_eq!(all(&store), expected);
    drop(store);
    let (store, recovery) = machine.open();
    assert_eq!((recovery.replayed_samples, recovery.segments), (0, 1));
    assert_eq!(all(&store), expected);
}

#[test]
fn the_order_of_labels_does_not_make_another_series_and_empty_values_are_absent() {
    let (store, _) = Machine::new(2).open();
    write(&store, UP, &[(DAY_MS, 1.0)]).unwrap();
    let mixed = [("job", "node"), ("zone", ""), ("__name__", "up"), ("instance", "a:9100")];
    write(&store, &mixed, &[(DAY_MS + 1, 2.0)]).unwrap();
    assert_eq!(all(&store).len(), 1);
    assert_eq!(store.stats().active_series, 1);
}

#[test]
fn the_last_write_of_a_time_counts_wherever_the_others_lie() {
    let machine = Machine::new(3);
    let (store, _) = machine.open();
    let value = |store: &nines_series::SeriesStore| all(store)[0].1.clone();
    write(&store, UP, &[(DAY_MS, 1.0), (DAY_MS + 1, 1.0)]).unwrap();
    write(&store, UP, &[(DAY_MS, 2.0)]).unwrap();
    assert_eq!(value(&store), [(DAY_MS, 2.0), (DAY_MS + 1, 1.0)]);
    store.seal().unwrap();
    write(&store, UP, &[(DAY_MS, 3.0)]).unwrap();
    assert_eq!(value(&store), [(DAY_MS, 3.0), (DAY_MS + 1, 1.0)]);
    store.seal().unwrap();
    assert_eq!(value(&store), [(DAY_MS, 3.0), (DAY_MS + 1, 1.0)]);
    write(&store, UP, &[(DAY_MS + 1, 4.0), (DAY_MS + 1, 5.0)]).unwrap();
    store.seal().unwrap();
    let report = store.compact().unwrap().unwrap();
    assert_eq!((report.inputs, report.samples), (3, 2));
    assert_eq!(value(&store), [(DAY_MS, 3.0), (DAY_MS + 1, 5.0)]);
    assert_eq!(store.compact().unwrap(), None);
    drop(store);
    assert_eq!(value(&machine.open().0), [(DAY_MS, 3.0), (DAY_MS + 1, 5.0)]);
}

#[test]
fn series_that_are_wrong_are_named_and_the_rest_is_written() {
    let mut machine = Machine::new(4);
    machine.config.window = Duration::from_secs(3_600);
    let (store, _) = machine.open();
    let now = DAY_MS + 2 * 24 * HOUR_MS;
    write(&store, UP, &[(now, 1.0)]).unwrap();
    let long = "x".repeat(9_000);
    let mut request = WriteRequest::default();
    add(&mut request, UP, &[(now - HOUR_MS, 1.0), (now - HOUR_MS - 1, 1.0), (now + HOUR_MS, 1.0)]);
    add(&mut request, &[("a", "1"), ("a", "2")], &[(now, 1.0)]);
    add(&mut request, &[], &[(now, 1.0)]);
    add(&mut request, &[("", "x")], &[(now, 1.0)]);
    add(&mut request, &[("a", &long)], &[(now, 1.0)]);
    request.label(b"bad", b"\xff\xfe");
    request.sample(now, 1.0);
    request.end_series();
    // A series that is new may begin in the past.
    add(&mut request, &[("__name__", "imported")], &[(now - 100 * HOUR_MS, 1.0)]);
    add(&mut request, &[("__name__", "温度"), ("地點", "臺北")], &[(now, 21.5)]);
    let outcome = store.write(request).unwrap().wait().unwrap();
    assert_eq!((outcome.samples_written, outcome.rejected), (3, 7));
    let reasons: Vec<_> = outcome.rejections.iter().map(|rejection| rejection.reason.clone()).collect();
    for reason in [
        Reason::TooOld,
        Reason::TooFarAhead,
        Reason::DuplicateLabel("a".into()),
        Reason::NoLabels,
        Reason::EmptyLabelName,
        Reason::LabelTooLong { part: "value", limit: 8_192 },
        Reason::NotUtf8,
    ] {
        assert!(reasons.contains(&reason), "{reason:?} is not in {reasons:?}");
    }
    assert_eq!(store.stats().rejected.values().sum::<u64>(), 7);
    assert_eq!(all(&store).len(), 3);
}

#[test]
fn matchers_choose_in_head_and_segments_alike() {
    let machine = Machine::new(5);
    let (store, _) = machine.open();
    let pods = ["a-1", "a-2", "b-1", ""];
    let fill = |from: i64| {
        for (number, pod) in pods.iter().enumerate() {
            write(&store, &[("__name__", "up"), ("pod", pod)], &[(from + number as i64, 1.0)]).unwrap();
        }
        write(&store, &[("__name__", "down")], &[(from, 1.0)]).unwrap();
    };
    let ask = |op, pattern: &str| {
        let matchers = [Matcher::equal("__name__", "up"), Matcher::new("pod", op, pattern).unwrap()];
        let series = select(&store, &matchers, i64::MIN, i64::MAX).series;
        let pods: Vec<_> =
            series.iter().map(|series| series.labels.get("pod").unwrap_or("none").to_owned()).collect();
        pods.join(" ")
    };
    let check = || {
        assert_eq!(ask(MatchOp::Equal, "a-1"), "a-1");
        assert_eq!(ask(MatchOp::Equal, ""), "none");
        assert_eq!(ask(MatchOp::NotEqual, "a-1"), "none a-2 b-1");
        assert_eq!(ask(MatchOp::NotEqual, ""), "a-1 a-2 b-1");
        assert_eq!(ask(MatchOp::Regex, "a-.+"), "a-1 a-2");
        assert_eq!(ask(MatchOp::Regex, "a-1|b-1|c"), "a-1 b-1");
        assert_eq!(ask(MatchOp::Regex, ".*-[12]"), "a-1 a-2 b-1");
        assert_eq!(ask(MatchOp::Regex, "a-.*|"), "none a-1 a-2");
        assert_eq!(ask(MatchOp::NotRegex, ".+"), "none");
        assert_eq!(ask(MatchOp::NotRegex, "a.*"), "none b-1");
        assert_eq!(ask(MatchOp::Regex, ".*"), "none a-1 a-2 b-1");
    };
    fill(DAY_MS);
    check();
    store.seal().unwrap();
    check();
    fill(DAY_MS + HOUR_MS);
    check();
    let everything = [];
    let never = || false;
    let select = nines_series::Select {
        matchers: &everything,
        start_ms: i64::MIN,
        end_ms: i64::MAX,
        samples_max: 3,
        threads: 1,
        cancelled: &never,
    };
    let text = |list: Vec<std::sync::Arc<str>>| list.join(" ");
    assert_eq!(text(store.label_names(&select).unwrap()), "__name__ pod");
    assert_eq!(text(store.label_values("pod", &select).unwrap()), "a-1 a-2 b-1");
    assert_eq!(store.series(&select).unwrap().0.len(), 5);
    assert_eq!(store.select(&select).unwrap_err().kind(), ErrorKind::TooLarge);
    let cancelled = nines_series::Select { samples_max: 1_000, cancelled: &|| true, ..select };
    assert!(matches!(store.select(&cancelled), Err(SeriesError::Cancelled)));
}

#[test]
fn histograms_exemplars_and_metadata_come_back() {
    let machine = Machine::new(6);
    let (store, _) = machine.open();
    let histogram = Histogram {
        reset_hint: ResetHint::Unknown,
        schema: 0,
        zero_threshold: 0.001,
        sum: 5.5,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        negative_spans: vec![],
        custom_values: vec![],
        counts: Counts::Whole { count: 4, zero: 1, positive: vec![1, 2], negative: vec![] },
    };
    let mut request = WriteRequest::default();
    request.label(b"__name__", b"latency");
    request.histogram(DAY_MS, histogram.clone());
    request.histogram(DAY_MS + 1, Histogram { schema: 99, ..histogram.clone() });
    request.exemplar(DAY_MS, 0.7, [(b"trace_id".as_slice(), b"abc".as_slice())]);
    request.end_series();
    let (help, unit) = (b"how long".as_slice(), b"seconds".as_slice());
    request.metadata(RawMetadata { metric: b"latency", kind: MetricType::Histogram, help, unit });
    let outcome = store.write(request).unwrap().wait().unwrap();
    let written = (outcome.histograms_written, outcome.exemplars_written, outcome.rejected);
    assert_eq!(written, (1, 1, 1));
    let check = |store: &nines_series::SeriesStore| {
        let series = select(store, &[], i64::MIN, i64::MAX).series;
        assert_eq!(series.len(), 1);
        assert_eq!((series[0].histograms[0].0, &*series[0].histograms[0].1), (DAY_MS, &histogram));
        let metadata = store.metadata();
        assert_eq!((&*metadata[0].0, metadata[0].1.kind), ("latency", MetricType::Histogram));
    };
    check(&store);
    drop(store);
    let (store, _) = machine.open();
    check(&store);
    store.seal().unwrap();
    check(&store);
    drop(store);
    check(&machine.open().0);
}

#[test]
fn days_that_have_passed_become_one_segment_and_retention_asks_before_it_deletes_much() {
    let machine = Machine::new(7);
    machine.clock.advance(Duration::from_secs(10 * 86_400));
    let (store, _) = machine.open();
    for hour in 0..30 {
        let at = DAY_MS + hour * HOUR_MS;
        write(&store, UP, &[(at, hour as f64), (at + 60_000, 1.0)]).unwrap();
        if hour % 5 == 0 {
            store.seal().unwrap();
        }
    }
    store.seal().unwrap();
    let before = all(&store);
    assert_eq!(before[0].1.len(), 60);
    while store.compact().unwrap().is_some() {}
    assert_eq!(all(&store), before);
    assert_eq!(store.stats().segments, 2);
    drop(store);
    let (store, _) = machine.open();
    assert_eq!(all(&store), before);
    let second_day = DAY_MS + 24 * HOUR_MS;
    let refused = store.delete_before(second_day, false).unwrap_err();
    assert!(matches!(refused, SeriesError::RetentionGuard { percent: 80 }), "{refused}");
    assert_eq!(store.delete_before(second_day, true).unwrap().samples, 48);
    assert_eq!(all(&store)[0].1.len(), 12);
}

#[test]
fn quiet_series_are_forgotten_and_their_numbers_are_given_to_others() {
    let machine = Machine::new(8);
    let (store, _) = machine.open();
    for number in 0..100 {
        write(&store, &[("__name__", "old"), ("n", &number.to_string())], &[(DAY_MS, f64::from(number))])
            .unwrap();
    }
    let mut forgotten = 0;
    for round in 0..4 {
        write(&store, UP, &[(DAY_MS + round, 1.0)]).unwrap();
        forgotten += store.seal().unwrap().quiet_series;
    }
    assert_eq!((forgotten, store.stats().active_series), (100, 1));
    for number in 0..50 {
        write(&store, &[("__name__", "new"), ("n", &number.to_string())], &[(DAY_MS, 0.5)]).unwrap();
    }
    let check = |store: &nines_series::SeriesStore| {
        let series = all(store);
        assert_eq!(series.len(), 151);
        let of = |name: &str| series.iter().filter(|(labels, _)| labels.starts_with(name)).count();
        assert_eq!((of("old"), of("new"), of("up")), (100, 50, 1));
        assert!(
            series.iter().filter(|(labels, _)| labels.starts_with("new")).all(|(_, s)| s == &[(DAY_MS, 0.5)])
        );
    };
    check(&store);
    drop(store);
    let (store, recovery) = machine.open();
    assert_eq!((recovery.orphan_samples, recovery.replayed_samples), (0, 50));
    check(&store);
}

#[test]
fn an_old_day_is_thinned_once_and_keeps_what_counters_gained() {
    let mut machine = Machine::new(31);
    machine.config.thin_after = Some(Duration::from_secs(10 * 86_400));
    let (store, _) = machine.open();
    let counter = [("__name__", "requests_total"), ("service", "shop")];
    // A day at 15 s; the process starts anew at noon and at a quarter past, in the same minute as it was.
    let sample = |index: i64| {
        let since = [2_880, 2_940].into_iter().filter(|start| index >= *start).max().unwrap_or(0);
        (DAY_MS + index * 15_000, (index - since) as f64 * 3.0)
    };
    let day: Vec<(i64, f64)> = (0..5_760).map(sample).collect();
    assert!(write(&store, &counter, &day).unwrap().is_whole());
    let compact = || while store.compact().unwrap().is_some() {};
    store.seal().unwrap();
    compact();
    assert_eq!(all(&store)[0].1, day, "thinned too early");
    machine.clock.advance(Duration::from_secs(10 * 86_400));
    compact();
    let thin = all(&store)[0].1.clone();
    let increase = |samples: &[(i64, f64)]| -> f64 {
        samples
            .windows(2)
            .map(|pair| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 })
            .sum()
    };
    assert_eq!(increase(&thin), increase(&day));
    assert!(thin.len() * 3 < day.len(), "{} of {} are left", thin.len(), day.len());
    assert!(
        thin.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 150_000),
        "two samples do not fit into five minutes"
    );
    assert_eq!(store.compact().unwrap(), None, "a thinned day is thinned again and again");
    drop(store);
    let (store, recovery) = machine.open();
    assert_eq!((recovery.damaged_segments.len(), all(&store)[0].1.clone()), (0, thin));
    assert!(store.verify().is_empty());
}
