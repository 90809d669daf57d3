//! Turns decisions into runs of the action machine, and follows each to its end.
//!
//! A decision is written down with the key of its run before the run is asked for, and a run's outcome is read from the
//! run: so a process that dies anywhere between is continued by the next one, with the same run, at most one effect and
//! no block that nobody ends. What has been blocked is released when its time has come, whatever the mode is by then.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use nines_base::{ErrorKind, Random, SharedClock};
use nines_model::Timestamp;
use parking_lot::{Mutex, RwLock};
use serde_json::{Map, Value, json};

use super::{BLOCKS_KEPT, Block, Credit, Entry, Ledger, LedgerError, Phase, Settings, Standing};
use crate::catalog::Level;
use crate::plan::Intent;
use crate::run::{Run, RunId, RunState};
use crate::service::{Actions, Caller, Request};
use crate::{ActionError, RunsError};

/// Who asks for the runs, in the audit log and on each run.
pub const ACTOR: &str = "address credit";
/// How often decisions are taken, and runs looked at.
pub const ROUND: Duration = Duration::from_secs(2);
/// Between two batches: one run on a list follows the other after some 25 s, because of what reads may lag.
const BATCH_EVERY: Duration = Duration::from_secs(30);
/// Networks in one run: what fits under the radius of a plan together with a batch of the other direction.
const BATCH_MAX: usize = 200;
/// After a refusal that may pass.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long a network is let alone that a person has released or not approved, or whose block was refused.
const HELD_FOR: Duration = Duration::from_secs(3_600);

/// What the keeper stands on.
pub struct KeeperParts {
    pub actions: Arc<Actions>,
    pub ledger: Arc<dyn Ledger>,
    pub clock: SharedClock,
    pub random: Random,
    /// The node's own addresses: never blocked.
    pub own: Vec<IpNet>,
}

pub struct Keeper {
    parts: KeeperParts,
    credit: Mutex<Credit>,
    settings: RwLock<Arc<Settings>>,
    /// Rounds and commands come one after the other.
    desk: tokio::sync::Mutex<Desk>,
    /// The ledger as it is, for those who look.
    shown: RwLock<Arc<Vec<Entry>>>,
}

#[derive(Default)]
struct Desk {
    /// By [`Entry::id`].
    entries: BTreeMap<String, Entry>,
    next_batch_at: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error(
        "`{network}` is not blocked, and no block of it is asked for; `nines credit status` lists those that are"
    )]
    NotBlocked { network: IpNet },
}

impl KeeperError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Ledger(error) => error.kind(),
            Self::Action(error) => error.kind(),
            Self::NotBlocked { .. } => ErrorKind::NotFound,
        }
    }
}

impl Keeper {
    /// Reads what an earlier process left.
    pub async fn open(parts: KeeperParts) -> Result<Self, LedgerError> {
        let settings = parts.ledger.settings().await?.unwrap_or_default();
        let mut credit = Credit::new(settings.config(&parts.own));
        let mut desk = Desk::default();
        for entry in parts.ledger.load().await? {
            match (entry.phase, entry.ended_at) {
                (Phase::Asked | Phase::Blocked, _) => credit.restore(entry.block.clone()),
                (Phase::Released, Some(at)) => {
                    credit.restore_past(entry.block.network, at, entry.block.times)
                }
                _ => {}
            }
            desk.entries.insert(entry.id(), entry);
        }
        let shown = RwLock::new(Arc::new(desk.entries.values().cloned().collect()));
        let settings = RwLock::new(Arc::new(settings));
        Ok(Self { parts, credit: Mutex::new(credit), settings, desk: tokio::sync::Mutex::new(desk), shown })
    }

    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    /// The scorer's configuration for settings that may not be in force.
    pub fn config_of(&self, settings: &Settings) -> super::Config {
        settings.config(&self.parts.own)
    }

    /// Puts checked settings in force. Scores begin anew; whoever keeps the logs gives the past again.
    pub async fn set(&self, settings: Settings) -> Result<(), KeeperError> {
        settings.check()?;
        let _one_at_a_time = self.desk.lock().await;
        self.parts.ledger.put_settings(&settings).await?;
        self.credit.lock().begin_anew(settings.config(&self.parts.own));
        *self.settings.write() = Arc::new(settings);
        Ok(())
    }

    /// What observers give their marks to.
    pub fn with_credit<R>(&self, see: impl FnOnce(&mut Credit) -> R) -> R {
        see(&mut self.credit.lock())
    }

    pub fn explain(&self, address: IpAddr) -> Option<Standing> {
        self.credit.lock().explain(address, self.parts.clock.now())
    }

    pub fn worst(&self, count: usize) -> Vec<Standing> {
        self.credit.lock().worst(count, self.parts.clock.now())
    }

