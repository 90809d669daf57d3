//! OTLP: export requests to rows, and the answers to them, as protobuf and as JSON.
//!
//! Source: the OTLP specification 1.x and the `.proto` files of opentelemetry-proto 1.10 as published with the crate
//! of that name, which the tests use as the other side.
//!
//! # What becomes of a message
//! - Each log record, span and metric data point is one row. Its columns are those of [`nines_model::field`]
//!   plus its attributes under their own names. Zero values and empty strings, which protobuf cannot tell from
//!   absent ones, are absent.
//! - Resource attributes, `scope.name`, `scope.version` and scope attributes (as `scope.NAME`) are shared by the events
//!   of one resource × scope through one [`Resource`].
//! - An attribute whose name belongs to a column of its table is kept as `attributes.NAME` (or `resource.NAME` for a
//!   resource attribute), so that a span attribute called `parent_span_id` can never pose as the span's parent.
//! - Arrays and maps are compact JSON; bytes in it are base64, non-finite numbers the strings `NaN`, `Infinity` and
//!   `-Infinity`, as in OTLP/JSON. A null attribute is an absent one.
//! - Ids are lower-case hex. Times are nanoseconds; a log record without its own time has its observed time,
//!   and an observed time that is equal to the record's own says nothing and is absent.
//! - Not kept: schema URLs, entity references and metric metadata.
//!
//! # Mistakes
//! A message that is not OTLP is a [`DecodeError`]: nothing of it is kept. A record that is OTLP but cannot be kept
//! (an id of the wrong length, too many attributes) is left out and counted in the [`Tally`], and so are small
//! repairs; the rest of the request is kept.
//!
//! # Cost
//! One pass for protobuf. JSON is first rewritten as protobuf ([`json`]), so both encodings mean the same by
//! construction. Memory is proportional to the body: see the limits below.

mod attributes;
mod error;
mod json;
mod logs;
mod metrics;
mod request;
mod response;
mod row;
mod schema;
mod tally;
mod traces;
mod value;
mod wire;

use nines_model::{Batch, Dataset, Timestamp};

pub use error::{DecodeError, Format};
pub use response::{StatusMessage, encode_response, encode_status};
pub use tally::{PartialSuccess, Reason, Tally};

#[cfg(doc)]
use nines_model::Resource;

/// Log records, spans or data points kept of one request; those beyond are rejected one by one. Ten times the
/// largest batch that SDKs and the Collector send by default (8192), with room for those who raised it.
pub const MAX_ITEMS_PER_REQUEST: usize = 200_000;

/// Attributes of one record, resource or scope. SDKs stop at 128 by default; what does not fit the table's columns
/// goes to its overflow column, but a record wider than this is a mistake or an attack.
pub const MAX_ATTRIBUTES_PER_ITEM: usize = 1000;

/// Bytes of an attribute's name. It becomes a column name.
pub const MAX_NAME_BYTES: usize = 256;

/// Levels of arrays and maps in one value; a plain value is one level. Bounds the stack.
pub const MAX_DEPTH: u32 = 64;

/// Attributes copied into the shared [`Resource`]s of one request. A scope costs four bytes on the wire and a copy of
/// its resource's attributes in memory, so thousands of scopes under a wide resource would multiply a small body;
/// at 56 bytes each this is 28 MB, and a thousand times what real requests need.
pub const MAX_RESOURCE_FIELDS_PER_REQUEST: usize = 500_000;

/// The three kinds of telemetry, each with its own service and path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    Logs,
    Traces,
    Metrics,
}

/// What a request held.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// All that is kept, in the order sent. May be empty: an empty request is a success.
    pub batch: Batch,
    pub tally: Tally,
}

/// Reads one `Export…ServiceRequest`. `received_at` stands in for missing times.
///
/// # Errors
/// [`DecodeError`] if `body` is not such a message in `format`; never worth retrying.
pub fn decode(
    signal: Signal,
    format: Format,
    body: &[u8],
    received_at: Timestamp,
) -> Result<Decoded, DecodeError> {
    match format {
        Format::Protobuf => request::decode(signal, body, received_at),
        Format::Json => request::decode(signal, &json::to_protobuf(signal, body)?, received_at),
    }
}

impl Signal {
    pub const ALL: [Self; 3] = [Self::Logs, Self::Traces, Self::Metrics];

    pub fn dataset(self) -> Dataset {
        match self {
            Self::Logs => Dataset::Logs,
            Self::Traces => Dataset::Spans,
            Self::Metrics => Dataset::Metrics,
        }
    }

    /// `/v1/logs`, and so on.
    pub fn http_path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// The path of the gRPC method.
    pub fn grpc_path(self) -> &'static str {
        match self {
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    /// The repeated fields that lead from a request to its items.
    pub(crate) fn levels(self) -> [&'static str; 3] {
        match self {
            Self::Logs => ["resource_logs", "scope_logs", "log_records"],
            Self::Traces => ["resource_spans", "scope_spans", "spans"],
            Self::Metrics => ["resource_metrics", "scope_metrics", "metrics"],
        }
    }

    fn item_noun(self, count: u64) -> &'static str {
        match (self, count) {
            (Self::Logs, 1) => "log record",
            (Self::Logs, _) => "log records",
            (Self::Traces, 1) => "span",
            (Self::Traces, _) => "spans",
            (Self::Metrics, 1) => "data point",
            (Self::Metrics, _) => "data points",
        }
    }
}
