//! Writing and reading segments: sorted, zstd-compressed Parquet. `docs/formats/segment.md`.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, Schema, SchemaRef, TimestampNanosecondType};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use nines_base::disk::{Disk, DiskFile};
use nines_model::{Dataset, Timestamp, field};

use crate::StoreError;
use crate::blocks::{BlockChecksums, BlockSummer};
use crate::column::is_unique;
use crate::index::{self, CountsBuilder, FilterBuilder, INDEX_KEY};
use crate::memtable::Widener;
use crate::repetition::{SAMPLED_BATCHES, is_worth_a_dictionary};
use crate::schema::{Column, arrow_field};

/// Rows per row group: the unit that statistics and bloom filters can skip, and what a reader holds of a column.
const ROW_GROUP_ROWS: usize = 131_072;

/// Rows that are gathered in sorted order at a time. A whole number of times in a row group, so that the index can tell
/// where one ends.
pub const GATHER_ROWS: usize = 16_384;
const _: () = assert!(ROW_GROUP_ROWS.is_multiple_of(GATHER_ROWS));

/// Whoever wants one row reads a page of each column: with Parquet's usual 20 000 rows that was most of what a trace by its
/// id cost. Smaller ones compress worse.
const PAGE_ROWS: usize = 4_096;

/// One trace in a hundred row groups is read in vain; costs about 10 bits per distinct id.
const TRACE_ID_FALSE_POSITIVES: f64 = 0.01;

/// What writing a segment yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub rows: u64,
    pub bytes: u64,
    pub checksum: u32,
    pub blocks: BlockChecksums,
    pub min_time: Timestamp,
    pub max_time: Timestamp,
}

/// Sorts the rows of `batches` and publishes them as one file. `columns` gives the order of columns; those that no
/// batch has are left out. Blocks, and computes for as long as it takes to compress.
pub fn write_segment(
    disk: &dyn Disk,
    path: &Path,
    dataset: Dataset,
    columns: &[Column],
    batches: &[RecordBatch],
) -> Result<Written, StoreError> {
    let present = |column: &&Column| batches.iter().any(|batch| batch.column_by_name(&column.name).is_some());
    let columns: Vec<&Column> = columns.iter().filter(present).collect();
    let schema = segment_schema(&columns);
    let mut widener =
        Widener::new(Arc::clone(&schema), batches.iter().map(RecordBatch::num_rows).max().unwrap_or(0));
    let batches = batches.iter().map(|batch| widener.widen(batch)).collect::<Result<Vec<_>, _>>()?;
    let order = sorted_order(dataset, &batches);
    let sources: Vec<&RecordBatch> = batches.iter().collect();
    let mut parts = order.chunks(GATHER_ROWS);
    let mut next = || parts.next().map(|rows| interleave_record_batch(&sources, rows)).transpose();
    write_sorted(disk, path, dataset, schema, &mut next)
}

/// Publishes rows that come in order as one file: [`GATHER_ROWS`] at a time, fewer only at the end. Holds the row group
/// that it is at, and at the beginning [`SAMPLED_BATCHES`]. Blocks, and computes for as long as it takes to compress.
pub fn write_sorted(
    disk: &dyn Disk,
    path: &Path,
    dataset: Dataset,
    schema: SchemaRef,
    next: &mut dyn FnMut() -> Result<Option<RecordBatch>, ArrowError>,
) -> Result<Written, StoreError> {
    let mut tally = Tally::default();
    let mut content = Content { rows: 0, min_time: i64::MAX, max_time: i64::MIN };
    let published = nines_base::disk::publish(disk, path, |file| {
        let output = SegmentOutput { file, tally: &mut tally };
        write_rows(output, dataset, schema, &mut content, next)
    });
    published.map_err(|failure| match failure {
        WriteFailure::Io(source) => StoreError::io("publish", path, source),
        WriteFailure::Parquet(source) => StoreError::Write { path: path.to_owned(), source },
        WriteFailure::Arrow(error) => error.into(),
    })?;
    Ok(Written {
        rows: content.rows,
        bytes: tally.bytes,
        checksum: tally.checksum,
        blocks: tally.blocks.finish(),
        min_time: Timestamp::from_nanos(content.min_time),
        max_time: Timestamp::from_nanos(content.max_time),
    })
}

/// All rows of a segment, with the columns that the file has. Does not check the file's checksum.
pub fn read_segment(disk: &dyn Disk, path: &Path) -> Result<Vec<RecordBatch>, StoreError> {
    decode_segment(path, disk.read(path).map_err(|source| StoreError::io("read", path, source))?)
}

