//! What there is, whether it keeps to the standards, and what is waived.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Judged pairs of a standard and a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComplianceTally {
    pub passed: u64,
    pub failed: u64,
    /// What was not collected, or refused. It lowers the score as a failure does.
    pub unknown: u64,
    /// Failed or unknown, and answered for until a day.
    pub waived: u64,
    /// Percent passed of what passed, failed or is unknown; nothing while nothing was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// The score of everything, and what it is made of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryScore {
    pub total: ComplianceTally,
    /// Resources that are there.
    pub resources: usize,
    /// The worst first: by what failed, weighed by severity, then by what is unknown.
    pub rules: Vec<InventoryStandard>,
    /// The worst score first. The empty name is what nobody owns.
    pub owners: Vec<ComplianceGroup>,
    pub kinds: Vec<ComplianceGroup>,
    /// By day, the oldest first.
    pub days: Vec<ComplianceDay>,
    pub listings: Vec<InventoryListing>,
    /// Whether the node can collect from a provider by itself.
    pub can_collect: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryStandard {
    pub name: String,
    pub title: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    pub applies_to: Vec<String>,
    pub why: String,
    pub mend: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    pub disabled: bool,
    /// The document of one's own; one that is built in has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yaml: Option<String>,
    pub tally: ComplianceTally,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ComplianceGroup {
    pub name: String,
    pub tally: ComplianceTally,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ComplianceDay {
    /// Such as `2026-11-22`, UTC.
    pub day: String,
    pub tally: ComplianceTally,
}

/// What is known of a kind in an account: when it was asked for, and whether it answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryListing {
    pub provider: String,
    pub account: String,
    pub region: String,
    pub kind: String,
    pub tried_at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_at: Option<Time>,
    /// Why it was not whole the last time; then nothing is gone by it, and nothing new is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    pub count: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryResources {
    /// The worst first.
    pub resources: Vec<InventoryResource>,
    /// How many fit the question, shown or not.
    pub count: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryResource {
    /// Provider, account, region, kind and id with slashes between them.
    pub key: String,
    pub provider: String,
    pub account: String,
    pub region: String,
    pub kind: String,
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub first_seen_at: Time,
    pub last_seen_at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Time>,
    pub tally: ComplianceTally,
    /// All of them for one resource; in a list those that did not pass.
    pub verdicts: Vec<InventoryVerdict>,
    /// The tree that was collected; only for one resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryVerdict {
    pub rule: String,
    pub title: String,
    pub severity: String,
    /// `passed`, `failed`, `unknown` or `waived`.
    pub verdict: String,
    /// The fact that decided it, or why it is not known.
    pub because: String,
    pub why: String,
    pub mend: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The waiver's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
}

/// A file to take in.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct InventoryImport {
    pub text: String,
    /// Its name, for messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Of what does not name its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The file holds everything of each kind in it: what it does not hold is gone.
    #[serde(default)]
    pub complete: bool,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryTaken {
    /// What the file was taken for, or where it was collected.
    pub source: String,
    pub listings: Vec<InventoryTakenKind>,
    /// Things that no kind is for, by their own name.
    pub skipped: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryTakenKind {
    pub account: String,
    pub region: String,
    pub kind: String,
    pub seen: usize,
    pub added: usize,
    pub changed: usize,
    pub gone: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StandardsRequest {
    /// `kind: Standard` documents with `---` between them.
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StandardsApplied {
    pub names: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InventoryStandards {
    /// By name.
    pub standards: Vec<InventoryStandard>,
}

/// Which failures, why, who answers for them, and until when. One of `resource`, `kind`, `account` and `owner_is` at least.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct WaiverRequest {
    /// The standard's name.
    pub rule: String,
    /// A resource's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Resources whose owner this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_is: Option<String>,
    /// At least ten characters.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// At most 366 days from now.
    pub ends_at: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ComplianceWaiver {
    pub id: String,
    pub rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_is: Option<String>,
    pub reason: String,
    pub owner: String,
    pub asked_by: String,
    pub asked_at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    pub ends_at: Time,
    /// `asked`, `in_force` or `ended`.
    pub state: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WaiversResponse {
    /// The newest first.
    pub waivers: Vec<ComplianceWaiver>,
}
