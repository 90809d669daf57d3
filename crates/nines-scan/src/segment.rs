//! A segment opened for reading: its footer, which is kept between questions, and its bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use parquet::file::reader::{ChunkReader, Length};
use twox_hash::XxHash64;

use nines_storage::index::{CountGroup, SegmentIndex, Token, index_location};
use nines_storage::{BLOCK_BYTES, SegmentFile};

use crate::cache::Cache;
use crate::facts::Facts;
use crate::objects::KeptObjects;
use crate::pages::Pages;
use crate::rows::Rows;
use crate::stats::Counters;

/// Rows that are decoded at a time: enough for the kernels, little enough that a batch of long messages is a few MiB.
pub(crate) const BATCH_ROWS: usize = 16_384;

/// Footers of segments that are kept: 10 to 100 kB each, page indexes included.
const FOOTERS_BYTES_MAX: usize = 32 << 20;

/// What a segment's footer says. Immutable, as the segment is.
#[derive(Debug)]
pub(crate) struct Footer {
    metadata: ArrowReaderMetadata,
    by_name: HashMap<String, usize>,
    /// What the segment says of itself beside its statistics.
    index: Option<SegmentIndex>,
}

/// What is kept of segments between questions: footers by segment id, pages, and rows.
#[derive(Debug)]
pub(crate) struct Footers {
    footers: Cache<i64, Footer>,
    pages: Pages,
    objects: KeptObjects,
}

impl Default for Footers {
    fn default() -> Self {
        Self {
            footers: Cache::new(FOOTERS_BYTES_MAX),
            pages: Pages::default(),
            objects: KeptObjects::default(),
        }
    }
}

impl Footers {
    /// Opens the segment's file, and reads its footer unless it is known.
    pub fn open(&self, file: &Arc<SegmentFile>, counters: &Arc<Counters>) -> Result<Segment> {
        let bytes = SegmentBytes {
            file: Arc::new(file.open()?),
            segment: Arc::clone(file),
            counters: Arc::clone(counters),
        };
        let footer = match self.footers.get(&file.id) {
            Some(footer) => footer,
            None => {
                let footer = Arc::new(Footer::read(&bytes)?);
                self.footers.put(file.id, Arc::clone(&footer), footer.bytes());
                footer
            }
        };
        Ok(Segment {
            file: Arc::clone(file),
            footer,
            bytes,
            pages: self.pages.clone(),
            objects: self.objects.clone(),
        })
    }
}

impl Footer {
    fn read(bytes: &SegmentBytes) -> Result<Self> {
        let options = ArrowReaderOptions::new()
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        let plain = ArrowReaderMetadata::load(bytes, options.clone())?;
        let schema = Arc::new(coded_schema(plain.schema(), plain.metadata()));
        let metadata =
            ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options.with_schema(schema))?;
        let fields = metadata.schema().fields().iter().enumerate();
        let by_name = fields.map(|(index, field)| (field.name().clone(), index)).collect();
        let index = read_index(bytes, metadata.metadata())?;
        Ok(Self { metadata, by_name, index })
    }

    /// Memory that it takes.
    fn bytes(&self) -> usize {
        self.metadata.metadata().memory_size() + self.index.as_ref().map_or(0, SegmentIndex::bytes)
    }
}

/// The index, if there is one that this build knows: without it the segment is only slower to read. An error if its bytes
/// are not what was written.
fn read_index(bytes: &SegmentBytes, metadata: &ParquetMetaData) -> Result<Option<SegmentIndex>> {
    let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let pairs = pairs.map(|pair| (pair.key.as_str(), pair.value.as_deref()));
    let Some((offset, length)) = index_location(pairs) else { return Ok(None) };
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let index = SegmentIndex::decode(&bytes.get_bytes(offset, length)?);
    Ok(index.inspect_err(|error| tracing::warn!(%error, "a segment is read without its index")).ok())
}

