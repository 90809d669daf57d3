//! What people tell a run that is on its way.

use nines_model::Timestamp;

use crate::ActionError;
use crate::event::{EventKind, MACHINE};
use crate::run::{Run, RunState, StepState};

/// What somebody says to a run that waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done: by hand, or it turned out to be. Of a compensation: it is taken back.
    Done,
    Retry,
    /// Take back what was done before.
    Compensate,
}

impl Answer {
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "done" => Some(Self::Done),
            "retry" => Some(Self::Retry),
            "compensate" => Some(Self::Compensate),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Compensate => "compensate",
        }
    }
}

/// Gives a person's answer to a run that waits for one.
///
/// # Errors
/// [`ActionError::WrongState`] if it does not wait, [`ActionError::Invalid`] if the answer does not fit.
pub fn answer(run: &mut Run, answer: Answer, by: &str, now: Timestamp) -> Result<(), ActionError> {
    let waiting = run.steps.iter().position(|step| step.state == StepState::WaitingForHuman);
    let (RunState::WaitingForHuman, Some(index)) = (run.state, waiting) else {
        return Err(wrong_state(run, "answered"));
    };
    let step = &mut run.steps[index];
    let is_undo = step.undo.is_some();
    match (answer, &mut step.undo) {
        (Answer::Done, Some(_)) => step.state = StepState::Compensated,
        (Answer::Done, None) => step.state = StepState::Done,
        (Answer::Retry, Some(undo)) => {
            undo.attempt.started_at = Some(now);
            undo.attempt.not_before = None;
            step.state = StepState::Compensating;
        }
        // A manual step is asked again at once.
        (Answer::Retry, None) if step.attempt.started_at.is_none() => step.state = StepState::Pending,
        (Answer::Retry, None) => {
            step.attempt.started_at = Some(now);
            step.attempt.not_before = None;
            step.state = StepState::Running;
        }
        (Answer::Compensate, Some(_)) => {
            let what = "it is being taken back already: answer `retry` or `done`";
            return Err(ActionError::Invalid(what.to_owned()));
        }
        (Answer::Compensate, None) => step.state = StepState::Failed,
    }
    run.state =
        if is_undo || answer == Answer::Compensate { RunState::Compensating } else { RunState::Running };
    run.reason = (run.state == RunState::Compensating).then(|| format!("{by} answered {}", answer.as_str()));
    run.due_at = now;
    run.tell(now, by, EventKind::Answered, Some(index), format!("{by} answered: {}", answer.as_str()));
    Ok(())
}

/// Asks a run to stop where it is and take back what it did; one that has not started is given up at once. Asking twice
/// is asking once. A run that waits for a person is left to them, except at a step that was never begun.
///
/// # Errors
/// [`ActionError::WrongState`] if it is over, or is being taken back already.
pub fn cancel(run: &mut Run, by: &str, now: Timestamp) -> Result<(), ActionError> {
    match run.state {
        RunState::WaitingForApproval | RunState::Ready => {
            run.state = RunState::Cancelled;
            run.finished_at = Some(now);
            run.reason = Some(format!("cancelled by {by}"));
            run.tell(now, by, EventKind::Finished, None, format!("cancelled by {by}"));
        }
        RunState::Running => {
            if run.cancelled_by.is_none() {
                run.cancelled_by = Some(by.to_owned());
                run.due_at = now;
                run.tell(now, by, EventKind::CancelRequested, None, format!("{by} asked to cancel"));
            }
        }
        RunState::WaitingForHuman => {
            let is_undo =
                run.steps.iter().any(|step| step.state == StepState::WaitingForHuman && step.undo.is_some());
            if is_undo {
                return Err(wrong_state(run, "cancelled"));
            }
            answer(run, Answer::Compensate, by, now)?;
        }
        RunState::Compensating | RunState::Done | RunState::Compensated | RunState::Cancelled => {
            return Err(wrong_state(run, "cancelled"));
        }
    }
    Ok(())
}

/// Gives up a run that nobody has started.
///
/// # Errors
/// [`ActionError::WrongState`] if somebody has.
pub fn give_up(run: &mut Run, now: Timestamp) -> Result<(), ActionError> {
    if !matches!(run.state, RunState::WaitingForApproval | RunState::Ready) {
        return Err(wrong_state(run, "given up"));
    }
    let reason = match run.state {
        RunState::WaitingForApproval => "nobody approved it in time",
        _ => "nobody started it in time",
    };
    run.state = RunState::Cancelled;
    run.finished_at = Some(now);
    run.reason = Some(reason.to_owned());
    run.tell(now, MACHINE, EventKind::Finished, None, format!("given up: {reason}"));
    Ok(())
}

fn wrong_state(run: &Run, wanted: &'static str) -> ActionError {
    ActionError::WrongState { run: run.id.to_string(), state: run.state.as_str(), wanted }
}
