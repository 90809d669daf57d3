//! The vault: values go in, are used by reference, are replaced and removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use nines_base::{Random, SharedClock};
use nines_model::Timestamp;
use parking_lot::RwLock;

use crate::{
    DataKey, Keyring, Sealer, SecretError, SecretName, SecretRef, SecretRepository, SecretResolver,
    SecretText, StoredKey, StoredVersion,
};

/// Secrets of one node: a few for each channel, target and account. Their values are in memory, so with
/// [`VALUE_BYTES_MAX`] and [`VERSIONS_KEPT`] this bounds them to some tens of MiB in a node that is abused, and to some
/// KiB in one that is not.
pub const SECRETS_MAX: usize = 500;
/// A certificate chain with its key fits.
pub const VALUE_BYTES_MAX: usize = 32 * 1024;
/// The version in use, the one before it while the other side still has that, and one to go back to.
pub const VERSIONS_KEPT: usize = 3;
/// Versions that are good at once while a value is being replaced.
const VERSIONS_GOOD: usize = 2;
/// Somebody else stored a version of the same name between our look and our write; then we look again.
const RACES_MAX: usize = 5;

/// The secrets of this node. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    repository: Arc<dyn SecretRepository>,
    keyring: Keyring,
    clock: SharedClock,
    random: Random,
    open: RwLock<BTreeMap<SecretName, Secret>>,
}

#[derive(Default)]
struct Secret {
    /// The newest first; never empty.
    versions: Vec<Version>,
    last_used_at: Option<Timestamp>,
}

struct Version {
    summary: VersionSummary,
    /// `None` while the master key does not answer.
    value: Option<SecretText>,
}

/// A secret without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSummary {
    pub name: SecretName,
    /// The newest first; never empty.
    pub versions: Vec<VersionSummary>,
    /// By a channel or a target, since this process began.
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSummary {
    pub version: u32,
    pub created_at: Timestamp,
    pub created_by: String,
    /// The id of the master key that its data key is wrapped by.
    pub master: String,
}

impl Vault {
    /// Reads and opens every secret. While a key service does not answer, its secrets stay closed and
    /// [`Vault::reopen`] tries again.
    ///
    /// # Errors
    /// A master key that is not in the keyring, and ciphertext that does not open: a node must not go on as if these
    /// secrets did not exist.
    pub async fn open(
        repository: Arc<dyn SecretRepository>,
        keyring: Keyring,
        clock: SharedClock,
        random: Random,
    ) -> Result<Self, SecretError> {
        let inner = Inner { repository, keyring, clock, random, open: RwLock::default() };
        let vault = Self { inner: Arc::new(inner) };
        vault.load().await?;
        Ok(vault)
    }

    /// The id of the master key in use.
    pub fn master(&self) -> &str {
        self.inner.keyring.id()
    }

    /// Tries again to open what could not be opened. Gives how many versions are still closed. Idempotent.
    pub async fn reopen(&self) -> Result<usize, SecretError> {
        if self.closed() > 0 {
            self.load().await?;
        }
        Ok(self.closed())
    }

    fn closed(&self) -> usize {
        let open = self.inner.open.read();
        open.values().flat_map(|secret| &secret.versions).filter(|version| version.value.is_none()).count()
    }

    async fn load(&self) -> Result<(), SecretError> {
        let mut loaded: BTreeMap<SecretName, Secret> = BTreeMap::new();
        for stored in self.inner.repository.versions().await? {
            let value = match self.opened(&stored).await {
                Ok(value) => Some(value),
                Err(error @ SecretError::MasterUnavailable { .. }) => {
                    tracing::error!(secret = %stored.name, %error, "a secret stays closed for now");
                    None
                }
                Err(error) => return Err(error),
            };
            let secret = loaded.entry(stored.name.clone()).or_default();
            secret.versions.push(Version { summary: summary(&stored), value });
        }
        let mut open = self.inner.open.write();
        for (name, secret) in &mut loaded {
            secret.last_used_at = open.get(name).and_then(|known| known.last_used_at);
        }
        *open = loaded;
        Ok(())
    }

    async fn opened(&self, stored: &StoredVersion) -> Result<SecretText, SecretError> {
        let what = stored.name.as_str();
        let key = self.inner.keyring.unwrap(what, &stored.key).await?;
        let context = context(&stored.name, stored.version);
        key.open_text(&context, &stored.sealed).ok_or_else(|| SecretError::Damaged { what: what.to_owned() })
    }

