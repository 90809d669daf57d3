use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nines_protocols::otlp::Signal;
use nines_receive::{GateError, IngestGate, IngestIdentity};
use prost::Message;

use crate::support::{TestServer, framed, logs, small_limits};

/// Knows three keys.
struct Keys;

#[async_trait::async_trait]
impl IngestGate for Keys {
    async fn admit(
        &self,
        authorization: Option<&str>,
        peer: SocketAddr,
    ) -> Result<IngestIdentity, GateError> {
        assert!(peer.ip().is_loopback() && peer.port() != 0, "the gate sees who is there");
        match authorization {
            Some("good") => Ok(IngestIdentity { tenant: None }),
            Some("reader") => Err(GateError::Forbidden),
            Some("eager") => Err(GateError::Exhausted { retry_after: Duration::from_millis(1200) }),
            _ => Err(GateError::Unauthenticated),
        }
    }
}

/// How the key is sent, and what comes of it over HTTP and over gRPC.
type Case = (&'static [(&'static str, &'static str)], u16, u32);

const CASES: &[Case] = &[
    (&[("authorization", "Bearer good")], 200, 0),
    (&[("authorization", "bearer good")], 200, 0),
    (&[("x-nines-key", "good")], 200, 0),
    (&[("authorization", "Basic Z29vZA=="), ("x-nines-key", "good")], 200, 0),
    (&[], 401, 16),
    (&[("authorization", "good")], 401, 16),
    (&[("authorization", "Basic Z29vZA==")], 401, 16),
    (&[("authorization", "Bearer bad"), ("x-nines-key", "good")], 401, 16),
    (&[("x-nines-key", "")], 401, 16),
    (&[("authorization", "Bearer reader")], 403, 7),
    (&[("authorization", "Bearer eager")], 429, 14),
];

#[tokio::test]
async fn a_key_is_asked_for_alike_over_http_and_grpc() {
    let server = TestServer::start_with(small_limits(), Arc::new(Keys)).await;
    let body = logs(1).encode_to_vec();
    for (headers, http, grpc) in CASES {
        let answer = server.post_protobuf(headers, body.clone()).await;
        assert_eq!(answer.status.as_u16(), *http, "{headers:?}");
        if *http == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(answer.rpc_status().message.starts_with("an ingest key is needed"), "{answer:?}");
        }
        if *http == 429 {
            assert_eq!(answer.header("retry-after"), Some("2"));
        }
        let answer = server.call(Signal::Logs, headers, framed(false, &body)).await;
        assert_eq!(answer.grpc_status(), Some(*grpc), "{headers:?}");
    }
    assert_eq!(server.sink.events(), 8);
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_read() {
    let server = TestServer::start_with(small_limits(), Arc::new(Keys)).await;
    let answer = server.post_protobuf(&[("content-encoding", "gzip")], b"not gzip".to_vec()).await;
    assert_eq!(answer.status, 401);
    // The type is looked at first: without one there is no format to answer in.
    assert_eq!(server.post("/v1/logs", &[], "").await.status, 415);
}
