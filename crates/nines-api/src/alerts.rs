//! Alerts and the pages that carry them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Change, ForeignAlert, ForeignCounts, Suspect, Time};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertsResponse {
    pub alerts: Vec<Alert>,
    /// Alerts of other systems, open ones first.
    #[serde(default)]
    pub foreign: Vec<ForeignAlert>,
    #[serde(default)]
    pub foreign_counts: ForeignCounts,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    pub id: String,
    pub fingerprint: String,
    pub slo: String,
    pub service: String,
    /// `pending`, `firing`, `resolved`.
    pub state: String,
    /// `page` or `ticket`.
    pub severity: String,
    /// Why it is in this state.
    pub reason: String,
    /// When the fault began, as the data shows it.
    pub started_at: Time,
    /// When the rule first saw it.
    pub detected_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
    pub message: AlertMessage,
    pub pages: Vec<Page>,
}

/// The seven fields of an alert that can be acted on without opening anything, and what stands behind them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertMessage {
    pub title: String,
    /// `P0`, `P1` or `P2`: the proposed level.
    pub severity: String,
    /// Business impact.
    pub explanation: String,
    pub observed: String,
    pub ideal: String,
    pub context: Vec<ContextItem>,
    pub links: Vec<Link>,
    /// Fields that the product could not fill, with the reason; empty when the message is whole.
    pub incomplete: Vec<String>,
    pub users_hit: Option<u64>,
    pub exhausted_in_secs: Option<f64>,
    pub suspects: Vec<Suspect>,
    pub last_change: Option<Change>,
    pub sample_trace_ids: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContextItem {
    pub label: String,
    pub value: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// `incident`, `slo`, `search`, `traces`, `runbook`, `acknowledge`.
    pub rel: String,
    pub label: String,
    pub url: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PagesResponse {
    pub pages: Vec<Page>,
}

/// One message to one target, and where it is now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page {
    pub id: String,
    pub alert_id: String,
    /// `trigger`, `resolve`, `digest`, `nudge`.
    pub purpose: String,
    pub channel: String,
    /// `webhook`, `slack`, `email`.
    pub channel_type: String,
    /// `queued`, `sending`, `delivered`, `undeliverable`, `superseded`.
    pub state: String,
    pub attempts: u32,
    pub queued_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}
