//! The feed of changes, for pages that update by themselves.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{EntryKind, IncidentId, Repository, RepositoryError, State};

/// Changes that a slow reader may fall behind by before it has to read the store again. An incident room sees a few
/// changes per minute; 1 024 is a whole bad night in about 100 KiB.
pub const FEED_BACKLOG_MAX: usize = 1024;
/// Changes fetched from the store in one go when a reader resumes.
const RESUME_BATCH: u32 = 256;

/// That an incident changed, and in what respect. What it is now is read from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Over all incidents, one step per change.
    pub revision: u64,
    pub incident: IncidentId,
    pub version: u64,
    pub state: State,
    /// The newest timeline entry.
    pub entries: u64,
    /// The sorts of entries that came; empty in a change that was resumed from the store.
    pub kinds: Arc<[EntryKind]>,
}

/// Follows the feed from a revision on. Each [`Watch::next`] gives changes in order of revision; several changes of
/// one incident may arrive as the last of them, but no incident that changed is ever left out.
pub struct Watch {
    repository: Arc<dyn Repository>,
    receiver: broadcast::Receiver<Change>,
    /// Everything up to here was given out.
    seen: u64,
    must_resume: bool,
}

impl Watch {
    /// `receiver` must have been subscribed before anything later than `since` could be missed; the first call reads
    /// the store in any case.
    pub(crate) fn new(
        repository: Arc<dyn Repository>,
        receiver: broadcast::Receiver<Change>,
        since: u64,
    ) -> Self {
        Self { repository, receiver, seen: since, must_resume: true }
    }

    /// The newest revision given out: what a client sends to resume.
    pub fn revision(&self) -> u64 {
        self.seen
    }

    /// Waits for changes. `None` when the service is gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<Vec<Change>>, RepositoryError> {
        loop {
            if self.must_resume {
                let changes = self.repository.changes_since(self.seen, RESUME_BATCH).await?;
                self.must_resume = changes.len() == RESUME_BATCH as usize;
                if let Some(last) = changes.last() {
                    self.seen = last.revision;
                    return Ok(Some(changes));
                }
            }
            match self.receiver.recv().await {
                Ok(change) if change.revision <= self.seen => {}
                Ok(change) => {
                    // A gap means that commits were announced out of order: the store knows.
                    if change.revision > self.seen + 1 {
                        self.must_resume = true;
                        continue;
                    }
                    self.seen = change.revision;
                    return Ok(Some(vec![change]));
                }
                Err(RecvError::Lagged(_)) => self.must_resume = true,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }
}
