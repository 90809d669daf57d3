/// What went wrong, in the few words that every edge can act on. Each crate's error answers `kind()`; one table in
/// `nines-http` maps it to a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is wrong and will be wrong again.
    InvalidInput,
    NotFound,
    /// Somebody else was first, or the state forbids it now.
    Conflict,
    Unauthenticated,
    Forbidden,
    /// A limit was reached: bytes, rate, memory, disk. Worth retrying after a pause.
    Exhausted,
    /// The input is larger than will ever be accepted.
    TooLarge,
    Timeout,
    Cancelled,
    /// A dependency is down or we are stopping. Worth retrying.
    Unavailable,
    /// A defect of ours. The caller sees an id, the log sees the rest.
    Internal,
}

impl ErrorKind {
    /// Whether the same request may succeed later without a change.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Exhausted | Self::Timeout | Self::Unavailable)
    }

    /// The stable word in problem documents and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Exhausted => "exhausted",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}
