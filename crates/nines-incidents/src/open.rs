//! Open incidents in memory, brought up by what changed since.
//!
//! Loops that must see every open incident ask each second, and each alert asks which one is its own. Reading all of them
//! each time costs as much as there are open, which in a storm is what a page then waits for.

use std::collections::BTreeMap;

use tokio::sync::Mutex;

use crate::{Incident, IncidentId, Repository, RepositoryError};

/// Changes that are read at once.
const CHANGES_AT_ONCE: u32 = 500;

/// As the repository has them at each call, whoever wrote them. As many are held as are open.
#[derive(Default)]
pub(crate) struct OpenIncidents(Mutex<Option<Held>>);

struct Held {
    /// Everything up to it is in.
    revision: u64,
    incidents: BTreeMap<IncidentId, Incident>,
}

impl OpenIncidents {
    /// All of them, the oldest first. Costs one short query, and a read for each incident that changed since.
    pub(crate) async fn read(&self, repository: &dyn Repository) -> Result<Vec<Incident>, RepositoryError> {
        let mut held = self.0.lock().await;
        let mut now = match held.take() {
            Some(held) => held,
            None => {
                // Read first: what changes in between is read again, and nothing is missed.
                let revision = repository.revision().await?;
                let open = repository.open().await?;
                Held {
                    revision,
                    incidents: open.into_iter().map(|incident| (incident.id, incident)).collect(),
                }
            }
        };
        // With an error half way nothing is held, and the next call reads everything.
        loop {
            let changes = repository.changes_since(now.revision, CHANGES_AT_ONCE).await?;
            for change in &changes {
                match repository.get(change.incident).await {
                    Ok(Some(incident)) if incident.state.is_open() => {
                        now.incidents.insert(incident.id, incident);
                    }
                    Ok(_) => {
                        now.incidents.remove(&change.incident);
                    }
                    // One unreadable incident must not stop the clock of all the others.
                    Err(error @ RepositoryError::Corrupt { .. }) => {
                        tracing::error!(id = %change.incident, %error, "an open incident is unreadable");
                        now.incidents.remove(&change.incident);
                    }
                    Err(error) => return Err(error),
                }
                now.revision = now.revision.max(change.revision);
            }
            if changes.len() < CHANGES_AT_ONCE as usize {
                break;
            }
        }
        let open = now.incidents.values().cloned().collect();
        *held = Some(now);
        Ok(open)
    }
}
