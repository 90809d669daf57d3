//! The store in memory: the reference that the durable one is compared with.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::{SecretName, SecretRepository, StoreError, StoredKey, StoredVersion};

#[derive(Default)]
pub struct MemorySecrets(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    versions: Vec<StoredVersion>,
    keys: Vec<StoredKey>,
    given: BTreeMap<SecretName, u32>,
}

#[async_trait]
impl SecretRepository for MemorySecrets {
    async fn versions(&self) -> Result<Vec<StoredVersion>, StoreError> {
        let mut versions = self.0.lock().versions.clone();
        versions.sort_by(|one, other| (&one.name, other.version).cmp(&(&other.name, one.version)));
        Ok(versions)
    }

    async fn next_version(&self, name: &SecretName) -> Result<u32, StoreError> {
        Ok(self.0.lock().given.get(name).copied().unwrap_or(0) + 1)
    }

    async fn insert(&self, version: &StoredVersion, keep: usize) -> Result<bool, StoreError> {
        let mut tables = self.0.lock();
        if tables.given.get(&version.name).copied().unwrap_or(0) >= version.version {
            return Ok(false);
        }
        tables.given.insert(version.name.clone(), version.version);
        tables.versions.push(version.clone());
        let mut numbers: Vec<u32> =
            tables.versions.iter().filter(|it| it.name == version.name).map(|it| it.version).collect();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        let oldest = numbers.get(keep.saturating_sub(1)).copied().unwrap_or(0);
        tables.versions.retain(|it| it.name != version.name || it.version >= oldest);
        Ok(true)
    }

    async fn delete(&self, name: &SecretName) -> Result<bool, StoreError> {
        let mut tables = self.0.lock();
        let before = tables.versions.len();
        tables.versions.retain(|version| version.name != *name);
        Ok(tables.versions.len() < before)
    }

    async fn rewrap(&self, versions: &[StoredVersion], keys: &[StoredKey]) -> Result<(), StoreError> {
        let mut tables = self.0.lock();
        for new in versions {
            for old in &mut tables.versions {
                if old.name == new.name && old.version == new.version {
                    old.key = new.key.clone();
                }
            }
        }
        for new in keys {
            for old in tables.keys.iter_mut().filter(|old| old.purpose == new.purpose) {
                old.key = new.key.clone();
            }
        }
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        Ok(self.0.lock().keys.clone())
    }

    async fn insert_key(&self, key: &StoredKey) -> Result<StoredKey, StoreError> {
        let mut tables = self.0.lock();
        if let Some(there) = tables.keys.iter().find(|there| there.purpose == key.purpose) {
            return Ok(there.clone());
        }
        tables.keys.push(key.clone());
        Ok(key.clone())
    }
}
