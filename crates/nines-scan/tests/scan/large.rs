//! More rows than a batch, a row group or a chunk holds, so that seams show; every answer against brute force.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_filter::Filter;
use nines_model::{Dataset, Event, TimeRange, Timestamp};
use nines_scan::{FacetsRequest, HistogramRequest, Limits, Order, SearchRequest, SeriesOf, SuggestRequest};

use super::support::{Fixture, event_of};

/// Two segments, one of two row groups, and a few chunks hot; all of it an hour and a quarter, so that bars are of whole minutes.
const STORED: i64 = 280_000;
const HOT: i64 = 40_000;

fn row(number: i64) -> Event {
    // A fixed mixture, so that neighbours differ.
    let mixed = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> 33).rem_euclid(1 << 30);
    let service = ["api", "cart", "checkout", "payment", "search"][(mixed % 5) as usize];
    let level = if mixed % 50 == 0 {
        "ERROR"
    } else if mixed % 10 == 0 {
        "WARN"
    } else {
        "INFO"
    };
    let body = match mixed % 7 {
        0 => format!("connection reset by peer {}", mixed % 1_000),
        1 => format!("authentication failure for user{}", mixed % 97),
        _ => format!("request {} done in {} ms", mixed, mixed % 311),
    };
    let mut fields =
        vec![("body", body.as_str().into()), ("severity_text", level.into()), ("row", number.into())];
    let trace = format!("{:032x}", mixed);
    if mixed % 4 != 0 {
        fields.push(("trace_id", trace.as_str().into()));
    }
    // In the first segment every value fits its column.
    if number > STORED / 2 && number % 1_000 == 7 {
        // Another type than the column's.
        fields.push(("code", if number % 2_000 == 7 { "many".into() } else { 503.into() }));
    }
    let at = Timestamp::from_nanos(number / 3 * 60_000_007 + mixed % 1_000);
    event_of(
        at,
        &[("service.name", service.into()), ("host.name", format!("h{}", mixed % 40).as_str().into())],
        &fields,
    )
}

struct Scene {
    fixture: Fixture,
    events: Vec<Event>,
}

async fn scene() -> Scene {
    let fixture = Fixture::new().await;
    let events: Vec<Event> = (0..STORED + HOT).map(row).collect();
    for half in events[..STORED as usize].chunks(STORED as usize / 2) {
        for batch in half.chunks(30_000) {
            fixture.append(Dataset::Logs, batch.to_vec());
        }
        fixture.seal().await;
    }
    fixture.append(Dataset::Logs, events[STORED as usize..].to_vec());
    Scene { fixture, events }
}

impl Scene {
    fn selected(&self, filter: &Filter, range: TimeRange) -> Vec<&Event> {
        let selects = |event: &&Event| range.contains(event.timestamp) && filter.matches(event);
        self.events.iter().filter(selects).collect()
    }
}

fn number(event: &Event) -> i64 {
    event.get("row").unwrap().as_int().unwrap()
}

#[tokio::test]
async fn every_question_agrees_with_brute_force() {
    let scene = scene().await;
    let span = TimeRange::new(Timestamp::from_secs(540), Timestamp::from_secs(3_960));
    let filters = [
        "",
        "service.name: cart",
        "severity_text: ERROR and service.name: (cart or payment)",
        "\"authentication failure\"",
        "body ~ /user1[0-9]+$/ and not service.name: api",
        "connection and severity_text: ERROR",
        "authentication fail",
        "authentication fail*",
        "\"user1\" or \"reset by\"",
        "not (request or connection)",
        "neverwritten",
        "not trace_id: *",
        "code: many",
        "code: *",
        "row >= 130000 and row < 132500",
        "body: request* and host.name: h7",
        "nothing_like_this: 1",
    ];
    for text in filters {
        let filter = Filter::parse(text).unwrap();
        for range in [TimeRange::ALL, span] {
            let expected = scene.selected(&filter, range);
            // Twice: the second time kept answers are used.
            for _ in 0..2 {
                histogram(&scene, &filter, range, &expected).await;
                latest(&scene, &filter, range, &expected).await;
                facets(&scene, &filter, range, &expected).await;
            }
        }
    }
}

