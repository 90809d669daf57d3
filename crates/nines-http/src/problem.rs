//! Errors on the wire. One table maps what went wrong to a status code; every layer below only says its kind.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nines_api::{Fault, Problem};
use nines_base::ErrorKind;

tokio::task_local! {
    /// The id of the request that this task answers, for problem documents and logs.
    pub static REQUEST_ID: String;
}

/// What a handler answers instead of its result. Rendered as a problem document. Boxed, because results are passed up
/// far more often than they fail.
#[derive(Debug)]
pub struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: ErrorKind,
    code: &'static str,
    detail: String,
    hint: Option<String>,
    offset: Option<usize>,
    faults: Vec<Fault>,
    retry_after: Option<Duration>,
}

pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            code: kind.as_str(),
            detail: detail.into(),
            hint: None,
            offset: None,
            faults: Vec::new(),
            retry_after: None,
        }))
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, detail)
    }

    /// For the caller: that we failed, and the id to ask about. For the log: why.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain = format!("{chain}: {cause}");
            source = cause.source();
        }
        tracing::error!(error = chain, "request failed");
        Self::new(ErrorKind::Internal, "the request failed inside nines")
            .hint("the log has the reason under this request id")
    }

    /// A lower layer's error under its own kind. Internal ones are logged and not shown.
    pub fn from_kind(kind: ErrorKind, error: &dyn std::error::Error) -> Self {
        if kind == ErrorKind::Internal { Self::internal(error) } else { Self::new(kind, error.to_string()) }
    }

    /// What went wrong, as the caller may read it.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn hint_opt(mut self, hint: Option<String>) -> Self {
        self.0.hint = hint.or(self.0.hint.take());
        self
    }

    #[must_use]
    pub fn offset(mut self, offset: Option<usize>) -> Self {
        self.0.offset = offset;
        self
    }

    #[must_use]
    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.0.faults = faults;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }
}

/// The one table from kind to status.
pub fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        // The caller went away; 499 is what proxies log for it.
        ErrorKind::Cancelled => StatusCode::from_u16(499).expect("499 is a valid status"),
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let parts = *self.0;
        let status = status_of(parts.kind);
        let problem = Problem {
            kind: format!("https://nines.invalid/problems/{}", parts.code),
            code: parts.code.to_owned(),
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Client Closed Request").to_owned(),
            detail: parts.detail,
            hint: parts.hint,
            offset: parts.offset,
            faults: parts.faults,
            request_id: REQUEST_ID.try_with(Clone::clone).unwrap_or_default(),
        };
        let body = serde_json::to_vec(&problem).expect("a problem is plain data");
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(pause) = parts.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs().max(1)));
        }
        response
    }
}
