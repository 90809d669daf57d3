use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;

use nines_model::{Dataset, TimeRange, Timestamp};

use crate::blocks::BlockChecksums;
use crate::remote::Remote;

/// All rows of a dataset at one moment that may lie in a time range. It stays readable while it is held: files that
/// compaction or retention replace are deleted only after the last snapshot that names them is dropped.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub dataset: Dataset,
    /// Every column of the dataset.
    pub schema: SchemaRef,
    /// Rows in memory, with exactly the columns of `schema`, in order of arrival. Chunks outside the range are left
    /// out; within a chunk any time may occur.
    pub hot: Vec<RecordBatch>,
    /// Files that overlap the range. A file may lack columns of `schema` (read them as null) but never has one of
    /// another type.
    pub segments: Vec<Arc<SegmentFile>>,
    /// The snapshot holds every batch of the dataset up to this sequence number and none above.
    pub last_sequence: u64,
    /// What is missing from the answer: say so to whoever asked.
    pub damaged: Vec<DamagedSegment>,
}

/// One Parquet file, sorted by `service.name` (metrics: `name`, `service.name`), then `timestamp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    pub id: i64,
    pub dataset: Dataset,
    pub path: PathBuf,
    pub rows: u64,
    pub bytes: u64,
    /// CRC-32C of the whole file.
    pub checksum: u32,
    /// By which a part of it can be checked: see [`SegmentFile::read`].
    pub blocks: BlockChecksums,
    pub min_time: Timestamp,
    /// Inclusive.
    pub max_time: Timestamp,
    pub min_sequence: u64,
    pub max_sequence: u64,
    /// When the newest of its rows was received. Retention counts from here.
    pub newest_received_at: Timestamp,
    /// Where it is fetched from if its file is not here.
    pub(crate) remote: Option<Arc<Remote>>,
}

/// A segment that cannot be read in full and was moved to `quarantine/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedSegment {
    pub file: Arc<SegmentFile>,
    pub reason: String,
}

impl SegmentFile {
    /// A part of the file, checked: as [`BlockChecksums::read`].
    ///
    /// # Errors
    /// `InvalidData` if it is not what was written: then the segment is damaged.
    pub fn read(
        &self,
        range: Range<u64>,
        read_exact_at: impl FnOnce(&mut [u8], u64) -> io::Result<()>,
    ) -> io::Result<Bytes> {
        self.blocks.read(range, self.bytes, read_exact_at)
    }

    /// Its file, to be read. One that is only in the object store is fetched first, which blocks for as long as that takes:
    /// not for async threads of the runtime that opened the store.
    ///
    /// # Errors
    /// Those of the file, and of the object store.
    pub fn open(&self) -> io::Result<File> {
        match (File::open(&self.path), &self.remote) {
            (Err(error), Some(remote))
                if error.kind() == io::ErrorKind::NotFound && remote.is_kept(self.id) =>
            {
                remote.fetch(self)?;
                File::open(&self.path)
            }
            (opened, _) => opened,
        }
    }

    /// Whether its file is only in the object store.
    pub fn is_absent(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.is_absent(self.id))
    }

    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.min_time < range.end && range.start <= self.max_time
    }
}
