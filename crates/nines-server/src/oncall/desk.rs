//! Intake: alerts of other systems are taken in, kept, and told together.
//!
//! One task owns everything that decides (book, gate, grouper), so there are no locks to wait for. What many senders post
//! at once is written in one transaction, and each is answered after it. If it cannot be written, what was decided is
//! taken back and the sender is told to come again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nines_base::{SharedClock, Shutdown};
use nines_http::{AlertDesk, DeskError, Feed, Receipt};
use nines_incidents::{IncidentId, Incidents, Level};
use nines_model::Timestamp;
use nines_oncall::alert::{AlertStatus, IncomingAlert};
use nines_oncall::escalation::Hold;
use nines_oncall::noise::{
    AlertBook, AlertEntry, Dependencies, FLAP_WINDOW, Gate, Grouper, Preview, REOPEN_WITHIN, Received,
    Silence, Suppression,
};
use nines_oncall::{OncallRepository, Roster, Rota};
use nines_state::intake::{ForeignAlert, Intake};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::holds::explaining;
use super::opener::{Opener, Task, Waiting};
use super::{Shared, held};

/// Requests that wait to be written: at a few milliseconds for each transaction of hundreds, a second's worth.
const QUEUE: usize = 1_024;
/// Alerts of one transaction; at about 20 µs each, well below a second.
const BATCH_ALERTS: usize = 5_000;
const ROUND: Duration = Duration::from_secs(1);
/// How often alerts that were held back are looked at again, and silences for being idle.
const REVIEW_EVERY: Duration = Duration::from_secs(5);
/// After the store failed.
const PAUSE: Duration = Duration::from_secs(1);
/// What ended stays in the list for this long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// An alert that does not say how grave it is calls somebody: too loud is mended sooner than silent.
const LEVEL_DEFAULT: Level = Level::P1;

enum Ask {
    Receive { alerts: Vec<IncomingAlert>, by: String, reply: Reply<Vec<Receipt>> },
    Separate { fingerprint: String, labels: Vec<String>, by: String, reply: Reply<Vec<String>> },
    Join { fingerprint: String, reply: Reply<bool> },
    Preview { silence: Box<Silence>, reply: Reply<Preview> },
}

type Reply<T> = oneshot::Sender<Result<T, DeskError>>;

/// The way to the desk. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    asks: mpsc::Sender<Ask>,
}

pub struct DeskParts {
    pub clock: SharedClock,
    pub rota: Rota,
    pub repository: Arc<dyn OncallRepository>,
    pub store: Intake,
    pub incidents: Incidents,
    pub feed: Feed,
    pub public_url: String,
    pub shared: Arc<Shared>,
}

/// What is known of an alert beside the book's entry.
#[derive(Debug, Clone, Default)]
struct Standing {
    group: String,
    suppressed: Option<String>,
    /// When a flapping alert may be told after all.
    steady_at: Option<Timestamp>,
}

pub struct DeskWorker {
    parts: DeskParts,
    asks: mpsc::Receiver<Ask>,
    book: AlertBook,
    gate: Gate,
    grouper: Grouper,
    standing: HashMap<String, Standing>,
    /// The roster from which the gate has its windows and silences.
    roster: Arc<Roster>,
    /// The map of services that the gate has.
    dependencies: Arc<Dependencies>,
    waiting: Arc<Waiting>,
    incident_of: Arc<Mutex<HashMap<String, IncidentId>>>,
    reviewed_at: Option<Duration>,
    forgot_at: Option<Duration>,
}

impl Desk {
    /// The handle, and the worker that must be run.
    pub fn new(parts: DeskParts) -> (Self, DeskWorker) {
        let (asks, receiver) = mpsc::channel(QUEUE);
        let worker = DeskWorker {
            roster: Arc::default(),
            dependencies: Arc::default(),
            parts,
            asks: receiver,
            book: AlertBook::default(),
            gate: Gate::default(),
            grouper: Grouper::default(),
            standing: HashMap::new(),
            waiting: Arc::default(),
            incident_of: Arc::default(),
            reviewed_at: None,
            forgot_at: None,
        };
        (Self { asks }, worker)
    }

    async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Ask) -> Result<T, DeskError> {
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(make(reply)).map_err(|_| DeskError::Busy)?;
        answer.await.map_err(|_| DeskError::Busy)?
    }
}

