//! Actions, plans and runs as they cross the wire.

use nines_actions::catalog::{ACTIONS, Action, Work};
use nines_actions::infra::PATHS;
use nines_actions::inventory::Inventory;
use nines_actions::parameter::{ADDRESSES_MAX, INSTANCES_MAX, Kind, WEIGHTED_GROUPS_MAX};
use nines_actions::runbook::Runbook;
use nines_actions::{Barred, Event, OnFailure, Plan, Run, Seen, Step, StepRun, StepWork, Stop};
use nines_api as api;

use crate::operations::RUNBOOK;

/// The whole catalogue and the runbooks.
pub fn catalogue<'a>(runbooks: impl IntoIterator<Item = &'a Runbook>) -> Vec<api::ActionInfo> {
    ACTIONS.iter().map(action).chain(runbooks.into_iter().map(runbook)).collect()
}

fn action(action: &Action) -> api::ActionInfo {
    let path = PATHS.iter().find(|row| row.action == Some(action.name));
    api::ActionInfo {
        name: action.name.to_owned(),
        summary: action.summary.to_owned(),
        level: action.level.as_str().to_owned(),
        four_eyes: action.four_eyes,
        reads: matches!(action.work, Work::Read(_)),
        path: path.map(|row| format!("{} {}", row.method, row.path)),
        parameters: action
            .parameters
            .iter()
            .map(|one| parameter(one.name, one.kind, one.required, one.about))
            .collect(),
        outline: Vec::new(),
    }
}

fn runbook(book: &Runbook) -> api::ActionInfo {
    api::ActionInfo {
        name: format!("{RUNBOOK}{}", book.name),
        summary: book.description.clone(),
        level: book.level.as_str().to_owned(),
        four_eyes: book.four_eyes,
        reads: false,
        path: None,
        parameters: book
            .parameters
            .iter()
            .map(|one| parameter(&one.name, one.kind, one.required, &one.description))
            .collect(),
        outline: book.outline(),
    }
}

fn parameter(name: &str, kind: Kind, required: bool, about: &str) -> api::ActionParameter {
    let (mut min, mut max) = (None, None);
    let length_max = match kind {
        Kind::Number { min: least, max: most } => {
            (min, max) = (Some(least), Some(most));
            None
        }
        Kind::Name { chars_max } | Kind::Text { chars_max } => Some(chars_max),
        Kind::Instances => Some(INSTANCES_MAX),
        Kind::Networks { count_max } => Some(count_max.min(ADDRESSES_MAX)),
        Kind::Weights => Some(WEIGHTED_GROUPS_MAX),
        Kind::Instance
        | Kind::TargetGroup
        | Kind::Listener
        | Kind::ScalingGroup
        | Kind::BlockList
        | Kind::Host => None,
    };
    api::ActionParameter {
        name: name.to_owned(),
        kind: kind.as_str().to_owned(),
        required,
        about: about.to_owned(),
        min,
        max,
        length_max,
    }
}

pub fn plan(plan: &Plan, barred: Option<Barred>) -> api::ActionPlan {
    let radius = &plan.radius;
    api::ActionPlan {
        action: plan.action.clone(),
        arguments: plan.arguments.to_json().as_object().cloned().unwrap_or_default(),
        level: plan.level.as_str().to_owned(),
        four_eyes: plan.four_eyes,
        hash: plan.hash.clone(),
        steps: plan.steps.iter().map(planned).collect(),
        targets: plan.targets.clone(),
        refused_by: barred.map(|Barred { policy, reason }| api::PlanRefusal { policy, reason }),
        radius: api::BlastRadius {
            machines: radius.machines.iter().cloned().collect(),
            target_groups: radius
                .groups
                .iter()
                .map(|group| api::TargetGroupImpact {
                    target_group: group.group.clone(),
                    registered: group.registered,
                    healthy: group.healthy,
                    healthy_min: group.healthy_min,
                })
                .collect(),
            capacities: radius
                .capacities
                .iter()
                .map(|one| api::CapacityChange { group: one.group.clone(), from: one.from, to: one.to })
                .collect(),
            networks: radius.networks,
        },
    }
}

fn planned(step: &Step) -> api::PlannedStep {
    let kind = match step.draft.work {
        StepWork::Change(_) => "change",
        StepWork::Wait(_) => "wait",
        StepWork::Manual(_) => "manual",
    };
    let on_failure = match step.draft.on_failure {
        OnFailure::Compensate => "compensate",
        OnFailure::Continue => "continue",
        OnFailure::Human => "human",
    };
    api::PlannedStep {
        description: step.draft.describe(),
        kind: kind.to_owned(),
        group: step.draft.group.clone(),
        is_met: step.is_met,
        timeout_secs: step.draft.timeout.as_secs(),
        on_failure: on_failure.to_owned(),
    }
}

