//! What an SLO document says, once read.

use std::time::Duration;

use jiff::civil;
use nines_model::Dataset;

use super::Meta;
use super::alert::AlertPolicy;
use super::period::{Period, Ratio};
use super::yaml::Yaml;

/// A promise about a service: what is measured, over which window, and how much of it must be good.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    pub meta: Meta,
    pub description: Option<String>,
    pub service: String,
    /// `None` when every objective brings its own.
    pub indicator: Option<Ref<Sli>>,
    pub window: Window,
    pub budgeting: Budgeting,
    /// At least one.
    pub objectives: Vec<Objective>,
    pub alert_policies: Vec<Ref<AlertPolicy>>,
    /// What our annotations on the SLO say.
    pub settings: Settings,
}

/// Something named elsewhere or written out in place.
#[derive(Debug, Clone, PartialEq)]
pub enum Ref<T> {
    Named(String),
    Inline(Box<T>),
}

/// Over which time the promise is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// The last `period` before now; months count 30 days.
    Rolling(Period),
    /// Periods that follow each other from `start`, on the clock and calendar of `zone`.
    Calendar { period: Period, start: civil::DateTime, zone: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budgeting {
    /// Good events ÷ all events of the window.
    Occurrences,
    /// Good slices ÷ all slices; a slice is good if its ratio reaches `time_slice_target`.
    Timeslices,
    /// The mean over the slices of each slice's ratio.
    RatioTimeslices,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    pub display_name: Option<String>,
    pub target: Ratio,
    /// For a threshold indicator: how a value compares to `value` when it is good.
    pub op: Option<Op>,
    pub value: Option<f64>,
    pub time_slice_target: Option<Ratio>,
    /// Whole minutes that divide a day.
    pub time_slice_window: Option<Duration>,
    pub composite_weight: Option<f64>,
    pub indicator: Option<Ref<Sli>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Lt,
    Lte,
    Gt,
    Gte,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Sli {
    pub meta: Meta,
    pub description: Option<String>,
    pub metric: Metric,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    Ratio { counter: Option<bool>, parts: RatioParts },
    Threshold(Source),
}

#[derive(Debug, Clone, PartialEq)]
pub enum RatioParts {
    Good {
        good: Source,
        total: Source,
    },
    Bad {
        bad: Source,
        total: Source,
    },
    /// A ratio that somebody else has already computed; `raw_type` is `success` or `failure`.
    Raw {
        raw: Source,
        raw_type: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Nines(NinesSource),
    /// Another system's metric: kept, exported again, not measured.
    Foreign {
        source_type: Option<String>,
        data_source: Option<String>,
        spec: Yaml,
    },
}

/// `type: nines`: events of one dataset.
///
/// As a ratio's part `filter` selects the good, bad or all events. As a threshold metric it selects the events whose
/// `field` is compared; events without the field are not judged. The threshold is `threshold` here (`300ms`, or a
/// number in `unit`), or else the objective's `value` in `unit`. For durations the unit is `ms` unless said.
#[derive(Debug, Clone, PartialEq)]
pub struct NinesSource {
    pub dataset: Dataset,
    /// Text of a filter that parses. Empty selects all.
    pub filter: String,
    pub field: Option<String>,
    pub unit: Option<String>,
    pub threshold: Option<Threshold>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Threshold {
    /// As written: `300ms`.
    Latency {
        text: String,
        nanos: f64,
    },
    Number(f64),
}

/// Our annotations: `nines/sla`, `nines/runbook`, `nines/owner`, `nines/min-events`, `nines/paused`, `nines/channels`,
/// `nines/interval`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// The contract's target, beside the tighter objective.
    pub sla: Option<Ratio>,
    pub runbook: Option<String>,
    pub owner: Option<String>,
    pub min_events: Option<u64>,
    pub paused: bool,
    /// How often a metric is asked; whole seconds.
    pub interval: Option<Duration>,
    pub channels: Vec<String>,
}

impl Budgeting {
    pub const WORDS: [(&'static str, Self); 3] = [
        ("Occurrences", Self::Occurrences),
        ("Timeslices", Self::Timeslices),
        ("RatioTimeslices", Self::RatioTimeslices),
    ];

    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl Op {
    pub const WORDS: [(&'static str, Self); 4] =
        [("lt", Self::Lt), ("lte", Self::Lte), ("gt", Self::Gt), ("gte", Self::Gte)];

    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// As the filter language writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }
}

/// Types of metric sources whose query is PromQL, in lower case.
const PROMQL_TYPES: [&str; 4] = ["prometheus", "thanos", "cortex", "mimir"];
/// Where documents of different tools write the query in a source's spec.
pub(crate) const QUERY_KEYS: [&str; 3] = ["query", "promql", "expr"];

impl Source {
    /// Whether its type says that its query is PromQL.
    pub fn is_of_prometheus(&self) -> bool {
        matches!(self, Self::Foreign { source_type: Some(source_type), .. }
            if PROMQL_TYPES.contains(&source_type.to_ascii_lowercase().as_str()))
    }

    /// The query, if it is PromQL: asked of the series that this server has, wherever they came from.
    pub fn promql(&self) -> Option<&str> {
        let Self::Foreign { spec, .. } = self else { return None };
        if !self.is_of_prometheus() {
            return None;
        }
        QUERY_KEYS.iter().find_map(|key| match spec.get(key) {
            Some(Yaml::Str(query)) => Some(query.as_str()),
            _ => None,
        })
    }
}

impl Metric {
    pub(crate) fn sources_mut(&mut self) -> Vec<&mut Source> {
        match self {
            Self::Threshold(source) => vec![source],
            Self::Ratio { parts: RatioParts::Good { good, total }, .. } => vec![good, total],
            Self::Ratio { parts: RatioParts::Bad { bad, total }, .. } => vec![bad, total],
            Self::Ratio { parts: RatioParts::Raw { raw, .. }, .. } => vec![raw],
        }
    }

    /// Every source, with its place below the SLI's `spec`.
    pub fn sources(&self) -> Vec<(&'static str, &Source)> {
        match self {
            Self::Threshold(source) => vec![("thresholdMetric", source)],
            Self::Ratio { parts: RatioParts::Good { good, total }, .. } => {
                vec![("ratioMetric.good", good), ("ratioMetric.total", total)]
            }
            Self::Ratio { parts: RatioParts::Bad { bad, total }, .. } => {
                vec![("ratioMetric.bad", bad), ("ratioMetric.total", total)]
            }
            Self::Ratio { parts: RatioParts::Raw { raw, .. }, .. } => vec![("ratioMetric.raw", raw)],
        }
    }
}
