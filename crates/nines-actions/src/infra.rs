//! InfraAPI: the fifteen paths, as data, and the one function that answers them.
//!
//! A body is a JSON object with the action's parameters and, besides them, `incident`, `idempotencyKey` and `planHash`.
//! `dryRun` answers with the plan and does nothing. Otherwise the answer is the run: started, or waiting for approval. A
//! path that reads answers with what it saw.

use serde_json::{Map, Value, json};

use crate::ActionError;
use crate::catalog::{self, Action, Level, Work};
use crate::error::{nearest, shown};
use crate::plan::{Intent, Plan};
use crate::run::Run;
use crate::seen::Seen;
use crate::service::{Actions, Caller, Request};

pub mod slack;

/// One path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    pub method: &'static str,
    pub path: &'static str,
    /// The action behind it. `/Ops/Slack` has none of its own: it runs whatever the command names.
    pub action: Option<&'static str>,
}

const fn row(method: &'static str, path: &'static str, action: &'static str) -> Path {
    Path { method, path, action: Some(action) }
}

pub const PATHS: [Path; 15] = [
    Path { method: "POST", path: "/Ops/Slack", action: None },
    row("POST", "/Ops/AWSResource/ELB/Deregister", "elb.deregister"),
    row("POST", "/Ops/AWSResource/EC2/InService", "ec2.in_service"),
    row("POST", "/Ops/AWSResource/EC2/OffService", "ec2.off_service"),
    row("POST", "/Ops/AWSResource/ELB/Register", "elb.register"),
    row("POST", "/Ops/AWSResource/EC2/Start", "ec2.start"),
    row("POST", "/Ops/AWSResource/EC2/Stop", "ec2.stop"),
    row("POST", "/Ops/AWSResource/ELB/AddRuleQuarantine", "elb.add_rule_quarantine"),
    row("POST", "/Ops/AWSResource/EC2/TerminatedUpdateTable", "ec2.terminated_update_table"),
    row("POST", "/Ops/AWSResource/ELB/GroupInstancesState", "elb.group_instances_state"),
    row("POST", "/Ops/AWSResource/ASG/CreateLaunchTemplate", "asg.create_launch_template"),
    row("GET", "/Ops/AWSResource/ASG/LaunchTemplateList", "asg.launch_template_list"),
    row("POST", "/Ops/AWSResource/ASG/SetDesiredCapacity", "asg.set_desired_capacity"),
    row("POST", "/Ops/AWSResource/ASG/SetWeight", "asg.set_weight"),
    row("GET", "/Ops/AWSResource/ASG/GroupWeight", "asg.group_weight"),
];

impl Path {
    /// The action behind the path.
    pub fn action(&self) -> Option<&'static Action> {
        self.action.and_then(|name| catalog::find(name).ok())
    }

    /// In which level it is published. A chat command has its action's level; the path itself needs a caller.
    pub fn level(&self) -> Level {
        self.action().map_or(Level::Protected, |action| action.level)
    }

    /// Finds a path as it is written, case included.
    ///
    /// # Errors
    /// [`ActionError::NoPath`] with the nearest path.
    pub fn find(method: &str, path: &str) -> Result<&'static Self, ActionError> {
        PATHS.iter().find(|row| row.method == method && row.path == path).ok_or_else(|| ActionError::NoPath {
            method: shown(method),
            path: shown(path),
            nearest: nearest(path, PATHS.iter().map(|row| row.path)),
        })
    }
}

/// What a thin handler renders.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// 200: a read, or a plan.
    Ok(Value),
    /// 202: a run on its way or waiting for approval.
    Accepted(Value),
}

impl Reply {
    pub fn body(&self) -> &Value {
        match self {
            Self::Ok(body) | Self::Accepted(body) => body,
        }
    }
}

/// Answers one call. For a GET, `body` holds the query's parameters as strings.
///
/// # Errors
/// Those of the service; [`ActionError::NoPath`] for any other path.
pub async fn dispatch(
    actions: &Actions,
    path: &str,
    method: &str,
    body: &Value,
    dry_run: bool,
    caller: &Caller,
) -> Result<Reply, ActionError> {
    let row = Path::find(method, path)?;
    let Some(body) = body.as_object() else {
        return Err(ActionError::Invalid(
            "the body must be a JSON object with the action's parameters".to_owned(),
        ));
    };
    let Some(action) = row.action() else {
        return slack::answer(actions, body, caller).await.map(Reply::Ok);
    };
    if let Work::Read(_) = action.work {
        let seen = actions.read(caller, action.name, body).await?;
        return Ok(Reply::Ok(seen_json(&seen)));
    }
    let (values, request) = split(body)?;
    let intent = Intent::of_action(action.name, &values)?;
    if dry_run {
        return Ok(Reply::Ok(plan_json(&actions.plan(caller, intent).await?)));
    }
    Ok(Reply::Accepted(run_json(&actions.run(caller, intent, &request).await?)))
}

