//! A data directory checked ([`verify`]), copied while a node uses it ([`backup`]), and put back ([`restore`]).
//!
//! Words introduced here
//! - **Repository**: a folder that holds backups. Sealed segments never change, so all backups share one copy of each:
//!   a second backup costs what is new.
//! - **Backup**: everything that a node needs to go on from one moment: its databases, its journal and the segments
//!   that its catalog names. Complete once its manifest and the manifest's checksum are there.
//!
//! Promises
//! - What was acknowledged before [`backup`] was called is in the backup. The order makes it so: the journal is copied
//!   first, the catalog after it. A row is in the journal copy, or it was sealed before and the catalog names its segment;
//!   if it is in both, replay skips it by its sequence number, as after a crash.
//! - Metrics, which have a journal and segments of their own, are copied in the same way: journal, then the state that
//!   says how far it is sealed, then the segments.
//! - Nothing in the data directory is written or locked for longer than SQLite needs to begin a read.
//! - [`restore`] checks every byte against the manifest before it writes the first, and never writes into a directory
//!   that holds something.
//! - Each fault names the file and, where it is known, the place in it.
//!
//! What is left out: `first-run/`, which holds keys in plain text (their hashes are in `control.db`), and `quarantine/`
//! folders. A restored outbox sends what was still waiting when the backup was made.
//!
//! The layout is written down in `docs/formats/backup.md`.

mod copy;
mod error;
mod manifest;
mod restore;
mod series;
mod sqlite;
mod verify;

pub use copy::{BackupReport, backup};
pub use error::BackupError;
pub use manifest::{Manifest, Missing, StoredFile};
pub use restore::{RestoreReport, restore};
pub use verify::{Fault, Part, VerifyReport, verify};

/// How far long work is: bytes so far and, as far as is known, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub part: &'static str,
    pub done_bytes: u64,
    pub total_bytes: u64,
}

/// Where things are in a data directory.
mod layout {
    pub const JOURNAL: &str = "journal";
    pub const TELEMETRY: &str = "telemetry";
    pub const CATALOG: &str = "telemetry/catalog.db";
    /// The databases of the operations column.
    pub const CONTROL: &str = "control.db";
    pub const RESPONSE: &str = "response.db";
    /// Metric series; a directory of an older version has none.
    pub const SERIES_JOURNAL: &str = "series/journal";
    pub const SERIES_STATE: &str = "series/state.bin";
    pub const SERIES_SEGMENTS: &str = "series/segments";
}
