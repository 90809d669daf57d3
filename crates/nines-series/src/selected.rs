//! What a selection found: which series, and where their samples lie. Decoded when they are read, by as many readers at once
//! as the caller has threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use crate::codec::cursor::Damaged;
use crate::join::Join;
use crate::model::{Histogram, Labels, Sample};
use crate::segment::{BlockReader, ChunkKind, ChunkRef, Segment, SegmentIndex};
use crate::{SeriesError, codec};

/// Decoding is spread over threads above this many samples: starting one costs about as much as decoding this.
const SAMPLES_PER_THREAD: u64 = 100_000;
/// Between two looks at whether anybody still waits.
const SERIES_PER_CHECK: usize = 64;

/// Series sorted by their labels, each of which *may* have samples in the range. Holds the bytes that it will read of the
/// head, and keeps the files of segments open.
pub struct Selected {
    pub(crate) found: Vec<Found>,
    pub(crate) sources: Vec<Source>,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) samples: u64,
    pub(crate) damaged: Vec<DamagedPart>,
}

pub type Source = (Arc<Segment>, Arc<SegmentIndex>);

/// One series and where its samples lie, in the order in which they were written.
pub struct Found {
    pub labels: Labels,
    /// Place of the segment, and number there.
    pub sealed: Vec<(u32, u32)>,
    pub head: Vec<Piece>,
}

/// A copy of what the head had, so that its locks are held for moments.
pub enum Piece {
    Chunk(Arc<[u8]>),
    Samples(Vec<Sample>),
    Histograms(Vec<(i64, Arc<Histogram>)>),
}

/// The samples of one series in the range, times strictly increasing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesData {
    pub labels: Labels,
    pub times_ms: Vec<i64>,
    /// As many as times.
    pub values: Vec<f64>,
    pub histograms: Vec<(i64, Arc<Histogram>)>,
}

/// As [`SeriesData`], in a reader's buffers.
#[derive(Debug, Clone, Copy)]
pub struct SeriesSlices<'r> {
    pub labels: &'r Labels,
    pub times_ms: &'r [i64],
    pub values: &'r [f64],
    pub histograms: &'r [(i64, Arc<Histogram>)],
}

/// Series with at least one sample in the range, sorted by their labels.
#[derive(Debug, Default)]
pub struct Selection {
    pub series: Vec<SeriesData>,
    /// What could not be read and is therefore missing. Empty means that the answer is whole.
    pub damaged: Vec<DamagedPart>,
}

/// A part of a segment that is damaged, and what it would have held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DamagedPart {
    pub segment: String,
    pub what: &'static str,
    /// Inclusive.
    pub t_min: i64,
    pub t_max: i64,
}

/// Reads series of one [`Selected`], into the same buffers one after the other. Whoever asks in ascending order reads each
/// block of a segment once.
pub struct Reader<'s> {
    selected: &'s Selected,
    blocks: Vec<BlockReader<'s>>,
    join: Join,
    /// One entry for each damaged block, however many series it holds.
    damaged: BTreeMap<(String, u32), DamagedPart>,
}

impl Selected {
    /// How many series there are, numbered from 0.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many of `threads` are worth starting for so many samples.
    pub fn threads(&self, threads: usize) -> usize {
        (self.samples / SAMPLES_PER_THREAD + 1).min(threads.max(1) as u64) as usize
    }

    /// What could not be read while looking for series. What readers meet is theirs.
    pub fn damaged(&self) -> &[DamagedPart] {
        &self.damaged
    }

    pub fn reader(&self) -> Result<Reader<'_>, SeriesError> {
        let blocks: Result<Vec<_>, _> =
            self.sources.iter().map(|(segment, _)| BlockReader::new(segment)).collect();
        Ok(Reader { selected: self, blocks: blocks?, join: Join::default(), damaged: BTreeMap::new() })
    }

    /// All of them. `cancelled` is asked between series; `true` stops with [`SeriesError::Cancelled`].
    pub fn decoded(
        mut self,
        threads: usize,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Selection, SeriesError> {
        let share = self.found.len().div_ceil(self.threads(threads)).max(1);
        let selected = &self;
        let parts = thread::scope(|scope| {
            let starts = (share..selected.found.len()).step_by(share);
            let others: Vec<_> =
                starts.map(|start| scope.spawn(move || selected.part(start, share, cancelled))).collect();
            let mut parts = vec![selected.part(0, share, cancelled)];
            // A panic there is a panic here: there is no half answer.
            parts.extend(others.into_iter().map(|other| match other.join() {
                Ok(decoded) => decoded,
                Err(panic) => std::panic::resume_unwind(panic),
            }));
            parts
        });
        let (mut series, mut damaged) = (Vec::new(), std::mem::take(&mut self.damaged));
        for part in parts {
            let (part, faults) = part?;
            series.extend(part);
            damaged.extend(faults);
        }
        damaged.sort_unstable();
        damaged.dedup();
        Ok(Selection { series, damaged })
    }

    fn part(
        &self,
        start: usize,
        count: usize,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(Vec<SeriesData>, Vec<DamagedPart>), SeriesError> {
        let mut reader = self.reader()?;
        let mut series = Vec::new();
        for number in start..(start + count).min(self.found.len()) {
            if number % SERIES_PER_CHECK == 0 && cancelled() {
                return Err(SeriesError::Cancelled);
            }
            series.extend(reader.read(number).map(|slices| slices.to_data()));
        }
        Ok((series, reader.damaged()))
    }
}

impl SeriesData {
    pub fn slices(&self) -> SeriesSlices<'_> {
        let Self { labels, times_ms, values, histograms } = self;
        SeriesSlices { labels, times_ms, values, histograms }
    }
}

