use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use nines_base::disk::{Disk, DiskReader};

use super::exemplars::ExemplarReader;
use super::frame::Decompressor;
use super::index::{ChunkRef, SegmentIndex};
use super::write::{
    FOOTER_BYTES, FRAME_EXEMPLARS, FRAME_SERIES, FRAME_SYMBOLS, HEADER_BYTES, VERSION, footer,
};
use super::{SegmentInfo, frame};
use crate::SeriesError;
use crate::codec::cursor::{Cursor, Damaged};

/// A directory above this is damage: a block takes 3 bytes in it.
const DIRECTORY_BYTES_MAX: u32 = 64 << 20;

/// An open segment. What it needs to find series is read when it is first asked, and may be dropped at any time.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    file: Box<dyn DiskReader>,
    file_bytes: u64,
    info: SegmentInfo,
    /// Offset and stored bytes.
    blocks: Vec<(u64, u32)>,
    index_frames: Vec<(u8, u64, u32)>,
    index: Mutex<Option<Arc<SegmentIndex>>>,
}

impl Segment {
    /// Reads the footer and the directory.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, SeriesError> {
        let io = |error| SeriesError::io("read", path, error);
        let file = disk.open(path).map_err(io)?;
        let file_bytes = file.size().map_err(io)?;
        let damaged = |what| SeriesError::Segment { path: path.to_owned(), source: Damaged { what } };
        let footer_at = file_bytes.checked_sub(FOOTER_BYTES as u64).ok_or(damaged("footer"))?;
        let mut found = [0u8; FOOTER_BYTES];
        file.read_exact_at(&mut found, footer_at).map_err(io)?;
        let mut cursor = Cursor::new(&found, "footer");
        let parts = (|| Ok((cursor.u64()?, cursor.u32()?, cursor.u32()?)))();
        let (directory_at, directory_bytes, version) = parts.map_err(|source| segment_error(path, source))?;
        let whole = version == VERSION && found == footer(directory_at, directory_bytes);
        if !whole || directory_bytes > DIRECTORY_BYTES_MAX {
            return Err(damaged("footer"));
        }
        let mut stored = vec![0; directory_bytes as usize];
        file.read_exact_at(&mut stored, directory_at).map_err(io)?;
        let mut raw = Vec::new();
        let mut decompressor = Decompressor::new().map_err(io)?;
        let opened = decompressor.open(&stored, &mut raw, "directory");
        let directory = opened.and_then(|()| decode_directory(&raw, directory_at));
        let (info, blocks, index_frames) = directory.map_err(|source| segment_error(path, source))?;
        let index = Mutex::new(None);
        Ok(Self { path: path.to_owned(), file, file_bytes, info, blocks, index_frames, index })
    }

    pub fn info(&self) -> &SegmentInfo {
        &self.info
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    pub fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.info.t_min <= end_ms && start_ms <= self.info.t_max
    }

    /// The series table, from memory or else from the file.
    pub fn index(&self) -> Result<Arc<SegmentIndex>, SeriesError> {
        let mut known = self.index.lock();
        if let Some(index) = known.as_ref() {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(self.load_index()?);
        *known = Some(Arc::clone(&index));
        Ok(index)
    }

    /// How much memory the series table takes now.
    pub fn index_memory(&self) -> u64 {
        self.index.lock().as_ref().map_or(0, |index| index.memory())
    }

    pub fn drop_index(&self) {
        *self.index.lock() = None;
    }

    fn load_index(&self) -> Result<SegmentIndex, SeriesError> {
        let mut index = SegmentIndex::default();
        let mut reader = BlockReader::new(self)?;
        // Symbols are written last and needed first.
        for wanted in [FRAME_SYMBOLS, FRAME_SERIES] {
            for &(_, at, stored) in self.index_frames.iter().filter(|(kind, ..)| *kind == wanted) {
                let what = if wanted == FRAME_SYMBOLS { "symbol table" } else { "series table" };
                reader.read_frame(at, stored, what)?;
                let taken = if wanted == FRAME_SYMBOLS {
                    index.take_symbols(&reader.raw)
                } else {
                    index.take_series(&reader.raw, self.info.start_ms)
                };
                taken.map_err(|source| segment_error(&self.path, source))?;
            }
        }
        if index.len() as u64 != self.info.series {
            return Err(segment_error(&self.path, Damaged { what: "series table" }));
        }
        index.build_postings();
        Ok(index)
    }

    /// Offset and stored bytes of each.
    pub fn exemplar_frames(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let exemplars = self.index_frames.iter().filter(|(kind, ..)| *kind == FRAME_EXEMPLARS);
        exemplars.map(|&(_, at, stored)| (at, stored))
    }

    pub fn damaged(&self, source: Damaged) -> SeriesError {
        segment_error(&self.path, source)
    }

    /// Reads and checks every part. The errors name what is damaged.
    pub fn check(&self) -> Vec<SeriesError> {
        let mut faults = Vec::new();
        faults.extend(self.load_index().err());
        faults.extend(ExemplarReader::series(self).err());
        match BlockReader::new(self) {
            Ok(mut reader) => {
                faults.extend((0..self.blocks.len()).filter_map(|block| reader.load(block as u32).err()));
            }
            Err(error) => faults.push(error),
        }
        faults
    }
}

