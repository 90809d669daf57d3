use nines_base::ErrorKind;

/// No message holds a code, a token or the client's secret.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error("the identity provider {issuer} cannot be reached: {reason}")]
    Unreachable { issuer: String, reason: String },
    #[error("the identity provider {issuer} is not set up as it has to be: {reason}")]
    Setup { issuer: String, reason: String },
    #[error(
        "this sign-in was not begun in this browser, was finished, or is older than ten minutes: begin again"
    )]
    UnknownAttempt,
    #[error("the identity provider refused: {reason}")]
    Refused { reason: String },
    #[error("what the identity provider says of you cannot be believed: {reason}")]
    BadToken { reason: String },
}

impl OidcError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. } => ErrorKind::Unavailable,
            Self::Setup { .. } => ErrorKind::Internal,
            Self::UnknownAttempt => ErrorKind::InvalidInput,
            Self::Refused { .. } | Self::BadToken { .. } => ErrorKind::Unauthenticated,
        }
    }
}
