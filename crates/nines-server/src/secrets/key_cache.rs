//! Opened data keys in a file outside of the data directory, for starts while a key service is silent.
//!
//! Without it a node with `--master-key kms:KEY` cannot start while the service is away: its channels and schedules are
//! sealed. With it, what the service opened once can be opened again by whoever can read the file, so it belongs on a
//! file system that does not outlive the machine (`/run`) or is encrypted itself. The service stays asked first.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nines_secrets::{DataKey, MasterKey, SecretError};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::first_run::write_private;

/// One for each version of each secret, and a few more; beyond it some are forgotten.
const KEYS_MAX: usize = 4_096;

/// By the hash of their wrapped form, in hexadecimal.
type Keys = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// A key service with a memory.
pub struct CachedMaster {
    inner: Arc<dyn MasterKey>,
    path: PathBuf,
    keys: Mutex<Keys>,
}

impl CachedMaster {
    /// Reads the file, if there is one. Lines that cannot be read are left out: the service is asked for those.
    ///
    /// # Errors
    /// A file that others can read, or that a backup would copy.
    pub fn open(inner: Arc<dyn MasterKey>, path: &Path, data: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        let folder = folder.with_context(|| format!("the folder of the key cache {}", path.display()))?;
        if folder.starts_with(data.canonicalize()?) {
            bail!(
                "the key cache {} lies in the data directory, beside what its keys open: put it elsewhere, best on a file system in memory such as /run",
                path.display()
            );
        }
        let keys = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Keys::new(),
            Err(error) => return Err(error).with_context(|| format!("the key cache {}", path.display())),
            Ok(about) if about.permissions().mode() & 0o077 != 0 => bail!(
                "the key cache {} can be read by others: chmod 600 it, and think of its keys as known",
                path.display()
            ),
            Ok(_) => {
                let text = Zeroizing::new(std::fs::read_to_string(path)?);
                text.lines().filter_map(read_line).take(KEYS_MAX).collect()
            }
        };
        Ok(Self { inner, path: path.to_owned(), keys: Mutex::new(keys) })
    }

    /// A failure is for the log: it costs nothing until the service is silent at a start.
    async fn remember(&self, wrapped: &[u8], key: &DataKey) {
        let text = {
            let mut keys = self.keys.lock();
            if keys.insert(name(wrapped), Zeroizing::new(key.expose().to_vec())).is_some() {
                return;
            }
            while keys.len() > KEYS_MAX {
                keys.pop_first();
            }
            let line =
                |(name, key): (&String, &Zeroizing<Vec<u8>>)| format!("{name} {}\n", STANDARD.encode(&**key));
            Zeroizing::new(keys.iter().map(line).collect::<String>())
        };
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write_private(&path, &text)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(error = format!("{error:#}"), "the key cache is not up to date");
        }
    }
}

#[async_trait]
impl MasterKey for CachedMaster {
    fn id(&self) -> &str {
        self.inner.id()
    }

    async fn generate(&self) -> Result<(DataKey, Vec<u8>), SecretError> {
        let (key, wrapped) = self.inner.generate().await?;
        self.remember(&wrapped, &key).await;
        Ok((key, wrapped))
    }

    async fn wrap(&self, key: &DataKey) -> Result<Vec<u8>, SecretError> {
        let wrapped = self.inner.wrap(key).await?;
        self.remember(&wrapped, key).await;
        Ok(wrapped)
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SecretError> {
        match self.inner.unwrap(wrapped).await {
            Ok(key) => {
                self.remember(wrapped, &key).await;
                Ok(key)
            }
            Err(error @ SecretError::MasterUnavailable { .. }) => {
                let kept = self.keys.lock().get(&name(wrapped)).and_then(|key| DataKey::from_bytes(key));
                let Some(key) = kept else { return Err(error) };
                tracing::warn!(%error, "a data key is opened from the key cache");
                Ok(key)
            }
            Err(error) => Err(error),
        }
    }
}

fn name(wrapped: &[u8]) -> String {
    Sha256::digest(wrapped).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_line(line: &str) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let (name, key) = line.split_once(' ')?;
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    DataKey::from_bytes(&key)?;
    Some((name.to_owned(), key))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use nines_base::Random;
    use nines_secrets::{LocalMaster, MASTER_KEY_BYTES};

    use super::*;

    /// A service that can be away.
    struct Service(LocalMaster, AtomicBool);

    #[async_trait]
    impl MasterKey for Service {
        fn id(&self) -> &str {
            self.0.id()
        }

        async fn generate(&self) -> Result<(DataKey, Vec<u8>), SecretError> {
            self.there()?;
            self.0.generate().await
        }

        async fn wrap(&self, key: &DataKey) -> Result<Vec<u8>, SecretError> {
            self.there()?;
            self.0.wrap(key).await
        }

        async fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SecretError> {
            self.there()?;
            self.0.unwrap(wrapped).await
        }
    }

    impl Service {
        fn there(&self) -> Result<(), SecretError> {
            let gone =
                || SecretError::MasterUnavailable { id: "kms".to_owned(), reason: "silent".to_owned() };
            if self.1.load(Ordering::Relaxed) { Ok(()) } else { Err(gone()) }
        }
    }

    #[tokio::test]
    async fn what_the_service_opened_once_opens_while_it_is_silent_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = (folder.path().join("data"), folder.path().join("keys"));
        std::fs::create_dir_all(&data).unwrap();
        let random = Random::from_seed(3);
        let local = LocalMaster::from_bytes(&[7; MASTER_KEY_BYTES], random.clone());
        let service = Arc::new(Service(local, AtomicBool::new(true)));
        let open = || CachedMaster::open(service.clone(), &path, &data);
        let cached = open().unwrap();
        let (made, wrapped) = cached.generate().await.unwrap();
        let (_, elsewhere) = service.generate().await.unwrap();

        // Another process, and the service is silent.
        service.1.store(false, Ordering::Relaxed);
        let cached = open().unwrap();
        assert_eq!(cached.unwrap(&wrapped).await.unwrap().expose(), made.expose());
        for unknown in [&elsewhere, &wrapped[1..].to_vec()] {
            let refused = cached.unwrap(unknown).await.err();
            assert!(matches!(refused, Some(SecretError::MasterUnavailable { .. })), "{refused:?}");
        }
        assert!(cached.generate().await.is_err());

        // A line that was cut off costs that line.
        let text = std::fs::read_to_string(&path).unwrap();
        write_private(&path, &format!("{}\n{}", &text[..90], text.trim())).unwrap();
        assert_eq!(open().unwrap().unwrap(&wrapped).await.unwrap().expose(), made.expose());

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open().err().unwrap().to_string().contains("chmod 600"));
        let inside = CachedMaster::open(service.clone(), &data.join("keys"), &data).err().unwrap();
        assert!(inside.to_string().contains("data directory"), "{inside}");
    }
}
