//! How much somebody may send, and how it is said that it was more.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nines_base::ByteSize;
use nines_model::Dataset;

/// What a rate lets through at once if nobody says otherwise, as time: agents send a few times a minute.
pub const BURST: Duration = Duration::from_secs(10);

/// What a limit is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Senders that belong to no team.
    Organisation,
    Team(Arc<str>),
    /// Whoever sends it.
    Dataset(Dataset),
}

impl Scope {
    /// The name of the tenant, which is empty for the organisation; `None` for a dataset.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Organisation => Some(""),
            Self::Team(name) => Some(name),
            Self::Dataset(_) => None,
        }
    }

    /// `organisation`, `team` or `dataset`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Team(_) => "team",
            Self::Dataset(_) => "dataset",
        }
    }

    /// Of the team or the dataset; empty for the organisation.
    pub fn name(&self) -> &str {
        match self {
            Self::Organisation => "",
            Self::Team(name) => name,
            Self::Dataset(dataset) => dataset.as_str(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organisation => f.write_str("the organisation (keys without a team)"),
            Self::Team(name) => write!(f, "team {name}"),
            Self::Dataset(dataset) => write!(f, "dataset {dataset}"),
        }
    }
}

/// Limits of one scope; what is `None` is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    pub events_per_second: Option<u64>,
    /// After decompression.
    pub bytes_per_second: Option<u64>,
    /// How long both rates may be exceeded from rest, as the time in which so much is refilled; [`BURST`] if not said.
    pub burst: Option<Duration>,
    /// Beyond it nothing is taken in until some of it has gone by retention.
    pub stored_bytes: Option<u64>,
}

impl Amounts {
    /// Where two limits speak of the same, the smaller one holds.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        }
        Self {
            events_per_second: least(self.events_per_second, other.events_per_second),
            bytes_per_second: least(self.bytes_per_second, other.bytes_per_second),
            burst: least(self.burst, other.burst),
            stored_bytes: least(self.stored_bytes, other.stored_bytes),
        }
    }
}

/// The limits of all scopes. Without any, nothing is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantLimits {
    pub organisation: Amounts,
    /// Of each team that has none of its own.
    pub each_team: Amounts,
    pub teams: BTreeMap<String, Amounts>,
    pub datasets: BTreeMap<Dataset, Amounts>,
}

impl TenantLimits {
    pub(super) fn of(&self, scope: &Scope) -> Amounts {
        match scope {
            Scope::Organisation => self.organisation,
            Scope::Team(name) => self.teams.get(&**name).copied().unwrap_or(self.each_team),
            Scope::Dataset(dataset) => self.datasets.get(dataset).copied().unwrap_or_default(),
        }
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitKind {
    EventRate,
    ByteRate,
    StoredBytes,
    /// A limit of the dataset, whoever sends it.
    Dataset,
}

impl LimitKind {
    /// The word under which refusals are counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventRate => "event_rate",
            Self::ByteRate => "byte_rate",
            Self::StoredBytes => "stored_bytes",
            Self::Dataset => "dataset_limit",
        }
    }
}

/// A request that a limit refuses. Worth retrying after `retry_after`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OverLimit {
    pub scope: Scope,
    pub kind: LimitKind,
    pub retry_after: Duration,
    message: String,
}

impl OverLimit {
    pub(super) fn new(scope: &Scope, limits: &Amounts, kind: LimitKind, retry_after: Duration) -> Self {
        let secs = retry_after.as_secs_f64().ceil();
        let message = match kind {
            LimitKind::EventRate => format!(
                "{scope} sends more than its {} events a second: send again in {secs} s, or raise `eventsPerSecond` in TelemetryLimits",
                limits.events_per_second.unwrap_or_default()
            ),
            LimitKind::ByteRate => format!(
                "{scope} sends more than its {} a second: send again in {secs} s, or raise `bytesPerSecond` in TelemetryLimits",
                ByteSize(limits.bytes_per_second.unwrap_or_default())
            ),
            LimitKind::StoredBytes | LimitKind::Dataset => format!(
                "{scope} has its {} of stored telemetry: wait for retention, shorten it, or raise `storedBytes` in TelemetryLimits",
                ByteSize(limits.stored_bytes.unwrap_or_default())
            ),
        };
        Self { scope: scope.clone(), kind, retry_after, message }
    }
}
