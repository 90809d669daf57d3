//! What a series is made of. Times are milliseconds since the Unix epoch, as in Prometheus.

use std::fmt;
use std::sync::Arc;

mod histogram;

pub use histogram::{CUSTOM_BUCKETS_SCHEMA, Counts, Histogram, HistogramFault, ResetHint, Span};

/// The bits of the NaN that says "this series has ended"; every other NaN is an ordinary value.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub t_ms: i64,
    pub value: f64,
}

/// The labels of one series: sorted by name, names unique, no empty values. Cloning shares the strings.
///
/// Two label sets are equal exactly if all their names and values are; this *is* the identity of a series.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Sorts, and drops empty values. Of two labels of one name the first stays.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = pairs.filter(|(_, value)| !value.is_empty()).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(pairs.into())
    }

    /// `pairs` must be sorted, unique and without empty values already.
    pub(crate) fn from_sorted(pairs: Box<[(Arc<str>, Arc<str>)]>) -> Self {
        debug_assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0));
        Self(pairs)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| &**found == name).map(|(_, value)| &**value)
    }

    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As in PromQL: `metric{name="value", …}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        f.write_str(&render_labels(pairs))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text of labels that may not be valid yet, for messages.
pub(crate) fn render_labels<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> String {
    let mut metric = String::new();
    let mut rest = String::new();
    for (name, value) in pairs {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        if name == METRIC_NAME {
            metric.push_str(&value);
        } else {
            let comma = if rest.is_empty() { "" } else { ", " };
            rest.push_str(&format!("{comma}{name}={value:?}"));
        }
    }
    if rest.is_empty() && !metric.is_empty() { metric } else { format!("{metric}{{{rest}}}") }
}

/// One observation that stands for many, usually with the id of its trace in its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub t_ms: i64,
    pub value: f64,
    pub labels: Labels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub enum MetricType {
    #[default]
    Unknown,
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
}

impl MetricType {
    /// By the number of the enum of remote write, which is the same in both versions.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// The word of the OpenMetrics text format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// What is known of a metric family beside its series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    pub kind: MetricType,
    pub help: Arc<str>,
    pub unit: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_unique_and_not_empty() {
        let labels = Labels::new([("z", "1"), (METRIC_NAME, "up"), ("gone", ""), ("z", "2")]);
        assert_eq!(labels.to_string(), "up{z=\"1\"}");
        assert_eq!(labels.metric_name(), Some("up"));
        assert_eq!(Labels::new([(METRIC_NAME, "up")]).to_string(), "up");
    }
}
