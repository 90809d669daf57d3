//! The promise of the scanner: the rows that a question selects are the events that `Filter::matches` accepts, whether
//! they lie hot, in segments, or in both.

use std::collections::BTreeSet;
use std::time::Duration;

use nines_filter::{Expr, Filter, Literal, Operator, Pattern, Test, TextSearch, Wildcard};
use nines_model::{Dataset, Event, Rows, TimeRange, Timestamp, Value};
use nines_scan::{Limits, SearchRequest};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::support::{Fixture, event_of};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Fields of many types, so that most of them have values in a column and in the overflow. `nan` and `raw` keep to one
/// type each: the overflow is JSON, which has neither NaN nor bytes.
fn field() -> impl Strategy<Value = (&'static str, Value)> {
    let text = || {
        prop_oneof![Just("a"), Just("abc"), Just("503"), Just("5.0"), Just("-7"), Just(""), Just("卡 b_c")]
    };
    let int = || prop_oneof![-8..8_i64, Just(503), Just(i64::MAX), Just((1 << 53) + 1)];
    let float =
        || prop_oneof![Just(0.0), Just(-0.0), Just(5.0), Just(-7.25), Just(1e300), Just(f64::INFINITY)];
    let mixed = move || {
        prop_oneof![
            3 => text().prop_map(Value::from),
            3 => int().prop_map(Value::from),
            2 => prop_oneof![Just(0.0), Just(-0.0), Just(5.0), Just(-7.25), Just(1e300)].prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => Just(Value::Json(r#"["a",5]"#.into())),
        ]
    };
    let prose = || prop_oneof![Just("time out abc"), Just("Timeout"), Just("x-abc 503"), Just("直播卡顿 a")];
    prop_oneof![
        text().prop_map(|text| ("s", text.into())),
        int().prop_map(|number| ("i", number.into())),
        float().prop_map(|number| ("f", number.into())),
        any::<bool>().prop_map(|flag| ("b", flag.into())),
        mixed().prop_map(|value| ("m", value)),
        mixed().prop_map(|value| ("m.2", value)),
        mixed().prop_map(|value| ("exception.message", value)),
        prop_oneof![Just(f64::NAN), Just(-f64::NAN), Just(1.5)].prop_map(|number| ("nan", number.into())),
        Just(("raw", Value::Bytes(vec![1, 2].into()))),
        prose().prop_map(|text| ("body", text.into())),
        (0..6_i64).prop_map(|number| ("duration_ns", (number * 100_000_000).into())),
        prop_oneof![Just(TRACE), Just("00f067aa0ba902b7")].prop_map(|id| ("trace_id", id.into())),
        (0..9_i64).prop_map(|number| ("observed_timestamp", number.into())),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let unique = |fields: Vec<(&'static str, Value)>| {
        let mut seen = BTreeSet::new();
        fields.into_iter().filter(|(name, _)| seen.insert(*name)).collect::<Vec<_>>()
    };
    let resource = prop::collection::vec(field(), 0..3).prop_map(unique);
    (0..9_i64, resource, prop::collection::vec(field(), 0..6).prop_map(unique))
        .prop_map(|(at, resource, fields)| event_of(Timestamp::from_nanos(at), &resource, &fields))
}

fn test(field: &'static str) -> impl Strategy<Value = Test> {
    let literal = move || {
        prop::sample::select(
            &[
                "a",
                "abc",
                "b",
                "5",
                "5.0",
                "0",
                "-0.0",
                "-7",
                "503",
                "1e300",
                "9007199254740993",
                "9223372036854775807",
                "200ms",
                "true",
                "false",
                "",
                "卡 b_c",
                "NaN",
                "[\"a\",5]",
            ][..],
        )
        .prop_map(move |text| Literal::for_field(field, text))
    };
    let operator = prop::sample::select(&Operator::ALL[..]);
    let part = || prop::sample::select(&["", "a", "5", "bc", "50", "卡", "-"][..]);
    prop_oneof![
        1 => Just(Test::Exists),
        6 => (operator, literal()).prop_map(|(operator, literal)| Test::Is(operator, literal)),
        2 => (literal(), literal()).prop_map(|(low, high)| Test::Between { low, high }),
        2 => (part(), part()).prop_map(|(left, right)| Test::Like(Wildcard::new(vec![left.into(), right.into()]))),
        1 => prop::sample::select(&["a", "^5", "b.?c", "^$"][..]).prop_map(|source| Test::Matches(Pattern::new(source, true).unwrap())),
    ]
}

fn filter() -> impl Strategy<Value = Expr> {
    const NAMES: [&str; 14] = [
        "s",
        "i",
        "f",
        "b",
        "m",
        "m.2",
        "exception.message",
        "nan",
        "raw",
        "body",
        "duration_ns",
        "observed_timestamp",
        "timestamp",
        "gone",
    ];
    let words = ["abc", "time", "timeout", "503", "卡", "a", TRACE, "00f067aa0ba902b7", "out abc"];
    let leaf = prop_oneof![
        6 => prop::sample::select(&NAMES[..]).prop_flat_map(|name| test(name).prop_map(move |test| Expr::compare(name, test))),
        1 => (prop::sample::select(words.to_vec()), any::<bool>()).prop_map(|(word, prefix)| Expr::Text(TextSearch::new(word, prefix).unwrap())),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::and),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::or),
            inner.prop_map(Expr::not),
        ]
    })
}

