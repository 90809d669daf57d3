//! Where documents are kept, with their versions.

use async_trait::async_trait;
use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::error::StoreError;

/// Versions of a document that are kept; older ones go. A change a week is a year.
pub const VERSIONS_KEPT: usize = 50;

/// One version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    pub name: String,
    /// From 1, never used twice for one name.
    pub version: u32,
    pub text: String,
    /// `false`: it was switched off and says nothing, until it is applied again.
    pub is_enabled: bool,
    pub applied_at: Timestamp,
    pub applied_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    pub name: String,
    pub text: String,
    pub applied_at: Timestamp,
    pub applied_by: String,
}

#[async_trait]
pub trait PolicyRepository: Send + Sync + 'static {
    /// The newest version of each document, by name.
    async fn list(&self) -> Result<Vec<StoredDocument>, StoreError>;

    /// All versions of a document that are kept, the newest first; none for one that was removed or never was.
    async fn versions(&self, name: &str) -> Result<Vec<StoredDocument>, StoreError>;

    /// Stores the next version, switched on.
    async fn apply(&self, new: &NewDocument) -> Result<StoredDocument, StoreError>;

    /// Removes a document with its versions. Whether it was there.
    async fn remove(&self, name: &str) -> Result<bool, StoreError>;

    /// Switches every document off. How many were on.
    async fn disable_all(&self) -> Result<u64, StoreError>;
}

/// Keeps documents in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryPolicies {
    versions: Mutex<Vec<StoredDocument>>,
}

#[async_trait]
impl PolicyRepository for MemoryPolicies {
    async fn list(&self) -> Result<Vec<StoredDocument>, StoreError> {
        let mut newest: Vec<StoredDocument> = Vec::new();
        for version in self.versions.lock().iter() {
            newest.retain(|known| known.name != version.name);
            newest.push(version.clone());
        }
        newest.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(newest)
    }

    async fn versions(&self, name: &str) -> Result<Vec<StoredDocument>, StoreError> {
        let all = self.versions.lock();
        Ok(all.iter().rev().filter(|version| version.name == name).take(VERSIONS_KEPT).cloned().collect())
    }

    async fn apply(&self, new: &NewDocument) -> Result<StoredDocument, StoreError> {
        let mut all = self.versions.lock();
        let last = all.iter().filter(|version| version.name == new.name).map(|version| version.version).max();
        let stored = StoredDocument {
            name: new.name.clone(),
            version: last.unwrap_or(0) + 1,
            text: new.text.clone(),
            is_enabled: true,
            applied_at: new.applied_at,
            applied_by: new.applied_by.clone(),
        };
        all.push(stored.clone());
        Ok(stored)
    }

    async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let mut all = self.versions.lock();
        let before = all.len();
        all.retain(|version| version.name != name);
        Ok(all.len() < before)
    }

    async fn disable_all(&self) -> Result<u64, StoreError> {
        let mut count = 0;
        for version in self.versions.lock().iter_mut().filter(|version| version.is_enabled) {
            version.is_enabled = false;
            count += 1;
        }
        Ok(count)
    }
}
