//! Rehearsal: a stored window through today's promises and rules, or through those of documents that are not applied.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{QueryStats, Time};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayRequest {
    /// One promise; absent: those of `documents`, else all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
    /// YAML to try on top of what is applied; nothing of it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<String>,
    pub start: Time,
    /// Exclusive. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayResponse {
    pub start: Time,
    pub end: Time,
    /// Rules were evaluated this often. Above 1, a fault shorter than this is averaged over it.
    pub step_secs: u64,
    pub slos: Vec<ReplayedSlo>,
    /// Pages of all of them.
    pub pages: u64,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayedSlo {
    pub name: String,
    pub display_name: String,
    /// Why it could not be replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Events of the window.
    pub good: u64,
    pub total: u64,
    /// Share of the error budget that was left, before and after the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_before: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_after: Option<f64>,
    /// Oldest first; 500 at most.
    pub alerts: Vec<ReplayedAlert>,
    /// There were more alerts than are listed.
    pub truncated: bool,
    /// Messages that would have been sent, to every channel, resolutions included.
    pub pages: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayedAlert {
    pub detected_at: Time,
    /// Absent: it still fired when the window ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Time>,
    /// When the trouble began, as far as the counts can tell.
    pub started_at: Time,
    /// The highest: `page` or `ticket`.
    pub severity: String,
    pub title: String,
    /// What happened to it, oldest first.
    pub transitions: Vec<ReplayedTransition>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayedTransition {
    pub at: Time,
    /// `fired`, `escalated`, `lowered`, `reopened`, `flapping`, `resolved`.
    pub kind: String,
    pub severity: String,
    /// Why, in words.
    pub reason: String,
    /// Who would have been told: names of channels.
    pub targets: Vec<String>,
}
