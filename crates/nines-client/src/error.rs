use nines_api::{Fault, Problem};
use nines_base::ErrorKind;
use nines_egress::EgressError;

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("`{url}` is not an address of a node: {reason}")]
    InvalidUrl { url: String, reason: String },
    #[error("the key cannot be sent in a header: it holds a character that is not printable ASCII")]
    InvalidKey,
    #[error("cannot make an HTTP client")]
    Setup(#[source] EgressError),
    #[error("no answer from {url}")]
    Unreachable { url: String, source: EgressError },
    /// The server said what is wrong.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Prometheus' API said what is wrong, in its own envelope.
    #[error("{message}")]
    Prometheus { status: u16, message: String },
    /// An error without a problem document: a proxy, or not a Nines node at all.
    #[error("{url} answered {status} without saying why: {start}")]
    NotAProblem { url: String, status: u16, start: String },
    #[error("cannot read the answer to `{operation}`")]
    Unreadable { operation: &'static str, source: serde_json::Error },
}

impl ClientError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidUrl { .. } | Self::InvalidKey => ErrorKind::InvalidInput,
            Self::Setup(_) | Self::Unreadable { .. } => ErrorKind::Internal,
            Self::Unreachable { source, .. } => source.kind(),
            Self::Problem(problem) => kind_of_status(problem.status),
            Self::Prometheus { status, .. } | Self::NotAProblem { status, .. } => kind_of_status(*status),
        }
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// The server's problem document, if that is what came back.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// What the caller can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Problem(problem) => problem.hint.clone(),
            Self::InvalidUrl { .. } => {
                Some("give it as http://host:port, such as http://127.0.0.1:9999".to_owned())
            }
            Self::Unreachable { source: EgressError::TooLarge { .. }, .. } => {
                Some("ask for fewer rows or a shorter time".to_owned())
            }
            Self::Unreachable { .. } => {
                Some("is the node up? `nines serve` starts one; `--url` names another".to_owned())
            }
            Self::NotAProblem { .. } => Some("check that the address is that of a Nines node".to_owned()),
            Self::Unreadable { .. } => {
                Some("client and node may be of different versions; see `nines version`".to_owned())
            }
            Self::InvalidKey => Some("copy the key again, without line breaks".to_owned()),
            Self::Setup(_) | Self::Prometheus { .. } => None,
        }
    }

    /// Byte offset of the fault in the text that was sent (filter or SQL).
    pub fn offset(&self) -> Option<usize> {
        self.problem().and_then(|problem| problem.offset)
    }

    /// Each fault of the documents that were sent.
    pub fn faults(&self) -> &[Fault] {
        self.problem().map_or(&[], |problem| &problem.faults)
    }
}

/// By status rather than by code, because codes may be finer than the kinds (`invalid_filter`).
fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::Exhausted,
        499 => ErrorKind::Cancelled,
        502 | 503 => ErrorKind::Unavailable,
        400..=499 => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    }
}