    /// Stores a value as the newest version of a name, made if there is none. In use at once.
    pub async fn put(
        &self,
        name: &SecretName,
        value: &SecretText,
        by: &str,
    ) -> Result<VersionSummary, SecretError> {
        if value.expose().is_empty() || value.expose().len() > VALUE_BYTES_MAX {
            return Err(SecretError::BadValue);
        }
        let is_full = {
            let open = self.inner.open.read();
            open.len() >= SECRETS_MAX && !open.contains_key(name)
        };
        if is_full {
            return Err(SecretError::TooMany);
        }
        let (data_key, wrapped) = self.inner.keyring.generate().await?;
        for _ in 0..RACES_MAX {
            let version = self.inner.repository.next_version(name).await?;
            let sealed =
                data_key.seal(&self.inner.random, &context(name, version), value.expose().as_bytes());
            let stored = StoredVersion {
                name: name.clone(),
                version,
                key: wrapped.clone(),
                sealed,
                created_at: self.inner.clock.now(),
                created_by: by.to_owned(),
            };
            if !self.inner.repository.insert(&stored, VERSIONS_KEPT).await? {
                continue;
            }
            let summary = summary(&stored);
            let mut open = self.inner.open.write();
            let versions = &mut open.entry(name.clone()).or_default().versions;
            let value = Some(value.clone());
            versions.push(Version { summary: summary.clone(), value });
            versions.sort_by_key(|version| std::cmp::Reverse(version.summary.version));
            versions.truncate(VERSIONS_KEPT);
            return Ok(summary);
        }
        Err(SecretError::Damaged { what: name.to_string() })
    }

    /// All secrets without their values, by name.
    pub fn list(&self) -> Vec<SecretSummary> {
        self.inner.open.read().iter().map(|(name, secret)| summarised(name, secret)).collect()
    }

    pub fn get(&self, name: &SecretName) -> Option<SecretSummary> {
        self.inner.open.read().get(name).map(|secret| summarised(name, secret))
    }

    /// Removes every version. Whoever refers to it is left without.
    pub async fn delete(&self, name: &SecretName) -> Result<(), SecretError> {
        let was_there = self.inner.repository.delete(name).await?;
        self.inner.open.write().remove(name);
        if was_there { Ok(()) } else { Err(SecretError::NotFound { name: name.to_string() }) }
    }

    /// The value itself, for a person who said why; the caller writes that down. Not counted as a use.
    pub fn reveal(&self, reference: &SecretRef) -> Result<(u32, SecretText), SecretError> {
        let open = self.inner.open.read();
        let secret = open.get(&reference.name).ok_or_else(|| not_found(&reference.name))?;
        let version = picked(secret, reference)?;
        let value = self.value(&reference.name, version)?;
        Ok((version.summary.version, value))
    }

    /// Wraps by the master key in use every data key that an earlier one wrapped. Values are not touched. Gives how many
    /// keys it was. Interrupted, it is simply done again.
    pub async fn rewrap(&self) -> Result<usize, SecretError> {
        let inner = &self.inner;
        let current = inner.keyring.id();
        let (mut versions, mut keys) = (Vec::new(), Vec::new());
        for stored in inner.repository.versions().await?.into_iter().filter(|it| it.key.master != current) {
            let key = inner.keyring.unwrap(stored.name.as_str(), &stored.key).await?;
            versions.push(StoredVersion { key: inner.keyring.rewrap(&key).await?, ..stored });
        }
        for stored in inner.repository.keys().await?.into_iter().filter(|it| it.key.master != current) {
            let key = inner.keyring.unwrap(&stored.purpose, &stored.key).await?;
            keys.push(StoredKey { key: inner.keyring.rewrap(&key).await?, ..stored });
        }
        let count = versions.len() + keys.len();
        if count > 0 {
            inner.repository.rewrap(&versions, &keys).await?;
            self.load().await?;
        }
        Ok(count)
    }

    /// What seals stored text that holds secrets without being one, such as documents. One key for each purpose, made
    /// when it is first asked for.
    pub async fn sealer(&self, purpose: &str) -> Result<Sealer, SecretError> {
        let inner = &self.inner;
        let known = inner.repository.keys().await?.into_iter().find(|key| key.purpose == purpose);
        let stored = match known {
            Some(stored) => stored,
            None => {
                let (_, key) = inner.keyring.generate().await?;
                inner.repository.insert_key(&StoredKey { purpose: purpose.to_owned(), key }).await?
            }
        };
        let key: DataKey = inner.keyring.unwrap(purpose, &stored.key).await?;
        Ok(Sealer::new(purpose, key, inner.random.clone()))
    }

    fn value(&self, name: &SecretName, version: &Version) -> Result<SecretText, SecretError> {
        version.value.clone().ok_or_else(|| SecretError::MasterUnavailable {
            id: version.summary.master.clone(),
            reason: format!("`{name}` is still closed"),
        })
    }
}

impl SecretResolver for Vault {
    fn resolve_all(&self, reference: &SecretRef) -> Result<Vec<SecretText>, SecretError> {
        let now = self.inner.clock.now();
        let mut open = self.inner.open.write();
        let secret = open.get_mut(&reference.name).ok_or_else(|| not_found(&reference.name))?;
        secret.last_used_at = Some(now);
        match reference.version {
            Some(_) => Ok(vec![self.value(&reference.name, picked(secret, reference)?)?]),
            None => {
                let good = secret.versions.iter().take(VERSIONS_GOOD);
                good.map(|version| self.value(&reference.name, version)).collect()
            }
        }
    }
}

/// What a sealed value is bound to: it opens for this name and version only.
fn context(name: &SecretName, version: u32) -> String {
    format!("nines secret\0{name}\0{version}")
}

