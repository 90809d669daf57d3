use std::time::Duration;

use nines_base::{ByteSize, ErrorKind};
use nines_storage::Notice;
use nines_storage::format::FormatError;
use nines_wal::JournalError;

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("ingest is overloaded ({bound}): retry after {} s", retry_after.as_secs())]
    Overloaded { bound: &'static str, retry_after: Duration },
    #[error("disk is nearly full ({} free, {} needed): free space or shorten retention", ByteSize(*.free), ByteSize(*.needed))]
    DiskFull { free: u64, needed: u64 },
    #[error("{0}")]
    StoreFull(Notice),
    #[error("request of {} is larger than ingest takes ({}): send smaller batches", ByteSize(*.bytes), ByteSize(*.limit))]
    TooLarge { bytes: u64, limit: u64 },
    #[error("batch was not made durable")]
    Journal(#[from] JournalError),
    #[error("journal record {sequence} cannot be read")]
    Record { sequence: u64, source: FormatError },
    #[error("ingest is stopping")]
    Closed,
    #[error("ingest cannot start its publisher")]
    Start(#[source] std::io::Error),
    #[error("background work of ingest ended early")]
    Worker(#[from] tokio::task::JoinError),
}

/// Long enough for a disk to sync or a dataset to be sealed, short enough that a client's own queue does not
/// overflow.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_AFTER_DISK: Duration = Duration::from_secs(10);

impl IngestError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Overloaded { .. } | Self::DiskFull { .. } | Self::StoreFull(_) => ErrorKind::Exhausted,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Journal(error) => error.kind(),
            Self::Record { .. } => ErrorKind::InvalidInput,
            Self::Closed => ErrorKind::Unavailable,
            Self::Start(_) | Self::Worker(_) => ErrorKind::Internal,
        }
    }

    /// When to try again; `None` if trying again is of no use.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } => Some(*retry_after),
            Self::DiskFull { .. } | Self::StoreFull(_) => Some(RETRY_AFTER_DISK),
            Self::Journal(error) if error.is_disk_full() => Some(RETRY_AFTER_DISK),
            error if error.kind().is_retryable() => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// The word under which the refusal is counted.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Overloaded { bound, .. } => bound,
            Self::DiskFull { .. } => "disk full",
            Self::StoreFull(Notice::OverBudget { .. }) => "disk budget",
            Self::StoreFull(_) => "disk full",
            Self::TooLarge { .. } => "request too large",
            Self::Journal(error) if error.is_disk_full() => "disk full",
            Self::Journal(JournalError::QueueFull { .. }) => "journal queue",
            Self::Journal(_) => "journal error",
            Self::Closed => "stopping",
            Self::Record { .. } | Self::Start(_) | Self::Worker(_) => "internal",
        }
    }
}
