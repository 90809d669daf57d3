//! The columns of a dataset: which exist, of which type, and what they are in Arrow.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use hashbrown::HashMap;

use nines_model::{Dataset, Name, ValueType, field};

/// Columns per dataset. Each costs a Parquet column chunk per row group and a line in every schema; a
/// thousand names cover OpenTelemetry's whole registry several times over, and what is beyond goes to `overflow`.
pub const COLUMNS_MAX: usize = 1_000;

/// A name longer than this is not made a column.
const NAME_BYTES_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: Name,
    pub kind: ValueType,
}

/// The columns of one dataset in the order in which they were first seen. They only ever grow.
#[derive(Debug)]
pub struct Registry {
    columns: Vec<Column>,
    fields: Vec<FieldRef>,
    slots: HashMap<Name, usize>,
    /// Made of `fields` when it is asked for after a change.
    schema: OnceLock<SchemaRef>,
    overflow: usize,
}

impl Registry {
    pub const TIMESTAMP_SLOT: usize = 0;

    /// The columns that Nines itself knows for the dataset, then the learned ones.
    pub fn new(dataset: Dataset, learned: impl IntoIterator<Item = Column>) -> Self {
        let mut registry = Self {
            columns: Vec::new(),
            fields: Vec::new(),
            slots: HashMap::default(),
            schema: OnceLock::new(),
            overflow: 0,
        };
        registry.insert(Column { name: field::TIMESTAMP.into(), kind: ValueType::Time });
        for &name in core_fields(dataset) {
            registry.insert(Column { name: name.into(), kind: fixed_kind(name).unwrap_or(ValueType::Str) });
        }
        registry.overflow = registry.columns.len();
        registry.insert(Column { name: field::OVERFLOW.into(), kind: ValueType::Json });
        for column in learned {
            if !registry.slots.contains_key(&column.name) {
                registry.insert(column);
            }
        }
        registry
    }

    /// The slot of `name`, made with type `kind` if it is new and there is room; `None` means overflow.
    pub fn slot(&mut self, name: &Name, kind: ValueType) -> Option<usize> {
        if let Some(&slot) = self.slots.get(name) {
            // The two columns that the store fills itself are not the sender's to write.
            return (slot != Self::TIMESTAMP_SLOT && slot != self.overflow).then_some(slot);
        }
        if self.columns.len() >= COLUMNS_MAX || name.is_empty() || name.len() > NAME_BYTES_MAX {
            return None;
        }
        Some(self.insert(Column { name: name.clone(), kind: fixed_kind(name).unwrap_or(kind) }))
    }

    fn insert(&mut self, column: Column) -> usize {
        let slot = self.columns.len();
        self.slots.insert(column.name.clone(), slot);
        self.fields.push(Arc::new(arrow_field(&column)));
        self.columns.push(column);
        self.schema = OnceLock::new();
        slot
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn column(&self, slot: usize) -> &Column {
        &self.columns[slot]
    }

    pub fn field(&self, slot: usize) -> &FieldRef {
        &self.fields[slot]
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.get_or_init(|| Arc::new(Schema::new(self.fields.clone()))))
    }

    pub fn overflow_slot(&self) -> usize {
        self.overflow
    }
}

pub fn arrow_field(column: &Column) -> Field {
    Field::new(column.name.as_str(), arrow_type(column.kind), column.name != field::TIMESTAMP)
}

/// The Arrow type of a column, hot and cold alike. See the crate documentation for the reasons.
pub fn arrow_type(kind: ValueType) -> DataType {
    match kind {
        ValueType::Str | ValueType::Json => DataType::Utf8View,
        ValueType::Int => DataType::Int64,
        ValueType::Float => DataType::Float64,
        ValueType::Bool => DataType::Boolean,
        ValueType::Bytes => DataType::BinaryView,
        ValueType::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
    }
}

/// The type that a field of [`nines_model::field`] always has, whatever is seen first.
fn fixed_kind(name: &str) -> Option<ValueType> {
    use field::*;
    let kind = match name {
        TIMESTAMP | START_TIMESTAMP | OBSERVED_TIMESTAMP => ValueType::Time,
        DURATION_NS | FLAGS | SEVERITY_NUMBER | COUNT => ValueType::Int,
        VALUE | SUM | MIN | MAX => ValueType::Float,
        IS_MONOTONIC => ValueType::Bool,
        SPAN_EVENTS | SPAN_LINKS | BUCKETS | EXEMPLARS | OVERFLOW => ValueType::Json,
        TRACE_ID
        | SPAN_ID
        | PARENT_SPAN_ID
        | NAME
        | KIND
        | STATUS_CODE
        | STATUS_MESSAGE
        | TRACE_STATE
        | BODY
        | SEVERITY_TEXT
        | EVENT_NAME
        | METRIC_TYPE
        | UNIT
        | DESCRIPTION
        | TEMPORALITY
        | SCOPE_NAME
        | SCOPE_VERSION
        | SERVICE_NAME
        | SERVICE_VERSION
        | DEPLOYMENT_ENVIRONMENT
        | CHANGE_KIND
        | CHANGE_ID
        | CHANGE_BY
        | CHANGE_UNDO
        | USER_ID => ValueType::Str,
        _ => return None,
    };
    Some(kind)
}

/// Columns that a dataset has before its first row, so that a query on an empty table knows them.
fn core_fields(dataset: Dataset) -> &'static [&'static str] {
    use field::*;
    match dataset {
        Dataset::Logs => &[
            SERVICE_NAME,
            SEVERITY_NUMBER,
            SEVERITY_TEXT,
            BODY,
            TRACE_ID,
            SPAN_ID,
            OBSERVED_TIMESTAMP,
            EVENT_NAME,
            SERVICE_VERSION,
            DEPLOYMENT_ENVIRONMENT,
        ],
        Dataset::Spans => &[
            SERVICE_NAME,
            NAME,
            KIND,
            DURATION_NS,
            STATUS_CODE,
            STATUS_MESSAGE,
            TRACE_ID,
            SPAN_ID,
            PARENT_SPAN_ID,
            SPAN_EVENTS,
            SPAN_LINKS,
            SERVICE_VERSION,
            DEPLOYMENT_ENVIRONMENT,
        ],
        Dataset::Metrics => &[
            NAME,
            VALUE,
            METRIC_TYPE,
            UNIT,
            TEMPORALITY,
            IS_MONOTONIC,
            START_TIMESTAMP,
            COUNT,
            SUM,
            MIN,
            MAX,
            BUCKETS,
            SERVICE_NAME,
        ],
        Dataset::Probes => &[SERVICE_NAME, NAME, STATUS_CODE, STATUS_MESSAGE, DURATION_NS],
        Dataset::Beacons => &[SERVICE_NAME, NAME, USER_ID, DURATION_NS],
        Dataset::Changes => &[
            SERVICE_NAME,
            NAME,
            CHANGE_KIND,
            CHANGE_ID,
            CHANGE_BY,
            CHANGE_UNDO,
            SERVICE_VERSION,
            DEPLOYMENT_ENVIRONMENT,
        ],
    }
}
