//! Questions: which samples, and which labels there are.
//!
//! A selection reads the head first and then the list of segments: what a seal moves in between is seen twice and counted
//! once, never missed.

use std::ops::RangeInclusive;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::SeriesError;
use crate::head::pages::Written;
use crate::matcher::Matcher;
use crate::model::{Labels, METRIC_NAME, Metadata, Sample};
use crate::postings::{self, Lookup};
use crate::segment::Segment;
use crate::selected::{DamagedPart, Found, Piece, Selected, Selection, Source, damaged_part, touches};
use crate::store::SeriesStore;

mod exemplars;

pub use exemplars::{EXEMPLARS_ANSWERED_MAX, ExemplarSelection};

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

impl SeriesStore {
    /// The samples of all series that match. Costs the index of each segment in the range once, then about 5 ns a
    /// sample.
    pub fn select(&self, select: &Select<'_>) -> Result<Selection, SeriesError> {
        self.find(select)?.decoded(select.threads, select.cancelled)
    }

    /// The series that match, sorted by their labels, with their samples as they are stored: decoded when they are read.
    pub fn find(&self, select: &Select<'_>) -> Result<Selected, SeriesError> {
        let (mut found, sources, damaged) = self.find_pieces(select)?;
        let (start_ms, end_ms) = (select.start_ms, select.end_ms);
        let samples = found.iter().map(|found| found.samples(&sources, start_ms, end_ms)).sum();
        if samples > select.samples_max {
            return Err(SeriesError::TooManySamples { limit: select.samples_max });
        }
        found.sort_unstable_by(|a, b| compare(&a.labels, &b.labels));
        Ok(Selected { found, sources, start_ms, end_ms, samples, damaged })
    }

    /// The label sets that match and have a chunk that touches the range, sorted.
    pub fn series(&self, select: &Select<'_>) -> Result<(Vec<Labels>, Vec<DamagedPart>), SeriesError> {
        let (found, _, damaged) = self.find_pieces(select)?;
        let mut labels: Vec<Labels> = found.into_iter().map(|found| found.labels).collect();
        labels.sort_unstable();
        Ok((labels, damaged))
    }

    #[expect(clippy::type_complexity, reason = "three lists that part again at the callers")]
    fn find_pieces(
        &self,
        select: &Select<'_>,
    ) -> Result<(Vec<Found>, Vec<Source>, Vec<DamagedPart>), SeriesError> {
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
                let touches = |chunk| touches(chunk, select.start_ms, select.end_ms);
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
            let (found, ..) = self.find_pieces(select)?;
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
            let (found, ..) = self.find_pieces(select)?;
            for found in &found {
                let value = found.labels.iter().find(|(one, _)| &***one == name);
                values.extend(value.map(|(_, value)| Arc::clone(value)));
            }
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
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
