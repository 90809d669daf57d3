//! What the tests share: making events, opening stores, and reading a snapshot back as plain rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use nines_base::ManualClock;
use nines_base::disk::{Disk, RealDisk};
use nines_model::{Batch, Dataset, Event, Resource, TimeRange, Timestamp, Value};
use nines_storage::{Snapshot, Store, StoreConfig, StoreRecovery, read_segment};
use proptest::prelude::*;

pub const START: Timestamp = Timestamp::from_secs(1_790_000_000);

pub type Row = BTreeMap<String, String>;

pub fn resource(attributes: &[(&str, Value)]) -> Arc<Resource> {
    let attributes = attributes.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    Arc::new(Resource { attributes })
}

pub fn event(at: Timestamp, resource: &Arc<Resource>, fields: &[(&str, Value)]) -> Event {
    let fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    Event { timestamp: at, resource: Arc::clone(resource), fields }
}

pub fn batch(dataset: Dataset, received_at: Timestamp, events: Vec<Event>) -> Batch {
    Batch::of_events(dataset, received_at, &events)
}

/// `count` logs of one service, numbered from `first` in field `n`.
pub fn logs(received_at: Timestamp, service: &str, first: i64, count: i64) -> Batch {
    let resource = resource(&[("service.name", service.into())]);
    let events = (first..first + count)
        .map(|n| {
            let at = received_at + Duration::from_millis(n as u64 % 1_000);
            event(at, &resource, &[("n", n.into()), ("body", format!("message number {n}").as_str().into())])
        })
        .collect();
    batch(Dataset::Logs, received_at, events)
}

pub async fn open(root: &Path, clock: &Arc<ManualClock>) -> (Store, StoreRecovery) {
    open_with(StoreConfig::new(root), clock).await
}

pub async fn open_with(config: StoreConfig, clock: &Arc<ManualClock>) -> (Store, StoreRecovery) {
    Store::open(config, RealDisk::shared(), clock.clone()).await.unwrap()
}

/// Rows as name → text, nulls left out, in no promised order.
pub fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in batches {
        let schema = batch.schema();
        let columns: Vec<_> = (0..batch.num_columns())
            .map(|index| {
                let column = batch.column(index);
                // Times as nanoseconds: their text would need a database of time zones.
                let shown = match column.data_type() {
                    DataType::Timestamp(..) => cast(column, &DataType::Int64).unwrap(),
                    _ => column.clone(),
                };
                (schema.field(index).name().clone(), shown)
            })
            .collect();
        let formatters = columns.iter().map(|(_, column)| ArrayFormatter::try_new(column, &options).unwrap());
        let formatters: Vec<_> = formatters.collect();
        rows.extend((0..batch.num_rows()).map(|row| {
            let present = columns.iter().zip(&formatters).filter(|((_, column), _)| column.is_valid(row));
            present
                .map(|((name, _), formatter)| (name.clone(), formatter.value(row).to_string()))
                .collect::<Row>()
        }));
    }
    rows
}

/// All rows of a dataset, hot and cold, sorted: two equal answers hold the same multiset.
pub fn all_rows(store: &Store, dataset: Dataset, disk: &dyn Disk) -> Vec<Row> {
    let snapshot = store.snapshot(dataset, TimeRange::ALL).unwrap();
    snapshot_rows(&snapshot, disk)
}

pub fn snapshot_rows(snapshot: &Snapshot, disk: &dyn Disk) -> Vec<Row> {
    let mut batches = snapshot.hot.clone();
    for segment in &snapshot.segments {
        let read = read_segment(disk, &segment.path).unwrap();
        assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>() as u64, segment.rows);
        for field in read[0].schema().fields() {
            let known = snapshot.schema.field_with_name(field.name()).unwrap();
            assert_eq!(known, field.as_ref(), "types are the same hot and cold");
        }
        batches.extend(read);
    }
    let mut rows = rows(&batches);
    rows.sort();
    rows
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,20}".prop_map(|text| Value::str(&text)),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Value::Bytes(bytes.into())),
        Just(Value::Json("[1,{\"a\":null}]".into())),
    ]
}

fn any_fields(
    names: &'static str,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<(String, Value)>> {
    proptest::collection::btree_map(names, any_value(), count).prop_map(|fields| fields.into_iter().collect())
}

/// Batches of one dataset whose names collide often: between events and with resources, in type and in name.
pub fn any_batch(dataset: Dataset) -> impl Strategy<Value = Batch> {
    let resources = proptest::collection::vec(any_fields("[a-d]|service\\.name", 0..4), 1..3);
    let events = proptest::collection::vec(
        (any::<prop::sample::Index>(), 0_i64..1_000, any_fields("[a-f]", 0..5)),
        1..12,
    );
    (resources, events).prop_map(move |(resources, events)| {
        let named = |fields: Vec<(String, Value)>| {
            fields.into_iter().map(|(name, value)| (name.into(), value)).collect::<Vec<_>>()
        };
        let resources: Vec<_> =
            resources.into_iter().map(|fields| Arc::new(Resource { attributes: named(fields) })).collect();
        let events: Vec<_> = events
            .into_iter()
            .map(|(which, millis, fields)| Event {
                timestamp: START + Duration::from_millis(millis as u64),
                resource: Arc::clone(which.get(&resources)),
                fields: named(fields),
            })
            .collect();
        Batch::of_events(dataset, START, &events)
    })
}
