//! Infrastructure: what reports and what has stopped, who is high or low, and what will reach its limit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Units of one kind, grouped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraResponse {
    /// `host`, `pod`, `container`, `process` or `target`.
    pub kind: String,
    pub kinds: Vec<InfraKind>,
    pub measure: InfraMeasure,
    /// What can be measured of this kind.
    pub measures: Vec<InfraMeasure>,
    /// Labels that units of this kind have, with how many values.
    pub labels: Vec<InfraLabel>,
    /// By name; one without a name if nothing is grouped by. Of very many, those that want looking at.
    pub groups: Vec<InfraGroup>,
    /// Of all groups and units that were asked for, shown or not.
    pub tally: InfraTally,
    /// Since when this node has been listening: silence before counts for nothing.
    pub watching_since: Time,
    /// When the answer was made.
    pub at: Time,
    /// Of the histories: seconds between points, the last at `at`.
    pub step_secs: u32,
    /// What is missing from the answer, and why.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct InfraTally {
    pub groups: usize,
    pub reporting: usize,
    pub late: usize,
    pub absent: usize,
    pub gone: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraKind {
    pub kind: String,
    pub count: usize,
    pub absent: usize,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct InfraMeasure {
    pub name: String,
    /// `ratio`, `bytes`, `bytes/s` or nothing.
    pub unit: String,
    /// What is asked for it, in PromQL.
    pub expressions: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraLabel {
    pub name: String,
    pub values: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraGroup {
    /// The value of the label that is grouped by; empty for units without it.
    pub name: String,
    pub reporting: usize,
    pub late: usize,
    pub absent: usize,
    pub gone: usize,
    /// Of those that report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// Absent ones first, then by value, the highest first.
    pub units: Vec<InfraUnit>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraUnit {
    pub kind: String,
    pub id: String,
    pub name: String,
    /// `reporting`, `late`, `absent` or `gone` (on purpose).
    pub state: String,
    /// When it last reported; of what was retired, when that was said.
    pub since: Time,
    /// Why it is thought to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Never there for what is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// `high` or `low` among its group (modified z-score beyond 3.5), or `usual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The modified z-score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The oldest first; nothing where nothing was measured, or was not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Option<f64>>,
}

/// Everything that is known of one unit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraUnitDetail {
    pub unit: InfraUnit,
    pub labels: BTreeMap<String, String>,
    pub first_seen: Time,
    pub last_seen: Time,
    /// Learned from its own reports.
    pub interval_secs: f64,
    /// Through what it is seen: a host for a container, a target for a scraped host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter: Option<InfraUnit>,
    /// What is seen through it, absent ones first.
    pub parts: Vec<InfraUnit>,
    /// What of it has a limit.
    pub saturation: Vec<Saturation>,
    /// PromQL for each measure, of this unit alone.
    pub queries: Vec<InfraMeasure>,
}

/// A unit is gone on purpose.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraRetire {
    pub kind: String,
    pub id: String,
    /// Empty takes it back.
    pub reason: String,
}

/// What somebody wants to be told of.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct InfraWatch {
    pub name: String,
    /// Of which units; all kinds if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In the filter language, over the labels of units: `cloud.region: eu-1 and host.name: web-*`.
    #[serde(default)]
    pub filter: String,
    /// Tell when so many reports were missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_after: Option<u32>,
    /// Tell when a limit is reached within so many hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_within_hours: Option<f64>,
    /// With this probability, 0.5 to 0.99; 0.9 if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// `P0`, `P1`, or `P2`: a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Whose the alert is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraWatches {
    pub watches: Vec<InfraWatchStatus>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InfraWatchStatus {
    pub watch: InfraWatch,
    /// What it tells of now.
    pub firing: Vec<String>,
}

/// What has a limit: what is full, then what will be, the soonest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SaturationResponse {
    pub rows: Vec<Saturation>,
    /// Measures with a limit that were looked at.
    pub count: usize,
    pub at: Time,
    /// What sets those apart that run full.
    pub factors: Vec<SaturationFactor>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SaturationFactor {
    /// What runs full, such as `disk`.
    pub resource: String,
    pub label: String,
    pub value: String,
    /// How many run full, and how much of them has the value; 0 to 1.
    pub affected: usize,
    pub share: f64,
    /// And of the others of this resource.
    pub share_of_rest: f64,
}

/// A measure with a limit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Saturation {
    pub id: String,
    /// `disk`, `memory`, `inodes`, …; `query` for one's own.
    pub resource: String,
    /// Such as `/data of web-3`.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// 1 is full.
    pub ratio: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// `bytes` or nothing.
    pub unit: String,
    /// `full`, `filling` (it will be), `safe` (not as far as can be foreseen) or `unknown`.
    pub outlook: String,
    /// When it is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_at: Option<Time>,
    /// Not before, with the probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_earliest: Option<Time>,
    /// Not after; nothing if it may also take longer than can be foreseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_latest: Option<Time>,
    pub probability: f64,
    /// As far as it is foreseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `drift`, `line`, `recent line`, `daily` or `weekly`: what was least wrong about the history itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of the ratio, per day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth_per_day: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Seconds since 1970 and the ratio, the oldest first. Only for one row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<(f64, f64)>,
    /// Seconds since 1970, then low, middle and high of the ratio. Only for one row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fan: Vec<(f64, f64, f64, f64)>,
    /// The ratio, in PromQL.
    pub query: String,
}
