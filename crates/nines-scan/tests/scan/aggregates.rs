use std::collections::BTreeMap;
use std::time::Duration;

use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp};
use nines_scan::{HistogramRequest, Limits, RELATIVE_ERROR, SeriesOf};

use super::support::{Fixture, event, span};

async fn shop() -> Fixture {
    let fixture = Fixture::new().await;
    let spans = |from: i64| {
        (from..from + 300)
            .map(|at| {
                let service = ["checkout", "payment", "inventory"][(at % 3) as usize];
                span(at, service, "GET /", 10 + at % 100, if at % 10 == 0 { "error" } else { "ok" })
            })
            .collect()
    };
    fixture.append(Dataset::Spans, spans(0));
    fixture.seal().await;
    fixture.append(Dataset::Spans, spans(300));
    fixture
}

#[tokio::test]
async fn histograms_count_every_selected_event_once() {
    let fixture = shop().await;
    let request = |filter: &str, split: Option<&str>| HistogramRequest {
        dataset: Dataset::Spans,
        filter: Filter::parse(filter).unwrap(),
        range: TimeRange::ALL,
        buckets: 60,
        split_by: split.map(str::to_owned),
        limits: Limits::default(),
    };
    let all = fixture.scanner.histogram(request("", None)).await.unwrap();
    assert_eq!(all.step, Duration::from_secs(10));
    assert_eq!(all.buckets.len(), 60);
    assert_eq!(all.series.len(), 1);
    assert_eq!(all.series[0].counts, vec![10; 60]);

    let split = fixture.scanner.histogram(request("status_code: error", Some("service.name"))).await.unwrap();
    let of: Vec<_> =
        split.series.iter().map(|series| (series.of.clone(), series.counts.iter().sum::<u64>())).collect();
    let value = |text: &str| SeriesOf::Value(text.to_owned());
    assert_eq!(of, [(value("checkout"), 20), (value("inventory"), 20), (value("payment"), 20)]);

    let by_id = fixture.scanner.histogram(request("", Some("span_id"))).await.unwrap();
    assert_eq!(by_id.series.len(), 9, "eight values and the others");
    assert_eq!(by_id.series.iter().flat_map(|series| &series.counts).sum::<u64>(), 600);
    let absent = fixture.scanner.histogram(request("", Some("gone"))).await.unwrap();
    assert_eq!(absent.series.iter().map(|series| series.of.clone()).collect::<Vec<_>>(), [SeriesOf::Absent]);
    let nothing = fixture.scanner.histogram(request("gone: *", None)).await.unwrap();
    assert!(nothing.buckets.is_empty());
}

#[tokio::test]
async fn sli_counts_equal_brute_force_at_a_cut() {
    let fixture = shop().await;
    let total = Filter::parse("service.name: checkout").unwrap();
    let good = Filter::parse("not status_code: error and duration <= 60ms").unwrap();
    let range = TimeRange::new(Timestamp::from_secs(7), Timestamp::from_secs(555));
    let step = Duration::from_secs(30);
    let snapshot = fixture.store.snapshot(Dataset::Spans, range).unwrap();
    assert_eq!(snapshot.last_sequence, 2);
    // What arrives after the cut is not counted.
    fixture.append(Dataset::Spans, vec![span(9, "checkout", "late", 1, "ok")]);
    let counted = fixture
        .scanner
        .count_buckets(snapshot, total.clone(), good.clone(), range, step, Limits::default())
        .await
        .unwrap();
    let mut expected: BTreeMap<Timestamp, (u64, u64)> = BTreeMap::new();
    for at in 0..600 {
        let service = ["checkout", "payment", "inventory"][(at % 3) as usize];
        let event = span(at, service, "GET /", 10 + at % 100, if at % 10 == 0 { "error" } else { "ok" });
        if range.contains(event.timestamp) && total.matches(&event) {
            let bucket = expected.entry(event.timestamp.floor_to(step)).or_default();
            bucket.0 += u64::from(good.matches(&event));
            bucket.1 += 1;
        }
    }
    let counted: BTreeMap<_, _> =
        counted.iter().map(|bucket| (bucket.start, (bucket.good, bucket.total))).collect();
    assert_eq!(counted, expected);
}

#[tokio::test]
async fn sli_counts_work_before_the_epoch() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Logs, vec![event(-61, &[]), event(-1, &[]), event(0, &[])]);
    let snapshot = fixture.store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
    let step = Duration::from_secs(60);
    let all = Filter::all();
    let counted = fixture
        .scanner
        .count_buckets(snapshot, all.clone(), all, TimeRange::ALL, step, Limits::default())
        .await
        .unwrap();
    let counted: Vec<_> = counted.iter().map(|bucket| (bucket.start.as_secs(), bucket.total)).collect();
    assert_eq!(counted, [(-120, 1), (-60, 1), (0, 1)]);
}

#[tokio::test]
async fn services_and_operations_are_summarised() {
    let fixture = shop().await;
    let found = fixture.scanner.services(TimeRange::ALL, Limits::default()).await.unwrap();
    let names: Vec<_> = found
        .operations
        .iter()
        .map(|service| (service.service.as_str(), service.spans, service.errors))
        .collect();
    assert_eq!(names, [("checkout", 200, 20), ("inventory", 200, 20), ("payment", 200, 20)]);
    let mut exact: Vec<f64> =
        (0..600).filter(|at| at % 3 == 0).map(|at| f64::from(10 + at % 100) * 1e6).collect();
    exact.sort_by(f64::total_cmp);
    let p95 = found.operations[0].p95_ns.unwrap();
    assert!((p95 - exact[189]).abs() <= exact[189] * RELATIVE_ERROR, "{p95} for {}", exact[189]);
    let filter = Filter::parse("service.name: payment").unwrap();
    let found = fixture.scanner.operations(filter, TimeRange::ALL, Limits::default()).await.unwrap();
    assert_eq!(found.operations.len(), 1);
    assert_eq!(found.operations[0].operation.as_deref(), Some("GET /"));
    assert_eq!(found.operations[0].last_seen_at, Some(Timestamp::from_secs(598)));
}
