use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_model::Timestamp;

use crate::{SecretName, Wrapped};

/// One version of a secret as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVersion {
    pub name: SecretName,
    /// From 1, growing by one with each value of this name; never given twice, not even after a deletion.
    pub version: u32,
    pub key: Wrapped,
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
    pub created_by: String,
}

/// A data key that seals something other than a secret, such as stored documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub purpose: String,
    pub key: Wrapped,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot reach the secret store to {operation}")]
pub struct StoreError {
    pub operation: &'static str,
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }
}

/// Durable storage of ciphertext. Each method is one transaction. Every implementation passes `contract::check`.
#[async_trait]
pub trait SecretRepository: Send + Sync + 'static {
    /// Every version of every secret, by name, the newest version first.
    async fn versions(&self) -> Result<Vec<StoredVersion>, StoreError>;

    /// The version that the next value of this name will have: from 1.
    async fn next_version(&self, name: &SecretName) -> Result<u32, StoreError>;

    /// Stores a version and removes all but the newest `keep` of its name. False, and nothing is done, if the version is
    /// there already: somebody else was first.
    async fn insert(&self, version: &StoredVersion, keep: usize) -> Result<bool, StoreError>;

    /// Removes every version. False if there was none.
    async fn delete(&self, name: &SecretName) -> Result<bool, StoreError>;

    /// Puts data keys wrapped anew in place of the old ones, all or none; versions that are gone are left out.
    async fn rewrap(&self, versions: &[StoredVersion], keys: &[StoredKey]) -> Result<(), StoreError>;

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Stores a key for a purpose that has none. Gives the one that is there afterwards.
    async fn insert_key(&self, key: &StoredKey) -> Result<StoredKey, StoreError>;
}
