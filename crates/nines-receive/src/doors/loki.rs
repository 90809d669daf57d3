//! `/loki/api/v1/push`: JSON, or snappy around protobuf. 204 is yes; no is plain text.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use nines_base::decompress::Encoding;
use nines_protocols::loki;

use super::{Taken, content_encoding, media_type, respond, with_retry_after};
use crate::receiver::Inner;
use crate::refusal::{Cause, Refusal};

pub(super) async fn handle(inner: &Inner, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match push(inner, &parts, body, peer).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(refusal) => {
            inner.refused("loki", &refusal);
            let body = format!("{}\n", refusal.message);
            let mut response =
                with_retry_after(respond(refusal.http_status(), "text/plain; charset=utf-8", body), &refusal);
            if refusal.cause == Cause::Unauthenticated {
                let challenge = HeaderValue::from_static("Basic realm=\"nines\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

async fn push(inner: &Inner, parts: &Parts, body: Body, peer: SocketAddr) -> Result<(), Refusal> {
    let is_json = match media_type(&parts.headers).as_ref() {
        "application/json" => true,
        "application/x-protobuf" => false,
        other => {
            let message = format!(
                "content type `{other}` is not supported: use application/json or application/x-protobuf"
            );
            return Err(Refusal::new(Cause::UnsupportedType, message));
        }
    };
    let encoding = if is_json { content_encoding(&parts.headers)? } else { protobuf_encoding(parts)? };
    inner
        .take(parts, body, peer, encoding, move |body, received_at| {
            let batch = if is_json {
                loki::decode_json(body, received_at)?
            } else {
                loki::decode_protobuf(body, received_at)?
            };
            Ok(Taken::whole(batch, ()))
        })
        .await
}

/// Protobuf comes in a snappy block, whether or not the header says so.
fn protobuf_encoding(parts: &Parts) -> Result<Encoding, Refusal> {
    let value = parts.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    match value.map(str::trim) {
        None | Some("" | "snappy") => Ok(Encoding::Snappy),
        Some(_) => content_encoding(&parts.headers),
    }
}
