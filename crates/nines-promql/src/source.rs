//! Where series come from: the one trait that a store implements, and a store in memory.

use std::sync::Arc;

use nines_base::ErrorKind;

use crate::histogram::Histogram;
use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::number::STALE_BITS;

/// What a selector wants.
#[derive(Debug, Clone)]
pub struct Selection<'q> {
    /// All must match.
    pub matchers: &'q [Matcher],
    /// Samples from here on, in milliseconds, inclusive.
    pub start_ms: i64,
    /// Samples up to here, inclusive.
    pub end_ms: i64,
    /// The grid of the evaluation, in milliseconds; 0 for a single instant. A hint for down-sampled data.
    pub step_ms: i64,
    /// The window of a range selector, in milliseconds; 0 for an instant selector.
    pub range_ms: i64,
    /// The function or the aggregation around the selector, if there is one: `rate`, `sum`. A hint.
    pub function: Option<&'static str>,
}

/// Reading failed. `message` may be shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    pub message: String,
    pub kind: ErrorKind,
}

/// A store of series.
pub trait Source: Send + Sync {
    /// The series that match and have samples between the two ends; each label set once, in any order. Samples before
    /// and after may come along. Called once for each selector of a query.
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet + 's>, SourceError>;
}

/// Series one after the other. A store can decode each into the same buffers.
pub trait SeriesSet {
    fn next(&mut self) -> Result<Option<SeriesView<'_>>, SourceError>;

    /// The same series for several threads, if that is worth it. Asked before `next`, and instead of it.
    fn shared(&self) -> Option<&dyn SharedSeries> {
        None
    }
}

/// Series that several threads read at once, numbered from 0 in the order of [`SeriesSet::next`].
pub trait SharedSeries: Sync {
    /// How many numbers there are; some may turn out to have no samples.
    fn numbers(&self) -> usize;

    /// How many threads are worth starting; at least 2.
    fn threads(&self) -> usize;

    fn reader(&self) -> Result<Box<dyn SeriesReader + '_>, SourceError>;
}

/// One thread's way to read. Cheapest in ascending order.
pub trait SeriesReader {
    /// `None` if the series has no samples.
    fn read(&mut self, number: usize) -> Option<SeriesView<'_>>;
}

/// The samples of one series, as columns. Times ascend strictly, in the floats and in the histograms, and no time is
/// in both. A float with the bits [`STALE_BITS`], or a histogram with such a sum, says that the series ended there.
#[derive(Debug, Clone)]
pub struct SeriesView<'s> {
    pub labels: Labels,
    pub times: &'s [i64],
    pub values: &'s [f64],
    /// When counting began for each float, in milliseconds; 0 if unknown. Empty if unknown for all.
    pub starts: &'s [i64],
    pub histograms: &'s [HistogramPoint],
}

#[derive(Debug, Clone)]
pub struct HistogramPoint {
    pub time: i64,
    /// As in [`SeriesView::starts`].
    pub start: i64,
    pub histogram: Arc<Histogram>,
}

impl HistogramPoint {
    pub fn is_stale(&self) -> bool {
        self.histogram.sum.to_bits() == STALE_BITS
    }
}

/// A series in memory.
#[derive(Debug, Clone, Default)]
pub struct SeriesData {
    pub labels: Labels,
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    pub starts: Vec<i64>,
    pub histograms: Vec<HistogramPoint>,
}

impl From<&SeriesView<'_>> for SeriesData {
    fn from(view: &SeriesView<'_>) -> Self {
        Self {
            labels: view.labels.clone(),
            times: view.times.to_vec(),
            values: view.values.to_vec(),
            starts: view.starts.to_vec(),
            histograms: view.histograms.to_vec(),
        }
    }
}

impl SeriesData {
    pub fn view(&self) -> SeriesView<'_> {
        SeriesView {
            labels: self.labels.clone(),
            times: &self.times,
            values: &self.values,
            starts: &self.starts,
            histograms: &self.histograms,
        }
    }
}

/// Series in memory, found by trying each. For tests, rule unit tests and small sets.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    pub series: Vec<SeriesData>,
}

impl MemorySource {
    fn matching(&self, selection: &Selection<'_>) -> InMemory<'_> {
        let matches = |series: &&SeriesData| {
            selection.matchers.iter().all(|matcher| matcher.matches_labels(&series.labels))
        };
        let mut found: Vec<&SeriesData> = self.series.iter().filter(matches).collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        InMemory { found, next: 0, start: selection.start_ms, end: selection.end_ms, threads: 1 }
    }
}

impl Source for MemorySource {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet + 's>, SourceError> {
        Ok(Box::new(self.matching(selection)))
    }
}

/// The same series, lent to so many threads: for tests of what may not depend on threads.
pub struct Lent<'s>(pub &'s MemorySource, pub usize);

impl Source for Lent<'_> {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet + 's>, SourceError> {
        let threads = self.1;
        Ok(Box::new(InMemory { threads, ..self.0.matching(selection) }))
    }
}

struct InMemory<'s> {
    found: Vec<&'s SeriesData>,
    next: usize,
    start: i64,
    end: i64,
    threads: usize,
}

impl InMemory<'_> {
    fn view(&self, number: usize) -> Option<SeriesView<'_>> {
        let series = self.found.get(number)?;
        let from = series.times.partition_point(|time| *time < self.start);
        let to = series.times.partition_point(|time| *time <= self.end).max(from);
        let first = series.histograms.partition_point(|point| point.time < self.start);
        let last = series.histograms.partition_point(|point| point.time <= self.end).max(first);
        (from < to || first < last).then(|| SeriesView {
            labels: series.labels.clone(),
            times: &series.times[from..to],
            values: &series.values[from..to],
            starts: series.starts.get(from..to).unwrap_or(&[]),
            histograms: &series.histograms[first..last],
        })
    }
}

impl SeriesSet for InMemory<'_> {
    fn next(&mut self) -> Result<Option<SeriesView<'_>>, SourceError> {
        while self.next < self.found.len() {
            self.next += 1;
            if self.view(self.next - 1).is_some() {
                return Ok(self.view(self.next - 1));
            }
        }
        Ok(None)
    }

    fn shared(&self) -> Option<&dyn SharedSeries> {
        (self.threads > 1).then_some(self as &dyn SharedSeries)
    }
}

impl SharedSeries for InMemory<'_> {
    fn numbers(&self) -> usize {
        self.found.len()
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn reader(&self) -> Result<Box<dyn SeriesReader + '_>, SourceError> {
        Ok(Box::new(self))
    }
}

impl SeriesReader for &InMemory<'_> {
    fn read(&mut self, number: usize) -> Option<SeriesView<'_>> {
        self.view(number)
    }
}
