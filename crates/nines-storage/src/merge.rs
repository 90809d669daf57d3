//! Sorted segments become one, with a batch of each in memory at a time.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray, TimestampNanosecondArray};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use nines_base::disk::Disk;
use nines_model::{Dataset, field};

use crate::memtable::Widener;
use crate::segment::{GATHER_ROWS, Written, segment_schema, sort_columns, write_sorted};
use crate::snapshot::SegmentFile;
use crate::{Column, StoreError};

/// Rows of an input that are decoded at a time: with this, an input costs about the page that each of its columns is at.
const INPUT_ROWS: usize = 4_096;

pub enum MergeError {
    Damaged(Arc<SegmentFile>, String),
    Unreadable(Arc<SegmentFile>, std::io::Error),
    Store(StoreError),
}

/// Publishes the rows of `inputs`, in order, as one segment. Rows that compare equal keep the order of the inputs. Holds the
/// inputs' files in memory, but decoded only some rows of each. Blocks.
pub fn merge(
    disk: &dyn Disk,
    path: &Path,
    dataset: Dataset,
    columns: &[Column],
    inputs: &[Arc<SegmentFile>],
) -> Result<Written, MergeError> {
    let mut readers = Vec::new();
    for input in inputs {
        let reader = open(disk, input)?;
        readers.push((Arc::clone(input), reader));
    }
    let is_present = |column: &&Column| {
        readers.iter().any(|(_, reader)| reader.1.column_with_name(&column.name).is_some())
    };
    let columns: Vec<&Column> = columns.iter().filter(is_present).collect();
    let schema = segment_schema(&columns);
    let mut merger = Merger { dataset, sources: Vec::new(), cursors: Vec::new() };
    let mut failure = None;
    let cursors = readers.into_iter().map(|(segment, (reader, _))| {
        let widener = Widener::new(Arc::clone(&schema), INPUT_ROWS);
        Cursor { segment, reader, widener, source: 0, row: 0, keys: None, rows_read: 0 }
    });
    merger.cursors = cursors.collect();
    let written = merger.start().map(|()| {
        let mut next = || {
            merger.gather().map_err(|(segment, reason)| {
                failure = Some((segment, reason));
                ArrowError::ParquetError("an input cannot be read".to_owned())
            })
        };
        write_sorted(disk, path, dataset, Arc::clone(&schema), &mut next)
    });
    let written = written.map_err(|(segment, reason)| MergeError::Damaged(segment, reason))?;
    if let Some((segment, reason)) = failure {
        return Err(MergeError::Damaged(segment, reason));
    }
    let written = written.map_err(MergeError::Store)?;
    let rows: u64 = inputs.iter().map(|input| input.rows).sum();
    assert_eq!(written.rows, rows, "compaction keeps every row");
    Ok(written)
}

fn open(
    disk: &dyn Disk,
    input: &Arc<SegmentFile>,
) -> Result<(ParquetRecordBatchReader, SchemaRef), MergeError> {
    let damaged = |reason: String| MergeError::Damaged(Arc::clone(input), reason);
    let bytes = disk.read(&input.path).map_err(|error| MergeError::Unreadable(Arc::clone(input), error))?;
    // Never merge what the scrub has not caught yet: afterwards nobody could tell.
    if crc32c::crc32c(&bytes) != input.checksum {
        return Err(damaged("checksum does not fit".to_owned()));
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes));
    let builder = builder.map_err(|error| damaged(error.to_string()))?;
    let schema = Arc::clone(builder.schema());
    let reader = builder.with_batch_size(INPUT_ROWS).build().map_err(|error| damaged(error.to_string()))?;
    Ok((reader, schema))
}

/// A segment and what is wrong with it.
type Wrong = (Arc<SegmentFile>, String);

struct Merger {
    dataset: Dataset,
    /// What the rows that are gathered lie in: the current batch of each cursor, and those that ended since.
    sources: Vec<RecordBatch>,
    cursors: Vec<Cursor>,
}

