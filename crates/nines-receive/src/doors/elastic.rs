//! `/elastic/…`: bulk requests, single documents, and the questions that clients ask first.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::header::{ACCEPT, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use nines_base::ErrorKind;
use nines_model::Timestamp;
use nines_protocols::elastic::{self, BulkAnswer, Shape, error_body, handshake};

use super::{Taken, content_encoding, query, respond, with_retry_after};
use crate::receiver::Inner;
use crate::refusal::{Cause, Refusal};

/// Without it the official clients and Logstash do not talk to a server.
const PRODUCT: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-elastic-product"), HeaderValue::from_static("Elasticsearch"));

const JSON: &str = "application/json";

/// A refusal and Elasticsearch's word for it.
struct Failure {
    kind: &'static str,
    refusal: Refusal,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.cause {
            Cause::Unauthenticated | Cause::Forbidden => "security_exception",
            Cause::Busy | Cause::OverLimit => "es_rejected_execution_exception",
            Cause::Unavailable => "unavailable_shards_exception",
            Cause::TooLarge => "content_too_long_exception",
            Cause::UnsupportedType | Cause::UnsupportedEncoding => "media_type_header_exception",
            Cause::Malformed => "illegal_argument_exception",
            Cause::NotFound => "resource_not_found_exception",
            Cause::Defect => "exception",
        };
        Self { kind, refusal }
    }
}

/// What is asked for.
enum Call {
    Bulk { index: Option<String> },
    Document { index: String, id: Option<String> },
    Handshake,
}

/// What all its paths begin with.
pub(super) const PATH: &str = "/elastic";

pub(super) async fn handle(inner: &Inner, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
    let mut response = match answer(inner, path, &parts, body, peer).await {
        Ok(response) => response,
        Err(failure) => {
            inner.refused("elastic", &failure.refusal);
            refuse(&failure)
        }
    };
    let headers = response.headers_mut();
    headers.insert(PRODUCT.0, PRODUCT.1);
    if let Some(media_type) = asked_media_type(&parts) {
        headers.insert(axum::http::header::CONTENT_TYPE, media_type);
    }
    response
}

async fn answer(
    inner: &Inner,
    path: &str,
    parts: &Parts,
    body: Body,
    peer: SocketAddr,
) -> Result<Response<Body>, Failure> {
    match call(&parts.method, path) {
        Call::Bulk { index } => bulk(inner, parts, body, peer, index).await,
        Call::Document { index, id } => document(inner, parts, body, peer, (index, id)).await,
        Call::Handshake => {
            inner.admit(&parts.headers, peer).await?;
            let is_read = matches!(parts.method, Method::GET | Method::HEAD);
            match handshake::answer(path, is_read) {
                Some(answer) => Ok(respond(StatusCode::OK, JSON, answer)),
                None => {
                    let message = format!("no handler found for uri [{path}] and method [{}]", parts.method);
                    Err(Refusal::new(Cause::NotFound, message).into())
                }
            }
        }
    }
}

fn call(method: &Method, path: &str) -> Call {
    let is_write = matches!(*method, Method::POST | Method::PUT);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let name = |text: &str| query::percent_decoded(text);
    match parts[..] {
        ["_bulk"] if is_write => Call::Bulk { index: None },
        [index, "_bulk"] if is_write => Call::Bulk { index: Some(name(index)) },
        [index, "_doc"] if is_write => Call::Document { index: name(index), id: None },
        [index, "_doc" | "_create", id] if is_write => {
            Call::Document { index: name(index), id: Some(name(id)) }
        }
        _ => Call::Handshake,
    }
}

async fn bulk(
    inner: &Inner,
    parts: &Parts,
    body: Body,
    peer: SocketAddr,
    index: Option<String>,
) -> Result<Response<Body>, Failure> {
    let query = query::pairs(parts.uri.query());
    let shape = Shape::of(query::value(&query, "filter_path"));
    let encoding = content_encoding(&parts.headers)?;
    let clock = inner.clock.clone();
    let started = clock.monotonic();
    let request_id = inner.next_id();
    // What is wrong with the request as a whole has a word of its own, which `Refusal` has no place for.
    let decode = move |body: &[u8], received_at: Timestamp| {
        let bulk = match elastic::bulk(body, index.as_deref(), received_at) {
            Ok(bulk) => bulk,
            Err(error) => {
                let cause = match error.error_kind() {
                    ErrorKind::TooLarge => Cause::TooLarge,
                    _ => Cause::Malformed,
                };
                return Err(Refusal::new(cause, error.to_string()));
            }
        };
        let rejected = bulk.items.iter().filter(|item| item.error.is_some()).count() as u64;
        let took_ms = clock.monotonic().saturating_sub(started).as_millis() as u64;
        let answer = BulkAnswer { took_ms, items: &bulk.items, shape, request_id }.body();
        Ok(Taken { batches: vec![bulk.batch], rejected, answer })
    };
    let answer = inner.take(parts, body, peer, encoding, decode).await?;
    Ok(respond(StatusCode::OK, JSON, answer))
}

async fn document(
    inner: &Inner,
    parts: &Parts,
    body: Body,
    peer: SocketAddr,
    (index, id): (String, Option<String>),
) -> Result<Response<Body>, Failure> {
    let encoding = content_encoding(&parts.headers)?;
    let shown_id = id.clone().unwrap_or_else(|| format!("{:016x}0000", inner.next_id()));
    let shown_index = index.clone();
    let decode = move |body: &[u8], received_at: Timestamp| {
        let batch = elastic::document(body, &index, id.as_deref(), received_at)?;
        Ok(Taken::whole(batch, ()))
    };
    inner.take(parts, body, peer, encoding, decode).await.map_err(|refusal| match refusal.cause {
        Cause::Malformed => Failure {
            kind: "document_parsing_exception",
            refusal: Refusal::new(Cause::Malformed, format!("failed to parse: {}", refusal.message)),
        },
        _ => refusal.into(),
    })?;
    let mut answer = String::from("{\"_index\":");
    nines_protocols::json::write_string(&mut answer, &shown_index);
    answer.push_str(",\"_id\":");
    nines_protocols::json::write_string(&mut answer, &shown_id);
    answer.push_str(
        ",\"_version\":1,\"result\":\"created\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\
         \"_seq_no\":0,\"_primary_term\":1}",
    );
    Ok(respond(StatusCode::CREATED, JSON, answer))
}

fn refuse(failure: &Failure) -> Response<Body> {
    let status = failure.refusal.http_status();
    let body = error_body(failure.kind, &failure.refusal.message, status.as_u16());
    let mut response = with_retry_after(respond(status, JSON, body), &failure.refusal);
    if failure.refusal.cause == Cause::Unauthenticated {
        let challenge = HeaderValue::from_static("Basic realm=\"nines\", ApiKey");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The vendor's media type, if that is what the client reads.
fn asked_media_type(parts: &Parts) -> Option<HeaderValue> {
    let accept = parts.headers.get(ACCEPT)?.to_str().ok()?;
    let vendor = accept
        .split(',')
        .map(str::trim)
        .find(|kind| kind.starts_with("application/vnd.elasticsearch+json"))?;
    HeaderValue::from_str(vendor).ok()
}
