//! Hot rows of one dataset: finished chunks, and one that grows.

mod layout;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use nines_model::{Name, Rows, TimeRange, Timestamp, ValueRef};

use crate::column::ColumnBuilder;
use crate::overflow::overflow_text;
use crate::schema::Registry;
use layout::{Layout, Place};

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
    /// Memory, as the allocator was asked for it.
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

    /// Adds the rows in order. New names become columns of `registry`.
    pub fn append(&mut self, registry: &mut Registry, rows: &Rows) {
        self.copy = None;
        let layout = Layout::new(registry, rows);
        let mut next = 0;
        while next < rows.len() {
            if self.growing.rows >= CHUNK_ROWS {
                self.finish_growing(registry);
            }
            let end = rows.len().min(next + CHUNK_ROWS - self.growing.rows);
            self.growing.append(registry, &layout, rows, next..end);
            next = end;
        }
        self.rows += rows.len() as u64;
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

/// A value that no column takes, with its row in the batch.
type Spilled<'a> = (usize, Name, ValueRef<'a>);

impl Growing {
    /// Adds some rows of a batch: whole columns at once, and row by row only the fields that more than one value may be
    /// meant for (see [`Layout`]).
    fn append<'a>(&mut self, registry: &mut Registry, layout: &Layout, rows: &'a Rows, range: Range<usize>) {
        let base = self.rows;
        let mut spilled: Vec<Spilled<'a>> = Vec::new();
        self.append_times(registry, &rows.timestamps()[range.clone()]);
        for (sent, place) in rows.columns().iter().zip(&layout.columns) {
            let spill = |row, value| spilled.push((row, sent.name().clone(), value));
            match place {
                Place::Slot(slot) => {
                    let column = self.column(registry, *slot);
                    let extended = column.extend(base, sent, range.clone(), spill);
                    self.bytes += (extended.values * CELL_BYTES + extended.text_bytes) as u64;
                }
                Place::Overflow => sent.iter_within(range.clone()).for_each(|(row, value)| {
                    spilled.push((row, sent.name().clone(), value));
                }),
                Place::Contested(_) => {}
            }
        }
        let mut start = range.start;
        for run in rows.resource_of()[range.clone()].chunk_by(|a, b| a == b) {
            self.append_shared(
                registry,
                layout,
                rows,
                start..start + run.len(),
                base + start - range.start,
                &mut spilled,
            );
            start += run.len();
        }
        if layout.has_contested {
            for row in range.clone() {
                self.append_contested(registry, layout, rows, row, base + row - range.start, &mut spilled);
            }
        }
        self.append_overflow(registry, spilled, base, range.start);
        self.rows += range.len();
    }

    fn append_times(&mut self, registry: &Registry, times: &[i64]) {
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for &at in times {
            (min, max) = (min.min(at), max.max(at));
        }
        let (min, max) = (Timestamp::from_nanos(min), Timestamp::from_nanos(max));
        self.min_time = if self.rows == 0 { min } else { self.min_time.min(min) };
        self.max_time = if self.rows == 0 { max } else { self.max_time.max(max) };
        self.column(registry, Registry::TIMESTAMP_SLOT).extend_times(times);
        self.bytes += (times.len() * CELL_BYTES) as u64;
    }

    /// The attributes of a run of rows of one resource, the first of which comes to lie at `base`.
    fn append_shared<'a>(
        &mut self,
        registry: &Registry,
        layout: &Layout,
        rows: &'a Rows,
        run: Range<usize>,
        base: usize,
        spilled: &mut Vec<Spilled<'a>>,
    ) {
        let resource = rows.resource_of()[run.start] as usize;
        for ((name, value), place) in
            rows.resources()[resource].attributes.iter().zip(&layout.resources[resource])
        {
            let value = ValueRef::from(value);
            let taken = match place {
                Place::Slot(slot) => self.column(registry, *slot).put_run(base, run.len(), value),
                Place::Overflow => false,
                Place::Contested(_) => continue,
            };
            if taken {
                // The text is shared by the rows.
                self.bytes += (run.len() * CELL_BYTES + text_bytes(value)) as u64;
            } else {
                spilled.extend(run.clone().map(|row| (row, name.clone(), value)));
            }
        }
    }

    /// The contested fields of one row, which comes to lie at `place`: its own fields first, and what the resource says
    /// differently beside them.
    fn append_contested<'a>(
        &mut self,
        registry: &mut Registry,
        layout: &Layout,
        rows: &'a Rows,
        row: usize,
        place: usize,
        spilled: &mut Vec<Spilled<'a>>,
    ) {
        let first_spilled = spilled.len();
        for (sent, slot) in rows.columns().iter().zip(&layout.columns) {
            if let Place::Contested(slot) = slot
                && let Some(value) = sent.get(row)
                && !slot.is_some_and(|slot| self.put(registry, slot, place, value))
            {
                spilled.push((row, sent.name().clone(), value));
            }
        }
        for extra in rows.extras_of(row) {
            let value = ValueRef::from(&extra.value);
            let slot = registry.slot(&extra.name, value.value_type());
            if !slot.is_some_and(|slot| self.put(registry, slot, place, value)) {
                spilled.push((row, extra.name.clone(), value));
            }
        }
        let resource = rows.resource_of()[row] as usize;
        let mut renamed = Vec::new();
        for ((name, value), slot) in
            rows.resources()[resource].attributes.iter().zip(&layout.resources[resource])
        {
            let Place::Contested(slot) = slot else { continue };
            let value = ValueRef::from(value);
            let is_taken = slot.is_some_and(|slot| self.is_set(slot, place))
                || spilled[first_spilled..].iter().any(|(_, own, _)| own == name);
            if is_taken {
                // The event's own field wins; what the resource says differently is kept beside it.
                if rows.row(row).get(name) != Some(value) {
                    renamed.push((Name::new(format!("resource.{name}")), value));
                }
            } else if !slot.is_some_and(|slot| self.put(registry, slot, place, value)) {
                spilled.push((row, name.clone(), value));
            }
        }
        for (name, value) in renamed {
            let slot = registry.slot(&name, value.value_type());
            if !slot.is_some_and(|slot| self.put(registry, slot, place, value)) {
                spilled.push((row, name, value));
            }
        }
    }

    /// What no column took, as one text per row. `start` is the batch's row that lies at `base`.
    fn append_overflow(
        &mut self,
        registry: &Registry,
        mut spilled: Vec<Spilled<'_>>,
        base: usize,
        start: usize,
    ) {
        spilled.sort_by_key(|(row, ..)| *row);
        for fields in spilled.chunk_by(|a, b| a.0 == b.0) {
            let text = overflow_text(fields.iter().map(|(_, name, value)| (name, *value)));
            let place = base + fields[0].0 - start;
            self.put(registry, registry.overflow_slot(), place, ValueRef::Json(&text));
        }
    }

    /// Whether a row has a value in the column.
    fn is_set(&self, slot: usize, row: usize) -> bool {
        self.columns.get(slot).and_then(Option::as_ref).is_some_and(|column| column.len() > row)
    }

    fn column(&mut self, registry: &Registry, slot: usize) -> &mut ColumnBuilder {
        if self.columns.len() <= slot {
            self.columns.resize_with(slot + 1, || None);
        }
        self.columns[slot].get_or_insert_with(|| ColumnBuilder::new(registry.column(slot)))
    }

    fn put(&mut self, registry: &Registry, slot: usize, row: usize, value: ValueRef<'_>) -> bool {
        let column = self.column(registry, slot);
        let stored = column.len() <= row && column.put(row, value);
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
        // What it really takes counts against the bounds: nulls and half-filled blocks of text too.
        let bytes = batch.get_array_memory_size() as u64;
        Chunk { batch, min_time: self.min_time, max_time: self.max_time, bytes }
    }
}

fn text_bytes(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Str(text) | ValueRef::Json(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
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
