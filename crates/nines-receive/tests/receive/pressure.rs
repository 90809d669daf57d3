//! What may succeed later is refused so that clients keep it: the status and the hint, exactly.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use nines_base::ErrorKind;
use nines_protocols::otlp::Signal;
use nines_receive::{Limits, SinkError};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use prost::Message;
use tonic::Code;

use crate::support::{Answer, RpcStatus, TestServer, framed, logs, small_limits};

fn details(answer: &Answer) -> Option<RpcStatus> {
    let details = STANDARD_NO_PAD.decode(answer.header("grpc-status-details-bin")?).unwrap();
    Some(RpcStatus::decode(&details[..]).unwrap())
}

/// What the sink says → HTTP status, `Retry-After`, gRPC status, `RetryInfo` in seconds and nanoseconds.
type Case = (ErrorKind, Option<Duration>, u16, Option<&'static str>, u32, Option<(i64, i32)>);

#[tokio::test]
async fn the_sinks_refusals_become_the_right_answers() {
    let server = TestServer::start(small_limits()).await;
    let hint = Some(Duration::from_millis(2500));
    let cases: &[Case] = &[
        (ErrorKind::Exhausted, hint, 429, Some("3"), 14, Some((2, 500_000_000))),
        (ErrorKind::Exhausted, None, 429, Some("1"), 14, Some((1, 0))),
        (ErrorKind::Unavailable, hint, 503, Some("3"), 14, Some((2, 500_000_000))),
        (ErrorKind::Unavailable, None, 503, Some("1"), 14, Some((1, 0))),
        (ErrorKind::Timeout, None, 503, Some("1"), 14, Some((1, 0))),
        (ErrorKind::Cancelled, None, 503, Some("1"), 14, Some((1, 0))),
        // A defect behind the wire is never 500: the client would drop what we did not store.
        (ErrorKind::Internal, None, 503, Some("1"), 14, Some((1, 0))),
        (ErrorKind::InvalidInput, hint, 400, None, 3, None),
        (ErrorKind::TooLarge, hint, 413, None, 8, None),
        (ErrorKind::Forbidden, hint, 403, None, 7, None),
    ];
    let body = logs(1).encode_to_vec();
    for (kind, retry_after, http, header, grpc, info) in cases {
        let message = "disk is full: free some space".to_owned();
        server.sink.refuse(Some(SinkError {
            kind: *kind,
            message: message.clone(),
            retry_after: *retry_after,
        }));

        let answer = server.post_protobuf(&[], body.clone()).await;
        assert_eq!(answer.status.as_u16(), *http, "{kind:?}");
        assert_eq!(answer.header("retry-after"), *header, "{kind:?}");
        let status = answer.rpc_status();
        assert_eq!((status.code, &status.message), (*grpc as i32, &message), "{kind:?}");
        assert_eq!(status.retry_delay(), *info, "{kind:?}");

        let answer = server.call(Signal::Logs, &[], framed(false, &body)).await;
        assert_eq!(answer.grpc_status(), Some(*grpc), "{kind:?}");
        assert_eq!(answer.header("grpc-message"), Some(&message[..]));
        assert_eq!(details(&answer).and_then(|status| status.retry_delay()), *info, "{kind:?}");
        if let Some(status) = details(&answer) {
            assert_eq!((status.code, status.message), (*grpc as i32, message));
        }
    }
    server.sink.refuse(None);
    assert_eq!(server.post_protobuf(&[], body).await.status, 200);
    let stats = server.receiver.stats();
    assert_eq!((stats.requests_accepted, stats.requests_deferred, stats.requests_rejected), (1, 14, 6));
}

#[tokio::test]
async fn a_generated_client_sees_retry_info() {
    let server = TestServer::start(small_limits()).await;
    let retry_after = Some(Duration::from_secs(4));
    server.sink.refuse(Some(SinkError {
        kind: ErrorKind::Exhausted,
        message: "busy".to_owned(),
        retry_after,
    }));
    let mut client = LogsServiceClient::connect(format!("http://{}", server.addr)).await.unwrap();
    let status = client.export(logs(1)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "busy"));
    assert_eq!(RpcStatus::decode(status.details()).unwrap().retry_delay(), Some((4, 0)));
}

async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn beyond_the_limit_of_requests_clients_are_told_to_come_back() {
    let server = TestServer::start(Limits { requests: 1, ..small_limits() }).await;
    server.sink.hold();
    let body = logs(1).encode_to_vec();
    let first = server.post_protobuf(&[], body.clone());
    let others = async {
        // The first may not have arrived yet, and then one of these is held instead of it.
        loop {
            let answer = tokio::select! {
                answer = server.post_protobuf(&[], body.clone()) => answer,
                () = wait_until(|| server.receiver.stats().requests_deferred > 0) => break,
            };
            assert_eq!(answer.status, 429);
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert!(answer.rpc_status().message.starts_with("too many requests at once"));
        }
        server.sink.release(2);
    };
    let (first, ()) = tokio::join!(first, others);
    assert!(first.status == 200 || first.status == 429);
    assert!(server.receiver.stats().requests_deferred > 0);
    assert_eq!(server.post_protobuf(&[], body).await.status, 200, "and then there is room again");
}

#[tokio::test]
async fn bytes_in_flight_are_bounded_and_given_back() {
    let body = logs(1000).encode_to_vec();
    let bytes = body.len() as u64;
    // The body as sent and as decoded, and not one byte for anybody else.
    let server = TestServer::start(Limits { in_flight_bytes: bytes * 2, ..small_limits() }).await;
    assert_eq!(server.post_protobuf(&[], body.clone()).await.status, 200);
    assert_eq!(server.post_protobuf(&[], body.clone()).await.status, 200);
    let server = TestServer::start(Limits { in_flight_bytes: bytes * 2 - 1, ..small_limits() }).await;
    for _ in 0..2 {
        let answer = server.post_protobuf(&[], body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("1")));
        let answer = server.call(Signal::Logs, &[], framed(false, &body)).await;
        assert_eq!(answer.grpc_status(), Some(14));
        assert_eq!(details(&answer).unwrap().retry_delay(), Some((1, 0)));
    }
    let server = TestServer::start(Limits { in_flight_bytes: bytes - 1, ..small_limits() }).await;
    assert_eq!(server.post_protobuf(&[], body).await.status, 429, "while it is read");
    assert_eq!(server.sink.events(), 0);
}
