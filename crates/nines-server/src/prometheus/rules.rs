//! The thread that evaluates rules.
//!
//! A group at a time, each with a deadline of its own. After each: alerts are handed to the desk, then the group's state is
//! kept. In that order, because a crash between the two makes the same alerts be told again, which changes nothing; the
//! other order would lose one for a minute. What the desk has no room for waits here and is offered again.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown};
use nines_http::{AlertDesk, Feed};
use nines_metrics::{Questions, SeriesRules};
use nines_model::Timestamp;
use nines_oncall::alert::{AlertStatus, IncomingAlert};
use nines_oncall::intake::{RuleAlert, of_rule};
use nines_promql::Control;
use nines_rules::{Context, Evaluator, GroupKey, Notice, Ran};
use nines_state::rules::RuleStates;

use super::Applied;

/// Upstream's `--query.timeout`, here for a whole group.
const GROUP_TIMEOUT: Duration = Duration::from_secs(120);
/// How often it is looked whether something waits that no timer announces.
const ROUND: Duration = Duration::from_secs(1);
/// Alerts that wait for the desk. More are told a minute later, when they are due again.
const WAITING_MAX: usize = 20_000;
/// Alerts that are handed over at once, a tenth of what the desk writes in one transaction.
const HANDED_MAX: usize = 500;
/// Whom the desk knows as their sender.
const SENDER: &str = "rules";

pub(super) struct Rules {
    pub evaluator: Arc<Evaluator>,
    pub questions: Questions,
    pub states: RuleStates,
    pub desk: Arc<dyn AlertDesk>,
    pub applied: Arc<Applied>,
    pub clock: SharedClock,
    pub feed: Feed,
    pub public_url: String,
    pub shutdown: Shutdown,
}

/// Gives each group what the last process knew of it. `began_ms` is when this one began.
pub(super) async fn restore(
    evaluator: &Evaluator,
    states: &RuleStates,
    began_ms: i64,
) -> Result<(), nines_state::StateError> {
    for kept in states.list().await? {
        let key = GroupKey { file: Arc::from(kept.file.as_str()), name: kept.name.clone() };
        match evaluator.restore(&key, &kept.state, began_ms) {
            Ok(true) => {}
            Ok(false) => states.forget(&kept.file, &kept.name).await?,
            Err(error) => {
                tracing::error!(file = kept.file, group = kept.name, %error, "a rule group begins anew")
            }
        }
    }
    Ok(())
}

