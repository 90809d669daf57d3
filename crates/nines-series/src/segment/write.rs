use std::io;

use nines_base::disk::DiskFile;

use super::SegmentInfo;
use super::exemplars::ExemplarFrame;
use super::frame::Compressor;
use super::index::ChunkKind;
use crate::codec::cursor::{put_bytes, put_varint, put_zigzag};
use crate::exemplars::{EXEMPLAR_SLOT_MS, sort, thin};
use crate::model::Exemplar;

pub const MAGIC: [u8; 8] = *b"NINESSER";
pub const VERSION: u32 = 1;
pub const HEADER_BYTES: usize = 16;
pub const FOOTER_BYTES: usize = 32;

/// A block is closed at this size before compression: some hundred chunks, so that zstd sees what they share, and little
/// enough that reading one series in vain reads as much costs 100 µs.
const BLOCK_BYTES: usize = 64 * 1024;

/// Series in one frame of the table: bounds what is in memory while it is written.
const SERIES_PER_FRAME: usize = 4_096;

/// What an index frame holds.
pub const FRAME_SYMBOLS: u8 = 1;
pub const FRAME_SERIES: u8 = 2;
pub const FRAME_EXEMPLARS: u8 = 3;

/// Writes one segment: series in order of their labels, chunks of each in order of time.
pub struct SegmentWriter<'a> {
    file: &'a mut dyn DiskFile,
    compressor: Compressor,
    info: SegmentInfo,
    block: Vec<u8>,
    framed: Vec<u8>,
    /// Stored bytes of each block.
    blocks: Vec<u32>,
    table: Vec<u8>,
    table_series: usize,
    index: Vec<u8>,
    /// Kind and stored bytes of each index frame.
    index_frames: Vec<(u8, u32)>,
    labels: Vec<u32>,
    chunks: Vec<u8>,
    chunk_count: u64,
    new_block: bool,
    offset: u64,
    exemplars: Vec<Exemplar>,
    /// A series keeps at most this many.
    exemplars_max: usize,
    exemplar_frame: ExemplarFrame,
}

