use nines_base::ErrorKind;
use nines_model::Timestamp;

use crate::{IncidentId, ParseIncidentIdError, State, UnknownWord};

/// Why the rules of incidents say no. Nothing was changed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Refusal {
    #[error("{id} is {state} and cannot be {wanted}: {hint}")]
    IllegalMove { id: IncidentId, state: State, wanted: &'static str, hint: String },
    #[error("`{field}` is missing: {hint}")]
    Missing { field: &'static str, hint: &'static str },
    #[error("`{field}` has {bytes} bytes, more than {limit}: shorten it and link to the rest")]
    TooLong { field: &'static str, bytes: usize, limit: usize },
    #[error("`started_at` {at} is in the future: give the time when users first felt it")]
    StartsInFuture { at: Timestamp },
    #[error("`next_update_at` {at} is not after now: leave it out to have the level's cadence set it")]
    NextUpdatePast { at: Timestamp },
    #[error("`next_update_at` {at} is more than a day away: promise something nearer")]
    NextUpdateTooFar { at: Timestamp },
    #[error("only a person can {what}: sign in, or use a key that belongs to somebody")]
    NotAPerson { what: &'static str },
    #[error("{id} cannot be merged into itself: name the incident that goes on")]
    MergeIntoSelf { id: IncidentId },
    #[error("{id} has no timeline entry {sequence}: its entries are 1 to {last}")]
    NoSuchEntry { id: IncidentId, sequence: u64, last: u64 },
    #[error("the timeline of {id} is full at {limit} entries: open a follow-up incident")]
    TimelineFull { id: IncidentId, limit: u64 },
    #[error(
        "an update for the public needs approval by public relations and by a manager, two different people"
    )]
    NotApproved,
    #[error("`{at}` is after {id} was detected at {detected}: a fault starts before it is noticed")]
    FaultStartAfterDetection { id: IncidentId, at: Timestamp, detected: Timestamp },
}

impl Refusal {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::IllegalMove { .. } => ErrorKind::Conflict,
            Self::NoSuchEntry { .. } => ErrorKind::NotFound,
            Self::NotAPerson { .. } | Self::NotApproved => ErrorKind::Forbidden,
            Self::TooLong { .. } => ErrorKind::TooLarge,
            Self::TimelineFull { .. } => ErrorKind::Exhausted,
            _ => ErrorKind::InvalidInput,
        }
    }
}

/// What a store can answer instead of doing it.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Somebody else changed the incident since it was read. Read it again and decide again.
    #[error("{id} was changed by somebody else at the same time")]
    Conflict { id: IncidentId },
    /// Busy or out of space: worth retrying.
    #[error("cannot reach the incident store to {operation}")]
    Unavailable { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the incident store holds something unreadable in {what}")]
    Corrupt { what: String, source: Box<dyn std::error::Error + Send + Sync> },
}

#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    #[error("there is no incident {id}")]
    NotFound { id: IncidentId },
    #[error(transparent)]
    BadId(#[from] ParseIncidentIdError),
    #[error(transparent)]
    BadWord(#[from] UnknownWord),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl IncidentError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::BadId(_) | Self::BadWord(_) => ErrorKind::InvalidInput,
            Self::Refused(refusal) => refusal.kind(),
            Self::Repository(RepositoryError::Conflict { .. }) => ErrorKind::Conflict,
            Self::Repository(RepositoryError::Unavailable { .. }) => ErrorKind::Unavailable,
            Self::Repository(RepositoryError::Corrupt { .. }) => ErrorKind::Internal,
        }
    }
}
