//! A run: a plan on its way, as it is stored after every transition.

use nines_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::effect::Effect;
use crate::event::Event;
use crate::format::{nanos, nanos_option};
use crate::plan::Plan;
use crate::seen::Seen;

/// A UUIDv7.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Nothing is done before somebody else approves.
    WaitingForApproval,
    /// Approved, or in no need of it; not started.
    Ready,
    Running,
    /// Taking back what was done, last first.
    Compensating,
    /// Holds its targets until a person answers; the reason says what about.
    WaitingForHuman,
    Done,
    /// It failed or was cancelled, and nothing of it is left.
    Compensated,
    /// Given up before anything was done.
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Pending,
    Running,
    /// A call was made whose answer never came: looking will tell.
    Unknown,
    Done,
    Failed,
    Compensating,
    Compensated,
    Skipped,
    WaitingForHuman,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    /// Counts stores; a store with an old version is refused.
    pub version: u64,
    pub plan: Plan,
    pub state: RunState,
    /// Why it is in this state, where there is something to say.
    pub reason: Option<String>,
    pub author: String,
    /// Who that is, whatever the key is called. Absent in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_person: Option<Person>,
    /// Started by a rule and not by a person: such runs are damped harder.
    pub is_automated: bool,
    pub idempotency_key: Option<String>,
    pub incident: Option<String>,
    pub approval: Option<Approval>,
    /// Who asked to cancel.
    pub cancelled_by: Option<String>,
    #[serde(with = "nanos")]
    pub created_at: Timestamp,
    #[serde(with = "nanos_option")]
    pub started_at: Option<Timestamp>,
    #[serde(with = "nanos_option")]
    pub finished_at: Option<Timestamp>,
    /// Nothing is to be done before.
    #[serde(with = "nanos")]
    pub due_at: Timestamp,
    pub steps: Vec<StepRun>,
    /// Transitions that the audit log has not confirmed yet. Nothing is called while there are any.
    pub unwitnessed: Vec<Event>,
    pub events_count: u64,
    /// When to ask whether it helped.
    #[serde(with = "nanos_option")]
    pub verdict_due_at: Option<Timestamp>,
    pub verdict: Option<Verdict>,
}

/// Who somebody is, as far as four eyes are counted: names of keys can be chosen, this cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account, or the user of a chat.
    pub id: String,
    /// Whoever made the key that was shown, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_maker: Option<String>,
}

impl Person {
    /// Whether both may well be one pair of eyes: the same account, or one holds a key that the other made.
    pub fn may_be(&self, other: &Self) -> bool {
        self.id == other.id
            || self.key_maker.as_ref() == Some(&other.id)
            || other.key_maker.as_ref() == Some(&self.id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    #[serde(with = "nanos")]
    pub at: Timestamp,
    #[serde(with = "nanos")]
    pub expires_at: Timestamp,
    /// What was approved, and nothing else.
    pub plan_hash: String,
}

/// Whether the indicator is better after the run than before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub helped: Helped,
    /// The figures, for people.
    pub text: String,
    #[serde(with = "nanos")]
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Helped {
    Better,
    Same,
    Worse,
    /// Too few events, or no indicator to read.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    pub state: StepState,
    pub reason: Option<String>,
    pub attempt: Attempt,
    /// What the step saw before it changed anything.
    pub before: Option<Seen>,
    /// Present once the step is being taken back.
    pub undo: Option<Undo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    pub effect: Effect,
    pub attempt: Attempt,
}

/// How far one effect has come: called or not, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// Calls made. The first of them and each after it is stored before it is made.
    pub calls: u32,
    /// Refusals in a row that are worth a retry, for the pause.
    pub refusals: u32,
    pub certainty: Certainty,
    /// A call is about to be made by this process. A process that finds it set at its start did not make it.
    pub is_calling: bool,
    #[serde(with = "nanos_option")]
    pub started_at: Option<Timestamp>,
    #[serde(with = "nanos_option")]
    pub called_at: Option<Timestamp>,
    #[serde(with = "nanos_option")]
    pub not_before: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The provider certainly has not done it for us.
    #[default]
    NotDone,
    /// It may have, or may still.
    Unknown,
    /// It has.
    Done,
}

impl RunState {
    pub const ALL: [Self; 8] = [
        Self::WaitingForApproval,
        Self::Ready,
        Self::Running,
        Self::Compensating,
        Self::WaitingForHuman,
        Self::Done,
        Self::Compensated,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitingForApproval => "waiting_for_approval",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Compensating => "compensating",
            Self::WaitingForHuman => "waiting_for_human",
            Self::Done => "done",
            Self::Compensated => "compensated",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether it holds its targets.
    pub fn holds_targets(self) -> bool {
        matches!(self, Self::Running | Self::Compensating | Self::WaitingForHuman)
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Compensated | Self::Cancelled)
    }
}

impl StepState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Unknown => "unknown",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Compensating => "compensating",
            Self::Compensated => "compensated",
            Self::Skipped => "skipped",
            Self::WaitingForHuman => "waiting_for_human",
        }
    }
}

impl Helped {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Same => "same",
            Self::Worse => "worse",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Better, Self::Same, Self::Worse, Self::Unknown]
            .into_iter()
            .find(|helped| helped.as_str() == word)
    }
}

impl StepRun {
    pub(crate) fn pending() -> Self {
        Self {
            state: StepState::Pending,
            reason: None,
            attempt: Attempt::default(),
            before: None,
            undo: None,
        }
    }

    /// Whether this step, and nobody else, changed something or may have.
    pub fn may_have_changed(&self) -> bool {
        self.attempt.certainty != Certainty::NotDone
    }
}

impl Run {
    /// Whether a worker has something to do for it, now or at [`Run::due_at`].
    pub fn needs_work(&self) -> bool {
        matches!(self.state, RunState::Running | RunState::Compensating)
            || !self.unwitnessed.is_empty()
            || (self.verdict_due_at.is_some() && self.verdict.is_none())
    }

    /// The one id of a step's effect, the same in every attempt.
    pub fn effect_id(&self, step: usize, is_undo: bool) -> String {
        format!("{}/{step}{}", self.id, if is_undo { "/undo" } else { "" })
    }
}
