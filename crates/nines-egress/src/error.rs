use std::net::IpAddr;

use nines_base::{ByteSize, ErrorKind};

use crate::Refusal;

/// Why a call out failed. Names the host, never the path, query or headers.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    #[error("`{url}` is not a usable url: {reason}")]
    Url { url: String, reason: String },
    #[error("`{host}` resolves to {address}, {}, which is not reached unless an administrator allows its network", refusal.as_str())]
    Refused { host: String, address: IpAddr, refusal: Refusal },
    #[error("cannot resolve `{host}`: {reason}")]
    Resolve { host: String, reason: String },
    #[error("cannot connect to `{host}`: {reason}")]
    Connect { host: String, reason: String },
    #[error("`{host}` did not answer in time")]
    Timeout { host: String },
    #[error("the connection to `{host}` broke: {reason}")]
    Broken { host: String, reason: String },
    #[error("`{host}` answered with more than {}", ByteSize(*.limit))]
    TooLarge { host: String, limit: u64 },
    #[error("`{host}` redirected more than {limit} times")]
    Redirects { host: String, limit: usize },
    #[error("cannot set up the http client: {reason}")]
    Setup { reason: String },
}

impl EgressError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Url { .. } => ErrorKind::InvalidInput,
            Self::Refused { .. } => ErrorKind::Forbidden,
            Self::Resolve { .. } | Self::Connect { .. } | Self::Broken { .. } => ErrorKind::Unavailable,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Redirects { .. } => ErrorKind::InvalidInput,
            Self::Setup { .. } => ErrorKind::Internal,
        }
    }

    /// Whether the other side may have received the whole request, so that a repeat may be a duplicate.
    pub fn may_have_been_sent(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Broken { .. } | Self::TooLarge { .. } | Self::Redirects { .. } => {
                true
            }
            Self::Url { .. }
            | Self::Refused { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Setup { .. } => false,
        }
    }
}
