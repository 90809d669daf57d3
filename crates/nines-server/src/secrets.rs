//! The vault of this node: its master key, what is sealed by it, and who hears of changes.
//!
//! The master key is a file of the data directory that no backup copies, unless `--master-key` names another file, a
//! variable of the environment (`env:NAME`), a file that `age` encrypted (`age:FILE`) or a key of AWS's key service
//! (`kms:KEY`).

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use nines_access::{Actor, AuditEntry, AuditLog, AuditResult};
use nines_actions::CloudError;
use nines_actions::cloud::aws::Kms;
use nines_base::{Random, SharedClock, Shutdown};
use nines_http::{SecretFollower, Secrets};
use nines_secrets::{
    DataKey, Keyring, LocalMaster, MasterKey, SecretError, SecretName, SecretRepository, Vault,
};
use nines_state::Database;
use nines_state::audit::SqliteAudit;
use nines_state::objects::Objects;
use nines_state::secrets::SqliteSecrets;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

mod key_cache;

use key_cache::CachedMaster;

use crate::config::Config;
use crate::first_run::write_private;
use crate::operations::aws_account;
use crate::promises::PromiseKeeper;

/// The master key that a node makes for itself. No backup copies it: a backup beside its key would lie in clear.
pub const MASTER_KEY_FILE: &str = "master.key";
/// What documents are sealed for.
const DOCUMENTS: &str = "documents";
/// The variable with the identity's file for a master key that `age` encrypted.
const AGE_IDENTITY: &str = "NINES_AGE_IDENTITY";
/// How long `age` may take: somebody may have to touch a hardware token.
const AGE_PATIENCE: Duration = Duration::from_secs(60);
/// How soon secrets are opened after a key service answers again.
const REOPEN_PAUSE: Duration = Duration::from_secs(15);

/// Opens the vault and what it seals.
///
/// # Errors
/// A master key that is missing or not the one that the stored secrets need: the message names the one that is. A key
/// service that is silent and has no cache: what says who is called is sealed by it.
pub async fn open(
    config: &Config,
    control: &Database,
    clock: &SharedClock,
    random: &Random,
) -> anyhow::Result<(Vault, Objects)> {
    let opened = open_vault(config, control, clock, random).await;
    let is_silent = |error: &anyhow::Error| {
        matches!(error.downcast_ref(), Some(SecretError::MasterUnavailable { .. }))
            && config.secrets.master_key_cache.is_none()
    };
    opened.map_err(|error| match is_silent(&error) {
        true => error.context("with --master-key-cache FILE the node starts while its key service is silent"),
        false => error,
    })
}

async fn open_vault(
    config: &Config,
    control: &Database,
    clock: &SharedClock,
    random: &Random,
) -> anyhow::Result<(Vault, Objects)> {
    let repository: Arc<dyn SecretRepository> = Arc::new(SqliteSecrets::new(control.clone()));
    let current = match &config.secrets.master_key {
        Some(text) => master(text, config, clock, random).await?,
        None => own_master(&config.data_dir, &*repository, random).await?,
    };
    let mut previous = Vec::new();
    for text in &config.secrets.previous_master_keys {
        previous.push(master(text, config, clock, random).await?);
    }
    let keyring = Keyring::new(current, previous);
    let vault = Vault::open(repository, keyring, clock.clone(), random.clone()).await?;
    let rewrapped = vault.rewrap().await?;
    if rewrapped > 0 {
        tracing::info!(
            keys = rewrapped,
            master = vault.master(),
            "data keys are wrapped by the new master key"
        );
        let details = format!("{rewrapped} data keys are wrapped by {}", vault.master());
        let entry = AuditEntry::new(
            clock.now(),
            &Actor::system("vault"),
            "secret.rewrap",
            "secrets",
            AuditResult::Done,
        );
        SqliteAudit::new(control.clone()).append(&entry.with_details(&details)).await?;
    }
    let objects = Objects::sealed(control.clone(), vault.sealer(DOCUMENTS).await?);
    let sealed = objects.seal_stored().await?;
    if sealed > 0 {
        tracing::info!(revisions = sealed, "documents that may hold secrets are sealed");
    }
    Ok((vault, objects))
}

/// What handlers reach, and the loop that opens what a key service did not open at the start.
pub fn start(
    vault: &Vault,
    keeper: &Arc<PromiseKeeper>,
    clock: &SharedClock,
    random: &Random,
    shutdown: &Shutdown,
) -> (Secrets, JoinHandle<()>) {
    let follower = Arc::new(Channels(Arc::clone(keeper)));
    let secrets = Secrets { vault: vault.clone(), follower: follower.clone(), random: random.clone() };
    let (vault, clock, shutdown) = (vault.clone(), clock.clone(), shutdown.clone());
    let worker = tokio::spawn(async move {
        let mut closed = vault.reopen().await.unwrap_or(usize::MAX);
        while closed > 0 && !shutdown.has_begun() {
            tokio::select! {
                () = shutdown.begun() => return,
                () = clock.sleep(REOPEN_PAUSE) => {}
            }
            closed = match vault.reopen().await {
                Ok(closed) => closed,
                Err(error) => {
                    tracing::error!(%error, "secrets cannot be opened");
                    usize::MAX
                }
            };
            follower.0.secrets_changed().await;
        }
    });
    (secrets, worker)
}

struct Channels(Arc<PromiseKeeper>);

#[async_trait]
impl SecretFollower for Channels {
    async fn changed(&self, _: &SecretName) {
        self.0.secrets_changed().await;
    }
}