/// As [`read_segment`], of a file that was read already; `path` is for the error.
pub fn decode_segment(path: &Path, bytes: Vec<u8>) -> Result<Vec<RecordBatch>, StoreError> {
    let wrong = |source: ParquetError| StoreError::Read { path: path.to_owned(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).map_err(wrong)?;
    let reader = builder.with_batch_size(GATHER_ROWS).build().map_err(wrong)?;
    reader.map(|batch| batch.map_err(StoreError::from)).collect()
}

pub fn segment_schema(columns: &[&Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|column| arrow_field(column)).collect::<Vec<_>>()))
}

/// What rows are sorted by before `timestamp`: what most queries fix, so that their rows lie together, and what
/// makes neighbours alike, so that they compress.
pub fn sort_columns(dataset: Dataset) -> &'static [&'static str] {
    match dataset {
        Dataset::Metrics => &[field::NAME, field::SERVICE_NAME],
        _ => &[field::SERVICE_NAME],
    }
}

/// The rows as (batch, row), sorted. Rows that compare equal keep their order of arrival.
fn sorted_order(dataset: Dataset, batches: &[RecordBatch]) -> Vec<(usize, usize)> {
    let mut keys: Vec<([u32; 2], i64, u32, u32)> = Vec::new();
    let ranks: Vec<_> = sort_columns(dataset).iter().map(|name| text_ranks(batches, name)).collect();
    for (index, batch) in batches.iter().enumerate() {
        for (row, &at) in timestamps(batch).iter().enumerate() {
            let mut rank = [0; 2];
            for (slot, column) in rank.iter_mut().zip(&ranks) {
                *slot = column[index].get(row).copied().unwrap_or(0);
            }
            keys.push((rank, at, index as u32, row as u32));
        }
    }
    keys.sort_unstable();
    keys.into_iter().map(|(_, _, batch, row)| (batch as usize, row as usize)).collect()
}

/// For each batch and row the place of its text among all texts of the column, from 1; null is 0. A batch without the
/// column has an empty list.
fn text_ranks<'b>(batches: &'b [RecordBatch], name: &str) -> Vec<Vec<u32>> {
    let columns: Vec<_> = batches
        .iter()
        .map(|batch| batch.column_by_name(name).and_then(|column| column.as_string_view_opt()))
        .collect();
    // Numbered in order of appearance first: most rows have a text that is known, and many that of the row before.
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut last: Option<(&str, u32)> = None;
    let mut ranks: Vec<Vec<u32>> = Vec::with_capacity(batches.len());
    for column in columns {
        let Some(column) = column else {
            ranks.push(Vec::new());
            continue;
        };
        let number_of = |text: Option<&'b str>| {
            let Some(text) = text else { return 0 };
            match last {
                Some((known, number)) if known == text => number,
                _ => {
                    let next = numbers.len() as u32 + 1;
                    let number = *numbers.entry(text).or_insert(next);
                    last = Some((text, number));
                    number
                }
            }
        };
        ranks.push(column.iter().map(number_of).collect());
    }
    let mut texts: Vec<(&str, u32)> = numbers.into_iter().collect();
    texts.sort_unstable();
    let mut place = vec![0; texts.len() + 1];
    for ((_, number), rank) in texts.into_iter().zip(1..) {
        place[number as usize] = rank;
    }
    ranks.iter_mut().flatten().for_each(|number| *number = place[*number as usize]);
    ranks
}

fn timestamps(batch: &RecordBatch) -> &[i64] {
    let column = batch.column_by_name(field::TIMESTAMP).expect("every row has a timestamp");
    column.as_primitive::<TimestampNanosecondType>().values()
}

#[derive(Debug, thiserror::Error)]
enum WriteFailure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

fn write_rows(
    output: SegmentOutput<'_>,
    dataset: Dataset,
    schema: SchemaRef,
    content: &mut Content,
    next: &mut dyn FnMut() -> Result<Option<RecordBatch>, ArrowError>,
) -> Result<(), WriteFailure> {
    let mut sample = Vec::with_capacity(SAMPLED_BATCHES);
    while sample.len() < SAMPLED_BATCHES
        && let Some(gathered) = next()?
    {
        sample.push(gathered);
    }
    let properties = properties(dataset, &schema, &sample);
    let mut writer = ArrowWriter::try_new(output, schema, Some(properties))?;
    let mut index = Indexer::new(dataset);
    let mut sample = sample.into_iter();
    while let Some(gathered) = sample.next().map_or_else(&mut *next, |first| Ok(Some(first)))? {
        content.add(&gathered);
        index.add(&gathered);
        writer.write(&gathered)?;
    }
    writer.flush()?;
    if let Some(index) = index.finish() {
        let place = format!("{} {}", writer.bytes_written(), index.len());
        writer.write_all(&index)?;
        writer.append_key_value_metadata(KeyValue::new(INDEX_KEY.to_owned(), place));
    }
    writer.close()?;
    Ok(())
}

