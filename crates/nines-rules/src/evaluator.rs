//! All groups of a node: which are due, their states, and what people see of them.
//!
//! An evaluator has no thread of its own. Whoever runs it asks [`Evaluator::next_due_ms`], waits, calls
//! [`Evaluator::run_due`], stores what [`Ran::stored`] holds, and hands [`Ran::notices`] on. Calling it late, twice or not at
//! all does no harm: each group knows which instant it was last evaluated at.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::alert::{Alerts, millis};
use crate::document::{RuleGroup, RuleKind};
use crate::format::{self, FormatError};
use crate::group::{Context, GroupState, Health, Notice, RuleError, evaluate, notices};
use crate::schedule;

/// What a group is called: its file and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey {
    pub file: Arc<str>,
    pub name: String,
}

impl GroupKey {
    pub fn of(group: &RuleGroup) -> Self {
        Self { file: group.file.clone(), name: group.name.clone() }
    }
}

/// One evaluation that happened.
#[derive(Debug, Clone)]
pub struct Ran {
    pub group: GroupKey,
    /// The instant that was evaluated.
    pub at_ms: i64,
    pub failed_rules: usize,
    /// To be handed to whoever pages. They count as sent, and are sent again after the resend pause.
    pub notices: Vec<Notice>,
    /// To be kept under the group's key, for [`Evaluator::restore`]; `None`: nothing needs keeping.
    pub stored: Option<Vec<u8>>,
}

/// A group for people.
#[derive(Debug, Clone)]
pub struct GroupStatus {
    pub group: Arc<RuleGroup>,
    pub interval: Duration,
    pub last_evaluation_ms: Option<i64>,
    pub evaluation_took: Duration,
    pub missed: u64,
    /// As many as the group has rules.
    pub rules: Vec<RuleStatus>,
}

#[derive(Debug, Clone, Default)]
pub struct RuleStatus {
    pub health: Health,
    pub last_error: Option<RuleError>,
    pub last_evaluation_ms: Option<i64>,
    pub evaluation_took: Duration,
    /// Of an alerting rule; resolved ones are among them for a while.
    pub alerts: Alerts,
}

/// A group that runs. Its state is locked while it is evaluated, its status never for long.
struct Running {
    group: Arc<RuleGroup>,
    interval: Duration,
    place: u64,
    state: Mutex<GroupState>,
    status: Mutex<Arc<GroupStatus>>,
}

/// See the module.
pub struct Evaluator {
    /// For groups that name none.
    interval: Duration,
    /// How long a firing alert waits until it is sent again. Upstream's default is a minute.
    resend: Duration,
    groups: Mutex<Vec<Arc<Running>>>,
    /// Groups that are gone, until their series have ended.
    ended: Mutex<Vec<Arc<Running>>>,
}

impl Evaluator {
    pub fn new(interval: Duration, resend: Duration) -> Self {
        Self { interval, resend, groups: Mutex::default(), ended: Mutex::default() }
    }

    /// Makes these the groups. Rules that have not changed keep their alerts.
    pub fn apply(&self, groups: impl IntoIterator<Item = Arc<RuleGroup>>) {
        let mut running = self.groups.lock();
        let mut before = std::mem::take(&mut *running);
        for group in groups {
            let same = before.iter().position(|known| GroupKey::of(&known.group) == GroupKey::of(&group));
            let state = match same {
                None => GroupState::new(&group),
                Some(at) => {
                    let known = before.remove(at);
                    let state = known.state.lock().clone();
                    state.carried_over(&known.group, &group)
                }
            };
            running.push(self.running(group, state));
        }
        self.ended.lock().extend(before);
    }

    /// Puts back what was kept of a group that has not been evaluated yet. `now_ms` is when the process began.
    pub fn restore(&self, key: &GroupKey, stored: &[u8], now_ms: i64) -> Result<bool, FormatError> {
        let mut groups = self.groups.lock();
        let Some(known) = groups.iter_mut().find(|known| GroupKey::of(&known.group) == *key) else {
            return Ok(false);
        };
        let state = format::decode(&known.group, stored, millis(known.interval), now_ms)?;
        *known = self.running(known.group.clone(), state);
        Ok(true)
    }

    fn running(&self, group: Arc<RuleGroup>, state: GroupState) -> Arc<Running> {
        let interval = group.interval.unwrap_or(self.interval);
        let status = Mutex::new(Arc::new(status_of(&group, interval, &state)));
        let place = schedule::place(&group);
        Arc::new(Running { group, interval, place, state: Mutex::new(state), status })
    }

    /// When the next group is due, by what has been evaluated so far: in the past for a new one, which is evaluated at
    /// once, for its last slot. `None` without groups.
    pub fn next_due_ms(&self, now_ms: i64) -> Option<i64> {
        let groups = self.groups.lock();
        groups.iter().map(|running| running.due_ms(now_ms)).min()
    }

