//! Names of the fields that Nines itself reads or writes. Everything else is the sender's vocabulary.
//!
//! These names are the columns of the SQL tables and the fields of the filter language, spelled the same on disk
//! and on screen. The core set follows OpenTelemetry's semantic conventions 1.3x; where OTLP has a protobuf field
//! rather than an attribute, the snake-case protobuf name is used.

/// When it happened: nanoseconds since the Unix epoch, UTC. Present on every event.
pub const TIMESTAMP: &str = "timestamp";
/// Lower-case hex, 32 characters.
pub const TRACE_ID: &str = "trace_id";
/// Lower-case hex, 16 characters.
pub const SPAN_ID: &str = "span_id";
/// Lower-case hex, 16 characters; absent on a root span.
pub const PARENT_SPAN_ID: &str = "parent_span_id";
/// Span name, metric name or change title.
pub const NAME: &str = "name";
/// End minus start of a span, in nanoseconds, integer.
pub const DURATION_NS: &str = "duration_ns";
/// Span kind: `internal`, `server`, `client`, `producer`, `consumer`.
pub const KIND: &str = "kind";
/// Span status: `unset`, `ok`, `error`.
pub const STATUS_CODE: &str = "status_code";
pub const STATUS_MESSAGE: &str = "status_message";
pub const TRACE_STATE: &str = "trace_state";
pub const FLAGS: &str = "flags";
/// Span events and links as JSON arrays.
pub const SPAN_EVENTS: &str = "events";
pub const SPAN_LINKS: &str = "links";

/// The text of a log record; a structured body is kept as JSON text.
pub const BODY: &str = "body";
/// OTLP severity, 1–24.
pub const SEVERITY_NUMBER: &str = "severity_number";
pub const SEVERITY_TEXT: &str = "severity_text";
pub const OBSERVED_TIMESTAMP: &str = "observed_timestamp";
pub const EVENT_NAME: &str = "event_name";

/// Metric point: the number of a gauge or sum.
pub const VALUE: &str = "value";
/// `gauge`, `sum`, `histogram`, `exponential_histogram`, `summary`.
pub const METRIC_TYPE: &str = "metric_type";
pub const UNIT: &str = "unit";
pub const DESCRIPTION: &str = "description";
/// `delta` or `cumulative`.
pub const TEMPORALITY: &str = "temporality";
pub const IS_MONOTONIC: &str = "is_monotonic";
pub const START_TIMESTAMP: &str = "start_timestamp";
/// Histogram and summary parts: integers, floats and JSON text.
pub const COUNT: &str = "count";
pub const SUM: &str = "sum";
pub const MIN: &str = "min";
pub const MAX: &str = "max";
pub const BUCKETS: &str = "buckets";
pub const EXEMPLARS: &str = "exemplars";

pub const SCOPE_NAME: &str = "scope.name";
pub const SCOPE_VERSION: &str = "scope.version";

pub const SERVICE_NAME: &str = "service.name";
pub const SERVICE_VERSION: &str = "service.version";
pub const DEPLOYMENT_ENVIRONMENT: &str = "deployment.environment.name";

/// Changes: `deploy`, `feature_flag`, `config`, `infrastructure`.
pub const CHANGE_KIND: &str = "change.kind";
pub const CHANGE_ID: &str = "change.id";
/// Who made it: a person or an automation.
pub const CHANGE_BY: &str = "change.by";
/// How to take it back: a command or a link.
pub const CHANGE_UNDO: &str = "change.undo";

/// The person behind the request, for "users hit" (hashed at the sender if it is personal).
pub const USER_ID: &str = "user.id";

/// Values that did not fit the type that a column already has, and fields beyond the dataset's bound, as one
/// JSON object per row. Searched too, only slower.
pub const OVERFLOW: &str = "overflow";
