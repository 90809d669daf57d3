//! What is gathered once, when an alert changes, to explain it. All of it may be missing; the message then says so.

use std::time::Duration;

use nines_model::Timestamp;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    pub users_hit: Option<UsersHit>,
    /// The most over-represented attribute values among bad events, best first.
    pub suspects: Vec<Suspect>,
    /// The newest change to this service, or to what it depends on, before the trouble began.
    pub last_change: Option<Change>,
    /// Log patterns of the service that are new or far more frequent than before, the most certain first.
    pub log_patterns: Vec<LogPattern>,
    /// A few trace ids of bad events.
    pub sample_traces: Vec<String>,
    /// Readable ids of similar incidents, newest first.
    pub similar_incidents: Vec<String>,
    /// The incident that this alert opened or joined.
    pub incident: Option<String>,
    pub on_call: Option<String>,
    pub acknowledged_by: Option<String>,
    pub links: Links,
}

/// Distinct users among the bad events of the last `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsersHit {
    pub count: u64,
    pub window: Duration,
}

/// One value of one attribute, and how much more often it is seen among bad events than among all.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    pub field: String,
    pub value: String,
    /// Events with the value in the last minutes.
    pub bad: u64,
    pub total: u64,
    /// Fractions in 0..=1.
    pub share_of_bad: f64,
    pub share_of_all: f64,
}

/// What a statement of a program wrote, and why it is news.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPattern {
    /// `payment gateway timed out after <duration>`
    pub template: String,
    /// Lines in the last minutes.
    pub lines: u64,
    /// How many times more than before; absent if there was nothing before.
    pub times: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub at: Timestamp,
    /// "deploy", "feature flag", "config".
    pub kind: String,
    /// What was changed, such as "checkout 2.4.1".
    pub summary: String,
    pub by: Option<String>,
    /// A command or a link that takes it back.
    pub undo: Option<String>,
}

/// Absolute URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    pub incident: Option<String>,
    pub slo: Option<String>,
    /// Search with the filter of the bad events and the time filled in.
    pub search: Option<String>,
    pub traces: Option<String>,
    pub runbook: Option<String>,
    pub acknowledge: Option<String>,
    pub silence: Option<String>,
}
