//! Every transition, told. The caller writes each to the audit log and to the incident's timeline.

use nines_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::format::nanos;
use crate::run::{Run, RunId};

/// A transition of a run. Delivered at least once and in order within its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub run: RunId,
    /// From 1, without gaps within the run.
    pub sequence: u64,
    #[serde(with = "nanos")]
    pub at: Timestamp,
    /// Who did it: a person's or key's name, or `nines/actions` for the machine itself.
    pub actor: String,
    pub kind: EventKind,
    /// The index of the step that it is about.
    pub step: Option<usize>,
    /// One line for people.
    pub text: String,
    pub incident: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Requested,
    Approved,
    Started,
    /// A call is about to be made.
    Calling,
    /// Its answer never came.
    Unknown,
    StepDone,
    StepFailed,
    StepSkipped,
    Compensating,
    StepCompensated,
    WaitingForHuman,
    Answered,
    CancelRequested,
    Finished,
    Judged,
}

/// The machine's own name in events.
pub const MACHINE: &str = "nines/actions";

impl EventKind {
    /// The stable word in the audit log: `action.` and this.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Started => "started",
            Self::Calling => "calling",
            Self::Unknown => "unknown",
            Self::StepDone => "step_done",
            Self::StepFailed => "step_failed",
            Self::StepSkipped => "step_skipped",
            Self::Compensating => "compensating",
            Self::StepCompensated => "step_compensated",
            Self::WaitingForHuman => "waiting_for_human",
            Self::Answered => "answered",
            Self::CancelRequested => "cancel_requested",
            Self::Finished => "finished",
            Self::Judged => "judged",
        }
    }
}

impl Run {
    pub(crate) fn tell(
        &mut self,
        now: Timestamp,
        actor: &str,
        kind: EventKind,
        step: Option<usize>,
        text: String,
    ) {
        self.events_count += 1;
        self.unwitnessed.push(Event {
            run: self.id.clone(),
            sequence: self.events_count,
            at: now,
            actor: actor.to_owned(),
            kind,
            step,
            text,
            incident: self.incident.clone(),
        });
    }
}
