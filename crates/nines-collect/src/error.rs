use std::path::PathBuf;

use nines_base::ErrorKind;

use crate::SendError;

#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}: what has been sent would be forgotten", path.display())]
    Checkpoint { path: PathBuf, source: std::io::Error },
    #[error("{} is not a state file of this version: remove it to begin anew", path.display())]
    Format { path: PathBuf, source: serde_json::Error },
    #[error("`{pattern}` is not a pattern of file names: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("the node did not take lines of {}", path.display())]
    Send { path: PathBuf, source: SendError },
}

impl CollectError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Read { .. } | Self::Checkpoint { .. } => ErrorKind::Internal,
            Self::Format { .. } | Self::Pattern { .. } => ErrorKind::InvalidInput,
            Self::Send { source, .. } => source.kind,
        }
    }
}
