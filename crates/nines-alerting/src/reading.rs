//! One SLO at one instant, in the few figures that a rule needs.

use std::sync::Arc;
use std::time::Duration;

use nines_model::Timestamp;

/// How loudly an alert calls: a ticket waits for the morning, a page wakes somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Ticket,
    Page,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ticket, Self::Page].into_iter().find(|severity| severity.as_str() == text)
    }
}

/// How far the figures of a reading can be trusted. Only the first two say anything about the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measurement {
    Measured,
    /// Events came, but too few to judge by alone.
    TooFew,
    /// Nothing came for longer than the source usually takes.
    Stale,
    /// The SLI cannot be computed: a field is gone, a filter matches nothing it should.
    Invalid,
    /// Switched off by a person or by an announced maintenance.
    Paused,
}

impl Measurement {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::TooFew => "too_few",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::Paused => "paused",
        }
    }
}

/// How an event misses the promise, for sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failing {
    #[default]
    Fail,
    TooSlow,
}

/// What the promise is about. Changes rarely, so it is shared between readings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The SLO's stable name, which alerts are keyed by.
    pub slo: String,
    /// What the SLI counts, in the plural: "requests", "checkouts". Empty: "events".
    pub noun: String,
    pub failing: Failing,
    pub service: String,
    /// The team that answers for it. Empty if the document names none.
    pub owner: String,
    pub environment: Option<String>,
}

/// One burn-rate tier, as it stands. Rates are multiples of the rate that would spend the budget exactly by the end of
/// the SLO's window; 1 is on budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Burn {
    /// The tier's name, such as `1h/5m`.
    pub tier: String,
    pub severity: Severity,
    pub long: Duration,
    pub short: Duration,
    pub threshold: f64,
    /// `None`: no events in the window.
    pub long_rate: Option<f64>,
    pub short_rate: Option<f64>,
    /// Whether the short window holds enough events to judge by.
    pub enough_events: bool,
    /// Both windows are over the threshold, with enough events and confidence: the SLO's own verdict.
    pub firing: bool,
}

impl Burn {
    /// Both windows are over the threshold, whether or not on enough events.
    pub fn is_over(&self) -> bool {
        let over = |rate: Option<f64>| rate.is_some_and(|rate| rate >= self.threshold);
        over(self.long_rate) && over(self.short_rate)
    }
}

/// Events seen against events expected, so that silence is not taken for health.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Events in the last `window`.
    pub events: u64,
    /// Events usual for such a window: the same hour last week, or the long-run mean.
    pub expected: f64,
    pub window: Duration,
}

/// One SLO at one instant. The server makes one each second for each SLO.
#[derive(Debug, Clone)]
pub struct Reading {
    pub at: Timestamp,
    pub subject: Arc<Subject>,
    pub measurement: Measurement,
    /// Every tier of the SLO, in any order.
    pub burns: Vec<Burn>,
    /// When the newest event of this SLI was received. `None`: never.
    pub last_event_at: Option<Timestamp>,
    /// When the trouble that holds now began, if the caller can see it in the events. `None`: it is estimated from the
    /// windows, which for a long one is hours too early.
    pub began_at: Option<Timestamp>,
    /// `None` if it is not known yet what is usual.
    pub traffic: Option<Traffic>,

    // What sentences are made of.
    /// The promise: the fraction that must be good, `0.999`.
    pub objective: f64,
    /// What was sold, if it is less strict than the objective.
    pub sla: Option<f64>,
    /// The SLO's window in words: "30 days".
    pub window: String,
    /// The fraction that is bad now, over `recent`.
    pub error_rate: Option<f64>,
    /// The fraction that is usually bad, over a day or more before `recent`.
    pub normal_rate: Option<f64>,
    /// The span that `error_rate`, `good` and `total` cover.
    pub recent: Duration,
    pub good: u64,
    pub total: u64,
    /// The fraction of the error budget that is left; negative when overspent.
    pub budget_left: Option<f64>,
    /// The budget left as time at full outage ("12 minutes").
    pub budget_left_time: Option<Duration>,
    /// At the present rate. `None`: it will not run out within the window.
    pub exhaustion_in: Option<Duration>,
}

impl Reading {
    /// The burn rate of the shortest window that has enough events: what happens *now*. `None`: too little to say.
    pub fn rate_now(&self) -> Option<f64> {
        let with_events = self.burns.iter().filter(|burn| burn.enough_events && burn.short_rate.is_some());
        with_events.min_by_key(|burn| burn.short).and_then(|burn| burn.short_rate)
    }
}