#[async_trait]
impl AlertDesk for Desk {
    async fn receive(&self, alerts: Vec<IncomingAlert>, by: &str) -> Result<Vec<Receipt>, DeskError> {
        let by = by.to_owned();
        self.ask(|reply| Ask::Receive { alerts, by, reply }).await
    }

    async fn separate(
        &self,
        fingerprint: &str,
        labels: &[String],
        by: &str,
    ) -> Result<Vec<String>, DeskError> {
        let (fingerprint, labels, by) = (fingerprint.to_owned(), labels.to_vec(), by.to_owned());
        self.ask(|reply| Ask::Separate { fingerprint, labels, by, reply }).await
    }

    async fn join(&self, fingerprint: &str) -> Result<bool, DeskError> {
        let fingerprint = fingerprint.to_owned();
        self.ask(|reply| Ask::Join { fingerprint, reply }).await
    }

    async fn preview(&self, silence: &Silence) -> Result<Preview, DeskError> {
        let silence = Box::new(silence.clone());
        self.ask(|reply| Ask::Preview { silence, reply }).await
    }
}

impl DeskWorker {
    /// Until shutdown, with the task that opens incidents beside it.
    pub async fn run(mut self, shutdown: Shutdown) {
        self.load(&shutdown).await;
        let opener = Opener {
            clock: Arc::clone(&self.parts.clock),
            incidents: self.parts.incidents.clone(),
            store: self.parts.store.clone(),
            waiting: Arc::clone(&self.waiting),
            shared: Arc::clone(&self.parts.shared),
            incident_of: Arc::clone(&self.incident_of),
            feed: self.parts.feed.clone(),
            public_url: self.parts.public_url.clone(),
        };
        let opening = tokio::spawn(opener.run(shutdown.clone()));
        while !shutdown.has_begun() {
            self.round().await;
            let pause = self.pause();
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.parts.clock.sleep(pause) => {}
                ask = self.asks.recv() => match ask {
                    Some(first) => self.serve(first).await,
                    None => break,
                },
            }
        }
        if let Err(error) = opening.await {
            tracing::error!(%error, "the task that opens incidents ended badly");
        }
    }

    /// What the last process knew. Without it alerts would be counted and told anew: retried until it can be read.
    async fn load(&mut self, shutdown: &Shutdown) {
        while !shutdown.has_begun() {
            let now = self.parts.clock.now();
            match self.parts.store.load(now - REOPEN_WITHIN).await {
                Ok(loaded) => {
                    for (fingerprint, labels) in loaded.separations {
                        self.book.put_separation(fingerprint, labels);
                    }
                    for alert in loaded.alerts {
                        self.put_back(alert, now);
                    }
                    return;
                }
                Err(error) => tracing::error!(%error, "cannot read the alerts of other systems, will retry"),
            }
            self.parts.clock.sleep(PAUSE).await;
        }
    }

    /// A group that was told before is told again to its incident, which knows it and says nothing twice.
    fn put_back(&mut self, stored: ForeignAlert, now: Timestamp) {
        let alert = &stored.entry.alert;
        if stored.entry.resolved_at.is_none() && stored.suppressed.is_none() {
            self.grouper.fired(alert, now);
            self.gate.inhibitor.fired(alert, stored.entry.first_at);
        }
        if let Some(Ok(incident)) = stored.incident.as_deref().map(str::parse) {
            self.incident_of.lock().insert(stored.group.clone(), incident);
        }
        // What else held it is looked at anew; how long it has been steady is not known.
        let was_flapping =
            stored.suppressed.as_ref().is_some_and(|why| *why == Suppression::Flapping.to_string());
        let steady_at = was_flapping.then_some(now + FLAP_WINDOW);
        let standing = Standing { group: stored.group, suppressed: stored.suppressed, steady_at };
        self.standing.insert(alert.fingerprint.id.clone(), standing);
        self.book.put(stored.entry);
    }

    /// A P0 group is due at once; others when they have collected.
    fn pause(&self) -> Duration {
        let now = self.parts.clock.now();
        self.grouper.next_at().map_or(ROUND, |at| at.since(now)).min(ROUND)
    }

    /// Serves what waits: many senders, one transaction.
    async fn serve(&mut self, first: Ask) {
        let mut next = Some(first);
        let (mut before, mut replies, mut taken) = (BTreeMap::new(), Vec::new(), 0);
        let now = self.parts.clock.now();
        self.follow_roster();
        while let Some(ask) = next.take() {
            match ask {
                Ask::Receive { alerts, by, reply } => {
                    taken += alerts.len();
                    let receipts = alerts.into_iter().map(|alert| self.take(alert, &by, now, &mut before));
                    replies.push((reply, receipts.collect::<Vec<_>>()));
                }
                Ask::Separate { fingerprint, labels, by, reply } => {
                    let answer = self.separate(&fingerprint, &labels, &by, now).await;
                    let _ = reply.send(answer);
                }
                Ask::Join { fingerprint, reply } => {
                    let answer = self.parts.store.join(&fingerprint).await.map_err(store_error);
                    if answer.is_ok() {
                        self.book.join(&fingerprint);
                    }
                    let _ = reply.send(answer);
                }
                Ask::Preview { silence, reply } => {
                    let open = self.book.open().map(|entry| &entry.alert);
                    let _ = reply.send(Ok(silence.preview(open)));
                }
            }
            if taken < BATCH_ALERTS {
                next = self.asks.try_recv().ok();
            }
        }
        if replies.is_empty() {
            return;
        }
        let rows: Vec<ForeignAlert> = before.keys().filter_map(|fingerprint| self.row(fingerprint)).collect();
        match self.parts.store.record(&rows).await {
            Ok(()) => {
                for (reply, receipts) in replies {
                    // A sender that went away will ask again, and nothing is told twice.
                    let _ = reply.send(Ok(receipts));
                }
                self.parts.feed.publish("alert", None);
            }
            Err(error) => {
                tracing::error!(%error, alerts = taken, "alerts cannot be kept; their senders are told to come again");
                for (fingerprint, entry) in before {
                    match entry {
                        Some(entry) => self.book.put(entry),
                        None => self.book.forget(&fingerprint),
                    }
                }
                for (reply, _) in replies {
                    let _ = reply.send(Err(DeskError::Store(error.to_string())));
                }
            }
        }
    }

    /// One alert through the book, the gate and the grouper.
    fn take(
        &mut self,
        mut alert: IncomingAlert,
        by: &str,
        now: Timestamp,
        before: &mut BTreeMap<String, Option<AlertEntry>>,
    ) -> Receipt {
        alert.level.get_or_insert(LEVEL_DEFAULT);
        let status = alert.status;
        let mut shown = alert.clone();
        shown.fingerprint = self.book.fingerprint_of(&alert);
        let id = shown.fingerprint.id.clone();
        before.entry(id.clone()).or_insert_with(|| self.book.get(&id).cloned());
        let (fingerprint, received) = self.book.receive(alert, now);
        // A sender that resolves or acknowledges by key alone does not repeat what the alert is.
        if let Some(entry) = self.book.get(&id) {
            shown.clone_from(&entry.alert);
        }
        let since = self.book.get(&id).map_or(now, |entry| entry.first_at);
        let group = self.grouper.key(&shown);
        let was_suppressed = self.standing.get(&id).is_some_and(|standing| standing.suppressed.is_some());
        let suppression = match received {
            Received::New | Received::Reopened { .. } | Received::Overflow => {
                let held = self.gate.fired(&shown, since, now);
                if held.is_none() {
                    self.grouper.fired(&shown, now);
                }
                held
            }
            Received::Merged { .. } if was_suppressed => {
                return self.receipt(fingerprint, received, &id, group);
            }
            Received::Merged { .. } => {
                self.grouper.fired(&shown, now);
                None
            }
            Received::Resolved { .. } => {
                let held = self.gate.ended(&shown, now);
                self.grouper.ended(&shown, now);
                held
            }
            Received::NothingToResolve => None,
        };
        if self.book.get(&id).is_some() {
            let steady_at = matches!(suppression, Some(Suppression::Flapping)).then_some(now + FLAP_WINDOW);
            let suppressed = suppression.map(|why| why.to_string());
            self.standing.insert(id.clone(), Standing { group: group.clone(), suppressed, steady_at });
        }
        if status == AlertStatus::Acknowledged {
            self.waiting.add(group.clone(), Task::Acknowledge { by: by.to_owned() });
        }
        self.receipt(fingerprint, received, &id, group)
    }

    fn receipt(
        &self,
        fingerprint: nines_oncall::alert::Fingerprint,
        received: Received,
        id: &str,
        group: String,
    ) -> Receipt {
        let suppressed = self.standing.get(id).and_then(|standing| standing.suppressed.clone());
        let incident = self.incident_of.lock().get(&group).map(ToString::to_string);
        Receipt { fingerprint, received, suppressed, group, incident }
    }

    fn row(&self, fingerprint: &str) -> Option<ForeignAlert> {
        let entry = self.book.get(fingerprint)?.clone();
        let standing = self.standing.get(fingerprint).cloned().unwrap_or_default();
        let incident = self.incident_of.lock().get(&standing.group).map(ToString::to_string);
        let incident = incident.filter(|_| standing.suppressed.is_none());
        Some(ForeignAlert { entry, suppressed: standing.suppressed, group: standing.group, incident })
    }

    async fn separate(
        &mut self,
        fingerprint: &str,
        labels: &[String],
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, DeskError> {
        let before = self.book.clone();
        let made = self.book.separate(fingerprint, labels).map_err(DeskError::Separate)?;
        let standing = self.standing.get(fingerprint).cloned().unwrap_or_default();
        for part in &made {
            self.standing.insert(part.clone(), standing.clone());
        }
        let parts: Vec<ForeignAlert> = made.iter().filter_map(|part| self.row(part)).collect();
        match self.parts.store.separate(fingerprint, labels, &parts, by, now).await {
            Ok(()) => {
                self.standing.remove(fingerprint);
                if let Some(whole) = before.get(fingerprint) {
                    self.grouper.ended(&whole.alert, now);
                }
                for part in parts.iter().filter(|part| part.suppressed.is_none()) {
                    self.grouper.fired(&part.entry.alert, now);
                }
                Ok(made)
            }
            Err(error) => {
                self.book = before;
                Err(store_error(error))
            }
        }
    }

    /// What time changes: alerts that are over, groups that are due, silences that ended.
    async fn round(&mut self) {
        let now = self.parts.clock.now();
        self.follow_roster();
        self.follow_incidents().await;
        let expired = self.book.tick(now);
        let mut changed: Vec<String> = Vec::new();
        for expired in expired {
            if let Some(entry) = self.book.get(&expired.fingerprint) {
                let alert = entry.alert.clone();
                self.gate.ended(&alert, now);
                self.grouper.ended(&alert, now);
            }
            changed.push(expired.fingerprint);
        }
        let monotonic = self.parts.clock.monotonic();
        if self.reviewed_at.is_none_or(|at| monotonic.saturating_sub(at) >= REVIEW_EVERY) {
            self.reviewed_at = Some(monotonic);
            changed.extend(self.review(now));
            self.hold_incidents(now);
            self.keep_silences(now).await;
            let book = &self.book;
            self.standing.retain(|fingerprint, _| book.get(fingerprint).is_some());
        }
        if !changed.is_empty() {
            let rows: Vec<ForeignAlert> = changed.iter().filter_map(|id| self.row(id)).collect();
            if let Err(error) = self.parts.store.record(&rows).await {
                tracing::warn!(%error, "what became of alerts is not kept; it is worked out again after a restart");
            }
            self.parts.feed.publish("alert", None);
        }
        for notice in self.grouper.due(now) {
            self.waiting.add(notice.group.clone(), Task::Tell(notice));
        }
        if self.forgot_at.is_none_or(|at| monotonic.saturating_sub(at) >= Duration::from_secs(3_600)) {
            self.forgot_at = Some(monotonic);
            if let Err(error) = self.parts.store.forget(now - KEPT).await {
                tracing::warn!(%error, "alerts that ended long ago are still kept");
            }
        }
    }

    /// An incident of a service that others need explains their alerts until it is resolved. If incidents cannot be read,
    /// those that were open stay: alerts are held for as long as the store is away, and nothing can be opened either.
    async fn follow_incidents(&mut self) {
        match self.parts.incidents.open().await {
            Ok(open) => {
                let real = open.into_iter().filter(|incident| !incident.is_drill);
                self.gate.inhibitor.follow_incidents(real.map(explaining));
            }
            Err(error) => {
                tracing::warn!(%error, "open incidents cannot be read, so they explain what they did")
            }
        }
    }

    fn follow_roster(&mut self) {
        let dependencies = Arc::clone(&self.parts.shared.dependencies.lock());
        let roster = self.parts.rota.roster();
        if !Arc::ptr_eq(&dependencies, &self.dependencies) || !Arc::ptr_eq(&roster, &self.roster) {
            // What traces show, and what people declare: a dependency may be called once a day.
            self.gate.inhibitor.follow(Dependencies::clone(&dependencies).with(&roster.needs));
            self.dependencies = dependencies;
        }
        if Arc::ptr_eq(&roster, &self.roster) {
            return;
        }
        let matched: HashMap<_, _> = std::mem::take(&mut self.gate.silences)
            .into_iter()
            .map(|silence| (silence.id.clone(), silence.matched_at))
            .collect();
        self.gate.windows.clone_from(&roster.windows);
        self.gate.silences.clone_from(&roster.silences);
        for silence in &mut self.gate.silences {
            let known = matched.get(&silence.id).copied().flatten();
            silence.matched_at = silence.matched_at.max(known);
        }
        self.roster = roster;
        self.reviewed_at = None;
    }

    /// Alerts that were held back and are no longer: they are told now.
    fn review(&mut self, now: Timestamp) -> Vec<String> {
        let mut told = Vec::new();
        for (fingerprint, standing) in &mut self.standing {
            let Some(entry) = self.book.get(fingerprint) else { continue };
            if standing.suppressed.is_none() || entry.resolved_at.is_some() {
                continue;
            }
            match self.gate.held(&entry.alert, entry.first_at, now) {
                Some(why) => standing.suppressed = Some(why.to_string()),
                None if standing.steady_at.is_some_and(|at| at > now) => {}
                None => {
                    standing.suppressed = None;
                    self.grouper.fired(&entry.alert, now);
                    // From here on it explains others itself.
                    self.gate.inhibitor.fired(&entry.alert, entry.first_at);
                    told.push(fingerprint.clone());
                }
            }
        }
        told
    }

    /// Incidents all of whose alerts are silenced or in maintenance by now: their escalations wait.
    fn hold_incidents(&self, now: Timestamp) {
        let mut holds: HashMap<String, Option<(Timestamp, Hold)>> = HashMap::new();
        if !(self.roster.windows.is_empty() && self.roster.silences.is_empty()) {
            let incident_of = self.incident_of.lock();
            for entry in self.book.open() {
                let Some(standing) = self.standing.get(&entry.alert.fingerprint.id) else { continue };
                let Some(incident) = incident_of.get(&standing.group) else { continue };
                let hold = held(&self.roster, &entry.alert, now);
                let of_all = holds.entry(incident.to_string()).or_insert_with(|| hold.clone());
                *of_all = of_all.take().zip(hold).map(|(a, b)| if a.0 <= b.0 { a } else { b });
            }
        }
        let holds = holds.into_iter().filter_map(|(incident, hold)| Some((incident, hold?)));
        *self.parts.shared.holds.lock() = holds.collect();
    }

    /// Notes which silences are in use, and ends those that nothing has matched for an hour.
    async fn keep_silences(&mut self, now: Timestamp) {
        let known = match self.parts.repository.silences().await {
            Ok(known) => known,
            Err(error) => {
                return tracing::warn!(error = error.to_string(), "silences cannot be looked after");
            }
        };
        let mut is_changed = false;
        for mut silence in known.into_iter().filter(|silence| silence.range.contains(now)) {
            let matches = self.book.open().any(|entry| silence.filter.accepts(&entry.alert));
            let is_noted = silence.matched_at.is_some_and(|at| now.since(at) < Duration::from_secs(60));
            if matches && !is_noted {
                silence.matched_at = Some(now);
            } else if !matches && silence.is_idle(now) {
                tracing::info!(silence = %silence.id, "a silence ends because nothing has matched it for an hour");
                silence.range.end = now;
                is_changed = true;
            } else {
                continue;
            }
            if let Err(error) = self.parts.repository.put_silence(&silence).await {
                tracing::warn!(error = error.to_string(), "a silence cannot be kept");
            }
        }
        if is_changed && let Err(error) = self.parts.rota.refresh().await {
            tracing::warn!(error = error.to_string(), "silences cannot be read");
        }
    }
}

fn store_error(error: nines_state::StateError) -> DeskError {
    DeskError::Store(error.to_string())
}
