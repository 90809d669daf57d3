//! What a range query costs: `cargo test --release -p nines-promql -- --ignored --nocapture rate_over`.

use nines_base::SystemClock;
use nines_promql::{Control, Engine, Labels, MemorySource, SeriesData, Value};

const SERIES: usize = 20_000;
const HOUR_MS: i64 = 3_600_000;
const STEP_MS: i64 = 15_000;

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
