use std::path::PathBuf;

use nines_base::ErrorKind;

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot open state file `{}`", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("state file `{}` runs with {setting} = {found}, but durability needs {needed}", path.display())]
    Setting { path: PathBuf, setting: &'static str, found: String, needed: &'static str },
    #[error("state file `{}` is damaged: {report}; restore it from a backup", path.display())]
    Damaged { path: PathBuf, report: String },
    #[error("state file `{}` was written by a newer version (domain `{domain}` is at {found}, this version knows {known}); run that version or restore a backup", path.display())]
    Newer { path: PathBuf, domain: &'static str, found: i64, known: i64 },
    #[error("migration {version} of domain `{domain}` in `{}` is not the one that this version knows", path.display())]
    Changed { path: PathBuf, domain: &'static str, version: i64 },
    #[error("migration {version} of domain `{domain}` failed and was rolled back")]
    Migration { domain: &'static str, version: i64, source: sqlx::Error },
    #[error("cannot {operation}")]
    Query { operation: &'static str, source: sqlx::Error },
    /// A row that this version cannot read back: a defect, or a hand in the file.
    #[error("cannot read {what}: {reason}")]
    Row { what: &'static str, reason: String },
}

impl StateError {
    /// For `map_err`: names the operation that the statement served, lowercase, such as "insert pages".
    pub fn query(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { operation, source }
    }

    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Query { source, .. } | Self::Open { source, .. } => kind_of(source),
            Self::Newer { .. } | Self::Changed { .. } => ErrorKind::Conflict,
            Self::Setting { .. } | Self::Damaged { .. } | Self::Migration { .. } | Self::Row { .. } => {
                ErrorKind::Internal
            }
        }
    }
}

fn kind_of(error: &sqlx::Error) -> ErrorKind {
    match error {
        sqlx::Error::RowNotFound => ErrorKind::NotFound,
        sqlx::Error::Database(error) if error.is_unique_violation() => ErrorKind::Conflict,
        sqlx::Error::PoolTimedOut => ErrorKind::Timeout,
        // Busy, locked, full, IO: SQLite says no for now.
        sqlx::Error::Database(_)
        | sqlx::Error::Io(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    }
}
