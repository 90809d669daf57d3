//! The one door: plans are asked for, requested, approved, started, cancelled and answered here.
//!
//! Every command is written down by the [`Witness`] before it is stored, so that what was not audited was not ordered;
//! only what makes the world safer (a cancel, the global stop) is done even when nobody can write.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use nines_base::{Random, SharedClock};
use nines_model::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

use crate::bar::{Barred, Bars, Phase};
use crate::catalog::{self, Level, Work};
use crate::cloud::Cloud;
use crate::effect::Effect;
use crate::event::EventKind;
use crate::inventory::Inventory;
use crate::machine::{self, Answer, READ_LAG_MAX};
use crate::parameter::Arguments;
use crate::plan::{Intent, Plan, StepWork};
use crate::radius::Limits;
use crate::run::{Approval, Helped, Person, Run, RunId, RunState, StepRun};
use crate::runs::{Judge, OPEN_RUNS_MAX, RunFilter, Runs, Stop, Witness};
use crate::seen::{BLOCK_LIST_PREFIX, Seen};
use crate::{ActionError, RunsError};

mod driver;
pub use driver::Tick;

/// How long an approval is good for: long enough to be fetched from the other side of a call, too short to be forgotten.
pub const APPROVAL_TTL: Duration = Duration::from_secs(60 * 60);
/// How long a run may wait to be approved or started: over a weekend with its Monday.
pub const WAITING_MAX: Duration = Duration::from_secs(3 * 24 * 3_600);
/// How long a run that is over can be looked at: last year's incidents at the same season. The audit log keeps what it did.
pub const RUNS_KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);
/// Runs that one round forgets at most: the writer is shared.
const FORGOTTEN_MAX: u32 = 200;
/// The window in which runs on a target are counted.
pub const DAMPING_WINDOW: Duration = Duration::from_secs(60 * 60);
/// How long an inventory is shown: many pages that ask at a time make one set of calls.
const INVENTORY_TTL: Duration = Duration::from_secs(2);
/// Tries to store a command while others change the run too.
const SAVE_TRIES_MAX: usize = 8;

/// Whoever asks, as far as actions care. The edge makes it of an authenticated actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub name: String,
    /// Whose eyes these are. `None`: nobody's that could be told from another's, so they approve nothing.
    pub person: Option<Person>,
    /// The highest level of action that they may call.
    pub level: Level,
    /// Names of actions, `ec2.*`, `runbook/*` or `*`.
    pub scopes: Vec<String>,
    pub may_approve: bool,
    /// A rule and not a person.
    pub is_automated: bool,
    /// What the organisation's policies say of them.
    pub bars: Bars,
}

/// What this node allows.
#[derive(Debug, Clone)]
pub struct Rules {
    pub limits: Limits,
    /// Actions that need a second person besides those that say so themselves.
    pub four_eyes: BTreeSet<String>,
    /// Runs on one target within [`DAMPING_WINDOW`]: 6 by default for people, one in ten minutes.
    pub runs_per_target_max: usize,
    /// 2 by default for rules: what did not help twice will not help a third time.
    pub automated_runs_per_target_max: usize,
    /// Of people and rules on a firewall's list, which takes other addresses each time: 200 by default. One run follows
    /// another after some 25 s, so it is more than there can be, and a loop that has gone wild ends at it.
    pub runs_per_list_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            four_eyes: BTreeSet::new(),
            runs_per_target_max: 6,
            automated_runs_per_target_max: 2,
            runs_per_list_max: 200,
        }
    }
}

/// What comes with a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// A repeat with the same key is the same run. At most 200 bytes.
    pub idempotency_key: Option<String>,
    pub incident: Option<String>,
    /// The plan that the caller saw. Another plan is refused.
    pub plan_hash: Option<String>,
}

/// What the service stands on.
#[derive(Clone)]
pub struct Parts {
    pub runs: Arc<dyn Runs>,
    pub cloud: Arc<dyn Cloud>,
    pub witness: Arc<dyn Witness>,
    pub judge: Arc<dyn Judge>,
    pub clock: SharedClock,
    pub random: Random,
}