async fn histogram(scene: &Scene, filter: &Filter, range: TimeRange, expected: &[&Event]) {
    for split_by in [None, Some("severity_text".to_owned())] {
        let request = HistogramRequest {
            dataset: Dataset::Logs,
            filter: filter.clone(),
            range,
            buckets: 40,
            split_by,
            limits: Limits::default(),
        };
        let found = scene.fixture.scanner.histogram(request).await.unwrap();
        let mut counted: BTreeMap<(Timestamp, String), u64> = BTreeMap::new();
        for series in &found.series {
            let name = match &series.of {
                SeriesOf::Value(value) => value.clone(),
                SeriesOf::All => String::new(),
                other => panic!("{other:?}"),
            };
            for (start, count) in found.buckets.iter().zip(&series.counts).filter(|(_, count)| **count > 0) {
                counted.insert((*start, name.clone()), *count);
            }
        }
        let is_split = found.series.iter().all(|series| series.of != SeriesOf::All);
        let mut brute: BTreeMap<(Timestamp, String), u64> = BTreeMap::new();
        for event in expected {
            let name = if is_split { event.get_str("severity_text").unwrap() } else { "" };
            *brute.entry((event.timestamp.floor_to(found.step), name.to_owned())).or_default() += 1;
        }
        assert_eq!(counted, brute, "`{filter}` in {range:?}");
    }
}

async fn latest(scene: &Scene, filter: &Filter, range: TimeRange, expected: &[&Event]) {
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let request = SearchRequest { order, ..SearchRequest::new(Dataset::Logs, filter.clone(), range) };
        let found = scene.fixture.scanner.search(request).await.unwrap();
        let mut times: Vec<Timestamp> = expected.iter().map(|event| event.timestamp).collect();
        times.sort_unstable();
        if order == Order::NewestFirst {
            times.reverse();
        }
        times.truncate(100);
        let times: Vec<String> = times.iter().map(ToString::to_string).collect();
        let seen: Vec<&str> = found.rows.iter().map(|row| row["timestamp"].as_str().unwrap()).collect();
        assert_eq!(seen, times, "`{filter}` in {range:?}, {order:?}");
        assert_eq!(found.next.is_some(), expected.len() > 100, "`{filter}`");
        for row in &found.rows {
            let event = &scene.events[row["row"].as_i64().unwrap() as usize];
            assert!(filter.matches(event));
            assert_eq!(row["body"], event.get_str("body").unwrap());
            assert_eq!(row.get("trace_id").and_then(|id| id.as_str()), event.get_str("trace_id"));
            assert_eq!(row["host.name"], event.get_str("host.name").unwrap());
        }
    }
}

async fn facets(scene: &Scene, filter: &Filter, range: TimeRange, expected: &[&Event]) {
    // The second can be answered from what segments counted themselves, if the filter can.
    for fields in [&["service.name", "host.name", "code", "gone"][..], &["service.name", "severity_text"]] {
        facets_of(scene, filter, range, expected, fields).await;
    }
}

async fn facets_of(scene: &Scene, filter: &Filter, range: TimeRange, expected: &[&Event], fields: &[&str]) {
    let request = FacetsRequest {
        dataset: Dataset::Logs,
        filter: filter.clone(),
        range,
        fields: Some(fields.iter().map(|name| (*name).to_owned()).collect()),
        top: 100,
        limits: Limits::default(),
    };
    let found = scene.fixture.scanner.facets(request).await.unwrap();
    assert_eq!(found.events, expected.len() as u64);
    for facet in found.facets {
        let mut brute: BTreeMap<String, u64> = BTreeMap::new();
        for event in expected {
            if let Some(value) = event.get(&facet.field) {
                let text = value.as_str().map_or_else(|| value.as_int().unwrap().to_string(), str::to_owned);
                *brute.entry(text).or_default() += 1;
            }
        }
        let counted: BTreeMap<String, u64> = facet.values.into_iter().collect();
        assert_eq!(counted, brute, "{} of `{filter}`", facet.field);
    }
}

