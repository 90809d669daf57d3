//! The node's own health: what it takes in, what it refused, where it stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    pub version: String,
    pub started_at: Time,
    pub now: Time,
    /// `ok`, or the named degraded modes: `ingest_refused`, `journal_failed`, `storage_damaged`, `paging_delayed`.
    pub modes: Vec<String>,
    /// When is a write acknowledged: `fsync`.
    pub durability: String,
    pub ingest: IngestStatus,
    pub storage: Vec<DatasetStatus>,
    pub journal_bytes: u64,
    pub disk_free_bytes: u64,
    pub memory_bytes: u64,
    pub paging: PagingStatus,
    /// What an operator has to know about what is kept: a limit that is used up or not accepted, a clock that jumped.
    pub notices: Vec<String>,
    /// What recovery or a scan found damaged, named.
    pub damage: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IngestStatus {
    pub accepted_events: u64,
    pub accepted_bytes: u64,
    /// Requests that the store had no room for, by reason.
    pub refused: Vec<Refused>,
    pub requests: ReceivedRequests,
    pub events_per_second: f64,
    pub fsync_p50_ms: Option<f64>,
    pub fsync_p99_ms: Option<f64>,
    pub last_event_at: Option<Time>,
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

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PagingStatus {
    pub rules: u64,
    pub firing: u64,
    pub queued: u64,
    pub undeliverable: u64,
    /// Seconds since the evaluator last finished a round.
    pub evaluated_secs_ago: f64,
    pub oldest_queued_secs: Option<f64>,
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
