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

/// The error and what it came of, down to the bottom.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// What lies at the bottom of an error: the object store that does not answer, not the reader that could not go on.
pub fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
