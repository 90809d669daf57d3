//! One alert from elsewhere, whatever it was written in.

use std::collections::BTreeMap;
use std::fmt;

use nines_filter::{Record, ValueRef};
use nines_incidents::Level;
use nines_model::Timestamp;
use sha2::{Digest, Sha256};

/// What every format of intake is translated into.
#[derive(Debug, Clone, PartialEq)]
pub struct IncomingAlert {
    pub fingerprint: Fingerprint,
    pub source: Source,
    pub status: AlertStatus,
    /// One line for people.
    pub title: String,
    /// What the sender thinks; people confirm it.
    pub level: Option<Level>,
    pub service: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub links: Vec<Link>,
    pub starts_at: Option<Timestamp>,
    /// In the past: when it ended. In the future: when it is over unless it is sent again.
    pub ends_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertStatus {
    Firing,
    /// Firing, and the sender says that somebody has it in hand.
    Acknowledged,
    Resolved,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub title: String,
    pub url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    Nines,
    Alertmanager,
    Grafana,
    PagerDuty,
    CloudWatch,
    Email,
}

/// What makes two alerts one, and by which rule, so that people can see it and undo it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint {
    /// 16 hexadecimal digits.
    pub id: String,
    pub rule: FingerprintRule,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FingerprintRule {
    /// The sender's own key: `dedup_key`, `fingerprint`, the ARN of an alarm.
    Given { field: &'static str, value: String },
    /// All labels, by name and value.
    Labels,
    /// The title without what changes from one mail to the next: numbers and reply marks.
    Title,
}

impl Fingerprint {
    /// By the sender's key. The source is part of it: two systems may use the same.
    pub fn given(source: Source, field: &'static str, value: &str) -> Self {
        let id = hash([source.as_str(), value]);
        Self { id, rule: FingerprintRule::Given { field, value: value.chars().take(256).collect() } }
    }

    pub fn of_labels(source: Source, labels: &BTreeMap<String, String>) -> Self {
        let parts = labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        Self { id: hash([source.as_str()].into_iter().chain(parts)), rule: FingerprintRule::Labels }
    }

    pub fn of_title(source: Source, title: &str) -> Self {
        let mut text = title.trim();
        while let Some((mark, rest)) = text.split_once(':')
            && ["re", "fwd", "fw", "aw", "回覆", "轉寄"].contains(&mark.trim().to_lowercase().as_str())
        {
            text = rest.trim();
        }
        let stable: String =
            text.chars().filter(|c| !c.is_ascii_digit()).flat_map(char::to_lowercase).collect();
        Self { id: hash([source.as_str(), &stable]), rule: FingerprintRule::Title }
    }

    /// One part of what this fingerprint used to hold together.
    pub(crate) fn part(&self, values: &[String]) -> Self {
        let parts = [self.id.as_str()].into_iter().chain(values.iter().map(String::as_str));
        Self { id: hash(parts), rule: self.rule.clone() }
    }
}

/// The first 8 bytes of SHA-256 over the parts, each ended by a zero byte: 64 bits make a clash among a million alerts
/// unlikely to one in 37 million.
fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl IncomingAlert {
    /// The label, or the property that goes by that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        match name {
            "service" | "service.name" => self.service.as_deref().or_else(|| self.label("service")),
            "level" => self.level.map(Level::as_str),
            "title" | "body" => Some(&self.title),
            "source" => Some(self.source.as_str()),
            "fingerprint" => Some(&self.fingerprint.id),
            _ => self.label(name),
        }
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).or_else(|| self.labels.get(name.strip_prefix("labels.")?)).map(String::as_str)
    }
}

/// Filters see labels under their own names, and `service.name`, `level`, `title`, `source` and `fingerprint`.
impl Record for IncomingAlert {
    fn value(&self, name: &str) -> Option<ValueRef<'_>> {
        self.get(name).map(ValueRef::Str)
    }
}

impl AlertStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

impl Source {
    pub const ALL: [Self; 6] =
        [Self::Nines, Self::Alertmanager, Self::Grafana, Self::PagerDuty, Self::CloudWatch, Self::Email];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nines => "nines",
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::PagerDuty => "pagerduty",
            Self::CloudWatch => "cloudwatch",
            Self::Email => "email",
        }
    }
}

/// The rule in words, for the page that shows why two alerts are one.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            FingerprintRule::Given { field, value } => write!(f, "{}: the same {field} `{value}`", self.id),
            FingerprintRule::Labels => write!(f, "{}: the same labels", self.id),
            FingerprintRule::Title => write!(f, "{}: the same title but for its numbers", self.id),
        }
    }
}
