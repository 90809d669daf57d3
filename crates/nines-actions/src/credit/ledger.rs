//! The ledger: every block with how far it is, and the settings, kept so that they outlive the process.

use std::collections::BTreeMap;

use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_model::Timestamp;
use parking_lot::Mutex;

use super::{Block, Settings, format};
use crate::run::RunId;

/// Blocks that are over and still shown: a week of ten an hour is 1 680.
pub const BLOCKS_KEPT: u32 = 2_000;

/// How far a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Decided and written down; the run that blocks is asked for, waits for an approval, or is on its way.
    Asked,
    /// On the firewall's list.
    Blocked,
    /// Decided that it ends; the run that unblocks is asked for or on its way.
    Releasing,
    Released,
    /// It never came about: refused, given up, or impossible; the reason says which.
    Failed,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Asked, Self::Blocked, Self::Releasing, Self::Released, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Blocked => "blocked",
            Self::Releasing => "releasing",
            Self::Released => "released",
            Self::Failed => "failed",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Released | Self::Failed)
    }
}

/// A block in the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub block: Block,
    /// The firewall's set that it is in, whatever the settings say now.
    pub list: String,
    pub phase: Phase,
    /// The idempotency key of the run of this phase. Written down before the run is asked for: a repeat after a crash is
    /// the same run.
    pub key: String,
    /// The run of this phase, once it is known.
    pub run: Option<RunId>,
    /// Whether the run waits until a person approves it.
    pub needs_approval: bool,
    pub reason: Option<String>,
    /// Not tried again before.
    pub retry_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl Entry {
    /// Names the entry: a network may have been blocked before.
    pub fn id(&self) -> String {
        format!("{}@{}", self.block.network, self.block.since.as_nanos())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot {operation}")]
    Unavailable { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the ledger of blocked addresses holds what cannot be read: {reason}")]
    Corrupt { reason: String },
}

impl LedgerError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Internal,
        }
    }
}

/// A durable store. A write that returned `Ok` survives the loss of power.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Every entry that is not over, and the newest [`BLOCKS_KEPT`] of those that are, the oldest first.
    async fn load(&self) -> Result<Vec<Entry>, LedgerError>;

    /// Keeps all of them or none, each in place of the one before, and forgets the oldest beyond [`BLOCKS_KEPT`].
    async fn put(&self, entries: &[Entry]) -> Result<(), LedgerError>;

    /// `None`: nobody has set anything.
    async fn settings(&self) -> Result<Option<Settings>, LedgerError>;

    async fn put_settings(&self, settings: &Settings) -> Result<(), LedgerError>;
}

/// In memory, for tests: through the persisted form and back.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    texts: Mutex<BTreeMap<String, String>>,
    settings: Mutex<Option<String>>,
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn load(&self) -> Result<Vec<Entry>, LedgerError> {
        let mut entries =
            self.texts.lock().values().map(|text| format::read_entry(text)).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|entry| entry.block.since);
        Ok(entries)
    }

    async fn put(&self, entries: &[Entry]) -> Result<(), LedgerError> {
        let mut texts = self.texts.lock();
        texts.extend(entries.iter().map(|entry| (entry.id(), format::write_entry(entry))));
        Ok(())
    }

    async fn settings(&self) -> Result<Option<Settings>, LedgerError> {
        self.settings.lock().as_deref().map(format::read_settings).transpose()
    }

    async fn put_settings(&self, settings: &Settings) -> Result<(), LedgerError> {
        *self.settings.lock() = Some(format::write_settings(settings));
        Ok(())
    }
}
