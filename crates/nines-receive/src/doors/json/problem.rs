//! Refusals as RFC 9457 has them, with the members of every other problem of the API.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use nines_protocols::json::write_string;

use crate::doors::{respond, with_retry_after};
use crate::refusal::{Cause, Refusal};

pub(crate) fn refuse(refusal: &Refusal) -> Response<Body> {
    let status = refusal.http_status();
    let code = match refusal.cause {
        Cause::Malformed => "invalid_input",
        Cause::Unauthenticated => "unauthenticated",
        Cause::Forbidden => "forbidden",
        Cause::NotFound => "not_found",
        Cause::TooLarge => "too_large",
        Cause::UnsupportedType => "unsupported_media_type",
        Cause::UnsupportedEncoding => "unsupported_encoding",
        Cause::Busy | Cause::OverLimit => "exhausted",
        Cause::Unavailable => "unavailable",
        Cause::Defect => "internal",
    };
    let (detail, hint) = match refusal.message.rsplit_once(": ") {
        Some((detail, hint)) if !hint.contains('`') => (detail, Some(hint)),
        _ => (refusal.message.as_str(), None),
    };
    let mut body = format!(
        "{{\"type\":\"https://nines.invalid/problems/{code}\",\"code\":\"{code}\",\"status\":{},\"title\":\"{}\",\"detail\":",
        status.as_u16(),
        status.canonical_reason().unwrap_or("error"),
    );
    write_string(&mut body, detail);
    if let Some(hint) = hint {
        body.push_str(",\"hint\":");
        write_string(&mut body, hint);
    }
    body.push_str(",\"request_id\":\"\"}");
    let mut response = with_retry_after(respond(status, "application/problem+json", body), refusal);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
