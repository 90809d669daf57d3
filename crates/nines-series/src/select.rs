//! Questions: which samples, and which labels there are.
//!
//! A selection reads the head first and then the list of segments: what a seal moves in between is seen twice and counted
//! once, never missed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread;

use hashbrown::HashMap;

use crate::codec::cursor::Damaged;
use crate::head::pages::Written;
use crate::join::Join;
use crate::matcher::Matcher;
use crate::model::{Exemplar, Histogram, Labels, METRIC_NAME, Metadata, Sample};
use crate::postings::{self, Lookup};
use crate::segment::{BlockReader, ChunkKind, Segment, SegmentIndex};
use crate::store::SeriesStore;
use crate::{SeriesError, codec};

/// Decoding is spread over threads above this many samples: starting one costs about as much as decoding this.
const SAMPLES_PER_THREAD: u64 = 100_000;

/// What is asked for.
pub struct Select<'a> {
    pub matchers: &'a [Matcher],
    /// Inclusive, as PromQL counts.
    pub start_ms: i64,
    pub end_ms: i64,
    /// More is refused with [`SeriesError::TooManySamples`], before anything is decoded: an upper bound, because a chunk counts whole.
    pub samples_max: u64,
    /// Threads to decode with; 1 decodes on the caller's.
    pub threads: usize,
    /// Asked between series; `true` stops with [`SeriesError::Cancelled`].
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
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

/// One series and where its samples lie, in the order in which they were written.
struct Found {
    labels: Labels,
    /// Place of the segment, and number there.
    sealed: Vec<(u32, u32)>,
    head: Vec<Piece>,
}

/// A copy of what the head had, so that its locks are held for moments.
enum Piece {
    Chunk(Arc<[u8]>),
    Samples(Vec<Sample>),
    Histograms(Vec<(i64, Arc<Histogram>)>),
}

type Source = (Arc<Segment>, Arc<SegmentIndex>);

impl SeriesStore {
    /// The samples of all series that match. Costs the index of each segment in the range once, then about 5 ns a
    /// sample.
    pub fn select(&self, select: &Select<'_>) -> Result<Selection, SeriesError> {
        let (mut found, sources, mut damaged) = self.find(select)?;
        let samples: u64 = found.iter().map(|found| found.samples(&sources, select)).sum();
        if samples > select.samples_max {
            return Err(SeriesError::TooManySamples { limit: select.samples_max });
        }
        found.sort_unstable_by(|a, b| compare(&a.labels, &b.labels));
        let threads = (samples / SAMPLES_PER_THREAD + 1).min(select.threads.max(1) as u64) as usize;
        let share = found.len().div_ceil(threads).max(1);
        let mut parts: Vec<Vec<Found>> = Vec::with_capacity(threads);
        while found.len() > share {
            let rest = found.split_off(share);
            parts.push(std::mem::replace(&mut found, rest));
        }
        parts.push(found);
        let decoded = decode_parts(parts, &sources, select);
        let mut series = Vec::new();
        for part in decoded {
            let (part, faults) = part?;
            series.extend(part);
            damaged.extend(faults);
        }
        damaged.sort_unstable();
        damaged.dedup();
        Ok(Selection { series, damaged })
    }

    /// The label sets that match and have a chunk that touches the range, sorted.
    pub fn series(&self, select: &Select<'_>) -> Result<(Vec<Labels>, Vec<DamagedPart>), SeriesError> {
        let (found, _, damaged) = self.find(select)?;
        let mut labels: Vec<Labels> = found.into_iter().map(|found| found.labels).collect();
        labels.sort_unstable();
        Ok((labels, damaged))
    }

