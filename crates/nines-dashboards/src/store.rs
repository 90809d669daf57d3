use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_model::Timestamp;

use crate::model::{DOCUMENT_BYTES_MAX, Dashboard};

/// Dashboards of one node. A list of this many is searched, not read.
pub const DASHBOARDS_MAX: usize = 2_000;
/// Versions kept of each: half a year of an edit a week, and a day of many edits. The oldest goes first.
pub const VERSIONS_KEPT: usize = 50;

/// A dashboard as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub dashboard: Dashboard,
    pub revision: Revision,
}

/// One version, from 1 on, growing by one with each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub version: u64,
    pub at: Timestamp,
    pub by: String,
    /// What it was for, in a line; may be empty.
    pub note: String,
}

/// What a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub name: String,
    pub title: String,
    pub description: String,
    pub service: Option<String>,
    pub team: Option<String>,
    pub panels: usize,
    pub revision: Revision,
}

/// What must stand there for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever: what is written replaces it.
    Any,
    Nothing,
    Version(u64),
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    Created(Revision),
    Changed(Revision),
    /// The same stood there already: no new version.
    Unchanged(Revision),
}

impl Put {
    pub fn revision(&self) -> &Revision {
        match self {
            Self::Created(revision) | Self::Changed(revision) | Self::Unchanged(revision) => revision,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    #[error("there is no dashboard `{0}`")]
    NotFound(String),
    #[error("there is no version {version} of dashboard `{name}`")]
    NoVersion { name: String, version: u64 },
    /// Somebody was there before; `current` is what stands there now.
    #[error("dashboard `{name}` was changed by {} in the meantime: it is at version {} now", .current.by, .current.version)]
    Conflict { name: String, current: Revision },
    #[error("dashboard `{name}` was removed in the meantime")]
    Gone { name: String },
    #[error("there are {DASHBOARDS_MAX} dashboards already: remove some first")]
    TooMany,
    #[error("dashboard `{name}` has {bytes} bytes, more than {DOCUMENT_BYTES_MAX}")]
    TooLarge { name: String, bytes: usize },
    #[error("dashboards cannot be reached")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DashboardError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoVersion { .. } => ErrorKind::NotFound,
            Self::Conflict { .. } | Self::Gone { .. } => ErrorKind::Conflict,
            Self::TooMany => ErrorKind::Exhausted,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Store(_) => ErrorKind::Unavailable,
        }
    }
}

/// Where dashboards are kept. A write that returned `Ok` is durable.
#[async_trait]
pub trait DashboardStore: Send + Sync {
    /// All, by name.
    async fn list(&self) -> Result<Vec<Summary>, DashboardError>;

    /// The newest version.
    async fn get(&self, name: &str) -> Result<Stored, DashboardError>;

    /// The newest [`VERSIONS_KEPT`] versions, the newest first.
    async fn history(&self, name: &str) -> Result<Vec<Revision>, DashboardError>;

    async fn version(&self, name: &str, version: u64) -> Result<Stored, DashboardError>;

    /// Keeps a dashboard under its name if what stands there is what is expected.
    async fn put(
        &self,
        dashboard: &Dashboard,
        expected: Expected,
        by: &str,
        note: &str,
        at: Timestamp,
    ) -> Result<Put, DashboardError>;

    /// Its versions go with it.
    async fn remove(&self, name: &str) -> Result<(), DashboardError>;
}

/// The persisted form: the document itself, which says its version (`apiVersion`).
///
/// # Errors
/// [`DashboardError::TooLarge`].
pub fn encode(dashboard: &Dashboard) -> Result<String, DashboardError> {
    let text = crate::yaml(dashboard);
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(DashboardError::TooLarge { name: dashboard.name.clone(), bytes: text.len() });
    }
    Ok(text)
}

/// # Errors
/// [`DashboardError::Store`] if this version cannot read it.
pub fn decode(text: &str) -> Result<Dashboard, DashboardError> {
    let damaged = |reason: String| DashboardError::Store(reason.into());
    let parsed = crate::parse(None, text)
        .map_err(|faults| damaged(faults.first().map(ToString::to_string).unwrap_or_default()))?;
    parsed.dashboards.into_iter().next().ok_or_else(|| damaged("it is empty".to_owned()))
}
