use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::value::{ValueRef, ValueType};

/// One row as the oracle keeps it: fields in the order in which they were put, the first of a name only.
#[derive(Debug, Clone)]
struct Plain {
    resource: usize,
    at: i64,
    fields: Vec<(String, Value)>,
    cancelled: bool,
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,12}".prop_map(|text| Value::str(&text)),
        any::<i64>().prop_map(Value::Int),
        (-1e9..1e9).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Value::Bytes(bytes.into())),
        Just(Value::Json("[1]".into())),
    ]
}

fn any_rows() -> impl Strategy<Value = Vec<Plain>> {
    let fields = proptest::collection::vec(("[a-h]", any_value()), 0..8);
    let row = (0_usize..3, any::<i64>(), fields, prop::bool::weighted(0.2))
        .prop_map(|(resource, at, fields, cancelled)| Plain { resource, at, fields, cancelled });
    proptest::collection::vec(row, 0..150)
}

fn resources() -> [Resource; 3] {
    let named = |name: &str| Resource {
        attributes: vec![("a".into(), Value::str(name)), ("service.name".into(), Value::str(name))],
    };
    [Resource::default(), named("shop"), named("cart")]
}

/// What was kept of each row, by name.
fn expected(rows: &[Plain]) -> Vec<(usize, i64, BTreeMap<String, Value>)> {
    let kept = rows.iter().filter(|row| !row.cancelled);
    kept.map(|row| {
        let mut fields = BTreeMap::new();
        for (name, value) in &row.fields {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        (row.resource, row.at, fields)
    })
    .collect()
}

fn build(rows: &[Plain]) -> Rows {
    let mut builder = RowsBuilder::new();
    let ids = resources().map(|resource| builder.add_resource(resource));
    for row in rows {
        builder.begin(ids[row.resource]);
        let mut seen = Vec::new();
        for (name, value) in &row.fields {
            assert_eq!(builder.has(name), seen.contains(name));
            assert_eq!(builder.put(name, value.into()), !seen.contains(name), "the first of a name is kept");
            seen.push(name.clone());
        }
        if row.cancelled { builder.cancel() } else { builder.commit(Timestamp::from_nanos(row.at)) }
    }
    builder.finish()
}

proptest! {
    #[test]
    fn rows_hold_what_was_put(plain in any_rows()) {
        let rows = build(&plain);
        let expected = expected(&plain);
        prop_assert_eq!(rows.len(), expected.len());
        for (row, (resource, at, fields)) in rows.iter().zip(&expected) {
            prop_assert_eq!(row.timestamp().as_nanos(), *at);
            prop_assert_eq!(row.resource(), &resources()[*resource]);
            let own: BTreeMap<String, Value> =
                row.own_fields().map(|(name, value)| (name.to_string(), value.to_value())).collect();
            prop_assert_eq!(&own, fields);
            prop_assert_eq!(row.own_fields().count(), fields.len(), "no name twice");
            for name in ["a", "b", "h", "service.name", "nothing"] {
                let inherited = resources()[*resource].get(name).cloned();
                let value = fields.get(name).cloned().or(inherited);
                prop_assert_eq!(row.get(name).map(ValueRef::to_value), value.clone());
                let listed = row.fields().find(|(listed, _)| *listed == name);
                prop_assert_eq!(listed.map(|(_, value)| value.to_value()), value);
            }
        }
    }

    #[test]
    fn columns_hold_the_values_of_their_rows_in_order(plain in any_rows()) {
        let rows = build(&plain);
        for column in rows.columns() {
            let listed: Vec<_> = column.iter().map(|(row, value)| (row, value.to_value())).collect();
            let asked: Vec<_> =
                (0..rows.len()).filter_map(|row| Some((row, column.get(row)?.to_value()))).collect();
            prop_assert_eq!(&listed, &asked);
            prop_assert_eq!(listed.len(), column.len());
            prop_assert!(!column.is_empty() && column.end() <= rows.len());
            prop_assert!(listed.iter().all(|(_, value)| value.value_type() == column.kind()));
        }
    }

    #[test]
    fn rewriting_columns_is_rewriting_each_value(plain in any_rows(), seed in any::<u64>()) {
        let rewrite = |name: &str, value: &Value| match (seed.rotate_left(u32::from(name.as_bytes()[0])) & 3, value) {
            (0, Value::Str(text)) => Rewrite::Replace(Value::str(format!("[{text}]"))),
            (0, Value::Int(number)) if number % 2 == 0 => Rewrite::Drop,
            (1, _) => Rewrite::Drop,
            _ => Rewrite::Keep,
        };
        let rows = build(&plain);
        let mut changed = rows.clone();
        let says = changed.rewrite(|name, value| rewrite(name, &value.to_value()));
        prop_assert_eq!(says, changed != rows);
        for (after, before) in changed.iter().zip(rows.iter()) {
            let mut expected = BTreeMap::new();
            for (name, value) in before.own_fields() {
                match rewrite(name, &value.to_value()) {
                    Rewrite::Keep => drop(expected.insert(name.to_string(), value.to_value())),
                    Rewrite::Replace(new) => drop(expected.insert(name.to_string(), new)),
                    Rewrite::Drop => {}
                }
            }
            let own: BTreeMap<String, Value> =
                after.own_fields().map(|(name, value)| (name.to_string(), value.to_value())).collect();
            prop_assert_eq!(own, expected);
        }
    }

    #[test]
    fn events_and_rows_are_the_same(plain in any_rows()) {
        let rows = build(&plain);
        // Fields come in order of columns, which is that of first appearance.
        let sorted = |rows: &Rows| {
            let mut events = rows.events();
            events.iter_mut().for_each(|event| event.fields.sort_by(|a, b| a.0.cmp(&b.0)));
            events
        };
        prop_assert_eq!(sorted(&Rows::from(rows.events())), sorted(&rows));
    }

    #[test]
    fn presence_is_the_same_in_every_form(present in proptest::collection::btree_set(0_u32..300, 0..300)) {
        let list: Vec<u32> = present.iter().copied().collect();
        let mut set = RowSet::none(300);
        list.iter().for_each(|row| set.insert(*row as usize));
        for form in [Presence::List(list.clone()), Presence::of_set(set), Presence::of(300, list.clone())] {
            prop_assert_eq!(form.rows().map(|row| row as u32).collect::<Vec<_>>(), list.clone());
            prop_assert_eq!(form.len(), list.len());
            for row in 0..310 {
                let from_here = list.iter().filter(|listed| **listed as usize >= row).count();
                prop_assert_eq!(form.rank(row), list.len() - from_here);
                let within = form.rows_within(row..row + 70).map(|row| row as u32).collect::<Vec<_>>();
                let expected = list.iter().copied().filter(|it| (row..row + 70).contains(&(*it as usize)));
                prop_assert_eq!(within, expected.collect::<Vec<_>>());
                prop_assert_eq!(form.index_of(row), list.iter().position(|listed| *listed as usize == row));
            }
        }
    }

    #[test]
    fn sets_of_rows_are_sets(a in any::<Vec<bool>>(), seed in any::<u64>()) {
        let of = |flag: &dyn Fn(usize) -> bool| {
            let mut set = RowSet::none(a.len());
            (0..a.len()).filter(|row| flag(*row)).for_each(|row| set.insert(row));
            set
        };
        let other = |row: usize| seed.rotate_left(row as u32) & 1 == 1;
        let (left, right) = (of(&|row| a[row]), of(&other));
        let check = |act: fn(&mut RowSet, &RowSet), flag: &dyn Fn(usize) -> bool| {
            let mut set = left.clone();
            act(&mut set, &right);
            set == of(flag)
        };
        prop_assert!(check(RowSet::intersect, &|row| a[row] && other(row)));
        prop_assert!(check(RowSet::unite, &|row| a[row] || other(row)));
        prop_assert!(check(RowSet::subtract, &|row| a[row] && !other(row)));
        prop_assert_eq!(RowSet::all(a.len()), of(&|_| true));
        prop_assert_eq!(left.iter().collect::<Vec<_>>(), (0..a.len()).filter(|row| a[*row]).collect::<Vec<_>>());
        prop_assert_eq!(left.len(), a.iter().filter(|flag| **flag).count());
        let again = RowSet::from_words(a.len(), left.words().to_vec());
        prop_assert_eq!(again, left);
    }
}

#[test]
fn a_batch_of_many_names_has_bounded_columns_and_loses_nothing() {
    let mut builder = RowsBuilder::new();
    let none = builder.no_resource();
    let names: Vec<String> = (0..COLUMNS_PER_BATCH_MAX + 200).map(|index| format!("n{index}")).collect();
    for row in 0..3_i64 {
        builder.begin(none);
        for name in &names {
            assert!(builder.int(name, row));
        }
        for name in &names {
            assert!(builder.has(name) && !builder.int(name, 9) && !builder.str(name, "twice"));
        }
        if row == 1 { builder.cancel() } else { builder.commit(Timestamp::EPOCH) }
    }
    let rows = builder.finish();
    assert_eq!(rows.columns().len(), COLUMNS_PER_BATCH_MAX);
    assert_eq!(rows.extras().len(), 2 * 200);
    for (row, value) in [(0, 0), (1, 2)] {
        assert_eq!(rows.row(row).own_fields().count(), names.len());
        assert!(names.iter().all(|name| rows.row(row).get(name) == Some(ValueRef::Int(value))));
    }
}

#[test]
fn a_name_of_many_types_beyond_the_bound_is_still_one_field() {
    let mut builder = RowsBuilder::new();
    let none = builder.no_resource();
    builder.begin(none);
    for index in 0..COLUMNS_PER_BATCH_MAX {
        assert!(builder.int(&format!("n{index}"), 1));
    }
    builder.commit(Timestamp::EPOCH);
    builder.begin(none);
    assert!(builder.str("n0", "text") && !builder.int("n0", 2) && builder.has("n0"));
    builder.cancel();
    builder.begin(none);
    assert!(!builder.has("n0") && builder.int("n0", 3) && !builder.str("n0", "text"));
    builder.commit(Timestamp::EPOCH);
    assert_eq!(builder.finish().row(1).get("n0"), Some(ValueRef::Int(3)));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let column = |presence, values| Column::new("n".into(), presence, values);
    assert!(column(Presence::List(vec![0, 3]), Values::Int(vec![1])).is_err());
    let long = column(Presence::List(vec![0, 3]), Values::Int(vec![1, 2])).unwrap();
    let parts = RowsParts {
        timestamps: vec![0; 3],
        resource_of: vec![0; 3],
        resources: vec![Resource::default()],
        columns: vec![long],
        extras: Vec::new(),
    };
    assert!(Rows::from_parts(parts.clone()).is_err());
    let parts = RowsParts { timestamps: vec![0; 4], resource_of: vec![0; 4], ..parts };
    assert_eq!(Rows::from_parts(parts.clone()).unwrap().row(3).get("n"), Some(ValueRef::Int(2)));
    assert!(Rows::from_parts(RowsParts { resource_of: vec![1; 4], ..parts.clone() }).is_err());
    let extra = Extra { row: 4, name: "x".into(), value: Value::Int(1) };
    assert!(Rows::from_parts(RowsParts { extras: vec![extra], ..parts }).is_err());
    assert!(TextColumn::new("é".to_owned(), vec![1, 2]).is_err());
    assert!(TextColumn::new("ab".to_owned(), vec![2, 1]).is_err());
    assert!(TextColumn::new("ab".to_owned(), vec![1]).is_err());
    assert!(BytesColumn::new(vec![1, 2], vec![1, 3]).is_err());
}

#[test]
fn events_that_share_a_resource_share_it_as_rows() {
    let shop = Arc::new(resources()[1].clone());
    let event = |resource: &Arc<Resource>| Event {
        timestamp: Timestamp::from_secs(1),
        resource: Arc::clone(resource),
        fields: vec![("n".into(), Value::Int(1))],
    };
    let rows = Rows::from(vec![event(&shop), event(&shop), event(&Arc::default())]);
    assert_eq!((rows.resources().len(), rows.resource_of()), (2, &[0, 0, 1][..]));
    assert_eq!(rows.columns()[0].kind(), ValueType::Int);
    assert_eq!(rows.columns()[0].presence(), &Presence::Run { start: 0, len: 3 });
}

/// Where values are already, of whatever type and wherever they lie, they stay; a column that is full of names takes none.
#[test]
fn rows_without_a_value_are_filled_and_the_others_stay() {
    for (width, texts) in
        [(0, false), (0, true), (COLUMNS_PER_BATCH_MAX - 1, false), (COLUMNS_PER_BATCH_MAX, false)]
    {
        let mut builder = RowsBuilder::new();
        let none = builder.no_resource();
        for row in 0..100 {
            builder.begin(none);
            (0..width).filter(|_| row == 0).for_each(|index| assert!(builder.int(&format!("n{index}"), 1)));
            if row % 3 == 0 {
                assert!(builder.int("at", row));
            } else if texts && row % 3 == 1 {
                assert!(builder.str("at", "soon"));
            }
            builder.commit(Timestamp::EPOCH);
        }
        let before = builder.finish();
        let mut rows = before.clone();
        rows.fill_int("at", RowSet::none(100), -1);
        assert_eq!(rows, before);
        let mut within = RowSet::all(100);
        within.remove(1);
        within.remove(2);
        rows.fill_int("at", within, -1);
        for row in 0..100 {
            let had = before.row(row).own("at");
            let expected = if row == 1 || row == 2 { had } else { had.or(Some(ValueRef::Int(-1))) };
            assert_eq!(rows.row(row).own("at"), expected, "row {row}, {width} names, texts {texts}");
        }
        let (resource_of, resources) = (rows.resource_of().to_vec(), rows.resources().to_vec());
        let parts = RowsParts {
            timestamps: rows.timestamps().to_vec(),
            resource_of,
            resources,
            columns: rows.columns().to_vec(),
            extras: rows.extras().to_vec(),
        };
        assert_eq!(Rows::from_parts(parts), Ok(rows));
    }
}
