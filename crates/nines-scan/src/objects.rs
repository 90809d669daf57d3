//! Rows as JSON objects.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type};
use serde_json::{Map, Value};

use nines_model::{Timestamp, ValueType, field};
use nines_storage::Column;

use crate::cache::Cache;
use crate::error::ScanError;
use crate::part::{Part, times_of};
use crate::render::cell;
use crate::rows::Rows;

/// Objects of stored rows that are kept: some ten thousand. A trace is asked for by its page, by its critical path, by
/// whoever follows a link to it, and the latest lines by every page that shows them.
const OBJECTS_BYTES_MAX: usize = 32 << 20;

/// Rows of a part beyond which they go past what is kept, so that an export neither pays for it nor empties it.
const KEPT_ROWS_MAX: usize = 256;

/// An event as callers get it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub at: Timestamp,
    /// Its position in its part.
    pub row: usize,
    pub fields: Map<String, Value>,
}

/// Objects by segment, row group and row. Cloning shares them. Segments never change, so neither do they.
#[derive(Debug, Clone)]
pub(crate) struct KeptObjects(Arc<Cache<(i64, usize, usize), Object>>);

impl Default for KeptObjects {
    fn default() -> Self {
        Self(Arc::new(Cache::new(OBJECTS_BYTES_MAX)))
    }
}

/// The chosen rows of the part, if they are few and every one of them was an object before; in order.
pub(crate) fn kept(part: &Part, rows: &Rows) -> Option<Vec<Arc<Object>>> {
    let (segment, row_group) = part.row_group().filter(|_| rows.count() <= KEPT_ROWS_MAX)?;
    let KeptObjects(kept) = segment.objects();
    rows.positions().map(|row| kept.get(&(segment.file.id, row_group, row))).collect()
}

fn keep(part: &Part, objects: &[Object]) {
    let Some((segment, row_group)) = part.row_group() else { return };
    if objects.len() > KEPT_ROWS_MAX {
        return;
    }
    let KeptObjects(kept) = segment.objects();
    for object in objects {
        // Here names have memory of their own, and maps have room to spare.
        let bytes = 2 * size_of(&object.fields);
        kept.put((segment.file.id, row_group, object.row), Arc::new(object.clone()), bytes);
    }
}

/// Whole rows of a part, in order: one object each, without the fields that are absent. JSON columns become JSON, and the
/// overflow's fields stand beside the others. `columns` tells JSON text from other text.
pub(crate) fn objects(part: &Part, rows: &Rows, columns: &[Column]) -> Result<Vec<Object>, ScanError> {
    if let Some(kept) = kept(part, rows) {
        return Ok(kept.iter().map(|object| Object::clone(object)).collect());
    }
    let names = part.columns();
    let read: Vec<&str> = names.iter().map(String::as_str).collect();
    let is_json =
        |name: &&str| columns.iter().any(|column| column.name == **name && column.kind == ValueType::Json);
    let json: Vec<bool> = read.iter().map(is_json).collect();
    let mut positions = rows.positions();
    let mut found: Vec<Object> = Vec::with_capacity(rows.count());
    for batch in part.read(&read, rows)? {
        let batch = batch?;
        let first = found.len();
        let at =
            read.iter().position(|name| *name == field::TIMESTAMP).and_then(|at| batch.arrays[at].as_ref());
        let times = at.map_or(&[][..], times_of);
        for row in 0..batch.rows {
            let at = Timestamp::from_nanos(times.get(row).copied().unwrap_or(0));
            found.push(Object { at, row: positions.next().unwrap_or(0), fields: Map::new() });
        }
        for ((name, array), is_json) in read.iter().zip(&batch.arrays).zip(&json) {
            if let Some(array) = array {
                add_column(&mut found[first..], name, array, *is_json);
            }
        }
    }
    keep(part, &found);
    Ok(found)
}

fn add_column(objects: &mut [Object], name: &str, array: &ArrayRef, is_json: bool) {
    for (row, object) in objects.iter_mut().enumerate() {
        if array.is_null(row) {
            continue;
        }
        let value = coded_cell(array, row).unwrap_or_else(|| cell(array, row));
        match (is_json, name == field::OVERFLOW) {
            (true, true) => add_overflow(&mut object.fields, value),
            (true, false) => drop(object.fields.insert(name.to_owned(), parsed(value))),
            _ => drop(object.fields.insert(name.to_owned(), value)),
        }
    }
}

/// The text that a code stands for.
fn coded_cell(array: &ArrayRef, row: usize) -> Option<Value> {
    if !matches!(array.data_type(), DataType::Dictionary(..)) {
        return None;
    }
    let coded = array.as_dictionary_opt::<Int32Type>()?;
    Some(cell(Arc::as_ref(coded.values()), coded.keys().value(row) as usize))
}

fn add_overflow(fields: &mut Map<String, Value>, text: Value) {
    match parsed(text) {
        Value::Object(more) => {
            for (name, value) in more {
                fields.entry(name).or_insert(value);
            }
        }
        other => drop(fields.insert(field::OVERFLOW.to_owned(), other)),
    }
}

/// The JSON that the text holds, or the text.
fn parsed(value: Value) -> Value {
    match &value {
        Value::String(text) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    }
}

/// A hash of what the row says, wherever it lies: the tie-break between rows of one instant. Equal in every question of
/// one build of the program; a field that is absent does not count.
pub(crate) fn content_hash(fields: &Map<String, Value>) -> u64 {
    let text = serde_json::to_string(fields).unwrap_or_default();
    twox_hash::XxHash64::oneshot(0, text.as_bytes())
}

/// About what the object takes in an answer.
pub(crate) fn size_of(fields: &Map<String, Value>) -> usize {
    const PER_FIELD: usize = 48;
    fields
        .iter()
        .map(|(name, value)| {
            PER_FIELD
                + name.len()
                + value
                    .as_str()
                    .map_or_else(|| if value.is_object() || value.is_array() { 512 } else { 8 }, str::len)
        })
        .sum()
}
