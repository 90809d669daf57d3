//! Whether a stored escalation can be trusted to go on.

use std::time::Duration;

use nines_model::Timestamp;

use super::{Escalation, Phase, TIMEOUT_MAX};

/// How late a step may be before it counts as forgotten: the loop turns every second, and a database may be slow.
pub const AUDIT_GRACE: Duration = Duration::from_secs(60);

/// What a sound escalation is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Something happens at this instant if nobody answers.
    NextAt(Timestamp),
    /// Nothing more happens by itself, and people can see the state named.
    Visible(&'static str),
}

/// A page that would be forgotten. Worth waking somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    #[error("the next step of {incident} was due at {due} and has not been taken")]
    Overdue { incident: String, due: Timestamp },
    #[error("the next step of {incident} is due only at {due}, later than any step may wait")]
    TooFar { incident: String, due: Timestamp },
    #[error("{incident} has not started to escalate since {since}")]
    NotStarted { incident: String, since: Timestamp },
    #[error("{incident} waits for step {next} of {steps}")]
    NoSuchStep { incident: String, next: usize, steps: usize },
    #[error("people are being called for {incident} although it is {phase}")]
    Calling { incident: String, phase: &'static str },
}

/// The invariant of paging: an incident that is open and not acknowledged has a next step at a known instant, or stands
/// where people can see it.
pub fn audit(state: &Escalation, now: Timestamp) -> Result<Standing, Defect> {
    let incident = || state.incident.clone();
    let is_waiting = matches!(state.phase, Phase::Waiting { .. });
    if !is_waiting && !state.calls.is_empty() {
        return Err(Defect::Calling { incident: incident(), phase: state.phase.as_str() });
    }
    let due = |at: Timestamp| {
        if at + AUDIT_GRACE < now {
            return Err(Defect::Overdue { incident: incident(), due: at });
        }
        Ok(Standing::NextAt(at))
    };
    match &state.phase {
        Phase::New { since } if *since + AUDIT_GRACE < now => {
            Err(Defect::NotStarted { incident: incident(), since: *since })
        }
        Phase::New { since } => Ok(Standing::NextAt(*since)),
        Phase::Waiting { since, until } => {
            let steps = state.policy.steps.len();
            if state.next > steps {
                return Err(Defect::NoSuchStep { incident: incident(), next: state.next, steps });
            }
            if *until > *since + TIMEOUT_MAX {
                return Err(Defect::TooFar { incident: incident(), due: *until });
            }
            due(state.next_at().unwrap_or(*until))
        }
        Phase::Held { until, .. } => due(*until),
        Phase::Acked { unack_at: Some(at), .. } => due(*at),
        Phase::Acked { .. } | Phase::Exhausted { .. } | Phase::Over { .. } => {
            Ok(Standing::Visible(state.phase.as_str()))
        }
    }
}
