//! Checksums of the blocks of a segment's file, so that a reader of a part can tell whether that part is what was written.
//!
//! Parquet's own page checksums are optional, cover no footer, no bloom filter and no page header, and the writer that we
//! use makes none. A wrong bit in a bloom filter would silently leave rows out. Blocks cover every byte of the file alike,
//! cost 4 bytes in 16 KiB in the catalog, and are checked at the speed of memory.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes of a file that have one checksum. A read is rounded out to whole blocks: a page of text is larger, and the one
/// block of a bloom filter costs 5 µs instead of nothing.
pub const BLOCK_BYTES: u64 = 16 * 1024;

/// CRC-32C of each block of a file, the last of which may be shorter. Empty for segments that were written before there
/// were any: those are only checked as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockChecksums(Arc<[u32]>);

impl BlockChecksums {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the catalog keeps them: 4 bytes each, little endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|checksum| checksum.to_le_bytes()).collect()
    }

    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect())
    }

    /// The whole blocks that hold `range` of a file of `length` bytes.
    fn cover(&self, range: &Range<u64>, length: u64) -> Range<u64> {
        if self.is_empty() {
            return range.clone();
        }
        let start = range.start - range.start % BLOCK_BYTES;
        start..range.end.next_multiple_of(BLOCK_BYTES).min(length)
    }

    /// `range` of a file of `length` bytes, which `read_exact_at` reads (into the buffer, from the offset).
    ///
    /// # Errors
    /// Those of `read_exact_at`; `UnexpectedEof` if the range is not in the file; `InvalidData` if a block that it touches
    /// is not what was written.
    pub fn read(
        &self,
        range: Range<u64>,
        length: u64,
        read_exact_at: impl FnOnce(&mut [u8], u64) -> io::Result<()>,
    ) -> io::Result<Bytes> {
        if range.start > range.end || range.end > length {
            let text =
                format!("bytes {} to {} are beyond the end of the file at {length}", range.start, range.end);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let cover = self.cover(&range, length);
        let mut buffer = vec![0; (cover.end - cover.start) as usize];
        read_exact_at(&mut buffer, cover.start)?;
        if !self.is_empty() {
            let first = cover.start / BLOCK_BYTES;
            for (number, block) in (first..).zip(buffer.chunks(BLOCK_BYTES as usize)) {
                let known = usize::try_from(number).ok().and_then(|number| self.0.get(number));
                if known != Some(&crc32c::crc32c(block)) {
                    let text = format!("block {number} is not what was written");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
        }
        let within = (range.start - cover.start) as usize..(range.end - cover.start) as usize;
        Ok(Bytes::from(buffer).slice(within))
    }
}

/// Makes the checksums while a file is written.
#[derive(Debug, Default)]
pub(crate) struct BlockSummer {
    done: Vec<u32>,
    /// Of the block that is not full yet.
    checksum: u32,
    filled: usize,
}

impl BlockSummer {
    pub fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = bytes.len().min(BLOCK_BYTES as usize - self.filled);
            let (now, rest) = bytes.split_at(count);
            self.checksum = crc32c::crc32c_append(self.checksum, now);
            self.filled += count;
            bytes = rest;
            if self.filled == BLOCK_BYTES as usize {
                self.end_block();
            }
        }
    }

    fn end_block(&mut self) {
        self.done.push(std::mem::take(&mut self.checksum));
        self.filled = 0;
    }

    pub fn finish(mut self) -> BlockChecksums {
        if self.filled > 0 {
            self.end_block();
        }
        BlockChecksums(self.done.into())
    }
}
