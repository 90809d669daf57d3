//! `/services/collector…`: Splunk's HTTP Event Collector.
//!
//! Source: "Troubleshoot HTTP Event Collector" (codes and statuses). Indexer acknowledgement is off, as it is by default
//! there: an answer of success here means more than an acknowledgement does in Splunk.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode};
use nines_protocols::splunk;

use super::{Taken, content_encoding, query, respond, with_retry_after};
use crate::gate::{self, IngestIdentity};
use crate::receiver::Inner;
use crate::refusal::{Cause, Refusal};

const JSON: &str = "application/json";

/// A refusal in Splunk's words.
struct Failure {
    status: StatusCode,
    text: String,
    code: u8,
    event: Option<usize>,
    refusal: Refusal,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (status, text, code) = match refusal.cause {
            Cause::Unauthenticated => (StatusCode::UNAUTHORIZED, "Invalid authorization", 3),
            Cause::Forbidden => (StatusCode::FORBIDDEN, "Invalid token", 4),
            Cause::Busy | Cause::OverLimit | Cause::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "Server is busy", 9)
            }
            Cause::Defect => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error", 8),
            Cause::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request entity too large", 27),
            Cause::NotFound => (StatusCode::NOT_FOUND, "The requested URL was not found on this server", 6),
            Cause::UnsupportedType | Cause::UnsupportedEncoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Invalid data format", 6)
            }
            Cause::Malformed => (StatusCode::BAD_REQUEST, "Invalid data format", 6),
        };
        Self { status, text: text.to_owned(), code, event: None, refusal }
    }
}

pub(super) async fn handle(inner: &Inner, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match answer(inner, &parts, body, peer).await {
        Ok(response) => response,
        Err(failure) => {
            inner.refused("splunk", &failure.refusal);
            refuse(&failure)
        }
    }
}

async fn answer(
    inner: &Inner,
    parts: &Parts,
    body: Body,
    peer: SocketAddr,
) -> Result<Response<Body>, Failure> {
    let path = parts.uri.path().trim_start_matches("/services/collector").trim_matches('/');
    match path.trim_end_matches("/1.0") {
        "health" if parts.method == Method::GET => {
            Ok(respond(StatusCode::OK, JSON, "{\"text\":\"HEC is healthy\",\"code\":17}"))
        }
        "" | "event" => events(inner, parts, body, peer).await,
        "raw" => raw(inner, parts, body, peer).await,
        "ack" => {
            inner.admit(&parts.headers, peer).await?;
            let refusal = Refusal::new(Cause::Malformed, "acknowledgement is off: success means stored");
            Err(Failure {
                status: StatusCode::BAD_REQUEST,
                text: "ACK is disabled".to_owned(),
                code: 14,
                event: None,
                refusal,
            })
        }
        _ => {
            inner.admit(&parts.headers, peer).await?;
            Err(Refusal::new(Cause::NotFound, format!("no such path: {}", parts.uri.path())).into())
        }
    }
}

async fn events(
    inner: &Inner,
    parts: &Parts,
    body: Body,
    peer: SocketAddr,
) -> Result<Response<Body>, Failure> {
    let sender = admit(inner, parts, peer).await?;
    let encoding = content_encoding(&parts.headers)?;
    let decode = |body: &[u8], received_at| match splunk::decode_events(body, received_at) {
        Ok(batch) => Ok(Taken::whole(batch, Ok(()))),
        Err(error) => Ok(Taken { batches: Vec::new(), rejected: 0, answer: Err(error) }),
    };
    finish(inner.take_admitted(&sender, body, encoding, decode).await?)
}

async fn raw(inner: &Inner, parts: &Parts, body: Body, peer: SocketAddr) -> Result<Response<Body>, Failure> {
    let sender = admit(inner, parts, peer).await?;
    let encoding = content_encoding(&parts.headers)?;
    let metadata = query::pairs(parts.uri.query());
    let at = match query::value(&metadata, "time") {
        None => None,
        Some(text) => Some(splunk::query_time(text).ok_or_else(|| {
            Refusal::new(Cause::Malformed, format!("`time` is `{text}`: send seconds since 1970"))
        })?),
    };
    let decode = move |body: &[u8], received_at| match splunk::decode_raw(body, &metadata, at, received_at) {
        Ok(batch) => Ok(Taken::whole(batch, Ok(()))),
        Err(error) => Ok(Taken { batches: Vec::new(), rejected: 0, answer: Err(error) }),
    };
    finish(inner.take_admitted(&sender, body, encoding, decode).await?)
}

/// Splunk tells a missing token from a wrong one.
async fn admit(inner: &Inner, parts: &Parts, peer: SocketAddr) -> Result<IngestIdentity, Failure> {
    match inner.admit(&parts.headers, peer).await {
        Ok(sender) => Ok(sender),
        Err(refusal) if refusal.cause == Cause::Unauthenticated && gate::key(&parts.headers).is_none() => {
            let status = StatusCode::UNAUTHORIZED;
            Err(Failure { status, text: "Token is required".to_owned(), code: 2, event: None, refusal })
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// A mistake in the data is found before anything is stored, and has Splunk's own code.
fn finish(outcome: Result<(), splunk::HecError>) -> Result<Response<Body>, Failure> {
    match outcome {
        Ok(()) => Ok(respond(StatusCode::OK, JSON, "{\"text\":\"Success\",\"code\":0}")),
        Err(error) => {
            let mut message = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                message = format!("{message}: {source}");
            }
            Err(Failure {
                status: StatusCode::BAD_REQUEST,
                text: error.to_string(),
                code: error.code(),
                event: error.event(),
                refusal: Refusal::new(Cause::Malformed, message),
            })
        }
    }
}

fn refuse(failure: &Failure) -> Response<Body> {
    let mut body = format!("{{\"text\":\"{}\",\"code\":{}", failure.text, failure.code);
    if let Some(event) = failure.event {
        body.push_str(&format!(",\"invalid-event-number\":{event}"));
    }
    // More than Splunk says; clients read the code.
    body.push_str(",\"detail\":");
    nines_protocols::json::write_string(&mut body, &failure.refusal.message);
    body.push('}');
    with_retry_after(respond(failure.status, JSON, body), &failure.refusal)
}
