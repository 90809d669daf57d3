//! Alerts of other systems.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Fault, Link, Time};

/// One alert. Only `title` is needed; a list of them is taken too.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct AlertRequest {
    pub title: String,
    /// `firing` (the default), `acknowledged`, `resolved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `P0`, `P1`, `P2`; `P1` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Alerts with the same key are one; without it those with the same labels, and without labels those with the same
    /// title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup_key: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Everything in it is on disk.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IntakeResponse {
    /// One for each alert that was taken, in order.
    pub alerts: Vec<AlertReceipt>,
    /// Alerts that could not be read, each with its place in the body.
    pub mistakes: Vec<Fault>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertReceipt {
    pub fingerprint: String,
    /// What makes two alerts this one, in words.
    pub fingerprint_rule: String,
    /// `new`, `merged`, `reopened`, `resolved`, `nothing_to_resolve`, `overflow`.
    pub received: String,
    /// Why nobody is told; absent if somebody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
    /// The alerts that it is told with.
    pub group: String,
    /// The incident of its group, once that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

/// An alert of another system as it stands, with what was merged into it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForeignAlert {
    pub fingerprint: String,
    pub fingerprint_rule: String,
    /// `nines`, `alertmanager`, `grafana`, `pagerduty`, `cloudwatch`, `email`.
    pub source: String,
    /// `firing`, `acknowledged`, `resolved`.
    pub state: String,
    pub title: String,
    pub level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub links: Vec<Link>,
    pub first_at: Time,
    pub last_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Time>,
    /// Times that it arrived.
    pub count: u64,
    /// Times that it came back soon after it had ended.
    pub reopened: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
    pub group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The different sets of labels that were merged.
    pub members: Vec<AlertMember>,
    /// Members beyond those.
    pub members_unlisted: u64,
    /// Labels in which the members differ: by these they can be taken apart.
    pub differing_labels: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertMember {
    pub title: String,
    pub labels: BTreeMap<String, String>,
    pub count: u64,
    pub last_at: Time,
}

/// Everything that came in and is still kept.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct ForeignCounts {
    /// Different alerts.
    pub alerts: u64,
    pub open: u64,
    /// Open ones of which nobody is told.
    pub suppressed: u64,
    /// Times that one arrived.
    pub received: u64,
}

/// From now on alerts of this fingerprint are one only if they agree in these labels too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeparateRequest {
    pub labels: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeparateResponse {
    /// The fingerprints that it was taken apart into.
    pub fingerprints: Vec<String>,
}
