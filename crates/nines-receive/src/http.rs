//! OTLP over HTTP: `POST /v1/{logs,traces,metrics}`.

use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::routing::post;
use nines_protocols::otlp::{Format, PartialSuccess, Signal, encode_response, encode_status};

use crate::doors::content_encoding;
use crate::receiver::{Envelope, Framing, Inner, OtlpReceiver, peer};
use crate::refusal::{Cause, Refusal};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip, zstd, identity");

impl OtlpReceiver {
    /// Answers one request to one of the three paths, for a router of one's own; peer and limits as in
    /// [`OtlpReceiver::http_router`]. Boxed, so that what runs for every request is compiled with this crate's optimisation
    /// and not the caller's.
    pub fn handle_http(
        &self,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        Box::pin(self.answer(request))
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let signal = Signal::ALL.into_iter().find(|signal| signal.http_path() == path);
        match signal {
            Some(signal) => self.inner.export_http(signal, request).await,
            None => {
                let refusal = Refusal::new(
                    Cause::NotFound,
                    "no such path: OTLP is at /v1/logs, /v1/traces and /v1/metrics",
                );
                failure(Format::Json, &refusal)
            }
        }
    }

    /// The three paths, for a listener of one's own. It should tell who is there through
    /// `axum::extract::ConnectInfo<SocketAddr>`; bodies are limited here and need no limit of the listener's.
    pub fn http_router(&self) -> Router {
        let mut router = Router::new();
        for signal in Signal::ALL {
            let receiver = self.clone();
            let handler =
                post(async move |request: Request<Body>| receiver.inner.export_http(signal, request).await);
            router = router.route(signal.http_path(), handler);
        }
        router
    }
}

impl Inner {
    async fn export_http(&self, signal: Signal, request: Request<Body>) -> Response<Body> {
        let format = content_type(request.headers());
        let answer = match &format {
            Ok(format) => self.try_export_http(signal, *format, request).await,
            Err(refusal) => Err(refusal.clone()),
        };
        let format = format.unwrap_or(Format::Json);
        match answer {
            Ok(partial) => success(signal, format, partial.as_ref()),
            Err(refusal) => {
                tracing::debug!(signal = signal.as_str(), cause = ?refusal.cause, reason = refusal.message, "export refused");
                refusal.count(&self.counters);
                failure(format, &refusal)
            }
        }
    }

    async fn try_export_http(
        &self,
        signal: Signal,
        format: Format,
        request: Request<Body>,
    ) -> Result<Option<PartialSuccess>, Refusal> {
        let sender = self.admit(request.headers(), peer(request.extensions())).await?;
        let encoding = content_encoding(request.headers())?;
        let limit = self.limits.http_body_bytes;
        let body = request.into_body();
        let framing = Framing::Plain;
        self.export(&sender, Envelope { signal, format, encoding, body, limit, framing }).await
    }
}

fn content_type(headers: &HeaderMap) -> Result<Format, Refusal> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        Ok(Format::Protobuf)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Ok(Format::Json)
    } else {
        let message = format!(
            "content type `{essence}` is not supported: use application/x-protobuf or application/json"
        );
        Err(Refusal::new(Cause::UnsupportedType, message))
    }
}

fn success(signal: Signal, format: Format, partial: Option<&PartialSuccess>) -> Response<Body> {
    answer(StatusCode::OK, format, encode_response(signal, format, partial))
}

fn failure(format: Format, refusal: &Refusal) -> Response<Body> {
    let mut response = answer(refusal.http_status(), format, encode_status(format, &refusal.status()));
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    match refusal.cause {
        Cause::UnsupportedEncoding => drop(headers.insert(ACCEPT_ENCODING, ENCODINGS)),
        Cause::Unauthenticated => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        _ => {}
    }
    response
}

/// The answer is in the format of the request.
fn answer(status: StatusCode, format: Format, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = match format {
        Format::Protobuf => PROTOBUF,
        Format::Json => JSON,
    };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
