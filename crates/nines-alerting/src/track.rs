//! What a rule remembers, and what it says when it changes its mind.

use std::fmt;
use std::time::Duration;

use nines_model::Timestamp;
use sha2::{Digest, Sha256};

use crate::{Measurement, Severity};

/// `alert-` and 16 hex digits: a hash of the SLO's name and the instant of firing, so a crash between deciding and
/// writing cannot make two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertId(pub String);

impl AlertId {
    pub fn of(slo: &str, detected_at: Timestamp) -> Self {
        Self(format!("alert-{}", short_hash(&[slo, &detected_at.as_nanos().to_string()])))
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first 16 hex digits of SHA-256 over the parts, each ended by a zero byte.
pub(crate) fn short_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    Inactive,
    Pending,
    Firing,
    Resolved,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Inactive, Self::Pending, Self::Firing, Self::Resolved]
            .into_iter()
            .find(|phase| phase.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConditionKind {
    Burn,
    TrafficStopped,
    DataStale,
}

impl ConditionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Burn => "burn",
            Self::TrafficStopped => "traffic_stopped",
            Self::DataStale => "data_stale",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Burn, Self::TrafficStopped, Self::DataStale].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Something that broke the promise during this alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub kind: ConditionKind,
    /// The burn tier's name, or the kind's.
    pub name: String,
    pub severity: Severity,
    /// For a burn: the rate that is too much. 0 otherwise.
    pub threshold: f64,
    pub short: Duration,
    pub long: Duration,
}

/// The open (or last resolved) alert of a track.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAlert {
    pub id: AlertId,
    /// When the trouble began, as far as the windows can tell.
    pub started_at: Timestamp,
    /// When it fired.
    pub detected_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    /// What holds now; while resolved, what held last.
    pub severity: Severity,
    /// The highest it ever was.
    pub severity_max: Severity,
    /// All that fired in this alert, in order of appearance; at most one for each tier, so bounded by the rule.
    pub conditions: Vec<Condition>,
    /// Since when every evaluation was good for page-severity conditions, and for all. `None`: not good now.
    pub page_clear_since: Option<Timestamp>,
    pub clear_since: Option<Timestamp>,
    pub flapping: bool,
    pub reopened: u32,
    /// Transitions so far: the number of the last one.
    pub transitions: u32,
    /// The fraction of the budget that was left when it first fired.
    pub budget_left_at_start: Option<f64>,
}

/// The rule of one SLO. The default is a rule that has never seen anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    pub slo: String,
    pub phase: Phase,
    pub pending_since: Option<Timestamp>,
    /// Present while firing and after; the next alert replaces it.
    pub alert: Option<OpenAlert>,
    /// Fired, resolved and reopened, within the flap window; never longer than [`CHANGES_MAX`].
    pub changes: Vec<Timestamp>,
    pub evaluated_at: Option<Timestamp>,
}

/// More than the policy ever asks to count; a bound for hostile policies.
pub const CHANGES_MAX: usize = 16;

impl Track {
    pub fn new(slo: impl Into<String>) -> Self {
        let (phase, pending_since, alert, changes) = (Phase::Inactive, None, None, Vec::new());
        Self { slo: slo.into(), phase, pending_since, alert, changes, evaluated_at: None }
    }

    /// Stable over alerts of the same rule: what deduplicates them elsewhere. One alert for each SLO, so the SLO's
    /// name is all that goes in.
    pub fn fingerprint(&self) -> String {
        short_hash(&["slo", &self.slo])
    }

    /// Whether a restart would resume differently from `other`: all but the instant of the last evaluation.
    pub fn differs_from(&self, other: &Self) -> bool {
        let without = |track: &Self| Self { evaluated_at: None, ..track.clone() };
        without(self) != without(other)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransitionKind {
    Fired,
    /// Ticket became page.
    Escalated,
    /// Page became ticket: the acute part is over, the slow burn is not.
    Lowered,
    /// It changes too often to be told of each time.
    Flapping,
    Resolved,
    Reopened,
}

impl TransitionKind {
    const ALL: [Self; 6] =
        [Self::Fired, Self::Escalated, Self::Lowered, Self::Flapping, Self::Resolved, Self::Reopened];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Escalated => "escalated",
            Self::Lowered => "lowered",
            Self::Flapping => "flapping",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A step of an alert. `number` counts from 1 within the alert, so `(alert, number)` names it for ever.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    pub alert: AlertId,
    pub number: u32,
    pub kind: TransitionKind,
    pub at: Timestamp,
    pub severity: Severity,
    pub reason: Reason,
}

/// Why the machine did what it did, or did nothing. `Display` is a sentence part in English, for logs and the UI's
/// "why" column.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    Quiet,
    /// Both windows of a tier are over, but on too few events to call it.
    TooFewEvents {
        tier: String,
    },
    /// A condition holds, not yet for long enough.
    Holding {
        remaining: Duration,
    },
    Over {
        tier: String,
        rate: f64,
        threshold: f64,
        long: Duration,
        short: Duration,
    },
    TrafficStopped {
        expected: f64,
        window: Duration,
    },
    DataStale {
        age: Duration,
    },
    StillBad {
        condition: String,
    },
    /// No usable data: the state is held.
    Held {
        measurement: Measurement,
    },
    Clearing {
        remaining: Duration,
    },
    Cleared {
        clear_for: Duration,
    },
    Flapping {
        changes: usize,
        window: Duration,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::figures::{duration, number};
        match self {
            Self::Quiet => write!(f, "no condition holds"),
            Self::TooFewEvents { tier } => write!(f, "{tier} is over its threshold, but on too few events"),
            Self::Holding { remaining } => {
                write!(f, "a condition holds and must for {} more", duration(*remaining))
            }
            Self::Over { tier, rate, threshold, long, short } => write!(
                f,
                "{tier}: the budget burns at {} times the even rate over {} and {}, where {} is too much",
                number(*rate),
                duration(*long),
                duration(*short),
                number(*threshold)
            ),
            Self::TrafficStopped { expected, window } => {
                write!(f, "no events in {}, where {} are usual", duration(*window), number(*expected))
            }
            Self::DataStale { age } => write!(f, "the newest event is {} old", duration(*age)),
            Self::StillBad { condition } => write!(f, "{condition} still holds"),
            Self::Held { measurement } => write!(f, "held: the measurement is {}", measurement.as_str()),
            Self::Clearing { remaining } => write!(f, "good, and must be for {} more", duration(*remaining)),
            Self::Cleared { clear_for } => write!(f, "good for {}", duration(*clear_for)),
            Self::Flapping { changes, window } => write!(f, "{changes} changes in {}", duration(*window)),
        }
    }
}

/// What [`crate::decide`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub track: Track,
    pub transition: Option<Transition>,
    pub reason: Reason,
    /// Whether the track must be persisted before anything is told to anybody.
    pub changed: bool,
}
