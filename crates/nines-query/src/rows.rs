//! Record batches as what the callers get.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampNanosecondType};
use nines_model::{Timestamp, ValueType, field};
use nines_storage::Column;
use serde_json::{Map, Value};

use crate::render::cell;

/// One object per row, without the fields that are absent. JSON columns become JSON, and the overflow's fields stand
/// beside the others.
pub(crate) fn objects(batches: &[RecordBatch], columns: &[Column]) -> Vec<Map<String, Value>> {
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        let start = rows.len();
        rows.resize_with(start + batch.num_rows(), Map::new);
        let schema = batch.schema();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            if array.null_count() == array.len() {
                continue;
            }
            let name = field.name();
            let is_json =
                columns.iter().any(|column| column.name == name.as_str() && column.kind == ValueType::Json);
            for row in 0..batch.num_rows() {
                if array.is_null(row) {
                    continue;
                }
                let value = cell(array, row);
                match (is_json, name == field::OVERFLOW) {
                    (true, true) => add_overflow(&mut rows[start + row], value),
                    (true, false) => drop(rows[start + row].insert(name.clone(), parsed(value))),
                    _ => drop(rows[start + row].insert(name.clone(), value)),
                }
            }
        }
    }
    rows
}

fn add_overflow(row: &mut Map<String, Value>, text: Value) {
    match parsed(text) {
        Value::Object(fields) => {
            for (name, value) in fields {
                row.entry(name).or_insert(value);
            }
        }
        other => drop(row.insert(field::OVERFLOW.to_owned(), other)),
    }
}

/// The JSON that the text holds, or the text.
fn parsed(value: Value) -> Value {
    match &value {
        Value::String(text) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    }
}

/// The times of a plan that selects nothing else.
pub(crate) fn timestamps(batches: &[RecordBatch]) -> Vec<Timestamp> {
    let mut times = Vec::new();
    for batch in batches {
        let column = batch.column(0).as_primitive::<TimestampNanosecondType>();
        times.extend(column.values().iter().map(|nanos| Timestamp::from_nanos(*nanos)));
    }
    times
}

/// Reads the columns of an aggregate by position; what does not convert is null.
pub(crate) struct Aggregates<'a> {
    pub batch: &'a RecordBatch,
}

impl Aggregates<'_> {
    pub fn text(&self, column: usize, row: usize) -> Option<String> {
        match cell(self.batch.column(column), row) {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    pub fn int(&self, column: usize, row: usize) -> Option<i64> {
        let array = as_type(self.batch.column(column), &DataType::Int64)?;
        let array = array.as_primitive::<Int64Type>();
        array.is_valid(row).then(|| array.value(row))
    }

    pub fn count(&self, column: usize, row: usize) -> u64 {
        self.int(column, row).and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }

    pub fn float(&self, column: usize, row: usize) -> Option<f64> {
        let array = as_type(self.batch.column(column), &DataType::Float64)?;
        let array = array.as_primitive::<Float64Type>();
        array.is_valid(row).then(|| array.value(row))
    }

    pub fn rows(&self) -> std::ops::Range<usize> {
        0..self.batch.num_rows()
    }
}

fn as_type(array: &ArrayRef, data_type: &DataType) -> Option<ArrayRef> {
    if array.data_type() == data_type { Some(array.clone()) } else { cast(array, data_type).ok() }
}
