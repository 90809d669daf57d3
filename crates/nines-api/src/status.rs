//! The node's own health: what it takes in, what it refused, where it stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    pub version: String,
    pub started_at: Time,
    pub now: Time,
    /// `ok`, or the named degraded modes: `ingest_refused`, `journal_failed`, `storage_damaged`, `paging_delayed`,
    /// `pair_alone` (PostgreSQL is gone, and the other node has promised not to take over), `pair_behind`.
    pub modes: Vec<String>,
    /// When is a write acknowledged: `fsync`.
    pub durability: String,
    pub ingest: IngestStatus,
    #[serde(default)]
    pub listeners: Vec<ListenerStatus>,
    pub storage: Vec<DatasetStatus>,
    /// Metrics as series; their rows are the dataset `metrics`.
    pub series: SeriesStatus,
    pub journal_bytes: u64,
    pub disk_free_bytes: u64,
    pub memory_bytes: u64,
    pub paging: PagingStatus,
    /// Only at a node that is one of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairStatus>,
    /// What an operator has to know about what is kept: a limit that is used up or not accepted, a clock that jumped.
    pub notices: Vec<String>,
    /// What recovery or a scan found damaged, named.
    pub damage: Vec<String>,
}

/// One of two nodes, as it sees them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PairStatus {
    /// Of this node.
    pub name: String,
    /// `leader` or `standby`.
    pub role: String,
    /// How often the lease has changed hands.
    pub epoch: i64,
    /// Who leads, and where people reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    pub leader_url: String,
    pub reaches_postgresql: bool,
    /// It leads by the other's promise alone.
    pub by_promise: bool,
    /// It stands by, and would promise to take nothing over if PostgreSQL were gone: not in the first seconds after a start.
    pub vouches: bool,
    /// For how long it may send if nothing else happens.
    pub permitted_secs: f64,
    /// Writes that the shared log does not have yet.
    pub backlog_writes: u64,
    /// The other node, when PostgreSQL last saw it, and how many writes it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_seen_secs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_behind_writes: Option<u64>,
    /// How far the other's clock is ahead of this node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_clock_secs: Option<f64>,
    /// At the leader: whether the other answers at `--pair-peer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_answers: Option<bool>,
    /// Why this node cannot take part, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// The connections of one listener.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListenerStatus {
    /// `web`, `otlp_grpc`, `otlp_http`, `syslog_tcp`, `syslog_tls`.
    pub name: String,
    pub open: u64,
    /// More get the room of those that are idle.
    pub max: u64,
    /// Cut by the node: `crowded` (idle longest when the listener was full), `silent` (did not say in time what it wants),
    /// `stalled` (did not take its answer in time), `protocol` (broke it).
    pub cut: Vec<Refused>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IngestStatus {
    pub accepted_events: u64,
    pub accepted_bytes: u64,
    /// Requests that the store had no room for, by reason.
    pub refused: Vec<Refused>,
    pub requests: ReceivedRequests,
    #[serde(default)]
    pub stamps: StampStatus,
    /// The organisation, the teams whose keys have sent, and datasets with limits.
    #[serde(default)]
    pub scopes: Vec<ScopeStatus>,
    pub events_per_second: f64,
    pub fsync_p50_ms: Option<f64>,
    pub fsync_p99_ms: Option<f64>,
    /// When it arrived, whatever its own time is.
    pub last_event_at: Option<Time>,
}

/// Events since the start whose own time is missing or far from that of their arrival. They are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct StampStatus {
    /// Without a time: they got that of their arrival.
    pub undated: u64,
    /// More than ten minutes after their arrival.
    pub ahead: u64,
    /// More than ten minutes before it.
    pub late: u64,
}

/// What the stamps of senders say of their clocks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClocksResponse {
    pub at: Time,
    /// What is said goes by the batches of so long, at least half of it.
    pub window_secs: u64,
    /// From here on a clock counts as ahead, and as behind.
    pub ahead_min_secs: u64,
    pub behind_min_secs: u64,
    /// Heard of in that time; at most `sources_max` are known by name.
    pub sources: u64,
    pub sources_max: u64,
    pub ahead: u64,
    pub behind: u64,
    /// Those furthest away first, a hundred at most.
    pub worst: Vec<SourceClock>,
}

/// A service on a host whose stamps are not of the time at which they arrive.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SourceClock {
    /// Empty if it names none.
    pub service: String,
    /// `host.name`, `k8s.pod.name` or `service.instance.id`, and its value; empty if it names none.
    pub place_field: String,
    pub place: String,
    /// How far its newest stamps are ahead of their arrival, for certain. Below zero: at the quickest so far behind it, by
    /// its clock or because it sends late, which look the same.
    pub ahead_secs: f64,
    pub heard_at: Time,
    /// Finds what it sent, between these times.
    pub dataset: String,
    pub filter: String,
    pub start: Time,
    pub end: Time,
}

