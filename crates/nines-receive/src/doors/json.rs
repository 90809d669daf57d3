//! `/api/v1/ingest/{dataset}`: events as JSON, or lines of a log file in a format that the query names.
//!
//! With `Idempotency-Key` a request that is sent again adds nothing: the key is kept with the rows as
//! `nines.import.id`, so that even a server that has been restarted in between can say whether it has them.

pub(super) mod problem;
mod replies;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use nines_base::decompress::Encoding;
use nines_model::Dataset;
use nines_protocols::file::{self, Format};

use super::{Taken, content_encoding, media_type, query, respond};
use crate::gate::IngestIdentity;
use crate::receiver::Inner;
use crate::refusal::{Cause, Refusal};

pub(super) use replies::Replies;
pub use replies::{Receipts, ReceiptsError};

/// What the name of the dataset follows.
pub(super) const PATH: &str = "/api/v1/ingest/";

/// Attributes of all rows of a request, by query.
const SHARED_MAX: usize = 32;

/// The column that holds a request's idempotency key.
pub(crate) const IMPORT_ID: &str = "nines.import.id";

/// Datasets whose rows are any events; spans and metrics have rules that OTLP knows.
const DATASETS: [Dataset; 4] = [Dataset::Logs, Dataset::Beacons, Dataset::Probes, Dataset::Changes];

pub(super) async fn handle(
    inner: &Arc<Inner>,
    replies: &Arc<Replies>,
    request: Request<Body>,
    peer: SocketAddr,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match take(inner, replies, &parts, body, peer).await {
        Ok(answer) => respond(StatusCode::OK, "application/json", answer),
        Err(refusal) => {
            inner.refused("json", &refusal);
            problem::refuse(&refusal)
        }
    }
}

async fn take(
    inner: &Arc<Inner>,
    replies: &Arc<Replies>,
    parts: &Parts,
    body: Body,
    peer: SocketAddr,
) -> Result<String, Refusal> {
    let sender = inner.admit(&parts.headers, peer).await?;
    let dataset = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
    let Some(dataset) = DATASETS.into_iter().find(|known| known.as_str() == dataset) else {
        let message = format!(
            "`{dataset}` is no dataset for JSON events: use logs, beacons, probes or changes; spans and metrics come by OTLP"
        );
        return Err(Refusal::new(Cause::NotFound, message));
    };
    let encoding = content_encoding(&parts.headers)?;
    let (format, mut shared) = options(parts)?;
    let key = replies::key(&parts.headers)?;
    let Some(key) = key else {
        let events = store(inner, &sender, body, encoding, format, dataset, shared).await?;
        return Ok(answer(events, false));
    };
    let turn = match replies.begin(&key, &parts.headers, dataset, inner).await? {
        replies::Begun::Turn(turn) => turn,
        replies::Begun::Stored(events) => return Ok(answer(events, true)),
    };
    shared.push((IMPORT_ID.to_owned(), key));
    // On a task of its own: a client that goes away does not take the rows back, so it must not give the turn back either.
    let inner = Arc::clone(inner);
    let stored = tokio::spawn(async move {
        let events = store(&inner, &sender, body, encoding, format, dataset, shared).await?;
        turn.stored(events);
        Ok(events)
    });
    match stored.await {
        Ok(stored) => stored.map(|events| answer(events, false)),
        Err(_) => Err(Refusal::new(Cause::Unavailable, "the server is stopping: send again later")),
    }
}

async fn store(
    inner: &Inner,
    sender: &IngestIdentity,
    body: Body,
    encoding: Encoding,
    format: Format,
    dataset: Dataset,
    shared: Vec<(String, String)>,
) -> Result<u64, Refusal> {
    inner
        .take_admitted(sender, body, encoding, move |body, received_at| {
            let batch = file::decode(format, dataset, body, &shared, received_at)?;
            let events = batch.rows.len() as u64;
            Ok(Taken::whole(batch, events))
        })
        .await
}

fn answer(events: u64, is_repeat: bool) -> String {
    format!("{{\"accepted\":{events},\"repeated\":{is_repeat}}}")
}

/// The format, and the attributes that all rows share: `service` and `host` by their short names, any other by its own.
fn options(parts: &Parts) -> Result<(Format, Vec<(String, String)>), Refusal> {
    let mut format = match media_type(&parts.headers).as_ref() {
        "text/plain" => Format::Lines,
        ""
        | "application/json"
        | "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-www-form-urlencoded"
        | "application/octet-stream" => Format::Json,
        other => {
            let message = format!(
                "content type `{other}` is not supported: use application/json, application/x-ndjson or text/plain"
            );
            return Err(Refusal::new(Cause::UnsupportedType, message));
        }
    };
    let mut shared = Vec::new();
    for (name, value) in query::pairs(parts.uri.query()) {
        match name.as_str() {
            "format" => {
                format = Format::parse(&value).ok_or_else(|| {
                    let message = format!("`{value}` is no format: use {}", Format::names());
                    Refusal::new(Cause::Malformed, message)
                })?;
            }
            "service" => shared.push(("service.name".to_owned(), value)),
            "host" => shared.push(("host.name".to_owned(), value)),
            _ => shared.push((name, value)),
        }
    }
    if shared.len() > SHARED_MAX {
        let message = format!("query has more than {SHARED_MAX} attributes: send them in the events");
        return Err(Refusal::new(Cause::Malformed, message));
    }
    Ok((format, shared))
}
