//! SQL, search, traces, services and changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlRequest {
    pub query: String,
    /// At most this many rows come back (default 1000, at most 10 000).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Default 30, at most 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_secs: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SqlResponse {
    pub columns: Vec<Column>,
    /// One array per row, in the order of `columns`.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Column {
    pub name: String,
    /// `string`, `int`, `float`, `bool`, `bytes`, `json`, `time`.
    pub kind: String,
}

/// What a question cost, on every answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct QueryStats {
    pub run_time_ms: f64,
    pub rows_scanned: u64,
    pub bytes_scanned: u64,
    pub segments_scanned: u64,
    pub segments_pruned: u64,
    pub rows_returned: u64,
    /// More rows matched than the limit let through.
    pub truncated: bool,
    /// What could not be read: the answer is not whole if this is not empty.
    pub partial: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchRequest {
    /// `logs` (default), `spans`, `metrics`, `probes`, `beacons`, `changes`.
    #[serde(default = "logs")]
    pub dataset: String,
    /// The filter language; empty matches all.
    #[serde(default)]
    pub filter: String,
    /// Default: one hour before `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// Exclusive. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// Default 100, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// From `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

fn logs() -> String {
    "logs".to_owned()
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchResponse {
    /// Newest first; each row an object of the fields that it has, `timestamp` always.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// About the filter, if it may not say what was meant: fields that the dataset does not have, with the nearest one
    /// that it has.
    #[serde(default)]
    pub notices: Vec<Notice>,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    pub message: String,
    /// The word in the filter that it is about, and what to put in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistogramRequest {
    #[serde(default = "logs")]
    pub dataset: String,
    #[serde(default)]
    pub filter: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// About how many buckets (default 60, at most 500); widths are round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<u32>,
    /// Count each value of this field apart (the eight commonest, the rest as `other`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_by: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistogramResponse {
    pub bucket_secs: f64,
    /// Start of each bucket, ascending, without gaps.
    pub starts: Vec<Time>,
    pub series: Vec<HistogramSeries>,
    pub total: u64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistogramSeries {
    /// The value of `split_by`; `all` without one; `other`; `none` where the field is missing.
    pub name: String,
    /// As many as `starts`.
    pub counts: Vec<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FacetsRequest {
    #[serde(default = "logs")]
    pub dataset: String,
    #[serde(default)]
    pub filter: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// Default: the fields that are most worth a look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FacetsResponse {
    pub facets: Vec<Facet>,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Facet {
    pub field: String,
    pub kind: String,
    /// Commonest first, ten at most.
    pub values: Vec<FacetValue>,
    /// Rows that have the field.
    pub present: u64,
    /// Rows in all.
    pub total: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    pub value: String,
    pub count: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SuggestRequest {
    #[serde(default = "logs")]
    pub dataset: String,
    /// The filter as typed so far.
    pub text: String,
    /// Byte offset of the caret; default: the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SuggestResponse {
    /// Byte range of `text` that a chosen suggestion replaces.
    pub replace_start: usize,
    pub replace_end: usize,
    pub suggestions: Vec<Suggestion>,
    #[serde(default)]
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Suggestion {
    /// What to insert.
    pub text: String,
    /// `field`, `value`, `operator`, `keyword`.
    pub kind: String,
    /// The field's type, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Rows that hold this value in the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FieldsResponse {
    pub fields: Vec<Column>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TraceResponse {
    pub trace_id: String,
    /// Ascending by start; 10 000 at most.
    pub spans: Vec<TraceSpan>,
    /// Log records of this trace, ascending, 1000 at most.
    #[schema(value_type = Vec<Object>)]
    pub logs: Vec<serde_json::Map<String, serde_json::Value>>,
    pub truncated: bool,
    /// From the earliest start to the latest end, after clocks were put right.
    #[serde(default)]
    pub duration_ns: i64,
    /// What the trace was waiting for at each instant, in order of time, without gaps: the duration of the main root,
    /// which is the longest one without a parent.
    #[serde(default)]
    pub critical_path: Vec<CriticalSection>,
    /// Those with most time on the critical path first.
    #[serde(default)]
    pub services: Vec<TraceService>,
    /// Spans that name a parent that is not here.
    #[serde(default)]
    pub lost_parents: u64,
    /// Spans that came more than once; the copies are left out.
    #[serde(default)]
    pub duplicates: u64,
    /// Circles of parents that were cut open.
    #[serde(default)]
    pub circles: u64,
    pub stats: QueryStats,
}

/// A stretch of the critical path, in nanoseconds after the start of the trace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CriticalSection {
    pub span_id: String,
    pub start_ns: i64,
    pub end_ns: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TraceService {
    pub name: String,
    pub spans: u64,
    pub errors: u64,
    /// Time in which none of the spans' children ran.
    pub self_ns: i64,
    /// Time on the critical path.
    pub critical_ns: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TraceSpan {
    pub span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    pub name: String,
    pub service: String,
    pub kind: String,
    pub start: Time,
    /// Nanoseconds after the start of the trace's first span, after clocks were put right.
    pub offset_ns: i64,
    pub duration_ns: i64,
    /// Time in which no child ran.
    #[serde(default)]
    pub self_ns: i64,
    /// Time on the critical path.
    #[serde(default)]
    pub critical_ns: i64,
    /// What was added to the clock of the span's host, so that no answer comes before its question.
    #[serde(default)]
    pub shifted_ns: i64,
    /// It names a parent that is not here.
    #[serde(default)]
    pub lost_parent: bool,
    /// `unset`, `ok`, `error`.
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// On the path that decided how long the trace took.
    pub critical: bool,
    /// Every other field of the span.
    #[schema(value_type = Object)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Span events: `name`, `time` (RFC 3339), `attributes`.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
    /// Spans that it has to do with without being their child.
    #[serde(default)]
    pub links: Vec<SpanLink>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SpanLink {
    pub trace_id: String,
    pub span_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServicesResponse {
    pub services: Vec<ServiceSummary>,
    pub stats: QueryStats,
}

/// A service as its spans of the range show it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceSummary {
    pub name: String,
    pub spans: u64,
    pub errors: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub last_seen: Time,
}

/// A change that could explain what comes after it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeRequest {
    /// What was done, in a line.
    pub title: String,
    /// `deploy`, `feature_flag`, `config`, `infrastructure`.
    pub kind: String,
    pub service: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How to take it back: a command or a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Anything else, by field name.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Change {
    pub id: String,
    pub at: Time,
    pub title: String,
    pub kind: String,
    pub service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangesResponse {
    pub changes: Vec<Change>,
}
