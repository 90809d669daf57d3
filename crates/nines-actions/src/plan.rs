//! What will be done, before it is done: steps, what they touch, and the hash that an approval is bound to.
//!
//! The hash covers the action, its arguments, every step in order with its limits, whether each step has anything to do,
//! and the values that will be overwritten. It does not cover what changes by itself (the health of machines that the plan
//! only passes): the blast radius is judged again when the run starts. The same request in the same world has the same
//! hash in every process and version that says [`HASH_VERSION`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ActionError;
use crate::bar::Part;
use crate::catalog::Level;
use crate::effect::{Effect, Standing};
use crate::parameter::Arguments;
use crate::radius::{Limits, Radius};
use crate::seen::{Checks, Health, InstanceState, Query, Seen};

const HASH_VERSION: u32 = 1;

/// Steps of a run: 50 machines of four steps each.
pub const STEPS_MAX: usize = 200;

/// A step as an action or a runbook asks for it, before anybody has looked at the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The runbook step that it belongs to; empty in a single action.
    pub group: String,
    pub work: StepWork,
    #[serde(with = "crate::format::seconds")]
    pub timeout: Duration,
    pub when: When,
    pub on_failure: OnFailure,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepWork {
    Change(Effect),
    Wait(Wait),
    /// Somebody does it and says so.
    Manual(String),
}

/// A state that comes about by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wait", rename_all = "snake_case")]
pub enum Wait {
    ChecksPassed {
        instance: String,
    },
    TargetHealthy {
        group: String,
        instance: String,
    },
    /// Deregistered and drained.
    TargetGone {
        group: String,
        instance: String,
    },
}

/// Of which earlier group a step depends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Always,
    /// Every step of the group is done.
    Done(String),
    /// A step of the group failed and the run went on.
    Failed(String),
    /// A step of the group changed something.
    Changed(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Take back what was done, last first.
    Compensate,
    Continue,
    /// Hold, and ask a person.
    Human,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub draft: Draft,
    /// What the plan saw of the thing to be changed; `None` for waits and manual steps.
    pub seen: Option<Seen>,
    /// Whether, seen now, there is nothing to do.
    pub is_met: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The action's name, or `runbook/` and its name.
    pub action: String,
    pub arguments: Arguments,
    pub level: Level,
    pub four_eyes: bool,
    pub steps: Vec<Step>,
    /// What no other run may touch meanwhile, sorted.
    pub targets: Vec<String>,
    pub radius: Radius,
    /// 64 hex digits.
    pub hash: String,
    /// The actions that a runbook is made of; empty for an action of the catalogue. The hash covers their steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// What is asked for: an action or runbook, resolved to steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub action: String,
    pub arguments: Arguments,
    pub level: Level,
    pub four_eyes: bool,
    pub drafts: Vec<Draft>,
    /// Of a runbook, the actions that it is made of.
    pub parts: Vec<Part>,
}

impl Draft {
    pub fn change(effect: Effect, timeout: Duration) -> Self {
        Self::new(StepWork::Change(effect), timeout)
    }

    pub fn wait(wait: Wait, timeout: Duration) -> Self {
        Self::new(StepWork::Wait(wait), timeout)
    }

    pub fn new(work: StepWork, timeout: Duration) -> Self {
        Self { group: String::new(), work, timeout, when: When::Always, on_failure: OnFailure::Compensate }
    }

    pub fn describe(&self) -> String {
        match &self.work {
            StepWork::Change(effect) => effect.describe(),
            StepWork::Wait(wait) => wait.describe(),
            StepWork::Manual(instructions) => format!("by hand: {instructions}"),
        }
    }
}

impl Wait {
    pub fn query(&self) -> Query {
        match self {
            Self::ChecksPassed { instance } => Query::Instance { instance: instance.clone() },
            Self::TargetHealthy { group, .. } | Self::TargetGone { group, .. } => {
                Query::Targets { group: group.clone() }
            }
        }
    }

    /// Reads may be older than the step before, so only what can never come back is impossible.
    pub fn standing(&self, seen: &Seen) -> Standing {
        let is_met = match (self, seen) {
            (Self::ChecksPassed { instance }, Seen::Instance { state, checks, .. }) => match state {
                InstanceState::Terminated | InstanceState::ShuttingDown => {
                    return Standing::Impossible(format!("instance {instance} is {}", state.as_str()));
                }
                state => *state == InstanceState::Running && *checks == Checks::Ok,
            },
            (Self::TargetHealthy { instance, .. }, Seen::Targets { health }) => {
                health.get(instance) == Some(&Health::Healthy)
            }
            (Self::TargetGone { instance, .. }, Seen::Targets { health }) => !health.contains_key(instance),
            _ => return Standing::Impossible(format!("there is no {}", self.query().subject())),
        };
        if is_met { Standing::Met } else { Standing::Absent }
    }