pub struct Actions {
    parts: Parts,
    rules: Rules,
    /// Checks and start of one run are not interleaved with another's.
    starting: tokio::sync::Mutex<()>,
    /// Runs that a worker of this process has in hand.
    in_hand: Mutex<HashSet<RunId>>,
    /// Runs whose stored calls this process has made itself. Bounded by the open runs.
    ours: Mutex<HashSet<RunId>>,
    wake: tokio::sync::Notify,
    inventory: tokio::sync::Mutex<Option<(Timestamp, Arc<Inventory>)>>,
}

impl Actions {
    pub fn new(parts: Parts, rules: Rules) -> Self {
        Self {
            parts,
            rules,
            starting: tokio::sync::Mutex::new(()),
            in_hand: Mutex::default(),
            ours: Mutex::default(),
            wake: tokio::sync::Notify::new(),
            inventory: tokio::sync::Mutex::default(),
        }
    }

    pub fn cloud_name(&self) -> String {
        self.parts.cloud.name()
    }

    /// Answers an action that only reads.
    pub async fn read(
        &self,
        caller: &Caller,
        action: &str,
        values: &serde_json::Map<String, Value>,
    ) -> Result<Seen, ActionError> {
        let action = catalog::find(action)?;
        let Work::Read(query) = action.work else {
            return Err(ActionError::Invalid(format!("`{}` changes things: ask for a plan", action.name)));
        };
        caller.check(action.name, action.level)?;
        let arguments = Arguments::read(action.name, action.parameters, values)?;
        Ok(self.parts.cloud.look(&query(&arguments)).await?)
    }

    /// What there is, to pick from; up to [`INVENTORY_TTL`] old.
    pub async fn inventory(&self) -> Result<Arc<Inventory>, ActionError> {
        let mut kept = self.inventory.lock().await;
        let now = self.parts.clock.now();
        if let Some((at, inventory)) = kept.as_ref()
            && now.since(*at) < INVENTORY_TTL
        {
            return Ok(Arc::clone(inventory));
        }
        let inventory = Arc::new(self.parts.cloud.inventory().await?);
        *kept = Some((now, Arc::clone(&inventory)));
        Ok(inventory)
    }

    /// What would be done: the dry run. Looks at the world and changes nothing.
    pub async fn plan(&self, caller: &Caller, intent: Intent) -> Result<Plan, ActionError> {
        caller.check(&intent.action, intent.level)?;
        self.plan_unchecked(intent).await
    }

    /// The policy that would refuse the start of this plan now, for people who read a plan. Starting asks again.
    pub async fn would_bar(&self, caller: &Caller, plan: &Plan, incident: Option<&str>) -> Option<Barred> {
        caller.bars.barred(Phase::Start, plan, incident).await
    }

    async fn check_bars(
        &self,
        caller: &Caller,
        phase: Phase,
        plan: &Plan,
        incident: Option<&str>,
    ) -> Result<(), ActionError> {
        match caller.bars.barred(phase, plan, incident).await {
            None => Ok(()),
            Some(Barred { policy, reason }) => Err(ActionError::Barred { policy, reason }),
        }
    }

    /// Plans and keeps a run. It is `ready` unless somebody else has to approve it first; start it with
    /// [`Actions::start`]. A repeat with the same idempotency key gives the first run as it is now.
    pub async fn submit(
        &self,
        caller: &Caller,
        intent: Intent,
        request: &Request,
    ) -> Result<Run, ActionError> {
        caller.check(&intent.action, intent.level)?;
        if let Some(key) = &request.idempotency_key {
            check_key(key)?;
            if let Some(known) = self.parts.runs.by_key(&caller.name, key).await? {
                return same_request(known, &intent);
            }
        }
        if self.parts.runs.count_open().await? >= OPEN_RUNS_MAX {
            return Err(ActionError::TooMany { what: "open runs", limit: OPEN_RUNS_MAX });
        }
        let plan = self.plan_unchecked(intent.clone()).await?;
        if request.plan_hash.as_ref().is_some_and(|hash| *hash != plan.hash) {
            return Err(ActionError::PlanChanged { what: "you saw it", now: plan.hash });
        }
        self.check_bars(caller, Phase::Start, &plan, request.incident.as_deref()).await?;
        let mut run = self.new_run(caller, plan, request);
        let text = format!("{} asked for {}", caller.name, run.plan.action);
        run.tell(run.created_at, &caller.name, EventKind::Requested, None, text);
        self.witness(&mut run).await?;
        match self.parts.runs.insert(&run).await {
            // Two requests with one key came at once.
            Err(RunsError::KeyTaken { run }) => {
                let known = self.get(&RunId(run)).await?;
                same_request(known, &intent)
            }
            inserted => inserted.map(|()| run).map_err(ActionError::from),
        }
    }

