//! The series store as PromQL sees it.

use std::sync::Arc;

use nines_base::ErrorKind;
use nines_promql::{self as promql, Control};
use nines_series::{self as series, Counts, DamagedPart, Select, SeriesError, SeriesStore};
use parking_lot::Mutex;
use smol_str::SmolStr;

/// Series whose chunks are let go before the answer: starting a thread costs as much.
const DROPPED_INLINE_MAX: usize = 1_000;

/// A store that one question reads. Not shared between questions: it keeps what was damaged.
pub struct StoreSource<'a> {
    store: &'a SeriesStore,
    control: &'a Control,
    samples_max: u64,
    threads: usize,
    damaged: Mutex<Vec<DamagedPart>>,
}

impl<'a> StoreSource<'a> {
    /// Each selector may read `samples_max` samples, and decodes them with `threads` threads.
    pub fn new(store: &'a SeriesStore, control: &'a Control, samples_max: u64, threads: usize) -> Self {
        Self { store, control, samples_max, threads, damaged: Mutex::default() }
    }

    /// What could not be read and is missing from what was selected; each once.
    pub fn damaged(self) -> Vec<DamagedPart> {
        let mut damaged = self.damaged.into_inner();
        damaged.sort_unstable();
        damaged.dedup();
        damaged
    }
}

/// Whether nobody waits for the answer any more, or not for so long.
pub fn is_over(control: &Control) -> bool {
    let late = control.deadline.as_ref().is_some_and(|(clock, deadline)| clock.monotonic() >= *deadline);
    late || control.cancel.has_begun()
}

pub fn matcher(matcher: &promql::Matcher) -> Result<series::Matcher, SeriesError> {
    let op = match matcher.op() {
        promql::MatchOp::Equal => series::MatchOp::Equal,
        promql::MatchOp::NotEqual => series::MatchOp::NotEqual,
        promql::MatchOp::Regex => series::MatchOp::Regex,
        promql::MatchOp::NotRegex => series::MatchOp::NotRegex,
    };
    series::Matcher::new(matcher.name(), op, matcher.value())
}

pub fn labels(labels: &series::Labels) -> promql::Labels {
    promql::Labels::new(labels.iter().map(|(name, value)| (SmolStr::new(name), SmolStr::new(value))))
}

impl promql::Source for StoreSource<'_> {
    fn select<'s>(
        &'s self,
        selection: &promql::Selection<'_>,
    ) -> Result<Box<dyn promql::SeriesSet + 's>, promql::SourceError> {
        if is_over(self.control) {
            return Err(over(self.control));
        }
        let matchers: Result<Vec<_>, _> = selection.matchers.iter().map(matcher).collect();
        let matchers = matchers.map_err(source_error)?;
        let selected = self.store.find(&Select {
            matchers: &matchers,
            start_ms: selection.start_ms,
            end_ms: selection.end_ms,
            samples_max: self.samples_max,
            threads: self.threads,
            cancelled: &|| is_over(self.control),
        });
        let selected = match selected {
            // What was found so far is not an answer.
            Err(SeriesError::Cancelled) => return Err(over(self.control)),
            other => other.map_err(source_error)?,
        };
        Ok(Box::new(Found::new(self, selected)))
    }
}

/// Which of the two it was, in the evaluator's words.
fn over(control: &Control) -> promql::SourceError {
    let (kind, error) = if control.cancel.has_begun() {
        (ErrorKind::Cancelled, promql::QueryError::Cancelled)
    } else {
        (ErrorKind::Timeout, promql::QueryError::Timeout)
    };
    promql::SourceError { message: error.to_string(), kind }
}

fn source_error(error: SeriesError) -> promql::SourceError {
    let kind = error.kind();
    if kind == ErrorKind::Internal {
        tracing::error!(%error, "metric store failed a question");
    }
    promql::SourceError { message: error.to_string(), kind }
}

/// Series that were found: lent to several threads, or else decoded when the first is asked for.
struct Found<'s> {
    source: &'s StoreSource<'s>,
    selected: Option<series::Selected>,
    decoded: std::vec::IntoIter<series::SeriesData>,
    latest: series::SeriesData,
    current: Current,
}

impl<'s> Found<'s> {
    fn new(source: &'s StoreSource<'s>, selected: series::Selected) -> Self {
        let (latest, current) = (series::SeriesData::default(), Current::default());
        Self { source, selected: Some(selected), decoded: Vec::new().into_iter(), latest, current }
    }

    fn decode(&mut self, selected: series::Selected) -> Result<(), promql::SourceError> {
        let control = self.source.control;
        let selection = match selected.decoded(self.source.threads, &|| is_over(control)) {
            // What was decoded so far is not an answer.
            Err(SeriesError::Cancelled) => return Err(over(control)),
            other => other.map_err(source_error)?,
        };
        self.source.damaged.lock().extend(selection.damaged);
        self.decoded = selection.series.into_iter();
        Ok(())
    }
}

impl Drop for Found<'_> {
    /// Tens of thousands of chunks take milliseconds to let go, and the answer need not wait for that.
    fn drop(&mut self) {
        if let Some(selected) = self.selected.take().filter(|selected| selected.len() > DROPPED_INLINE_MAX) {
            // Without a thread they are dropped here.
            let _ = std::thread::Builder::new().name("let-go".into()).spawn(move || drop(selected));
        }
    }
}

