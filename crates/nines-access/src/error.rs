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
    #[error("the key may make {limit} calls in a minute: wait {} s", wait.as_secs() + 1)]
    TooFast { limit: u32, wait: Duration },
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
    /// The password was right.
    #[error(
        "this account asks for a second factor: send the code of the authenticator app, or a recovery code, as `code`"
    )]
    SecondFactor,
    #[error("that is not the password")]
    WrongPassword,
    #[error("the code is wrong, too old, or was used already: wait for the next one")]
    WrongCode,
    #[error("a password has at least {least} characters and is not the account's name: take four words")]
    WeakPassword { least: usize },
    #[error("key `{name}` has ended: make a new one")]
    KeyEnded { name: String },
    #[error("key `{name}` was replaced already: replace the key that came in its place")]
    KeyReplaced { name: String },
    #[error("the account has a second factor already: remove it first")]
    HasSecondFactor,
    #[error("this belongs to an account, and the key that was shown has none: sign in as a person")]
    NoAccount,
    #[error(
        "no request waits under this code: it is ten minutes old, was answered, or is mistyped; run `nines login` again"
    )]
    UnknownCode,
    #[error("a key that is bounded itself makes no others: take one without bounds")]
    BoundedMaker,
    #[error("nobody is {role} in a team: use viewer, responder, editor or admin")]
    NotInTeam { role: &'static str },
    #[error("this node has no key to seal secrets by")]
    NoSealer,
    #[error("the account is being changed by somebody else: try again")]
    Busy,
    #[error("this node has its owner already")]
    NotFirstRun,
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl AccessError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadCredentials { .. } | Self::SecondFactor => ErrorKind::Unauthenticated,
            Self::WrongPassword | Self::WrongCode | Self::NoAccount | Self::BoundedMaker => {
                ErrorKind::Forbidden
            }
            Self::WeakPassword { .. } | Self::NotInTeam { .. } => ErrorKind::InvalidInput,
            Self::HasSecondFactor | Self::KeyEnded { .. } | Self::KeyReplaced { .. } => ErrorKind::Conflict,
            Self::UnknownCode => ErrorKind::NotFound,
            Self::NoSealer | Self::Busy => ErrorKind::Unavailable,
            Self::Throttled { .. } | Self::TooFast { .. } | Self::TooMany { .. } => ErrorKind::Exhausted,
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
            Self::Throttled { wait } | Self::TooFast { wait, .. } => Some(*wait),
            _ => None,
        }
    }
}
