use std::collections::BTreeMap;

use nines_apm::compare::Verdict;
use nines_apm::{Grid, Scope};
use nines_filter::Filter;
use nines_model::{TimeRange, Timestamp};

use super::brute::{assert_close, quantile};
use super::shop::{Fixture, Made, START, hour, requests};

#[tokio::test]
async fn endpoints_and_services_equal_brute_force() {
    let spans = requests(600);
    let fixture = Fixture::of(&spans, Vec::new()).await;
    // Half of the hour: the ends are half open.
    let end = spans[spans.len() / 2].at;
    let range = TimeRange::new(START, end);
    let (entries, stats) = fixture.apm.entries(&Scope::of(range)).await.unwrap();
    let mut expected: BTreeMap<(&str, &str), Vec<&Made>> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.is_entry() && range.contains(span.at)) {
        expected.entry((span.service, &span.name)).or_default().push(span);
    }
    let total: i64 = expected.values().flatten().map(|span| span.duration_ns).sum();
    let rows = entries.endpoints();
    assert_eq!(rows.len(), expected.len());
    assert!(rows.windows(2).all(|pair| pair[0].figures.total_ns >= pair[1].figures.total_ns));
    let grid = Grid::over(range);
    for row in &rows {
        let own = &expected[&(row.service.as_str(), row.name.as_deref().unwrap())];
        let durations: Vec<i64> = own.iter().map(|span| span.duration_ns).collect();
        assert_eq!(row.figures.requests, own.len() as u64);
        assert_eq!(row.figures.errors, own.iter().filter(|span| span.error).count() as u64);
        let sum: i64 = durations.iter().sum();
        assert_eq!(row.figures.total_ns, sum as u128);
        assert!((row.share - sum as f64 / total as f64).abs() < 1e-9);
        for q in [0.5, 0.95, 0.99] {
            assert_close(row.figures.quantile_ns(q), quantile(&durations, q));
        }
        for (slot, point) in row.series.iter().enumerate() {
            let count = own.iter().filter(|span| grid.slot(span.at.as_nanos()) == slot).count();
            assert_eq!(point.requests, count as u64, "slot {slot}");
        }
    }
    assert!(stats.rows_scanned > 0);
    let checkout = entries.services().into_iter().find(|row| row.service == "checkout").unwrap();
    assert_eq!(checkout.versions.iter().map(|it| it.version.as_str()).collect::<Vec<_>>().len(), 2);
    let of_versions: u64 = checkout.versions.iter().map(|it| it.figures.requests).sum();
    assert_eq!(of_versions, checkout.figures.requests);
}

#[tokio::test]
async fn a_scope_narrows_by_service_and_filter() {
    let spans = requests(200);
    let fixture = Fixture::of(&spans, Vec::new()).await;
    let scope = Scope {
        service: Some("checkout".into()),
        filter: Filter::parse("cloud.region: europe-west10").unwrap(),
        ..Scope::of(hour())
    };
    let (entries, _) = fixture.apm.entries(&scope).await.unwrap();
    let rows = entries.endpoints();
    let expected = spans
        .iter()
        .filter(|span| span.service == "checkout" && span.is_entry() && span.region == "europe-west10");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].figures.requests, expected.count() as u64);
    let empty = Scope::of(TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(1)));
    let (entries, _) = fixture.apm.entries(&empty).await.unwrap();
    assert!(entries.services().is_empty());
}

#[tokio::test]
async fn the_bad_version_is_called_worse() {
    let spans = requests(1_500);
    let fixture = Fixture::of(&spans, Vec::new()).await;
    let side = |version: &str| Scope {
        service: Some("checkout".into()),
        filter: Filter::parse(&format!("service.version: \"{version}\"")).unwrap(),
        ..Scope::of(hour())
    };
    let (found, _) = fixture.apm.compare(&side("1.9"), &side("2.0")).await.unwrap();
    assert_eq!(found.endpoints.len(), 1);
    assert_eq!((found.endpoints[0].errors, found.endpoints[0].latency), (Verdict::Worse, Verdict::Same));
    let failed =
        spans.iter().filter(|span| span.kind == "server" && span.service == "checkout" && span.error);
    assert_eq!(found.total.candidate.errors, failed.clone().count() as u64);
    assert_eq!(found.total.baseline.errors, 0);
    let (found, _) = fixture.apm.compare(&side("2.0"), &side("1.9")).await.unwrap();
    assert_eq!(found.endpoints[0].errors, Verdict::Better);
}
