use nines_base::ErrorKind;

#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The message names the part and what is wrong with it.
    #[error("{0}")]
    Invalid(String),
    #[error("there is no status page `{0}`")]
    NotFound(String),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Full(&'static str),
    #[error("the statement was changed by somebody else: read it again")]
    Stale,
    #[error("cannot {operation}")]
    Store { operation: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

impl StatusError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) => ErrorKind::InvalidInput,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Refused(_) => ErrorKind::Forbidden,
            Self::Full(_) => ErrorKind::Exhausted,
            Self::Stale => ErrorKind::Conflict,
            Self::Store { .. } => ErrorKind::Unavailable,
        }
    }
}