#[tokio::test]
async fn pages_go_through_all_rows_once() {
    let scene = scene().await;
    let filter = Filter::parse("severity_text: ERROR").unwrap();
    let expected = scene.selected(&filter, TimeRange::ALL);
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let request = SearchRequest {
            limit: 777,
            cursor,
            ..SearchRequest::new(Dataset::Logs, filter.clone(), TimeRange::ALL)
        };
        let page = scene.fixture.scanner.search(request).await.unwrap();
        seen.extend(page.rows.iter().map(|row| row["row"].as_i64().unwrap()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut rows: Vec<i64> = expected.iter().map(|event| number(event)).collect();
    assert_eq!(seen.len(), rows.len());
    seen.sort_unstable();
    rows.sort_unstable();
    assert_eq!(seen, rows);
}

#[tokio::test]
async fn counts_of_an_sli_agree_with_brute_force() {
    let scene = scene().await;
    let total = Filter::parse("service.name: cart").unwrap();
    let good = Filter::parse("not severity_text: ERROR and not \"connection reset\"").unwrap();
    let step = Duration::from_secs(1);
    let snapshot = scene.fixture.store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
    let limits = Limits::default();
    let counting = scene.fixture.scanner.count_buckets(
        snapshot,
        total.clone(),
        good.clone(),
        TimeRange::ALL,
        step,
        limits,
    );
    let counted: BTreeMap<_, _> =
        counting.await.unwrap().iter().map(|bucket| (bucket.start, (bucket.good, bucket.total))).collect();
    let mut brute: BTreeMap<Timestamp, (u64, u64)> = BTreeMap::new();
    for event in scene.selected(&total, TimeRange::ALL) {
        let bucket = brute.entry(event.timestamp.floor_to(step)).or_default();
        bucket.0 += u64::from(good.matches(event));
        bucket.1 += 1;
    }
    assert_eq!(counted, brute);
}

#[tokio::test]
async fn suggested_values_count_all_rows_and_say_when_they_do_not() {
    let scene = scene().await;
    let suggest = async |text: &str, range: TimeRange| {
        let request = SuggestRequest {
            dataset: Dataset::Logs,
            text: text.to_owned(),
            cursor: text.len(),
            range,
            limits: Limits::default(),
        };
        scene.fixture.scanner.suggest(request).await.unwrap()
    };
    let all = Filter::all();
    let mut brute: BTreeMap<&str, u64> = BTreeMap::new();
    for event in scene.selected(&all, TimeRange::ALL) {
        *brute.entry(event.service().unwrap()).or_default() += 1;
    }
    for _ in 0..2 {
        let found = suggest("service.name: ", TimeRange::ALL).await;
        let counted: BTreeMap<&str, u64> =
            found.items.iter().filter_map(|item| Some((item.text.as_str(), item.count?))).collect();
        assert_eq!(counted, brute);
        assert!(!found.approximate);
    }
    let part = TimeRange::new(Timestamp::EPOCH, Timestamp::from_secs(1));
    assert!(suggest("service.name: ", part).await.approximate);
    // An id has too many values to count; looking for its beginning still finds it.
    let id = scene.events[1].get_str("trace_id").or(scene.events[2].get_str("trace_id")).unwrap();
    let found = suggest(&format!("trace_id: {}", &id[..30]), TimeRange::ALL).await;
    assert!(found.items.iter().any(|item| item.text == id), "{:?}", found.items);
}
