//! The doors for everything that is not OTLP: Elasticsearch, Loki, JSON, Splunk, Firehose, CloudEvents, change events, and
//! Prometheus remote write, whose samples go to the series store.
//!
//! All take the same way: who sends it → is there room → read the body → decompress and decode → [`crate::Sink::submit`] →
//! answer. Each says yes and no in its own protocol's words, so that its clients retry what may pass and drop what never
//! will. The limits, the budget of bytes and the counters are those of the receiver that the doors were made from.

mod change_event;
mod cloudevents;
mod elastic;
mod firehose;
mod json;
mod loki;
mod query;
mod remote_write;
mod splunk;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use nines_base::ErrorKind;
use nines_base::decompress::{Encoding, decompress};
use nines_model::{Batch, Timestamp};
use nines_protocols::intake::IntakeError;
use nines_series::SeriesStore;

use crate::body;
use crate::gate::IngestIdentity;
use crate::receiver::{INLINE_BYTES_MAX, Inner, OtlpReceiver, peer};
use crate::refusal::{Cause, Refusal};

pub use json::{Receipts, ReceiptsError};

/// Every way in over HTTP that is not OTLP. Cloning shares it.
#[derive(Clone)]
pub struct Doors {
    inner: Arc<Inner>,
    replies: Arc<json::Replies>,
    series: Option<SeriesStore>,
}

/// What a decoder made of a body.
pub(crate) struct Taken<T> {
    pub batches: Vec<Batch>,
    /// Records that were left out.
    pub rejected: u64,
    /// Goes into the answer, once the batches are durable.
    pub answer: T,
}

impl<T> Taken<T> {
    pub fn whole(batch: Batch, answer: T) -> Self {
        Self { batches: vec![batch], rejected: 0, answer }
    }
}

/// A body as it arrived: decompressed by whoever decodes it, off the async threads.
pub(crate) struct RawBody {
    bytes: Vec<u8>,
    encoding: Encoding,
    limit: u64,
}

impl RawBody {
    fn decoded(self) -> Result<Vec<u8>, Refusal> {
        match self.encoding {
            Encoding::Identity => Ok(self.bytes),
            encoding => Ok(decompress(encoding, &self.bytes, self.limit)?),
        }
    }
}

impl OtlpReceiver {
    /// The other doors, under the same limits. `receipts` finds out whether an import that lost its answer was stored.
    pub fn doors(&self, receipts: Option<Arc<dyn Receipts>>) -> Doors {
        let replies = Arc::new(json::Replies::new(receipts));
        Doors { inner: Arc::clone(&self.inner), replies, series: None }
    }
}

impl Doors {
    /// With a store for the samples of remote write, which is refused without one.
    #[must_use]
    pub fn with_series(self, series: SeriesStore) -> Self {
        Self { series: Some(series), ..self }
    }

    /// The doors that are sent one event a request, by the one spelling of their paths.
    pub const BUSY: [&'static str; 8] = [
        "/api/v1/ingest/logs",
        "/api/v1/ingest/beacons",
        "/api/v1/ingest/probes",
        "/api/v1/ingest/changes",
        "/elastic/_bulk",
        "/loki/api/v1/push",
        "/services/collector",
        "/services/collector/event",
    ];

    /// Whether a request can be answered without a router.
    pub(crate) fn is_busy(method: &Method, path: &str) -> bool {
        method == Method::POST && Self::BUSY.contains(&path)
    }

    /// Answers a request to any door, by its path. The peer's address is expected as [`OtlpReceiver::http_router`] does.
    /// Boxed, so that what runs for every request is compiled with this crate's optimisation and not the caller's.
    pub fn handle(
        &self,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        let peer = peer(request.extensions());
        Box::pin(self.answer(request, peer))
    }

