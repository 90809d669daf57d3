//! OTLP over gRPC: the three `Export` calls.
//!
//! Source: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>. A unary call is one message behind a
//! five-byte prefix; the answer is such a message and the status in the trailers, or the status alone in the headers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use hyper::body::Frame;
use nines_base::decompress::Encoding;
use nines_protocols::otlp::{Format, PartialSuccess, Signal, StatusMessage, encode_response, encode_status};

use crate::receiver::{Envelope, Framing, Inner, OtlpReceiver, peer};
use crate::refusal::Refusal;

const CONTENT_TYPE_GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODINGS: HeaderValue = HeaderValue::from_static("identity,gzip,zstd");

/// `google.rpc.Code.UNIMPLEMENTED`.
const UNIMPLEMENTED: u32 = 12;

/// Bytes of `grpc-message`: headers are limited, and a place and a reason fit.
const MESSAGE_BYTES_MAX: usize = 1024;

impl OtlpReceiver {
    /// The three calls; every other path is answered as an unknown call. Needs HTTP/2, and the peer's address as
    /// [`OtlpReceiver::http_router`] does.
    pub fn grpc_router(&self) -> Router {
        let mut router = Router::new();
        for signal in Signal::ALL {
            let receiver = self.clone();
            let handler =
                post(async move |request: Request<Body>| receiver.inner.export_grpc(signal, request).await);
            router = router.route(signal.grpc_path(), handler);
        }
        router
    }
}

/// For every path that is neither a call nor an HTTP endpoint.
pub(crate) async fn unknown_path(request: Request<Body>) -> Response<Body> {
    if !is_grpc(request.headers()) {
        let mut response =
            Response::new(Body::from("no such path: OTLP is at /v1/logs, /v1/traces and /v1/metrics"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    failure(&StatusMessage {
        code: UNIMPLEMENTED,
        message: format!(
            "call {} is unknown: OTLP has LogsService, TraceService and MetricsService",
            request.uri().path()
        ),
        retry_after: None,
    })
}

impl Inner {
    async fn export_grpc(&self, signal: Signal, request: Request<Body>) -> Response<Body> {
        if !is_grpc(request.headers()) {
            // As the gRPC specification has it, so that nobody takes this for an answer to a call.
            let mut response = Response::new(Body::from("content type is not application/grpc"));
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        match self.try_export_grpc(signal, request).await {
            Ok(partial) => success(&encode_response(signal, Format::Protobuf, partial.as_ref())),
            Err(refusal) => {
                tracing::debug!(signal = signal.as_str(), cause = ?refusal.cause, reason = refusal.message, "export refused");
                refusal.count(&self.counters);
                failure(&refusal.status())
            }
        }
    }

    async fn try_export_grpc(
        &self,
        signal: Signal,
        request: Request<Body>,
    ) -> Result<Option<PartialSuccess>, Refusal> {
        let sender = self.admit(request.headers(), peer(request.extensions())).await?;
        // A value that is not text is as unknown as one that is not a coding.
        let encoding = request.headers().get(ENCODING).map(|value| value.to_str().unwrap_or("?"));
        let encoding = Encoding::parse(encoding)?;
        let limit = self.limits.grpc_message_bytes;
        let body = request.into_body();
        let (format, framing) = (Format::Protobuf, Framing::Grpc);
        self.export(&sender, Envelope { signal, format, encoding, body, limit, framing }).await
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or("").trim();
        essence == "application/grpc" || essence == "application/grpc+proto"
    })
}

fn success(message: &[u8]) -> Response<Body> {
    let mut data = Vec::with_capacity(5 + message.len());
    data.push(0);
    let length = u32::try_from(message.len()).expect("an answer is a few hundred bytes");
    data.extend_from_slice(&length.to_be_bytes());
    data.extend_from_slice(message);
    let trailers = HeaderMap::from_iter([(STATUS, HeaderValue::from_static("0"))]);
    respond(Body::new(Unary { data: Some(data.into()), trailers: Some(trailers) }))
}

/// The status alone, in the headers ("trailers-only").
fn failure(status: &StatusMessage) -> Response<Body> {
    let mut response = respond(Body::empty());
    let headers = response.headers_mut();
    headers.insert(STATUS, HeaderValue::from(status.code));
    let message = HeaderValue::from_str(&percent_encode(&status.message));
    headers.insert(MESSAGE, message.expect("percent-encoded text is printable ASCII"));
    if status.retry_after.is_some() {
        let details = STANDARD_NO_PAD.encode(encode_status(Format::Protobuf, status));
        headers.insert(DETAILS, HeaderValue::from_str(&details).expect("base64 is printable ASCII"));
    }
    response
}

fn respond(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, CONTENT_TYPE_GRPC);
    response.headers_mut().insert(ACCEPT, ENCODINGS);
    response
}

/// The gRPC form of a message: printable ASCII as it is, every other byte and `%` as `%XX`.
fn percent_encode(message: &str) -> String {
    let mut out = String::new();
    for byte in message.bytes() {
        if out.len() + 3 > MESSAGE_BYTES_MAX {
            break;
        }
        if (0x20..=0x7e).contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// One message, then the trailers.
struct Unary {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl hyper::body::Body for Unary {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}