fn picked<'a>(secret: &'a Secret, reference: &SecretRef) -> Result<&'a Version, SecretError> {
    let wanted =
        |version: &&Version| reference.version.is_none_or(|wanted| version.summary.version == wanted);
    secret.versions.iter().find(wanted).ok_or_else(|| SecretError::NoVersion {
        name: reference.name.to_string(),
        version: reference.version.unwrap_or(0),
    })
}

fn summary(stored: &StoredVersion) -> VersionSummary {
    VersionSummary {
        version: stored.version,
        created_at: stored.created_at,
        created_by: stored.created_by.clone(),
        master: stored.key.master.clone(),
    }
}

fn summarised(name: &SecretName, secret: &Secret) -> SecretSummary {
    SecretSummary {
        name: name.clone(),
        versions: secret.versions.iter().map(|version| version.summary.clone()).collect(),
        last_used_at: secret.last_used_at,
    }
}

fn not_found(name: &SecretName) -> SecretError {
    SecretError::NotFound { name: name.to_string() }
}

#[cfg(test)]
mod tests {
    use nines_base::SystemClock;

    use super::*;
    use crate::{LocalMaster, MASTER_KEY_BYTES, MasterKey, MemorySecrets};

    fn master(seed: u8) -> Arc<dyn MasterKey> {
        Arc::new(LocalMaster::from_bytes(&[seed; MASTER_KEY_BYTES], Random::from_seed(u64::from(seed))))
    }

    async fn vault(repository: &Arc<MemorySecrets>, keyring: Keyring) -> Result<Vault, SecretError> {
        Vault::open(repository.clone(), keyring, SystemClock::shared(), Random::from_seed(9)).await
    }

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).unwrap()
    }

    fn reference(text: &str) -> SecretRef {
        SecretRef::parse(text).unwrap().unwrap()
    }

    #[tokio::test]
    async fn values_are_used_by_reference_and_two_versions_are_good_at_once() {
        let store = Arc::new(MemorySecrets::default());
        let vault = vault(&store, Keyring::new(master(1), Vec::new())).await.unwrap();
        for value in ["one", "two", "three", "four"] {
            vault.put(&name("token"), &SecretText::new(value), "mei").await.unwrap();
        }
        let all = |text: &str| vault.resolve_all(&reference(text));
        let texts =
            |text: &str| all(text).unwrap().iter().map(|it| it.expose().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts("secret://token"), ["four", "three"]);
        assert_eq!(texts("secret://token@2"), ["two"]);
        assert!(matches!(all("secret://token@1"), Err(SecretError::NoVersion { .. })), "three are kept");
        assert!(matches!(all("secret://other"), Err(SecretError::NotFound { .. })));
        assert_eq!(vault.resolve_text("plain").unwrap().expose(), "plain");
        assert!(vault.list()[0].last_used_at.is_some());
        vault.delete(&name("token")).await.unwrap();
        assert!(all("secret://token").is_err() && vault.delete(&name("token")).await.is_err());
        assert_eq!(vault.put(&name("token"), &SecretText::new("five"), "mei").await.unwrap().version, 5);
    }

    #[tokio::test]
    async fn a_new_master_key_takes_over_and_the_old_one_can_go() {
        let store = Arc::new(MemorySecrets::default());
        let first = vault(&store, Keyring::new(master(1), Vec::new())).await.unwrap();
        first.put(&name("token"), &SecretText::new("hush"), "mei").await.unwrap();
        let sealed = first.sealer("documents").await.unwrap().seal("x", "text");

        let error = vault(&store, Keyring::new(master(2), Vec::new())).await.err().unwrap();
        assert!(
            matches!(&error, SecretError::WrongMaster { needed, .. } if *needed == first.master()),
            "{error}"
        );

        let both = vault(&store, Keyring::new(master(2), vec![master(1)])).await.unwrap();
        assert_eq!(both.rewrap().await.unwrap(), 2);
        assert_eq!(both.rewrap().await.unwrap(), 0);
        let second = vault(&store, Keyring::new(master(2), Vec::new())).await.unwrap();
        assert_eq!(second.resolve(&reference("secret://token")).unwrap().expose(), "hush");
        assert_eq!(second.sealer("documents").await.unwrap().open("x", &sealed).unwrap(), "text");
    }

    #[tokio::test]
    async fn a_row_under_another_name_does_not_open() {
        let store = Arc::new(MemorySecrets::default());
        let ring = || Keyring::new(master(1), Vec::new());
        let first = vault(&store, ring()).await.unwrap();
        first.put(&name("harmless"), &SecretText::new("hush"), "mei").await.unwrap();
        let mut moved = store.versions().await.unwrap().remove(0);
        moved.name = name("shown");
        store.insert(&moved, 3).await.unwrap();
        let error = vault(&store, ring()).await.err().unwrap();
        assert!(matches!(&error, SecretError::Damaged { what } if what == "shown"), "{error}");
    }

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        crate::contract::check(|| async { Arc::new(MemorySecrets::default()) as Arc<dyn SecretRepository> })
            .await;
    }
}