#[derive(Debug, Clone, Copy)]
enum Lie {
    Hot,
    Cold,
    Mixed,
}

async fn rows_by_scan(fixture: &Fixture, filter: &Filter) -> BTreeSet<i64> {
    let request =
        SearchRequest { limit: 10_000, ..SearchRequest::new(Dataset::Logs, filter.clone(), TimeRange::ALL) };
    let found = fixture.scanner.search(request).await.unwrap_or_else(|error| panic!("{filter}: {error:?}"));
    let rows: BTreeSet<i64> = found.rows.iter().map(|row| row["row"].as_i64().unwrap()).collect();
    assert_eq!(rows.len(), found.rows.len(), "a row came twice: {filter}");
    rows
}

async fn check(batches: Vec<Vec<Event>>, lie: Lie, filters: Vec<Expr>) -> Result<(), TestCaseError> {
    let fixture = Fixture::new().await;
    let mut events = Vec::new();
    let count = batches.len();
    for (index, mut batch) in batches.into_iter().enumerate() {
        for event in &mut batch {
            event.fields.push(("row".into(), (events.len() as i64).into()));
            events.push(event.clone());
        }
        fixture.append(Dataset::Logs, batch);
        if matches!(lie, Lie::Cold) || matches!(lie, Lie::Mixed) && index < count / 2 {
            fixture.seal().await;
        }
    }
    for ast in filters {
        let filter = Filter::from_ast(ast);
        let expected: BTreeSet<i64> =
            (0_i64..).zip(&events).filter(|(_, event)| filter.matches(event)).map(|(row, _)| row).collect();
        let by_column = filter.select(&Rows::from_events(&events));
        prop_assert!(
            by_column.iter().map(|row| row as i64).eq(expected.iter().copied()),
            "{} by column",
            filter
        );
        let found = rows_by_scan(&fixture, &filter).await;
        if found != expected {
            let wrong = *found.symmetric_difference(&expected).next().unwrap();
            prop_assert!(
                false,
                "{lie:?}: `{filter}` {} {:?}",
                if expected.contains(&wrong) { "lost" } else { "took" },
                events[wrong as usize]
            );
        }
        let snapshot = fixture.store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
        let step = Duration::from_nanos(4);
        let counted = fixture
            .scanner
            .count_buckets(snapshot, Filter::all(), filter.clone(), TimeRange::ALL, step, Limits::default())
            .await
            .unwrap();
        let total: u64 = counted.iter().map(|bucket| bucket.total).sum();
        let good: u64 = counted.iter().map(|bucket| bucket.good).sum();
        prop_assert_eq!((total, good), (events.len() as u64, expected.len() as u64), "{}", filter);
    }
    Ok(())
}

#[test]
fn a_row_is_selected_exactly_if_matches_accepts_it() {
    let mut runner = TestRunner::new(Config { cases: 32, max_shrink_iters: 40, ..Config::default() });
    let input = (
        prop::collection::vec(prop::collection::vec(event(), 1..25), 1..5),
        prop::sample::select(vec![Lie::Hot, Lie::Cold, Lie::Mixed]),
        prop::collection::vec(filter(), 40),
    );
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runner.run(&input, |(batches, lie, filters)| threads.block_on(check(batches, lie, filters))).unwrap();
}
