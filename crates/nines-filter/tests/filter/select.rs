//! A filter says the same of the rows of a batch, column by column, as of each event by itself.

use std::sync::Arc;

use nines_filter::Filter;
use nines_model::{Event, Resource, RowSet, Rows, Timestamp, Value};
use proptest::prelude::*;

/// Few names and values, so that they meet often: between rows and resources, and in type.
const NAMES: [&str; 5] = ["a", "b", "body", "service.name", "trace_id"];
const TEXTS: [&str; 6] = ["x", "timeout", "Time out", "500", "", "4bf92f3577b34da6a3ce929d0e0e4736"];

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(&TEXTS[..]).prop_map(Value::str),
        (498_i64..502).prop_map(Value::Int),
        proptest::sample::select(&[0.5, 500.0, f64::NAN][..]).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Bytes(vec![120].into())),
        proptest::sample::select(&["x", "[500]"][..]).prop_map(|text| Value::Json(text.into())),
    ]
}

fn any_fields(count: usize) -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let fields = proptest::collection::btree_map(proptest::sample::select(&NAMES[..]), any_value(), 0..count);
    fields.prop_map(|fields| fields.into_iter().collect())
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let resources = proptest::collection::vec(any_fields(3), 1..3);
    let rows = proptest::collection::vec((any::<prop::sample::Index>(), 0_i64..3, any_fields(4)), 0..150);
    (resources, rows).prop_map(|(resources, rows)| {
        let named = |fields: Vec<(&str, Value)>| {
            fields.into_iter().map(|(name, value)| (name.into(), value)).collect::<Vec<_>>()
        };
        let resources: Vec<_> =
            resources.into_iter().map(|fields| Arc::new(Resource { attributes: named(fields) })).collect();
        let event = |(which, secs, fields): (prop::sample::Index, i64, _)| Event {
            timestamp: Timestamp::from_secs(secs),
            resource: Arc::clone(which.get(&resources)),
            fields: named(fields),
        };
        rows.into_iter().map(event).collect()
    })
}

fn any_filter() -> impl Strategy<Value = String> {
    let comparison = (
        proptest::sample::select(&NAMES[..]),
        proptest::sample::select(
            &[
                ": x",
                ": 500",
                " >= 500",
                " < 500",
                " != x",
                ": *",
                ": t*",
                ": [499 to 500]",
                " ~ /im/i",
                ": true",
            ][..],
        ),
    );
    let leaf = prop_oneof![
        4 => comparison.prop_map(|(name, test)| format!("{name}{test}")),
        1 => proptest::sample::select(&["timeout", "\"time out\"", "tim*", "4bf92f3577b34da6a3ce929d0e0e4736"][..])
            .prop_map(str::to_owned),
        1 => Just("timestamp >= 1970-01-01T00:00:01Z".to_owned()),
        1 => Just("*".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

proptest! {
    #[test]
    fn columns_and_rows_agree(events in any_events(), text in any_filter(), within in any::<u64>()) {
        let filter = Filter::parse(&text).unwrap();
        let rows = Rows::from(events.clone());
        let expected: Vec<usize> = (0..events.len()).filter(|row| filter.matches(&events[*row])).collect();
        let by_row: Vec<usize> = (0..rows.len()).filter(|row| filter.accepts(&rows.row(*row))).collect();
        prop_assert_eq!(&by_row, &expected);
        prop_assert_eq!(filter.select(&rows).iter().collect::<Vec<_>>(), expected.clone());

        let mut some = RowSet::none(rows.len());
        // Few rows and many: a column is walked or asked.
        (0..rows.len()).filter(|row| within.rotate_left(*row as u32) & 3 == 0).for_each(|row| some.insert(row));
        if within % 2 == 0 {
            let mut one = RowSet::none(rows.len());
            some.iter().take(1).for_each(|row| one.insert(row));
            some = one;
        }
        let expected: Vec<usize> = expected.into_iter().filter(|row| some.contains(*row)).collect();
        prop_assert_eq!(filter.select_within(&rows, &some).iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn fields_beyond_the_columns_of_a_batch_are_compared_too() {
    let fields = (0..1_100).map(|index| (format!("n{index}").into(), Value::Int(index))).collect();
    let event = Event { timestamp: Timestamp::EPOCH, resource: Arc::default(), fields };
    let rows = Rows::from(vec![event.clone(), event]);
    for (text, expected) in [("n1050: 1050", 2), ("n1050: 7", 0), ("not n1050: *", 0), ("n1: 1", 2)] {
        assert_eq!(Filter::parse(text).unwrap().select(&rows).len(), expected, "{text}");
    }
}
