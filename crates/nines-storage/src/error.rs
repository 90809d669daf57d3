use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

use nines_base::ErrorKind;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store cannot {operation} `{}`", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("catalog cannot {operation}")]
    Catalog { operation: &'static str, source: sqlx::Error },
    #[error("catalog `{}` is damaged: {detail}: restore it from a backup", path.display())]
    CatalogDamaged { path: PathBuf, detail: String },
    #[error("catalog has version {found}, this build knows {known}: use a newer nines")]
    CatalogVersion { found: i64, known: i64 },
    #[error("segment `{}` cannot be written", path.display())]
    Write { path: PathBuf, source: ParquetError },
    #[error("segment `{}` cannot be read", path.display())]
    Read { path: PathBuf, source: ParquetError },
    #[error("record batches do not fit together")]
    Arrow(#[from] arrow::error::ArrowError),
    #[error("{name} does not do what it was asked")]
    ObjectStore { name: String, source: object_store::Error },
    #[error("background work of the store ended early")]
    Worker(#[from] tokio::task::JoinError),
}

impl StoreError {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn catalog(operation: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Catalog { operation, source }
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            _ if self.is_disk_full() => ErrorKind::Exhausted,
            Self::Io { .. } | Self::Catalog { .. } | Self::Write { .. } | Self::ObjectStore { .. } => {
                ErrorKind::Unavailable
            }
            Self::CatalogVersion { .. } => ErrorKind::InvalidInput,
            Self::CatalogDamaged { .. } | Self::Read { .. } | Self::Arrow(_) | Self::Worker(_) => {
                ErrorKind::Internal
            }
        }
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        /// `SQLITE_FULL`.
        const DATABASE_FULL: &str = "13";
        let error = match self {
            Self::Catalog { source: sqlx::Error::Database(error), .. } => {
                return error.code().is_some_and(|code| code == DATABASE_FULL);
            }
            Self::Io { source, .. } => Some(source),
            Self::Write { source: ParquetError::External(inner), .. } => inner.downcast_ref(),
            _ => None,
        };
        error.is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::StorageFull)
    }
}
