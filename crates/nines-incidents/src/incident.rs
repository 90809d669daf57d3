//! The record of one incident.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_model::Timestamp;

use crate::level::parse_word;
use crate::{Class, IncidentId, Level, Promise, PromiseRecord, State, UnknownWord};

/// Alerts linked to one incident. A cascade of a large system fires a few hundred; beyond that the link adds nothing
/// that the alert list does not show, so further ones are counted only.
pub const LINKED_ALERTS_MAX: usize = 500;
/// Services named on one incident, from the alerts that joined it.
pub const SERVICES_MAX: usize = 50;

#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    pub id: IncidentId,
    /// Counts the changes of this incident, from 1. The key of optimistic locking.
    pub version: u64,
    /// The [revision](crate::Change) of the last change; 0 until it is stored.
    pub revision: u64,
    /// The sequence of the newest timeline entry; entries are numbered from 1 without gaps.
    pub entries: u64,
    pub title: String,
    pub state: State,
    pub class: Class,
    /// What was thought at first, and raised by graver alerts while nobody has confirmed.
    pub preliminary_level: Level,
    pub confirmation: Option<Confirmation>,
    /// A graver level that an alert asks for after confirmation; stands until somebody confirms a level again.
    pub proposal: Option<Proposal>,
    pub intake: Intake,
    /// The service of the intake first, then those of the alerts that joined.
    pub services: Vec<String>,
    pub origin: Origin,
    pub reported_at: Timestamp,
    pub marks: Marks,
    pub roles: BTreeMap<Role, String>,
    pub alerts: Vec<AlertLink>,
    /// Alerts that joined beyond [`LINKED_ALERTS_MAX`].
    pub alerts_unlinked: u32,
    /// Some exactly while the incident is open.
    pub promise: Option<Promise>,
    pub promises: PromiseRecord,
    /// Updates posted so far.
    pub updates: u32,
    pub last_update_at: Option<Timestamp>,
    pub merged_into: Option<IncidentId>,
    /// An exercise: real clock, real timeline, left out of statistics and never joined by a real alert.
    pub is_drill: bool,
}

impl Incident {
    /// The level in force: the confirmed one, else the preliminary one.
    pub fn level(&self) -> Level {
        self.confirmation.as_ref().map_or(self.preliminary_level, |confirmation| confirmation.level)
    }

    /// When the next update is promised. In the past if it is overdue; `None` when the incident is closed.
    pub fn next_update_at(&self) -> Option<Timestamp> {
        self.promise.as_ref().map(|promise| promise.due_at)
    }

    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.promise.as_ref().is_some_and(|promise| now > promise.due_at)
    }

    pub fn firing_alerts(&self) -> usize {
        self.alerts.iter().filter(|alert| alert.resolved_at.is_none()).count()
    }
}

/// The fields of a report that stay with the incident and change with each update. The sixth, the next update, is
/// [`Incident::next_update_at`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    pub service: String,
    pub scope: String,
    pub status: String,
    pub started_at: Timestamp,
    pub progress: String,
}

/// A named person says how grave it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub level: Level,
    pub by: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub level: Level,
    pub alert_id: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Person(String),
    Alert(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLink {
    pub alert_id: String,
    pub rule: String,
    pub service: String,
    pub level: Level,
    pub joined_at: Timestamp,
    /// None while it fires.
    pub resolved_at: Option<Timestamp>,
}

/// The instants that durations are computed from. Acknowledged, confirmed, mitigated and resolved are set by doing
/// those things; only the fault's start can be corrected by hand, with a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    pub fault_start: Timestamp,
    pub detected: Timestamp,
    pub acked: Option<Timestamp>,
    pub confirmed: Option<Timestamp>,
    pub mitigated: Option<Timestamp>,
    pub resolved: Option<Timestamp>,
    pub reviewed: Option<Timestamp>,
}

/// Computed from [`Marks`]; zero where the later mark is before the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durations {
    /// Fault start to detected.
    pub to_detect: Duration,
    /// Detected to acknowledged.
    pub to_acknowledge: Option<Duration>,
    /// Fault start to mitigated: how long users felt it at full strength.
    pub to_mitigate: Option<Duration>,
    /// Fault start to resolved.
    pub to_resolve: Option<Duration>,
}

impl Marks {
    pub fn durations(&self) -> Durations {
        Durations {
            to_detect: self.detected.since(self.fault_start),
            to_acknowledge: self.acked.map(|at| at.since(self.detected)),
            to_mitigate: self.mitigated.map(|at| at.since(self.fault_start)),
            to_resolve: self.resolved.map(|at| at.since(self.fault_start)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Commander,
    Deputy,
    Scribe,
    SubjectExpert,
    CustomerLiaison,
    InternalLiaison,
}

impl Role {
    pub const ALL: [Self; 6] = [
        Self::Commander,
        Self::Deputy,
        Self::Scribe,
        Self::SubjectExpert,
        Self::CustomerLiaison,
        Self::InternalLiaison,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commander => "commander",
            Self::Deputy => "deputy",
            Self::Scribe => "scribe",
            Self::SubjectExpert => "subject_expert",
            Self::CustomerLiaison => "customer_liaison",
            Self::InternalLiaison => "internal_liaison",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "an incident role", Self::ALL.into_iter().map(|role| (role, role.as_str())))
    }
}
