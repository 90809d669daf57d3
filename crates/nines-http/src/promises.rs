//! What handlers need to know about promises. The server keeps them; this is declared here, by the side that asks.

use std::sync::Arc;

use async_trait::async_trait;
use nines_slo::{DocumentError, DocumentKey, DocumentWarning, LiveSli, Promise, SloReading};

/// A promise, its latest reading, and the live counters behind it (absent while history is being counted, or if there
/// is nothing to measure).
#[derive(Clone)]
pub struct PromiseView {
    pub promise: Arc<Promise>,
    pub reading: Arc<SloReading>,
    pub live: Option<Arc<LiveSli>>,
    /// The team that answers for it, and its runbook: from the SLO, else from its service.
    pub owner: Option<String>,
    pub runbook: Option<String>,
}

/// What one document became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedDocument {
    pub key: DocumentKey,
    /// `created`, `changed`, `unchanged`.
    pub outcome: &'static str,
    pub revision: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("nothing was applied: {} in the documents", count(.0.len()))]
    Faults(Vec<DocumentError>),
    #[error("{0}")]
    Remove(nines_slo::RemoveError),
    #[error("declared objects cannot be stored")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the promise cannot be measured")]
    Live(#[source] nines_slo::LiveError),
}

fn count(faults: usize) -> String {
    if faults == 1 { "1 fault".to_owned() } else { format!("{faults} faults") }
}

#[async_trait]
pub trait Promises: Send + Sync {
    /// Every promise as of the last evaluation, in order of id. Takes no lock that evaluation holds.
    fn all(&self) -> Vec<PromiseView>;

    fn get(&self, id: &str) -> Option<PromiseView> {
        self.all().into_iter().find(|view| view.promise.id == id)
    }

    fn of_service(&self, service: &str) -> Vec<PromiseView> {
        self.all().into_iter().filter(|view| view.promise.service == service).collect()
    }

    /// Applies all documents of the text or none. Durable, and counted live, when this answers; history follows.
    async fn apply(
        &self,
        file: Option<&str>,
        yaml: &str,
        by: &str,
        dry_run: bool,
    ) -> Result<(Vec<AppliedDocument>, Vec<DocumentWarning>), ApplyError>;

    async fn remove(&self, key: &DocumentKey, by: &str) -> Result<(), ApplyError>;
}
