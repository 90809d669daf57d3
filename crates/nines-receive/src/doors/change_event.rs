//! `/v2/change/enqueue`: change events as pipelines send them to PagerDuty, whose address is all that has to change.
//!
//! PagerDuty's clients show their key as `routing_key` in the body. A key in the headers wins; without one the body, which
//! PagerDuty bounds at 512 KiB, is read to find it.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use nines_base::KIB;
use nines_protocols::change_event;
use nines_protocols::json::write_string;

use super::{Taken, content_encoding, respond, with_retry_after};
use crate::body;
use crate::gate::{self, IngestIdentity};
use crate::receiver::Inner;
use crate::refusal::{Cause, Refusal};

/// Source: PagerDuty, "Send a change event".
const BODY_BYTES_MAX: u64 = 512 * KIB;

pub(super) async fn handle(inner: &Inner, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match take(inner, &parts, body, peer).await {
        Ok(()) => respond(
            StatusCode::ACCEPTED,
            "application/json",
            "{\"status\":\"success\",\"message\":\"Change event processed\"}",
        ),
        Err(refusal) => {
            inner.refused("change_event", &refusal);
            let mut body = String::from(
                "{\"status\":\"invalid event\",\"message\":\"Event object is invalid\",\"errors\":[",
            );
            write_string(&mut body, &refusal.message);
            body.push_str("]}");
            with_retry_after(respond(refusal.http_status(), "application/json", body), &refusal)
        }
    }
}

async fn take(inner: &Inner, parts: &Parts, body: Body, peer: SocketAddr) -> Result<(), Refusal> {
    let encoding = content_encoding(&parts.headers)?;
    let (sender, body) = if gate::key(&parts.headers).is_some() {
        (inner.admit(&parts.headers, peer).await?, body)
    } else {
        admit_by_body(inner, body, peer).await?
    };
    let id = format!("{:016x}", inner.next_id());
    inner
        .take_admitted(&sender, body, encoding, move |body, received_at| {
            let batch = change_event::decode(body, &id, received_at)?;
            Ok(Taken::whole(batch, ()))
        })
        .await
}

/// Admits the sender by its `routing_key`, or without one where no key is asked for.
async fn admit_by_body(
    inner: &Inner,
    body: Body,
    peer: SocketAddr,
) -> Result<(IngestIdentity, Body), Refusal> {
    let Ok(_permit) = inner.requests.try_acquire() else {
        return Err(Refusal::new(Cause::Busy, "too many requests at once: send again later"));
    };
    let mut held = inner.bytes.hold();
    let bytes = body::read(body, BODY_BYTES_MAX, inner.limits.body_timeout, &inner.clock, &mut held).await?;
    let sender = match inner.gate.admit(None, peer).await {
        Ok(sender) => sender,
        Err(error) => {
            let key = change_event::routing_key(&bytes).ok().flatten();
            let Some(key) = key else { return Err(error.into()) };
            inner.gate.admit(Some(&key), peer).await?
        }
    };
    Ok((sender, Body::from(bytes)))
}