    /// The ledger, by network and then by time.
    pub fn entries(&self) -> Arc<Vec<Entry>> {
        Arc::clone(&self.shown.read())
    }

    /// Decides, asks for runs, and looks how far those on their way are. What cannot be done now is tried again.
    pub async fn round(&self) -> Result<(), KeeperError> {
        let mut desk = self.desk.lock().await;
        let now = self.parts.clock.now();
        if desk.next_batch_at.is_none_or(|at| at <= now) && self.decide(&mut desk, now).await? {
            desk.next_batch_at = Some(now + BATCH_EVERY);
        }
        let mut batches: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, entry) in &desk.entries {
            let is_open = matches!(entry.phase, Phase::Asked | Phase::Releasing);
            if is_open && entry.retry_at.is_none_or(|at| at <= now) {
                batches.entry(entry.key.clone()).or_default().push(id.clone());
            }
        }
        for ids in batches.into_values() {
            let batch: Vec<Entry> = ids.iter().filter_map(|id| desk.entries.get(id)).cloned().collect();
            let moved = self.carry_on(batch, now).await?;
            self.keep(&mut desk, moved).await?;
        }
        Ok(())
    }

    /// Ends a block now: in the name of whoever asks. The network is let alone for an hour.
    pub async fn release(&self, caller: &Caller, network: IpNet) -> Result<Entry, KeeperError> {
        let mut desk = self.desk.lock().await;
        let now = self.parts.clock.now();
        let found = desk.entries.values().find(|entry| {
            entry.block.network == network && matches!(entry.phase, Phase::Asked | Phase::Blocked)
        });
        let mut entry = found.cloned().ok_or(KeeperError::NotBlocked { network })?;
        let intent = intent("waf.unblock", &entry.list, [network])?;
        let run = self.parts.actions.submit(caller, intent, &Request::default()).await?;
        let mut moved = Vec::new();
        if entry.phase == Phase::Asked
            && let Some(run) = &entry.run
        {
            self.give_up(run).await;
            // The others of its batch are asked for again, without it.
            let key = self.key(now);
            let others = desk.entries.values().filter(|other| other.key == entry.key && **other != entry);
            moved.extend(others.map(|other| Entry { key: key.clone(), run: None, ..other.clone() }));
        }
        if run.state == RunState::Ready {
            match self.parts.actions.start(caller, &run.id).await {
                // A run on the list is on its way: this one is started right after it.
                Ok(_) | Err(ActionError::TargetBusy { .. }) => {}
                Err(error) => {
                    self.give_up(&run.id).await;
                    return Err(error.into());
                }
            }
        }
        entry.phase = Phase::Releasing;
        entry.key = self.key(now);
        entry.run = Some(run.id);
        entry.retry_at = None;
        entry.reason = Some(format!("released by {}", caller.name));
        self.credit.lock().pardon(network, now + HELD_FOR);
        moved.push(entry.clone());
        self.keep(&mut desk, moved).await?;
        Ok(entry)
    }

    /// Takes the scorer's decisions into the ledger; whether there were any.
    async fn decide(&self, desk: &mut Desk, now: Timestamp) -> Result<bool, KeeperError> {
        let settings = self.settings();
        let new_max = if settings.mode.may_block() { BATCH_MAX } else { 0 };
        let changes = self.credit.lock().decide_up_to(now, new_max);
        let mut keys: BTreeMap<(String, bool), String> = BTreeMap::new();
        let mut key_of = |list: &str, releases: bool| {
            keys.entry((list.to_owned(), releases)).or_insert_with(|| self.key(now)).clone()
        };
        let mut entries = Vec::new();
        for block in changes.block {
            let Some(list) = settings.list_of(&block.network).map(str::to_owned) else { continue };
            entries.push(Entry {
                key: key_of(&list, false),
                list,
                block,
                phase: Phase::Asked,
                run: None,
                needs_approval: settings.mode == super::Mode::Propose,
                reason: None,
                retry_at: None,
                ended_at: None,
            });
        }
        let ends = |entry: &&Entry| changes.release.contains(&entry.block.network);
        for entry in desk.entries.values().filter(|entry| entry.phase == Phase::Blocked).filter(ends) {
            let key = key_of(&entry.list, true);
            let reason = Some("its time is over".to_owned());
            let run = None;
            entries.push(Entry {
                phase: Phase::Releasing,
                key,
                run,
                reason,
                retry_at: None,
                ..entry.clone()
            });
        }
        let asked: Vec<_> =
            desk.entries.values().filter(|entry| entry.phase == Phase::Asked).filter(ends).cloned().collect();
        entries.extend(self.withdraw(desk, asked, now).await);
        let any = !entries.is_empty();
        let undone: Vec<(IpNet, Block, Phase)> =
            entries.iter().map(|entry| (entry.block.network, entry.block.clone(), entry.phase)).collect();
        if let Err(error) = self.keep(desk, entries).await {
            let mut credit = self.credit.lock();
            for (network, block, phase) in undone {
                match phase {
                    Phase::Asked => credit.withdraw(network),
                    Phase::Releasing => credit.restore(block),
                    Phase::Blocked | Phase::Released | Phase::Failed => {}
                }
            }
            return Err(error);
        }
        Ok(any)
    }

    /// Blocks that are not wanted any more before they were in force: nobody approved them in time, or the network is
    /// allowed now. A run that has begun is waited for, and its block then ends like any other.
    async fn withdraw(&self, desk: &Desk, unwanted: Vec<Entry>, now: Timestamp) -> Vec<Entry> {
        let mut moved: Vec<Entry> = Vec::new();
        for entry in &unwanted {
            if moved.iter().any(|known| known.id() == entry.id()) {
                continue;
            }
            let batch: Vec<_> = desk.entries.values().filter(|other| other.key == entry.key).collect();
            let is_unwanted = |entry: &Entry| unwanted.iter().any(|other| other.id() == entry.id());
            let run = match &entry.run {
                Some(run) => self.parts.actions.get(run).await.ok(),
                None => None,
            };
            let has_not_begun =
                run.is_some_and(|run| matches!(run.state, RunState::Ready | RunState::WaitingForApproval));
            // A plan that somebody may be reading is not replaced because one of its addresses has calmed down.
            let is_worth_it = batch.iter().all(|other| is_unwanted(other))
                || batch.iter().any(|other| self.credit.lock().spares(&other.block.network));
            let Some(run) = entry.run.as_ref().filter(|_| has_not_begun && is_worth_it) else {
                self.credit.lock().restore(entry.block.clone());
                continue;
            };
            self.give_up(run).await;
            let key = self.key(now);
            moved.extend(batch.into_iter().map(|other| match is_unwanted(other) {
                true => Entry {
                    phase: Phase::Failed,
                    reason: Some("it was not wanted any more before it was approved".to_owned()),
                    ended_at: Some(now),
                    ..other.clone()
                },
                false => Entry { key: key.clone(), run: None, ..other.clone() },
            }));
        }
        moved
    }

    /// One batch, whose entries share a key, a list and a phase, as far as it goes now.
    async fn carry_on(&self, mut batch: Vec<Entry>, now: Timestamp) -> Result<Vec<Entry>, KeeperError> {
        let Some(first) = batch.first().cloned() else { return Ok(batch) };
        let run = match &first.run {
            Some(run) => self.parts.actions.get(run).await,
            None => self.ask(&first, &batch).await,
        };
        let run = match run {
            Ok(run) => run,
            Err(error) => {
                self.refused(&mut batch, &error, now);
                return Ok(batch);
            }
        };
        let may_block = self.settings().mode.may_block();
        match run.state {
            RunState::Done => self.done(&mut batch, now),
            RunState::Compensated | RunState::Cancelled => {
                let reason = run.reason.clone().unwrap_or_else(|| format!("run {} was given up", run.id));
                self.over(&mut batch, &reason, now);
            }
            RunState::Ready | RunState::WaitingForApproval if first.phase == Phase::Asked && !may_block => {
                self.give_up(&run.id).await;
                self.over(&mut batch, "blocking was turned off before it was started", now);
            }
            RunState::Ready => self.start(&mut batch, &run, now).await,
            RunState::WaitingForApproval
            | RunState::Running
            | RunState::Compensating
            | RunState::WaitingForHuman => {
                batch.iter_mut().for_each(|entry| {
                    entry.run = Some(run.id.clone());
                    entry.retry_at = None;
                });
            }
        }
        Ok(batch)
    }

    /// Asks for the run of a batch. A repeat is the same run, for the key is the same.
    async fn ask(&self, first: &Entry, batch: &[Entry]) -> Result<Run, ActionError> {
        let action = if first.phase == Phase::Releasing { "waf.unblock" } else { "waf.block" };
        let networks = batch.iter().map(|entry| entry.block.network);
        if first.phase == Phase::Asked && networks.clone().any(|network| super::is_never_blocked(&network)) {
            // The scorer does not decide that; this is the other side of the same promise.
            return Err(ActionError::Invalid("a network that is never blocked was to be blocked".to_owned()));
        }
        let mut intent = intent(action, &first.list, networks)?;
        intent.four_eyes |= first.phase == Phase::Asked && first.needs_approval;
        let request = Request { idempotency_key: Some(first.key.clone()), ..Request::default() };
        self.parts.actions.submit(&caller(), intent, &request).await
    }

    async fn start(&self, batch: &mut [Entry], run: &Run, now: Timestamp) {
        batch.iter_mut().for_each(|entry| entry.run = Some(run.id.clone()));
        match self.parts.actions.start(&caller(), &run.id).await {
            Ok(_) => batch.iter_mut().for_each(|entry| (entry.reason, entry.retry_at) = (None, None)),
            // Somebody changed the list meanwhile: another plan, and perhaps another approval.
            Err(error @ (ActionError::PlanChanged { .. } | ActionError::ApprovalExpired { .. })) => {
                self.give_up(&run.id).await;
                let key = self.key(now);
                for entry in batch {
                    (entry.key, entry.run) = (key.clone(), None);
                    entry.reason = Some(error.to_string());
                }
            }
            Err(error) => wait(batch, &error, now),
        }
    }

    fn done(&self, batch: &mut [Entry], now: Timestamp) {
        let mut credit = self.credit.lock();
        for entry in batch {
            entry.retry_at = None;
            if entry.phase == Phase::Asked {
                // It counts from when it is in force: an approval may have taken hours.
                entry.block.until = now + entry.block.until.since(entry.block.since);
                entry.phase = Phase::Blocked;
                entry.reason = None;
                credit.restore(entry.block.clone());
            } else {
                entry.phase = Phase::Released;
                entry.ended_at = Some(now);
            }
        }
    }

    /// The run is over without having done it.
    fn over(&self, batch: &mut [Entry], reason: &str, now: Timestamp) {
        let key = self.key(now);
        let mut credit = self.credit.lock();
        for entry in batch {
            entry.reason = Some(reason.to_owned());
            if entry.phase == Phase::Asked {
                entry.phase = Phase::Failed;
                entry.ended_at = Some(now);
                credit.pardon(entry.block.network, now + HELD_FOR);
            } else {
                // What is blocked has to be released, so it is tried again.
                (entry.key, entry.run) = (key.clone(), None);
                entry.retry_at = Some(now + RETRY_AFTER);
            }
        }
    }

    /// The run could not be asked for or read.
    fn refused(&self, batch: &mut [Entry], error: &ActionError, now: Timestamp) {
        let is_final =
            matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::Forbidden);
        tracing::warn!(networks = batch.len(), %error, is_final, "address credit was refused a run");
        if is_final {
            self.over(batch, &error.to_string(), now);
        } else {
            wait(batch, error, now);
        }
    }

    async fn give_up(&self, run: &RunId) {
        if let Err(error) = self.parts.actions.cancel(&caller(), run).await {
            tracing::warn!(%run, %error, "a run of address credit could not be given up");
        }
    }

    /// Stores what changed, then shows it.
    async fn keep(&self, desk: &mut Desk, entries: Vec<Entry>) -> Result<(), KeeperError> {
        let is_new = |entry: &Entry| desk.entries.get(&entry.id()) != Some(entry);
        let changed: Vec<Entry> = entries.into_iter().filter(is_new).collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.parts.ledger.put(&changed).await?;
        desk.entries.extend(changed.into_iter().map(|entry| (entry.id(), entry)));
        let mut over: Vec<_> = desk
            .entries
            .iter()
            .filter(|(_, entry)| entry.phase.is_over())
            .map(|(id, entry)| (entry.ended_at, id.clone()))
            .collect();
        over.sort();
        let surplus = over.len().saturating_sub(BLOCKS_KEPT as usize);
        for (_, id) in over.into_iter().take(surplus) {
            desk.entries.remove(&id);
        }
        *self.shown.write() = Arc::new(desk.entries.values().cloned().collect());
        Ok(())
    }

    fn key(&self, now: Timestamp) -> String {
        format!("credit-{}", self.parts.random.uuid(now))
    }
}

