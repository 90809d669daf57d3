//! Secrets at rest: tokens of channels, passwords of scraped targets, keys of cloud accounts. They go in once, are
//! used by reference, and are read back by nobody but an administrator who says why.
//!
//! Words
//! - **Secret**: a name with versions; the newest is the one in use ([`Vault`]).
//! - **Reference**: `secret://name` or `secret://name@3` in a document, where otherwise the value would stand
//!   ([`SecretRef`]). [`SecretResolver`] is what everybody else needs to know of this crate.
//! - **Data key**: 256 random bits that seal one version and nothing else ([`DataKey`]).
//! - **Master key**: what data keys are wrapped by ([`MasterKey`]): a key of this machine ([`LocalMaster`]), or one that
//!   never leaves a key service. It is not in the data directory's backups.
//! - **Keyring**: the master key in use, and those before it that may still be needed to unwrap.
//!
//! Promises
//! - What is stored is ciphertext (AES-256-GCM), bound to its name and version: a row moved to another name does not
//!   open. See `docs/formats/secrets.md`.
//! - A value prints as dots, and is overwritten in memory when it is dropped ([`SecretText`]).
//! - A wrong master key is an error that names the key that is needed; nothing is written over.
//! - After the master key is changed, [`Vault::rewrap`] wraps every data key by the new one; values are not touched.
//! - Everything is bounded: [`SECRETS_MAX`], [`VALUE_BYTES_MAX`], [`VERSIONS_KEPT`].

pub mod contract;
mod envelope;
mod error;
mod master;
mod memory;
mod reference;
mod repository;
mod sealer;
mod text;
mod vault;

pub use envelope::DataKey;
pub use error::SecretError;
pub use master::{Keyring, LocalMaster, MASTER_KEY_BYTES, MasterKey, Wrapped};
pub use memory::MemorySecrets;
pub use reference::{NAME_CHARS_MAX, SecretName, SecretRef, SecretResolver};
pub use repository::{SecretRepository, StoreError, StoredKey, StoredVersion};
pub use sealer::Sealer;
pub use text::SecretText;
pub use vault::{SECRETS_MAX, SecretSummary, VALUE_BYTES_MAX, VERSIONS_KEPT, Vault, VersionSummary};
