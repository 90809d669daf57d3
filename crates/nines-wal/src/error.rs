use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nines_base::{ByteSize, ErrorKind};

/// Cloned to every record of a failed commit.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    #[error("journal queue is full ({} of {} waiting): retry after a pause", ByteSize(*.queued), ByteSize(*.limit))]
    QueueFull { queued: u64, limit: u64 },
    #[error("record of {} is larger than the journal takes ({})", ByteSize(*.bytes), ByteSize(*.limit))]
    TooLarge { bytes: u64, limit: u64 },
    #[error("journal is closed")]
    Closed,
    #[error("journal cannot {operation} `{}`", path.display())]
    Io { operation: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error("journal segment `{}` has format version {version}, this build reads version 1: use a newer nines", path.display())]
    Version { path: PathBuf, version: u32 },
}

impl JournalError {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), source: Arc::new(source) }
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::QueueFull { .. } => ErrorKind::Exhausted,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Closed => ErrorKind::Unavailable,
            Self::Io { .. } if self.is_disk_full() => ErrorKind::Exhausted,
            Self::Io { .. } => ErrorKind::Unavailable,
            Self::Version { .. } => ErrorKind::InvalidInput,
        }
    }

    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
