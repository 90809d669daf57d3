use std::collections::BTreeMap;

use nines_base::ManualClock;
use nines_base::disk::RealDisk;
use nines_model::{Batch, Dataset, Event, Name, TimeRange, Value, ValueType};
use nines_storage::{COLUMNS_MAX, Store};
use proptest::prelude::*;

use crate::batches::{Row, START, all_rows, any_batch, batch, event, open, resource};

type Fields<'a> = &'a [(&'a str, Value)];

/// The rows that come of events, each given as its resource's attributes and its own fields.
async fn stored(events: &[(Fields<'_>, Fields<'_>)]) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path(), &ManualClock::at(START)).await;
    for (sequence, (attributes, fields)) in (1..).zip(events) {
        let event = event(START, &resource(attributes), fields);
        assert!(store.append(sequence, &batch(Dataset::Logs, START, vec![event])));
    }
    let hot = all_rows(&store, Dataset::Logs, &RealDisk);
    store.seal_all().await.unwrap();
    assert_eq!(all_rows(&store, Dataset::Logs, &RealDisk), hot, "sealing changes nothing");
    hot
}

/// A batch that gives each name of [`any_batch`] the type of one value.
fn types() -> Batch {
    let values: [Value; 6] = [
        "text".into(),
        1.into(),
        0.5.into(),
        true.into(),
        Value::Bytes(vec![1].into()),
        Value::Json("[]".into()),
    ];
    let names = ["a", "b", "c", "d", "e", "f"];
    let own = names.iter().zip(&values).map(|(name, value)| (Name::new(name), value.clone()));
    // What a resource says differently is kept beside the event's own; these have other types.
    let beside = names.iter().zip(values.iter().rev());
    let beside = beside.map(|(name, value)| (Name::new(format!("resource.{name}")), value.clone()));
    let fields = own.chain(beside).collect();
    batch(Dataset::Logs, START, vec![Event { timestamp: START, resource: Default::default(), fields }])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whole columns or field by field, and wherever a chunk begins: a row is the same.
    #[test]
    fn rows_are_the_same_together_and_one_by_one(batches in proptest::collection::vec(any_batch(Dataset::Logs), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (together, alone) = runtime.block_on(async {
            let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let clock = ManualClock::at(START);
            let (together, _) = open(folders[0].path(), &clock).await;
            let (alone, _) = open(folders[1].path(), &clock).await;
            assert!(together.append(1, &types()) && alone.append(1, &types()));
            let events = batches.iter().flat_map(|batch| batch.rows.events());
            for (sequence, event) in (2..).zip(events) {
                assert!(alone.append(sequence, &batch(Dataset::Logs, START, vec![event])));
            }
            for (sequence, batch) in (2..).zip(&batches) {
                assert!(together.append(sequence, batch));
            }
            (rows_of(&together), rows_of(&alone))
        });
        prop_assert_eq!(together, alone);
    }
}

/// All rows, with the members of `overflow` in order of name: their order says nothing.
fn rows_of(store: &Store) -> Vec<Row> {
    let mut rows = all_rows(store, Dataset::Logs, &RealDisk);
    for text in rows.iter_mut().filter_map(|row| row.get_mut("overflow")) {
        let members: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
        *text = serde_json::to_string(&members).unwrap();
    }
    rows.sort();
    rows
}

fn overflow(row: &Row) -> serde_json::Value {
    serde_json::from_str(&row["overflow"]).unwrap()
}

#[tokio::test]
async fn the_events_own_field_wins_and_what_the_resource_says_differently_is_kept() {
    let rows = stored(&[(
        &[("service.name", "checkout".into()), ("same", 1.into()), ("region", "eu".into())],
        &[("service.name", "cart".into()), ("same", 1.into())],
    )])
    .await;
    let row = &rows[0];
    assert_eq!((row["service.name"].as_str(), row["resource.service.name"].as_str()), ("cart", "checkout"));
    assert_eq!((row["same"].as_str(), row["region"].as_str()), ("1", "eu"));
    assert!(!row.contains_key("resource.same") && !row.contains_key("overflow"));
}

#[tokio::test]
async fn a_column_keeps_its_first_type_and_other_values_go_to_overflow() {
    let rows = stored(&[
        (&[], &[("x", 1.5.into()), ("y", 7.into())]),
        (&[], &[("x", 2.into()), ("y", "seven".into())]),
        (&[("y", 3.into())], &[("x", i64::MAX.into()), ("y", true.into())]),
    ])
    .await;
    let find = |x: &str| rows.iter().find(|row| row.get("x").is_some_and(|text| text == x));
    assert_eq!(find("1.5").unwrap()["y"], "7");
    let second = find("2.0").expect("an exact integer becomes a float");
    assert_eq!(overflow(second)["y"], "seven");
    let third = rows.iter().find(|row| !row.contains_key("x")).expect("an inexact integer does not");
    assert_eq!((&overflow(third)["x"], &overflow(third)["y"]), (&i64::MAX.into(), &true.into()));
    assert_eq!(
        third["resource.y"], "3",
        "the resource does not slip into a column that the event overflowed"
    );
}

#[tokio::test]
async fn fixed_fields_have_fixed_types_and_the_stores_own_columns_cannot_be_written() {
    let rows = stored(&[(
        &[],
        &[
            ("severity_number", "high".into()),
            ("observed_timestamp", START.as_nanos().into()),
            ("timestamp", 5.into()),
            ("overflow", "mine".into()),
        ],
    )])
    .await;
    let row = &rows[0];
    assert_eq!(row["observed_timestamp"], row["timestamp"]);
    assert_eq!(
        overflow(row),
        serde_json::json!({"severity_number": "high", "timestamp": 5, "overflow": "mine"})
    );
}

#[tokio::test]
async fn columns_are_bounded_and_the_rest_overflows() {
    let names: Vec<String> = (0..COLUMNS_MAX + 50).map(|n| format!("field.{n}")).collect();
    let fields: Vec<(&str, Value)> = names.iter().map(|name| (name.as_str(), Value::Int(1))).collect();
    let rows = stored(&[(&[], &fields)]).await;
    let kept = rows[0].keys().filter(|name| name.starts_with("field.")).count();
    let overflowed = overflow(&rows[0]).as_object().unwrap().len();
    assert_eq!(kept + overflowed, names.len());
    assert!(overflowed >= 50 && kept < COLUMNS_MAX);
}

#[tokio::test]
async fn an_empty_dataset_has_its_core_columns_and_types_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    let schema = store.snapshot(Dataset::Spans, TimeRange::ALL).unwrap().schema;
    for name in ["timestamp", "trace_id", "name", "duration_ns", "service.name", "overflow"] {
        assert!(schema.field_with_name(name).is_ok(), "{name}");
    }
    let one = event(START, &resource(&[]), &[("shape", Value::Json("[]".into())), ("n", 1.into())]);
    store.append(1, &batch(Dataset::Spans, START, vec![one]));
    store.close().await.unwrap();
    let (store, recovery) = open(folder.path(), &clock).await;
    assert_eq!((recovery.segments, recovery.rows, recovery.sealed_sequence), (1, 1, 1));
    let kinds: Vec<_> =
        store.columns(Dataset::Spans).into_iter().map(|column| (column.name, column.kind)).collect();
    assert!(
        kinds.contains(&("shape".into(), ValueType::Json)) && kinds.contains(&("n".into(), ValueType::Int))
    );
}
