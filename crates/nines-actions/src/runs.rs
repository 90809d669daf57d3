//! Where runs are kept, and who is told about them: what the machine asks of its surroundings.

use async_trait::async_trait;
use nines_model::Timestamp;

use crate::RunsError;
use crate::event::Event;
use crate::run::{Helped, Run, RunId, RunState};

/// Runs that are not over. Each holds some KiB and is looked at by one worker; a thousand at a time is a week of incidents.
pub const OPEN_RUNS_MAX: usize = 1_000;

/// A durable store of runs. A write that returned `Ok` survives the loss of power.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Keeps a new run, at version 1.
    ///
    /// # Errors
    /// [`RunsError::KeyTaken`] if its author used its idempotency key before.
    async fn insert(&self, run: &Run) -> Result<(), RunsError>;

    async fn get(&self, id: &RunId) -> Result<Option<Run>, RunsError>;

    async fn by_key(&self, author: &str, key: &str) -> Result<Option<Run>, RunsError>;

    /// Replaces a run and counts its version up, in it too. In the same transaction the run takes its targets if
    /// its state holds them and lets them go if not, and, once it has started, is counted against them.
    ///
    /// # Errors
    /// [`RunsError::Conflict`] if the stored version is another, [`RunsError::Held`] if another run holds a target.
    async fn save(&self, run: &mut Run) -> Result<(), RunsError>;

    /// The newest first, at most `limit`.
    async fn list(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, RunsError>;

    /// Runs with [`Run::needs_work`], the first due first, with the time that they are due.
    async fn due(&self, limit: u32) -> Result<Vec<(RunId, Timestamp)>, RunsError>;

    /// Runs that are not over.
    async fn count_open(&self) -> Result<usize, RunsError>;

    /// Runs that were started on a target at `since` or later, the newest first.
    async fn recent_on(&self, target: &str, since: Timestamp) -> Result<Vec<Recent>, RunsError>;

    /// Removes runs that are over, need no work and were made before `before`, the oldest first, at most `limit`, with
    /// what is kept of them. Gives how many. The audit log keeps what they did.
    async fn forget(&self, before: Timestamp, limit: u32) -> Result<usize, RunsError>;

    /// The global stop, if one is on.
    async fn stop(&self) -> Result<Option<Stop>, RunsError>;

    async fn set_stop(&self, stop: Option<&Stop>) -> Result<(), RunsError>;
}

/// Which runs to list; everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub state: Option<RunState>,
    pub incident: Option<String>,
    pub action: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    pub run: RunId,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub helped: Option<Helped>,
}

/// While it is on, no run makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub by: String,
    pub at: Timestamp,
    pub reason: String,
}

/// Who writes things down: the audit log, and the timeline of the incident.
#[async_trait]
pub trait Witness: Send + Sync {
    /// Durable when it returns. Repeats are possible after a crash. An event whose `run` and `sequence` are known but whose
    /// content is another is no repeat: the one before it told of a command that was written down and then not carried out
    /// (its target was busy, the process died).
    ///
    /// # Errors
    /// A reason, lowercase. Nothing is called until it has taken every event.
    async fn record(&self, event: &Event) -> Result<(), String>;

    /// The global stop was set (`Some`) or lifted. A stop is set whether or not it could be written down.
    async fn record_stop(&self, by: &str, stop: Option<&Stop>) -> Result<(), String>;
}

/// The transitions of each run, for people who look. The audit log is the record; this is kept beside it because a log in one
/// order is no way to read one run.
#[async_trait]
pub trait History: Send + Sync {
    /// Keeps an event, in place of one with its number (see [`Witness::record`]).
    async fn keep(&self, event: &Event) -> Result<(), RunsError>;

    /// Events of a run after number `after`, in order, at most `limit`.
    async fn of_run(&self, run: &RunId, after: u64, limit: u32) -> Result<Vec<Event>, RunsError>;
}

/// Reads the indicator that the run was meant to mend.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Compares the time before the run with the time after it. Called at [`Run::verdict_due_at`] or later.
    async fn judge(&self, run: &Run) -> (Helped, String);
}

impl RunFilter {
    pub fn admits(&self, run: &Run) -> bool {
        self.state.is_none_or(|state| run.state == state)
            && self.incident.as_ref().is_none_or(|incident| run.incident.as_ref() == Some(incident))
            && self.action.as_ref().is_none_or(|action| run.plan.action == *action)
    }
}
