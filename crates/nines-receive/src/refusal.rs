//! Every way to say no, and how each is said over HTTP and gRPC.

use std::time::Duration;

use axum::http::StatusCode;
use nines_base::ErrorKind;
use nines_protocols::otlp::StatusMessage;

use crate::gate::GateError;
use crate::sink::SinkError;
use crate::stats::Counters;

/// When to come back if nobody has a better idea: long enough for a group commit and a few slow fsyncs.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A request that is not accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub cause: Cause,
    /// For the client to read.
    pub message: String,
    /// Set exactly for the causes that may pass.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Malformed,
    Unauthenticated,
    Forbidden,
    /// There is no such place.
    NotFound,
    TooLarge,
    UnsupportedType,
    UnsupportedEncoding,
    /// Too much at once: slow down.
    Busy,
    /// More than the sender, or the dataset, may have: somebody set a limit.
    OverLimit,
    /// Not now: full disk, stopping, a slow line.
    Unavailable,
    /// Our mistake, and it would happen again.
    Defect,
}

impl Refusal {
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        let passes = matches!(cause, Cause::Busy | Cause::OverLimit | Cause::Unavailable);
        Self { cause, message: message.into(), retry_after: passes.then_some(RETRY_AFTER) }
    }

    pub fn http_status(&self) -> StatusCode {
        match self.cause {
            Cause::Malformed => StatusCode::BAD_REQUEST,
            Cause::Unauthenticated => StatusCode::UNAUTHORIZED,
            Cause::Forbidden => StatusCode::FORBIDDEN,
            Cause::NotFound => StatusCode::NOT_FOUND,
            Cause::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Cause::UnsupportedType | Cause::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Cause::Busy | Cause::OverLimit => StatusCode::TOO_MANY_REQUESTS,
            Cause::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Cause::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The `google.rpc.Status` that goes with it, in the body over HTTP and in the trailers over gRPC. Overload is
    /// `UNAVAILABLE`, which every client retries; `RESOURCE_EXHAUSTED` is a limit, or without a time what is too large.
    pub fn status(&self) -> StatusMessage {
        let code = match self.cause {
            Cause::Malformed | Cause::UnsupportedType => 3,
            Cause::Unauthenticated => 16,
            Cause::Forbidden => 7,
            Cause::NotFound => 5,
            // With a time to come back, which a message that is too large has not: clients tell them apart by it.
            Cause::TooLarge | Cause::OverLimit => 8,
            Cause::UnsupportedEncoding => 12,
            Cause::Busy | Cause::Unavailable => 14,
            Cause::Defect => 13,
        };
        StatusMessage { code, message: self.message.clone(), retry_after: self.retry_after }
    }

    /// Whole seconds for `Retry-After`, rounded up.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0))
    }

    pub fn count(&self, counters: &Counters) {
        match self.cause {
            Cause::Busy | Cause::OverLimit | Cause::Unavailable => counters.deferred(),
            Cause::Defect => counters.failed(),
            _ => counters.rejected(),
        }
    }
}

impl From<GateError> for Refusal {
    fn from(error: GateError) -> Self {
        let message = error.to_string();
        match error {
            GateError::Unauthenticated => Self::new(Cause::Unauthenticated, message),
            GateError::Forbidden => Self::new(Cause::Forbidden, message),
            GateError::Exhausted { retry_after } => {
                Self { cause: Cause::Busy, message, retry_after: Some(retry_after) }
            }
        }
    }
}

impl From<SinkError> for Refusal {
    fn from(error: SinkError) -> Self {
        let cause = match error.kind {
            ErrorKind::InvalidInput => Cause::Malformed,
            ErrorKind::TooLarge => Cause::TooLarge,
            ErrorKind::Forbidden => Cause::Forbidden,
            ErrorKind::Exhausted => Cause::Busy,
            // Whatever went wrong on our side of the wire, the client still has the data: let it keep it.
            _ => Cause::Unavailable,
        };
        let refusal = Self::new(cause, error.message);
        match (refusal.retry_after, error.retry_after) {
            (Some(_), Some(hint)) => Self { retry_after: Some(hint), ..refusal },
            _ => refusal,
        }
    }
}
