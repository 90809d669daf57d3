use std::time::Duration;

use nines_base::{Random, SharedClock, SystemClock};
use nines_model::{TimeRange, Timestamp};
use nines_promql::{
    Control, Engine, Histogram, HistogramPoint, Labels, MemorySource, SeriesData, stale_marker,
};

use super::*;
use crate::budget::Counts;
use crate::document::{Budgeting, Period, Window};
use crate::live::{LATE_MAX, LiveSlis};
use crate::registry::Registry;
use crate::rings::Bucket;

const START: i64 = 1_800_000_000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> SeriesData {
    SeriesData {
        labels: Labels::new(labels.iter().map(|(name, value)| (*name, *value))),
        times: samples.iter().map(|(secs, _)| (START + secs) * 1_000).collect(),
        values: samples.iter().map(|(_, value)| *value).collect(),
        ..SeriesData::default()
    }
}

fn ratio_of(bad: &str, total: &str) -> MetricIndicator {
    let form = ratio(Question::parse(bad).unwrap(), true, Question::parse(total).unwrap(), None).unwrap();
    MetricIndicator { form, interval: INTERVAL_DEFAULT }
}

fn threshold(query: &str, op: Op, value: f64) -> MetricIndicator {
    let form = MetricForm::Threshold { of: Question::parse(query).unwrap(), op, value };
    MetricIndicator { form, interval: INTERVAL_DEFAULT }
}

fn count(indicator: &MetricIndicator, source: &MemorySource, from: i64, to: i64) -> Counted {
    let range = TimeRange::new(at(from), at(to));
    indicator.count(source, &Engine::default(), &Control::default(), range).unwrap()
}

fn sum(counted: &Counted) -> (u64, u64) {
    let sum = counted.seconds.iter().fold(Counts::default(), |sum, bucket| sum + bucket.counts);
    (sum.good, sum.bad)
}

fn requests(samples: &[(&str, &[(i64, f64)])]) -> MemorySource {
    let one = |(code, samples): &(&str, &[(i64, f64)])| {
        series(&[("__name__", "requests_total"), ("code", code)], samples)
    };
    MemorySource { series: samples.iter().map(one).collect() }
}

#[test]
fn counters_are_counted_from_sample_to_sample_with_resets_gaps_and_ends() {
    let of_bad = ratio_of(
        r#"sum(rate(requests_total{code="500"}[{{.window}}])) or vector(0)"#,
        "sum by (job) (increase(requests_total[1h]))",
    );
    assert!(matches!(of_bad.form, MetricForm::Counts { .. }));
    let source = requests(&[
        // A reset after 30 s: what it then shows was gained since.
        ("200", &[(0, 100.0), (15, 110.0), (30, 4.0), (45, f64::NAN), (60, 5.0)]),
        // Ends, and comes back within five minutes; the last sample comes after a longer silence.
        ("500", &[(0, 0.0), (15, 2.0), (30, stale_marker()), (60, 3.0), (400, 50.0)]),
    ]);
    let counted = count(&of_bad, &source, 0, 600);
    let seconds: Vec<(i64, u64, u64)> = counted
        .seconds
        .iter()
        .map(|bucket| (bucket.start.as_secs() - START, bucket.counts.good, bucket.counts.bad))
        .collect();
    assert_eq!(seconds, [(15, 10, 2), (30, 4, 0), (60, 1, 1)]);
    assert_eq!((counted.series, counted.first_ms), (2, Some(START * 1_000)));
    // Neighbouring stretches add up to the whole.
    let (a, b) = (count(&of_bad, &source, 0, 31), count(&of_bad, &source, 31, 600));
    assert_eq!([a.seconds, b.seconds].concat(), counted.seconds);
}

#[test]
fn what_is_bad_counts_even_where_its_total_is_seen_a_moment_later() {
    let indicator = ratio_of("errors_total", "requests_total");
    let errors = series(&[("__name__", "errors_total")], &[(1, 0.0), (16, 5.0)]);
    let mut source = requests(&[("200", &[(0, 0.0), (15, 100.0)])]);
    source.series.push(errors);
    assert_eq!(sum(&count(&indicator, &source, 0, 60)), (100, 5));
}

