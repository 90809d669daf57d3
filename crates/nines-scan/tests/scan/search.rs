use std::collections::BTreeSet;

use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, Value};
use nines_scan::{FacetsRequest, Limits, Order, SearchRequest, SuggestRequest, SuggestionKind};

use super::support::{Fixture, event, event_of, span};

#[tokio::test]
async fn pages_neither_repeat_nor_lose_rows_of_one_instant() {
    let fixture = Fixture::new().await;
    // 60 rows on 4 instants, hot and cold.
    for part in 0..3_i64 {
        let rows = (0..20).map(|row| event(row % 4, &[("row", (part * 20 + row).into())])).collect();
        fixture.append(Dataset::Logs, rows);
        if part < 2 {
            fixture.seal().await;
        }
    }
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut seen = BTreeSet::new();
        let mut times = Vec::new();
        let mut cursor = None;
        loop {
            let request = SearchRequest {
                limit: 7,
                cursor,
                order,
                ..SearchRequest::new(Dataset::Logs, Filter::all(), TimeRange::ALL)
            };
            let page = fixture.scanner.search(request).await.unwrap();
            assert!(page.rows.len() <= 7);
            for row in &page.rows {
                assert!(seen.insert(row["row"].as_i64().unwrap()), "{order:?}: {row:?} came twice");
                times.push(row["timestamp"].as_str().unwrap().to_owned());
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 60);
        let mut sorted = times.clone();
        sorted.sort();
        if order == Order::NewestFirst {
            sorted.reverse();
        }
        assert_eq!(times, sorted);
    }
}

#[tokio::test]
async fn rows_are_objects_without_nulls_and_with_what_overflowed() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Logs, vec![event(1, &[("status", 200.into())])]);
    let odd = [("status", "ok".into()), ("nan", Value::Float(f64::NAN)), ("severity_text", "INFO".into())];
    fixture.append(Dataset::Logs, vec![event(2, &odd)]);
    let found = fixture.search(Dataset::Logs, "").await;
    let rows: Vec<String> = found.rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
    assert_eq!(
        rows,
        [
            r#"{"timestamp":"1970-01-01T00:00:02Z","severity_text":"INFO","status":"ok","nan":null}"#,
            r#"{"timestamp":"1970-01-01T00:00:01Z","status":200}"#,
        ]
    );
    assert_eq!(found.stats.rows_returned, 2);
    assert_eq!(fixture.search(Dataset::Logs, "status: ok").await.rows.len(), 1);
    assert_eq!(fixture.search(Dataset::Logs, "status: *").await.rows.len(), 2);
}

#[tokio::test]
async fn few_rows_are_the_same_from_pages_that_were_kept_and_from_the_disk() {
    const ROWS: i64 = 40_000;
    // Neighbours: each trace lies in one page or two of each column.
    const ROWS_OF_A_TRACE: i64 = 40;
    let fixture = Fixture::new().await;
    let body = |number: i64| format!("line {number} of {}", number * 7_919 % 104_729);
    let trace = |number: i64| format!("{:032x}", number / ROWS_OF_A_TRACE + 1);
    let row = |number: i64| {
        let (body, trace) = (body(number), trace(number));
        let level = ["INFO", "WARN"][usize::from(number % 10 == 0)];
        let fields = [
            ("body", body.as_str().into()),
            ("trace_id", trace.as_str().into()),
            ("severity_text", level.into()),
        ];
        event(number, &fields)
    };
    fixture.append(Dataset::Logs, (0..ROWS).map(row).collect());
    fixture.seal().await;
    let asked = async |traces: &[i64]| {
        let wanted = |number: &i64| traces.contains(&(number / ROWS_OF_A_TRACE));
        let ids = traces.iter().map(|of| format!("trace_id: {:032x}", of + 1)).collect::<Vec<_>>();
        let found = fixture.search(Dataset::Logs, &ids.join(" or ")).await;
        let bodies: Vec<_> = found.rows.iter().map(|row| row["body"].as_str().unwrap().to_owned()).collect();
        let expected: Vec<_> = (0..ROWS).filter(wanted).rev().map(body).collect();
        assert_eq!(bodies, expected, "{traces:?}");
        assert!(found.rows.iter().all(|row| row.contains_key("severity_text")));
        found.stats.bytes_scanned
    };
    let fresh = asked(&[500]).await;
    let again = asked(&[500]).await;
    assert!(again < fresh / 2, "{again} bytes read again, {fresh} at first");
    // Kept pages before, after and between such as nobody has read.
    for traces in [&[500, 800][..], &[100, 500], &[101, 300, 801], &[0, 999]] {
        asked(traces).await;
    }
}

