//! Hot rows of one dataset: finished chunks, and one that grows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use nines_model::{Batch, Event, Name, Resource, TimeRange, Timestamp, Value};

use crate::column::ColumnBuilder;
use crate::overflow::overflow_text;
use crate::schema::Registry;

/// Rows per chunk: Arrow's kernels like thousands of rows, and a snapshot copies at most one unfinished chunk.
pub const CHUNK_ROWS: usize = 16_384;

/// A snapshot finishes the growing chunk if it has this many rows, and copies it if it has fewer, so that frequent
/// snapshots neither copy much nor leave many tiny chunks.
const CHUNK_ROWS_WORTH_FINISHING: usize = 4_096;

/// What a column costs per row before its text: a view.
const CELL_BYTES: usize = 16;

/// A finished chunk. It has the columns that its rows use, in order of slot.
#[derive(Debug)]
pub struct Chunk {
    pub batch: RecordBatch,
    pub min_time: Timestamp,
    pub max_time: Timestamp,
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub struct Memtable {
    finished: Vec<Arc<Chunk>>,
    growing: Growing,
    /// The copy that the last snapshot made of `growing`, while it is still the same.
    copy: Option<Arc<Chunk>>,
    finished_bytes: u64,
    rows: u64,
}

#[derive(Debug, Default)]
struct Growing {
    /// By slot.
    columns: Vec<Option<ColumnBuilder>>,
    rows: usize,
    min_time: Timestamp,
    max_time: Timestamp,
    bytes: u64,
}

impl Memtable {
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn bytes(&self) -> u64 {
        self.finished_bytes + self.growing.bytes
    }

    /// Adds the events in order. New names become columns of `registry`.
    pub fn append(&mut self, registry: &mut Registry, batch: &Batch) {
        self.copy = None;
        let mut layout = Layout::default();
        for event in &batch.events {
            if self.growing.rows >= CHUNK_ROWS {
                self.finish_growing(registry);
            }
            self.growing.append(registry, &mut layout, event);
        }
        self.rows += batch.events.len() as u64;
    }

    /// All rows so far, cheaply: shared chunks, and a copy of the growing one.
    pub fn chunks(&mut self, registry: &Registry) -> Vec<Arc<Chunk>> {
        if self.growing.rows >= CHUNK_ROWS_WORTH_FINISHING {
            self.finish_growing(registry);
        }
        let mut chunks = self.finished.clone();
        if self.growing.rows > 0 {
            let growing = &mut self.growing;
            chunks.push(Arc::clone(self.copy.get_or_insert_with(|| Arc::new(growing.copy(registry)))));
        }
        chunks
    }

    /// Takes all rows out.
    pub fn take(&mut self, registry: &Registry) -> Vec<Arc<Chunk>> {
        self.finish_growing(registry);
        std::mem::take(self).finished
    }

    /// Of the oldest and the newest row.
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let growing = (self.growing.rows > 0).then_some((self.growing.min_time, self.growing.max_time));
        let finished = self.finished.iter().map(|chunk| (chunk.min_time, chunk.max_time));
        finished.chain(growing).reduce(|(from, to), (min, max)| (from.min(min), to.max(max)))
    }

    fn finish_growing(&mut self, registry: &Registry) {
        self.copy = None;
        let growing = std::mem::take(&mut self.growing);
        if growing.rows > 0 {
            let chunk = growing.finish(registry);
            self.finished_bytes += chunk.bytes;
            self.finished.push(Arc::new(chunk));
        }
    }
}

/// Where the fields of the last event went. The next one nearly always has the same names in the same places.
#[derive(Default)]
struct Layout<'a> {
    fields: Vec<(&'a Name, Option<usize>)>,
    resource: Option<ResourceLayout<'a>>,
}

struct ResourceLayout<'a> {
    resource: &'a Arc<Resource>,
    slots: Vec<Option<usize>>,
}

impl<'a> Layout<'a> {
    fn slot(
        &mut self,
        registry: &mut Registry,
        position: usize,
        name: &'a Name,
        value: &Value,
    ) -> Option<usize> {
        if let Some((known, slot)) = self.fields.get(position)
            && *known == name
        {
            return *slot;
        }
        let slot = registry.slot(name, value.value_type());
        match self.fields.get_mut(position) {
            Some(known) => *known = (name, slot),
            None => self.fields.push((name, slot)),
        }
        slot
    }

