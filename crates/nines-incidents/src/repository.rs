//! What a store of incidents must do. Every implementation passes `contract::check`.

use std::sync::Arc;

use async_trait::async_trait;
use nines_model::Timestamp;

use crate::{Change, Entry, EntryKind, Incident, IncidentId, Query, RepositoryError, State, Update};

/// One change of one incident: what it is afterwards, and what it leaves behind. Made by [`crate::machine`].
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// With the version after the change.
    pub incident: Incident,
    /// Numbered on from the last stored entry.
    pub entries: Vec<Entry>,
    pub updates: Vec<Update>,
    pub effects: Vec<Effect>,
    /// Set on the step that opens an incident, if the reporter gave one.
    pub idempotency_key: Option<String>,
}

/// Something that must be done because of a change, at least once. `key` stays the same when it is done again, so
/// that whoever does it can drop the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub key: String,
    pub incident: IncidentId,
    pub at: Timestamp,
    pub kind: EffectKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectKind {
    /// A new incident: tell the first line of its class, in the channel of its level.
    Opened,
    /// The level in force changed: tell the channel of the new one.
    LevelChanged,
    StateChanged {
        state: State,
    },
    /// Send this update to its audiences.
    UpdatePosted {
        number: u32,
    },
    /// Remind the duty person that an update is due.
    Nudge {
        due_at: Timestamp,
    },
    /// The promised update did not come.
    Overdue {
        due_at: Timestamp,
        misses: u32,
    },
    /// Several in a row did not come: tell the next in line.
    Escalation {
        streak: u32,
    },
}

impl EffectKind {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::LevelChanged => "level_changed",
            Self::StateChanged { .. } => "state_changed",
            Self::UpdatePosted { .. } => "update_posted",
            Self::Nudge { .. } => "nudge",
            Self::Overdue { .. } => "overdue",
            Self::Escalation { .. } => "escalation",
        }
    }
}

/// An effect that is stored and not yet marked done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEffect {
    /// Grows in the order of committing.
    pub sequence: u64,
    pub effect: Effect,
}

/// Durable, linearizable storage of incidents. When a method that writes returns `Ok`, a crash loses nothing of it;
/// when it returns `Err`, nothing of it happened or will happen, except that `Unavailable` may hide a success.
#[async_trait]
pub trait Repository: Send + Sync + 'static {
    /// Draws the next number of `year`, from 1. Never gives the same one twice, whether or not it is used.
    async fn next_number(&self, year: u16) -> Result<u32, RepositoryError>;

    /// Stores all the steps or none. A step of version 1 creates its incident; any other replaces the version before
    /// it, else `Conflict`. Gives each step the next revision, in order, and returns the changes for the feed.
    async fn commit(&self, steps: &[Step]) -> Result<Vec<Change>, RepositoryError>;

    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, RepositoryError>;

    /// Newest first.
    async fn find(&self, query: &Query) -> Result<Vec<Incident>, RepositoryError>;

    /// Open incidents only, whatever their number: the control loop must see each one.
    async fn open(&self) -> Result<Vec<Incident>, RepositoryError>;

    /// The newest incident that this alert is linked to and that was not merged into another.
    async fn by_alert(&self, alert_id: &str) -> Result<Option<Incident>, RepositoryError>;

    async fn by_idempotency_key(&self, key: &str) -> Result<Option<IncidentId>, RepositoryError>;

    /// Entries with a sequence above `after`, in order.
    async fn timeline(&self, id: IncidentId, after: u64, limit: u32) -> Result<Vec<Entry>, RepositoryError>;

    /// In order.
    async fn updates(&self, id: IncidentId) -> Result<Vec<Update>, RepositoryError>;

    /// The oldest first.
    async fn pending_effects(&self, limit: u32) -> Result<Vec<PendingEffect>, RepositoryError>;

    /// All or none. Marking one done that is done already, or unknown, is not an error.
    async fn complete_effects(&self, sequences: &[u64]) -> Result<(), RepositoryError>;

    /// The revision of the newest change; 0 before the first.
    async fn revision(&self) -> Result<u64, RepositoryError>;

    /// The newest change of each incident that changed after `revision`, in order of revision.
    async fn changes_since(&self, revision: u64, limit: u32) -> Result<Vec<Change>, RepositoryError>;
}

impl Step {
    /// The change that committing this step under `revision` makes.
    pub fn change(&self, revision: u64) -> Change {
        let mut kinds: Vec<EntryKind> = Vec::new();
        for entry in &self.entries {
            if !kinds.contains(&entry.kind) {
                kinds.push(entry.kind);
            }
        }
        Change {
            revision,
            incident: self.incident.id,
            version: self.incident.version,
            state: self.incident.state,
            entries: self.incident.entries,
            kinds: Arc::from(kinds),
        }
    }
}

impl Incident {
    /// The last change as a resumed feed tells it: without the kinds of its entries.
    pub fn last_change(&self) -> Change {
        Change {
            revision: self.revision,
            incident: self.id,
            version: self.version,
            state: self.state,
            entries: self.entries,
            kinds: Arc::from([]),
        }
    }
}