/// Takes what belongs to the request out of the parameters.
pub fn split(body: &Map<String, Value>) -> Result<(Map<String, Value>, Request), ActionError> {
    let mut values = body.clone();
    let mut take = |name: &str| match values.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= 200 && !text.chars().any(char::is_control) => {
            Ok(Some(text))
        }
        Some(_) => Err(ActionError::BadParameter {
            name: name.to_owned(),
            reason: "must be a line of at most 200 bytes".to_owned(),
        }),
    };
    let request = Request {
        incident: take("incident")?,
        idempotency_key: take("idempotencyKey")?,
        plan_hash: take("planHash")?,
    };
    Ok((values, request))
}

/// A plan for people and programs.
pub fn plan_json(plan: &Plan) -> Value {
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "description": step.draft.describe(),
                "group": step.draft.group,
                "nothingToDo": step.is_met,
                "timeoutSecs": step.draft.timeout.as_secs(),
            })
        })
        .collect();
    let groups: Vec<_> = plan
        .radius
        .groups
        .iter()
        .map(|group| {
            json!({
                "targetGroup": group.group,
                "registered": group.registered,
                "healthy": group.healthy,
                "healthyAtLeast": group.healthy_min,
            })
        })
        .collect();
    let capacities: Vec<_> = plan
        .radius
        .capacities
        .iter()
        .map(|capacity| json!({"group": capacity.group, "from": capacity.from, "to": capacity.to}))
        .collect();
    json!({
        "action": plan.action,
        "arguments": plan.arguments.to_json(),
        "level": plan.level.as_str(),
        "needsApproval": plan.four_eyes,
        "planHash": plan.hash,
        "targets": plan.targets,
        "steps": steps,
        "blastRadius": {
            "machines": plan.radius.machines,
            "targetGroups": groups,
            "capacities": capacities,
            "networks": plan.radius.networks,
        },
    })
}

pub fn run_json(run: &Run) -> Value {
    let steps: Vec<_> = run
        .plan
        .steps
        .iter()
        .zip(&run.steps)
        .map(|(planned, step)| {
            json!({
                "description": planned.draft.describe(),
                "state": step.state.as_str(),
                "reason": step.reason,
                "calls": step.attempt.calls,
            })
        })
        .collect();
    let verdict =
        run.verdict.as_ref().map(|verdict| json!({"helped": verdict.helped.as_str(), "text": verdict.text}));
    json!({
        "run": run.id.0,
        "action": run.plan.action,
        "state": run.state.as_str(),
        "reason": run.reason,
        "author": run.author,
        "approvedBy": run.approval.as_ref().map(|approval| &approval.by),
        "incident": run.incident,
        "planHash": run.plan.hash,
        "createdAt": run.created_at.to_string(),
        "startedAt": run.started_at.map(|at| at.to_string()),
        "finishedAt": run.finished_at.map(|at| at.to_string()),
        "steps": steps,
        "verdict": verdict,
    })
}

/// What a read saw.
pub fn seen_json(seen: &Seen) -> Value {
    match seen {
        Seen::Missing => json!({"found": false}),
        Seen::Instance { state, checks, zone } => {
            json!({"state": state.as_str(), "checks": checks.as_str(), "zone": zone})
        }
        Seen::Targets { health } => {
            let item = |(id, health): (&String, &crate::seen::Health)| json!({"instanceId": id, "state": health.as_str()});
            json!({"instances": health.iter().map(item).collect::<Vec<_>>()})
        }
        Seen::Rules { rules } => json!({"rules": rules.len()}),
        Seen::Templates { templates } => {
            let item = |template: &crate::seen::Template| {
                json!({
                    "name": template.name,
                    "imageId": template.image,
                    "instanceType": template.instance_type,
                })
            };
            json!({"launchTemplates": templates.iter().map(item).collect::<Vec<_>>()})
        }
        Seen::ScalingGroup { min, max, desired, instances } => {
            json!({"min": min, "max": max, "desiredCapacity": desired, "instances": instances})
        }
        Seen::Weights { weights } => json!({"weights": weights}),
        Seen::Terminated { reason } => json!({"found": true, "reason": reason}),
        Seen::BlockList { addresses } => json!({"addresses": addresses}),
    }
}
