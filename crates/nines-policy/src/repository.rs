//! Where documents are kept, with their versions.

use std::collections::BTreeMap;

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

    /// Switches every document off. How many documents were on.
    async fn disable_all(&self) -> Result<u64, StoreError>;
}

/// Keeps documents in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryPolicies {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order in which they were applied.
    versions: Vec<StoredDocument>,
    /// The last number of each name, which outlives the document.
    numbers: BTreeMap<String, u32>,
}

impl Kept {
    fn newest(&self) -> Vec<StoredDocument> {
        let newest: BTreeMap<&str, &StoredDocument> =
            self.versions.iter().map(|version| (version.name.as_str(), version)).collect();
        newest.into_values().cloned().collect()
    }
}

#[async_trait]
impl PolicyRepository for MemoryPolicies {
    async fn list(&self) -> Result<Vec<StoredDocument>, StoreError> {
        Ok(self.kept.lock().newest())
    }

    async fn versions(&self, name: &str) -> Result<Vec<StoredDocument>, StoreError> {
        let kept = self.kept.lock();
        let versions = kept.versions.iter().rev().filter(|version| version.name == name);
        Ok(versions.take(VERSIONS_KEPT).cloned().collect())
    }

    async fn apply(&self, new: &NewDocument) -> Result<StoredDocument, StoreError> {
        let mut kept = self.kept.lock();
        let number = kept.numbers.entry(new.name.clone()).or_default();
        *number += 1;
        let stored = StoredDocument {
            name: new.name.clone(),
            version: *number,
            text: new.text.clone(),
            is_enabled: true,
            applied_at: new.applied_at,
            applied_by: new.applied_by.clone(),
        };
        kept.versions.push(stored.clone());
        Ok(stored)
    }

    async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let mut kept = self.kept.lock();
        let before = kept.versions.len();
        kept.versions.retain(|version| version.name != name);
        Ok(kept.versions.len() < before)
    }

    async fn disable_all(&self) -> Result<u64, StoreError> {
        let mut kept = self.kept.lock();
        let count = kept.newest().iter().filter(|document| document.is_enabled).count();
        kept.versions.iter_mut().for_each(|version| version.is_enabled = false);
        Ok(count as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        crate::contract::check(|| async { Arc::new(MemoryPolicies::default()) as Arc<dyn PolicyRepository> })
            .await;
    }
}