/// The schema with the columns of text that are dictionary-encoded throughout read as such: codes are tested and
/// counted much faster than texts.
fn coded_schema(schema: &Schema, metadata: &ParquetMetaData) -> Schema {
    let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = schema.fields().iter().enumerate().map(|(index, field)| {
        let is_coded = *field.data_type() == DataType::Utf8View
            && metadata.row_groups().iter().all(|group| is_coded(group.column(index)));
        if is_coded {
            Arc::new(Field::new(field.name(), coded.clone(), field.is_nullable()))
        } else {
            Arc::clone(field)
        }
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// Whether every page holds codes, or nothing but nulls.
fn is_coded(chunk: &ColumnChunkMetaData) -> bool {
    let only_codes = || {
        chunk.page_encoding_stats_mask().is_some_and(|mask| {
            mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
        })
    };
    Facts::of_chunk(chunk).is_all_null() || chunk.dictionary_page_offset().is_some() && only_codes()
}

/// One file, open for one question.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub file: Arc<SegmentFile>,
    footer: Arc<Footer>,
    bytes: SegmentBytes,
    pages: Pages,
    objects: KeptObjects,
}

impl Segment {
    pub fn metadata(&self) -> &ParquetMetaData {
        self.footer.metadata.metadata()
    }

    pub fn bytes(&self) -> Arc<SegmentBytes> {
        Arc::new(self.bytes.clone())
    }

    pub fn row_groups(&self) -> usize {
        self.metadata().num_row_groups()
    }

    pub fn rows(&self, row_group: usize) -> usize {
        usize::try_from(self.metadata().row_group(row_group).num_rows()).unwrap_or(0)
    }

    /// The columns of the file in its order.
    pub fn schema(&self) -> &Schema {
        self.footer.metadata.schema()
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.footer.by_name.get(name).copied()
    }

    /// Whether the column is read as codes of a dictionary.
    pub fn is_coded(&self, column: usize) -> bool {
        matches!(self.schema().field(column).data_type(), DataType::Dictionary(..))
    }

    /// What the column takes before it is compressed, its dictionary included.
    pub fn decoded_bytes(&self, row_group: usize, column: usize) -> usize {
        usize::try_from(self.chunk(row_group, column).uncompressed_size()).unwrap_or(0)
    }

    pub fn facts(&self, row_group: usize, column: usize) -> Facts {
        Facts::of_chunk(self.chunk(row_group, column))
    }

    fn chunk(&self, row_group: usize, column: usize) -> &ColumnChunkMetaData {
        self.metadata().row_group(row_group).column(column)
    }

    /// Rows of the file that were made objects before.
    pub fn objects(&self) -> &KeptObjects {
        &self.objects
    }

    /// The chosen rows of the given columns, in batches of at most [`BATCH_ROWS`]. A batch has its columns in the order of
    /// the file, whatever the order in `columns`.
    pub fn read(&self, row_group: usize, columns: &[usize], rows: &Rows) -> Result<ParquetRecordBatchReader> {
        if let Some(reader) = self.pages.read(self, row_group, columns, rows)? {
            return Ok(reader);
        }
        let metadata = self.footer.metadata.clone();
        let projection = ProjectionMask::leaves(metadata.parquet_schema(), columns.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), metadata)
            .with_row_groups(vec![row_group])
            .with_projection(projection)
            .with_batch_size(BATCH_ROWS);
        if let Some(mask) = rows.mask() {
            builder = builder.with_row_selection(RowSelection::from_boolean_buffer(mask.clone()));
        }
        builder.build()
    }

    /// Whether any row of the file has a value in the column.
    pub fn has_values(&self, name: &str) -> bool {
        self.column(name).is_some_and(|column| {
            (0..self.row_groups()).any(|group| !self.facts(group, column).is_all_null())
        })
    }

    /// Whether it is certain that no text of the row group has all of these tokens.
    pub fn lacks(&self, row_group: usize, tokens: &[Token]) -> bool {
        let index = self.footer.index.as_ref();
        index.is_some_and(|index| tokens.iter().any(|token| !index.may_contain(row_group, *token)))
    }

    /// Every row of the file counted by service, severity and minute, if that is known.
    pub fn counts(&self) -> Option<&[CountGroup]> {
        self.footer.index.as_ref()?.counts()
    }

    /// Whether the bloom filter of the column, if it has one, tells that no row of the group holds `text`.
    pub fn excludes(&self, row_group: usize, column: usize, text: &str) -> bool {
        let chunk = self.chunk(row_group, column);
        let (Some(offset), Some(length)) = (chunk.bloom_filter_offset(), chunk.bloom_filter_length()) else {
            return false;
        };
        self.bloom_block(offset, length, text).is_ok_and(|block| !block.check(text))
    }

    /// The one block of a split block bloom filter that `text` falls into, as a filter of one block: 32 bytes are read
    /// instead of some hundred thousand. Source: the Parquet format's BloomFilter.md.
    fn bloom_block(&self, offset: i64, length: i32, text: &str) -> Result<Sbbf> {
        const BLOCK_BYTES: u64 = 32;
        let (offset, length) = (offset.max(0) as u64, length.max(0) as u64);
        // The header before the blocks is shorter than a block.
        let (blocks, header) = (length / BLOCK_BYTES, length % BLOCK_BYTES);
        let hash = XxHash64::oneshot(0, text.as_bytes());
        let index = ((hash >> 32) * blocks) >> 32;
        let block = self.bytes.get_bytes(offset + header + index * BLOCK_BYTES, BLOCK_BYTES as usize)?;
        Ok(Sbbf::new(&block))
    }
}

/// The file's bytes, read where they are asked for, without a position that threads would share. What is not what was
/// written is an error, so that no answer is made of it.
#[derive(Debug, Clone)]
pub(crate) struct SegmentBytes {
    file: Arc<File>,
    segment: Arc<SegmentFile>,
    counters: Arc<Counters>,
}

impl SegmentBytes {
    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.segment.read(range, |buffer, at| {
            self.counters.add_bytes(buffer.len());
            self.file.read_exact_at(buffer, at)
        })
    }
}

