use nines_protocols::otlp::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::support::{TestServer, framed, gzip, logs, request, small_limits};

fn spans(trace_ids: &[usize]) -> ExportTraceServiceRequest {
    let span = |length: &usize| Span {
        trace_id: vec![7; *length],
        span_id: vec![1; 8],
        start_time_unix_nano: 1,
        end_time_unix_nano: 2,
        ..Default::default()
    };
    let scope = ScopeSpans { spans: trace_ids.iter().map(span).collect(), ..Default::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..Default::default() }],
    }
}

fn points(count: usize) -> ExportMetricsServiceRequest {
    let point = NumberDataPoint {
        time_unix_nano: 1,
        value: Some(number_data_point::Value::AsInt(5)),
        ..Default::default()
    };
    let metric = Metric {
        name: "m".to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points: vec![point; count] })),
        ..Default::default()
    };
    let scope = ScopeMetrics { metrics: vec![metric], ..Default::default() };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics: vec![scope], ..Default::default() }],
    }
}

#[tokio::test]
async fn generated_clients_succeed_plain_and_compressed() {
    let server = TestServer::start(small_limits()).await;
    let uri = format!("http://{}", server.addr);
    let mut client = LogsServiceClient::connect(uri.clone()).await.unwrap();
    assert_eq!(client.export(logs(3)).await.unwrap().into_inner().partial_success, None);
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = client.clone().send_compressed(encoding).accept_compressed(encoding);
        assert_eq!(client.export(logs(100)).await.unwrap().into_inner().partial_success, None);
    }
    let mut client = TraceServiceClient::connect(uri.clone()).await.unwrap();
    assert_eq!(client.export(spans(&[16])).await.unwrap().into_inner().partial_success, None);
    let mut client = MetricsServiceClient::connect(uri).await.unwrap();
    assert_eq!(client.export(points(2)).await.unwrap().into_inner().partial_success, None);
    assert_eq!(
        client.export(ExportMetricsServiceRequest::default()).await.unwrap().into_inner().partial_success,
        None
    );
    assert_eq!(server.sink.events(), 3 + 200 + 1 + 2);
}

#[tokio::test]
async fn a_partial_success_is_a_success() {
    let server = TestServer::start(small_limits()).await;
    let mut client = TraceServiceClient::connect(format!("http://{}", server.addr)).await.unwrap();
    let response = client.export(spans(&[16, 15, 0, 16])).await.unwrap().into_inner();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert!(partial.error_message.contains("spans[1]"), "{}", partial.error_message);
    assert_eq!(server.sink.events(), 2);
}

#[tokio::test]
async fn a_message_over_the_limit_is_exhausted_without_retry_info() {
    let server = TestServer::start(small_limits()).await;
    let client = LogsServiceClient::connect(format!("http://{}", server.addr)).await.unwrap();
    let large = logs(20_000);
    assert!(large.encoded_len() > 64 * 1024);
    for encoding in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let mut client = client.clone();
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding);
        }
        let status = client.export(large.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{encoding:?}: {status:?}");
        assert_eq!(status.details(), b"", "a client that sees RetryInfo would send it again");
        assert!(status.message().contains("send smaller batches"), "{}", status.message());
    }
    assert_eq!(server.sink.events(), 0);
}

/// What a call gets wrong, its headers and bytes, the code that answers it, and a part of the message.
type BrokenCall = (&'static str, &'static [(&'static str, &'static str)], Vec<u8>, u32, &'static str);

#[tokio::test]
async fn broken_calls_are_answered_precisely() {
    let server = TestServer::start(small_limits()).await;
    let message = logs(1).encode_to_vec();
    let good = framed(false, &message);
    let cases: &[BrokenCall] = &[
        ("no message", &[], Vec::new(), 3, "call has no message"),
        ("half a prefix", &[], vec![0, 0, 0], 3, "call has no message"),
        (
            "a message cut short",
            &[],
            good[..good.len() - 1].to_vec(),
            3,
            "another length than its prefix says",
        ),
        ("two messages", &[], [&good[..], &good].concat(), 3, "send exactly one message"),
        ("a length of 4 GiB", &[], vec![0, 0xff, 0xff, 0xff, 0xff, 1], 3, "another length"),
        ("an unknown flag", &[], [&[2], &good[1..]].concat(), 3, "unknown compression flag"),
        (
            "compressed without an encoding",
            &[],
            framed(true, &gzip(&message)),
            3,
            "`grpc-encoding` is not set",
        ),
        ("not gzip", &[("grpc-encoding", "gzip")], framed(true, b"plain"), 3, "not valid Gzip data"),
        ("not zstd", &[("grpc-encoding", "zstd")], framed(true, b"plain"), 3, "not valid Zstd data"),
        ("not protobuf", &[], framed(false, b"hello"), 3, "not valid OTLP protobuf"),
        (
            "an unknown encoding",
            &[("grpc-encoding", "br")],
            framed(true, b""),
            12,
            "use identity, gzip or zstd",
        ),
        ("deflate", &[("grpc-encoding", "deflate")], framed(true, b""), 12, "`deflate` is not supported"),
        ("uncompressed though an encoding is set", &[("grpc-encoding", "gzip")], good.clone(), 0, ""),
        ("an empty message", &[], framed(false, b""), 0, ""),
    ];
    for (what, headers, body, code, says) in cases {
        let answer = server.call(Signal::Logs, headers, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.grpc_status()), (200, Some(*code)), "{what}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/grpc"));
        assert_eq!(answer.header("grpc-accept-encoding"), Some("identity,gzip,zstd"));
        assert!(answer.header("grpc-message").unwrap_or("").contains(says), "{what}: {answer:?}");
        assert_eq!(answer.header("grpc-status-details-bin"), None, "{what}");
    }
}

#[tokio::test]
async fn unknown_calls_and_callers_are_told_so() {
    let server = TestServer::start(small_limits()).await;
    let uri = format!(
        "http://{}/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        server.addr
    );
    let answer =
        server.http2(request(&uri, &[("content-type", "application/grpc")], framed(false, b""))).await;
    assert_eq!((answer.status.as_u16(), answer.grpc_status()), (200, Some(12)));
    let uri = format!("http://{}{}", server.addr, Signal::Logs.grpc_path());
    let answer = server.http2(request(&uri, &[("content-type", "application/json")], "{}")).await;
    assert_eq!((answer.status.as_u16(), answer.grpc_status()), (415, None));
    let answer = server.http2(request(&uri, &[("content-type", "application/grpc+json")], "{}")).await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn a_message_that_is_not_ascii_is_percent_encoded() {
    let server = TestServer::start(small_limits()).await;
    let answer = server.call(Signal::Logs, &[("grpc-encoding", "100% ")], framed(true, b"")).await;
    assert!(answer.header("grpc-message").unwrap().contains("`100%25`"), "{answer:?}");
}
