//! OpenSLO's alerting kinds: policy, condition, notification target.

use super::Meta;
use super::period::Period;
use super::slo::{Op, Ref};

/// When to tell whom.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertPolicy {
    pub meta: Meta,
    pub description: Option<String>,
    pub when_breaching: bool,
    pub when_resolved: bool,
    pub when_no_data: bool,
    /// Exactly one: OpenSLO v1 has a list, and says so.
    pub condition: Ref<AlertCondition>,
    pub targets: Vec<Ref<AlertNotificationTarget>>,
}

/// A burn rate that is too high for too long. OpenSLO v1 has one window in a condition; the short window is a twelfth
/// of it, as in the SRE workbook.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertCondition {
    pub meta: Meta,
    pub description: Option<String>,
    /// The sender's word: `page`, `ticket`, …
    pub severity: String,
    pub op: Op,
    /// Burn rate.
    pub threshold: f64,
    pub lookback: Period,
    pub alert_after: Option<Period>,
}

/// A name for somebody who is told; `target` says by which means (`slack`, `email`), in the sender's words.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertNotificationTarget {
    pub meta: Meta,
    pub description: Option<String>,
    pub target: String,
}
