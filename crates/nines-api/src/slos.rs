//! Promises: the board, one SLO, its history, and the documents that declare them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Change, Fault, QueryStats, Time};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SlosResponse {
    /// When the figures were read from the live counters.
    pub at: Time,
    /// Worst first.
    pub slos: Vec<Slo>,
}

/// A promise and how it stands now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Slo {
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// `availability`, `latency`, `errors`, `saturation`, or `custom`.
    pub category: String,
    /// `measured`, `too_few`, `stale`, `invalid`, `paused`. Only `measured` may be drawn green.
    pub measurement: String,
    /// Why it is not measured, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurement_reason: Option<String>,
    /// `healthy`, `at_risk`, `exhausted`; absent unless measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Fraction, such as 0.999.
    pub target: f64,
    /// The contract's own target, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla_target: Option<f64>,
    /// Such as `28d rolling` or `calendar month, Asia/Taipei`.
    pub window: String,
    pub window_start: Time,
    pub window_end: Time,
    /// Good over total in the window, a fraction; absent without events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sli: Option<f64>,
    pub good: u64,
    pub total: u64,
    pub budget: Budget,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla_budget: Option<Budget>,
    /// Fastest first.
    pub burns: Vec<Burn>,
    /// Bad fraction over the last minute with enough events, and over the last hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_rate_now: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_rate_normal: Option<f64>,
    /// Events per second over the last minute.
    pub events_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event_at: Option<Time>,
    /// How much of the window has been measured at all, 0 to 1; a young promise says so.
    pub coverage: f64,
    /// Events since the node started that count neither as good nor as bad: stamped before everything that is counted,
    /// and stamped more than ten minutes after they arrived.
    #[serde(default)]
    pub left_out_late: u64,
    #[serde(default)]
    pub left_out_ahead: u64,
    /// Two sentences about what is left, in the caller's language.
    pub sentence_engineer: String,
    pub sentence_leader: String,
    /// The alert that fires now, if any, and the open incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
    /// Last 60 minutes of the bad fraction, one value a minute, oldest first; null without events.
    pub sparkline: Vec<Option<f64>>,
    /// The filters that define it, for links into search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indicator: Option<Indicator>,
    /// How it is read from series, if that is what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<SloMetric>,
}

/// An indicator that is read from series with PromQL.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SloMetric {
    /// `counted` from the samples of counters, `observed` in a histogram, or `sampled` once per interval.
    pub method: String,
    /// What `part_query` gives: `good`, `bad`, or `value`.
    pub part: String,
    pub part_query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_query: Option<String>,
    /// Good is `lt`, `lte`, `gt` or `gte` the threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub interval_secs: u64,
    /// Series that had samples, the last time that it was asked.
    pub series: u64,
    /// Up to when it is counted; absent while history is being read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_until: Option<Time>,
    /// Why it could not be asked, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<SloMetricBound>,
}