/// Requests with telemetry since the start, over HTTP and gRPC, by how they were answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReceivedRequests {
    /// With success, whole or partial.
    pub accepted: u64,
    /// They can never succeed: malformed, too large, not allowed.
    pub rejected: u64,
    /// They were told to come back.
    pub deferred: u64,
    /// Lost to a defect of the node.
    pub failed: u64,
    /// Records left out of accepted requests.
    pub records_rejected: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    pub reason: String,
    pub count: u64,
}

/// How much is kept, and what waits to be deleted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LimitsResponse {
    pub limits: Vec<KeptLimit>,
    /// What limits would delete at once and do not before somebody confirms it.
    pub removals: Vec<Removal>,
}

/// What removal of telemetry goes by. An amount that is absent is no limit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeptLimit {
    /// `retention of logs`, `disk budget`, …
    pub limit: String,
    /// `seconds` or `bytes`.
    pub unit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
    /// The former one, until a removal is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<u64>,
}

/// A removal of more than a twentieth of the live data; of metrics, more than a fifth.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Removal {
    /// As in `limits`; what confirming it names.
    pub limit: String,
    pub segments: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Of what the limit is about.
    pub live_bytes: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfirmLimitsRequest {
    /// Each as a removal names it, so that nothing is confirmed which nobody has read.
    pub limits: Vec<String>,
}

/// What one tenant sent, or what came of one dataset, since the start, and what it may. Limits that are absent are none.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScopeStatus {
    /// `organisation` (senders without a team), `team` or `dataset`.
    pub scope: String,
    /// Of the team or the dataset; empty for the organisation.
    pub name: String,
    pub accepted_requests: u64,
    pub accepted_events: u64,
    pub accepted_bytes: u64,
    /// Sealed and kept; a tenant's share is an estimate.
    pub stored_bytes: u64,
    /// Requests that a limit refused, by reason: `event_rate`, `byte_rate`, `stored_bytes`, `dataset_limit`.
    pub refused: Vec<Refused>,
    /// Whether it would be refused now.
    pub is_over: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes_max: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatasetStatus {
    pub dataset: String,
    pub rows: u64,
    pub hot_rows: u64,
    pub segments: u64,
    pub bytes_on_disk: u64,
    pub columns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Time>,
}

/// The store of metric series. Counts are since the start.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SeriesStatus {
    /// Series that got a sample lately.
    pub active_series: u64,
    /// More are refused.
    pub series_max: u64,
    /// Samples and histograms that were written.
    pub samples: u64,
    /// The same time and value as the newest of their series.
    pub duplicates: u64,
    pub out_of_order: u64,
    /// Samples that can never be written, by reason.
    pub rejected: Vec<Refused>,
    /// Metrics with too many series, worst first.
    pub refused_metrics: Vec<RefusedMetric>,
    /// Deltas that came after a later one of their series; kept as rows only.
    pub late_deltas: u64,
    /// OTLP points that are no series; kept as rows only.
    pub points_left_out: u64,
    /// Not yet sealed.
    pub head_samples: u64,
    pub memory_bytes: u64,
    pub segments: u64,
    /// In segments.
    pub stored_samples: u64,
    pub bytes_on_disk: u64,
    pub journal_bytes: u64,
    /// More than 0 means that no metric is acknowledged.
    pub failed_commits_in_a_row: u64,
}

/// A metric that a budget stopped, and the label that most likely should not be one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RefusedMetric {
    pub metric: String,
    pub label: String,
    pub label_values: u64,
    pub limit: u64,
    pub refused_samples: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PagingStatus {
    pub rules: u64,
    pub firing: u64,
    pub queued: u64,
    pub undeliverable: u64,
    /// Seconds since the evaluator last finished a round.
    pub evaluated_secs_ago: f64,
    pub oldest_queued_secs: Option<f64>,
    /// Seconds since escalations were last walked.
    #[serde(default)]
    pub walked_secs_ago: f64,
    /// Seconds since the auditor last looked whether each open incident has a next step; it looks once a minute.
    #[serde(default)]
    pub audited_secs_ago: f64,
    /// How often it has looked since the node started.
    #[serde(default)]
    pub audits: u64,
    /// Open incidents that escalate by a policy.
    #[serde(default)]
    pub escalating: u64,
    /// Escalations of which the auditor says that they would be forgotten. 0 in a sound node.
    #[serde(default)]
    pub escalation_defects: u64,
    /// Calls that wait for a digest because somebody has had too many.
    #[serde(default)]
    pub digesting: u64,
    /// Teams whose pages go by the routes of the SLO or of the team, because they have no policy.
    #[serde(default)]
    pub teams_without_policy: Vec<String>,
}

/// Every setting of a node, as it was started.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfigResponse {
    pub settings: Vec<ConfigSetting>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigSetting {
    /// As in the configuration file; `aws.region` for the key of a table.
    pub key: String,
    /// Without what is secret; absent where it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `default`, `FILE:LINE`, `$NAME` or `--flag`.
    pub origin: String,
}
