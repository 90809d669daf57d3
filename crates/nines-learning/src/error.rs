use nines_base::ErrorKind;
use nines_incidents::IncidentId;

#[derive(Debug, thiserror::Error)]
pub enum LearningError {
    #[error("there is no postmortem of {0}: it is drafted when the incident is resolved")]
    NotFound(IncidentId),
    #[error("{what} was changed by somebody else: read it again and repeat the change")]
    Stale { what: String },
    /// The message names the part and what is wrong with it.
    #[error("{0}")]
    Invalid(String),
    /// Everything that is missing, in one answer.
    #[error("the postmortem of {incident} cannot be closed: {}", missing.join("; "))]
    NotReady { incident: IncidentId, missing: Vec<String> },
    #[error("the postmortem of {0} is closed: reopen it to change more than its measures")]
    Closed(IncidentId),
    #[error("cannot {operation}")]
    Store { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the store of postmortems holds something unreadable in {what}")]
    Corrupt { what: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl LearningError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Stale { .. } | Self::NotReady { .. } | Self::Closed(_) => ErrorKind::Conflict,
            Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::Store { .. } => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Internal,
        }
    }
}
