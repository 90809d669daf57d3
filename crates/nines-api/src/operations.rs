//! Operations: the catalogue of actions, plans, runs, approvals, the global stop, and what there is to act on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Values by parameter name: strings, numbers, lists of strings, or a map of weights.
pub type ActionArguments = serde_json::Map<String, serde_json::Value>;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionsResponse {
    /// Where actions go: `simulated`, or `aws` and the region.
    pub cloud: String,
    /// Single actions first, then runbooks, each by name.
    pub actions: Vec<ActionInfo>,
    /// The highest level that the caller may call: `public`, `protected`, `private`.
    pub level: String,
    /// Whether the caller may approve what others ask for.
    pub may_approve: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<GlobalStop>,
}

/// One action of the catalogue, or a runbook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionInfo {
    /// Such as `ec2.stop`, or `runbook/` and a name.
    pub name: String,
    pub summary: String,
    /// `public` reads, `protected` changes, `private` is for the infrastructure team.
    pub level: String,
    /// Somebody other than the author must approve each plan.
    pub four_eyes: bool,
    /// It is answered at once and changes nothing.
    pub reads: bool,
    /// The path of InfraAPI that calls it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub parameters: Vec<ActionParameter>,
    /// For runbooks: what its steps do, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outline: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionParameter {
    pub name: String,
    /// `instance`, `instances`, `target-group`, `listener`, `scaling-group`, `block-list`, `name`, `host`, `text`, `number`,
    /// `networks`, `weights`.
    pub kind: String,
    pub required: bool,
    pub about: String,
    /// Of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Characters of a text or name, items of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_max: Option<usize>,
}

/// Asks what would be done. Nothing is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanRequest {
    pub action: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub arguments: ActionArguments,
    /// The incident that the run would belong to: policies may ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunRequest {
    pub action: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub arguments: ActionArguments,
    /// The hash of the plan that the caller saw; if the world has moved since, the run is refused.
    pub plan_hash: String,
    /// A repeat with the same key is the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Such as `INC-2026-0042`: its timeline tells what the run does, and its service's promises whether it helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionPlan {
    pub action: String,
    #[schema(value_type = Object)]
    pub arguments: ActionArguments,
    pub level: String,
    pub four_eyes: bool,
    /// 64 hexadecimal digits over everything that will be done and what it would overwrite.
    pub hash: String,
    pub steps: Vec<PlannedStep>,
    /// What no other run may touch meanwhile, such as `instance/i-…`.
    pub targets: Vec<String>,
    pub radius: BlastRadius,
    /// The policy that would refuse the caller to start this now; absent if none would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<PlanRefusal>,
}

/// A policy that stands in the way.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanRefusal {
    /// `document/id`.
    pub policy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedStep {
    pub description: String,
    /// `change`, `wait` or `manual`.
    pub kind: String,
    /// The runbook step that it belongs to; empty in a single action.
    pub group: String,
    /// It is so already: nothing will be called.
    pub is_met: bool,
    pub timeout_secs: u64,
    /// `compensate`, `continue` or `human`.
    pub on_failure: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlastRadius {
    /// Machines that are changed.
    pub machines: Vec<String>,
    pub target_groups: Vec<TargetGroupImpact>,
    pub capacities: Vec<CapacityChange>,
    /// Networks put on or taken off block lists.
    pub networks: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TargetGroupImpact {
    pub target_group: String,
    pub registered: usize,
    pub healthy: usize,
    /// The fewest healthy machines at any moment, if every step goes well.
    pub healthy_min: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CapacityChange {
    pub group: String,
    pub from: u32,
    pub to: u32,
}

/// Newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunsResponse {
    pub runs: Vec<ActionRun>,
}

/// A plan on its way, as it is now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionRun {
    pub id: String,
    /// `waiting_for_approval`, `ready`, `running`, `compensating`, `waiting_for_human`, `done`, `compensated`, `cancelled`.
    pub state: String,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub is_over: bool,
    pub author: String,
    pub is_automated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<RunApproval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    pub created_at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    pub plan: ActionPlan,
    /// One for each step of the plan.
    pub steps: Vec<RunStep>,
    /// When the promises are asked whether it helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_due_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<RunVerdict>,
    /// Rises with each change.
    pub version: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunApproval {
    pub by: String,
    pub at: Time,
    pub expires_at: Time,
    /// What was approved, and nothing else.
    pub plan_hash: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunStep {
    pub description: String,
    /// `pending`, `running`, `unknown`, `done`, `failed`, `compensating`, `compensated`, `skipped`, `waiting_for_human`.
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Calls that were made to the provider.
    pub calls: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// What the step saw before it changed anything, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What takes it back, while and after that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

/// Whether the promises of the incident's service are kept better after the run than before it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunVerdict {
    /// `better`, `same`, `worse`, `unknown`.
    pub helped: String,
    pub text: String,
    pub at: Time,
}

/// In order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunEventsResponse {
    pub events: Vec<RunEvent>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunEvent {
    /// From 1.
    pub sequence: u64,
    pub at: Time,
    pub actor: String,
    /// `requested`, `approved`, `started`, `calling`, `unknown`, `step_done`, `step_failed`, `step_skipped`, `compensating`,
    /// `step_compensated`, `waiting_for_human`, `answered`, `cancel_requested`, `finished`, `judged`.
    pub kind: String,
    /// The index of the step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    pub text: String,
}

/// What a step of the way needs: `approve` the plan's hash, `answer` the answer; `start` and `cancel` nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RunStepRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<String>,
    /// `done`, `retry` or `compensate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// While it is on, no run calls anybody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GlobalStop {
    pub by: String,
    pub at: Time,
    pub reason: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StopRequest {
    /// For everybody whose run stands still now.
    pub reason: String,
}

/// What a read saw, in the provider's words.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeenResponse {
    #[schema(value_type = Object)]
    pub seen: serde_json::Value,
}

/// What there is in the cloud, each list by name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudInventory {
    pub cloud: String,
    pub instances: Vec<CloudInstance>,
    pub target_groups: Vec<CloudTargetGroup>,
    pub listeners: Vec<CloudListener>,
    pub scaling_groups: Vec<CloudScalingGroup>,
    pub templates: Vec<String>,
    pub block_lists: Vec<CloudBlockList>,
    /// There is more than is listed.
    pub is_partial: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudInstance {
    /// What an action takes.
    pub id: String,
    /// What people call it; its id where nobody has named it.
    pub name: String,
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down`.
    pub state: String,
    pub zone: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudTargetGroup {
    pub id: String,
    pub name: String,
    pub targets: Vec<CloudTarget>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudTarget {
    pub instance: String,
    /// `initial`, `healthy`, `unhealthy`, `draining`, `unused`, `unavailable`.
    pub health: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudListener {
    pub id: String,
    pub name: String,
    pub weights: Vec<CloudWeight>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudWeight {
    pub target_group: String,
    pub weight: u16,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudScalingGroup {
    pub name: String,
    pub min: u32,
    pub max: u32,
    pub desired: u32,
    pub instances: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudBlockList {
    pub name: String,
    /// How many networks it blocks; absent if that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<usize>,
}
