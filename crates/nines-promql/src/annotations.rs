//! Warnings and infos: what a query answers although something about it or the data is doubtful.
//!
//! Kept as values while the query runs, so that a doubt that comes up in every step costs no text; equal ones are kept
//! once. The texts are upstream's to the letter, as people and tests look for them.

use std::collections::BTreeMap;

use crate::ast::Span;
use crate::labels::quoted;
use crate::number::{format_float, format_general};

/// At most so many different ones are kept; upstream's API shows ten of each kind.
const KEPT_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Note {
    // Warnings.
    InvalidQuantile { bits: u64 },
    InvalidRatio { bits: u64, capped: i8 },
    BadBucketLabel { metric: String, label: String },
    MixedFloatsHistograms { metric: String },
    MixedFloatsHistogramsInAggregation,
    MixedClassicNative { metric: String },
    NotCounter { metric: String },
    NotGauge { metric: String },
    MixedSchemas { metric: String },
    IncompatibleLayout { op: &'static str },
    HintCollision { operation: &'static str },
    SortInRange,
    StartTimeOverlap { metric: String },
    // Infos.
    PossibleNonCounter { metric: String },
    PossibleNonCounterType { metric: String, found: String },
    ForcedMonotonicity { metric: String },
    IncompatibleTypes { left: &'static str, op: &'static str, right: &'static str },
    HistogramIgnoredInAggregation { aggregation: &'static str },
    HistogramIgnoredInRange { metric: String },
    QuantileNan { metric: String },
    QuantileSkewed { metric: String },
    FractionNan { metric: String },
    BoundsReconciled { operation: &'static str },
}

/// What forcing monotonicity did, over all steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forced {
    pub lowest: f64,
    pub highest: f64,
    pub difference: f64,
    pub first_ms: i64,
    pub last_ms: i64,
    pub times: usize,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    notes: BTreeMap<Note, (Span, Option<Forced>)>,
}

impl Annotations {
    pub(crate) fn add(&mut self, note: Note, span: Span) {
        if self.notes.len() < KEPT_MAX || self.notes.contains_key(&note) {
            self.notes.insert(note, (span, None));
        }
    }

    pub(crate) fn add_forced(&mut self, metric: String, span: Span, forced: Forced) {
        let note = Note::ForcedMonotonicity { metric };
        if self.notes.len() >= KEPT_MAX && !self.notes.contains_key(&note) {
            return;
        }
        let entry = self.notes.entry(note).or_insert((span, None));
        entry.1 = Some(match entry.1 {
            None => forced,
            Some(so_far) => Forced {
                lowest: so_far.lowest.min(forced.lowest),
                highest: so_far.highest.max(forced.highest),
                difference: so_far.difference.max(forced.difference),
                first_ms: so_far.first_ms.min(forced.first_ms),
                last_ms: so_far.last_ms.max(forced.last_ms),
                times: so_far.times + 1,
            },
        });
    }

    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// The warnings with their places in `query`.
    pub fn warnings(&self, query: &str) -> Vec<String> {
        self.texts(query, false)
    }

    /// The infos with their places in `query`.
    pub fn infos(&self, query: &str) -> Vec<String> {
        self.texts(query, true)
    }

    fn texts(&self, query: &str, infos: bool) -> Vec<String> {
        let wanted = self.notes.iter().filter(|(note, _)| note.is_info() == infos);
        let kind = if infos { "PromQL info" } else { "PromQL warning" };
        wanted
            .map(|(note, (span, forced))| {
                format!("{kind}: {} ({})", note.text(*forced), span.line_and_column(query))
            })
            .collect()
    }
}

impl Note {
    fn is_info(&self) -> bool {
        matches!(
            self,
            Self::PossibleNonCounter { .. }
                | Self::PossibleNonCounterType { .. }
                | Self::ForcedMonotonicity { .. }
                | Self::IncompatibleTypes { .. }
                | Self::HistogramIgnoredInAggregation { .. }
                | Self::HistogramIgnoredInRange { .. }
                | Self::QuantileNan { .. }
                | Self::QuantileSkewed { .. }
                | Self::FractionNan { .. }
                | Self::BoundsReconciled { .. }
        )
    }

    fn text(&self, forced: Option<Forced>) -> String {
        let float = |bits: &u64| format_general(f64::from_bits(*bits));
        match self {
            Self::InvalidQuantile { bits } => {
                format!("quantile value should be between 0 and 1, got {}", float(bits))
            }
            Self::InvalidRatio { bits, capped } => {
                format!("ratio value should be between -1 and 1, got {}, capping to {capped}", float(bits))
            }
            Self::BadBucketLabel { metric, label } => with_metric(
                format!("bucket label \"le\" is missing or has a malformed value of {}", quoted(label)),
                metric,
            ),
            Self::MixedFloatsHistograms { metric } => {
                format!("encountered a mix of histograms and floats for metric name {}", quoted(metric))
            }
            Self::MixedFloatsHistogramsInAggregation => {
                "encountered a mix of histograms and floats for aggregation".to_owned()
            }
            Self::MixedClassicNative { metric } => {
                with_metric("vector contains a mix of classic and native histograms".to_owned(), metric)
            }
            Self::NotCounter { metric } => {
                format!("this native histogram metric is not a counter: {}", quoted(metric))
            }
            Self::NotGauge { metric } => {
                format!("this native histogram metric is not a gauge: {}", quoted(metric))
            }
            Self::MixedSchemas { metric } => format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                quoted(metric)
            ),
            Self::IncompatibleLayout { op } => {
                format!("incompatible bucket layout encountered for binary operator {op}")
            }
            Self::HintCollision { operation } => {
                format!("conflicting counter resets during histogram {operation}")
            }
            Self::SortInRange => {
                "sort is ineffective for range queries since results are always ordered by labels".to_owned()
            }
            Self::StartTimeOverlap { metric } => format!(
                "sample has start time that overlaps with previous sample timestamp for metric {}",
                quoted(metric)
            ),
            Self::PossibleNonCounter { metric } => format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quoted(metric)
            ),
            Self::PossibleNonCounterType { metric, found } => format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                quoted(found),
                quoted(metric)
            ),
            Self::ForcedMonotonicity { metric } => {
                let why = "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
                let mut text = with_metric(why.to_owned(), metric);
                if let Some(forced) = forced {
                    text.push_str(&format!(
                        ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                        format_float(forced.lowest),
                        format_float(forced.highest),
                        format_general(forced.difference),
                        forced.times,
                        rfc3339(forced.first_ms),
                        rfc3339(forced.last_ms),
                    ));
                }
                text
            }
            Self::IncompatibleTypes { left, op, right } => {
                format!(
                    "incompatible sample types encountered for binary operator \"{op}\": {left} {op} {right}"
                )
            }
            Self::HistogramIgnoredInAggregation { aggregation } => {
                format!("ignored histogram in {aggregation} aggregation")
            }
            Self::HistogramIgnoredInRange { metric } => format!(
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                quoted(metric)
            ),
            Self::QuantileNan { metric } => with_metric(
                "input to histogram_quantile has NaN observations, result is NaN".to_owned(),
                metric,
            ),
            Self::QuantileSkewed { metric } => with_metric(
                "input to histogram_quantile has NaN observations, result is skewed higher".to_owned(),
                metric,
            ),
            Self::FractionNan { metric } => with_metric(
                "input to histogram_fraction has NaN observations, which are excluded from all fractions"
                    .to_owned(),
                metric,
            ),
            Self::BoundsReconciled { operation } => {
                format!("mismatched custom buckets were reconciled during {operation}")
            }
        }
    }
}

fn with_metric(text: String, metric: &str) -> String {
    if metric.is_empty() { text } else { format!("{text} for metric name {}", quoted(metric)) }
}

fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}
