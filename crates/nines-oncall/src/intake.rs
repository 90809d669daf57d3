//! Alerts in the words of others, translated into [`IncomingAlert`]s.
//!
//! Pure: bytes in, alerts and mistakes out. A mistake names its place by JSON pointer (RFC 6901). In formats that carry
//! many alerts a wrong one spoils only itself.
//!
//! | from | format |
//! |---|---|
//! | our own API | [`native`]: one object or a list; `title` is all that is needed |
//! | Prometheus | [`alertmanager`]: a list as `POST /api/v2/alerts` takes it, or the webhook of Alertmanager (version 4) |
//! | Grafana | [`grafana`]: the webhook of unified alerting |
//! | PagerDuty senders | [`pagerduty`]: Events API v2 |
//! | CloudWatch | [`sns`]: alarms through SNS, with what it takes to verify the signature |
//! | rules of Prometheus that this node evaluates | [`of_rule`]: no bytes, the alert itself |
//! | mail | [`email`]: a message that has been parsed already |
//!
//! Levels are hints, taken from the words that senders use (`severity: critical`); people confirm them.

mod alertmanager;
mod email;
pub(crate) mod json;
mod native;
mod pagerduty;
mod sns;

use std::collections::BTreeMap;

use nines_base::ErrorKind;
use nines_incidents::Level;

pub use alertmanager::{RuleAlert, alertmanager, grafana, of_rule};
pub use email::{ADDRESS_BYTES_MAX, ADDRESS_CHARS_SAFE, Email, MailIntegration, Pattern, email, email_of};
pub use native::native;
pub use pagerduty::{PagerDutyEvent, pagerduty};
pub use sns::{SnsKind, SnsMessage, SnsSignature, sns};

use crate::alert::IncomingAlert;

/// An alert that says no more than which service it is about: for asking whether a maintenance window holds it.
pub fn of_service(service: &str) -> IncomingAlert {
    let labels = BTreeMap::from([("service".to_owned(), service.to_owned())]);
    IncomingAlert {
        fingerprint: crate::alert::Fingerprint::of_labels(crate::alert::Source::Nines, &labels),
        source: crate::alert::Source::Nines,
        status: crate::alert::AlertStatus::Firing,
        title: String::new(),
        level: None,
        service: Some(service.to_owned()),
        labels,
        annotations: BTreeMap::new(),
        links: Vec::new(),
        starts_at: None,
        ends_at: None,
    }
}

/// Alerts of one request: Alertmanager sends its groups in batches of 64, Prometheus of up to 256; a replay is larger.
pub const REQUEST_ALERTS_MAX: usize = 10_000;
/// Labels of one alert, and annotations. Prometheus' own limit is not set; its alerts have about ten.
pub const LABELS_MAX: usize = 64;
/// Longest label or annotation.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Longest title, as PagerDuty's summary.
pub const TITLE_BYTES_MAX: usize = 1_024;

/// What a request held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Intake {
    pub alerts: Vec<IncomingAlert>,
    /// Alerts that could not be read, each with its place.
    pub mistakes: Vec<IntakeError>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    #[error("the body is not JSON: {reason}")]
    NotJson { reason: String },
    #[error("{pointer}: {message}{}", advice(.hint))]
    Wrong { pointer: String, message: String, hint: Option<String> },
    #[error("{count} alerts in one request are more than {REQUEST_ALERTS_MAX}; send them in several")]
    TooMany { count: usize },
}

fn advice(hint: &Option<String>) -> String {
    hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()
}

impl IntakeError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooMany { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::InvalidInput,
        }
    }

    /// Where the mistake is; the empty pointer is the whole body.
    pub fn pointer(&self) -> &str {
        match self {
            Self::Wrong { pointer, .. } => pointer,
            _ => "",
        }
    }
}

/// The level that a word for severity means. Where it is between two, the graver one.
pub fn level_of(word: &str) -> Option<Level> {
    let word = word.trim().to_lowercase();
    Some(match word.as_str() {
        "p0" | "critical" | "fatal" | "emergency" | "disaster" | "sev0" | "sev1" | "sev-1" | "crit" => {
            Level::P0
        }
        "p1" | "error" | "high" | "major" | "page" | "alert" | "sev2" | "sev-2" | "err" | "urgent" => {
            Level::P1
        }
        "p2" | "p3" | "p4" | "p5" | "warning" | "warn" | "minor" | "medium" | "average" | "low" | "info"
        | "information" | "notice" | "none" | "sev3" | "sev-3" | "sev4" | "sev-4" | "sev5" | "sev-5"
        | "ticket" => Level::P2,
        _ => return None,
    })
}

/// Labels in which senders put the severity, in order of trust.
const LEVEL_LABELS: [&str; 4] = ["level", "severity", "priority", "sev"];
/// And the service.
const SERVICE_LABELS: [&str; 6] = ["service.name", "service", "service_name", "app", "application", "job"];

fn level_among(labels: &BTreeMap<String, String>) -> Option<Level> {
    LEVEL_LABELS.iter().find_map(|name| level_of(labels.get(*name)?))
}

fn service_among(labels: &BTreeMap<String, String>) -> Option<String> {
    SERVICE_LABELS.iter().find_map(|name| labels.get(*name).filter(|value| !value.is_empty())).cloned()
}

/// The first `limit` bytes, cut between characters.
fn clipped(text: &str, limit: usize) -> String {
    let text = text.trim();
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
