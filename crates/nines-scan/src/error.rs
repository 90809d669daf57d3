use std::time::Duration;

use nines_base::{ByteSize, ErrorKind, root_cause};
use nines_model::Dataset;

#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The request is wrong and will be wrong again.
    #[error("{message}: {hint}")]
    Invalid { message: String, hint: String },
    #[error("question took longer than {after:?}: narrow the time range or the filter")]
    Timeout { after: Duration },
    #[error("question was cancelled")]
    Cancelled,
    #[error("{what} needs more than {}: {hint}", ByteSize(*.limit))]
    Memory { what: &'static str, limit: u64, hint: &'static str },
    /// Stored data could not be read.
    #[error("stored data of {dataset} cannot be read: {}", root_cause(&**.source))]
    Storage {
        dataset: Dataset,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A defect of ours: the source is for the log.
    #[error("question failed inside")]
    Internal {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ScanError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::InvalidInput,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Memory { .. } => ErrorKind::Exhausted,
            Self::Storage { .. } => ErrorKind::Unavailable,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), hint: hint.into() }
    }

    pub(crate) fn storage(
        dataset: Dataset,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Storage { dataset, source: source.into() }
    }

    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { source: source.into() }
    }
}
