//! Sealed samples: immutable files, one for each seal and partition, merged later.
//!
//! Words introduced here
//! - **Partition**: the samples of one span of time, [`PARTITION_MS`] at sealing and [`MERGED_PARTITION_MS`] after a day.
//! - **Order**: of two segments that hold the same series at the same time, the value in the one with the higher order
//!   counts. It is the sequence number at which the journal was cut for the seal.
//! - **Block**: the chunks of neighbouring series, compressed together.
//!
//! A file is written whole, synced and renamed; nothing in it ever changes. Every part of it has a checksum. Postings
//! are not stored: they are built from the series table when the segment is first asked, which costs less than reading
//! them would. The bytes are drawn in `docs/formats/series.md`.

mod exemplars;
mod frame;
mod index;
mod merge;
mod read;
mod write;

pub use exemplars::ExemplarReader;
pub use index::{ChunkKind, ChunkRef, SegmentIndex};
pub use merge::merge;
pub use read::{BlockReader, Segment};
pub use write::SegmentWriter;

use std::path::Path;

use nines_base::disk::Disk;

use crate::SeriesError;
use crate::codec::cursor::{Cursor, Damaged, put_bytes, put_varint, put_zigzag};

/// Two hours, as upstream: long enough that a chunk's header is spread over hundreds of samples.
pub const PARTITION_MS: i64 = 2 * 60 * 60 * 1_000;

/// A day: a question over a month opens thirty files.
pub const MERGED_PARTITION_MS: i64 = 12 * PARTITION_MS;

pub const FILE_EXTENSION: &str = "series";

/// What a segment says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Of the partition; times in it are in `[start, start + span)`.
    pub start_ms: i64,
    pub span_ms: i64,
    pub order: u64,
    /// Of its samples and exemplars, both inclusive.
    pub t_min: i64,
    pub t_max: i64,
    pub series: u64,
    pub samples: u64,
    pub histograms: u64,
    /// Series keep at most some samples of each bucket of this length ([`crate::thin`]). 0: all that were written.
    pub bucket_ms: i64,
    /// Names of the files that this one was merged from: it stands for them.
    pub replaces: Vec<String>,
}

/// Reads and checks every part of a segment that no store has open: for a backup and for `nines verify`. The errors name
/// what is damaged; costs one read of the file.
pub fn check_file(disk: &dyn Disk, path: &Path) -> Vec<SeriesError> {
    match Segment::open(disk, path) {
        Ok(segment) => segment.check(),
        Err(error) => vec![error],
    }
}

/// The start of the partition that holds `t_ms`.
pub fn partition_of(t_ms: i64, span_ms: i64) -> i64 {
    t_ms.div_euclid(span_ms).saturating_mul(span_ms)
}

impl SegmentInfo {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for number in [self.start_ms, self.span_ms, self.t_min, self.t_max] {
            put_zigzag(out, number);
        }
        for number in [self.order, self.series, self.samples, self.histograms] {
            put_varint(out, number);
        }
        put_varint(out, self.replaces.len() as u64);
        self.replaces.iter().for_each(|name| put_bytes(out, name.as_bytes()));
    }

    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Damaged> {
        let (start_ms, span_ms) = (cursor.zigzag()?, cursor.zigzag()?);
        let (t_min, t_max) = (cursor.zigzag()?, cursor.zigzag()?);
        let (order, series) = (cursor.varint()?, cursor.varint()?);
        let (samples, histograms) = (cursor.varint()?, cursor.varint()?);
        let mut replaces = Vec::new();
        for _ in 0..cursor.count(1)? {
            replaces.push(cursor.str()?.to_owned());
        }
        Ok(Self {
            start_ms,
            span_ms,
            order,
            t_min,
            t_max,
            series,
            samples,
            histograms,
            replaces,
            bucket_ms: 0,
        })
    }
}
