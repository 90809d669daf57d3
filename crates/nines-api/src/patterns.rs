//! Log patterns: templates of lines, how often they occur, and which of them are news.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{QueryStats, Time};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PatternsResponse {
    /// The most frequent first.
    pub patterns: Vec<LogPattern>,
    pub start: Time,
    pub end: Time,
    /// Of `trend`.
    pub step_secs: f64,
    /// Lines in the answer's time and filter.
    pub lines: u64,
    /// Patterns found; `patterns` holds the first of them.
    pub found: u64,
    /// Not every line was looked at: the counts are estimates.
    pub sampled: bool,
    pub stats: QueryStats,
}

/// What one statement of a program wrote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogPattern {
    /// Sixteen hexadecimal digits; the same for the same template for ever.
    pub id: String,
    /// Constant words, and the kinds of the variables: `Connection from <ip> closed after <duration>`.
    pub template: String,
    /// One line as it was written.
    pub example: String,
    /// Selects its lines in a search of logs; empty if the template has no words.
    pub filter: String,
    pub count: u64,
    /// Of all lines in the answer, 0 to 1.
    pub share: f64,
    /// Lines per step.
    pub trend: Vec<u64>,
    /// Within the answer's time.
    pub first_seen: Time,
    pub last_seen: Time,
    /// The highest of its lines, OpenTelemetry's number; 0 if none has one.
    pub severity_number: i64,
    pub services: Vec<PatternService>,
    /// First seen within the last hour, as far as this node knows.
    pub is_new: bool,
    /// Present if there are far more lines in the last minutes than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surge: Option<PatternSurge>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PatternService {
    pub name: String,
    pub count: u64,
}

/// More lines than the pattern's own past explains.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PatternSurge {
    /// Lines in the last five minutes.
    pub recent: u64,
    /// Lines to expect in as long a time, by the two hours before.
    pub expected: f64,
    /// The chance of so many lines if nothing had changed.
    pub chance: f64,
}
