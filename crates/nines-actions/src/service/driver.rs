//! Carries runs on: asks the machine what is next, does it, stores what was learnt. Between any two lines of
//! [`Actions::tick`] the process may die.

use std::time::Duration;

use nines_base::{Backoff, Shutdown};
use nines_model::Timestamp;

use super::{Actions, SAVE_TRIES_MAX};
use crate::event::{EventKind, MACHINE};
use crate::machine::{self, Next};
use crate::run::{Run, RunId, RunState, Verdict};
use crate::{ActionError, RunsError};

/// Pauses after a refusal or a lost answer. The cap keeps a throttled provider at two calls a minute from each run.
const RETRY: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };
/// How often the worker looks by itself. A signal wakes it at once; this bounds how late it sees a stop that was lifted,
/// or a run that another process stored. Half of the 5 s in which a global stop must hold.
const WORKER_INTERVAL: Duration = Duration::from_millis(2_500);
/// How often runs that nobody has started are looked for; they have days.
const FORGOTTEN_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Runs looked at in one round of the worker.
const ROUND_MAX: u32 = 100;

/// Where a run stands after a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    Rest {
        until: Timestamp,
    },
    /// Nothing more without a command.
    Idle,
    /// All actions are stopped.
    Stopped,
    /// Another worker of this process has it in hand.
    InHand,
}

/// A run in hand. Dropped before the end of a tick, it no longer counts as ours: what it stored may not have been done.
struct Hold<'a> {
    actions: &'a Actions,
    id: &'a RunId,
    is_clean: bool,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.actions.in_hand.lock().remove(self.id);
        if !self.is_clean {
            self.actions.ours.lock().remove(self.id);
        }
    }
}

impl Actions {
    /// Takes a run as far as it goes without waiting. Safe to drop at any point.
    ///
    /// # Errors
    /// [`ActionError::Unaudited`] if the audit log refuses: nothing was called. Errors of the store.
    pub async fn tick(&self, id: &RunId) -> Result<Tick, ActionError> {
        if !self.in_hand.lock().insert(id.clone()) {
            return Ok(Tick::InHand);
        }
        let mut hold = Hold { actions: self, id, is_clean: false };
        let ticked = self.tick_in_hand(id).await;
        hold.is_clean = ticked.is_ok();
        if let Ok(Tick::Idle) = ticked {
            // Whoever wakes it again resumes it, which costs nothing when no call was on its way.
            self.ours.lock().remove(id);
        }
        ticked
    }

