//! Many series: threads change nothing, and what a range query costs: `cargo test --release -p nines-promql -- --ignored --nocapture rate_over`.

use nines_base::SystemClock;
use nines_promql::{
    Control, Engine, Labels, Lent, MemorySource, QueryError, Series, SeriesData, Source, Value,
};

const SERIES: usize = 20_000;
const HOUR_MS: i64 = 3_600_000;
const STEP_MS: i64 = 15_000;

/// However many threads read, each sum adds up in the same order: the answers are the same bits.
#[test]
fn what_threads_read_is_what_one_reads() {
    let source = counters();
    let ask = |source: &dyn Source, query: &str| {
        let answer = Engine::default().range(
            source,
            query,
            HOUR_MS,
            HOUR_MS + 20 * STEP_MS,
            STEP_MS,
            &Control::default(),
        );
        let answer = answer.expect("the query is right");
        let Value::Matrix(series) = answer.value else { panic!("a range query gives a matrix") };
        let bits = |series: &Series| -> Vec<(i64, u64)> {
            series.floats.iter().map(|(time, value)| (*time, value.to_bits())).collect()
        };
        let rows: Vec<_> = series.iter().map(|series| (series.labels.clone(), bits(series))).collect();
        assert!(!rows.is_empty(), "{query} finds something");
        (rows, answer.stats)
    };
    for query in [
        "sum by (service) (rate(requests_total[5m]))",
        "sum(sqrt(requests_total))",
        "avg by (service) (avg_over_time(requests_total[2m]))",
        "stddev(quantile_over_time(0.5, requests_total[2m]))",
        "topk(3, increase(requests_total[1m]))",
        "sum(requests_total offset 1m)",
    ] {
        let one = ask(&source, query);
        for threads in [2, 3, 7] {
            assert_eq!(ask(&Lent(&source, threads), query), one, "{query} by {threads} threads");
        }
    }
}

#[test]
fn a_query_that_ends_early_ends_its_threads() {
    let source = counters();
    let mut engine = Engine::default();
    engine.limits.series = 1_000;
    let query = "sum(rate(requests_total[5m]))";
    let ended = engine.range(&Lent(&source, 2), query, HOUR_MS, 2 * HOUR_MS, STEP_MS, &Control::default());
    assert_eq!(ended, Err(QueryError::TooMuch { what: "series", limit: 1_000 }));
}

/// 20 000 counters of 50 services, a sample every 15 s over an hour and the five minutes before it.
fn counters() -> MemorySource {
    let mut source = MemorySource::default();
    for at in 0..SERIES {
        let (service, pod) = (format!("service-{}", at % 50), format!("pod-{at}"));
        let labels = Labels::new([("__name__", "requests_total"), ("service", &service), ("pod", &pod)]);
        let jitter = (at as i64 * 37) % STEP_MS;
        let times: Vec<i64> = (-20..=240).map(|step| HOUR_MS + step * STEP_MS - jitter).collect();
        let values = (0..times.len()).map(|step| (step * (1 + at % 7)) as f64).collect();
        source.series.push(SeriesData { labels, times, values, ..SeriesData::default() });
    }
    source
}

#[test]
#[ignore = "prints figures"]
fn rate_over_an_hour_of_twenty_thousand_series() {
    let source = counters();
    let clock = SystemClock::shared();
    for query in [
        "sum by (service) (rate(requests_total[5m]))",
        "sum by (service) (rate(requests_total[1h]))",
        "max(sum_over_time(requests_total[30m]))",
    ] {
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let begun = clock.monotonic();
            let answer = Engine::default()
                .range(&source, query, HOUR_MS, 2 * HOUR_MS, STEP_MS, &Control::default())
                .expect("the query is right");
            let took = clock.monotonic().saturating_sub(begun).as_secs_f64() * 1000.0;
            best = best.min(took);
            assert!(matches!(answer.value, Value::Matrix(series) if !series.is_empty()));
        }
        println!("{query}: {best:.1} ms, best of 5");
    }
}
