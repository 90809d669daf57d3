//! `/v1/cloudevents`: CloudEvents in all three modes, and the handshake of webhooks.
//!
//! Source: CloudEvents 1.0.2, HTTP protocol binding, and "HTTP 1.1 Web Hooks for Event Delivery" (abuse protection).

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use nines_protocols::cloudevents;

use super::json::problem;
use super::{Taken, content_encoding, media_type, query};
use crate::receiver::Inner;
use crate::refusal::{Cause, Refusal};

/// Attributes in headers; more than this is no event.
const ATTRIBUTES_MAX: usize = 100;

enum Mode {
    Structured,
    Batch,
    Binary { attributes: Vec<(String, String)>, is_json: bool },
}

pub(super) async fn handle(inner: &Inner, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return handshake(&parts.headers);
    }
    match take(inner, &parts, body, peer).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(refusal) => {
            inner.refused("cloudevents", &refusal);
            problem::refuse(&refusal)
        }
    }
}

async fn take(inner: &Inner, parts: &Parts, body: Body, peer: SocketAddr) -> Result<(), Refusal> {
    let sender = inner.admit(&parts.headers, peer).await?;
    let mode = mode(&parts.headers)?;
    let encoding = content_encoding(&parts.headers)?;
    inner
        .take_admitted(&sender, body, encoding, move |body, received_at| {
            let batch = match &mode {
                Mode::Structured => cloudevents::decode_structured(body, received_at)?,
                Mode::Batch => cloudevents::decode_batch(body, received_at)?,
                Mode::Binary { attributes, is_json } => {
                    cloudevents::decode_binary(attributes, body, *is_json, received_at)?
                }
            };
            Ok(Taken::whole(batch, ()))
        })
        .await
}

fn mode(headers: &HeaderMap) -> Result<Mode, Refusal> {
    let media_type = media_type(headers);
    match media_type.as_ref() {
        "application/cloudevents+json" => return Ok(Mode::Structured),
        "application/cloudevents-batch+json" => return Ok(Mode::Batch),
        _ => {}
    }
    let attributes: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("ce-")?;
            Some((name.to_owned(), query::percent_decoded(value.to_str().ok()?)))
        })
        .collect();
    if attributes.is_empty() || attributes.len() > ATTRIBUTES_MAX {
        let message = format!(
            "content type `{media_type}` without `ce-` headers is no event: use application/cloudevents+json, application/cloudevents-batch+json or the headers ce-id, ce-source, ce-type and ce-specversion"
        );
        return Err(Refusal::new(Cause::UnsupportedType, message));
    }
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    Ok(Mode::Binary { attributes, is_json })
}

/// Whoever may send is asked when it sends; that it may try is no secret.
fn handshake(headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let answer = response.headers_mut();
    answer.insert("allow", HeaderValue::from_static("POST, OPTIONS"));
    if let Some(origin) = headers.get("webhook-request-origin") {
        answer.insert("webhook-allowed-origin", origin.clone());
        answer.insert("webhook-allowed-rate", HeaderValue::from_static("*"));
    }
    response
}