    pub(crate) async fn answer(&self, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        let mut response = self.knock(request, peer).await;
        // Answers repeat what a sender wrote; a browser must not take them for more than they say they are.
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    async fn knock(&self, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        let inner = &self.inner;
        let path = request.uri().path();
        // All but one are boxed: the largest of them would be moved about with every single event.
        if path.starts_with(json::PATH) {
            json::handle(inner, &self.replies, request, peer).await
        } else if path.starts_with(elastic::PATH) {
            Box::pin(elastic::handle(inner, request, peer)).await
        } else if path == "/loki/api/v1/push" {
            Box::pin(loki::handle(inner, request, peer)).await
        } else if path == "/prometheus/api/v1/write" {
            Box::pin(remote_write::handle(inner, self.series.as_ref(), request, peer)).await
        } else if path.starts_with("/services/collector") {
            Box::pin(splunk::handle(inner, request, peer)).await
        } else if path == "/v1/firehose" {
            Box::pin(firehose::handle(inner, request, peer)).await
        } else if path == "/v1/cloudevents" {
            Box::pin(cloudevents::handle(inner, request, peer)).await
        } else if path == "/v2/change/enqueue" {
            Box::pin(change_event::handle(inner, request, peer)).await
        } else {
            let mut response = Response::new(Body::from("no such door"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

impl Inner {
    /// Everything between the headers and the answer; the sender is admitted first. `Ok` means that what was kept is
    /// durable. `decode` runs off the async threads unless the body is small.
    pub(crate) async fn take<T: Send + 'static>(
        &self,
        parts: &Parts,
        body: Body,
        peer: SocketAddr,
        encoding: Encoding,
        decode: impl FnOnce(&[u8], Timestamp) -> Result<Taken<T>, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let sender = self.admit(&parts.headers, peer).await?;
        self.take_admitted(&sender, body, encoding, decode).await
    }

    /// As [`Inner::take`], for a sender who was let in already.
    pub(crate) async fn take_admitted<T: Send + 'static>(
        &self,
        sender: &IngestIdentity,
        body: Body,
        encoding: Encoding,
        decode: impl FnOnce(&[u8], Timestamp) -> Result<Taken<T>, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let limit = self.limits.http_body_bytes;
        let body = self.check(sender, body, limit).await?;
        let Ok(_permit) = self.requests.try_acquire() else {
            return Err(Refusal::new(Cause::Busy, "too many requests at once: send again later"));
        };
        let mut held = self.bytes.hold();
        let bytes = body::read(body, limit, self.limits.body_timeout, &self.clock, &mut held).await?;
        let received_at = self.clock.now();
        let is_small = encoding == Encoding::Identity && bytes.len() <= INLINE_BYTES_MAX;
        let raw = RawBody { bytes, encoding, limit };
        let work = move || {
            let text = raw.decoded()?;
            Ok((decode(&text, received_at)?, text.len() as u64))
        };
        let (taken, bytes) = self.compute(is_small, work).await?;
        let items: u64 = taken.batches.iter().map(|batch| batch.rows.len() as u64).sum();
        if items > 0 {
            if !held.grow(bytes) {
                let message = "too many bytes are waiting to be stored: send again later";
                return Err(Refusal::new(Cause::Busy, message));
            }
            self.store(sender, taken.batches, bytes).await?;
        }
        self.counters.accepted(items, taken.rejected, bytes);
        Ok(taken.answer)
    }

    /// Counts and logs a refusal.
    pub(crate) fn refused(&self, door: &'static str, refusal: &Refusal) {
        tracing::debug!(door, cause = ?refusal.cause, reason = refusal.message, "request refused");
        refusal.count(&self.counters);
    }
}

impl From<IntakeError> for Refusal {
    fn from(error: IntakeError) -> Self {
        let cause = match error.kind() {
            ErrorKind::TooLarge => Cause::TooLarge,
            _ => Cause::Malformed,
        };
        Self::new(cause, error.to_string())
    }
}

/// One coding at most, in one header: stacked ones are refused.
pub(crate) fn content_encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (None, _) => Ok(Encoding::Identity),
        (Some(Ok(value)), None) => Ok(Encoding::parse(Some(value))?),
        _ => Err(Refusal::new(
            Cause::UnsupportedEncoding,
            "content is encoded more than once: use one of identity, gzip or zstd",
        )),
    }
}

/// The media type without its parameters, in lower case; empty if there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> Cow<'_, str> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = value.split(';').next().unwrap_or("").trim();
    if media_type.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(media_type.to_ascii_lowercase())
    } else {
        Cow::Borrowed(media_type)
    }
}

pub(crate) fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Puts `Retry-After` on an answer to a request that may pass later.
pub(crate) fn with_retry_after(mut response: Response<Body>, refusal: &Refusal) -> Response<Body> {
    if let Some(seconds) = refusal.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
