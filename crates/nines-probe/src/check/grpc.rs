//! gRPC health (`grpc.health.v1.Health/Check`). The two messages have one field each, so they are written by hand.
//! Source: grpc/grpc-proto, `grpc/health/v1/health.proto`; gRPC over HTTP/2.

use ::http::header::{CONTENT_TYPE, TE};
use ::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Checker, Fault, Trace, add};
use crate::measurement::{Assertion, FailureKind};
use crate::probe::GrpcCheck;

/// A health answer has two bytes.
const MESSAGE_BYTES_MAX: usize = 4096;
const STATES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

impl Checker {
    pub(super) async fn grpc(&self, check: &GrpcCheck, trace: &mut Trace) -> Result<(), Fault> {
        let stream = self.connect(&check.address, trace).await?;
        match &check.tls {
            Some(options) => {
                let stream = self.handshake(stream, &check.address.host, options, &[b"h2"], trace).await?;
                self.ask_health(stream, "https", check, trace).await
            }
            None => self.ask_health(stream, "http", check, trace).await,
        }
    }

    async fn ask_health(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        scheme: &str,
        check: &GrpcCheck,
        trace: &mut Trace,
    ) -> Result<(), Fault> {
        let broken = |error: hyper::Error| {
            Fault::new(FailureKind::Protocol, format!("no answer in gRPC: {}", nines_base::chain(&error)))
        };
        trace.step = "waiting for the answer";
        let before = self.clock.monotonic();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .map_err(broken)?;
        tokio::spawn(connection);
        let response = sender.send_request(request(scheme, check)).await.map_err(broken)?;
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut trailers) = (Vec::new(), head.headers);
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(broken)?;
            match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data[..data.len().min(MESSAGE_BYTES_MAX - body.len())]),
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
        add(&mut trace.phases.process, self.clock.monotonic().saturating_sub(before));
        trace.facts.http_status = Some(head.status.as_u16());
        let state = health(&trailers, &body).map_err(|message| Fault::new(FailureKind::Protocol, message))?;
        trace.facts.grpc_health = Some(state);
        let whom = if check.service.is_empty() { "the server" } else { check.service.as_str() };
        trace.assertions.push(Assertion::new(format!("{whom} is SERVING"), state == STATES[1], state));
        Ok(())
    }
}

fn request(scheme: &str, check: &GrpcCheck) -> Request<Full<Bytes>> {
    let service = check.service.as_bytes();
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a);
        varint(&mut message, service.len());
        message.extend_from_slice(service);
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(&message);
    let mut request = Request::new(Full::new(Bytes::from(framed)));
    *request.method_mut() = Method::POST;
    let uri = format!("{scheme}://{}/grpc.health.v1.Health/Check", check.address);
    *request.uri_mut() = Uri::try_from(uri).unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    request
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The state, or why there is none.
fn health(trailers: &HeaderMap, body: &[u8]) -> Result<&'static str, String> {
    let text = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text("grpc-status") {
        "0" => {}
        "" => return Err("the answer is not gRPC".to_owned()),
        // NOT_FOUND: the server does not know the service.
        "5" => return Ok(STATES[3]),
        "12" => return Err("the server does not offer grpc.health.v1.Health".to_owned()),
        code => return Err(format!("status {code}: {}", text("grpc-message"))),
    }
    let message = body.get(5..).unwrap_or_default();
    match message {
        // Zero is left out on the wire.
        [] => Ok(STATES[0]),
        [0x08, state, ..] => Ok(STATES.get(usize::from(*state)).copied().unwrap_or(STATES[0])),
        _ => Err("the answer is not a health message".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_and_statuses_told() {
        let trailers = |status: &'static str| {
            HeaderMap::from_iter([(
                ::http::HeaderName::from_static("grpc-status"),
                HeaderValue::from_static(status),
            )])
        };
        assert_eq!(health(&trailers("0"), &[0, 0, 0, 0, 2, 8, 1]), Ok("SERVING"));
        assert_eq!(health(&trailers("0"), &[0, 0, 0, 0, 2, 8, 2]), Ok("NOT_SERVING"));
        assert_eq!(health(&trailers("0"), &[0, 0, 0, 0, 0]), Ok("UNKNOWN"));
        assert_eq!(health(&trailers("5"), &[]), Ok("SERVICE_UNKNOWN"));
        assert!(health(&trailers("12"), &[]).unwrap_err().contains("does not offer"));
        assert!(health(&HeaderMap::new(), &[]).unwrap_err().contains("not gRPC"));
    }
}
