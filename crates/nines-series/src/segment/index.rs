//! The series table of a segment in memory, with its postings.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::codec::cursor::{Cursor, Damaged};
use crate::model::Labels;
use crate::postings::Lookup;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    Samples = 0,
    Histograms = 1,
}

/// Where a chunk lies, and what it spans (inclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRef {
    pub kind: ChunkKind,
    pub block: u32,
    pub offset: u32,
    pub bytes: u32,
    pub count: u32,
    pub t_min: i64,
    pub t_max: i64,
}

/// Series are numbered by their place in the table, which is the order of their labels.
#[derive(Debug, Default)]
pub struct SegmentIndex {
    symbols: Vec<Arc<str>>,
    /// Symbols of names and values in turn.
    labels: Vec<u32>,
    label_ends: Vec<u32>,
    chunks: Vec<ChunkRef>,
    chunk_ends: Vec<u32>,
    /// Where the list of a name and value is; the key holds both symbols.
    slots: HashMap<u64, u32>,
    /// Values of each name with the place of their list.
    values: HashMap<u32, Vec<(u32, u32)>>,
    list_ends: Vec<u32>,
    lists: Vec<u32>,
}

impl SegmentIndex {
    pub fn take_symbols(&mut self, raw: &[u8]) -> Result<(), Damaged> {
        let mut cursor = Cursor::new(raw, "symbol table");
        let mut text: Vec<u8> = Vec::new();
        let count = cursor.count(2)?;
        self.symbols.reserve_exact(count);
        for _ in 0..count {
            let shared = cursor.varint()? as usize;
            if shared > text.len() {
                return Err(cursor.damaged());
            }
            text.truncate(shared);
            text.extend_from_slice(cursor.bytes()?);
            let symbol = std::str::from_utf8(&text).map_err(|_| cursor.damaged())?;
            self.symbols.push(Arc::from(symbol));
        }
        Ok(())
    }

    /// After the symbols. `start_ms` is that of the partition.
    pub fn take_series(&mut self, raw: &[u8], start_ms: i64) -> Result<(), Damaged> {
        let mut cursor = Cursor::new(raw, "series table");
        let count = cursor.count(4)?;
        let (mut block, mut offset) = match self.chunks.last() {
            Some(last) => (last.block, last.offset.wrapping_add(last.bytes)),
            None => (0, 0),
        };
        let mut before: std::ops::Range<usize> = 0..0;
        for _ in 0..count {
            let shared = cursor.varint()? as usize;
            if 2 * shared > before.len() {
                return Err(cursor.damaged());
            }
            let start = self.labels.len();
            self.labels.extend_from_within(before.start..before.start + 2 * shared);
            for _ in 0..2 * cursor.count(2)? {
                let symbol = cursor.varint_u32()?;
                if symbol as usize >= self.symbols.len() {
                    return Err(cursor.damaged());
                }
                self.labels.push(symbol);
            }
            before = start..self.labels.len();
            for _ in 0..cursor.count(5)? {
                let tag = cursor.u8()?;
                let kind = match tag & 0xf {
                    0 => ChunkKind::Samples,
                    1 => ChunkKind::Histograms,
                    _ => return Err(cursor.damaged()),
                };
                if tag >> 4 != 0 {
                    (block, offset) = (block + 1, 0);
                }
                let bytes = cursor.varint_u32()?;
                let t_min = start_ms.wrapping_add(cursor.zigzag()?);
                let t_max = t_min.wrapping_add(cursor.varint()? as i64);
                let count = cursor.varint_u32()?;
                self.chunks.push(ChunkRef { kind, block, offset, bytes, count, t_min, t_max });
                offset = offset.wrapping_add(bytes);
            }
            self.label_ends.push(self.labels.len() as u32);
            self.chunk_ends.push(self.chunks.len() as u32);
        }
        if cursor.is_empty() { Ok(()) } else { Err(cursor.damaged()) }
    }

    /// After the last series: postings, by counting and then placing.
    pub fn build_postings(&mut self) {
        let mut counts: Vec<u32> = Vec::new();
        let mut places = Vec::with_capacity(self.labels.len() / 2);
        for &[name, value] in self.labels.as_chunks::<2>().0 {
            let slot = *self.slots.entry(key(name, value)).or_insert_with(|| {
                let slot = counts.len() as u32;
                self.values.entry(name).or_default().push((value, slot));
                counts.push(0);
                slot
            });
            counts[slot as usize] += 1;
            places.push(slot);
        }
        let mut next = Vec::with_capacity(counts.len());
        let mut end = 0u32;
        for count in counts {
            next.push(end);
            end += count;
            self.list_ends.push(end);
        }
        self.lists = vec![0; end as usize];
        let mut places = places.into_iter();
        for series in 0..self.len() as u32 {
            for slot in places.by_ref().take(self.pairs(series).len() / 2) {
                let at = &mut next[slot as usize];
                self.lists[*at as usize] = series;
                *at += 1;
            }
        }
    }

    pub fn len(&self) -> usize {
        self.label_ends.len()
    }

    pub fn symbols(&self) -> &[Arc<str>] {
        &self.symbols
    }

    pub fn pairs(&self, series: u32) -> &[u32] {
        part(&self.labels, &self.label_ends, series)
    }

    pub fn chunks(&self, series: u32) -> &[ChunkRef] {
        part(&self.chunks, &self.chunk_ends, series)
    }

    pub fn labels(&self, series: u32) -> Labels {
        let text = |symbol: u32| Arc::clone(&self.symbols[symbol as usize]);
        let pairs = self.pairs(series).as_chunks::<2>().0.iter();
        Labels::from_sorted(pairs.map(|&[name, value]| (text(name), text(value))).collect())
    }

    /// Approximate, in bytes.
    pub fn memory(&self) -> u64 {
        let symbols: usize = self.symbols.iter().map(|symbol| symbol.len() + 32).sum();
        let (series, chunks) = (self.len() * 8, self.chunks.len() * size_of::<ChunkRef>());
        (symbols + series + chunks + self.labels.len() * 6 + self.slots.len() * 36) as u64
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.values.keys().map(|&name| &self.symbols[name as usize])
    }

    fn symbol(&self, text: &str) -> Option<u32> {
        self.symbols.binary_search_by(|symbol| (**symbol).cmp(text)).ok().map(|index| index as u32)
    }

    fn list(&self, slot: u32) -> &[u32] {
        part(&self.lists, &self.list_ends, slot)
    }
}

fn key(name: u32, value: u32) -> u64 {
    u64::from(name) << 32 | u64::from(value)
}

fn part<'a, T>(all: &'a [T], ends: &[u32], index: u32) -> &'a [T] {
    let index = index as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] as usize };
    &all[start..ends[index] as usize]
}

impl Lookup for SegmentIndex {
    fn all(&self) -> Vec<u32> {
        (0..self.len() as u32).collect()
    }

    fn exact(&self, name: &str, value: &str) -> Option<&[u32]> {
        let slot = self.slots.get(&key(self.symbol(name)?, self.symbol(value)?))?;
        Some(self.list(*slot))
    }

    fn values<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a Arc<str>, &'a [u32])) {
        let values = self.symbol(name).and_then(|name| self.values.get(&name));
        for &(value, slot) in values.into_iter().flatten() {
            each(&self.symbols[value as usize], self.list(slot));
        }
    }
}
