//! What can be asked of an incident, and by whom.

use nines_model::Timestamp;

use crate::{Approval, Audience, Class, EntryKind, Level, Role, Source, Text};

/// Who asks. Authorisation happened before; the incident only keeps the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    pub source: Source,
}

impl Actor {
    pub fn person(name: impl Into<String>) -> Self {
        Self { name: name.into(), source: Source::Human }
    }

    pub fn system() -> Self {
        Self { name: "nines".to_owned(), source: Source::System }
    }
}

/// A person reports. Every text must say something; missing ones are named in the refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub class: Class,
    /// Preliminary: somebody else confirms it.
    pub level: Level,
    pub service: String,
    pub scope: String,
    pub status: String,
    /// When users first felt it.
    pub started_at: Timestamp,
    pub progress: String,
    /// Computed from the level when absent.
    pub next_update_at: Option<Timestamp>,
    /// Made from service and status when absent.
    pub title: Option<String>,
    pub is_drill: bool,
    /// The same key gives the same incident, however often it is sent.
    pub idempotency_key: Option<String>,
}

/// A firing alert, in the few words that an incident needs. `level` is what user impact proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSignal {
    /// The same for as long as the same alert fires.
    pub alert_id: String,
    pub rule: String,
    pub service: String,
    pub class: Class,
    pub level: Level,
    /// One sentence with numbers, as on the page.
    pub summary: String,
    pub scope: String,
    /// When the fault began, as far as the data shows.
    pub started_at: Timestamp,
    pub detected_at: Timestamp,
    pub link: Option<String>,
}

/// Something that other parts want on the timeline: a page that was delivered, a change that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub at: Timestamp,
    pub kind: EntryKind,
    pub text: Text,
    pub link: Option<String>,
}

/// A new update. Fields left out keep what the incident says now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUpdate {
    pub text: String,
    pub scope: Option<String>,
    pub status: Option<String>,
    pub progress: Option<String>,
    pub next_update_at: Option<Timestamp>,
    /// Empty means responders.
    pub audiences: Vec<Audience>,
    /// Needed for the public only. Recorded as the poster gave them.
    pub approvals: Vec<Approval>,
}

/// What can be done to one incident. Merging names two: [`crate::Incidents::merge`].
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Acknowledge,
    /// Sets the confirmed level, the first time or again, and starts the promise clock anew.
    Confirm {
        level: Level,
    },
    /// `how` may be empty, but the review will ask.
    Mitigate {
        how: String,
    },
    /// The mitigation did not hold.
    Relapse {
        reason: String,
    },
    /// `summary` may be empty, but the close-out mail is better with it.
    Resolve {
        summary: String,
    },
    Reopen {
        reason: String,
    },
    Review {
        summary: String,
    },
    Cancel {
        reason: String,
    },
    /// No name takes the role away.
    AssignRole {
        role: Role,
        person: Option<String>,
    },
    ChangeClass {
        class: Class,
        reason: String,
    },
    CorrectFaultStart {
        at: Timestamp,
        reason: String,
    },
    Note {
        text: String,
        link: Option<String>,
    },
    /// A new entry that says what entry `sequence` should have said.
    Correct {
        sequence: u64,
        text: String,
    },
    PostUpdate(NewUpdate),
    Record(Record),
}
