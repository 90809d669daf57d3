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

impl Source for MemorySource {
    fn select<'s>(&'s self, selection: &Selection<'_>) -> Result<Box<dyn SeriesSet + 's>, SourceError> {
        let matches = |series: &&SeriesData| {
            selection.matchers.iter().all(|matcher| matcher.matches_labels(&series.labels))
        };
        let mut found: Vec<&SeriesData> = self.series.iter().filter(matches).collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        let (start, end) = (selection.start_ms, selection.end_ms);
        Ok(Box::new(InMemory { found: found.into_iter(), start, end }))
    }
}

struct InMemory<'s> {
    found: std::vec::IntoIter<&'s SeriesData>,
    start: i64,
    end: i64,
}

impl SeriesSet for InMemory<'_> {
    fn next(&mut self) -> Result<Option<SeriesView<'_>>, SourceError> {
        for series in self.found.by_ref() {
            let from = series.times.partition_point(|time| *time < self.start);
            let to = series.times.partition_point(|time| *time <= self.end).max(from);
            let first = series.histograms.partition_point(|point| point.time < self.start);
            let last = series.histograms.partition_point(|point| point.time <= self.end).max(first);
            if from == to && first == last {
                continue;
            }
            return Ok(Some(SeriesView {
                labels: series.labels.clone(),
                times: &series.times[from..to],
                values: &series.values[from..to],
                starts: series.starts.get(from..to).unwrap_or(&[]),
                histograms: &series.histograms[first..last],
            }));
        }
        Ok(None)
    }
}
