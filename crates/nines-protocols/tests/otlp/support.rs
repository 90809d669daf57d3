use std::fmt::Write;

use nines_model::{Event, Timestamp, Value};
use nines_protocols::otlp::{DecodeError, Decoded, Format, Signal, decode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

pub const RECEIVED_AT: Timestamp = Timestamp::from_secs(1_700_000_000);

pub fn json(signal: Signal, text: &str) -> Result<Decoded, DecodeError> {
    decode(signal, Format::Json, text.as_bytes(), RECEIVED_AT)
}

pub fn protobuf(signal: Signal, body: &[u8]) -> Result<Decoded, DecodeError> {
    decode(signal, Format::Protobuf, body, RECEIVED_AT)
}

/// The protobuf form of an OTLP/JSON request, by the generated types.
pub fn to_protobuf(signal: Signal, text: &str) -> Vec<u8> {
    match signal {
        Signal::Logs => serde_json::from_str::<ExportLogsServiceRequest>(text).unwrap().encode_to_vec(),
        Signal::Traces => serde_json::from_str::<ExportTraceServiceRequest>(text).unwrap().encode_to_vec(),
        Signal::Metrics => serde_json::from_str::<ExportMetricsServiceRequest>(text).unwrap().encode_to_vec(),
    }
}

/// An event as text: its time, then one line per field, the resource's indented.
pub fn show(event: &Event) -> String {
    let mut out = format!("{}\n", event.timestamp);
    for (name, value) in &event.resource.attributes {
        let _ = writeln!(out, "    {name} = {}", show_value(value));
    }
    for (name, value) in &event.fields {
        let _ = writeln!(out, "{name} = {}", show_value(value));
    }
    out
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("{text:?}"),
        Value::Int(number) => format!("{number}"),
        Value::Float(number) => format!("{number:?}"),
        Value::Bool(flag) => format!("{flag}"),
        Value::Bytes(bytes) => format!("bytes {bytes:?}"),
        Value::Json(text) => format!("json {text}"),
    }
}

/// One log record with `members` in a request.
pub fn log_with(members: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{members}}}]}}]}}]}}"#)
}

/// One span with valid ids and `members` in a request.
pub fn span_with(members: &str) -> String {
    let ids = r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174""#;
    let times = r#""startTimeUnixNano":"1000","endTimeUnixNano":"3000""#;
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},{times},{members}}}]}}]}}]}}"#)
}

/// One metric with `members` in a request.
pub fn metric_with(members: &str) -> String {
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{{members}}}]}}]}}]}}"#)
}
