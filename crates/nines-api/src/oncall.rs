//! On call: who is called, when and by what; what is not told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Applied, Fault, Time};

/// Who is on call now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OncallResponse {
    pub at: Time,
    pub teams: Vec<OncallTeam>,
    pub schedules: Vec<ScheduleNow>,
    /// Everybody who is named in a team, a schedule or personal rules.
    pub people: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OncallTeam {
    pub name: String,
    pub first_line: bool,
    /// The policy by which its incidents escalate; without one its pages go by the routes of the SLO or the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Whom the first step of the policy would call now; without a policy, whom the team itself names.
    pub on_call: Vec<String>,
    /// Schedules that its policy asks.
    pub schedules: Vec<String>,
    pub members: Vec<String>,
    pub channels: Vec<String>,
}

/// A schedule at one instant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScheduleNow {
    pub name: String,
    pub time_zone: String,
    pub layers: Vec<String>,
    /// Empty is a gap.
    pub on_call: Vec<String>,
    /// They see everything and are never called.
    pub shadows: Vec<String>,
    /// `layer week`, or the override and who made it.
    pub because: String,
    /// When somebody else is on call; absent if nobody else is within a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
    pub next: Vec<String>,
    /// The first time within a month in which nobody is on call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<TimeSpan>,
    pub people: Vec<String>,
}

/// Half open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimeSpan {
    pub start: Time,
    pub end: Time,
}

/// A schedule over time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShiftsResponse {
    pub schedule: String,
    pub time_zone: String,
    pub start: Time,
    pub end: Time,
    /// What results from layers and overrides; consecutive, gaps are shifts of nobody.
    pub shifts: Vec<Shift>,
    /// Each layer for itself, from the bottom to the top.
    pub layers: Vec<LayerShifts>,
    pub gaps: Vec<TimeSpan>,
    pub overrides: Vec<Override>,
    /// Who carries how much in this time.
    pub load: Vec<PersonLoad>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LayerShifts {
    pub name: String,
    pub shifts: Vec<Shift>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Shift {
    pub start: Time,
    pub end: Time,
    pub people: Vec<String>,
    pub shadows: Vec<String>,
    pub because: String,
    /// The override that decides, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Override {
    pub id: String,
    pub start: Time,
    pub end: Time,
    /// Those who are on call instead; for a shift that was taken, who took it.
    pub people: Vec<String>,
    /// Whose shift it was, if it was taken from somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    pub author: String,
    pub reason: String,
    pub created_at: Time,
}

/// Hours on call; each counts once: as holiday, else weekend, else night, else day.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonLoad {
    pub person: String,
    pub shifts: u32,
    pub day_hours: f64,
    pub night_hours: f64,
    pub weekend_hours: f64,
    pub holiday_hours: f64,
}

/// Others are on call for a time, whoever it would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OverrideRequest {
    pub start: Time,
    pub end: Time,
    pub people: Vec<String>,
    #[serde(default)]
    pub reason: String,
}

/// Takes a shift over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TakeRequest {
    pub start: Time,
    pub end: Time,
    /// Whose; whoever is on call at the start, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who takes it; the caller, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    #[serde(default)]
    pub reason: String,
}

/// Two people give each other a time; kept together or not at all.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SwapRequest {
    pub first: String,
    pub first_start: Time,
    pub first_end: Time,
    pub second: String,
    pub second_start: Time,
    pub second_end: Time,
    #[serde(default)]
    pub reason: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OverridesResponse {
    pub overrides: Vec<Override>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CalendarsResponse {
    pub calendars: Vec<Calendar>,
}

/// The address of a calendar, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Calendar {
    pub id: String,
    pub schedule: String,
    /// Only the shifts of this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    pub made_by: String,
    pub made_at: Time,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct CalendarRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CalendarCreated {
    pub calendar: Calendar,
    /// Whoever has it can read the calendar; it is shown once.
    pub url: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EscalationsResponse {
    pub escalations: Vec<Escalation>,
}

/// Where the escalation of one incident stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Escalation {
    pub incident: String,
    pub policy: String,
    pub policy_version: u64,
    /// `new`, `waiting`, `acknowledged`, `held`, `exhausted`, `over`.
    pub phase: String,
    pub level: String,
    /// From 1.
    pub round: u32,
    pub rounds: u32,
    pub steps: Vec<EscalationStep>,
    /// When something happens if nobody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
    /// What happens then, in words.
    pub next: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// The maintenance window or silence that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Everything that was ordered, oldest first.
    pub calls: Vec<EscalationCall>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EscalationStep {
    pub name: String,
    /// Such as `schedule shop`.
    pub targets: Vec<String>,
    pub timeout_secs: u64,
    /// `done`, `running`, `next`, `later`.
    pub state: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EscalationCall {
    pub at: Time,
    /// `send`, `ticket`, `webhook`, `action`, `first_line`.
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    pub reason: String,
    /// The state of its page: `queued`, `sending`, `delivered`, `undeliverable`, `superseded`; `waiting` before it has
    /// one, `none` where it needs none.
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilencesResponse {
    /// Those that hold now first, then those to come, then those that ended last.
    pub silences: Vec<Silence>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Silence {
    pub id: String,
    pub filter: String,
    pub start: Time,
    pub end: Time,
    pub author: String,
    pub reason: String,
    /// `active`, `pending`, `ended`.
    pub state: String,
    /// When an open alert matched it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_at: Option<Time>,
    /// Set by a document, and deleted with it.
    pub declared: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilenceRequest {
    pub filter: String,
    /// Now, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// Needed: nothing is silent for ever. Seven days at most.
    pub end: Time,
    pub reason: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilenceResponse {
    pub silence: Silence,
    pub preview: SilencePreview,
    /// Nothing was set.
    pub dry_run: bool,
}

/// What it would hold back of the alerts of other systems that are open.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilencePreview {
    pub matching: usize,
    pub of: usize,
    /// The first by title.
    pub titles: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceResponse {
    pub windows: Vec<MaintenanceWindow>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceWindow {
    pub name: String,
    pub filter: String,
    pub author: String,
    pub reason: String,
    /// The status page announces it.
    pub public: bool,
    pub weekly: bool,
    /// The run that is on now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<TimeSpan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<TimeSpan>,
}

/// A window that happens once; repeated ones are documents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceRequest {
    /// A DNS label.
    pub name: String,
    pub filter: String,
    pub start: Time,
    pub end: Time,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub public: bool,
}

/// What an export of another tool became.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportResponse {
    pub dry_run: bool,
    /// The documents that were made, as they are applied.
    pub yaml: String,
    /// One for each object, and for each difference.
    pub notes: Vec<ImportNote>,
    pub results: Vec<Applied>,
    pub warnings: Vec<Fault>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportNote {
    /// `schedule Primary`.
    pub object: String,
    /// Where it stands in the export.
    pub pointer: String,
    /// `translated`, `differs`, `left out`.
    pub outcome: String,
    pub why: String,
}
