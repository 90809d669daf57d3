//! Policies of the organisation: documents in Cedar that narrow what roles permit.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// A document in force, or switched off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDocument {
    pub name: String,
    /// From 1; each time it is applied the next.
    pub version: u32,
    /// In Cedar.
    pub text: String,
    /// `false`: it was switched off on the stopped node, and says nothing until it is applied again.
    pub enabled: bool,
    pub applied_at: Time,
    pub applied_by: String,
    /// Empty for a document that this version cannot read: until it is applied again or removed, nobody changes anything.
    pub policies: Vec<Policy>,
    /// What this version cannot read of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PolicyProblem>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// `document/id`: what a refusal names.
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it begins, from 1.
    pub line: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PoliciesResponse {
    /// By name.
    pub documents: Vec<PolicyDocument>,
    pub counts: PolicyCounts,
}

/// Since the node began.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct PolicyCounts {
    pub evaluated: u64,
    pub refused: u64,
    /// Evaluations that failed; what would change something is refused then.
    pub errors: u64,
}

/// The words that policies may use, as the Cedar schema that they are validated against.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicySchema {
    pub text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyRequest {
    /// In Cedar, at most 64 KiB.
    pub text: String,
    /// Apply it although the caller could not take it back afterwards.
    #[serde(default)]
    pub force: bool,
}

/// What a document would do, without applying it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyCheckRequest {
    /// Checked in place of the document of this name, beside all others; without one, beside all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub text: String,
    /// How many of the newest calls in the audit log are put to it. At most 10 000; 1 000 unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyChecked {
    /// Empty if it can be applied.
    pub problems: Vec<PolicyProblem>,
    pub policies: Vec<Policy>,
    /// Whether the caller could still apply and remove policies.
    pub keeps_caller: bool,
    /// Absent where there are problems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<PolicyRehearsal>,
}

/// One mistake at its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyProblem {
    pub document: String,
    /// From 1, in characters.
    pub line: u32,
    pub column: u32,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Calls of the past under the policies that would be in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyRehearsal {
    /// Done calls of people and keys that were asked about. Questions are not in the audit log, so not among them.
    pub asked: u32,
    /// Calls whose caller or action is known no more.
    pub unknown: u32,
    /// How many would have been refused.
    pub refused: u32,
    /// The newest of those, at most 50.
    pub examples: Vec<PolicyExample>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyExample {
    /// Of the entry in the audit log.
    pub sequence: u64,
    pub at: Time,
    pub actor: String,
    /// As policies write it.
    pub action: String,
    pub resource: String,
    pub policy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