impl Rules {
    /// On a thread with a runtime of its own, for the timers and the database.
    pub fn start(self) -> std::io::Result<std::thread::JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let rules = Arc::new(self);
        std::thread::Builder::new().name("rules".to_owned()).spawn(move || runtime.block_on(rules.run()))
    }

    async fn run(self: Arc<Self>) {
        let mut waiting: BTreeMap<String, IncomingAlert> = BTreeMap::new();
        let mut kept: HashSet<GroupKey> = self.all_kept().await;
        while !self.shutdown.has_begun() {
            let now_ms = self.clock.now().as_millis();
            // What it writes it waits for, until the journal has it; a thread that drives others must not.
            let rules = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || rules.evaluate(now_ms)).await {
                Ok(Some(ran)) => {
                    self.collect(&ran, &mut waiting);
                    self.hand_on(&mut waiting).await;
                    self.keep(ran, &mut kept).await;
                    continue;
                }
                Ok(None) => {}
                Err(_) => {
                    // Nothing of the group was changed; what comes next may be another one.
                    tracing::error!("the evaluation of a rule group panicked, will retry");
                    self.clock.sleep(ROUND).await;
                }
            }
            self.hand_on(&mut waiting).await;
            self.forget_gone(&mut kept).await;
            let due = self.evaluator.next_due_ms(now_ms).map(|due| u64::try_from(due - now_ms).unwrap_or(0));
            let pause = due.map_or(ROUND, |due| Duration::from_millis(due).min(ROUND));
            tokio::select! {
                () = self.shutdown.begun() => {}
                () = self.applied.changed.notified() => {}
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    async fn all_kept(&self) -> HashSet<GroupKey> {
        let kept = self.states.list().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "which rule groups have a state cannot be read");
            Vec::new()
        });
        kept.into_iter().map(|kept| GroupKey { file: Arc::from(kept.file), name: kept.name }).collect()
    }

    fn evaluate(&self, now_ms: i64) -> Option<Ran> {
        let control = Control {
            cancel: self.shutdown.clone(),
            deadline: Some((Arc::clone(&self.clock), self.clock.monotonic() + GROUP_TIMEOUT)),
        };
        let external_labels = self.applied.external_labels.load();
        let external_labels =
            external_labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (engine, store) = (self.questions.engine(None), SeriesRules::new(&self.questions, &control));
        let context = Context {
            engine: &engine,
            store: &store,
            clock: self.clock.as_ref(),
            control: &control,
            external_labels: &external_labels,
            external_url: &self.public_url,
            query_offset: Duration::ZERO,
        };
        self.evaluator.run_next(&context, now_ms)
    }

    fn collect(&self, ran: &Ran, waiting: &mut BTreeMap<String, IncomingAlert>) {
        for notice in &ran.notices {
            let alert = of_rule(alert_of(notice, ran.at_ms));
            if waiting.len() >= WAITING_MAX && !waiting.contains_key(&alert.fingerprint.id) {
                tracing::error!(group = ran.group.name, "alerts of rules are told later: too many wait");
                break;
            }
            waiting.insert(alert.fingerprint.id.clone(), alert);
        }
    }

    async fn hand_on(&self, waiting: &mut BTreeMap<String, IncomingAlert>) {
        while !waiting.is_empty() {
            let ids: Vec<String> = waiting.keys().take(HANDED_MAX).cloned().collect();
            let alerts = ids.iter().filter_map(|id| waiting.get(id).cloned()).collect();
            if let Err(error) = self.desk.receive(alerts, SENDER).await {
                tracing::warn!(%error, waiting = waiting.len(), "alerts of rules wait");
                return;
            }
            ids.iter().for_each(|id| drop(waiting.remove(id)));
            self.feed.publish("alert", None);
        }
    }

    async fn keep(&self, ran: Ran, kept: &mut HashSet<GroupKey>) {
        let (file, name) = (&*ran.group.file, ran.group.name.as_str());
        let outcome = match &ran.stored {
            Some(state) => self.states.put(file, name, state).await,
            None if kept.contains(&ran.group) => self.states.forget(file, name).await,
            None => return,
        };
        match outcome {
            Ok(()) if ran.stored.is_some() => drop(kept.insert(ran.group)),
            Ok(()) => drop(kept.remove(&ran.group)),
            Err(error) => {
                tracing::error!(file, group = name, %error, "where a rule group stands is not kept")
            }
        }
    }

    /// States of groups that are not applied any more.
    async fn forget_gone(&self, kept: &mut HashSet<GroupKey>) {
        if kept.is_empty() {
            return;
        }
        let applied: HashSet<GroupKey> =
            self.evaluator.status().iter().map(|status| GroupKey::of(&status.group)).collect();
        let gone: Vec<GroupKey> = kept.iter().filter(|key| !applied.contains(key)).cloned().collect();
        for key in gone {
            match self.states.forget(&key.file, &key.name).await {
                Ok(()) => drop(kept.remove(&key)),
                Err(error) => tracing::warn!(%error, "the state of a rule group that is gone stays"),
            }
        }
    }
}

fn alert_of(notice: &Notice, at_ms: i64) -> RuleAlert {
    let status = if notice.ends_at_ms <= at_ms { AlertStatus::Resolved } else { AlertStatus::Firing };
    RuleAlert {
        status,
        labels: notice.labels.clone(),
        annotations: notice.annotations.clone(),
        starts_at: Timestamp::from_millis(notice.starts_at_ms),
        ends_at: Timestamp::from_millis(notice.ends_at_ms),
        generator_url: notice.generator_url.clone(),
    }
}
