//! Incidents: intake, levels, the promise clock, the timeline.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Alert, Escalation, ForeignAlert, Slo, Time};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentsResponse {
    pub incidents: Vec<Incident>,
    /// Over all finished incidents of the last 90 days; absent without any.
    pub mean: IncidentTimes,
    /// Share of updates that were in time, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_time_rate: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// Such as `INC-2026-0042`.
    pub id: String,
    pub title: String,
    /// `S1`, `S2`, `S3`, `P4`.
    pub class: String,
    /// The level in force: confirmed if it is, else preliminary. `P0`, `P1`, `P2`.
    pub level: String,
    pub preliminary_level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    /// `reported`, `confirmed`, `responding`, `mitigated`, `resolved`, `reviewed`, `cancelled`, `merged`.
    pub state: String,
    /// `alert` or `person`.
    pub source: String,
    pub service: String,
    pub scope: String,
    pub status: String,
    pub progress: String,
    pub started_at: Time,
    pub reported_by: String,
    pub marks: IncidentMarks,
    pub times: IncidentTimes,
    pub clock: PromiseClock,
    pub alert_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commander: Option<String>,
    /// An exercise: left out of statistics.
    #[serde(default)]
    pub is_drill: bool,
    /// Rises with each change; for the event stream.
    pub revision: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct IncidentMarks {
    pub fault_start_at: Option<Time>,
    pub detected_at: Option<Time>,
    pub acknowledged_at: Option<Time>,
    pub confirmed_at: Option<Time>,
    pub mitigated_at: Option<Time>,
    pub resolved_at: Option<Time>,
}

/// Computed from the marks, never typed in. Seconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct IncidentTimes {
    /// Fault start to detection.
    pub mttd_secs: Option<f64>,
    /// Detection to acknowledgement.
    pub mtta_secs: Option<f64>,
    /// Fault start to resolution.
    pub mttr_secs: Option<f64>,
}

/// When the next update was promised for, and how well the promises were kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PromiseClock {
    pub cadence_secs: u64,
    /// Absent once the incident is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_update_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_at: Option<Time>,
    pub overdue: bool,
    pub updates: u32,
    /// Updates that came after their time.
    pub late_updates: u32,
    /// Lateness of all late updates together.
    pub late_secs: f64,
}

/// One incident, whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    pub incident: Incident,
    /// Oldest first.
    pub timeline: Vec<TimelineEntry>,
    pub alerts: Vec<Alert>,
    /// The promises of the service, as they stand now.
    pub slos: Vec<Slo>,
    /// Text for the next update, from what changed since the last one.
    pub draft_update: String,
    /// Where its escalation stands; absent where its pages go by the routes of the SLO or the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// Alerts of other systems that belong to it.
    #[serde(default)]
    pub foreign_alerts: Vec<ForeignAlert>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    pub sequence: u64,
    pub at: Time,
    /// `human`, `system`, `alert`, `change`, `page`.
    pub source: String,
    pub actor: String,
    /// Such as `opened`, `acknowledged`, `level_confirmed`, `update`, `note`, `overdue`, `mitigated`, `resolved`, `page`.
    pub kind: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A person's report: the six fields of the intake form, and the preliminary level and class.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReportRequest {
    /// `P0`, `P1`, `P2`: preliminary.
    pub level: String,
    /// `S1`, `S2`, `S3`, `P4`.
    pub class: String,
    /// Impacted service.
    pub service: String,
    /// Who and where is hit.
    pub scope: String,
    /// What is seen now.
    pub status: String,
    pub started_at: Time,
    /// How far the handling is.
    pub progress: String,
    /// When the next update comes; by the level's cadence unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// An exercise: real clock, real timeline, left out of statistics.
    #[serde(default)]
    pub is_drill: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReportResponse {
    pub id: String,
    pub next_update_at: Time,
    pub incident: Incident,
}

/// One step of an incident by a person. `POST /api/v1/incidents/{id}/{step}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct StepRequest {
    /// Free text for the timeline; required for `update`, `note` and `cancel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// For `confirm`: the level. For `mitigate` and `resolve`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// For `confirm`: the class, if it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// For `update`: the fields that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update_at: Option<Time>,
    /// For `assign`: the commander.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commander: Option<String>,
}

/// One message of the event stream (`GET /api/v1/events`, server-sent events, `id:` is the revision).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StreamEvent {
    /// `incident`, `alert`, `page`, `slos`, `change`, `oncall`: what to read again. `resync`: everything.
    pub kind: String,
    /// Which one; absent for `slos`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub at: Time,
}
