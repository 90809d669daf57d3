//! One record batch, read by column name. A column that is absent, or holds another type, reads as null.

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};

use nines_model::field;

pub(crate) struct Texts<'a>(Option<&'a StringViewArray>);

impl<'a> Texts<'a> {
    pub fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self(batch.column_by_name(name).and_then(|column| column.as_string_view_opt()))
    }

    pub fn get(&self, row: usize) -> Option<&'a str> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// The first of several names under which a value may stand, as conventions changed.
pub(crate) struct FirstOf<'a, const N: usize>([Texts<'a>; N]);

impl<'a, const N: usize> FirstOf<'a, N> {
    pub fn of(batch: &'a RecordBatch, names: &[&str; N]) -> Self {
        Self(names.map(|name| Texts::of(batch, name)))
    }

    pub fn get(&self, row: usize) -> Option<&'a str> {
        self.0.iter().find_map(|texts| texts.get(row)).filter(|text| !text.is_empty())
    }
}

pub(crate) struct Ints<'a>(Option<&'a Int64Array>);

impl<'a> Ints<'a> {
    pub fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self(batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>()))
    }

    pub fn get(&self, row: usize) -> Option<i64> {
        self.0.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }
}

/// The times of the rows, in nanoseconds. Empty if the batch was read without them.
pub(crate) fn times(batch: &RecordBatch) -> &[i64] {
    batch
        .column_by_name(field::TIMESTAMP)
        .and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>())
        .map_or(&[], |column| column.values())
}