/// What went by.
struct Content {
    rows: u64,
    min_time: i64,
    max_time: i64,
}

impl Content {
    fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        for &at in timestamps(batch) {
            (self.min_time, self.max_time) = (self.min_time.min(at), self.max_time.max(at));
        }
    }
}

/// Makes the index of a segment while its rows go by.
struct Indexer {
    /// Metrics are found by name, which the statistics serve, and are not sorted by time within a service.
    wanted: bool,
    counts: Option<CountsBuilder>,
    filter: FilterBuilder,
    filters: Vec<Option<Vec<u64>>>,
    rows_in_group: usize,
}

impl Indexer {
    fn new(dataset: Dataset) -> Self {
        Self {
            wanted: dataset != Dataset::Metrics,
            counts: Some(CountsBuilder::new()),
            filter: FilterBuilder::new(),
            filters: Vec::new(),
            rows_in_group: 0,
        }
    }

    fn add(&mut self, batch: &RecordBatch) {
        if !self.wanted {
            return;
        }
        self.counts.take_if(|counts| !counts.add(batch));
        self.filter.add(batch);
        self.rows_in_group += batch.num_rows();
        if self.rows_in_group >= ROW_GROUP_ROWS {
            self.end_group();
        }
    }

    fn end_group(&mut self) {
        self.filters.push(self.filter.finish());
        self.rows_in_group = 0;
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        if !self.wanted {
            return None;
        }
        if self.rows_in_group > 0 {
            self.end_group();
        }
        Some(index::encode(self.counts, &self.filters))
    }
}

fn properties(dataset: Dataset, schema: &Schema, sample: &[RecordBatch]) -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_write_batch_size(PAGE_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_created_by(concat!("nines ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_sorting_columns(Some(sorting(dataset, schema)));
    for field in schema.fields() {
        let path = ColumnPath::from(vec![field.name().clone()]);
        match field.data_type() {
            // A handful of values: indices into a dictionary are shorter than any difference, and quicker to skip.
            DataType::Int64 if is_code(field.name()) => {}
            // Sorted or slowly changing numbers: differences are small, and a dictionary would only be in the way.
            DataType::Int64 | DataType::Timestamp(..) => {
                builder = builder
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
            // Text compresses better with the lengths between it (1.1 bytes a line).
            _ if field.name() == field::BODY => {
                builder = builder
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::PLAIN);
            }
            _ if !is_worth_a_dictionary(sample, field.name()).unwrap_or(!is_unique(field.name())) => {
                // Ids are all of one length: without the lengths between them they compress better (0.7 bytes a line).
                builder = builder
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY);
            }
            _ => {}
        }
        if field.name() == field::TRACE_ID {
            let path = ColumnPath::from(vec![field.name().clone()]);
            builder = builder
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), TRACE_ID_FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(path, ROW_GROUP_ROWS as u64);
        }
    }
    builder.build()
}

/// Numbers that stand for one of few things.
fn is_code(name: &str) -> bool {
    name == field::SEVERITY_NUMBER || name == field::FLAGS || name.ends_with("status_code")
}

fn sorting(dataset: Dataset, schema: &Schema) -> Vec<SortingColumn> {
    let names = sort_columns(dataset).iter().chain(&[field::TIMESTAMP]);
    let columns = names.filter_map(|name| schema.index_of(name).ok());
    columns
        .map(|index| SortingColumn { column_idx: index as i32, descending: false, nulls_first: true })
        .collect()
}

#[derive(Debug, Default)]
struct Tally {
    bytes: u64,
    checksum: u32,
    blocks: BlockSummer,
}

/// Counts and sums what goes to the file.
struct SegmentOutput<'a> {
    file: &'a mut dyn DiskFile,
    tally: &'a mut Tally,
}

impl Write for SegmentOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.tally.bytes += bytes.len() as u64;
        self.tally.checksum = crc32c::crc32c_append(self.tally.checksum, bytes);
        self.tally.blocks.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