    pub fn describe(&self) -> String {
        match self {
            Self::ChecksPassed { instance } => format!("wait until {instance} passes its checks"),
            Self::TargetHealthy { group, instance } => {
                format!("wait until {instance} is healthy in {}", crate::effect::short(group))
            }
            Self::TargetGone { group, instance } => {
                format!("wait until {instance} has drained from {}", crate::effect::short(group))
            }
        }
    }
}

impl Intent {
    /// What must be asked before a plan can be made, each question once.
    pub fn queries(&self) -> BTreeSet<Query> {
        let query = |draft: &Draft| match &draft.work {
            StepWork::Change(effect) => Some(effect.query()),
            StepWork::Wait(wait) => Some(wait.query()),
            StepWork::Manual(_) => None,
        };
        self.drafts.iter().filter_map(query).collect()
    }

    /// The plan, given what was seen. Pure.
    ///
    /// # Errors
    /// [`ActionError::Impossible`] for a step that cannot come about (no such machine, a capacity out of bounds),
    /// [`ActionError::OverRadius`] for a plan that touches more than `limits` let.
    pub fn plan(self, seen: &BTreeMap<Query, Seen>, limits: &Limits) -> Result<Plan, ActionError> {
        if self.drafts.is_empty() || self.drafts.len() > STEPS_MAX {
            let reason = format!("it has {} steps, but a run has 1 to {STEPS_MAX}", self.drafts.len());
            return Err(ActionError::Impossible { reason });
        }
        let mut touched = BTreeSet::new();
        let mut steps = Vec::with_capacity(self.drafts.len());
        for draft in self.drafts {
            steps.push(planned(draft, seen, &mut touched)?);
        }
        let targets: BTreeSet<_> =
            steps.iter().filter_map(Step::effect).flat_map(Effect::target_keys).collect();
        let radius = Radius::of(&steps, seen);
        limits.check(&radius)?;
        let mut plan = Plan {
            action: self.action,
            arguments: self.arguments,
            level: self.level,
            four_eyes: self.four_eyes,
            steps,
            targets: targets.into_iter().collect(),
            radius,
            hash: String::new(),
            parts: self.parts,
        };
        plan.hash = plan.canonical_hash();
        Ok(plan)
    }
}

fn planned(
    draft: Draft,
    seen: &BTreeMap<Query, Seen>,
    touched: &mut BTreeSet<Query>,
) -> Result<Step, ActionError> {
    let answer = |query: &Query| seen.get(query).cloned().unwrap_or(Seen::Missing);
    match &draft.work {
        StepWork::Change(effect) => {
            let query = effect.query();
            let now = effect.focus(answer(&query));
            // What an earlier step changes cannot be judged yet.
            let is_first = touched.insert(query);
            let standing = effect.standing(&now);
            if let (true, Standing::Impossible(reason)) = (is_first, &standing) {
                return Err(ActionError::Impossible { reason: reason.clone() });
            }
            let is_met = is_first && standing == Standing::Met;
            Ok(Step { seen: is_first.then_some(now), is_met, draft })
        }
        StepWork::Wait(wait) => {
            if let Standing::Impossible(reason) = wait.standing(&answer(&wait.query())) {
                return Err(ActionError::Impossible { reason });
            }
            Ok(Step { seen: None, is_met: false, draft })
        }
        StepWork::Manual(_) => Ok(Step { seen: None, is_met: false, draft }),
    }
}

impl Step {
    pub fn effect(&self) -> Option<&Effect> {
        match &self.draft.work {
            StepWork::Change(effect) => Some(effect),
            StepWork::Wait(_) | StepWork::Manual(_) => None,
        }
    }

    /// The value that the step would overwrite, if it is of the kind that somebody else may have changed meanwhile.
    fn overwrites(&self) -> Option<&Seen> {
        let effect = self.effect()?;
        matches!(effect, Effect::SetDesired { .. } | Effect::SetWeights { .. }).then_some(())?;
        self.seen.as_ref()
    }
}

impl Plan {
    fn canonical_hash(&self) -> String {
        #[derive(Serialize)]
        struct HashedStep<'a> {
            draft: &'a Draft,
            is_met: bool,
            overwrites: Option<&'a Seen>,
        }
        #[derive(Serialize)]
        struct Hashed<'a> {
            version: u32,
            action: &'a str,
            arguments: &'a Arguments,
            level: Level,
            four_eyes: bool,
            steps: Vec<HashedStep<'a>>,
            targets: &'a [String],
        }
        let steps = self
            .steps
            .iter()
            .map(|step| HashedStep { draft: &step.draft, is_met: step.is_met, overwrites: step.overwrites() })
            .collect();
        let hashed = Hashed {
            version: HASH_VERSION,
            action: &self.action,
            arguments: &self.arguments,
            level: self.level,
            four_eyes: self.four_eyes,
            steps,
            targets: &self.targets,
        };
        // Fields print in the order above and maps are sorted, so the text is canonical.
        let text = serde_json::to_vec(&hashed).expect("a plan always prints");
        hex(&Sha256::digest(text))
    }

    /// Whether the content is what the hash says.
    pub fn is_intact(&self) -> bool {
        self.hash == self.canonical_hash()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
