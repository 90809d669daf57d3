use std::io;
use std::path::{Path, PathBuf};

use nines_base::ErrorKind;
use nines_storage::StoreError;
use nines_wal::JournalError;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("`{}` is not a data directory: it has no {missing}: name the directory that `nines serve --data` has", path.display())]
    NotData { path: PathBuf, missing: &'static str },
    #[error("`{}` is not a backup repository: {found}", path.display())]
    NotARepository { path: PathBuf, found: String },
    #[error("`{}` is of version {found}, this build knows {known}: use a newer nines", path.display())]
    Version { path: PathBuf, found: u32, known: u32 },
    #[error("`{}` holds no complete backup{}", path.display(), at.as_ref().map(|at| format!(" named {at}: the complete ones are {known}")).unwrap_or_default())]
    NoBackup { path: PathBuf, at: Option<String>, known: String },
    #[error("`{}` is not empty: restore into a directory that does not exist yet", path.display())]
    NotEmpty { path: PathBuf },
    #[error("the backup is damaged: `{}` {what}: use another backup, or the repository's own copy", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error(
        "segments keep changing while they are copied: {tries} tries were not enough; is retention very short?"
    )]
    Moving { tries: u32 },
    #[error("cannot {operation} `{}`: {source}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot {operation} `{}`: {source}", path.display())]
    Database { operation: &'static str, path: PathBuf, source: sqlx::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl BackupError {
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn database(operation: &'static str, path: &Path) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { operation, path: path.to_owned(), source }
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotData { .. } | Self::NotARepository { .. } | Self::Version { .. } => {
                ErrorKind::InvalidInput
            }
            Self::NoBackup { .. } => ErrorKind::NotFound,
            Self::NotEmpty { .. } => ErrorKind::Conflict,
            Self::Moving { .. } | Self::Io { .. } | Self::Database { .. } => ErrorKind::Unavailable,
            Self::Damaged { .. } => ErrorKind::Internal,
            Self::Store(error) => error.kind(),
            Self::Journal(error) => error.kind(),
        }
    }
}
