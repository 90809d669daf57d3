//! The journal: append, fsync together, replay. It knows bytes and sequence numbers, never what they mean.
//!
//! Words introduced here
//! - **Record**: one payload with the sequence number that the journal gave it. Sequence numbers only grow, are never
//!   used twice, and may have gaps (records whose commit failed).
//! - **Commit**: the records that one write and one `fdatasync` make durable together (group commit).
//! - **Segment**: one file of records, written once from front to back by one process.
//! - **Damage**: bytes of a segment that are not a valid record. They are reported, copied to `quarantine/` and
//!   never served.
//!
//! Promises
//! - A [`Ticket`] resolves to `Ok` only after its record and all earlier ones of the same segment are durable.
//! - After a failed write or sync the file is abandoned: it is never synced again, and nothing in that commit is
//!   acknowledged. The next commit starts a new file, so the journal mends itself when the disk does.
//! - Recovery loses only records whose own checksum fails. It finds the next record after damage by the segment's
//!   random 64-bit marker, which no sender can forge inside a payload.
//! - A record whose commit failed may still come back at recovery: what was refused can be stored, what was
//!   acknowledged cannot be lost.
//!
//! The bytes are described in `docs/formats/journal.md`.

mod error;
mod journal;
mod record;
mod recovery;
mod stats;
mod writer;

pub use error::JournalError;
pub use journal::{Journal, JournalConfig, Ticket};
pub use record::DamageReason;
pub use recovery::{Damage, JournalRecovery, inspect};
pub use stats::{JournalStats, LATENCY_BOUNDS_MS, LatencyHistogram};
