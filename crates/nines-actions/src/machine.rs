//! The action machine: given a run, the time and what was just learnt, what comes next. Pure: it calls nobody.
//!
//! The driver stores the run after each transition and before each call, so that a process that dies at any point leaves
//! a run that another can go on with. The promise is *at most one effect per effect id*: a call is made only if
//! - none was made before, or the one before was certainly not carried out, and
//! - a look that is newer than anything the one before could still do shows nothing of it.
//!
//! "Newer" rests on two figures: how long a request may linger on its way after we gave up on it
//! ([`REQUEST_LINGER_MAX`]) and how old a read may be ([`READ_LAG_MAX`]). A provider that exceeds them can see a second
//! call; every effect sets a state, so even that changes nothing twice.

use std::time::Duration;

use nines_model::Timestamp;

use crate::cloud::CloudError;
use crate::effect::{Effect, Standing};
use crate::event::{EventKind, MACHINE};
use crate::plan::{OnFailure, StepWork, When};
use crate::run::{Attempt, Certainty, Run, RunState, StepState, Undo};
use crate::seen::{Query, Seen};

mod commands;
pub use commands::{Answer, answer, cancel, give_up};

/// How old the answer to a look may be. AWS calls its control plane eventually consistent and gives no bound; what is
/// reported is seconds, and its own advice is to back off to minutes only in the worst case.
pub const READ_LAG_MAX: Duration = Duration::from_secs(20);
/// How long after the caller gave up a request may still be carried out: egress gives up after 10 s, and a gateway that
/// holds a request longer than 30 s more would have answered 504 itself.
pub const REQUEST_LINGER_MAX: Duration = Duration::from_secs(30);
/// After this, a look shows whatever a lost call has done.
pub const SETTLE: Duration = READ_LAG_MAX.saturating_add(REQUEST_LINGER_MAX);
/// Between looks at something that takes its time: a dozen a minute is far below EC2's bucket of 100 describes with 20/s.
pub const POLL: Duration = Duration::from_secs(5);
/// What a compensation may take at least: a stop, the slowest, has 15 minutes.
const UNDO_TIMEOUT_MIN: Duration = Duration::from_secs(15 * 60);
/// When the indicator is asked whether the run helped.
pub const VERDICT_DELAY: Duration = Duration::from_secs(120);
/// Calls for one effect. With pauses that grow to 30 s this is never reached within a timeout unless a provider takes
/// calls and forgets them.
const CALLS_MAX: u32 = 50;

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Look(Query),
    /// The run says that this call is being made; store it first.
    Call {
        id: String,
        effect: Effect,
    },
    /// Ask the indicator whether the run helped.
    Judge,
    Rest {
        until: Timestamp,
    },
    /// Nothing, until somebody gives a command.
    Idle,
}

/// The step in hand, forwards or backwards.
#[derive(Debug, Clone, Copy)]
struct Hand {
    step: usize,
    is_undo: bool,
}

/// What an attempt comes to after a look.
enum Assessment {
    Call,
    Wait(Timestamp),
    Met,
    Failed(String),
}

/// Makes the transitions that need nobody, and says what is next. Idempotent for one `now`.
pub fn advance(run: &mut Run, now: Timestamp) -> Next {
    loop {
        match run.state {
            RunState::Running => {
                if let Some(next) = advance_forwards(run, now) {
                    return next;
                }
            }
            RunState::Compensating => {
                if let Some(next) = advance_backwards(run, now) {
                    return next;
                }
            }
            _ => {
                return match (run.verdict_due_at, &run.verdict) {
                    (Some(due), None) if due <= now => Next::Judge,
                    (Some(due), None) => Next::Rest { until: due },
                    _ => Next::Idle,
                };
            }
        }
    }
}

/// A run read from the store by a process that did not write it: a call that was being made then has an unknown end,
/// and may have been made as late as now.
pub fn resume(run: &mut Run, now: Timestamp) {
    for index in 0..run.steps.len() {
        let step = &mut run.steps[index];
        let attempts = [Some(&mut step.attempt), step.undo.as_mut().map(|undo| &mut undo.attempt)];
        let mut was_calling = false;
        for attempt in attempts.into_iter().flatten().filter(|attempt| attempt.is_calling) {
            attempt.is_calling = false;
            attempt.called_at = Some(now);
            was_calling = true;
        }
        if was_calling {
            if step.state == StepState::Running {
                step.state = StepState::Unknown;
            }
            let text =
                "the process stopped while a call was being made: looking what became of it".to_owned();
            run.tell(now, MACHINE, EventKind::Unknown, Some(index), text);
        }
    }
}

