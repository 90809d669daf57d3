use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nines_base::{ByteSize, ErrorKind};
use nines_wal::JournalError;

use crate::codec::cursor::Damaged;
use crate::model::HistogramFault;

/// Why a call failed as a whole. What is wrong with a single series is a [`Rejection`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum SeriesError {
    #[error("metric journal refused the request")]
    Journal(#[source] JournalError),
    #[error("metric store cannot {operation} `{}`", path.display())]
    Io { operation: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error("metric segment `{}` has a damaged {}: run `nines doctor`, the rest of the data is not affected", path.display(), source.what)]
    Segment { path: PathBuf, source: Damaged },
    #[error("metric store has {bound} at its limit: retry after a pause")]
    Overloaded { bound: &'static str },
    #[error("disk has {} free, the metric store needs {}: make space", ByteSize(*.free), ByteSize(*.needed))]
    DiskFull { free: u64, needed: u64 },
    #[error("metric store is closed")]
    Closed,
    #[error("query would read more than {limit} samples: narrow the matchers or the time range")]
    TooManySamples { limit: u64 },
    #[error("query was cancelled")]
    Cancelled,
    #[error("matcher {matcher} is not a valid regular expression")]
    Regex { matcher: String, source: regex::Error },
    #[error(
        "retention would delete {percent} % of the stored samples at once: confirm it if the policy was meant to change"
    )]
    RetentionGuard { percent: u64 },
}

impl SeriesError {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), source: Arc::new(source) }
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Journal(error) => error.kind(),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
                _ => ErrorKind::Unavailable,
            },
            Self::Segment { .. } => ErrorKind::Internal,
            Self::Overloaded { .. } | Self::DiskFull { .. } => ErrorKind::Exhausted,
            Self::Closed => ErrorKind::Unavailable,
            Self::TooManySamples { .. } => ErrorKind::TooLarge,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Regex { .. } => ErrorKind::InvalidInput,
            Self::RetentionGuard { .. } => ErrorKind::Conflict,
        }
    }

    /// When the same request is worth sending again; `None` if never.
    pub fn retry_after(&self) -> Option<Duration> {
        self.kind().is_retryable().then_some(RETRY_AFTER)
    }
}

/// About what it takes to seal, or to drain a full journal queue.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl From<JournalError> for SeriesError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Closed => Self::Closed,
            error => Self::Journal(error),
        }
    }
}

/// The budget that a new series would break, with what fills it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetExceeded {
    /// Empty for a series without a name.
    pub metric: Arc<str>,
    /// The label of the metric with the most different values: most likely what should not be a label.
    pub label: Arc<str>,
    /// How many it has.
    pub label_values: u64,
    /// Active series that the budget allows.
    pub limit: u64,
    /// Whether it is the budget of this metric; else that of all series.
    pub of_metric: bool,
}

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, label, label_values, limit, of_metric } = self;
        let whose = if *of_metric { "metric" } else { "store, with this series of metric" };
        write!(
            f,
            "{whose} `{metric}` is at its limit of {limit} active series, and label `{label}` has {label_values} values: drop the label or raise the budget"
        )
    }
}

/// Why a series, or some of its samples, were not written. None of these is worth sending again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Reason {
    #[error("labels are empty: name the metric")]
    NoLabels,
    #[error("a label's name is empty")]
    EmptyLabelName,
    #[error("label `{0}` appears twice")]
    DuplicateLabel(String),
    #[error("a label is not valid UTF-8")]
    NotUtf8,
    #[error("a label refers to a symbol that is not there")]
    SymbolReference,
    #[error("more than {limit} labels")]
    TooManyLabels { limit: usize },
    #[error("a label's {part} has more than {limit} bytes")]
    LabelTooLong { part: &'static str, limit: usize },
    #[error("sample is older than the out-of-order window allows")]
    TooOld,
    #[error("sample is too far in the future: check the sender's clock")]
    TooFarAhead,
    #[error("histogram is not valid: {0}")]
    Histogram(HistogramFault),
    #[error("{0}")]
    Budget(BudgetExceeded),
}

impl Reason {
    /// The bounded word for counters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoLabels => "no_labels",
            Self::EmptyLabelName => "empty_label_name",
            Self::DuplicateLabel(_) => "duplicate_label",
            Self::NotUtf8 => "not_utf8",
            Self::SymbolReference => "symbol_reference",
            Self::TooManyLabels { .. } => "too_many_labels",
            Self::LabelTooLong { .. } => "label_too_long",
            Self::TooOld => "too_old",
            Self::TooFarAhead => "too_far_ahead",
            Self::Histogram(_) => "invalid_histogram",
            Self::Budget(_) => "series_budget",
        }
    }
}

/// What was put aside of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// As text, cut at [`REJECTION_SERIES_BYTES_MAX`].
    pub series: String,
    pub reason: Reason,
    /// Samples and histograms.
    pub samples: u64,
}

/// Enough to find the series; a label may be far longer.
pub const REJECTION_SERIES_BYTES_MAX: usize = 300;
