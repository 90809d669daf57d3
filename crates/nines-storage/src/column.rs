use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryViewBuilder, BooleanBuilder, Float64Builder, Int64Builder,
    StringViewBuilder, TimestampNanosecondBuilder,
};

use nines_model::{Value, ValueType, field};

use crate::schema::{Column, arrow_type};

/// Longer strings are not looked up for sharing: they are messages, and rarely repeat exactly.
const SHARED_TEXT_BYTES_MAX: u32 = 128;

/// Integers up to this size are exact as a 64-bit float (2^53).
const EXACT_FLOAT_MAX: u64 = 1 << 53;

/// Grows one column of a chunk. Rows that say nothing are filled with nulls when the next value, or the end, comes.
#[derive(Debug)]
pub struct ColumnBuilder {
    values: Values,
}

#[derive(Debug)]
enum Values {
    Str(StringViewBuilder),
    Json(StringViewBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Bytes(BinaryViewBuilder),
    Time(TimestampNanosecondBuilder),
}

impl ColumnBuilder {
    pub fn new(column: &Column) -> Self {
        let values = match column.kind {
            ValueType::Str if is_unique(&column.name) => Values::Str(StringViewBuilder::new()),
            ValueType::Str => Values::Str(
                StringViewBuilder::new()
                    .with_deduplicate_strings()
                    .with_max_deduplication_len(SHARED_TEXT_BYTES_MAX),
            ),
            ValueType::Json => Values::Json(StringViewBuilder::new()),
            ValueType::Int => Values::Int(Int64Builder::new()),
            ValueType::Float => Values::Float(Float64Builder::new()),
            ValueType::Bool => Values::Bool(BooleanBuilder::new()),
            ValueType::Bytes => Values::Bytes(BinaryViewBuilder::new()),
            ValueType::Time => {
                Values::Time(TimestampNanosecondBuilder::new().with_data_type(arrow_type(ValueType::Time)))
            }
        };
        Self { values }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Str(values) | Values::Json(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Bool(values) => values.len(),
            Values::Bytes(values) => values.len(),
            Values::Time(values) => values.len(),
        }
    }

    /// Puts `value` at `row`, which no value has been put at. `false`, and no change, if it does not fit the type: only
    /// integers that a float holds exactly are converted, and JSON text is taken as plain text.
    pub fn put(&mut self, row: usize, value: &Value) -> bool {
        if !self.accepts(value) {
            return false;
        }
        self.pad(row);
        match (&mut self.values, value) {
            (Values::Str(values), Value::Str(text) | Value::Json(text))
            | (Values::Json(values), Value::Json(text)) => {
                values.append_value(text.as_str());
            }
            (Values::Int(values), Value::Int(number)) => values.append_value(*number),
            (Values::Float(values), Value::Float(number)) => values.append_value(*number),
            (Values::Float(values), Value::Int(number)) => values.append_value(*number as f64),
            (Values::Bool(values), Value::Bool(flag)) => values.append_value(*flag),
            (Values::Bytes(values), Value::Bytes(bytes)) => values.append_value(bytes),
            (Values::Time(values), Value::Int(nanos)) => values.append_value(*nanos),
            _ => return false,
        }
        true
    }

    fn accepts(&self, value: &Value) -> bool {
        match (&self.values, value) {
            (Values::Float(_), Value::Int(number)) => number.unsigned_abs() <= EXACT_FLOAT_MAX,
            (Values::Str(_), Value::Str(_) | Value::Json(_))
            | (Values::Json(_), Value::Json(_))
            | (Values::Int(_) | Values::Time(_), Value::Int(_))
            | (Values::Float(_), Value::Float(_))
            | (Values::Bool(_), Value::Bool(_))
            | (Values::Bytes(_), Value::Bytes(_)) => true,
            _ => false,
        }
    }

    /// Nulls up to `rows`.
    pub fn pad(&mut self, rows: usize) {
        let missing = rows - self.len();
        if missing == 0 {
            return;
        }
        match &mut self.values {
            Values::Str(values) | Values::Json(values) => (0..missing).for_each(|_| values.append_null()),
            Values::Bytes(values) => (0..missing).for_each(|_| values.append_null()),
            Values::Int(values) => values.append_nulls(missing),
            Values::Float(values) => values.append_nulls(missing),
            Values::Bool(values) => values.append_nulls(missing),
            Values::Time(values) => values.append_nulls(missing),
        }
    }

    /// The column so far; the builder goes on. Copies what is not in a full block yet.
    pub fn peek(&self) -> ArrayRef {
        match &self.values {
            Values::Str(values) | Values::Json(values) => Arc::new(values.finish_cloned()),
            Values::Int(values) => Arc::new(values.finish_cloned()),
            Values::Float(values) => Arc::new(values.finish_cloned()),
            Values::Bool(values) => Arc::new(values.finish_cloned()),
            Values::Bytes(values) => Arc::new(values.finish_cloned()),
            Values::Time(values) => Arc::new(values.finish_cloned()),
        }
    }

    pub fn finish(mut self) -> ArrayRef {
        match &mut self.values {
            Values::Str(values) | Values::Json(values) => Arc::new(values.finish()),
            Values::Int(values) => Arc::new(values.finish()),
            Values::Float(values) => Arc::new(values.finish()),
            Values::Bool(values) => Arc::new(values.finish()),
            Values::Bytes(values) => Arc::new(values.finish()),
            Values::Time(values) => Arc::new(values.finish()),
        }
    }
}

/// Columns whose values hardly repeat: looking for repeats there would only cost.
pub fn is_unique(name: &str) -> bool {
    matches!(name, field::TRACE_ID | field::SPAN_ID | field::PARENT_SPAN_ID | field::BODY)
}
