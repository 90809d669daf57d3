use nines_base::ErrorKind;
use nines_yaml::DocumentError;

/// Why something about the inventory could not be done.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("{0}")]
    Invalid(String),
    /// Every mistake of a text, each with its place.
    #[error("the text has {} mistakes", .0.len())]
    Document(Vec<DocumentError>),
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String },
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Full(String),
    #[error("cannot {operation}")]
    Store {
        operation: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("a stored {what} cannot be read: {reason}")]
    Format { what: &'static str, reason: String },
}

impl InventoryError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) | Self::Document(_) => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::Full(_) => ErrorKind::Exhausted,
            Self::Store { .. } => ErrorKind::Unavailable,
            Self::Format { .. } => ErrorKind::Internal,
        }
    }
}