    fn resource(&mut self, registry: &mut Registry, resource: &'a Arc<Resource>) -> &ResourceLayout<'a> {
        let known = self.resource.take().filter(|known| Arc::ptr_eq(known.resource, resource));
        self.resource.insert(known.unwrap_or_else(|| {
            let attributes = resource.attributes.iter();
            let slots = attributes.map(|(name, value)| registry.slot(name, value.value_type())).collect();
            ResourceLayout { resource, slots }
        }))
    }
}

impl Growing {
    fn append<'a>(&mut self, registry: &mut Registry, layout: &mut Layout<'a>, event: &'a Event) {
        let row = self.rows;
        let at = event.timestamp;
        self.put(registry, Registry::TIMESTAMP_SLOT, &Value::Int(at.as_nanos()));
        let mut overflow: Vec<(&Name, &Value)> = Vec::new();
        for (position, (name, value)) in event.fields.iter().enumerate() {
            let slot = layout.slot(registry, position, name, value);
            if !slot.is_some_and(|slot| self.put(registry, slot, value)) {
                overflow.push((name, value));
            }
        }
        let mut renamed = Vec::new();
        let resource = layout.resource(registry, &event.resource);
        for ((name, value), slot) in event.resource.attributes.iter().zip(&resource.slots) {
            let taken =
                slot.is_some_and(|slot| self.is_set(slot)) || overflow.iter().any(|(own, _)| *own == name);
            if taken {
                // The event's own field wins; what the resource says differently is kept beside it.
                if event.get(name) != Some(value) {
                    renamed.push((Name::new(format!("resource.{name}")), value));
                }
            } else if !slot.is_some_and(|slot| self.put(registry, slot, value)) {
                overflow.push((name, value));
            }
        }
        for (name, value) in &renamed {
            let slot = registry.slot(name, value.value_type());
            if !slot.is_some_and(|slot| self.put(registry, slot, value)) {
                overflow.push((name, value));
            }
        }
        if !overflow.is_empty() {
            let text = Value::Json(overflow_text(&overflow).into());
            self.put(registry, registry.overflow_slot(), &text);
        }
        self.min_time = if row == 0 { at } else { self.min_time.min(at) };
        self.max_time = if row == 0 { at } else { self.max_time.max(at) };
        self.rows += 1;
    }

    /// Whether the current row has a value in the column.
    fn is_set(&self, slot: usize) -> bool {
        self.columns.get(slot).and_then(Option::as_ref).is_some_and(|column| column.len() > self.rows)
    }

    fn put(&mut self, registry: &Registry, slot: usize, value: &Value) -> bool {
        if self.columns.len() <= slot {
            self.columns.resize_with(slot + 1, || None);
        }
        let column = self.columns[slot].get_or_insert_with(|| ColumnBuilder::new(registry.column(slot)));
        let stored = column.len() <= self.rows && column.put(self.rows, value);
        if stored {
            self.bytes += (CELL_BYTES + text_bytes(value)) as u64;
        }
        stored
    }

    fn copy(&mut self, registry: &Registry) -> Chunk {
        let rows = self.rows;
        let columns = self.columns.iter_mut().enumerate().filter_map(|(slot, column)| {
            let column = column.as_mut()?;
            column.pad(rows);
            Some((slot, column.peek()))
        });
        let columns = columns.collect();
        self.chunk(registry, columns)
    }

    fn finish(mut self, registry: &Registry) -> Chunk {
        let rows = self.rows;
        let columns =
            std::mem::take(&mut self.columns).into_iter().enumerate().filter_map(|(slot, column)| {
                let mut column = column?;
                column.pad(rows);
                Some((slot, column.finish()))
            });
        let columns = columns.collect();
        self.chunk(registry, columns)
    }

    fn chunk(&self, registry: &Registry, columns: Vec<(usize, ArrayRef)>) -> Chunk {
        let (slots, columns): (Vec<usize>, Vec<ArrayRef>) = columns.into_iter().unzip();
        let fields: Vec<FieldRef> = slots.iter().map(|&slot| Arc::clone(registry.field(slot))).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .expect("builders are made from the schema and padded to the same length");
        Chunk { batch, min_time: self.min_time, max_time: self.max_time, bytes: self.bytes }
    }
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Str(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

impl Chunk {
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.min_time < range.end && range.start <= self.max_time
    }
}

/// Gives batches the columns of a wider schema, absent ones as nulls. The nulls of one type are made once and shared.
pub struct Widener {
    schema: SchemaRef,
    nulls: Vec<ArrayRef>,
    rows_max: usize,
}

impl Widener {
    /// For batches of at most `rows_max` rows.
    pub fn new(schema: SchemaRef, rows_max: usize) -> Self {
        Self { schema, nulls: Vec::new(), rows_max }
    }

    pub fn widen(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        if batch.schema_ref().fields() == self.schema.fields() {
            return Ok(batch.clone());
        }
        let schema = Arc::clone(&self.schema);
        let fields = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        let present: HashMap<&str, &ArrayRef> = fields.zip(batch.columns()).collect();
        let columns = schema.fields().iter().map(|field| match present.get(field.name().as_str()) {
            Some(column) => Arc::clone(column),
            None => self.null_column(field, batch.num_rows()),
        });
        let columns = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)
    }

    fn null_column(&mut self, field: &Field, rows: usize) -> ArrayRef {
        let known = self.nulls.iter().find(|nulls| nulls.data_type() == field.data_type());
        if let Some(nulls) = known {
            return nulls.slice(0, rows);
        }
        let nulls = new_null_array(field.data_type(), self.rows_max);
        self.nulls.push(Arc::clone(&nulls));
        nulls.slice(0, rows)
    }
}
