//! The last changes to the system: deploys, feature flags, configuration, infrastructure.

use std::sync::Arc;

use arc_swap::ArcSwap;
use nines_model::{Batch, Dataset, RowRef, SmolStr, Timestamp, field};
use parking_lot::Mutex;

/// Changes kept. A busy team makes some tens a day; a page asks about the last hours.
pub const CHANGES_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub at: Timestamp,
    /// `deploy`, `feature_flag`, `config`, `infrastructure`, or the sender's word.
    pub kind: Option<SmolStr>,
    pub id: Option<SmolStr>,
    pub title: Option<SmolStr>,
    /// `None` for a change to everything.
    pub service: Option<SmolStr>,
    pub version: Option<SmolStr>,
    pub by: Option<SmolStr>,
    /// How to take it back.
    pub undo: Option<SmolStr>,
}

/// The newest [`CHANGES_MAX`] changes by their own time. Reading takes no lock.
#[derive(Debug, Default)]
pub struct RecentChanges {
    /// Oldest first.
    current: ArcSwap<Vec<Arc<Change>>>,
    turn: Mutex<()>,
}

impl RecentChanges {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the change events of a batch; other batches are ignored at no cost.
    pub fn observe(&self, batch: &Batch) {
        if batch.dataset != Dataset::Changes || batch.rows.is_empty() {
            return;
        }
        let _turn = self.turn.lock();
        let mut changes: Vec<Arc<Change>> = (**self.current.load()).clone();
        for row in batch.rows.iter() {
            let change = Change::from(row);
            let position = changes.partition_point(|known| known.at <= change.at);
            changes.insert(position, Arc::new(change));
        }
        let surplus = changes.len().saturating_sub(CHANGES_MAX);
        changes.drain(..surplus);
        self.current.store(Arc::new(changes));
    }

    /// The newest change at or before `at` that touches `service`: its own, or one to everything.
    pub fn last_before(&self, service: &str, at: Timestamp) -> Option<Arc<Change>> {
        let changes = self.current.load();
        let touches = |change: &&Arc<Change>| {
            change.at <= at && change.service.as_ref().is_none_or(|name| name == service)
        };
        changes.iter().rev().find(touches).cloned()
    }

    /// The newest change at or before `at` of any of `services` (the service and what it depends on).
    pub fn last_of<'a>(&self, services: impl Iterator<Item = &'a str>, at: Timestamp) -> Option<Arc<Change>> {
        services.filter_map(|service| self.last_before(service, at)).max_by_key(|change| change.at)
    }

    /// Newest first.
    pub fn all(&self) -> Vec<Arc<Change>> {
        self.current.load().iter().rev().cloned().collect()
    }
}

impl From<RowRef<'_>> for Change {
    fn from(row: RowRef<'_>) -> Self {
        let text = |name: &str| row.get_str(name).map(SmolStr::new);
        Self {
            at: row.timestamp(),
            kind: text(field::CHANGE_KIND),
            id: text(field::CHANGE_ID),
            title: text(field::NAME),
            service: text(field::SERVICE_NAME),
            version: text(field::SERVICE_VERSION),
            by: text(field::CHANGE_BY),
            undo: text(field::CHANGE_UNDO),
        }
    }
}