/// The call that the run says is being made is not made after all. Only for the process that stored it and knows.
pub fn withdraw(run: &mut Run) {
    for step in &mut run.steps {
        let attempts = [Some(&mut step.attempt), step.undo.as_mut().map(|undo| &mut undo.attempt)];
        for attempt in attempts.into_iter().flatten().filter(|attempt| attempt.is_calling) {
            attempt.is_calling = false;
            attempt.calls -= 1;
            // A call is begun only when the one before it certainly came to nothing.
            attempt.certainty = Certainty::NotDone;
        }
    }
}

/// Takes in the answer to [`Next::Look`]. `pause` is how long to wait after a failure.
pub fn seen(run: &mut Run, result: Result<Seen, CloudError>, now: Timestamp, pause: Duration) {
    let Some(hand) = hand(run) else { return };
    let deadline = deadline(run, hand);
    let seen = match result {
        Ok(seen) => seen,
        Err(error) if error.is_retryable() && now < deadline => {
            attempt(run, hand).not_before = Some(now + pause);
            return;
        }
        Err(error) => return failed(run, hand, now, format!("it cannot be looked at: {error}")),
    };
    match assess(run, hand, &seen, now, deadline) {
        Assessment::Call => begin_call(run, hand, seen, now),
        Assessment::Wait(until) => attempt(run, hand).not_before = Some(until),
        Assessment::Met => met(run, hand, now),
        Assessment::Failed(reason) => failed(run, hand, now, reason),
    }
}

/// Takes in the answer to [`Next::Call`].
pub fn called(run: &mut Run, result: Result<(), CloudError>, now: Timestamp, pause: Duration) {
    let Some(hand) = hand(run) else { return };
    let attempt = attempt(run, hand);
    if !attempt.is_calling {
        return;
    }
    attempt.is_calling = false;
    attempt.called_at = Some(now);
    match result {
        Ok(()) => {
            attempt.certainty = Certainty::Done;
            attempt.refusals = 0;
            attempt.not_before = None;
        }
        Err(error) if error.may_have_been_done() => {
            attempt.certainty = Certainty::Unknown;
            attempt.not_before = Some(now + pause);
            if !hand.is_undo {
                run.steps[hand.step].state = StepState::Unknown;
            }
            run.tell(
                now,
                MACHINE,
                EventKind::Unknown,
                Some(hand.step),
                format!("{error}: looking what became of it"),
            );
        }
        Err(error) if error.is_retryable() => {
            attempt.certainty = Certainty::NotDone;
            attempt.refusals += 1;
            attempt.not_before = Some(now + pause);
            tracing::info!(run = %run.id, step = hand.step, %error, "action refused for now");
        }
        Err(error) => {
            attempt.certainty = Certainty::NotDone;
            failed(run, hand, now, error.to_string());
        }
    }
}

fn advance_forwards(run: &mut Run, now: Timestamp) -> Option<Next> {
    let Some(hand) = hand(run) else {
        finish(run, RunState::Done, now);
        return None;
    };
    let state = run.steps[hand.step].state;
    if let Some(by) = run.cancelled_by.clone() {
        let reason = format!("cancelled by {by}");
        if state != StepState::Pending {
            run.steps[hand.step].state = StepState::Failed;
            run.steps[hand.step].reason = Some(reason.clone());
        }
        compensate(run, now, reason);
        return None;
    }
    if state == StepState::Pending {
        begin_step(run, hand.step, now);
        return None;
    }
    Some(attend(run, hand, now))
}