    #[expect(clippy::type_complexity, reason = "three lists that part again at the only two callers")]
    fn find(&self, select: &Select<'_>) -> Result<(Vec<Found>, Vec<Source>, Vec<DamagedPart>), SeriesError> {
        let head = self.find_in_head(select);
        let range = select.start_ms..=select.end_ms;
        let (sources, damaged) = self.sources(&range);
        let mut found: Vec<Found> = Vec::with_capacity(head.len());
        let mut by_labels: HashMap<Labels, usize> = HashMap::new();
        for (place, (_, index)) in sources.iter().enumerate() {
            if (select.cancelled)() {
                return Err(SeriesError::Cancelled);
            }
            for series in postings::select(index.as_ref(), select.matchers) {
                let touches = |chunk: &crate::segment::ChunkRef| {
                    chunk.t_min <= select.end_ms && select.start_ms <= chunk.t_max
                };
                if !index.chunks(series).iter().any(touches) {
                    continue;
                }
                let labels = index.labels(series);
                let known = place_of(
                    &mut found,
                    &mut by_labels,
                    labels,
                    sources.len() + usize::from(!head.is_empty()),
                );
                found[known].sealed.push((place as u32, series));
            }
        }
        for (labels, pieces) in head {
            let known = place_of(&mut found, &mut by_labels, labels, sources.len() + 1);
            found[known].head = pieces;
        }
        Ok((found, sources, damaged))
    }

    /// The segments that touch the range, with their series tables. A table that cannot be read is damage.
    fn sources(&self, range: &RangeInclusive<i64>) -> (Vec<Source>, Vec<DamagedPart>) {
        let segments = self.inner().segments.read().clone();
        let (mut sources, mut damaged) = (Vec::new(), Vec::new());
        for segment in segments.iter().filter(|segment| segment.overlaps(*range.start(), *range.end())) {
            match segment.index() {
                Ok(index) => sources.push((Arc::clone(segment), index)),
                Err(error) => {
                    tracing::error!(%error, "metric segment cannot be asked");
                    let info = segment.info();
                    damaged.push(damaged_part(segment, &error, (info.t_min, info.t_max)));
                }
            }
        }
        self.drop_old_indexes(&segments);
        (sources, damaged)
    }

    /// Keeps the series tables of the newest segments, as many as the bound allows.
    fn drop_old_indexes(&self, segments: &[Arc<Segment>]) {
        let mut memory = 0;
        for segment in segments.iter().rev() {
            let more = segment.index_memory();
            memory += more;
            if more > 0 && memory > self.inner().config.index_bytes_max {
                memory -= more;
                segment.drop_index();
            }
        }
    }

    fn find_in_head(&self, select: &Select<'_>) -> Vec<(Labels, Vec<Piece>)> {
        let inner = self.inner();
        let index = inner.index.read();
        let series = postings::select(&*index, select.matchers);
        let mut found = Vec::new();
        inner.pages.each_of(&series, |series, written| {
            let mut pieces = Vec::new();
            written.iter().for_each(|written| copy_pieces(written, select, &mut pieces));
            if !pieces.is_empty() {
                found.push((index.labels(series), pieces));
            }
        });
        found
    }