/// How exact it is where the threshold is no boundary of the histogram.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SloMetricBound {
    pub below: f64,
    /// Absent above the highest boundary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Good fractions between which the truth lies, over the last ten minutes.
    pub sli_min: f64,
    pub sli_max: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Indicator {
    pub dataset: String,
    pub total_filter: String,
    /// Matches exactly the bad events, ready for search.
    pub bad_filter: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// Bad events that the window allows at the traffic so far.
    pub allowed_events: f64,
    pub spent_events: f64,
    /// 1 is untouched, 0 is spent, below 0 is overspent.
    pub remaining_fraction: f64,
    /// Minutes of total failure that are left, at the window's length.
    pub remaining_minutes: f64,
    pub total_minutes: f64,
    /// At the burn of the last hour; absent if it is not burning down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exhausted_in_secs: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Burn {
    /// Such as `1h/5m` or `60s/5s`.
    pub name: String,
    /// `page` or `ticket`.
    pub severity: String,
    pub long_secs: u64,
    pub short_secs: u64,
    pub threshold: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_rate: Option<f64>,
    pub enough_events: bool,
    pub firing: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SloSeriesResponse {
    pub bucket_secs: u64,
    pub starts: Vec<Time>,
    pub good: Vec<u64>,
    pub total: Vec<u64>,
    /// Fraction of the budget left at the end of each bucket.
    pub budget_remaining: Vec<Option<f64>>,
    /// Changes to this service in the range, oldest first.
    pub changes: Vec<Change>,
}

/// Who or what stands out among the bad events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Suspect {
    pub field: String,
    pub value: String,
    pub bad: u64,
    pub total: u64,
    /// This value's share of the bad events, 0 to 1.
    pub share_of_bad: f64,
    pub share_of_total: f64,
    /// How many times likelier this value fails than the rest.
    pub lift: f64,
    /// Bad fraction within the value.
    pub rate: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SuspectsResponse {
    pub window_secs: u64,
    /// Most suspect first.
    pub suspects: Vec<Suspect>,
    pub users_hit: u64,
    /// `users_hit` is a lower bound.
    pub users_hit_at_least: bool,
    pub sample_trace_ids: Vec<String>,
}

/// SLO documents of another generator, translated.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportSlosResponse {
    pub dry_run: bool,
    /// OpenSLO documents that load as they are; empty if all was left out.
    pub yaml: String,
    /// One for each promise of the source, in its order.
    pub report: Vec<ImportedSlo>,
    /// What applying did, or would do.
    pub results: Vec<Applied>,
    pub warnings: Vec<Fault>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportedSlo {
    /// `sloth` or `pyrra`.
    pub source: String,
    /// As the source names it.
    pub name: String,
    /// Name of the SLO that came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
    /// `translated`, `approximated`, or `left_out`.
    pub outcome: String,
    /// What is not the same here and what to do about it; empty where all is.
    pub notes: Vec<String>,
}

/// The result of `apply`: all documents or none.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ApplyResponse {
    pub dry_run: bool,
    pub results: Vec<Applied>,
    /// What was read leniently.
    pub warnings: Vec<Fault>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    pub kind: String,
    pub name: String,
    /// `created`, `changed`, `unchanged`.
    pub outcome: String,
    pub revision: u64,
    /// Why it is as it is, of what a new service was given by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ObjectsResponse {
    pub objects: Vec<DeclaredObject>,
}

/// A declared document as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeclaredObject {
    pub kind: String,
    pub name: String,
    pub revision: u64,
    pub yaml: String,
    pub applied_at: Time,
    pub applied_by: String,
}

/// A stored window through an SLI: the count that history gives.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SloReplayResponse {
    pub start: Time,
    pub end: Time,
    pub live_good: u64,
    pub live_total: u64,
    pub stored_good: u64,
    pub stored_total: u64,
    pub stats: QueryStats,
}

/// What a service has by itself: promises from a template with a target that its past gives reasons for, and whom their
/// alerts reach. Its dashboard is at `/api/v1/services/{name}/dashboard`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceDefaults {
    pub service: String,
    /// It is declared, or has promises of its own.
    pub registered: bool,
    /// Promises that it has already, by name.
    pub slos: Vec<String>,
    /// What it could promise; applied by themselves when the service is registered without promises of its own.
    pub proposals: Vec<SloProposal>,
    pub route: AlertRoute,
    /// What could not be read of its past, as sentences.
    pub partial: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SloProposal {
    pub name: String,
    /// `availability` or `latency`.
    pub category: String,
    pub description: String,
    /// Fraction, such as 0.999.
    pub target: f64,
    /// Why this target and no other.
    pub reason: String,
    /// The document, ready to be applied.
    pub yaml: String,
}

/// Whom the alerts of a service reach.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertRoute {
    /// `policy`, `channels`, `first_line`, `nobody`.
    pub by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The escalation policy by which its people are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Channels of the team.
    pub channels: Vec<String>,
}