fn advance_backwards(run: &mut Run, now: Timestamp) -> Option<Next> {
    let Some(hand) = hand(run) else {
        finish(run, RunState::Compensated, now);
        return None;
    };
    if run.steps[hand.step].undo.is_some() {
        return Some(attend(run, hand, now));
    }
    let step = &mut run.steps[hand.step];
    let forward = run.plan.steps[hand.step].effect();
    let inverse = forward.zip(step.before.as_ref()).and_then(|(effect, before)| effect.inverse(before));
    let Some(effect) = inverse else {
        step.state = StepState::Compensated;
        return None;
    };
    // A look must not show the world from before the step, or it would seem that there is nothing to take back.
    let settle = if step.attempt.certainty == Certainty::Done { READ_LAG_MAX } else { SETTLE };
    let from = step.attempt.called_at.map_or(now, |called| (called + settle).max(now));
    let from = from.max(undone_at(run, hand.step).map_or(now, |at| at + READ_LAG_MAX));
    let step = &mut run.steps[hand.step];
    let attempt = Attempt { started_at: Some(from), not_before: Some(from), ..Attempt::default() };
    let text = format!("taking back: {}", effect.describe());
    step.undo = Some(Undo { effect, attempt });
    step.state = StepState::Compensating;
    run.tell(now, MACHINE, EventKind::Compensating, Some(hand.step), text);
    None
}

/// When a later step was last taken back on the same thing.
fn undone_at(run: &Run, index: usize) -> Option<Timestamp> {
    let query = query_of(&run.plan.steps[index].draft.work);
    (index + 1..run.steps.len())
        .filter(|later| query_of(&run.plan.steps[*later].draft.work) == query)
        .filter_map(|later| run.steps[later].undo.as_ref()?.attempt.called_at)
        .max()
}

fn attend(run: &mut Run, hand: Hand, now: Timestamp) -> Next {
    let planned = &run.plan.steps[hand.step];
    let step = &run.steps[hand.step];
    let (attempt, query) = match (&step.undo, &planned.draft.work) {
        (Some(undo), _) if hand.is_undo => (&undo.attempt, undo.effect.query()),
        (_, StepWork::Change(effect)) => (&step.attempt, effect.query()),
        (_, StepWork::Wait(wait)) => (&step.attempt, wait.query()),
        // Manual steps wait for a person; `hand` gives none of them while the run is running.
        (_, StepWork::Manual(_)) => return Next::Idle,
    };
    if attempt.is_calling {
        let effect = match &step.undo {
            Some(undo) if hand.is_undo => Some(&undo.effect),
            _ => planned.effect(),
        };
        if let Some(effect) = effect {
            return Next::Call { id: run.effect_id(hand.step, hand.is_undo), effect: effect.clone() };
        }
    }
    match attempt.not_before {
        Some(until) if until > now => Next::Rest { until },
        _ => Next::Look(query),
    }
}

fn begin_step(run: &mut Run, index: usize, now: Timestamp) {
    let draft = &run.plan.steps[index].draft;
    if let Some(reason) = skip_reason(run, &draft.when) {
        run.steps[index].state = StepState::Skipped;
        run.steps[index].reason = Some(reason.clone());
        run.tell(now, MACHINE, EventKind::StepSkipped, Some(index), reason);
        return;
    }
    if let StepWork::Manual(instructions) = &draft.work {
        let reason = format!("somebody has to do this and say so: {instructions}");
        run.steps[index].state = StepState::WaitingForHuman;
        return ask_a_person(run, index, now, reason);
    }
    // What an earlier step of this run has changed must be visible before this one looks at it.
    let query = query_of(&draft.work);
    let changed_at = (0..index)
        .filter(|earlier| query_of(&run.plan.steps[*earlier].draft.work) == query)
        .filter_map(|earlier| run.steps[earlier].attempt.called_at)
        .max();
    let is_change = run.plan.steps[index].effect().is_some();
    let step = &mut run.steps[index];
    step.state = StepState::Running;
    step.attempt.started_at = Some(now);
    if is_change {
        step.attempt.not_before = changed_at.map(|at| at + READ_LAG_MAX);
    }
}

fn skip_reason(run: &Run, when: &When) -> Option<String> {
    let of_group = |group: &String| {
        let steps = run.plan.steps.iter().zip(&run.steps);
        steps.filter(|(planned, _)| planned.draft.group == *group).map(|(_, step)| step).collect::<Vec<_>>()
    };
    match when {
        When::Always => None,
        When::Done(group) => {
            let is_done = of_group(group).iter().all(|step| step.state == StepState::Done);
            (!is_done).then(|| format!("`{group}` was not done"))
        }
        When::Failed(group) => {
            let has_failed = of_group(group).iter().any(|step| step.state == StepState::Failed);
            (!has_failed).then(|| format!("`{group}` did not fail"))
        }
        When::Changed(group) => {
            let has_changed = of_group(group).iter().any(|step| step.may_have_changed());
            (!has_changed).then(|| format!("`{group}` changed nothing"))
        }
    }
}