#[test]
fn a_good_part_that_is_not_scraped_with_its_total_is_sampled_as_a_share() {
    let question = |text| Question::parse(text).unwrap();
    let form = |good, total| ratio(question(good), false, question(total), None).unwrap();
    let latency = form(r#"rate(t_bucket{le="0.3"}[5m])"#, "rate(t_count[5m])");
    assert!(matches!(latency, MetricForm::Counts { .. }));
    let elsewhere = form("cache_hits_total", "lookups_total");
    let MetricForm::Share { part, .. } = elsewhere else { panic!("counted: {elsewhere:?}") };
    assert_eq!(part.text, "sum(increase(cache_hits_total[5m]))");
    let gauges = MetricIndicator {
        form: form("sum(probe_success)", "count(probe_success)"),
        interval: Duration::from_secs(15),
    };
    let probe =
        |name, values: &[(i64, f64)]| series(&[("__name__", "probe_success"), ("instance", name)], values);
    let source =
        MemorySource { series: vec![probe("a", &[(1, 1.0), (16, 1.0)]), probe("b", &[(1, 0.0), (16, 1.0)])] };
    let counted = count(&gauges, &source, 0, 31);
    let shares: Vec<(u64, u64)> = counted.seconds.iter().map(|it| (it.counts.good, it.counts.bad)).collect();
    assert_eq!(shares, [(500, 500), (1_000, 0)]);
}

#[test]
fn every_value_of_an_interval_is_judged_and_no_value_is_neither_good_nor_bad() {
    let indicator = threshold("queue_depth", Op::Lt, 10.0);
    let queue = |name, values: &[(i64, f64)]| series(&[("__name__", "queue_depth"), ("queue", name)], values);
    let source = MemorySource {
        series: vec![queue("a", &[(0, 3.0), (15, 30.0), (30, stale_marker())]), queue("b", &[(0, 1.0)])],
    };
    let counted = count(&indicator, &source, 0, 600);
    let judged: Vec<(i64, u64, u64)> = counted
        .seconds
        .iter()
        .map(|it| (it.start.as_secs() - START, it.counts.good, it.counts.bad))
        .collect();
    // `a` ends outright; `b` speaks for two minutes more and then for nothing.
    let mut expected = vec![(14, 1, 1)];
    expected.extend((2..=8).map(|step| (step * 15 - 1, 1, 0)));
    assert_eq!(judged.first(), Some(&expected[0]));
    assert!(judged.iter().all(|(at, ..)| *at < 121), "{judged:?}");
    assert_eq!(count(&indicator, &MemorySource::default(), 0, 600).seconds, []);
}

#[test]
fn a_threshold_on_a_boundary_is_exact_and_between_two_has_a_bound() {
    let bucket = |le: &str, values: &[(i64, f64)]| series(&[("__name__", "t_bucket"), ("le", le)], values);
    let source = MemorySource {
        series: vec![
            bucket("0.1", &[(0, 0.0), (15, 60.0)]),
            bucket("0.5", &[(0, 0.0), (15, 90.0)]),
            bucket("+Inf", &[(0, 0.0), (15, 100.0)]),
        ],
    };
    let exact = count(&threshold("t_bucket", Op::Lte, 0.5), &source, 0, 60);
    assert_eq!((sum(&exact), exact.bound), ((90, 10), None));
    let between = count(&threshold("sum by (le) (rate(t_bucket[5m]))", Op::Lte, 0.3), &source, 0, 60);
    assert_eq!(sum(&between), (75, 25));
    let bound = between.bound.unwrap();
    assert_eq!((bound.below, bound.above, bound.good_min, bound.good_max), (0.1, 0.5, 60.0, 90.0));
    let above = count(&threshold("t_bucket", Op::Gt, 0.3), &source, 0, 60);
    assert_eq!((sum(&above), above.bound.unwrap().good_max), ((25, 75), 40.0));
}

#[test]
fn native_histograms_count_their_observations() {
    // Schema 0: buckets end at powers of two.
    let histogram = |count: f64, low: f64, high: f64| Histogram {
        count,
        sum: count,
        positive: vec![(0, low), (1, high)],
        ..Histogram::default()
    };
    let point = |secs: i64, histogram: Histogram| HistogramPoint {
        time: (START + secs) * 1_000,
        start: 0,
        histogram: histogram.into(),
    };
    let mut native = series(&[("__name__", "latency")], &[]);
    native.histograms = vec![
        point(0, histogram(10.0, 10.0, 0.0)),
        point(15, histogram(20.0, 12.0, 8.0)),
        point(30, histogram(4.0, 3.0, 1.0)),
    ];
    let source = MemorySource { series: vec![native] };
    let exact = count(&threshold("latency", Op::Lte, 1.0), &source, 0, 60);
    // 2 + 8 between the first two, then a reset.
    assert_eq!((sum(&exact), exact.bound), ((5, 9), None));
    let between = count(&threshold("rate(latency[5m])", Op::Lte, 1.5), &source, 0, 60);
    let bound = between.bound.unwrap();
    assert_eq!((bound.below, bound.above, bound.good_min, bound.good_max), (1.0, 2.0, 5.0, 14.0));
}

/// What a restart would count is what was counted live, whatever came late, was reset or fell silent meanwhile.
#[test]
fn live_counts_are_those_that_a_restart_reads() {
    for seed in 0..20 {
        let random = Random::from_seed(seed);
        let indicator = ratio_of(r#"requests_total{code="500"}"#, "requests_total");
        // (when it arrives, series, sample)
        let mut arrivals: Vec<(i64, usize, (i64, f64))> = Vec::new();
        for code in 0..2_usize {
            let (mut value, mut time) = (random.below(100) as f64, random.below(15) as i64);
            while time < 5_400 {
                value = if random.below(40) == 0 { 0.0 } else { value + random.below(9) as f64 };
                let late = match random.below(10) {
                    0 => random.below(500) as i64,
                    _ => random.below(3) as i64,
                };
                arrivals.push((time + late, code, (time, value)));
                time += if random.below(60) == 0 { 420 } else { 15 };
            }
        }
        let known_at = |now: i64| {
            let of = |code: usize| {
                let mut samples: Vec<(i64, f64)> = arrivals
                    .iter()
                    .filter(|(arrival, of, _)| *arrival <= now && *of == code)
                    .map(|(_, _, sample)| *sample)
                    .collect();
                samples.sort_by_key(|(time, _)| *time);
                samples
            };
            requests(&[("200", &of(0)), ("500", &of(1))])
        };
        let window = Window::Rolling(Period::days(30));
        let slis = LiveSlis::new();
        let measure = crate::Measure::Series(indicator.clone());
        let sli = slis.add("a", measure.clone(), &window, Budgeting::Occurrences).unwrap();
        let begin = |slis: &LiveSlis, sli: &crate::LiveSli, now: i64, until: i64| {
            let source = known_at(now);
            let (mut parts, mut recent) = (Vec::new(), Vec::new());
            for part in sli.backfill_plan(at(now)).into_iter().filter(|part| part.range.start < at(until)) {
                let range = TimeRange::new(part.range.start, part.range.end.min(at(until)));
                let counted =
                    indicator.count(&source, &Engine::default(), &Control::default(), range).unwrap();
                let mut buckets: Vec<Bucket> = Vec::new();
                for second in &counted.seconds {
                    let start = second.start.floor_to(part.step);
                    match buckets.last_mut() {
                        Some(last) if last.start == start => last.counts = last.counts + second.counts,
                        _ => buckets.push(Bucket { start, counts: second.counts }),
                    }
                    if second.start >= at(until) - LATE_MAX {
                        recent.push(*second);
                    }
                }
                parts.push((part.step, buckets));
            }
            slis.finish_series(sli, at(now), at(until), at(0), &parts, &recent).unwrap();
        };
        let mut now = random.below(2_000) as i64;
        let mut until = now - 5;
        begin(&slis, &sli, now, until);
        while now < 6_600 {
            now += if random.below(20) == 0 { 700 } else { 15 };
            until = (now - 5).min(6_600);
            let range = TimeRange::new(sli.recount_from().unwrap(), at(until));
            let source = known_at(now);
            let counted = indicator.count(&source, &Engine::default(), &Control::default(), range).unwrap();
            sli.recount(range, &counted, Duration::from_secs(35), Duration::ZERO, at(now));
        }
        let restarted = LiveSlis::new();
        let again = restarted.add("a", measure, &window, Budgeting::Occurrences).unwrap();
        begin(&restarted, &again, now, until);
        for (step, reach) in [(1, 7_000), (60, 7_000), (900, 86_400)] {
            let range = TimeRange::new(at(now - reach), at(now));
            let step = Duration::from_secs(step);
            let (live, stored) = (sli.rings().series(range, step), again.rings().series(range, step));
            let differing = live.iter().zip(&stored).find(|(live, stored)| live != stored);
            assert_eq!(differing, None, "seed {seed}, step {step:?}");
        }
        assert!(sli.rings().sum(at(now), Duration::from_secs(7_000)).total() > 100, "seed {seed}");
    }
}

#[test]
fn a_question_that_takes_too_long_is_an_error_and_counts_nothing() {
    let clock: SharedClock = SystemClock::shared();
    let late = clock.monotonic();
    let control = Control { deadline: Some((clock, late)), ..Control::default() };
    let range = TimeRange::new(at(0), at(60));
    let source =
        MemorySource { series: vec![series(&[("__name__", "queue_depth")], &[(0, 1.0), (15, 1.0)])] };
    let outcome =
        threshold("max(queue_depth)", Op::Lt, 1.0).count(&source, &Engine::default(), &control, range);
    assert_eq!(outcome.unwrap_err().kind, nines_base::ErrorKind::Timeout);
}

fn slo(sli: &str, objective: &str) -> String {
    format!(
        "apiVersion: openslo/v1\nkind: SLO\nmetadata:\n  name: api\nspec:\n  service: api\n  indicator:\n    metadata:\n      name: answers\n    spec:\n{sli}\n  timeWindow:\n    - duration: 30d\n      isRolling: true\n  budgetingMethod: Occurrences\n  objectives:\n    - target: 0.99\n{objective}"
    )
}

#[test]
fn a_mistake_in_a_query_is_shown_where_it_stands() {
    let text = slo(
        "      thresholdMetric:\n        metricSource:\n          type: Prometheus\n          spec:\n            query: sum(queue_depth{queue=\"a\") > 3",
        "      op: lt\n      value: 10\n",
    );
    let errors = crate::parse(None, &text).unwrap_err();
    let error = &errors[0];
    assert_eq!(error.path, "spec.indicator.spec.thresholdMetric.metricSource.spec.query");
    assert!(error.message.starts_with("PromQL: "), "{error}");
    let line = text.lines().nth(error.line as usize - 1).unwrap();
    assert!(line.contains("query: sum"), "{error}: {line}");
    assert!(error.column > 20, "{error}");
}

#[test]
fn a_named_data_source_says_that_it_is_prometheus() {
    let source = |query: &str| {
        format!(
            "          metricSource:\n            metricSourceRef: main\n            spec:\n              query: {query}\n"
        )
    };
    let sli = format!(
        "      ratioMetric:\n        counter: true\n        bad:\n{}        total:\n{}",
        source("failures"),
        source("attempts"),
    );
    let named = "apiVersion: openslo/v1\nkind: DataSource\nmetadata:\n  name: main\nspec:\n  type: prometheus\n  connectionDetails:\n    url: http://elsewhere\n---\n";
    let file = crate::parse(None, &format!("{named}{}", slo(sli.trim_end(), ""))).unwrap();
    let mut registry = Registry::default();
    registry.apply(file.documents).unwrap();
    let promise = registry.promises().remove(0);
    let Ok(crate::Measure::Series(indicator)) = promise.indicator else { panic!("{:?}", promise.indicator) };
    assert_eq!(indicator.method(), "counted");
    assert_eq!(indicator.questions()[0].metric_names(), ["failures"]);
}