/// The key in the data directory; made at the first start, and never again once something is sealed by it.
async fn own_master(
    data: &Path,
    repository: &dyn SecretRepository,
    random: &Random,
) -> anyhow::Result<Arc<dyn MasterKey>> {
    let path = data.join(MASTER_KEY_FILE);
    if !path.exists() {
        let sealed = repository.keys().await?.into_iter().map(|key| key.key);
        let sealed = sealed.chain(repository.versions().await?.into_iter().map(|version| version.key));
        if let Some(key) = sealed.into_iter().next() {
            bail!(
                "{} is missing, and the stored secrets are sealed by {}: put it back, or give it with --master-key",
                path.display(),
                key.master
            );
        }
        write_private(&path, &LocalMaster::random_text(random))?;
    }
    from_file(&path, random)
}

fn from_file(path: &Path, random: &Random) -> anyhow::Result<Arc<dyn MasterKey>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the master key from {}", path.display()))?;
    Ok(Arc::new(LocalMaster::from_text(&text, &path.display().to_string(), random.clone())?))
}

/// `kms:KEY`, `age:FILE`, `env:NAME`, or a file.
async fn master(
    text: &str,
    config: &Config,
    clock: &SharedClock,
    random: &Random,
) -> anyhow::Result<Arc<dyn MasterKey>> {
    if let Some(key) = text.strip_prefix("kms:") {
        let settings = config.operations.aws.as_ref();
        let settings = settings.context(
            "the master key is one of AWS's key service, and there is no region: give --aws-region",
        )?;
        let (account, egress) = aws_account(settings, config, None)?;
        let id = format!("kms:{key}");
        let kms = Kms::new(account, key.to_owned(), egress, clock.clone());
        let master: Arc<dyn MasterKey> = Arc::new(KmsMaster { id, kms });
        return Ok(match &config.secrets.master_key_cache {
            Some(path) => Arc::new(CachedMaster::open(master, path, &config.data_dir)?),
            None => master,
        });
    }
    if let Some(file) = text.strip_prefix("age:") {
        let key = decrypted_by_age(Path::new(file)).await?;
        return Ok(Arc::new(LocalMaster::from_text(&key, text, random.clone())?));
    }
    if let Some(name) = text.strip_prefix("env:") {
        let value = std::env::var(name)
            .with_context(|| format!("the master key is to be in the variable {name}, which is not set"))?;
        return Ok(Arc::new(LocalMaster::from_text(&value, text, random.clone())?));
    }
    from_file(Path::new(text), random)
}

/// What `age` encrypted, by its own program: an identity may be an X25519 key, an SSH key or a plugin's (a hardware token),
/// and none of them has to be taught to the node. Called once, at the start.
async fn decrypted_by_age(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let identity = std::env::var(AGE_IDENTITY).with_context(|| {
        format!("the master key is encrypted by age: name the identity's file in {AGE_IDENTITY}")
    })?;
    let failed =
        || format!("cannot decrypt the master key in {} with the identity {identity}", file.display());
    let mut age = nines_base::spawn::program("age");
    if let Some(path) = std::env::var_os("PATH") {
        // Where age looks for plugins.
        age.env("PATH", path);
    }
    age.arg("--decrypt").arg("--identity").arg(&identity).arg(file).stdin(Stdio::null());
    let done = tokio::time::timeout(AGE_PATIENCE, age.output()).await;
    let done = done.with_context(|| format!("{}: age did not answer in {AGE_PATIENCE:?}", failed()))?;
    let done = done.with_context(|| format!("{}: is `age` installed?", failed()))?;
    let plain = Zeroizing::new(done.stdout);
    if !done.status.success() {
        bail!(
            "{}: {}",
            failed(),
            String::from_utf8_lossy(&done.stderr).lines().next().unwrap_or("age failed")
        );
    }
    let text = std::str::from_utf8(&plain).with_context(|| format!("{}: it is not text", failed()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A key that never leaves AWS's key service.
struct KmsMaster {
    id: String,
    kms: Kms,
}

#[async_trait]
impl MasterKey for KmsMaster {
    fn id(&self) -> &str {
        &self.id
    }

    async fn generate(&self) -> Result<(DataKey, Vec<u8>), SecretError> {
        let (plain, wrapped) = self.kms.generate().await.map_err(|error| self.failed(&error))?;
        Ok((self.key(&plain)?, wrapped))
    }

    async fn wrap(&self, key: &DataKey) -> Result<Vec<u8>, SecretError> {
        self.kms.wrap(key.expose()).await.map_err(|error| self.failed(&error))
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SecretError> {
        let plain = self.kms.unwrap(wrapped).await.map_err(|error| self.failed(&error))?;
        self.key(&plain)
    }
}

impl KmsMaster {
    fn key(&self, plain: &[u8]) -> Result<DataKey, SecretError> {
        let reason = || "its data key does not have 32 bytes".to_owned();
        DataKey::from_bytes(plain)
            .ok_or_else(|| SecretError::Master { id: self.id.clone(), reason: reason() })
    }

    fn failed(&self, error: &CloudError) -> SecretError {
        let (id, reason) = (self.id.clone(), error.to_string());
        match error {
            CloudError::Unreachable { .. } | CloudError::Lost { .. } | CloudError::Throttled { .. } => {
                SecretError::MasterUnavailable { id, reason }
            }
            _ => SecretError::Master { id, reason },
        }
    }
}
