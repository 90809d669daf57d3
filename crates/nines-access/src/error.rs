use std::time::Duration;

use nines_base::ErrorKind;

use crate::{Denial, UnknownRole};

/// What a store can answer instead of doing it.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error("{what} exists already")]
    Conflict { what: String },
    /// Busy or out of space: worth retrying.
    #[error("cannot reach the access store to {operation}")]
    Unavailable { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the access store holds something unreadable in {what}: {reason}")]
    Corrupt { what: &'static str, reason: String },
}

#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// One answer for every way in which a credential can be wrong: unknown, expired, revoked or mistyped.
    #[error("the {what} is not valid any more or never was: sign in again, or make a new key")]
    BadCredentials { what: &'static str },
    #[error("too many failed attempts from your address: wait {} s", wait.as_secs() + 1)]
    Throttled { wait: Duration },
    #[error("the request lacks its csrf token: send the session's token as `x-nines-csrf`")]
    Csrf,
    #[error("a key that only sends telemetry cannot open a session: use a key with a role")]
    NoSession,
    #[error(transparent)]
    Denied(#[from] Denial),
    #[error(transparent)]
    UnknownRole(#[from] UnknownRole),
    #[error("`name` must have 1 to {limit} characters on one line")]
    BadName { limit: usize },
    #[error("an account `{name}` exists already: choose another name")]
    NameTaken { name: String },
    #[error("`expires_at` is not after now: leave it out for a key that does not expire")]
    ExpiryPast,
    #[error("there are {limit} {what} already: remove some first")]
    TooMany { what: &'static str, limit: usize },
    #[error("there is no {what} `{id}`")]
    NotFound { what: &'static str, id: String },
    #[error("{name} is the last owner: make somebody else an owner first")]
    LastOwner { name: String },
    #[error("this node has its owner already")]
    NotFirstRun,
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl AccessError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadCredentials { .. } => ErrorKind::Unauthenticated,
            Self::Throttled { .. } | Self::TooMany { .. } => ErrorKind::Exhausted,
            Self::Csrf | Self::NoSession => ErrorKind::Forbidden,
            Self::Denied(denial) => denial.kind(),
            Self::UnknownRole(_) | Self::BadName { .. } | Self::ExpiryPast => ErrorKind::InvalidInput,
            Self::NameTaken { .. } | Self::LastOwner { .. } | Self::NotFirstRun => ErrorKind::Conflict,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Repository(RepositoryError::Conflict { .. }) => ErrorKind::Conflict,
            Self::Repository(RepositoryError::Unavailable { .. }) => ErrorKind::Unavailable,
            Self::Repository(RepositoryError::Corrupt { .. }) => ErrorKind::Internal,
        }
    }

    /// When to try again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { wait } => Some(*wait),
            _ => None,
        }
    }
}
