//! Services, endpoints, the service map, error groups, and comparisons.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{QueryStats, Time};

/// Requests counted together.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    pub requests: u64,
    pub errors: u64,
    /// `null` without requests.
    pub error_ratio: Option<f64>,
    pub per_second: f64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// All durations together: what callers waited.
    pub total_ms: f64,
}

/// A range in steps of equal length; each list has one number per step.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Spark {
    pub requests: Vec<u64>,
    pub errors: Vec<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApmServicesResponse {
    /// The one whose callers waited most first.
    pub services: Vec<ApmService>,
    pub start: Time,
    pub end: Time,
    pub step_secs: f64,
    /// Requests of services beyond the bound of a thousand.
    pub left_out: u64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApmService {
    pub name: String,
    pub figures: Figures,
    /// Of the time of all requests in the answer, 0 to 1.
    pub share: f64,
    pub spark: Spark,
    pub endpoints: u64,
    /// The newest first.
    pub versions: Vec<ServiceVersion>,
    pub last_seen: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceVersion {
    pub version: String,
    pub figures: Figures,
    pub first_seen: Time,
    pub last_seen: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EndpointsResponse {
    /// The one whose callers waited most first.
    pub endpoints: Vec<ApmEndpoint>,
    pub start: Time,
    pub end: Time,
    pub step_secs: f64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApmEndpoint {
    pub service: String,
    /// The span's name; left out for all endpoints beyond the bound of two thousand together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub figures: Figures,
    /// Of the time of all requests in the answer, 0 to 1.
    pub share: f64,
    pub spark: Spark,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceMapResponse {
    pub nodes: Vec<MapNode>,
    pub edges: Vec<MapEdge>,
    /// One trace in so many was looked at; the counts are scaled up by it.
    pub sampled: u64,
    /// Requests whose caller is not among the spans, although they name one.
    pub lost_callers: u64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MapNode {
    /// Unique: the kind and the name.
    pub id: String,
    pub name: String,
    /// `service`, `database`, `queue`, `external`.
    pub kind: String,
    pub figures: Figures,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MapEdge {
    /// Id of the calling node.
    pub source: String,
    /// Id of the called node.
    pub target: String,
    /// As the caller saw it where its spans tell, else as the callee did.
    pub figures: Figures,
    /// Calls that the callee sent no span for, although it sends spans otherwise.
    pub unanswered: u64,
    /// Through a queue: nobody waits.
    pub is_async: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorGroupsResponse {
    /// The most frequent first; those that mostly follow another group's exceptions last.
    pub groups: Vec<ErrorGroup>,
    pub start: Time,
    pub end: Time,
    pub step_secs: f64,
    /// Occurrences that found no group, because there are too many different ones.
    pub left_out: u64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorGroupResponse {
    pub group: ErrorGroup,
    /// Of the latest occurrence, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The innermost first.
    pub frames: Vec<StackFrame>,
    pub start: Time,
    pub end: Time,
    pub step_secs: f64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorGroup {
    /// 16 hexadecimal digits; the same for the same defect for ever.
    pub fingerprint: String,
    pub service: String,
    /// `exception`, `log` or `status`: what told it.
    pub source: String,
    /// The exception's type, `error.type`, or the severity of the record.
    pub kind: String,
    /// Of the latest occurrence.
    pub message: String,
    /// Where to look in the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<StackFrame>,
    pub count: u64,
    /// Nothing of it in the time of equal length before the range.
    pub is_new: bool,
    pub before: u64,
    pub first_seen: Time,
    pub last_seen: Time,
    /// Different users.
    pub users: u64,
    /// There are more than were counted.
    pub users_at_least: bool,
    /// The latest first.
    pub versions: Vec<VersionCount>,
    pub commits: Vec<VersionCount>,
    /// Names of the spans it happened in, the most frequent first.
    pub places: Vec<PlaceCount>,
    /// The newest first.
    pub examples: Vec<ErrorExample>,
    pub spark: Spark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
}

/// The group whose exception is in the same traces, and probably the cause.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Follows {
    pub fingerprint: String,
    /// Of the occurrences that have a trace, 0 to 1.
    pub share: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StackFrame {
    pub function: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Not of a runtime, a standard library or a dependency.
    pub in_app: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VersionCount {
    pub version: String,
    pub count: u64,
    pub first_seen: Time,
    pub last_seen: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlaceCount {
    pub name: String,
    pub count: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorExample {
    pub at: Time,
    pub trace_id: String,
    pub span_id: String,
}

/// Two sets of requests to put beside each other: two versions, two times, or any two filters.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApmCompareRequest {
    /// Left out: all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    pub baseline: CompareSide,
    pub candidate: CompareSide,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct CompareSide {
    /// `service.version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// On top, in the filter language.
    #[serde(default)]
    pub filter: String,
    /// Default: one hour before `end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// Exclusive. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApmCompareResponse {
    pub total: ComparedEndpoint,
    /// The worst first, then by impact.
    pub endpoints: Vec<ComparedEndpoint>,
    /// All intervals hold together with this probability.
    pub confidence: f64,
    /// Requests that each side needs for a verdict.
    pub requests_min: u64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ComparedEndpoint {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub baseline: Figures,
    pub candidate: Figures,
    /// Candidate's error ratio minus baseline's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_change: Option<Interval>,
    /// Candidate's median over baseline's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ratio: Option<Interval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ratio: Option<Interval>,
    /// `worse`, `better`, `same`, `too_few`, `added`, `removed`.
    pub errors: String,
    /// As `errors`.
    pub latency: String,
}

/// Where the true figure lies.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}
