//! Dashboards: documents as they are applied, their versions, imports of other systems' and what became of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// `kind: Dashboard` of `nines/v1`, the same tree as its YAML.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardDocument {
    /// `nines/v1`
    pub api_version: String,
    /// `Dashboard`
    pub kind: String,
    pub metadata: DashboardMetadata,
    pub spec: DashboardSpec,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardMetadata {
    /// Letters, digits, `-`, `_` and `.`.
    pub name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardSpec {
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The service that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The team whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    pub time: DashboardTime,
    /// How often it is asked again; absent: not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_secs: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<DashboardVariable>,
    pub panels: Vec<DashboardPanel>,
}

/// As people write times: `now-1h` or RFC 3339.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardTime {
    pub from: String,
    pub to: String,
}

/// A word that queries use as `$name`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardVariable {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// `label`, `query`, `list`, `interval`, `constant` or `text`.
    pub kind: String,
    /// The label whose values it has (`label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The series whose values they are (`label`); absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promql: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// The values (`list`, `interval`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
    /// The value (`constant`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is chosen at first; empty: all, or the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub multiple: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub all: bool,
    /// What "all" stands for in queries; absent: every value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_value: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
}

/// Queries and the view that shows their answers, at a place of a grid of 24 columns.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardPanel {
    /// Unique in the dashboard.
    pub id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
    /// `timeSeries`, `stat`, `gauge`, `bars`, `table`, `heatmap`, `stateTimeline`, `logs`, `text` or `row`.
    pub view: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<DashboardQuery>,
    /// Markdown (`text`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Such as `seconds`, `bytes`, `ratio`; absent: a plain number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<DashboardThreshold>,
    /// The first that is about a value says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<DashboardMapping>,
    /// `bottom` (if absent), `right`, `table` or `hidden`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legend: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub stack: bool,
    /// `last` (if absent), `mean`, `max`, `min` or `sum`: what one number is made of a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calculation: Option<String>,
    /// Drawn once for each chosen value of this variable; of a row, with all that is below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// Of a row: what is below it is folded away.
    #[serde(default, skip_serializing_if = "is_false")]
    pub collapsed: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<DashboardOverride>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<DashboardLink>,
}

/// One of `promql`, `sql`, `search`, `slo`, `uptime`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promql: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// A filter; with it `dataset` and `splitBy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// The name of a promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
    /// The name of a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_by: Option<String>,
    /// `{{label}}` stands for a label's value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub legend: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub instant: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardThreshold {
    pub from: f64,
    /// `good`, `warn`, `bad`, `info` or `none`.
    pub tone: String,
}

/// A value that has words, a tone, or both: of one `value`, of those `from` one `to` another, of those that `regex` matches,
/// or of what is `missing`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardMapping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub missing: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// As of a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tone: Option<String>,
}

/// What is different for some lines.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardOverride {
    /// The name of a line, or a regular expression between slashes.
    pub series: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub negative: bool,
    /// `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardLink {
    pub title: String,
    /// A path of the application, or https.
    pub url: String,
}

/// One version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardRevision {
    /// From 1; 0 of one that is made from telemetry and not kept.
    pub version: u64,
    pub at: Time,
    pub by: String,
    pub note: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    pub document: DashboardDocument,
    pub revision: DashboardRevision,
    /// The document as YAML.
    pub yaml: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardSummary {
    pub name: String,
    pub title: String,
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    pub panels: usize,
    pub revision: DashboardRevision,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardsResponse {
    /// By name.
    pub dashboards: Vec<DashboardSummary>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardRequest {
    pub document: DashboardDocument,
    /// The version that was edited: another one there is a conflict. 0: there must be none. Absent: whatever is there is
    /// replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What it is for, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The versions that are kept, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardHistory {
    pub name: String,
    pub revisions: Vec<DashboardRevision>,
}

/// A dashboard as text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardExport {
    /// `yaml`, `json` or `perses`.
    pub format: String,
    pub text: String,
    /// What the format has no place for.
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardImportRequest {
    /// `grafana` or `perses`; absent: whichever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The JSON as the other system exports it.
    pub text: String,
}

/// What a foreign dashboard is here. Nothing is kept: put the document to keep it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardImport {
    pub format: String,
    pub document: DashboardDocument,
    pub yaml: String,
    pub taken: usize,
    pub approximated: usize,
    pub left_out: usize,
    /// In the order of the source.
    pub panels: Vec<DashboardImportPanel>,
    /// What is about no one panel.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DashboardImportPanel {
    pub title: String,
    /// The kind of panel, in the words of the source.
    pub kind: String,
    /// `taken`, `approximated` or `left out`.
    pub outcome: String,
    pub reasons: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_false(flag: &bool) -> bool {
    !flag
}
