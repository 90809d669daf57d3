//! What the requests of a service are counted from: spans, series of instrumentations that many use, records of access logs,
//! or nothing but log lines.

use crate::document::{Metric, NinesSource, RatioParts, Source, Yaml};

/// In words of queries.
#[derive(Debug, Clone, PartialEq)]
pub enum Telemetry {
    /// Spans that enter the service: `server`, or `consumer` for what takes work from queues alone.
    Spans {
        kind: String,
    },
    Series(Box<SeriesSource>),
    /// Log records that name the status of a response.
    AccessLogs,
    /// Log records of any kind. They count no requests.
    LogLines,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::Spans { kind: "server".to_owned() }
    }
}

/// Selectors in PromQL of one service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesSource {
    /// Counters of requests, and those of them that failed.
    pub total: String,
    pub bad: String,
    /// Buckets of the time that requests took, if there are any.
    pub buckets: Option<String>,
    /// Milliseconds in one of theirs.
    pub unit_ms: f64,
    /// Where buckets end, ascending, without the last: a limit that is one of them is measured exactly.
    pub bounds_ms: Vec<f64>,
}

/// Series by which an instrumentation counts requests to the service itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// The counter that makes it known.
    pub counter: &'static str,
    /// Which of its series failed, as a matcher.
    failed: &'static str,
    buckets: &'static str,
    unit_ms: f64,
}

const fn family(counter: &'static str, failed: &'static str, buckets: &'static str, unit_ms: f64) -> Family {
    Family { counter, failed, buckets, unit_ms }
}

/// Codes of gRPC that are the server's fault, as its own interceptors sort them.
const GRPC_FAILED: &str =
    "grpc_code=~\"Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss\"";

/// The first that is there counts: what OpenTelemetry says today before what it said once, HTTP before gRPC, names of a
/// convention before those that anybody may use.
/// Sources: semantic conventions of OpenTelemetry 1.20 and 1.23, Micrometer's Prometheus registry, promhttp of client_golang,
/// go-grpc-middleware.
pub const FAMILIES: [Family; 10] = [
    family(
        "http_server_request_duration_seconds_count",
        "http_response_status_code=~\"5..\"",
        "http_server_request_duration_seconds_bucket",
        1e3,
    ),
    family(
        "http_server_duration_milliseconds_count",
        "http_status_code=~\"5..\"",
        "http_server_duration_milliseconds_bucket",
        1.0,
    ),
    family(
        "http_server_requests_seconds_count",
        "status=~\"5..\"",
        "http_server_requests_seconds_bucket",
        1e3,
    ),
    family("http_server_requests_total", "code=~\"5..\"", "http_server_request_duration_seconds_bucket", 1e3),
    // One name, and a label for the status as each likes.
    family("http_requests_total", "code=~\"5..\"", "http_request_duration_seconds_bucket", 1e3),
    family("http_requests_total", "status=~\"5..\"", "http_request_duration_seconds_bucket", 1e3),
    family("http_requests_total", "status_code=~\"5..\"", "http_request_duration_seconds_bucket", 1e3),
    family(
        "http_request_duration_seconds_count",
        "code=~\"5..\"",
        "http_request_duration_seconds_bucket",
        1e3,
    ),
    family(
        "rpc_server_duration_milliseconds_count",
        "rpc_grpc_status_code=~\"2|4|12|13|14|15\"",
        "rpc_server_duration_milliseconds_bucket",
        1.0,
    ),
    family("grpc_server_handled_total", GRPC_FAILED, "grpc_server_handling_seconds_bucket", 1e3),
];

impl Family {
    /// Milliseconds in one of its buckets.
    pub fn unit_ms(&self) -> f64 {
        self.unit_ms
    }

    /// The label that tells failed requests from others.
    pub fn status_label(&self) -> &'static str {
        self.failed.split(['=', '~']).next().unwrap_or_default()
    }

    /// As the senders of series are named: `job` is the service, with its namespace before it.
    pub fn source(&self, service: &str) -> SeriesSource {
        let of = of_service(service);
        SeriesSource {
            total: format!("{}{{{of}}}", self.counter),
            bad: format!("{}{{{of}, {}}}", self.counter, self.failed),
            buckets: Some(format!("{}{{{of}}}", self.buckets)),
            unit_ms: self.unit_ms,
            bounds_ms: Vec::new(),
        }
    }
}

fn of_service(service: &str) -> String {
    let mut literal = String::new();
    for c in service.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\\\\\"),
            c if ".+*?()|[]{}^$".contains(c) => {
                literal.push_str("\\\\");
                literal.push(c);
            }
            c => literal.push(c),
        }
    }
    format!("job=~\"(.+/)?{literal}\"")
}

impl Telemetry {
    /// Failed requests beside all of them.
    pub(super) fn ratio(&self, service: &str) -> Metric {
        let of = format!("service.name: {}", quoted(service));
        let (bad, total) = match self {
            Self::Spans { kind } => {
                let entries = format!("{of} and kind: {kind}");
                (spans(format!("{entries} and status_code: error"), None), spans(entries, None))
            }
            Self::Series(series) => (
                // A service that never failed has no series that says so.
                promql(format!("sum(rate({}[5m])) or vector(0)", series.bad)),
                promql(format!("sum(rate({}[5m]))", series.total)),
            ),
            Self::AccessLogs => {
                (logs(format!("{of} and {STATUS} >= 500")), logs(format!("{of} and {STATUS} >= 100")))
            }
            Self::LogLines => (logs(format!("{of} and severity_number >= 17")), logs(of)),
        };
        Metric::Ratio { counter: Some(true), parts: RatioParts::Bad { bad, total } }
    }

    /// How long requests took, in the returned unit of milliseconds; nothing where nothing says it.
    pub(super) fn durations(&self, service: &str) -> Option<(Metric, f64)> {
        match self {
            Self::Spans { kind } => {
                let entries = format!("service.name: {} and kind: {kind}", quoted(service));
                Some((Metric::Threshold(spans(entries, Some("duration"))), 1.0))
            }
            Self::Series(series) => {
                let query = format!("sum by (le) (rate({}[5m]))", series.buckets.as_ref()?);
                Some((Metric::Threshold(promql(query)), series.unit_ms))
            }
            Self::AccessLogs | Self::LogLines => None,
        }
    }

    /// Steps that a limit of time may be at, in milliseconds.
    pub(super) fn limits_ms(&self, usual: &[u32]) -> Vec<f64> {
        match self {
            Self::Series(series) if !series.bounds_ms.is_empty() => series.bounds_ms.clone(),
            _ => usual.iter().copied().map(f64::from).collect(),
        }
    }

    /// What is counted, in a sentence.
    pub(super) fn counted(&self) -> &'static str {
        if *self == Self::LogLines { "log lines" } else { "requests" }
    }
}

/// As OpenTelemetry names it.
pub const STATUS: &str = "http.response.status_code";

/// As the filter language quotes a value.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn spans(filter: String, field: Option<&str>) -> Source {
    Source::Nines(NinesSource {
        dataset: nines_model::Dataset::Spans,
        filter,
        field: field.map(str::to_owned),
        unit: field.map(|_| "ms".to_owned()),
        threshold: None,
    })
}

fn logs(filter: String) -> Source {
    let dataset = nines_model::Dataset::Logs;
    Source::Nines(NinesSource { dataset, filter, field: None, unit: None, threshold: None })
}

fn promql(query: String) -> Source {
    let spec = Yaml::Map(vec![("query".to_owned(), Yaml::Str(query))]);
    Source::Foreign { source_type: Some("Prometheus".to_owned()), data_source: None, spec }
}
