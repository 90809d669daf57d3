//! The OTLP messages as a table: what the JSON reader needs to rewrite JSON as protobuf.
//!
//! One line per field: its JSON name, its number and its type. Fields that are not here are unknown, and ignored, as
//! OTLP/JSON asks; that is also what happens to snake-case names and to fields that we do not keep.

use super::Signal;

#[derive(Debug)]
pub(super) struct MessageType {
    pub fields: &'static [FieldType],
}

#[derive(Debug)]
pub(super) struct FieldType {
    pub name: &'static str,
    pub number: u32,
    pub kind: Kind,
    pub repeated: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Base64 in JSON.
    Bytes,
    /// Trace and span ids: bytes, hex in JSON.
    Id,
    Bool,
    /// OTLP/JSON takes the number only, never the name.
    Enum,
    Uint32,
    Sint32,
    Int64,
    Uint64,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    Message(&'static MessageType),
    /// A message in which values nest; the reader counts the levels of these.
    Nested(&'static MessageType),
}

const fn one(name: &'static str, number: u32, kind: Kind) -> FieldType {
    FieldType { name, number, kind, repeated: false }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> FieldType {
    FieldType { name, number, kind, repeated: true }
}

pub(super) fn request(signal: Signal) -> &'static MessageType {
    match signal {
        Signal::Logs => &LOGS,
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
    }
}

use Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int64, Message, Nested, Sfixed64, Sint32, Text, Uint32,
    Uint64,
};

// common.proto and resource.proto

static ANY_VALUE: MessageType = MessageType {
    fields: &[
        one("stringValue", 1, Text),
        one("boolValue", 2, Bool),
        one("intValue", 3, Int64),
        one("doubleValue", 4, Double),
        one("arrayValue", 5, Nested(&ARRAY_VALUE)),
        one("kvlistValue", 6, Nested(&KEY_VALUE_LIST)),
        one("bytesValue", 7, Bytes),
    ],
};
static ARRAY_VALUE: MessageType = MessageType { fields: &[many("values", 1, Message(&ANY_VALUE))] };
static KEY_VALUE_LIST: MessageType = MessageType { fields: &[many("values", 1, Message(&KEY_VALUE))] };
static KEY_VALUE: MessageType =
    MessageType { fields: &[one("key", 1, Text), one("value", 2, Message(&ANY_VALUE))] };
static SCOPE: MessageType = MessageType {
    fields: &[one("name", 1, Text), one("version", 2, Text), many("attributes", 3, Message(&KEY_VALUE))],
};
static RESOURCE: MessageType = MessageType { fields: &[many("attributes", 1, Message(&KEY_VALUE))] };

// logs.proto

static LOGS: MessageType = MessageType { fields: &[many("resourceLogs", 1, Message(&RESOURCE_LOGS))] };
static RESOURCE_LOGS: MessageType = MessageType {
    fields: &[one("resource", 1, Message(&RESOURCE)), many("scopeLogs", 2, Message(&SCOPE_LOGS))],
};
static SCOPE_LOGS: MessageType =
    MessageType { fields: &[one("scope", 1, Message(&SCOPE)), many("logRecords", 2, Message(&LOG_RECORD))] };
static LOG_RECORD: MessageType = MessageType {
    fields: &[
        one("timeUnixNano", 1, Fixed64),
        one("severityNumber", 2, Enum),
        one("severityText", 3, Text),
        one("body", 5, Message(&ANY_VALUE)),
        many("attributes", 6, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 7, Uint32),
        one("flags", 8, Fixed32),
        one("traceId", 9, Id),
        one("spanId", 10, Id),
        one("observedTimeUnixNano", 11, Fixed64),
        one("eventName", 12, Text),
    ],
};

// trace.proto

static TRACES: MessageType = MessageType { fields: &[many("resourceSpans", 1, Message(&RESOURCE_SPANS))] };
static RESOURCE_SPANS: MessageType = MessageType {
    fields: &[one("resource", 1, Message(&RESOURCE)), many("scopeSpans", 2, Message(&SCOPE_SPANS))],
};
static SCOPE_SPANS: MessageType =
    MessageType { fields: &[one("scope", 1, Message(&SCOPE)), many("spans", 2, Message(&SPAN))] };
static SPAN: MessageType = MessageType {
    fields: &[
        one("traceId", 1, Id),
        one("spanId", 2, Id),
        one("traceState", 3, Text),
        one("parentSpanId", 4, Id),
        one("name", 5, Text),
        one("kind", 6, Enum),
        one("startTimeUnixNano", 7, Fixed64),
        one("endTimeUnixNano", 8, Fixed64),
        many("attributes", 9, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 10, Uint32),
        many("events", 11, Message(&SPAN_EVENT)),
        one("droppedEventsCount", 12, Uint32),
        many("links", 13, Message(&SPAN_LINK)),
        one("droppedLinksCount", 14, Uint32),
        one("status", 15, Message(&STATUS)),
        one("flags", 16, Fixed32),
    ],
};
static SPAN_EVENT: MessageType = MessageType {
    fields: &[
        one("timeUnixNano", 1, Fixed64),
        one("name", 2, Text),
        many("attributes", 3, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 4, Uint32),
    ],
};
static SPAN_LINK: MessageType = MessageType {
    fields: &[
        one("traceId", 1, Id),
        one("spanId", 2, Id),
        one("traceState", 3, Text),
        many("attributes", 4, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 5, Uint32),
        one("flags", 6, Fixed32),
    ],
};
static STATUS: MessageType = MessageType { fields: &[one("message", 2, Text), one("code", 3, Enum)] };

// metrics.proto

static METRICS: MessageType =
    MessageType { fields: &[many("resourceMetrics", 1, Message(&RESOURCE_METRICS))] };
static RESOURCE_METRICS: MessageType = MessageType {
    fields: &[one("resource", 1, Message(&RESOURCE)), many("scopeMetrics", 2, Message(&SCOPE_METRICS))],
};
static SCOPE_METRICS: MessageType =
    MessageType { fields: &[one("scope", 1, Message(&SCOPE)), many("metrics", 2, Message(&METRIC))] };
static METRIC: MessageType = MessageType {
    fields: &[
        one("name", 1, Text),
        one("description", 2, Text),
        one("unit", 3, Text),
        one("gauge", 5, Message(&GAUGE)),
        one("sum", 7, Message(&SUM)),
        one("histogram", 9, Message(&HISTOGRAM)),
        one("exponentialHistogram", 10, Message(&EXPONENTIAL_HISTOGRAM)),
        one("summary", 11, Message(&SUMMARY)),
    ],
};
static GAUGE: MessageType = MessageType { fields: &[many("dataPoints", 1, Message(&NUMBER_POINT))] };
static SUM: MessageType = MessageType {
    fields: &[
        many("dataPoints", 1, Message(&NUMBER_POINT)),
        one("aggregationTemporality", 2, Enum),
        one("isMonotonic", 3, Bool),
    ],
};
static HISTOGRAM: MessageType = MessageType {
    fields: &[many("dataPoints", 1, Message(&HISTOGRAM_POINT)), one("aggregationTemporality", 2, Enum)],
};
static EXPONENTIAL_HISTOGRAM: MessageType = MessageType {
    fields: &[many("dataPoints", 1, Message(&EXPONENTIAL_POINT)), one("aggregationTemporality", 2, Enum)],
};
static SUMMARY: MessageType = MessageType { fields: &[many("dataPoints", 1, Message(&SUMMARY_POINT))] };
static NUMBER_POINT: MessageType = MessageType {
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("asDouble", 4, Double),
        many("exemplars", 5, Message(&EXEMPLAR)),
        one("asInt", 6, Sfixed64),
        many("attributes", 7, Message(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};
static HISTOGRAM_POINT: MessageType = MessageType {
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("bucketCounts", 6, Fixed64),
        many("explicitBounds", 7, Double),
        many("exemplars", 8, Message(&EXEMPLAR)),
        many("attributes", 9, Message(&KEY_VALUE)),
        one("flags", 10, Uint32),
        one("min", 11, Double),
        one("max", 12, Double),
    ],
};
static EXPONENTIAL_POINT: MessageType = MessageType {
    fields: &[
        many("attributes", 1, Message(&KEY_VALUE)),
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        one("scale", 6, Sint32),
        one("zeroCount", 7, Fixed64),
        one("positive", 8, Message(&EXPONENTIAL_BUCKETS)),
        one("negative", 9, Message(&EXPONENTIAL_BUCKETS)),
        one("flags", 10, Uint32),
        many("exemplars", 11, Message(&EXEMPLAR)),
        one("min", 12, Double),
        one("max", 13, Double),
        one("zeroThreshold", 14, Double),
    ],
};
static EXPONENTIAL_BUCKETS: MessageType =
    MessageType { fields: &[one("offset", 1, Sint32), many("bucketCounts", 2, Uint64)] };
static SUMMARY_POINT: MessageType = MessageType {
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("quantileValues", 6, Message(&QUANTILE)),
        many("attributes", 7, Message(&KEY_VALUE)),
        one("flags", 8, Uint32),
    ],
};
static QUANTILE: MessageType = MessageType { fields: &[one("quantile", 1, Double), one("value", 2, Double)] };
static EXEMPLAR: MessageType = MessageType {
    fields: &[
        one("timeUnixNano", 2, Fixed64),
        one("asDouble", 3, Double),
        one("spanId", 4, Id),
        one("traceId", 5, Id),
        one("asInt", 6, Sfixed64),
        many("filteredAttributes", 7, Message(&KEY_VALUE)),
    ],
};
