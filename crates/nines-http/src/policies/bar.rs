//! Policies at the door of operations: every run that is requested, started or approved, whoever asked and from where.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use nines_access::Actor;
use nines_actions::parameter::{Argument as Given, Arguments};
use nines_actions::{Bar, Barred, Bars, Caller, Phase, Plan};
use nines_policy::{Argument, Asked, IncidentFacts, On, Operation, Situation, Subject, TargetFacts};

use super::{incident_facts, subject};
use crate::SharedApp;

/// Tags that say where a thing belongs, as people write them.
const ENVIRONMENT_TAGS: [&str; 3] = ["environment", "env", "stage"];
const SERVICE_TAGS: [&str; 2] = ["service", "service.name"];

/// What a caller may do with actions, policies included.
pub fn operator(app: &SharedApp, actor: &Actor) -> Caller {
    let caller = crate::operations::operator(actor);
    match subject(actor).filter(|_| !app.policies.policies.is_empty()) {
        None => caller,
        Some(subject) => {
            let bar = PolicyBar { app: SharedApp::clone(app), subject };
            Caller { bars: Bars::new(Arc::new(bar)), ..caller }
        }
    }
}

struct PolicyBar {
    app: SharedApp,
    subject: Subject,
}

#[async_trait]
impl Bar for PolicyBar {
    async fn barred(&self, phase: Phase, plan: &Plan, incident: Option<&str>) -> Option<Barred> {
        let incident = match self.incident(incident).await {
            Ok(incident) => incident,
            Err(reason) => return Some(Barred { policy: "context".to_owned(), reason: Some(reason) }),
        };
        let phase = match phase {
            Phase::Start => "start",
            Phase::Approve => "approve",
        };
        let runbook = plan.action.strip_prefix(crate::operations::RUNBOOK);
        let targets = target_facts(&self.app, plan);
        let now = self.app.clock.now();
        for (action, arguments) in plan.actions() {
            // A runbook of manual steps alone calls nobody.
            if action.starts_with(crate::operations::RUNBOOK) {
                continue;
            }
            let operation = Operation {
                phase,
                runbook,
                incident: incident.as_ref(),
                machines: plan.radius.machines.len(),
                parameters: parameters(arguments),
            };
            let situation = Situation { now, operation: Some(&operation) };
            for target in &targets {
                let asked = Asked { subject: &self.subject, action, on: On::Target(target), situation };
                if let Some(refusal) = self.app.policies.policies.refusal(&asked) {
                    return Some(Barred { policy: refusal.policy, reason: refusal.reason });
                }
            }
        }
        None
    }
}

impl PolicyBar {
    /// The incident that the run belongs to. One that cannot be read is no open incident, and no closed one.
    async fn incident(&self, id: Option<&str>) -> Result<Option<IncidentFacts>, String> {
        let Some(id) = id else { return Ok(None) };
        let unreadable = || format!("incident `{id}` cannot be read");
        let id = id.parse().map_err(|_| unreadable())?;
        let incident = self.app.incidents.get(id).await.map_err(|_| unreadable())?;
        incident_facts(&self.app, &self.subject.name, &incident).await.map(Some).map_err(|_| unreadable())
    }
}

/// What a plan touches, with what the inventory knows of it.
pub(super) fn target_facts(app: &SharedApp, plan: &Plan) -> Vec<TargetFacts> {
    let facts = |key: &String| {
        let tags = app.inventory.inventory.tags_of(key.rsplit('/').next().unwrap_or(key)).unwrap_or_default();
        let tag = |names: &[&str]| {
            let is = |key: &str| names.iter().any(|wanted| key.eq_ignore_ascii_case(wanted));
            tags.iter().find(|(key, _)| is(key)).map(|(_, value)| value.clone())
        };
        TargetFacts { id: key.clone(), environment: tag(&ENVIRONMENT_TAGS), service: tag(&SERVICE_TAGS) }
    };
    let mut targets: Vec<_> = plan.targets.iter().map(facts).collect();
    if targets.is_empty() {
        targets.push(TargetFacts { id: plan.action.clone(), ..TargetFacts::default() });
    }
    targets
}

pub(super) fn parameters(arguments: &Arguments) -> BTreeMap<String, Argument> {
    let value = |given: &Given| match given {
        Given::Number(number) => Argument::Number(*number),
        Given::Text(text) => Argument::Text(text.clone()),
        Given::List(texts) => Argument::Texts(texts.clone()),
        Given::Weights(weights) => Argument::Weights(
            weights.iter().map(|(name, weight)| (name.clone(), i64::from(*weight))).collect(),
        ),
    };
    arguments.0.iter().map(|(name, given)| (name.clone(), value(given))).collect()
}
