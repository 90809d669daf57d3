//! What handlers need to know about promises. The server keeps them; this is declared here, by the side that asks.

use std::sync::Arc;

use async_trait::async_trait;
use nines_api::ReplayResponse;
use nines_base::ErrorKind;
use nines_model::TimeRange;
use nines_query::QueryError;
use nines_slo::{DocumentError, DocumentWarning, LiveSli, Promise, SloReading};

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

/// As written under `kind:` of what people get; Prometheus' own files have none.
pub const SCRAPE_KIND: &str = "ScrapeConfig";
/// As the Prometheus operator writes it, and as rule files go by.
pub const RULES_KIND: &str = "PrometheusRule";
/// Before the name of a file, in a comment: where several are applied as one text, and where a document that has no name of
/// its own is shown.
pub const FILE_MARK: &str = "# nines-file:";

/// What one document became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedDocument {
    /// As written under `kind:`; also kinds that others than promises read.
    pub kind: &'static str,
    pub name: String,
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
    #[error("there is no kind `{kind}`; the kinds are {known}")]
    UnknownKind { kind: String, known: String },
    #[error("{kind} `{name}` does not exist")]
    NotFound { kind: &'static str, name: String },
    #[error("the promise cannot be measured")]
    Live(#[source] nines_slo::LiveError),
}

/// A stored window to put through rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// One promise; `None`: those of `documents`, else all.
    pub slo: Option<String>,
    /// YAML to try on top of what is applied. Nothing of it is kept.
    pub documents: Option<String>,
    pub range: TimeRange,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the documents cannot be tried")]
    Documents(#[source] ApplyError),
    #[error("there is no SLO `{name}`{}", hint(.near.as_deref()))]
    NotFound { name: String, near: Option<String> },
    #[error("{0}")]
    Invalid(String),
    #[error("another replay is running: wait for it, or ask for a shorter window")]
    Busy,
    #[error("stored data cannot be counted")]
    Query(#[source] QueryError),
    #[error("stored data cannot be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

impl ReplayError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Documents(_) | Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Busy => ErrorKind::Exhausted,
            Self::Query(error) => error.kind(),
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
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

    async fn remove(&self, kind: &str, name: &str, by: &str) -> Result<(), ApplyError>;

    /// What the rules would have done in a stored window: the same counters, readings and decisions as live, over the
    /// counts of stored events. Costs a scan of the window and of the history that its rules look back on, then some ten
    /// microseconds for each evaluation.
    async fn replay(&self, rehearsal: Rehearsal) -> Result<ReplayResponse, ReplayError>;
}