    /// Evaluates the groups that are due at `now_ms`, one after the other.
    pub fn run_due(&self, context: &Context<'_>, now_ms: i64) -> Vec<Ran> {
        self.end_gone(context, now_ms);
        let due: Vec<Arc<Running>> = {
            let groups = self.groups.lock();
            groups.iter().filter(|running| running.due_ms(now_ms) <= now_ms).cloned().collect()
        };
        let mut ran = Vec::with_capacity(due.len());
        for running in due {
            if context.control.cancel.has_begun() {
                break;
            }
            ran.push(running.run(
                context,
                schedule::slot(running.place, running.interval, now_ms),
                self.resend,
            ));
        }
        ran
    }

    /// Evaluates the group that has been due for longest, if one is due: for who wants to look around between two groups, or
    /// gives each of them a deadline of its own.
    pub fn run_next(&self, context: &Context<'_>, now_ms: i64) -> Option<Ran> {
        self.end_gone(context, now_ms);
        let groups: Vec<Arc<Running>> = self.groups.lock().clone();
        let due = groups.iter().map(|running| (running.due_ms(now_ms), running));
        let (_, next) = due.filter(|(due, _)| *due <= now_ms).min_by_key(|(due, _)| *due)?;
        Some(next.run(context, schedule::slot(next.place, next.interval, now_ms), self.resend))
    }

    /// Series of groups that are gone. Rules that only moved to another group write on; newer samples than the marker's
    /// are found behind it.
    fn end_gone(&self, context: &Context<'_>, now_ms: i64) {
        for gone in std::mem::take(&mut *self.ended.lock()) {
            let samples = gone.state.lock().end(now_ms);
            if !samples.is_empty()
                && let Err(error) = context.store.append(&samples)
            {
                tracing::warn!(group = %gone.group.name, %error, "stale markers of a rule group are lost");
            }
        }
    }

    /// All groups, in the order in which they were applied.
    pub fn status(&self) -> Vec<Arc<GroupStatus>> {
        self.groups.lock().iter().map(|running| running.status.lock().clone()).collect()
    }
}

impl Running {
    fn due_ms(&self, now_ms: i64) -> i64 {
        match self.status.lock().last_evaluation_ms {
            Some(last) if last <= now_ms => {
                schedule::slot(self.place, self.interval, last) + millis(self.interval)
            }
            // New, or the clock was set back, which must not silence a group: the slot that it is in.
            _ => schedule::slot(self.place, self.interval, now_ms),
        }
    }

    fn run(&self, context: &Context<'_>, at_ms: i64, resend: Duration) -> Ran {
        let mut state = self.state.lock();
        if let Some(last) = state
            .last_evaluation_ms
            .filter(|_| state.rules.iter().any(|rule| rule.last_evaluation_ms.is_some()))
        {
            state.missed += schedule::missed(last, at_ms, self.interval);
        }
        evaluate(&self.group, &mut state, context, at_ms);
        let notices = notices(&self.group, &mut state, context, at_ms, self.interval, resend);
        *self.status.lock() = Arc::new(status_of(&self.group, self.interval, &state));
        Ran {
            group: GroupKey::of(&self.group),
            at_ms,
            failed_rules: state.rules.iter().filter(|rule| rule.health == Health::Err).count(),
            notices,
            stored: format::encode(&self.group, &state),
        }
    }
}

fn status_of(group: &Arc<RuleGroup>, interval: Duration, state: &GroupState) -> GroupStatus {
    let rule = |known: &crate::group::RuleState| RuleStatus {
        health: known.health,
        last_error: known.last_error.clone(),
        last_evaluation_ms: known.last_evaluation_ms,
        evaluation_took: known.evaluation_took,
        alerts: known.alerts.clone(),
    };
    GroupStatus {
        group: group.clone(),
        interval,
        last_evaluation_ms: state.last_evaluation_ms,
        evaluation_took: state.evaluation_took,
        missed: state.missed,
        rules: state.rules.iter().map(rule).collect(),
    }
}

impl GroupStatus {
    /// The gravest state of a rule's alerts, as upstream's API names it; `None` for recording rules.
    pub fn rule_state(&self, rule: usize) -> Option<&'static str> {
        use crate::alert::AlertState;
        if !matches!(self.group.rules.get(rule)?.kind, RuleKind::Alerting(_)) {
            return None;
        }
        let states = self.rules.get(rule)?.alerts.values().map(|alert| alert.state);
        let gravest = states.filter(|state| *state != AlertState::Resolved).max();
        Some(gravest.map_or("inactive", AlertState::as_str))
    }
}