fn assess(run: &Run, hand: Hand, seen: &Seen, now: Timestamp, deadline: Timestamp) -> Assessment {
    let planned = &run.plan.steps[hand.step];
    let step = &run.steps[hand.step];
    let undo = step.undo.as_ref().filter(|_| hand.is_undo);
    let effect = undo.map(|undo| &undo.effect).or(planned.effect());
    let attempt = undo.map_or(&step.attempt, |undo| &undo.attempt);
    let standing = match (&planned.draft.work, effect) {
        (_, Some(effect)) => effect.standing(seen),
        (StepWork::Wait(wait), None) => wait.standing(seen),
        (_, None) => return Assessment::Failed("there is nothing to look at".to_owned()),
    };
    let is_late = now >= deadline;
    let late = || Assessment::Failed("it did not come about in time".to_owned());
    let poll = Assessment::Wait(now + POLL);
    match standing {
        Standing::Met => Assessment::Met,
        Standing::Impossible(reason) => Assessment::Failed(reason),
        Standing::Applied => {
            if is_late {
                late()
            } else {
                poll
            }
        }
        Standing::Absent => match attempt.certainty {
            Certainty::Done => {
                if is_late {
                    late()
                } else {
                    poll
                }
            }
            // Not before it is certain that the lost call came to nothing.
            Certainty::Unknown => {
                let settled = attempt.called_at.map_or(now, |called| called + SETTLE);
                if now < settled {
                    Assessment::Wait(settled.min(now + POLL))
                } else {
                    call_or_give_up(attempt, is_late)
                }
            }
            Certainty::NotDone => {
                let Some(effect) = effect else {
                    return if is_late { late() } else { poll };
                };
                match moved_by_others(run, hand, effect, seen) {
                    Some(reason) => Assessment::Failed(reason),
                    None => call_or_give_up(attempt, is_late),
                }
            }
        },
    }
}

fn call_or_give_up(attempt: &Attempt, is_late: bool) -> Assessment {
    if is_late || attempt.calls >= CALLS_MAX {
        return Assessment::Failed(format!("the provider did not take it in {} calls", attempt.calls));
    }
    Assessment::Call
}

/// Whether somebody else has changed what this effect would silently overwrite.
fn moved_by_others(run: &Run, hand: Hand, effect: &Effect, seen: &Seen) -> Option<String> {
    let planned = &run.plan.steps[hand.step];
    let now = effect.focus(seen.clone());
    if hand.is_undo {
        let overwrites = matches!(
            effect,
            Effect::SetDesired { .. } | Effect::SetWeights { .. } | Effect::DeleteTemplate { .. }
        );
        let forward = planned.effect()?;
        let is_ours = matches!(forward.standing(&now), Standing::Met | Standing::Applied);
        return (overwrites && !is_ours)
            .then(|| "somebody else has changed it meanwhile, so it is not taken back".to_owned());
    }
    let seen_then = planned.seen.as_ref()?;
    effect
        .has_drifted(seen_then, &now)
        .then(|| "somebody else has changed it since the plan was made".to_owned())
}

fn begin_call(run: &mut Run, hand: Hand, seen: Seen, now: Timestamp) {
    let step = &mut run.steps[hand.step];
    let undo = step.undo.as_ref().filter(|_| hand.is_undo);
    let effect = undo.map(|undo| &undo.effect).or(run.plan.steps[hand.step].effect()).cloned();
    let Some(effect) = effect else { return };
    if !hand.is_undo {
        if step.before.is_none() {
            step.before = Some(effect.focus(seen));
        }
        step.state = StepState::Running;
    }
    let attempt = attempt(run, hand);
    attempt.calls += 1;
    attempt.is_calling = true;
    attempt.certainty = Certainty::Unknown;
    attempt.called_at = Some(now);
    let nth = if attempt.calls == 1 { String::new() } else { format!(" (call {})", attempt.calls) };
    run.tell(now, MACHINE, EventKind::Calling, Some(hand.step), format!("{}{nth}", effect.describe()));
}

