//! The answers, read back by the generated types.

use std::time::Duration;

use nines_protocols::otlp::{Format, PartialSuccess, Signal, StatusMessage, encode_response, encode_status};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

#[test]
fn full_success_leaves_partial_success_unset() {
    for signal in Signal::ALL {
        assert_eq!(encode_response(signal, Format::Protobuf, None), b"");
        assert_eq!(encode_response(signal, Format::Json, None), b"{}");
    }
}

#[test]
fn partial_success_is_read_by_the_generated_types() {
    let partial = PartialSuccess { rejected: 3, message: "rejected \"3\"".to_owned() };
    let encoded = |signal| encode_response(signal, Format::Protobuf, Some(&partial));
    let logs =
        ExportLogsServiceResponse::decode(&encoded(Signal::Logs)[..]).unwrap().partial_success.unwrap();
    assert_eq!((logs.rejected_log_records, logs.error_message), (3, partial.message.clone()));
    let spans =
        ExportTraceServiceResponse::decode(&encoded(Signal::Traces)[..]).unwrap().partial_success.unwrap();
    assert_eq!((spans.rejected_spans, spans.error_message), (3, partial.message.clone()));
    let points =
        ExportMetricsServiceResponse::decode(&encoded(Signal::Metrics)[..]).unwrap().partial_success.unwrap();
    assert_eq!((points.rejected_data_points, points.error_message), (3, partial.message.clone()));

    let json = |signal| String::from_utf8(encode_response(signal, Format::Json, Some(&partial))).unwrap();
    assert_eq!(
        json(Signal::Metrics),
        r#"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"rejected \"3\""}}"#
    );
    assert!(json(Signal::Logs).contains("rejectedLogRecords"));
    assert!(json(Signal::Traces).contains("rejectedSpans"));
}

#[test]
fn a_warning_has_a_message_and_no_count() {
    let warning = PartialSuccess { rejected: 0, message: "clamped".to_owned() };
    let body = encode_response(Signal::Logs, Format::Protobuf, Some(&warning));
    let read = ExportLogsServiceResponse::decode(&body[..]).unwrap().partial_success.unwrap();
    assert_eq!((read.rejected_log_records, read.error_message.as_str()), (0, "clamped"));
    assert_eq!(
        encode_response(Signal::Logs, Format::Json, Some(&warning)),
        br#"{"partialSuccess":{"errorMessage":"clamped"}}"#
    );
}

#[test]
fn a_status_carries_retry_info_as_a_detail() {
    /// `google.rpc.Status` and what it holds, written from the `.proto` files of googleapis.
    #[derive(Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes, tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }
    #[derive(Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }

    let status = StatusMessage {
        code: 14,
        message: "busy".to_owned(),
        retry_after: Some(Duration::from_millis(2500)),
    };
    let read = Status::decode(&encode_status(Format::Protobuf, &status)[..]).unwrap();
    assert_eq!((read.code, read.message.as_str(), read.details.len()), (14, "busy", 1));
    assert_eq!(read.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let delay = RetryInfo::decode(&read.details[0].value[..]).unwrap().retry_delay.unwrap();
    assert_eq!((delay.seconds, delay.nanos), (2, 500_000_000));

    let json: serde_json::Value = serde_json::from_slice(&encode_status(Format::Json, &status)).unwrap();
    assert_eq!(json["code"], 14);
    assert_eq!(json["details"][0]["retryDelay"], "2.500000000s");
    let plain = StatusMessage { retry_after: None, ..status };
    let json: serde_json::Value = serde_json::from_slice(&encode_status(Format::Json, &plain)).unwrap();
    assert_eq!(json, serde_json::json!({"code": 14, "message": "busy"}));
}