    /// Submits and, unless somebody has to approve it first, starts. A run that cannot be started is given up again, unless an
    /// idempotency key lets the caller try once more with the same one.
    pub async fn run(&self, caller: &Caller, intent: Intent, request: &Request) -> Result<Run, ActionError> {
        let run = self.submit(caller, intent, request).await?;
        if run.state != RunState::Ready {
            return Ok(run);
        }
        match self.start(caller, &run.id).await {
            Err(error) if request.idempotency_key.is_none() => {
                // Why it was not started is the answer; that it could not be given up is for the log.
                if let Err(error) = self.cancel(caller, &run.id).await {
                    tracing::warn!(run = %run.id, %error, "a run that was not started could not be given up");
                }
                Err(error)
            }
            started => started,
        }
    }

    /// Gives up runs that nobody has approved or started within [`WAITING_MAX`]: they count against the open ones.
    pub async fn give_up_forgotten(&self) -> Result<usize, ActionError> {
        let now = self.parts.clock.now();
        let mut count = 0;
        for state in [RunState::WaitingForApproval, RunState::Ready] {
            let filter = RunFilter { state: Some(state), ..RunFilter::default() };
            let limit = u32::try_from(OPEN_RUNS_MAX).unwrap_or(u32::MAX);
            for run in self.parts.runs.list(&filter, limit).await? {
                if now.since(run.created_at) >= WAITING_MAX {
                    self.command(&run.id, |run| machine::give_up(run, now)).await?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    /// Removes runs that are over and older than [`RUNS_KEPT`], some at a time.
    pub async fn forget_old(&self) -> Result<usize, ActionError> {
        let before = self.parts.clock.now() - RUNS_KEPT;
        Ok(self.parts.runs.forget(before, FORGOTTEN_MAX).await?)
    }

    /// Approves exactly the plan with this hash, for [`APPROVAL_TTL`].
    pub async fn approve(&self, caller: &Caller, id: &RunId, plan_hash: &str) -> Result<Run, ActionError> {
        let now = self.parts.clock.now();
        let asked = self.get(id).await?;
        self.check_bars(caller, Phase::Approve, &asked.plan, asked.incident.as_deref()).await?;
        self.command(id, |run| {
            caller.check(&run.plan.action, run.plan.level)?;
            let refuse = |reason: &str| {
                Err(ActionError::Forbidden { who: caller.name.clone(), reason: reason.to_owned() })
            };
            if !caller.may_approve || caller.is_automated {
                return refuse("approving needs a person with the right to approve");
            }
            let Some(person) = &caller.person else {
                return refuse("the key belongs to no account, so nobody can tell whose eyes these are: make one of your own");
            };
            let is_author = run.author_person.as_ref().is_some_and(|author| author.may_be(person));
            if is_author || run.author == caller.name {
                return refuse("whoever asked for a run cannot approve it, by another key neither: ask somebody else");
            }
            // Once more is a new date; nothing else can be approved.
            let may = matches!(run.state, RunState::WaitingForApproval)
                || (run.state == RunState::Ready && run.approval.is_some());
            if !may {
                return Err(wrong_state(run, "approved"));
            }
            if run.plan.hash != plan_hash || !run.plan.is_intact() {
                return Err(ActionError::PlanChanged { what: "you saw it", now: run.plan.hash.clone() });
            }
            run.approval = Some(Approval {
                by: caller.name.clone(),
                person: Some(person.clone()),
                at: now,
                expires_at: now + APPROVAL_TTL,
                plan_hash: plan_hash.to_owned(),
            });
            run.state = RunState::Ready;
            let text = format!("{} approved plan {}", caller.name, &plan_hash[..plan_hash.len().min(12)]);
            run.tell(now, &caller.name, EventKind::Approved, None, text);
            Ok(())
        })
        .await
    }

    /// Starts a run: its approval still holds, the world is still the one that was planned for, nobody has stopped
    /// everything, its targets are free and have not had too many runs.
    pub async fn start(&self, caller: &Caller, id: &RunId) -> Result<Run, ActionError> {
        let _one_at_a_time = self.starting.lock().await;
        let now = self.parts.clock.now();
        let run = self.get(id).await?;
        caller.check(&run.plan.action, run.plan.level)?;
        self.check_may_start(&run, now)?;
        self.check_bars(caller, Phase::Start, &run.plan, run.incident.as_deref()).await?;
        if let Some(stop) = self.parts.runs.stop().await? {
            return Err(ActionError::Stopped { by: stop.by, at: stop.at, reason: stop.reason });
        }
        let settled_at = self.check_damping(&run, now).await?;
        let fresh = self.plan_unchecked(run.plan.intent()).await?;
        if fresh.hash != run.plan.hash {
            return Err(ActionError::PlanChanged { what: "it was made", now: fresh.hash });
        }
        let started = self.command(id, |run| {
            self.check_may_start(run, now)?;
            run.state = RunState::Running;
            run.started_at = Some(now);
            run.due_at = settled_at.unwrap_or(now).max(now);
            let text = format!("{} started {}", caller.name, run.plan.action);
            run.tell(now, &caller.name, EventKind::Started, None, text);
            Ok(())
        });
        let started = match started.await {
            Err(ActionError::Runs(RunsError::Held { target, run })) => {
                return Err(ActionError::TargetBusy { target, run });
            }
            started => started?,
        };
        self.wake.notify_one();
        Ok(started)
    }

    /// Asks a run to stop and take back what it did. See [`machine::cancel`].
    pub async fn cancel(&self, caller: &Caller, id: &RunId) -> Result<Run, ActionError> {
        let now = self.parts.clock.now();
        let run = self
            .safer_command(id, |run| {
                caller.check(&run.plan.action, run.plan.level)?;
                machine::cancel(run, &caller.name, now)
            })
            .await?;
        self.wake.notify_one();
        Ok(run)
    }

    /// Answers a run that waits for a person.
    pub async fn answer(&self, caller: &Caller, id: &RunId, answer: Answer) -> Result<Run, ActionError> {
        let now = self.parts.clock.now();
        let run = self
            .command(id, |run| {
                caller.check(&run.plan.action, run.plan.level)?;
                if caller.is_automated {
                    let reason = "the run waits for a person".to_owned();
                    return Err(ActionError::Forbidden { who: caller.name.clone(), reason });
                }
                machine::answer(run, answer, &caller.name, now)
            })
            .await?;
        self.wake.notify_one();
        Ok(run)
    }

    /// Stops everything: from the next call on, no run calls anybody. What is on its way at a provider is not undone.
    /// Anybody who may change something may stop everything.
    pub async fn stop_all(&self, caller: &Caller, reason: &str) -> Result<Stop, ActionError> {
        caller.check_level(Level::Protected)?;
        let stop = Stop { by: caller.name.clone(), at: self.parts.clock.now(), reason: reason.to_owned() };
        self.parts.runs.set_stop(Some(&stop)).await?;
        if let Err(reason) = self.parts.witness.record_stop(&caller.name, Some(&stop)).await {
            tracing::error!(
                by = caller.name,
                reason,
                "all actions are stopped, but the audit log refuses to say so"
            );
        }
        Ok(stop)
    }

    /// Lets runs go on.
    pub async fn lift_stop(&self, caller: &Caller) -> Result<(), ActionError> {
        caller.check_level(Level::Private)?;
        let written = self.parts.witness.record_stop(&caller.name, None).await;
        written.map_err(|reason| ActionError::Unaudited { reason })?;
        self.parts.runs.set_stop(None).await?;
        self.wake.notify_one();
        Ok(())
    }

    pub async fn stop(&self) -> Result<Option<Stop>, ActionError> {
        Ok(self.parts.runs.stop().await?)
    }

    pub async fn get(&self, id: &RunId) -> Result<Run, ActionError> {
        let shown = crate::error::shown(&id.0);
        self.parts.runs.get(id).await?.ok_or(ActionError::NoRun(shown))
    }

    /// The run that `author` asked for with this key.
    pub async fn by_key(&self, author: &str, key: &str) -> Result<Option<Run>, ActionError> {
        Ok(self.parts.runs.by_key(author, key).await?)
    }

    pub async fn list(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, ActionError> {
        Ok(self.parts.runs.list(filter, limit).await?)
    }

    async fn plan_unchecked(&self, mut intent: Intent) -> Result<Plan, ActionError> {
        intent.four_eyes |= self.rules.four_eyes.contains(&intent.action);
        let mut seen = BTreeMap::new();
        for query in intent.queries() {
            let answer = self.parts.cloud.look(&query).await?;
            seen.insert(query, answer);
        }
        intent.plan(&seen, &self.rules.limits)
    }

    fn new_run(&self, caller: &Caller, plan: Plan, request: &Request) -> Run {
        let now = self.parts.clock.now();
        let state = if plan.four_eyes { RunState::WaitingForApproval } else { RunState::Ready };
        let steps = plan.steps.iter().map(|_| StepRun::pending()).collect();
        Run {
            id: RunId(self.parts.random.uuid(now).to_string()),
            version: 1,
            plan,
            state,
            reason: None,
            author: caller.name.clone(),
            author_person: caller.person.clone(),
            is_automated: caller.is_automated,
            idempotency_key: request.idempotency_key.clone(),
            incident: request.incident.clone(),
            approval: None,
            cancelled_by: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            due_at: now,
            steps,
            unwitnessed: Vec::new(),
            events_count: 0,
            verdict_due_at: None,
            verdict: None,
        }
    }

    fn check_may_start(&self, run: &Run, now: Timestamp) -> Result<(), ActionError> {
        if run.state != RunState::Ready {
            return Err(wrong_state(run, "started"));
        }
        if !run.plan.four_eyes {
            return Ok(());
        }
        let Some(approval) = &run.approval else { return Err(wrong_state(run, "started")) };
        if approval.expires_at <= now {
            return Err(ActionError::ApprovalExpired { at: approval.expires_at });
        }
        let is_own = match (&approval.person, &run.author_person) {
            (Some(approver), Some(author)) => approver.may_be(author),
            _ => approval.by == run.author,
        };
        if approval.plan_hash != run.plan.hash || is_own || !run.plan.is_intact() {
            return Err(ActionError::PlanChanged { what: "it was approved", now: run.plan.hash.clone() });
        }
        Ok(())
    }

    /// Gives the time before which looks may still show the world from before the last run.
    async fn check_damping(&self, run: &Run, now: Timestamp) -> Result<Option<Timestamp>, ActionError> {
        let limit_of = |target: &str| match run.is_automated {
            _ if target.starts_with(BLOCK_LIST_PREFIX) => self.rules.runs_per_list_max,
            true => self.rules.automated_runs_per_target_max,
            false => self.rules.runs_per_target_max,
        };
        let mut settled_at = None;
        for target in &run.plan.targets {
            let limit = limit_of(target);
            let recent = self.parts.runs.recent_on(target, now - DAMPING_WINDOW).await?;
            if recent.len() >= limit {
                let (target, count) = (target.clone(), recent.len());
                return Err(ActionError::Damped { target, count, window: DAMPING_WINDOW });
            }
            let worse = recent.first().filter(|last| last.helped == Some(Helped::Worse));
            if let (true, Some(last)) = (run.is_automated, worse) {
                return Err(ActionError::Worsened {
                    target: target.clone(),
                    run: last.run.to_string(),
                    until: last.started_at + DAMPING_WINDOW,
                });
            }
            let settled = recent.iter().filter_map(|run| run.finished_at).max().map(|at| at + READ_LAG_MAX);
            settled_at = settled_at.max(settled);
        }
        Ok(settled_at)
    }

    /// Changes a run as it is now, writes that down, and stores it.
    async fn command(
        &self,
        id: &RunId,
        change: impl Fn(&mut Run) -> Result<(), ActionError>,
    ) -> Result<Run, ActionError> {
        self.change(id, change, true).await
    }

    /// As [`Self::command`], but what cannot be written down now is written down later.
    async fn safer_command(
        &self,
        id: &RunId,
        change: impl Fn(&mut Run) -> Result<(), ActionError>,
    ) -> Result<Run, ActionError> {
        self.change(id, change, false).await
    }

    async fn change(
        &self,
        id: &RunId,
        change: impl Fn(&mut Run) -> Result<(), ActionError>,
        must_be_witnessed: bool,
    ) -> Result<Run, ActionError> {
        let mut last = None;
        for _ in 0..SAVE_TRIES_MAX {
            let mut run = self.get(id).await?;
            change(&mut run)?;
            if let (Err(error), true) = (self.witness(&mut run).await, must_be_witnessed) {
                return Err(error);
            }
            match self.parts.runs.save(&mut run).await {
                Ok(()) => return Ok(run),
                Err(error @ RunsError::Conflict { .. }) => last = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.map_or_else(|| ActionError::NoRun(id.to_string()), ActionError::from))
    }

    /// Tells the witness what it does not know. What it has taken is taken off the run.
    async fn witness(&self, run: &mut Run) -> Result<(), ActionError> {
        while let Some(event) = run.unwitnessed.first() {
            let taken = self.parts.witness.record(event).await;
            taken.map_err(|reason| ActionError::Unaudited { reason })?;
            run.unwitnessed.remove(0);
        }
        Ok(())
    }
}

impl Caller {
    fn check(&self, action: &str, level: Level) -> Result<(), ActionError> {
        self.check_level(level)?;
        let covers = |scope: &String| match scope.strip_suffix('*') {
            Some(prefix) => action.starts_with(prefix),
            None => scope == action,
        };
        if level == Level::Public || self.scopes.iter().any(covers) {
            return Ok(());
        }
        let reason = format!("`{action}` is not among the scopes of the key");
        Err(ActionError::Forbidden { who: self.name.clone(), reason })
    }

    fn check_level(&self, level: Level) -> Result<(), ActionError> {
        if self.level >= level {
            return Ok(());
        }
        let reason = format!("this is {}, and they may call what is {}", level.as_str(), self.level.as_str());
        Err(ActionError::Forbidden { who: self.name.clone(), reason })
    }
}

impl Intent {
    /// An action of the catalogue with values from outside.
    pub fn of_action(name: &str, values: &serde_json::Map<String, Value>) -> Result<Self, ActionError> {
        let action = catalog::find(name)?;
        let Work::Steps(steps) = action.work else {
            return Err(ActionError::Invalid(format!("`{name}` only reads: there is nothing to plan")));
        };
        let arguments = Arguments::read(name, action.parameters, values)?;
        let drafts = steps(&arguments);
        for draft in &drafts {
            if let StepWork::Change(Effect::AddRule { rule, .. }) = &draft.work
                && rule.host.is_none()
                && rule.source_ips.is_empty()
            {
                return Err(ActionError::Invalid(format!(
                    "`{name}` needs `host` or `sourceIps`: a rule without a condition would take all traffic"
                )));
            }
        }
        Ok(Self {
            action: action.name.to_owned(),
            arguments,
            level: action.level,
            four_eyes: action.four_eyes,
            drafts,
            parts: Vec::new(),
        })
    }
}

impl Plan {
    /// What the plan was made of, to make it again.
    pub fn intent(&self) -> Intent {
        Intent {
            action: self.action.clone(),
            arguments: self.arguments.clone(),
            level: self.level,
            four_eyes: self.four_eyes,
            drafts: self.steps.iter().map(|step| step.draft.clone()).collect(),
            parts: self.parts.clone(),
        }
    }
}

fn same_request(known: Run, intent: &Intent) -> Result<Run, ActionError> {
    let drafts: Vec<_> = known.plan.steps.iter().map(|step| &step.draft).collect();
    let is_same = known.plan.action == intent.action
        && known.plan.arguments == intent.arguments
        && drafts.into_iter().eq(&intent.drafts);
    if is_same { Ok(known) } else { Err(ActionError::KeyReused { run: known.id.to_string() }) }
}

fn check_key(key: &str) -> Result<(), ActionError> {
    const KEY_BYTES_MAX: usize = 200;
    if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
        return Err(ActionError::BadParameter {
            name: "idempotencyKey".to_owned(),
            reason: format!("must have 1 to {KEY_BYTES_MAX} bytes on one line"),
        });
    }
    Ok(())
}

fn wrong_state(run: &Run, wanted: &'static str) -> ActionError {
    ActionError::WrongState { run: run.id.to_string(), state: run.state.as_str(), wanted }
}