fn met(run: &mut Run, hand: Hand, now: Timestamp) {
    let attempt = attempt(run, hand);
    if attempt.certainty == Certainty::Unknown {
        attempt.certainty = Certainty::Done;
    }
    let has_called = attempt.certainty == Certainty::Done;
    let text = run.plan.steps[hand.step].draft.describe();
    let step = &mut run.steps[hand.step];
    if hand.is_undo {
        step.state = StepState::Compensated;
        run.tell(now, MACHINE, EventKind::StepCompensated, Some(hand.step), format!("taken back: {text}"));
        return;
    }
    step.state = StepState::Done;
    let is_change = run.plan.steps[hand.step].effect().is_some();
    let note = if is_change && !has_called { " (was so already)" } else { "" };
    run.tell(now, MACHINE, EventKind::StepDone, Some(hand.step), format!("done: {text}{note}"));
}

fn failed(run: &mut Run, hand: Hand, now: Timestamp, reason: String) {
    let text = format!("{}: {reason}", run.plan.steps[hand.step].draft.describe());
    let on_failure = run.plan.steps[hand.step].draft.on_failure;
    let step = &mut run.steps[hand.step];
    step.reason = Some(reason);
    if hand.is_undo {
        step.state = StepState::WaitingForHuman;
        return ask_a_person(run, hand.step, now, format!("cannot take back {text}"));
    }
    step.state = StepState::Failed;
    run.tell(now, MACHINE, EventKind::StepFailed, Some(hand.step), text.clone());
    match on_failure {
        OnFailure::Compensate => compensate(run, now, text),
        OnFailure::Continue => {}
        OnFailure::Human => {
            run.steps[hand.step].state = StepState::WaitingForHuman;
            ask_a_person(run, hand.step, now, text);
        }
    }
}

fn compensate(run: &mut Run, now: Timestamp, reason: String) {
    run.state = RunState::Compensating;
    run.tell(now, MACHINE, EventKind::Compensating, None, format!("taking everything back: {reason}"));
    run.reason = Some(reason);
}

fn ask_a_person(run: &mut Run, step: usize, now: Timestamp, reason: String) {
    run.state = RunState::WaitingForHuman;
    run.tell(now, MACHINE, EventKind::WaitingForHuman, Some(step), reason.clone());
    run.reason = Some(reason);
}

fn finish(run: &mut Run, state: RunState, now: Timestamp) {
    run.state = state;
    run.finished_at = Some(now);
    let failed = run.steps.iter().filter(|step| step.state == StepState::Failed).count();
    if state == RunState::Done {
        run.verdict_due_at = Some(now + VERDICT_DELAY);
        run.reason =
            (failed > 0).then(|| format!("{failed} steps failed and the run went on, as it was told to"));
    }
    let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    run.tell(now, MACHINE, EventKind::Finished, None, format!("{}{reason}", state.as_str()));
}

/// The step in hand: forwards the first that is not over, backwards the last that may have changed something.
fn hand(run: &Run) -> Option<Hand> {
    match run.state {
        RunState::Running => {
            let is_open = |step: &crate::run::StepRun| {
                matches!(step.state, StepState::Pending | StepState::Running | StepState::Unknown)
            };
            let step = run.steps.iter().position(is_open)?;
            Some(Hand { step, is_undo: false })
        }
        RunState::Compensating => {
            let is_left =
                |step: &crate::run::StepRun| step.may_have_changed() && step.state != StepState::Compensated;
            let step = run.steps.iter().rposition(is_left)?;
            Some(Hand { step, is_undo: true })
        }
        _ => None,
    }
}

fn attempt(run: &mut Run, hand: Hand) -> &mut Attempt {
    let step = &mut run.steps[hand.step];
    match &mut step.undo {
        Some(undo) if hand.is_undo => &mut undo.attempt,
        _ => &mut step.attempt,
    }
}

fn deadline(run: &Run, hand: Hand) -> Timestamp {
    let timeout = run.plan.steps[hand.step].draft.timeout;
    let step = &run.steps[hand.step];
    let (started, timeout) = match &step.undo {
        Some(undo) if hand.is_undo => (undo.attempt.started_at, timeout.max(UNDO_TIMEOUT_MIN)),
        _ => (step.attempt.started_at, timeout),
    };
    started.map_or(Timestamp::MAX, |started| started + timeout)
}

fn query_of(work: &StepWork) -> Option<Query> {
    match work {
        StepWork::Change(effect) => Some(effect.query()),
        StepWork::Wait(wait) => Some(wait.query()),
        StepWork::Manual(_) => None,
    }
}