fn segment_error(path: &Path, source: Damaged) -> SeriesError {
    SeriesError::Segment { path: path.to_owned(), source }
}

type Directory = (SegmentInfo, Vec<(u64, u32)>, Vec<(u8, u64, u32)>);

/// What lies before the directory must add up to where it starts.
fn decode_directory(raw: &[u8], directory_at: u64) -> Result<Directory, Damaged> {
    let mut cursor = Cursor::new(raw, "directory");
    let mut info = SegmentInfo::decode(&mut cursor)?;
    let mut at = HEADER_BYTES as u64;
    let mut blocks = Vec::new();
    for _ in 0..cursor.count(1)? {
        let stored = cursor.varint_u32()?;
        blocks.push((at, stored));
        at += u64::from(stored);
    }
    let mut index_frames = Vec::new();
    for _ in 0..cursor.count(2)? {
        let (kind, stored) = (cursor.u8()?, cursor.varint_u32()?);
        index_frames.push((kind, at, stored));
        at += u64::from(stored);
    }
    if !cursor.is_empty() {
        info.bucket_ms = cursor.zigzag()?;
    }
    if at == directory_at && cursor.is_empty() {
        Ok((info, blocks, index_frames))
    } else {
        Err(cursor.damaged())
    }
}

/// Reads blocks of one segment and keeps the last one: whoever asks in the order of the table reads each once.
pub struct BlockReader<'a> {
    segment: &'a Segment,
    decompressor: Decompressor,
    loaded: Option<u32>,
    /// A block that is known to be damaged is not read again.
    damaged: Option<u32>,
    stored: Vec<u8>,
    raw: Vec<u8>,
}

impl<'a> BlockReader<'a> {
    pub fn new(segment: &'a Segment) -> Result<Self, SeriesError> {
        let decompressor =
            Decompressor::new().map_err(|error| SeriesError::io("decompress", &segment.path, error))?;
        let (stored, raw) = (Vec::new(), Vec::new());
        Ok(Self { segment, decompressor, loaded: None, damaged: None, stored, raw })
    }

    /// The bytes of a chunk.
    pub fn chunk(&mut self, chunk: &ChunkRef) -> Result<&[u8], SeriesError> {
        if self.loaded != Some(chunk.block) {
            self.load(chunk.block)?;
        }
        let start = chunk.offset as usize;
        let end = start.saturating_add(chunk.bytes as usize);
        self.raw.get(start..end).ok_or_else(|| segment_error(&self.segment.path, Damaged { what: "block" }))
    }

    /// The raw bytes of an index frame. The block that was loaded is not any more.
    pub fn frame(&mut self, at: u64, stored: u32, what: &'static str) -> Result<&[u8], SeriesError> {
        self.loaded = None;
        self.read_frame(at, stored, what)?;
        Ok(&self.raw)
    }

    fn load(&mut self, block: u32) -> Result<(), SeriesError> {
        let damaged = segment_error(&self.segment.path, Damaged { what: "block" });
        if self.damaged == Some(block) {
            return Err(damaged);
        }
        let &(at, stored) = self.segment.blocks.get(block as usize).ok_or(damaged)?;
        self.loaded = None;
        let read = self.read_frame(at, stored, "block");
        match &read {
            Ok(()) => self.loaded = Some(block),
            Err(_) => self.damaged = Some(block),
        }
        read
    }

    fn read_frame(&mut self, at: u64, stored: u32, what: &'static str) -> Result<(), SeriesError> {
        let path = &self.segment.path;
        // Longer than the file: the directory is wrong, and must not cost memory.
        if u64::from(stored) > self.segment.file_bytes || (stored as usize) < frame::HEADER_BYTES {
            return Err(segment_error(path, Damaged { what }));
        }
        self.stored.resize(stored as usize, 0);
        let read = self.segment.file.read_exact_at(&mut self.stored, at);
        read.map_err(|error| SeriesError::io("read", path, error))?;
        let opened = self.decompressor.open(&self.stored, &mut self.raw, what);
        opened.map_err(|source| segment_error(path, source))
    }
}