#[tokio::test]
async fn segments_outside_the_range_are_not_read() {
    let fixture = Fixture::new().await;
    for hour in 0..4 {
        fixture.append(Dataset::Logs, vec![event(hour * 3_600, &[("body", "x".into())])]);
        fixture.seal().await;
    }
    let range = TimeRange::new(Timestamp::from_secs(3_600), Timestamp::from_secs(7_200));
    let found =
        fixture.scanner.search(SearchRequest::new(Dataset::Logs, Filter::all(), range)).await.unwrap();
    assert_eq!(found.rows.len(), 1);
    assert_eq!(found.stats.segments_scanned, 1);
}

#[tokio::test]
async fn a_trace_is_found_with_its_logs() {
    let fixture = Fixture::new().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let of_trace = |at: i64, id: &str, parent: Option<&str>| {
        let mut fields = vec![("trace_id", trace.into()), ("span_id", id.into()), ("name", id.into())];
        fields.extend(parent.map(|parent| ("parent_span_id", parent.into())));
        event(at, &fields)
    };
    fixture.append(
        Dataset::Spans,
        vec![of_trace(3, "c", Some("b")), of_trace(1, "b", Some("a")), span(1, "x", "y", 1, "ok")],
    );
    fixture.seal().await;
    fixture.append(Dataset::Spans, vec![of_trace(1, "a", None)]);
    fixture.append(Dataset::Logs, vec![event(2, &[("trace_id", trace.into()), ("body", "hello".into())])]);
    let found =
        fixture.scanner.trace(&trace.to_uppercase(), TimeRange::ALL, Limits::default()).await.unwrap();
    let names: Vec<_> = found.spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(found.logs[0]["body"], "hello");
    assert!(fixture.scanner.trace("xyz", TimeRange::ALL, Limits::default()).await.is_err());
}

#[tokio::test]
async fn facets_choose_what_divides_and_suggestions_come_from_the_data() {
    let fixture = Fixture::new().await;
    let rows = (0..100).map(|row| {
        let service = if row % 4 == 0 { "payment" } else { "checkout" };
        let resource = [
            ("service.name", service.into()),
            ("cloud.region", if row < 10 { "berlin" } else { "paris" }.into()),
        ];
        event_of(
            Timestamp::from_secs(row),
            &resource,
            &[("request.id", format!("{row}").as_str().into()), ("same", "x".into())],
        )
    });
    fixture.append(Dataset::Logs, rows.collect());
    let request = FacetsRequest {
        dataset: Dataset::Logs,
        filter: Filter::parse("service.name: checkout").unwrap(),
        range: TimeRange::ALL,
        fields: None,
        top: 5,
        limits: Limits::default(),
    };
    let found = fixture.scanner.facets(request).await.unwrap();
    assert_eq!(found.facets[0].field, "cloud.region");
    assert_eq!(found.facets[0].values, [("paris".to_owned(), 68), ("berlin".to_owned(), 7)]);
    assert_eq!((found.events, found.sampled), (75, false));
    assert!(found.facets.iter().all(|facet| facet.field != "request.id"), "an id tells nothing");

    let suggest = async |marked: &str| {
        let cursor = marked.find('|').unwrap();
        let request = SuggestRequest {
            dataset: Dataset::Logs,
            text: marked.replace('|', ""),
            cursor,
            range: TimeRange::ALL,
            limits: Limits::default(),
        };
        let found = fixture.scanner.suggest(request).await.unwrap();
        found.items.into_iter().map(|item| (item.text, item.kind, item.count)).collect::<Vec<_>>()
    };
    let values = suggest("service.name: |").await;
    let value = |text: &str, count| (text.to_owned(), SuggestionKind::Value, Some(count));
    assert_eq!(values, [value("checkout", 75), value("payment", 25)]);
    assert_eq!(suggest("service.name: (payment or ch|").await, [value("checkout", 75)]);
    let fields = suggest("regio|").await;
    assert_eq!(fields[0].0, "cloud.region", "a name that holds what was typed");
    let fields = suggest("servce.nam|").await;
    assert_eq!(fields[0].0, "service.name", "a name that is like what was typed");
    assert_eq!(suggest("service.name |").await[0].1, SuggestionKind::Operator);
    assert_eq!(fixture.scanner.nearest_field(Dataset::Logs, "cloud_region"), Some("cloud.region".to_owned()));
}
