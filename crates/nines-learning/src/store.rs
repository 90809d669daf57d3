//! What a store of postmortems and sheets must do.

use async_trait::async_trait;
use nines_incidents::IncidentId;

use crate::{LearningError, Postmortem, Sheet, SheetKind};

/// Postmortems that a list or a review looks at: some years of one a day.
pub const POSTMORTEMS_MAX: usize = 1_000;

/// A write that returned `Ok` is durable. What is put has the version after the stored one (1 for a new one); else
/// [`LearningError::Stale`], and nothing changed.
#[async_trait]
pub trait LearningStore: Send + Sync {
    async fn postmortem(&self, incident: IncidentId) -> Result<Option<Postmortem>, LearningError>;

    /// Newest incident first, at most [`POSTMORTEMS_MAX`].
    async fn postmortems(&self) -> Result<Vec<Postmortem>, LearningError>;

    async fn put_postmortem(&self, postmortem: &Postmortem) -> Result<(), LearningError>;

    async fn sheet(&self, kind: SheetKind, key: &str) -> Result<Option<Sheet>, LearningError>;

    /// By key, the last first, at most [`POSTMORTEMS_MAX`].
    async fn sheets(&self, kind: SheetKind) -> Result<Vec<Sheet>, LearningError>;

    async fn put_sheet(&self, sheet: &Sheet) -> Result<(), LearningError>;
}
