//! What is to be written, however it arrived: remote write, OTLP, a scrape. One flat arena per kind of thing, so that a
//! request of thousands of series costs a handful of allocations.

use std::ops::Range;

use crate::model::{Histogram, MetricType, Sample};

/// A label as it came in: not checked, borrowed from the body.
pub type RawLabel<'a> = (&'a [u8], &'a [u8]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Part {
    pub start: u32,
    pub end: u32,
}

impl Part {
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    fn since(start: usize, end: usize) -> Self {
        // Arenas are bounded far below this by the limits of the decoders.
        let at = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        Self { start: at(start), end: at(end) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SeriesPart {
    pub labels: Part,
    pub samples: Part,
    pub histograms: Part,
    pub exemplars: Part,
    /// The labels could not even be read (a reference outside of the symbols).
    pub unreadable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RawExemplar {
    pub labels: Part,
    pub t_ms: i64,
    pub value: f64,
}

/// Metadata of one metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawMetadata<'a> {
    pub metric: &'a [u8],
    pub kind: MetricType,
    pub help: &'a [u8],
    pub unit: &'a [u8],
}

/// Series with their samples, in order of arrival. Build one with [`crate::decode::decode_v1`],
/// [`crate::decode::decode_v2`], or by hand: for each series labels, then samples, then [`WriteRequest::end_series`].
#[derive(Debug, Clone, Default)]
pub struct WriteRequest<'a> {
    pub(crate) labels: Vec<RawLabel<'a>>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) histograms: Vec<(i64, Histogram)>,
    pub(crate) exemplars: Vec<RawExemplar>,
    /// Of exemplars; apart, because they are no part of a series' identity.
    pub(crate) exemplar_labels: Vec<RawLabel<'a>>,
    pub(crate) series: Vec<SeriesPart>,
    pub(crate) metadata: Vec<RawMetadata<'a>>,
    /// Start timestamps that were sent. They are counted, not stored.
    pub(crate) start_timestamps: u64,
    done: Ends,
}

/// How far the arenas belong to series that are complete.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    labels: usize,
    samples: usize,
    histograms: usize,
    exemplars: usize,
}

impl<'a> WriteRequest<'a> {
    /// Samples and histograms of complete series.
    pub fn values(&self) -> u64 {
        (self.done.samples + self.done.histograms) as u64
    }

    pub fn label(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.labels.push((name, value));
    }

    pub fn sample(&mut self, t_ms: i64, value: f64) {
        self.samples.push(Sample { t_ms, value });
    }

    pub fn histogram(&mut self, t_ms: i64, histogram: Histogram) {
        self.histograms.push((t_ms, histogram));
    }

    pub fn exemplar(&mut self, t_ms: i64, value: f64, labels: impl IntoIterator<Item = RawLabel<'a>>) {
        let start = self.exemplar_labels.len();
        self.exemplar_labels.extend(labels);
        let labels = Part::since(start, self.exemplar_labels.len());
        self.exemplars.push(RawExemplar { labels, t_ms, value });
    }

    pub fn metadata(&mut self, metadata: RawMetadata<'a>) {
        self.metadata.push(metadata);
    }

    /// What was added since the last call is one series.
    pub fn end_series(&mut self) {
        self.finish_series(false);
    }

    pub(crate) fn finish_series(&mut self, unreadable: bool) {
        let done = self.done;
        self.done = Ends {
            labels: self.labels.len(),
            samples: self.samples.len(),
            histograms: self.histograms.len(),
            exemplars: self.exemplars.len(),
        };
        self.series.push(SeriesPart {
            labels: Part::since(done.labels, self.done.labels),
            samples: Part::since(done.samples, self.done.samples),
            histograms: Part::since(done.histograms, self.done.histograms),
            exemplars: Part::since(done.exemplars, self.done.exemplars),
            unreadable,
        });
    }

    /// The labels of the series that is being built.
    pub(crate) fn open_labels(&self) -> &[RawLabel<'a>] {
        &self.labels[self.done.labels..]
    }

    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    pub fn sample_count(&self) -> usize {
        self.samples.len()
    }

    pub fn histogram_count(&self) -> usize {
        self.histograms.len()
    }

    /// Labels, samples and histograms of each series; for tests and for relabelling.
    pub fn iter(&self) -> impl Iterator<Item = (&[RawLabel<'a>], &[Sample], &[(i64, Histogram)])> {
        self.series.iter().map(|series| {
            let labels = &self.labels[series.labels.range()];
            let samples = &self.samples[series.samples.range()];
            (labels, samples, &self.histograms[series.histograms.range()])
        })
    }
}