impl promql::SeriesSet for Found<'_> {
    fn next(&mut self) -> Result<Option<promql::SeriesView<'_>>, promql::SourceError> {
        if let Some(selected) = self.selected.take() {
            self.decode(selected)?;
        }
        let Some(next) = self.decoded.next() else { return Ok(None) };
        self.latest = next;
        Ok(Some(self.current.view(self.latest.slices())))
    }

    fn shared(&self) -> Option<&dyn promql::SharedSeries> {
        let selected = self.selected.as_ref()?;
        (selected.threads(self.source.threads) > 1).then_some(self as &dyn promql::SharedSeries)
    }
}

impl promql::SharedSeries for Found<'_> {
    fn numbers(&self) -> usize {
        self.selected.as_ref().map_or(0, series::Selected::len)
    }

    fn threads(&self) -> usize {
        self.selected.as_ref().map_or(1, |selected| selected.threads(self.source.threads))
    }

    fn reader(&self) -> Result<Box<dyn promql::SeriesReader + '_>, promql::SourceError> {
        let Some(selected) = &self.selected else { return Err(over(self.source.control)) };
        let reader = selected.reader().map_err(source_error)?;
        self.source.damaged.lock().extend_from_slice(selected.damaged());
        Ok(Box::new(Reader { reader, damaged: &self.source.damaged, current: Current::default() }))
    }
}

/// One thread's way through them.
struct Reader<'s> {
    reader: series::Reader<'s>,
    damaged: &'s Mutex<Vec<DamagedPart>>,
    current: Current,
}

impl promql::SeriesReader for Reader<'_> {
    fn read(&mut self, number: usize) -> Option<promql::SeriesView<'_>> {
        self.reader.read(number).map(|slices| self.current.view(slices))
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.damaged.lock().extend(self.reader.damaged());
    }
}

/// Buffers for what PromQL sees otherwise than it is stored.
#[derive(Default)]
struct Current {
    data: series::SeriesData,
    histograms: Vec<promql::HistogramPoint>,
}

impl Current {
    fn view<'v>(&'v mut self, slices: series::SeriesSlices<'v>) -> promql::SeriesView<'v> {
        self.histograms.clear();
        self.histograms.extend(slices.histograms.iter().map(|(time, stored)| promql::HistogramPoint {
            time: *time,
            start: 0,
            histogram: Arc::new(histogram(stored)),
        }));
        let (mut times, mut values) = (slices.times_ms, slices.values);
        if !self.histograms.is_empty() && !times.is_empty() {
            self.data = slices.to_data();
            keep_one_a_time(&mut self.data, &self.histograms);
            (times, values) = (&self.data.times_ms, &self.data.values);
        }
        let labels = labels(slices.labels);
        promql::SeriesView { labels, times, values, starts: &[], histograms: &self.histograms }
    }
}

/// A series that changed from floats to histograms may have both at one time; PromQL knows one sample a time.
fn keep_one_a_time(data: &mut series::SeriesData, histograms: &[promql::HistogramPoint]) {
    let taken = |time: i64| histograms.binary_search_by_key(&time, |point| point.time).is_ok();
    let mut kept = 0;
    for index in 0..data.times_ms.len() {
        if !taken(data.times_ms[index]) {
            data.times_ms[kept] = data.times_ms[index];
            data.values[kept] = data.values[index];
            kept += 1;
        }
    }
    data.times_ms.truncate(kept);
    data.values.truncate(kept);
}

/// As PromQL computes with it: fractional counts, buckets by their index.
pub fn histogram(stored: &series::Histogram) -> promql::Histogram {
    let hint = match stored.reset_hint {
        series::ResetHint::Unknown => promql::histogram::ResetHint::Unknown,
        series::ResetHint::Reset => promql::histogram::ResetHint::Reset,
        series::ResetHint::NotReset => promql::histogram::ResetHint::NotReset,
        series::ResetHint::Gauge => promql::histogram::ResetHint::Gauge,
    };
    let (count, zero_count, positive, negative) = match &stored.counts {
        Counts::Whole { count, zero, positive, negative } => (
            *count as f64,
            *zero as f64,
            indexed(&stored.positive_spans, positive.iter().map(|&count| count as f64)),
            indexed(&stored.negative_spans, negative.iter().map(|&count| count as f64)),
        ),
        Counts::Fractional { count, zero, positive, negative } => (
            *count,
            *zero,
            indexed(&stored.positive_spans, positive.iter().copied()),
            indexed(&stored.negative_spans, negative.iter().copied()),
        ),
    };
    promql::Histogram {
        schema: stored.schema,
        zero_threshold: stored.zero_threshold,
        zero_count,
        count,
        sum: stored.sum,
        positive,
        negative,
        bounds: stored.custom_values.clone(),
        hint,
    }
}

fn indexed(spans: &[series::Span], counts: impl Iterator<Item = f64>) -> Vec<(i32, f64)> {
    let mut indexes = Vec::new();
    let mut next = 0i32;
    for span in spans {
        next = next.saturating_add(span.offset);
        for _ in 0..span.length {
            indexes.push(next);
            next = next.saturating_add(1);
        }
    }
    indexes.into_iter().zip(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_become_indexes() {
        let spans = [series::Span { offset: -2, length: 2 }, series::Span { offset: 1, length: 1 }];
        assert_eq!(indexed(&spans, [1.0, 2.0, 3.0].into_iter()), [(-2, 1.0), (-1, 2.0), (1, 3.0)]);
    }

    #[test]
    fn where_both_are_the_histogram_counts() {
        let mut data =
            series::SeriesData { times_ms: vec![1, 2, 3], values: vec![1.0, 2.0, 3.0], ..Default::default() };
        let point =
            promql::HistogramPoint { time: 2, start: 0, histogram: Arc::new(promql::Histogram::default()) };
        keep_one_a_time(&mut data, &[point]);
        assert_eq!((data.times_ms, data.values), (vec![1, 3], vec![1.0, 3.0]));
    }
}
