//! The answers: `Export…ServiceResponse` and `google.rpc.Status`, in the encoding of the request.
//!
//! The three response messages have the same shape, `partial_success = 1 { rejected = 1, error_message = 2 }`, and differ
//! only in the JSON name of the count.

use std::time::Duration;

use super::{Format, PartialSuccess, Signal};

/// A `google.rpc.Status`, the body of every error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusMessage {
    /// A `google.rpc.Code`: 3 invalid argument, 8 resource exhausted, 14 unavailable, 16 unauthenticated, …
    pub code: u32,
    pub message: String,
    /// Adds a `google.rpc.RetryInfo` detail, which tells an OTLP client that it may try again, and when.
    pub retry_after: Option<Duration>,
}

/// The body of a success answer. `partial` must be `None` on full success: the field is then unset, as the
/// specification demands.
pub fn encode_response(signal: Signal, format: Format, partial: Option<&PartialSuccess>) -> Vec<u8> {
    match (format, partial) {
        (Format::Protobuf, None) => Vec::new(),
        (Format::Protobuf, Some(partial)) => {
            let mut inner = Vec::new();
            varint_field(&mut inner, 1, partial.rejected);
            delimited(&mut inner, 2, partial.message.as_bytes());
            let mut out = Vec::new();
            delimited(&mut out, 1, &inner);
            out
        }
        (Format::Json, None) => b"{}".to_vec(),
        (Format::Json, Some(partial)) => {
            let mut inner = serde_json::Map::new();
            // 64-bit integers are strings in proto3's JSON; a default value is left out, as everywhere.
            if partial.rejected > 0 {
                inner.insert(rejected_name(signal).to_owned(), partial.rejected.to_string().into());
            }
            inner.insert("errorMessage".to_owned(), partial.message.as_str().into());
            serde_json::json!({ "partialSuccess": inner }).to_string().into_bytes()
        }
    }
}

/// The body of an error answer over HTTP, and the value of `grpc-status-details-bin` over gRPC.
pub fn encode_status(format: Format, status: &StatusMessage) -> Vec<u8> {
    match format {
        Format::Protobuf => {
            let mut out = Vec::new();
            varint_field(&mut out, 1, u64::from(status.code));
            delimited(&mut out, 2, status.message.as_bytes());
            if let Some(retry_after) = status.retry_after {
                delimited(&mut out, 3, &retry_info(retry_after));
            }
            out
        }
        Format::Json => {
            let mut body = serde_json::json!({ "code": status.code, "message": status.message });
            if let Some(retry_after) = status.retry_after {
                let delay = format!("{}.{:09}s", retry_after.as_secs(), retry_after.subsec_nanos());
                body["details"] = serde_json::json!([{ "@type": RETRY_INFO, "retryDelay": delay }]);
            }
            body.to_string().into_bytes()
        }
    }
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `Any { type_url = 1, value = 2: RetryInfo { retry_delay = 1: Duration { seconds = 1, nanos = 2 } } }`.
fn retry_info(retry_after: Duration) -> Vec<u8> {
    let mut delay = Vec::new();
    varint_field(&mut delay, 1, retry_after.as_secs());
    varint_field(&mut delay, 2, u64::from(retry_after.subsec_nanos()));
    let mut info = Vec::new();
    delimited(&mut info, 1, &delay);
    let mut any = Vec::new();
    delimited(&mut any, 1, RETRY_INFO.as_bytes());
    delimited(&mut any, 2, &info);
    any
}

fn rejected_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Logs => "rejectedLogRecords",
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Field numbers here are below 16, so that the tag is one byte.
fn varint_field(out: &mut Vec<u8>, number: u8, value: u64) {
    if value > 0 {
        out.push(number << 3);
        varint(out, value);
    }
}

fn delimited(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