/// Tried again a little later.
fn wait(batch: &mut [Entry], error: &ActionError, now: Timestamp) {
    let after = match error {
        // The run before on the same list is over in a moment.
        ActionError::TargetBusy { .. } | ActionError::Runs(RunsError::Conflict { .. }) => ROUND,
        _ => RETRY_AFTER,
    };
    for entry in batch {
        entry.reason = Some(error.to_string());
        entry.retry_at = Some(now + after);
    }
}

fn intent(
    action: &str,
    list: &str,
    networks: impl IntoIterator<Item = IpNet>,
) -> Result<Intent, ActionError> {
    let mut addresses: Vec<String> = networks.into_iter().map(|network| network.to_string()).collect();
    addresses.sort();
    let mut values = Map::new();
    values.insert("list".to_owned(), Value::String(list.to_owned()));
    values.insert("addresses".to_owned(), json!(addresses));
    Intent::of_action(action, &values)
}

/// A rule and not a person, with the two actions that it needs.
fn caller() -> Caller {
    Caller {
        name: ACTOR.to_owned(),
        person: None,
        level: Level::Protected,
        scopes: vec!["waf.block".to_owned(), "waf.unblock".to_owned()],
        may_approve: false,
        is_automated: true,
        bars: crate::Bars::default(),
    }
}
