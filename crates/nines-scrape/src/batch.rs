//! What a scrape hands on, and to whom.

use std::sync::Arc;

use nines_base::ErrorKind;
use nines_series::{
    Exemplar, Histogram, Labels, MatchOp, Matcher, Metadata, RawMetadata, Select, SeriesError, SeriesStore,
    WriteRequest, is_stale,
};

use crate::labels::LabelSet;

/// Samples that are looked through for what a target left alive; one with more of them ages out instead.
const LIVING_SAMPLES_MAX: u64 = 5_000_000;

/// The samples of one scrape, with its report, in the order of the body. No series twice at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    pub points: Vec<Point>,
    /// By metric family; only what is new or has changed.
    pub metadata: Vec<(Arc<str>, Metadata)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub labels: Arc<Labels>,
    pub t_ms: i64,
    pub value: PointValue,
    pub exemplars: Vec<Exemplar>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PointValue {
    /// With the bits of [`nines_series::STALE_NAN_BITS`]: the series has ended.
    Float(f64),
    Histogram(Histogram),
}

/// What was taken of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    pub written: u64,
    /// Refused one by one: too old, too far ahead, over a budget. The rest was written.
    pub rejected: u64,
}

/// Nothing of the batch was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("samples could not be stored: {message}")]
pub struct AppendError {
    pub message: String,
    pub kind: ErrorKind,
}

/// Where batches go. Called once a scrape and target, from many tasks.
#[async_trait::async_trait]
pub trait Appender: Send + Sync {
    /// Returns when the samples are where they are to stay.
    async fn append(&self, batch: Batch) -> Result<Appended, AppendError>;

    /// The series with these labels, among others, that have samples in the range of times and have not ended: what
    /// a target left behind that this process has not scraped yet.
    async fn living(&self, target: &LabelSet, from_ms: i64, to_ms: i64) -> Result<Vec<Labels>, AppendError>;
}

/// The series store: an `Ok` means fsynced and visible.
#[async_trait::async_trait]
impl Appender for SeriesStore {
    async fn append(&self, batch: Batch) -> Result<Appended, AppendError> {
        let store = self.clone();
        // Resolving and encoding computes; it does not belong on the runtime.
        let pending = tokio::task::spawn_blocking(move || store.write(request_of(&batch)));
        let pending = pending.await.map_err(|error| failed(error.to_string(), ErrorKind::Internal))?;
        let outcome = match pending {
            Ok(pending) => pending.await,
            Err(error) => Err(error),
        };
        let outcome = outcome.map_err(|error| failed(error.to_string(), error.kind()))?;
        let written = outcome.samples_written + outcome.histograms_written;
        Ok(Appended { written, rejected: outcome.rejected })
    }

    async fn living(&self, target: &LabelSet, from_ms: i64, to_ms: i64) -> Result<Vec<Labels>, AppendError> {
        let matchers: Result<Vec<Matcher>, SeriesError> =
            target.iter().map(|(name, value)| Matcher::new(name, MatchOp::Equal, value)).collect();
        let matchers = matchers.map_err(|error| failed(error.to_string(), error.kind()))?;
        let store = self.clone();
        let selected = tokio::task::spawn_blocking(move || {
            store.select(&Select {
                matchers: &matchers,
                start_ms: from_ms,
                end_ms: to_ms,
                samples_max: LIVING_SAMPLES_MAX,
                threads: 1,
                cancelled: &|| false,
            })
        });
        let selected = selected.await.map_err(|error| failed(error.to_string(), ErrorKind::Internal))?;
        let selected = selected.map_err(|error| failed(error.to_string(), error.kind()))?;
        let living = selected.series.into_iter().filter(|series| {
            let (float, histogram) = (series.times_ms.last(), series.histograms.last());
            let ended = series.values.last().is_some_and(|value| is_stale(*value));
            // Of two kinds in one series the later sample counts.
            !ended || histogram.map(|(t_ms, _)| t_ms) > float
        });
        Ok(living.map(|series| series.labels).collect())
    }
}

fn failed(message: String, kind: ErrorKind) -> AppendError {
    AppendError { message, kind }
}

/// The batch as the store takes it.
pub fn request_of(batch: &Batch) -> WriteRequest<'_> {
    let mut request = WriteRequest::default();
    for point in &batch.points {
        for (name, value) in point.labels.iter() {
            request.label(name.as_bytes(), value.as_bytes());
        }
        match &point.value {
            PointValue::Float(value) => request.sample(point.t_ms, *value),
            PointValue::Histogram(histogram) => request.histogram(point.t_ms, histogram.clone()),
        }
        for exemplar in &point.exemplars {
            let labels = exemplar.labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            request.exemplar(exemplar.t_ms, exemplar.value, labels);
        }
        request.end_series();
    }
    for (metric, metadata) in &batch.metadata {
        request.metadata(RawMetadata {
            metric: metric.as_bytes(),
            kind: metadata.kind,
            help: metadata.help.as_bytes(),
            unit: metadata.unit.as_bytes(),
        });
    }
    request
}