pub fn run(run: &Run) -> api::ActionRun {
    let steps = run.plan.steps.iter().zip(&run.steps);
    api::ActionRun {
        id: run.id.0.clone(),
        state: run.state.as_str().to_owned(),
        reason: run.reason.clone(),
        is_over: run.state.is_over(),
        author: run.author.clone(),
        is_automated: run.is_automated,
        incident: run.incident.clone(),
        approval: run.approval.as_ref().map(|approval| api::RunApproval {
            by: approval.by.clone(),
            at: approval.at.to_string(),
            expires_at: approval.expires_at.to_string(),
            plan_hash: approval.plan_hash.clone(),
        }),
        cancelled_by: run.cancelled_by.clone(),
        created_at: run.created_at.to_string(),
        started_at: run.started_at.map(|at| at.to_string()),
        finished_at: run.finished_at.map(|at| at.to_string()),
        plan: plan(&run.plan, None),
        steps: steps.map(|(planned, step)| run_step(planned, step)).collect(),
        verdict_due_at: run.verdict_due_at.map(|at| at.to_string()),
        verdict: run.verdict.as_ref().map(|verdict| api::RunVerdict {
            helped: verdict.helped.as_str().to_owned(),
            text: verdict.text.clone(),
            at: verdict.at.to_string(),
        }),
        version: run.version,
    }
}

fn run_step(planned: &Step, step: &StepRun) -> api::RunStep {
    let undo = step.undo.as_ref();
    api::RunStep {
        description: planned.draft.describe(),
        state: step.state.as_str().to_owned(),
        reason: step.reason.clone(),
        calls: step.attempt.calls + undo.map_or(0, |undo| undo.attempt.calls),
        started_at: step.attempt.started_at.map(|at| at.to_string()),
        before: step.before.as_ref().map(in_words),
        undo: undo.map(|undo| undo.effect.describe()),
    }
}

/// What was seen, on one line.
fn in_words(seen: &Seen) -> String {
    match seen {
        Seen::Missing => "not there".to_owned(),
        Seen::Instance { state, checks, .. } => format!("{}, checks {}", state.as_str(), checks.as_str()),
        Seen::Targets { health } if health.is_empty() => "not registered".to_owned(),
        Seen::Targets { health } => health
            .iter()
            .map(|(id, health)| format!("{id} {}", health.as_str()))
            .collect::<Vec<_>>()
            .join(", "),
        Seen::Rules { rules } if rules.is_empty() => "no such rule".to_owned(),
        Seen::Rules { rules } => format!("{} rules", rules.len()),
        Seen::Templates { templates } if templates.is_empty() => "no such template".to_owned(),
        Seen::Templates { templates } => format!("{} templates", templates.len()),
        Seen::ScalingGroup { min, max, desired, .. } => format!("{desired} machines, of {min} to {max}"),
        Seen::Weights { weights } => {
            weights.iter().map(|(group, weight)| format!("{group} {weight}")).collect::<Vec<_>>().join(", ")
        }
        Seen::Terminated { reason } => format!("recorded: {reason}"),
        Seen::BlockList { addresses } if addresses.is_empty() => "none of them blocked".to_owned(),
        Seen::BlockList { addresses } => format!("{} of them blocked", addresses.len()),
    }
}

pub fn event(event: &Event) -> api::RunEvent {
    api::RunEvent {
        sequence: event.sequence,
        at: event.at.to_string(),
        actor: event.actor.clone(),
        kind: event.kind.as_str().to_owned(),
        step: event.step,
        text: event.text.clone(),
    }
}

pub fn stop(stop: &Stop) -> api::GlobalStop {
    api::GlobalStop { by: stop.by.clone(), at: stop.at.to_string(), reason: stop.reason.clone() }
}

pub fn inventory(cloud: String, inventory: &Inventory) -> api::CloudInventory {
    api::CloudInventory {
        cloud,
        instances: inventory
            .instances
            .iter()
            .map(|one| api::CloudInstance {
                id: one.id.clone(),
                name: one.name.clone(),
                state: one.state.as_str().to_owned(),
                zone: one.zone.clone(),
            })
            .collect(),
        target_groups: inventory
            .target_groups
            .iter()
            .map(|one| api::CloudTargetGroup {
                id: one.id.clone(),
                name: one.name.clone(),
                targets: one
                    .health
                    .iter()
                    .map(|(instance, health)| api::CloudTarget {
                        instance: instance.clone(),
                        health: health.as_str().to_owned(),
                    })
                    .collect(),
            })
            .collect(),
        listeners: inventory
            .listeners
            .iter()
            .map(|one| api::CloudListener {
                id: one.id.clone(),
                name: one.name.clone(),
                weights: one
                    .weights
                    .iter()
                    .map(|(group, weight)| api::CloudWeight { target_group: group.clone(), weight: *weight })
                    .collect(),
            })
            .collect(),
        scaling_groups: inventory
            .scaling_groups
            .iter()
            .map(|one| api::CloudScalingGroup {
                name: one.name.clone(),
                min: one.min,
                max: one.max,
                desired: one.desired,
                instances: one.instances,
            })
            .collect(),
        templates: inventory.templates.clone(),
        block_lists: inventory
            .block_lists
            .iter()
            .map(|one| api::CloudBlockList { name: one.name.clone(), networks: one.addresses })
            .collect(),
        is_partial: inventory.is_partial,
    }
}
