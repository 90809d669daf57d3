//! The append-only timeline.

use nines_model::Timestamp;

use crate::level::{UnknownWord, parse_word};
use crate::{IncidentId, Text};

/// Who or what an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    Human,
    System,
    Alert,
    Change,
    Page,
}

/// What an entry is about; one icon each on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    Opened,
    AlertJoined,
    AlertResolved,
    LevelProposed,
    LevelRaised,
    LevelConfirmed,
    ClassChanged,
    Acknowledged,
    Mitigated,
    Relapsed,
    Resolved,
    Reopened,
    Reviewed,
    Cancelled,
    Merged,
    RoleAssigned,
    FaultStartCorrected,
    Update,
    PromiseArmed,
    Nudge,
    Overdue,
    Escalation,
    Note,
    Correction,
    Change,
    Page,
}

/// One thing that happened. Never changed once stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub incident: IncidentId,
    /// From 1, without gaps, in the order of recording.
    pub sequence: u64,
    /// When it happened, which may be before it was recorded.
    pub at: Timestamp,
    pub recorded_at: Timestamp,
    pub source: Source,
    pub actor: String,
    pub kind: EntryKind,
    pub text: Text,
    pub link: Option<String>,
    /// The entry that a correction corrects.
    pub refers_to: Option<u64>,
}

impl Source {
    pub const ALL: [Self; 5] = [Self::Human, Self::System, Self::Alert, Self::Change, Self::Page];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::System => "system",
            Self::Alert => "alert",
            Self::Change => "change",
            Self::Page => "page",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "a timeline source", Self::ALL.into_iter().map(|source| (source, source.as_str())))
    }
}

impl EntryKind {
    pub const ALL: [Self; 26] = [
        Self::Opened,
        Self::AlertJoined,
        Self::AlertResolved,
        Self::LevelProposed,
        Self::LevelRaised,
        Self::LevelConfirmed,
        Self::ClassChanged,
        Self::Acknowledged,
        Self::Mitigated,
        Self::Relapsed,
        Self::Resolved,
        Self::Reopened,
        Self::Reviewed,
        Self::Cancelled,
        Self::Merged,
        Self::RoleAssigned,
        Self::FaultStartCorrected,
        Self::Update,
        Self::PromiseArmed,
        Self::Nudge,
        Self::Overdue,
        Self::Escalation,
        Self::Note,
        Self::Correction,
        Self::Change,
        Self::Page,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::AlertJoined => "alert_joined",
            Self::AlertResolved => "alert_resolved",
            Self::LevelProposed => "level_proposed",
            Self::LevelRaised => "level_raised",
            Self::LevelConfirmed => "level_confirmed",
            Self::ClassChanged => "class_changed",
            Self::Acknowledged => "acknowledged",
            Self::Mitigated => "mitigated",
            Self::Relapsed => "relapsed",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Reviewed => "reviewed",
            Self::Cancelled => "cancelled",
            Self::Merged => "merged",
            Self::RoleAssigned => "role_assigned",
            Self::FaultStartCorrected => "fault_start_corrected",
            Self::Update => "update",
            Self::PromiseArmed => "promise_armed",
            Self::Nudge => "nudge",
            Self::Overdue => "overdue",
            Self::Escalation => "escalation",
            Self::Note => "note",
            Self::Correction => "correction",
            Self::Change => "change",
            Self::Page => "page",
        }
    }

    pub fn parse(text: &str) -> Result<Self, UnknownWord> {
        parse_word(text, "a timeline entry kind", Self::ALL.into_iter().map(|kind| (kind, kind.as_str())))
    }

    /// Whether the entry is news for somebody who reads updates. The clock's own housekeeping is not.
    pub fn is_news(self) -> bool {
        !matches!(
            self,
            Self::PromiseArmed | Self::Nudge | Self::Overdue | Self::Escalation | Self::Page | Self::Update
        )
    }
}
