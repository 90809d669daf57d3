//! `/v1/firehose`: Amazon Data Firehose with an HTTP endpoint as its destination.
//!
//! Source: "Understand HTTP endpoint delivery request and response specifications". Every answer is JSON with the request's
//! id. 413 is never sent again by Firehose but put into its error bucket, everything else that is not 200 is; so a body that
//! cannot be read is 400, which its operator sees in the delivery's log and error bucket once the retries are used up.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use nines_protocols::firehose;

use super::{Taken, content_encoding, respond, with_retry_after};
use crate::receiver::Inner;
use crate::refusal::Refusal;

const REQUEST_ID: &str = "x-amz-firehose-request-id";
const COMMON_ATTRIBUTES: &str = "x-amz-firehose-common-attributes";

pub(super) async fn handle(inner: &Inner, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = header(REQUEST_ID).unwrap_or_default().to_owned();
    match take(inner, &parts, body, peer, header(COMMON_ATTRIBUTES).map(str::to_owned)).await {
        Ok(from_body) => answer(inner, StatusCode::OK, &from_body, None),
        Err(refusal) => {
            inner.refused("firehose", &refusal);
            // Its clients know no 429: 503 is sent again after a pause.
            let status = match refusal.http_status() {
                StatusCode::TOO_MANY_REQUESTS => StatusCode::SERVICE_UNAVAILABLE,
                status => status,
            };
            with_retry_after(answer(inner, status, &request_id, Some(&refusal.message)), &refusal)
        }
    }
}

async fn take(
    inner: &Inner,
    parts: &Parts,
    body: Body,
    peer: SocketAddr,
    common: Option<String>,
) -> Result<String, Refusal> {
    let encoding = content_encoding(&parts.headers)?;
    let limit = inner.limits.http_body_bytes;
    inner
        .take(parts, body, peer, encoding, move |body, received_at| {
            let delivery = firehose::decode(body, common.as_deref(), limit, received_at)?;
            Ok(Taken::whole(delivery.batch, delivery.request_id))
        })
        .await
}

fn answer(inner: &Inner, status: StatusCode, request_id: &str, error: Option<&str>) -> Response<Body> {
    let mut body = String::from("{\"requestId\":");
    nines_protocols::json::write_string(&mut body, request_id);
    body.push_str(&format!(",\"timestamp\":{}", inner.clock.now().as_millis()));
    if let Some(error) = error {
        body.push_str(",\"errorMessage\":");
        nines_protocols::json::write_string(&mut body, error);
    }
    body.push('}');
    respond(status, "application/json", body)
}