impl Length for SegmentBytes {
    fn len(&self) -> u64 {
        self.segment.bytes
    }
}

impl ChunkReader for SegmentBytes {
    type T = SegmentCursor;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(SegmentCursor { bytes: self.clone(), at: start, block: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.saturating_add(length as u64);
        Ok(self.read(start..end)?)
    }
}

/// Reads on from a position, block by block.
#[derive(Debug)]
pub(crate) struct SegmentCursor {
    bytes: SegmentBytes,
    at: u64,
    /// What is left of the block that `at` lies in.
    block: Bytes,
}

impl Read for SegmentCursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() {
            let end = (self.at - self.at % BLOCK_BYTES + BLOCK_BYTES).min(self.bytes.len());
            if self.at < end {
                self.block = self.bytes.read(self.at..end)?;
            }
        }
        let count = buffer.len().min(self.block.len());
        buffer[..count].copy_from_slice(&self.block.split_to(count));
        self.at += count as u64;
        Ok(count)
    }
}

/// Whether the file is what was written, by its size and checksum. Reads all of it.
pub(crate) fn check(segment: &SegmentFile) -> std::result::Result<(), String> {
    if segment.is_absent() {
        // What is fetched is checked.
        return Ok(());
    }
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let mut file = File::open(&segment.path).map_err(unreadable)?;
    let mut buffer = vec![0; 1 << 20];
    let (mut checksum, mut bytes) = (0, 0);
    loop {
        let count = file.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        checksum = crc32c::crc32c_append(checksum, &buffer[..count]);
        bytes += count as u64;
    }
    if bytes != segment.bytes {
        return Err(format!("it has {bytes} bytes instead of {}", segment.bytes));
    }
    if checksum != segment.checksum {
        return Err(format!("its checksum is {checksum:08x} instead of {:08x}", segment.checksum));
    }
    Ok(())
}
