use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryViewBuilder, BooleanBuilder, Float64Builder, Int64Builder,
    StringViewBuilder, TimestampNanosecondBuilder,
};

use nines_model::rows::{Column as Sent, TextColumn, Values as Packed};
use nines_model::{ValueRef, ValueType, field};

use crate::schema::{Column, arrow_type};

/// Longer strings are not looked up for sharing: they are messages, and rarely repeat exactly.
const SHARED_TEXT_BYTES_MAX: u32 = 128;

/// Text is gathered in blocks of this size. A chunk's columns of long text fill tens of them, and most columns have none.
const TEXT_BLOCK_BYTES: u32 = 64 * 1024;
/// The same for columns whose texts are shared: a chunk has a handful of them, and a block is kept whole however little
/// is in it.
const SHARED_TEXT_BLOCK_BYTES: u32 = 8 * 1024;

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
        let texts = || StringViewBuilder::with_capacity(0).with_fixed_block_size(TEXT_BLOCK_BYTES);
        let values = match column.kind {
            ValueType::Str if is_unique(&column.name) => Values::Str(texts()),
            ValueType::Str => Values::Str(
                texts()
                    .with_fixed_block_size(SHARED_TEXT_BLOCK_BYTES)
                    .with_deduplicate_strings()
                    .with_max_deduplication_len(SHARED_TEXT_BYTES_MAX),
            ),
            ValueType::Json => Values::Json(texts()),
            ValueType::Int => Values::Int(Int64Builder::with_capacity(0)),
            ValueType::Float => Values::Float(Float64Builder::with_capacity(0)),
            ValueType::Bool => Values::Bool(BooleanBuilder::with_capacity(0)),
            ValueType::Bytes => {
                Values::Bytes(BinaryViewBuilder::with_capacity(0).with_fixed_block_size(TEXT_BLOCK_BYTES))
            }
            ValueType::Time => Values::Time(
                TimestampNanosecondBuilder::with_capacity(0).with_data_type(arrow_type(ValueType::Time)),
            ),
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
    pub fn put(&mut self, row: usize, value: ValueRef<'_>) -> bool {
        if !self.accepts(value) {
            return false;
        }
        self.pad(row);
        match (&mut self.values, value) {
            (Values::Str(values), ValueRef::Str(text) | ValueRef::Json(text))
            | (Values::Json(values), ValueRef::Json(text)) => values.append_value(text),
            (Values::Int(values), ValueRef::Int(number)) => values.append_value(number),
            (Values::Float(values), ValueRef::Float(number)) => values.append_value(number),
            (Values::Float(values), ValueRef::Int(number)) => values.append_value(number as f64),
            (Values::Bool(values), ValueRef::Bool(flag)) => values.append_value(flag),
            (Values::Bytes(values), ValueRef::Bytes(bytes)) => values.append_value(bytes),
            (Values::Time(values), ValueRef::Int(nanos)) => values.append_value(nanos),
            _ => return false,
        }
        true
    }

    /// Puts the same value at each of `count` rows from `row` on; as [`ColumnBuilder::put`] otherwise.
    pub fn put_run(&mut self, row: usize, count: usize, value: ValueRef<'_>) -> bool {
        (row..row + count).all(|row| self.put(row, value))
    }

    fn accepts(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Int(number) if matches!(self.values, Values::Float(_)) => {
                number.unsigned_abs() <= EXACT_FLOAT_MAX
            }
            _ => self.takes(value.value_type()),
        }
    }

    /// Whether every value of this type fits.
    fn takes(&self, kind: ValueType) -> bool {
        matches!(
            (&self.values, kind),
            (Values::Str(_), ValueType::Str | ValueType::Json)
                | (Values::Json(_), ValueType::Json)
                | (Values::Int(_) | Values::Time(_), ValueType::Int)
                | (Values::Float(_), ValueType::Float)
                | (Values::Bool(_), ValueType::Bool)
                | (Values::Bytes(_), ValueType::Bytes)
        )
    }

    /// Puts the values that a column of a batch has in `rows`, the first of which comes to lie at row `base`. Values that
    /// do not fit go to `spill`, with their row in the batch. Returns the bytes of text taken in.
    pub fn extend<'a>(
        &mut self,
        base: usize,
        sent: &'a Sent,
        rows: Range<usize>,
        mut spill: impl FnMut(usize, ValueRef<'a>),
    ) -> Extended {
        let presence = sent.presence();
        let (from, to) = (presence.rank(rows.start), presence.rank(rows.end));
        let start = rows.start;
        let present = presence.rows_within(rows);
        if from == to {
            return Extended::default();
        }
        if !self.takes(sent.kind()) {
            let mut taken = 0;
            for (row, index) in present.zip(from..to) {
                let value = sent.values().get(index);
                if self.put(base + row - start, value) {
                    taken += 1;
                } else {
                    spill(row, value);
                }
            }
            return Extended { values: taken, text_bytes: 0 };
        }
        let first = present.clone().next().unwrap_or(start);
        let is_run = presence.rank(first + (to - from)) - from == to - from;
        let place = |row: usize| base + row - start;
        match (&mut self.values, sent.values()) {
            (Values::Int(values), Packed::Int(numbers)) if is_run => {
                values.append_nulls(place(first) - values.len());
                values.append_slice(&numbers[from..to]);
            }
            (Values::Time(values), Packed::Int(numbers)) if is_run => {
                values.append_nulls(place(first) - values.len());
                values.append_slice(&numbers[from..to]);
            }
            (Values::Float(values), Packed::Float(numbers)) if is_run => {
                values.append_nulls(place(first) - values.len());
                values.append_slice(&numbers[from..to]);
            }
            (Values::Bool(values), Packed::Bool(flags)) if is_run => {
                values.append_nulls(place(first) - values.len());
                values.append_slice(&flags[from..to]);
            }
            (Values::Str(values), Packed::Str(texts) | Packed::Json(texts))
            | (Values::Json(values), Packed::Json(texts)) => {
                return extend_texts(values, texts, from, present.map(place));
            }
            _ => {
                for (row, index) in present.zip(from..to) {
                    self.put(place(row), sent.values().get(index));
                }
            }
        }
        Extended { values: to - from, text_bytes: 0 }
    }

    /// The times of the next rows.
    pub fn extend_times(&mut self, nanos: &[i64]) {
        match &mut self.values {
            Values::Time(values) => values.append_slice(nanos),
            _ => unreachable!("the first column is that of times"),
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

/// What came of [`ColumnBuilder::extend`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extended {
    pub values: usize,
    pub text_bytes: usize,
}

/// Puts the texts from index `from` on at the given rows.
fn extend_texts(
    values: &mut StringViewBuilder,
    texts: &TextColumn,
    from: usize,
    rows: impl Iterator<Item = usize>,
) -> Extended {
    let mut extended = Extended::default();
    for (row, text) in rows.zip(texts.iter_from(from)) {
        while values.len() < row {
            values.append_null();
        }
        values.append_value(text);
        extended.values += 1;
        extended.text_bytes += text.len();
    }
    extended
}

/// Columns whose values hardly repeat: looking for repeats there would only cost.
pub fn is_unique(name: &str) -> bool {
    matches!(name, field::TRACE_ID | field::SPAN_ID | field::PARENT_SPAN_ID | field::BODY)
}