/// The next row of one input.
struct Cursor {
    segment: Arc<SegmentFile>,
    reader: ParquetRecordBatchReader,
    widener: Widener,
    /// The batch that it is in, among the merger's sources.
    source: usize,
    row: usize,
    /// Of the batch; `None` at the end.
    keys: Option<Keys>,
    rows_read: u64,
}

/// The columns that rows are sorted by.
struct Keys {
    texts: Vec<Option<StringViewArray>>,
    times: TimestampNanosecondArray,
}

impl Merger {
    fn start(&mut self) -> Result<(), Wrong> {
        for cursor in &mut self.cursors {
            cursor.load(self.dataset, &mut self.sources)?;
        }
        Ok(())
    }

    /// The next rows in order: [`GATHER_ROWS`] of them, fewer at the end, `None` after it.
    fn gather(&mut self) -> Result<Option<RecordBatch>, Wrong> {
        let mut picked: Vec<(usize, usize)> = Vec::with_capacity(GATHER_ROWS);
        while picked.len() < GATHER_ROWS {
            let Some(first) = self.first() else { break };
            let cursor = &mut self.cursors[first];
            picked.push((cursor.source, cursor.row));
            cursor.row += 1;
            if cursor.keys.as_ref().is_some_and(|keys| cursor.row >= keys.times.len()) {
                cursor.load(self.dataset, &mut self.sources)?;
            }
        }
        if picked.is_empty() {
            return Ok(None);
        }
        let sources: Vec<&RecordBatch> = self.sources.iter().collect();
        let gathered = interleave_record_batch(&sources, &picked);
        self.forget_what_ended();
        let any = Arc::clone(&self.cursors[0].segment);
        gathered.map(Some).map_err(|error| (any, error.to_string()))
    }

    /// The cursor whose row comes next; the earliest of those that are equal.
    fn first(&self) -> Option<usize> {
        let live = self
            .cursors
            .iter()
            .enumerate()
            .filter_map(|(index, cursor)| Some((cursor.keys.as_ref()?.of(cursor.row), index)));
        live.min().map(|(_, index)| index)
    }

    fn forget_what_ended(&mut self) {
        let mut kept = Vec::with_capacity(self.cursors.len());
        for cursor in self.cursors.iter_mut().filter(|cursor| cursor.keys.is_some()) {
            kept.push(self.sources[cursor.source].clone());
            cursor.source = kept.len() - 1;
        }
        self.sources = kept;
    }
}

impl Cursor {
    /// Goes to the next batch, which becomes a source, or to the end.
    fn load(&mut self, dataset: Dataset, sources: &mut Vec<RecordBatch>) -> Result<(), Wrong> {
        self.keys = None;
        self.row = 0;
        let wrong = |reason: String| (Arc::clone(&self.segment), reason);
        let Some(batch) = self.reader.next() else {
            let (read, written) = (self.rows_read, self.segment.rows);
            let is_whole = read == written;
            return is_whole
                .then_some(())
                .ok_or_else(|| wrong(format!("file has {read} rows, {written} were written")));
        };
        let batch =
            batch.and_then(|batch| self.widener.widen(&batch)).map_err(|error| wrong(error.to_string()))?;
        self.rows_read += batch.num_rows() as u64;
        self.keys = Some(Keys::of_batch(dataset, &batch));
        self.source = sources.len();
        sources.push(batch);
        Ok(())
    }
}

impl Keys {
    fn of_batch(dataset: Dataset, batch: &RecordBatch) -> Self {
        let texts = sort_columns(dataset)
            .iter()
            .map(|name| batch.column_by_name(name).and_then(|column| column.as_string_view_opt().cloned()));
        let times = batch.column_by_name(field::TIMESTAMP).expect("every row has a timestamp");
        Self { texts: texts.collect(), times: times.as_primitive::<TimestampNanosecondType>().clone() }
    }

    /// By which the row is sorted; null comes before any text.
    fn of(&self, row: usize) -> ([Option<&str>; 2], i64) {
        let mut texts = [None; 2];
        for (text, column) in texts.iter_mut().zip(&self.texts) {
            *text = column.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row));
        }
        (texts, self.times.value(row))
    }
}
