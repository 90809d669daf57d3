use nines_model::{Dataset, TimeRange, Value};
use nines_query::SqlRequest;
use serde_json::json;

use super::support::{Fixture, event, span};

#[tokio::test]
async fn all_tables_answer_when_empty() {
    let fixture = Fixture::new().await;
    for dataset in Dataset::ALL {
        let found = fixture.sql(&format!("select * from {dataset}")).await;
        assert!(found.rows.is_empty());
        assert!(
            found.columns.iter().any(|column| column.name == "service.name"),
            "{dataset}: {:?}",
            found.columns
        );
        assert_eq!((found.columns[0].name.as_str(), found.columns[0].kind), ("timestamp", "time"));
        assert_eq!(fixture.sql(&format!("select count(*) from {dataset}")).await.rows, [[json!(0)]]);
    }
    let tables = fixture.sql("show tables").await;
    assert!(tables.rows.iter().any(|row| row.contains(&json!("beacons"))));
    assert!(!fixture.sql("describe logs").await.rows.is_empty());
    assert!(!fixture.sql("explain select * from logs").await.rows.is_empty());
}

#[tokio::test]
async fn hot_and_cold_rows_answer_together() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Spans, (0..50).map(|at| span(at, "checkout", "a", at, "ok")).collect());
    fixture.seal().await;
    fixture.append(Dataset::Spans, (50..100).map(|at| span(at, "payment", "b", at, "error")).collect());
    let found = fixture
        .sql("select \"service.name\" as service, count(*) as n, sum(duration_ns) / 1000000 as ms from spans group by 1 order by 1")
        .await;
    assert_eq!(
        found.rows,
        [json!(["checkout", 50, 1225]), json!(["payment", 50, 3725])]
            .map(|row| row.as_array().unwrap().clone())
    );
    assert_eq!(found.stats.rows_scanned, 100);
    assert!(found.stats.bytes_scanned > 0 && found.stats.segments_scanned == 1);
    let found = fixture.sql("select name from spans order by timestamp desc limit 1").await;
    assert_eq!(found.rows, [[json!("b")]]);
    // A column that the segment lacks is null there.
    fixture.append(
        Dataset::Spans,
        vec![{
            let mut late = span(200, "payment", "c", 1, "ok");
            late.fields.push(("new.column".into(), 7.into()));
            late
        }],
    );
    let found = fixture.sql("select count(*), count(\"new.column\"), max(\"new.column\") from spans").await;
    assert_eq!(found.rows, [[json!(101), json!(1), json!(7)]]);
    let found =
        fixture.sql("select count(*) from spans where \"new.column\" is null and trace_id like '%0'").await;
    assert_eq!(found.rows, [[json!(7)]]);
}

#[tokio::test]
async fn values_become_json() {
    let fixture = Fixture::new().await;
    let values = [
        ("t", "x".into()),
        ("i", i64::MAX.into()),
        ("f", Value::Float(1.5)),
        ("nan", Value::Float(f64::NAN)),
        ("b", true.into()),
        ("raw", Value::Bytes(vec![1, 2, 3].into())),
        ("j", Value::Json("[1]".into())),
    ];
    fixture.append(Dataset::Logs, vec![event(1, &values)]);
    let found = fixture.sql("select timestamp, t, i, f, nan, b, raw, j, null as n from logs").await;
    let row = json!(["1970-01-01T00:00:01Z", "x", i64::MAX, 1.5, null, true, "AQID", "[1]", null]);
    assert_eq!(found.rows, [row.as_array().unwrap().clone()]);
    let kinds: Vec<_> = found.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, ["time", "string", "int", "float", "float", "bool", "bytes", "string", "null"]);
}

#[tokio::test]
async fn rows_are_capped_and_the_answer_says_so() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Logs, (0..100).map(|at| event(at, &[])).collect());
    let request =
        SqlRequest { query: "select * from logs".into(), limit_rows: Some(10), ..SqlRequest::default() };
    let found = fixture.engine.sql(request).await.unwrap();
    assert_eq!((found.rows.len(), found.stats.rows_returned, found.stats.truncated), (10, 10, true));
    let request =
        SqlRequest { query: "select * from logs".into(), limit_rows: Some(100), ..SqlRequest::default() };
    assert!(!fixture.engine.sql(request).await.unwrap().stats.truncated);
}

#[tokio::test]
async fn quantile_is_within_its_error_over_hot_and_cold() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Spans, (1..=500).map(|at| span(at, "a", "x", at, "ok")).collect());
    fixture.seal().await;
    fixture.append(Dataset::Spans, (501..=1000).map(|at| span(at, "a", "x", at, "ok")).collect());
    let found = fixture
        .sql("select quantile(duration_ns, 0.5), quantile(duration_ns, 0.99), quantile(duration_ns, 1), quantile(duration_ns, 0.5) filter (where name = 'none') from spans")
        .await;
    let figure = |column: usize| found.rows[0][column].as_f64().unwrap();
    for (column, exact) in [(0, 500e6), (1, 990e6), (2, 1000e6)] {
        assert!((figure(column) - exact).abs() <= exact * nines_query::RELATIVE_ERROR, "{:?}", found.rows);
    }
    assert!(found.rows[0][3].is_null());
    let found = fixture.sql("select name, quantile(duration_ns, 0.9) from spans group by name").await;
    assert_eq!(found.rows.len(), 1);
}

#[tokio::test]
async fn a_query_sees_one_moment() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Logs, (0..10).map(|at| event(at, &[("row", at.into())])).collect());
    fixture.seal().await;
    let snapshot = fixture.store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
    fixture.append(Dataset::Logs, vec![event(11, &[])]);
    fixture.seal().await;
    fixture.store.maintain().await.unwrap();
    let counted = fixture
        .engine
        .count_buckets(
            snapshot,
            nines_filter::Filter::all(),
            nines_filter::Filter::parse("row >= 5").unwrap(),
            TimeRange::ALL,
            std::time::Duration::from_secs(100),
            nines_query::Limits::default(),
        )
        .await
        .unwrap();
    assert_eq!((counted[0].good, counted[0].total), (5, 10));
}