    /// Carries every run on that needs it, until `shutdown`. Idempotent; woken by commands and by its timer.
    pub async fn work(&self, shutdown: &Shutdown) {
        let mut looked_for_forgotten = None;
        while !shutdown.has_begun() {
            let now = self.parts.clock.monotonic();
            if looked_for_forgotten.is_none_or(|at| now.saturating_sub(at) >= FORGOTTEN_INTERVAL) {
                looked_for_forgotten = Some(now);
                match self.give_up_forgotten().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "runs that nobody started are given up"),
                    Err(error) => tracing::warn!(%error, "runs that nobody started are not given up"),
                }
                match self.forget_old().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "runs of more than a year ago are forgotten"),
                    Err(error) => tracing::warn!(%error, "old runs are not forgotten"),
                }
            }
            let pause = self.round(shutdown).await;
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.wake.notified() => {}
                () = self.parts.clock.sleep(pause) => {}
            }
        }
    }

    /// One look at every run that needs work: as many of its steps as can be made now, in order of their time. Gives the pause until
    /// the next.
    async fn round(&self, shutdown: &Shutdown) -> Duration {
        let due = match self.parts.runs.due(ROUND_MAX).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "runs cannot be read");
                return WORKER_INTERVAL;
            }
        };
        let now = self.parts.clock.now();
        let mut pause = WORKER_INTERVAL;
        for (id, due_at) in due {
            if due_at > now {
                pause = pause.min(due_at.since(now));
                continue;
            }
            if shutdown.has_begun() {
                break;
            }
            match self.tick(&id).await {
                Ok(Tick::Rest { until }) => pause = pause.min(until.since(now)),
                Ok(_) => {}
                Err(error) => tracing::warn!(run = %id, %error, "a run cannot go on"),
            }
        }
        pause.max(Duration::from_millis(10))
    }

    async fn tick_in_hand(&self, id: &RunId) -> Result<Tick, ActionError> {
        loop {
            let mut run = self.get(id).await?;
            let stored = run.clone();
            let now = self.parts.clock.now();
            if !self.ours.lock().contains(id) {
                machine::resume(&mut run, now);
            }
            let is_stopped = matches!(run.state, RunState::Running | RunState::Compensating)
                && self.parts.runs.stop().await?.is_some();
            let witnessed = self.witness(&mut run).await;
            if is_stopped || witnessed.is_err() {
                // The call that was to be made is not: whoever goes on has to look again.
                machine::withdraw(&mut run);
                self.store_if_changed(&mut run, &stored).await?;
                self.ours.lock().insert(id.clone());
                return witnessed.map(|()| Tick::Stopped);
            }
            let next = machine::advance(&mut run, now);
            run.due_at = match next {
                Next::Rest { until } => until,
                Next::Idle => Timestamp::MAX,
                Next::Look(_) | Next::Call { .. } | Next::Judge => now,
            };
            match self.store_if_changed(&mut run, &stored).await {
                Err(ActionError::Runs(RunsError::Conflict { .. })) => continue,
                result => result?,
            }
            self.ours.lock().insert(id.clone());
            if !run.unwitnessed.is_empty() {
                continue;
            }
            match next {
                Next::Rest { until } => return Ok(Tick::Rest { until }),
                Next::Idle => return Ok(Tick::Idle),
                Next::Look(query) => {
                    let result = self.parts.cloud.look(&query).await;
                    let pause = self.pause(&run);
                    self.learn(id, |run, now| machine::seen(run, result.clone(), now, pause)).await?;
                }
                Next::Call { id: effect_id, effect } => {
                    let result = self.parts.cloud.change(&effect_id, &effect).await;
                    let pause = self.pause(&run);
                    self.learn(id, |run, now| machine::called(run, result.clone(), now, pause)).await?;
                }
                Next::Judge => {
                    let (helped, text) = self.parts.judge.judge(&run).await;
                    self.learn(id, |run, now| {
                        let told = format!("{}: {text}", helped.as_str());
                        run.verdict = Some(Verdict { helped, text: text.clone(), at: now });
                        run.tell(now, MACHINE, EventKind::Judged, None, told);
                    })
                    .await?;
                }
            }
        }
    }

    async fn store_if_changed(&self, run: &mut Run, stored: &Run) -> Result<(), ActionError> {
        if run != stored {
            self.parts.runs.save(run).await?;
        }
        Ok(())
    }

    /// Stores what was learnt, on the run as it is now: a command may have come meanwhile.
    async fn learn(&self, id: &RunId, take_in: impl Fn(&mut Run, Timestamp)) -> Result<(), ActionError> {
        let mut last = None;
        for _ in 0..SAVE_TRIES_MAX {
            let mut run = self.get(id).await?;
            take_in(&mut run, self.parts.clock.now());
            match self.parts.runs.save(&mut run).await {
                Ok(()) => return Ok(()),
                Err(error @ RunsError::Conflict { .. }) => last = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.map_or_else(|| ActionError::NoRun(id.to_string()), ActionError::from))
    }

    fn pause(&self, run: &Run) -> Duration {
        let refusals = run
            .steps
            .iter()
            .flat_map(|step| [Some(&step.attempt), step.undo.as_ref().map(|undo| &undo.attempt)])
            .flatten()
            .map(|attempt| attempt.refusals)
            .max();
        RETRY.pause(refusals.unwrap_or(0), &self.parts.random)
    }
}