impl SeriesSlices<'_> {
    pub fn to_data(self) -> SeriesData {
        SeriesData {
            labels: self.labels.clone(),
            times_ms: self.times_ms.to_vec(),
            values: self.values.to_vec(),
            histograms: self.histograms.to_vec(),
        }
    }
}

impl Reader<'_> {
    /// The samples of the series with this number; `None` if it has none in the range. About 5 ns a sample.
    ///
    /// # Panics
    /// If `number` is not below [`Selected::len`].
    pub fn read(&mut self, number: usize) -> Option<SeriesSlices<'_>> {
        let Selected { found, sources, start_ms, end_ms, .. } = self.selected;
        let found = &found[number];
        self.join.clear();
        for &(place, number) in &found.sealed {
            let (segment, index) = &sources[place as usize];
            for chunk in index.chunks(number).iter().filter(|chunk| touches(chunk, *start_ms, *end_ms)) {
                let added = self.blocks[place as usize].chunk(chunk).and_then(|bytes| {
                    let path = || segment.path().to_owned();
                    let added = self.join.add_chunk(chunk.kind, bytes);
                    added.map_err(|source| SeriesError::Segment { path: path(), source })
                });
                if let Err(error) = added {
                    note_damage(&mut self.damaged, segment, &error, chunk);
                }
            }
        }
        add_head(&found.head, &mut self.join);
        self.join.finish(*start_ms, *end_ms);
        let Join { times, values, histograms, .. } = &self.join;
        let any = !times.is_empty() || !histograms.is_empty();
        any.then_some(SeriesSlices { labels: &found.labels, times_ms: times, values, histograms })
    }

    /// What could not be read since this was last asked, and is missing.
    pub fn damaged(&mut self) -> Vec<DamagedPart> {
        std::mem::take(&mut self.damaged).into_values().collect()
    }
}

impl Found {
    /// At most so many samples are to be decoded.
    pub fn samples(&self, sources: &[Source], start_ms: i64, end_ms: i64) -> u64 {
        let head = self.head.iter().map(|piece| match piece {
            Piece::Chunk(bytes) => codec::count(bytes),
            Piece::Samples(samples) => samples.len() as u64,
            Piece::Histograms(histograms) => histograms.len() as u64,
        });
        let sealed = self.sealed.iter().flat_map(|&(place, series)| sources[place as usize].1.chunks(series));
        let touching = sealed.filter(|chunk| touches(chunk, start_ms, end_ms));
        head.sum::<u64>() + touching.map(|chunk| u64::from(chunk.count)).sum::<u64>()
    }
}

pub fn touches(chunk: &ChunkRef, start_ms: i64, end_ms: i64) -> bool {
    chunk.t_min <= end_ms && start_ms <= chunk.t_max
}

fn add_head(pieces: &[Piece], join: &mut Join) {
    for piece in pieces {
        match piece {
            Piece::Chunk(bytes) => {
                if let Err(error) = join.add_chunk(ChunkKind::Samples, bytes) {
                    // It has not left memory since we made it.
                    tracing::error!(%error, "chunk of the head cannot be read");
                }
            }
            Piece::Samples(samples) => join.add_samples(samples),
            Piece::Histograms(histograms) => join.histograms.extend(histograms.iter().cloned()),
        }
    }
}

fn note_damage(
    damaged: &mut BTreeMap<(String, u32), DamagedPart>,
    segment: &Segment,
    error: &SeriesError,
    chunk: &ChunkRef,
) {
    let part = damaged
        .entry((segment.name().to_owned(), chunk.block))
        .or_insert_with(|| damaged_part(segment, error, (chunk.t_min, chunk.t_max)));
    part.t_min = part.t_min.min(chunk.t_min);
    part.t_max = part.t_max.max(chunk.t_max);
}

pub fn damaged_part(segment: &Segment, error: &SeriesError, (t_min, t_max): (i64, i64)) -> DamagedPart {
    let what = match error {
        SeriesError::Segment { source: Damaged { what }, .. } => what,
        _ => "file",
    };
    DamagedPart { segment: segment.name().to_owned(), what, t_min, t_max }
}
