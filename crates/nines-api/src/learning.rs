//! Postmortems, reviews, the weekly meeting and the takeover of a service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{IncidentMarks, IncidentTimes, Time};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PostmortemsResponse {
    /// Newest incident first.
    pub postmortems: Vec<PostmortemSummary>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PostmortemSummary {
    pub incident: String,
    pub title: String,
    pub level: String,
    pub service: String,
    /// `draft` or `closed`.
    pub state: String,
    /// It must be written: a P0 or P1 that was no drill.
    pub mandatory: bool,
    pub is_drill: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A day, such as `2026-11-27`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    pub overdue: bool,
    pub measures_open: u32,
    pub measures_overdue: u32,
    pub updated_at: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Postmortem {
    /// To be sent back with a change: of two changes of one version the second is refused.
    pub version: u64,
    pub summary: PostmortemSummary,
    /// By section: `overview`, `what_happened`, `impact`, `contributing_factors`, `resolution`, `went_well`, `went_badly`,
    /// `lucky`, `meeting`, `internal_mail`, `external_message`. Markdown.
    pub sections: BTreeMap<String, String>,
    pub measures: Vec<Measure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_lost_secs: Option<u64>,
    pub facts: PostmortemFacts,
    /// What stands between this and closing it.
    pub missing: Vec<String>,
    pub updated_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
}

/// Something that somebody will do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Measure {
    /// 0 or left out: a new one.
    #[serde(default)]
    pub number: u32,
    pub text: String,
    /// `short_term` or `long_term`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A day, such as `2026-12-18`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    #[serde(default)]
    pub done: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_by: Option<String>,
    #[serde(default)]
    pub overdue: bool,
    /// The incident or the week that it comes from, in lists over several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// As it was when the incident was resolved.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PostmortemFacts {
    pub frozen_at: Time,
    pub class: String,
    pub preliminary_level: String,
    pub services: Vec<String>,
    pub marks: IncidentMarks,
    pub times: IncidentTimes,
    /// Most active first.
    pub people: Vec<String>,
    pub updates_kept: u32,
    pub updates_missed: u32,
    pub timeline: Vec<FrozenEntry>,
    pub timeline_left_out: u32,
    pub charts: Vec<FrozenChart>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FrozenEntry {
    pub at: Time,
    pub actor: String,
    pub kind: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A promise over the time of the incident: counts of equal steps.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FrozenChart {
    pub slo: String,
    pub target: f64,
    pub start: Time,
    pub step_secs: u64,
    pub good: Vec<u64>,
    pub total: Vec<u64>,
    /// Share of the error budget of the whole window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_spent: Option<f64>,
}

/// What to change; what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct PostmortemEdit {
    pub version: u64,
    /// Empty: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, String>,
    /// In place of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measures: Option<Vec<Measure>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_lost_secs: Option<u64>,
}

/// For `close` and `reopen`: the version that was read. For `draft`: nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct PostmortemStep {
    #[serde(default)]
    pub version: u64,
}

/// Figures over a time, drills apart.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewResponse {
    pub start: Time,
    pub end: Time,
    pub incidents: u32,
    pub p0: u32,
    pub p1: u32,
    pub p2: u32,
    pub mean: IncidentTimes,
    pub median: IncidentTimes,
    /// Share of promised updates that came in time, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_time_rate: Option<f64>,
    /// Incidents that escalated by a policy and are resolved.
    pub escalated: u32,
    /// Share of those that never left the first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_line_share: Option<f64>,
    /// Time with an incident in hand, over eight hours a weekday of everybody on call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toil_share: Option<f64>,
    pub toil_secs: f64,
    pub load: Vec<ReviewedPerson>,
    pub drills: Vec<Drill>,
    pub postmortems_due: u32,
    pub postmortems_closed: u32,
    pub postmortems_overdue: Vec<String>,
    /// Not done, the most overdue first, with their origin.
    pub measures: Vec<Measure>,
    pub measures_overdue: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewedPerson {
    pub person: String,
    pub calls: u32,
    pub calls_on_shift: u32,
    pub shifts: u32,
    /// Absent without a shift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_shift: Option<f64>,
    pub on_call_secs: f64,
    pub in_hand_secs: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Drill {
    pub incident: String,
    pub title: String,
    /// Recovery time: fault start to mitigated, else to resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_secs: Option<f64>,
    /// Recovery point: what was lost before the fault, as the postmortem says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_lost_secs: Option<f64>,
}

/// Reports by mail, by name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewReportsResponse {
    pub reports: Vec<ReviewReport>,
}

/// A report by mail: when it goes out next, and where the newest one is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewReport {
    pub name: String,
    /// `week` or `month`.
    pub every: String,
    pub time_zone: String,
    pub next_at: Time,
    /// Of the newest one, such as `2026-W47` or `2026-10`.
    pub period: String,
    pub due_at: Time,
    /// The mail channels that it goes to.
    pub channels: Vec<String>,
    /// Who gets nothing, and why.
    pub problems: Vec<String>,
    /// The newest one; empty if it has not gone out.
    pub sent: Vec<ReportSent>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReportSent {
    pub channel: String,
    /// As pages: `queued`, `sending`, `delivered`, `undeliverable` or `superseded`.
    pub state: String,
    pub at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A report as it goes out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReportPreview {
    pub report: String,
    pub period: String,
    pub start: Time,
    pub end: Time,
    pub due_at: Time,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The attachment.
    pub csv: String,
    pub channels: Vec<String>,
    pub problems: Vec<String>,
    /// Mails that were put into the outbox by this call: 0 for a dry run, and for a period that has gone out.
    pub queued: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ReportSendRequest {
    /// Show it and send nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A page that is generated from facts, with what people added to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Sheet {
    /// A week such as `2026-W47`, or a service.
    pub key: String,
    /// To be sent back with a change; 0 if nobody wrote anything yet.
    pub version: u64,
    /// In the order of the page.
    pub points: Vec<SheetPoint>,
    /// To-dos of this sheet.
    pub measures: Vec<Measure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SheetPoint {
    pub name: String,
    /// What the node knows about it, a line each.
    pub facts: Vec<String>,
    pub text: String,
    pub done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_by: Option<String>,
}

/// The weekly meeting: the review of the week, how the promises stand, and the points.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MeetingResponse {
    pub week: String,
    pub review: ReviewResponse,
    /// The promises as they stand now, a line each, worst first.
    pub promises: Vec<String>,
    /// Alerts of the week that called somebody, and those that did not.
    pub alerts_urgent: u32,
    pub alerts_other: u32,
    pub sheet: Sheet,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SheetEdit {
    pub version: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub points: BTreeMap<String, SheetPointEdit>,
    /// In place of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measures: Option<Vec<Measure>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SheetPointEdit {
    pub text: String,
    #[serde(default)]
    pub done: bool,
}