    /// All names of labels of series that match, sorted. Without matchers this reads no postings.
    pub fn label_names(&self, select: &Select<'_>) -> Result<Vec<Arc<str>>, SeriesError> {
        let mut names: Vec<Arc<str>> = Vec::new();
        if select.matchers.is_empty() {
            names.extend(self.inner().index.read().label_names().map(|(name, _)| Arc::clone(name)));
            let (sources, _) = self.sources(&(select.start_ms..=select.end_ms));
            sources.iter().for_each(|(_, index)| names.extend(index.names().cloned()));
        } else {
            let (found, ..) = self.find(select)?;
            for found in &found {
                names.extend(found.labels.iter().map(|(name, _)| Arc::clone(name)));
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// All values of a label among series that match, sorted.
    pub fn label_values(&self, name: &str, select: &Select<'_>) -> Result<Vec<Arc<str>>, SeriesError> {
        let mut values: Vec<Arc<str>> = Vec::new();
        if select.matchers.is_empty() {
            let mut note = |value: &Arc<str>, _: &[u32]| values.push(Arc::clone(value));
            self.inner().index.read().values(name, &mut note);
            let (sources, _) = self.sources(&(select.start_ms..=select.end_ms));
            sources.iter().for_each(|(_, index)| index.values(name, &mut note));
        } else {
            let (found, ..) = self.find(select)?;
            for found in &found {
                let value = found.labels.iter().find(|(one, _)| &***one == name);
                values.extend(value.map(|(_, value)| Arc::clone(value)));
            }
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// Exemplars of active series that match, with the labels of their series; in order of arrival.
    pub fn exemplars(&self, matchers: &[Matcher], start_ms: i64, end_ms: i64) -> Vec<(Labels, Exemplar)> {
        let inner = self.inner();
        let index = inner.index.read();
        let chosen = postings::select(&*index, matchers);
        let exemplars = inner.exemplars.lock();
        let matching =
            exemplars.between(start_ms, end_ms).filter(|(series, _)| chosen.binary_search(series).is_ok());
        matching.map(|(series, exemplar)| (index.labels(*series), exemplar.clone())).collect()
    }

    /// What is known of metric families, sorted by name.
    pub fn metadata(&self) -> Vec<(Arc<str>, Metadata)> {
        let known = self.inner().metadata.lock();
        let mut all: Vec<_> =
            known.iter().map(|(metric, metadata)| (Arc::clone(metric), metadata.clone())).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Where the active series come from: the `top` metrics by series and labels by values, largest first.
    pub fn cardinality(&self, top: usize) -> Cardinality {
        let index = self.inner().index.read();
        let largest = |mut counts: Vec<LabelCount>| {
            counts.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
            counts.truncate(top);
            counts
        };
        let mut metrics = Vec::new();
        index.values(METRIC_NAME, &mut |name, series| {
            metrics.push(LabelCount { name: Arc::clone(name), count: series.len() as u64 });
        });
        let labels = index.label_names();
        let labels = labels.map(|(name, values)| LabelCount { name: Arc::clone(name), count: values as u64 });
        Cardinality {
            active_series: index.live(),
            series_by_metric: largest(metrics),
            values_by_label: largest(labels.collect()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelCount {
    pub name: Arc<str>,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cardinality {
    pub active_series: u64,
    pub series_by_metric: Vec<LabelCount>,
    pub values_by_label: Vec<LabelCount>,
}

/// Where a series of these labels is in the list. With a single source none can be there yet.
fn place_of(
    found: &mut Vec<Found>,
    by_labels: &mut HashMap<Labels, usize>,
    labels: Labels,
    sources: usize,
) -> usize {
    let next = found.len();
    let new = |labels| Found { labels, sealed: Vec::new(), head: Vec::new() };
    if sources == 1 {
        found.push(new(labels));
        return next;
    }
    match by_labels.get(&labels) {
        Some(&known) => known,
        None => {
            by_labels.insert(labels.clone(), next);
            found.push(new(labels));
            next
        }
    }
}

impl Found {
    /// At most so many samples are to be decoded.
    fn samples(&self, sources: &[Source], select: &Select<'_>) -> u64 {
        let head = self.head.iter().map(|piece| match piece {
            Piece::Chunk(bytes) => codec::count(bytes),
            Piece::Samples(samples) => samples.len() as u64,
            Piece::Histograms(histograms) => histograms.len() as u64,
        });
        let sealed = self.sealed.iter().flat_map(|&(place, series)| sources[place as usize].1.chunks(series));
        let touching = sealed.filter(|chunk| chunk.t_min <= select.end_ms && select.start_ms <= chunk.t_max);
        head.sum::<u64>() + touching.map(|chunk| u64::from(chunk.count)).sum::<u64>()
    }
}

/// As `Labels::cmp`, but most names, and many values, are the very same string.
fn compare(a: &Labels, b: &Labels) -> std::cmp::Ordering {
    let text =
        |a: &Arc<str>, b: &Arc<str>| if Arc::ptr_eq(a, b) { std::cmp::Ordering::Equal } else { a.cmp(b) };
    let differing = a.iter().zip(b.iter()).map(|(a, b)| text(a.0, b.0).then_with(|| text(a.1, b.1)));
    differing.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn copy_pieces(written: &Written, select: &Select<'_>, pieces: &mut Vec<Piece>) {
    let inside = |t_min: i64, t_max: i64| t_min <= select.end_ms && select.start_ms <= t_max;
    let chunks = written.chunks.iter().filter(|chunk| inside(chunk.t_min, chunk.t_max));
    pieces.extend(chunks.map(|chunk| Piece::Chunk(Arc::clone(&chunk.bytes))));
    let tail: Vec<Sample> =
        written.tail.iter().copied().filter(|sample| inside(sample.t_ms, sample.t_ms)).collect();
    if !tail.is_empty() {
        pieces.push(Piece::Samples(tail));
    }
    if let Some(histograms) = &written.histograms {
        let histograms = histograms.iter().filter(|(t_ms, _)| inside(*t_ms, *t_ms));
        pieces.push(Piece::Histograms(histograms.cloned().collect()));
    }
}

type Decoded = Result<(Vec<SeriesData>, Vec<DamagedPart>), SeriesError>;

fn decode_parts(mut parts: Vec<Vec<Found>>, sources: &[Source], select: &Select<'_>) -> Vec<Decoded> {
    let Some(own) = parts.pop() else { return Vec::new() };
    thread::scope(|scope| {
        let others: Vec<_> =
            parts.into_iter().map(|part| scope.spawn(move || decode(part, sources, select))).collect();
        let own = decode(own, sources, select);
        // A panic there is a panic here: there is no half answer.
        let joined = others.into_iter().map(|other| match other.join() {
            Ok(decoded) => decoded,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let mut decoded: Vec<_> = joined.collect();
        decoded.push(own);
        decoded
    })
}

fn decode(found: Vec<Found>, sources: &[Source], select: &Select<'_>) -> Decoded {
    let readers: Result<Vec<_>, _> = sources.iter().map(|(segment, _)| BlockReader::new(segment)).collect();
    let mut readers = readers?;
    let (mut series, mut damaged) = (Vec::with_capacity(found.len()), BTreeMap::new());
    let mut join = Join::default();
    for (number, found) in found.into_iter().enumerate() {
        if number % 64 == 0 && (select.cancelled)() {
            return Err(SeriesError::Cancelled);
        }
        join.clear();
        for &(place, number) in &found.sealed {
            let (segment, index) = &sources[place as usize];
            for chunk in index.chunks(number) {
                if chunk.t_min > select.end_ms || select.start_ms > chunk.t_max {
                    continue;
                }
                let added = readers[place as usize].chunk(chunk).and_then(|bytes| {
                    let path = || segment.path().to_owned();
                    let added = join.add_chunk(chunk.kind, bytes);
                    added.map_err(|source| SeriesError::Segment { path: path(), source })
                });
                if let Err(error) = added {
                    note_damage(&mut damaged, segment, &error, chunk.block, (chunk.t_min, chunk.t_max));
                }
            }
        }
        add_head(&found.head, &mut join);
        join.finish(select.start_ms, select.end_ms);
        if !join.times.is_empty() || !join.histograms.is_empty() {
            let (times_ms, values) = (join.times.clone(), join.values.clone());
            let histograms = std::mem::take(&mut join.histograms);
            series.push(SeriesData { labels: found.labels, times_ms, values, histograms });
        }
    }
    Ok((series, damaged.into_values().collect()))
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

/// One entry for each damaged block, however many series it holds.
fn note_damage(
    damaged: &mut BTreeMap<(String, u32), DamagedPart>,
    segment: &Segment,
    error: &SeriesError,
    block: u32,
    (t_min, t_max): (i64, i64),
) {
    let part = damaged
        .entry((segment.name().to_owned(), block))
        .or_insert_with(|| damaged_part(segment, error, (t_min, t_max)));
    part.t_min = part.t_min.min(t_min);
    part.t_max = part.t_max.max(t_max);
}

fn damaged_part(segment: &Segment, error: &SeriesError, (t_min, t_max): (i64, i64)) -> DamagedPart {
    let what = match error {
        SeriesError::Segment { source: Damaged { what }, .. } => what,
        _ => "file",
    };
    DamagedPart { segment: segment.name().to_owned(), what, t_min, t_max }
}
