//! Series that were made, until they are written.

use nines_series::{Histogram, MetricType, RawMetadata, STALE_NAN_BITS, WriteRequest};

use super::Labels;
use super::point::Exemplar;

/// Owns the texts that a [`WriteRequest`] borrows.
#[derive(Debug, Default)]
pub struct Translated {
    pub(super) series: Vec<Series>,
    metadata: Vec<Described>,
}

#[derive(Debug)]
struct Described {
    metric: String,
    kind: MetricType,
    help: String,
    unit: String,
}

#[derive(Debug, Clone)]
pub(super) struct Series {
    name: String,
    labels: Labels,
    pub samples: Vec<(i64, f64)>,
    pub histograms: Vec<(i64, Histogram)>,
    pub exemplars: Vec<Exemplar>,
}

impl Series {
    pub fn new(name: &str, labels: Labels) -> Self {
        let name = name.to_owned();
        Self { name, labels, samples: Vec::new(), histograms: Vec::new(), exemplars: Vec::new() }
    }

    /// The series ends here.
    pub fn stale(name: &str, labels: Labels, t_ms: i64) -> Self {
        let mut series = Self::new(name, labels);
        series.samples.push((t_ms, f64::from_bits(STALE_NAN_BITS)));
        series
    }

    /// With one more label.
    pub fn with(name: &str, labels: &Labels, label: &str, value: String) -> Self {
        let mut labels = labels.clone();
        labels.retain(|(known, _)| known != label);
        labels.push((label.to_owned(), value));
        labels.sort();
        Self::new(name, labels)
    }

    /// The same for the same series, and for no other.
    pub fn key(&self) -> String {
        let mut key = self.name.clone();
        for (name, value) in &self.labels {
            // No label's name or value holds this byte as text; lengths need not be told.
            key.push('\u{1}');
            key.push_str(name);
            key.push('\u{2}');
            key.push_str(value);
        }
        key
    }
}

impl Translated {
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// About what it takes in memory, for budgets.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    pub fn request(&self) -> WriteRequest<'_> {
        let mut request = WriteRequest::default();
        for series in &self.series {
            request.label(b"__name__", series.name.as_bytes());
            for (name, value) in &series.labels {
                request.label(name.as_bytes(), value.as_bytes());
            }
            series.samples.iter().for_each(|(t_ms, value)| request.sample(*t_ms, *value));
            for (t_ms, histogram) in &series.histograms {
                request.histogram(*t_ms, histogram.clone());
            }
            for exemplar in &series.exemplars {
                let labels = exemplar.labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
                request.exemplar(exemplar.t_ms, exemplar.value, labels);
            }
            request.end_series();
        }
        for described in &self.metadata {
            request.metadata(RawMetadata {
                metric: described.metric.as_bytes(),
                kind: described.kind,
                help: described.help.as_bytes(),
                unit: described.unit.as_bytes(),
            });
        }
        request
    }

    /// Once a request for each metric; points of one metric come one after the other.
    pub(super) fn metadata(
        &mut self,
        metric: &str,
        kind: MetricType,
        help: &str,
        unit: impl FnOnce() -> String,
    ) {
        if self.metadata.last().is_some_and(|last| last.metric == metric) {
            return;
        }
        let (metric, help) = (metric.to_owned(), help.to_owned());
        self.metadata.push(Described { metric, kind, help, unit: unit() });
    }
}