impl<'a> SegmentWriter<'a> {
    /// `info` names the partition, order and what is replaced; the rest of it is counted while writing. A series keeps at most
    /// `exemplars_max` exemplars.
    pub fn new(file: &'a mut dyn DiskFile, info: SegmentInfo, exemplars_max: usize) -> io::Result<Self> {
        let mut header = [0u8; HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        file.write_all(&header)?;
        let start_ms = info.start_ms;
        Ok(Self {
            file,
            compressor: Compressor::new()?,
            info: SegmentInfo {
                t_min: i64::MAX,
                t_max: i64::MIN,
                series: 0,
                samples: 0,
                histograms: 0,
                ..info
            },
            block: Vec::with_capacity(BLOCK_BYTES),
            framed: Vec::new(),
            blocks: Vec::new(),
            table: Vec::new(),
            table_series: 0,
            index: Vec::new(),
            index_frames: Vec::new(),
            labels: Vec::new(),
            chunks: Vec::new(),
            chunk_count: 0,
            new_block: false,
            offset: HEADER_BYTES as u64,
            exemplars: Vec::new(),
            exemplars_max,
            exemplar_frame: ExemplarFrame::new(start_ms),
        })
    }

    /// One chunk of the series that [`SegmentWriter::end_series`] will name. Times are inclusive.
    pub fn chunk(
        &mut self,
        kind: ChunkKind,
        (t_min, t_max): (i64, i64),
        count: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        if self.block.len() + bytes.len() > BLOCK_BYTES && !self.block.is_empty() {
            self.end_block()?;
        }
        self.chunks.push(kind as u8 | u8::from(std::mem::take(&mut self.new_block)) << 4);
        put_varint(&mut self.chunks, bytes.len() as u64);
        put_zigzag(&mut self.chunks, t_min.wrapping_sub(self.info.start_ms));
        put_varint(&mut self.chunks, t_max.wrapping_sub(t_min) as u64);
        put_varint(&mut self.chunks, count);
        self.chunk_count += 1;
        self.block.extend_from_slice(bytes);
        self.info.t_min = self.info.t_min.min(t_min);
        self.info.t_max = self.info.t_max.max(t_max);
        match kind {
            ChunkKind::Samples => self.info.samples += count,
            ChunkKind::Histograms => self.info.histograms += count,
        }
        Ok(())
    }

    /// Exemplars of the series that [`SegmentWriter::end_series`] will name; what is too many of them is left out there.
    pub fn exemplars(&mut self, some: &[Exemplar]) {
        self.exemplars.extend_from_slice(some);
    }

    /// Names the series of the chunks and exemplars since the last call by its symbols (names and values in turn). One without
    /// either is left out.
    pub fn end_series(&mut self, labels: &[u32]) -> io::Result<()> {
        if self.chunk_count == 0 && self.exemplars.is_empty() {
            return Ok(());
        }
        self.end_exemplars()?;
        let table = &mut self.table;
        let (pairs, before) = (labels.as_chunks::<2>().0, self.labels.as_chunks::<2>().0);
        let shared = pairs.iter().zip(before).take_while(|(one, other)| one == other).count();
        put_varint(table, shared as u64);
        put_varint(table, (pairs.len() - shared) as u64);
        for &[name, value] in &pairs[shared..] {
            put_varint(table, u64::from(name));
            put_varint(table, u64::from(value));
        }
        put_varint(table, std::mem::take(&mut self.chunk_count));
        table.append(&mut self.chunks);
        self.labels.clear();
        self.labels.extend_from_slice(labels);
        self.info.series += 1;
        self.table_series += 1;
        if self.table_series == SERIES_PER_FRAME { self.end_table() } else { Ok(()) }
    }

    fn end_exemplars(&mut self) -> io::Result<()> {
        let mut exemplars = std::mem::take(&mut self.exemplars);
        sort(&mut exemplars);
        thin(&mut exemplars, EXEMPLAR_SLOT_MS, self.exemplars_max);
        for exemplar in &exemplars {
            self.exemplar_frame.push(self.info.series as u32, exemplar);
            self.info.t_min = self.info.t_min.min(exemplar.t_ms);
            self.info.t_max = self.info.t_max.max(exemplar.t_ms);
            if self.exemplar_frame.is_full() {
                self.end_exemplar_frame()?;
            }
        }
        exemplars.clear();
        self.exemplars = exemplars;
        Ok(())
    }

    fn end_exemplar_frame(&mut self) -> io::Result<()> {
        let raw = self.exemplar_frame.take();
        self.index_frame(FRAME_EXEMPLARS, &raw)
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.framed.clear();
        let stored = self.compressor.frame(&mut self.framed, &self.block)?;
        self.file.write_all(&self.framed)?;
        self.blocks.push(stored as u32);
        self.offset += stored as u64;
        self.block.clear();
        self.new_block = true;
        Ok(())
    }

    fn end_table(&mut self) -> io::Result<()> {
        let mut raw = Vec::with_capacity(self.table.len() + 4);
        put_varint(&mut raw, self.table_series as u64);
        raw.append(&mut self.table);
        self.index_frame(FRAME_SERIES, &raw)?;
        self.table_series = 0;
        // A frame is read on its own.
        self.labels.clear();
        Ok(())
    }

    fn index_frame(&mut self, kind: u8, raw: &[u8]) -> io::Result<()> {
        let stored = self.compressor.frame(&mut self.index, raw)?;
        self.index_frames.push((kind, stored as u32));
        Ok(())
    }

    /// `symbols` in the order of their numbers, which is the order of their text.
    pub fn finish<'s>(mut self, symbols: impl Iterator<Item = &'s str>) -> io::Result<SegmentInfo> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        if self.table_series > 0 {
            self.end_table()?;
        }
        if !self.exemplar_frame.is_empty() {
            self.end_exemplar_frame()?;
        }
        self.write_symbols(symbols)?;
        self.file.write_all(&self.index)?;
        self.offset += self.index.len() as u64;
        let mut directory = Vec::new();
        self.info.encode(&mut directory);
        put_varint(&mut directory, self.blocks.len() as u64);
        self.blocks.iter().for_each(|&stored| put_varint(&mut directory, u64::from(stored)));
        put_varint(&mut directory, self.index_frames.len() as u64);
        for &(kind, stored) in &self.index_frames {
            directory.push(kind);
            put_varint(&mut directory, u64::from(stored));
        }
        if self.info.bucket_ms > 0 {
            put_zigzag(&mut directory, self.info.bucket_ms);
        }
        self.framed.clear();
        let stored = self.compressor.frame(&mut self.framed, &directory)?;
        let footer = footer(self.offset, stored as u32);
        self.framed.extend_from_slice(&footer);
        self.file.write_all(&self.framed)?;
        Ok(self.info)
    }

    fn write_symbols<'s>(&mut self, symbols: impl Iterator<Item = &'s str>) -> io::Result<()> {
        let (mut raw, mut count, mut before) = (Vec::new(), 0u64, "");
        for symbol in symbols {
            let shared = shared_prefix(before, symbol);
            put_varint(&mut raw, shared as u64);
            put_bytes(&mut raw, &symbol.as_bytes()[shared..]);
            count += 1;
            before = symbol;
        }
        let mut counted = Vec::with_capacity(raw.len() + 5);
        put_varint(&mut counted, count);
        counted.append(&mut raw);
        self.index_frame(FRAME_SYMBOLS, &counted)
    }
}

/// Bytes, not characters: they are joined again before they are read as text.
fn shared_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(one, other)| one == other).count()
}

/// directory offset 8, directory bytes 4, version 4, magic 8, checksum of these 4, zero 4.
pub fn footer(directory_at: u64, directory_bytes: u32) -> [u8; FOOTER_BYTES] {
    let mut footer = [0; FOOTER_BYTES];
    footer[..8].copy_from_slice(&directory_at.to_le_bytes());
    footer[8..12].copy_from_slice(&directory_bytes.to_le_bytes());
    footer[12..16].copy_from_slice(&VERSION.to_le_bytes());
    footer[16..24].copy_from_slice(&MAGIC);
    let checksum = crc32c::crc32c(&footer[..24]);
    footer[24..28].copy_from_slice(&checksum.to_le_bytes());
    footer
}
