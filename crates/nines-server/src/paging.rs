//! The page path: from live counters to a provider's request, on a runtime of its own.
//!
//! Three loops, all idempotent:
//! - the **evaluator** reads every promise, moves its rule, and records what changed: the alert and its pages are one
//!   transaction in `response.db`;
//! - the **deliverer** (of `nines_notify`) empties the outbox;
//! - the **promise clock** of open incidents, whose effects (nudges, misses, updates) become pages.
//!
//! They share with the rest of the node only what is read without locks: rings, evidence, recent changes, the declared
//! promises. The incident of an alert is opened before the page is written, so that the page can link to it; if that
//! fails or takes long, the page goes out without.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use nines_alerting::{
    AlertMessage, Language, Level, OpenAlert, Policy, Reading, Track, Transition, TransitionKind, decide,
};
use nines_base::{SharedClock, Shutdown};
use nines_http::Feed;
use nines_incidents::{
    Actor, AlertSignal, Class, Command, EffectKind, EntryKind, Incident, IncidentId, Incidents,
    PendingEffect, Record as TimelineRecord, Text,
};
use nines_model::Timestamp;
use nines_notify::{Deliverer, Event, NewPage, OutboxStore, PageState, Subject, plan, plan_draft};
use nines_oncall::Rota;
use nines_oncall::escalation::Hold;
use nines_slo::{RecentChanges, SloReading, evaluate};
use nines_state::alerts::{Alerts, Record, Step};

use crate::notices;
use crate::oncall;
use crate::promises::{Kept, PromiseKeeper};
use crate::translate;

/// The pause between two rounds: what a bad second waits at most before it is seen.
const ROUND: Duration = Duration::from_millis(200);
/// With very many promises a round takes longer; it must leave the machine nine tenths of the time.
const ROUND_SHARE: u32 = 10;
/// The board is told at least this often, and at once when a state changes.
const BOARD_EVERY: Duration = Duration::from_secs(5);
/// How long a page waits for its incident.
const INCIDENT_WAIT: Duration = Duration::from_millis(500);
/// The clock of incidents works in minutes.
const CLOCK_ROUND: Duration = Duration::from_secs(1);
const EFFECTS_PER_ROUND: u32 = 100;
/// Effects of what happens within this time are one write.
const TOGETHER: Duration = Duration::from_millis(50);

pub struct Paging {
    pub clock: SharedClock,
    pub keeper: Arc<PromiseKeeper>,
    pub changes: Arc<RecentChanges>,
    pub alerts: Alerts,
    pub outbox: Arc<dyn OutboxStore>,
    pub deliverer: Deliverer,
    pub incidents: Incidents,
    pub feed: Feed,
    pub public_url: String,
    pub vitals: Arc<Vitals>,
    pub news: crate::patterns::News,
    pub rota: Rota,
    pub shared: Arc<oncall::Shared>,
    /// Alerts whose pages wait because an incident of a service that theirs needs explains them.
    pub explained: Explained,
}

/// By the alert's id, its incident. As many as there are promises at most.
pub type Explained = Arc<parking_lot::Mutex<HashMap<String, IncidentId>>>;

/// What the rest of the node may know of the page path, without asking it.
#[derive(Debug, Default)]
pub struct Vitals {
    /// Monotonic milliseconds at the end of the last round.
    evaluated_ms: AtomicU64,
    /// The same of the loop that walks escalations; 0 before its first round.
    walked_ms: AtomicU64,
    /// The same of the auditor, and how often it has looked.
    audited_ms: AtomicU64,
    pub audits: AtomicU64,
    pub firing: AtomicU64,
}

/// A loop of the page path that has not finished a round for this long stands still. The slowest of them turns once a
/// second.
const STANDSTILL: Duration = Duration::from_secs(30);
/// The auditor looks once a minute; two looks missed are too many.
const AUDIT_LATE: Duration = Duration::from_secs(150);

impl Vitals {
    /// How long ago the evaluator finished a round.
    pub fn evaluated_ago(&self, clock: &SharedClock) -> Duration {
        ago(&self.evaluated_ms, clock)
    }

    /// The same of the loop that walks escalations.
    pub fn walked_ago(&self, clock: &SharedClock) -> Duration {
        ago(&self.walked_ms, clock)
    }

    /// The same of the auditor.
    pub fn audited_ago(&self, clock: &SharedClock) -> Duration {
        ago(&self.audited_ms, clock)
    }

    pub(crate) fn walked(&self, clock: &SharedClock) {
        // At least 1: 0 says that there was no round yet.
        self.walked_ms.store(millis(clock.monotonic()).max(1), Ordering::Relaxed);
    }

    pub(crate) fn has_walked(&self) -> bool {
        self.walked_ms.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn audited(&self, clock: &SharedClock) {
        self.audited_ms.store(millis(clock.monotonic()), Ordering::Relaxed);
        self.audits.fetch_add(1, Ordering::Relaxed);
    }

    /// Which loop of the page path stands still, in words. `None`: all of them turn.
    pub fn standstill(&self, clock: &SharedClock) -> Option<String> {
        let checks = [
            ("rules have not been evaluated", self.evaluated_ago(clock), STANDSTILL),
            ("escalations have not been walked", self.walked_ago(clock), STANDSTILL),
            ("paging has not been audited", self.audited_ago(clock), AUDIT_LATE),
        ];
        let (what, ago, _) = checks.into_iter().find(|(_, ago, late)| ago > late)?;
        Some(format!("{what} for {} s", ago.as_secs()))
    }
}

fn millis(monotonic: Duration) -> u64 {
    u64::try_from(monotonic.as_millis()).unwrap_or(u64::MAX)
}

fn ago(at_ms: &AtomicU64, clock: &SharedClock) -> Duration {
    clock.monotonic().saturating_sub(Duration::from_millis(at_ms.load(Ordering::Relaxed)))
}

impl Paging {
    /// Runs until shutdown, on the caller's runtime.
    pub async fn run(self, shutdown: Shutdown) {
        let this = Arc::new(self);
        let deliverer = this.deliverer.clone();
        let stop = shutdown.clone();
        let delivering = tokio::spawn(async move { deliverer.run(stop).await });
        let (clock_of_incidents, stop) = (Arc::clone(&this), shutdown.clone());
        let ticking = tokio::spawn(async move { clock_of_incidents.run_promise_clock(stop).await });
        this.run_evaluator(shutdown).await;
        for task in [delivering, ticking] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a loop of the page path ended badly");
            }
        }
    }

    async fn run_evaluator(&self, shutdown: Shutdown) {
        let policy = Policy::default();
        let mut tracks = self.load_tracks(&shutdown).await;
        self.find_explained(&tracks).await;
        let mut board = Board::default();
        while !shutdown.has_begun() {
            let started = self.clock.monotonic();
            let now = self.clock.now();
            let kept = self.keeper.kept();
            let mut readings = HashMap::with_capacity(kept.len());
            for kept in kept.iter() {
                let rings = kept.live.as_ref().map(|live| live.rings());
                let reading = Arc::new(evaluate(&kept.promise, rings, now));
                // History that is still being counted must neither fire nor resolve anything.
                if kept.live.as_ref().is_some_and(|live| live.has_history()) {
                    let track = tracks
                        .entry(kept.promise.id.clone())
                        .or_insert_with(|| Track::new(kept.promise.id.as_str()));
                    self.step(&policy, track, kept, &reading).await;
                }
                readings.insert(kept.promise.id.clone(), reading);
            }
            self.forget_removed(&mut tracks, &kept, now).await;
            let firing = tracks.values().filter(|track| track.phase == nines_alerting::Phase::Firing).count();
            self.vitals.firing.store(firing as u64, Ordering::Relaxed);
            if board.is_news(&readings, started) {
                self.feed.publish("slos", None);
            }
            self.keeper.publish(readings);
            let ended = self.clock.monotonic();
            self.vitals.evaluated_ms.store(millis(ended), Ordering::Relaxed);
            let pause = ROUND.max((ended - started) * ROUND_SHARE);
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    /// What the last process knew. Without it, alerts would fire anew: retried until it can be read.
    async fn load_tracks(&self, shutdown: &Shutdown) -> HashMap<String, Track> {
        loop {
            match self.alerts.load_tracks().await {
                Ok(tracks) => return tracks.into_iter().map(|track| (track.slo.clone(), track)).collect(),
                Err(error) => tracing::error!(%error, "cannot read where the rules stand, will retry"),
            }
            tokio::select! {
                () = shutdown.begun() => return HashMap::new(),
                () = self.clock.sleep(CLOCK_ROUND) => {}
            }
        }
    }

    async fn step(&self, policy: &Policy, track: &mut Track, kept: &Kept, slo: &SloReading) {
        let reading = translate::reading(kept, slo);
        let decision = decide(policy, track, &reading);
        let stored = match (&decision.transition, &decision.track.alert) {
            (Some(transition), Some(alert)) => {
                tracing::info!(
                    slo = kept.promise.id,
                    kind = transition.kind.as_str(),
                    reason = transition.reason.to_string(),
                    "alert changed"
                );
                self.record(kept, &reading, &decision.track, alert, transition).await
            }
            _ if decision.track.differs_from(track) => {
                self.alerts.record(&Record { track: &decision.track, step: None }).await.map(|_| ())
            }
            _ => Ok(()),
        };
        match stored {
            // Only what is stored is true: otherwise the next round decides the same again.
            Ok(()) => *track = decision.track,
            Err(error) => {
                tracing::error!(slo = kept.promise.id, %error, "cannot record an alert, will retry")
            }
        }
    }

    /// Alert, message and pages in one transaction; the deliverer is woken; the incident's timeline is told.
    async fn record(
        &self,
        kept: &Kept,
        reading: &Reading,
        track: &Track,
        alert: &OpenAlert,
        transition: &Transition,
    ) -> Result<(), nines_state::StateError> {
        let mut evidence = translate::evidence(
            kept,
            reading.at,
            alert.started_at,
            &self.changes,
            &self.news.load(),
            &self.public_url,
        );
        let compose = |evidence: &nines_alerting::Evidence| {
            AlertMessage::compose(
                Language::English,
                &track.fingerprint(),
                alert,
                transition,
                reading,
                evidence,
            )
        };
        let incident = self.incident_of(kept, alert, transition, &compose(&evidence)).await;
        if let Some(incident) = &incident {
            let url = format!("{}/incident/{}", self.public_url, incident.id);
            evidence.incident = Some(incident.id.to_string());
            evidence.links.acknowledge = Some(format!("{url}?do=acknowledge"));
            evidence.links.incident = Some(url);
        }
        let message = compose(&evidence);
        let now = self.clock.now();
        let (pages, why) = self.pages_of_alert(kept, &message, transition, incident.as_ref(), now).await;
        match (&why, &incident) {
            (Some(_), Some(incident)) => drop(self.explained.lock().insert(alert.id.0.clone(), incident.id)),
            _ => drop(self.explained.lock().remove(&alert.id.0)),
        }
        let step = Step { transition, message: &message, pages: &pages };
        self.alerts.record(&Record { track, step: Some(step) }).await?;
        self.deliverer.wake();
        self.feed.publish("alert", Some(alert.id.0.clone()));
        self.feed.publish("slos", None);
        if let Some(incident) = incident {
            if let Err(error) = self.alerts.set_incident(&alert.id, &incident.id.to_string()).await {
                tracing::warn!(%error, "cannot link an alert to its incident");
            }
            self.tell_timeline(&incident, transition, &pages, why, now).await;
        }
        Ok(())
    }

    /// Where the team has a policy, the incident calls people by it. Otherwise, and whenever there is no incident to call
    /// by, the pages go by the routes; what is silenced, or explained by an incident of a service that this one needs, waits
    /// in the outbox until it no longer is. In words, why.
    async fn pages_of_alert(
        &self,
        kept: &Kept,
        message: &AlertMessage,
        transition: &Transition,
        incident: Option<&Incident>,
        now: Timestamp,
    ) -> (Vec<NewPage>, Option<Hold>) {
        let roster = self.rota.roster();
        // What is over is told by the routes: nobody is called for it.
        let calls = transition.severity == nines_alerting::Severity::Page
            && transition.kind != TransitionKind::Resolved;
        if calls && incident.is_some_and(|incident| roster.policy_of(&incident.services).is_some()) {
            return (Vec::new(), None);
        }
        let mut planned = plan(message, &kept.routing.routes, now);
        if transition.kind == TransitionKind::Resolved {
            return (planned, None);
        }
        let level = level_of(message.level);
        let alert = oncall::of_promise(&kept.promise.service, &message.title, level, &kept.promise.id);
        let held = oncall::held(&roster, &alert, now);
        let explained = match incident.filter(|_| held.is_none() && calls) {
            Some(incident) => self.explains(incident, now).await,
            None => None,
        };
        let Some((until, why)) = held.or_else(|| explained.clone()) else { return (planned, None) };
        tracing::info!(
            slo = kept.promise.id,
            until = until.to_string(),
            why = why.to_string(),
            "pages are held"
        );
        for page in &mut planned {
            page.due_at = page.due_at.max(until);
        }
        (planned, explained.map(|(_, why)| why))
    }

    /// Whether an incident of a service that this one's needs explains it. If open incidents cannot be read, nothing does.
    async fn explains(&self, incident: &Incident, now: Timestamp) -> Option<(Timestamp, Hold)> {
        let open = self.incidents.open().await.ok()?;
        oncall::Explainer::new(&self.shared, &self.rota.roster(), open)?.explains(incident, now)
    }

    /// Pages whose explanation is over, or too small by now, go out.
    async fn release(&self) {
        let waiting: Vec<(String, IncidentId)> =
            self.explained.lock().iter().map(|(alert, incident)| (alert.clone(), *incident)).collect();
        for (alert, id) in waiting {
            let now = self.clock.now();
            let Ok(incident) = self.incidents.get(id).await else { continue };
            if incident.state.is_open() && self.explains(&incident, now).await.is_some() {
                continue;
            }
            match self.outbox.release(&Subject::alert(&alert), now).await {
                Ok(pages) => {
                    self.explained.lock().remove(&alert);
                    if pages > 0 {
                        self.deliverer.wake();
                        let text = Text::Plain("pages are held no longer".to_owned());
                        self.write_timeline(&incident, text, now).await;
                    }
                }
                Err(error) => tracing::error!(%error, "pages cannot be released, will retry"),
            }
        }
    }

    /// What the last process held back. A silence holds by its own end.
    async fn find_explained(&self, tracks: &HashMap<String, Track>) {
        for alert in tracks.values().filter_map(|track| track.alert.as_ref()) {
            if let Ok(Some(incident)) = self.incidents.by_alert(&alert.id.0).await
                && oncall::held(&self.rota.roster(), &oncall::of_incident(&incident), self.clock.now())
                    .is_none()
            {
                self.explained.lock().insert(alert.id.0.clone(), incident.id);
            }
        }
    }

    /// Opens or joins the incident of an alert that pages; reports the end of one that does not fire any more.
    async fn incident_of(
        &self,
        kept: &Kept,
        alert: &OpenAlert,
        transition: &Transition,
        message: &AlertMessage,
    ) -> Option<Incident> {
        let pages = transition.severity == nines_alerting::Severity::Page;
        let work = async {
            match transition.kind {
                TransitionKind::Resolved => self.incidents.alert_resolved(&alert.id.0).await,
                _ if !pages => self.incidents.by_alert(&alert.id.0).await,
                _ => self
                    .incidents
                    .alert_fired(&signal(kept, alert, message))
                    .await
                    .map(|outcome| Some(outcome.incident)),
            }
        };
        tokio::select! {
            found = work => found.unwrap_or_else(|error| {
                tracing::error!(error = error.to_string(), "cannot open an incident; the page goes out without");
                None
            }),
            () = self.clock.sleep(INCIDENT_WAIT) => {
                tracing::error!("the incident store is slow; the page goes out without an incident");
                None
            }
        }
    }

    async fn tell_timeline(
        &self,
        incident: &Incident,
        transition: &Transition,
        pages: &[NewPage],
        why: Option<Hold>,
        now: Timestamp,
    ) {
        if pages.is_empty() {
            return;
        }
        let targets: Vec<_> = pages.iter().map(|page| page.target.to_string()).collect();
        let held = why.map(|why| format!(", held by {why}")).unwrap_or_default();
        let text = format!("{} page to {}{held}", transition.kind.as_str(), targets.join(", "));
        self.write_timeline(incident, Text::Plain(text), now).await;
    }

    async fn write_timeline(&self, incident: &Incident, text: Text, now: Timestamp) {
        let record = TimelineRecord { at: now, kind: EntryKind::Page, text, link: None };
        if let Err(error) = self.incidents.act(incident.id, &Command::Record(record), &Actor::system()).await
        {
            tracing::warn!(error = error.to_string(), "whom a page goes to is not on the timeline");
        }
    }

    /// Rules whose promise was removed end; what they had open is closed.
    async fn forget_removed(&self, tracks: &mut HashMap<String, Track>, kept: &[Kept], now: Timestamp) {
        if tracks.len() <= kept.len() {
            return;
        }
        let known: BTreeSet<&str> = kept.iter().map(|kept| kept.promise.id.as_str()).collect();
        let gone: Vec<String> = tracks.keys().filter(|slo| !known.contains(slo.as_str())).cloned().collect();
        for slo in gone {
            match self.alerts.forget_track(&slo, now).await {
                Ok(()) => drop(tracks.remove(&slo)),
                Err(error) => tracing::warn!(slo, %error, "cannot forget a rule, will retry"),
            }
        }
    }

    async fn run_promise_clock(&self, shutdown: Shutdown) {
        let mut changes = self.incidents.watch(self.incidents.revision().await.unwrap_or(0));
        let mut counts = Vec::new();
        let mut ticked_at: Option<Duration> = None;
        while !shutdown.has_begun() {
            // By time alone: what happens to incidents makes no promise due, and in a storm it happens all the time.
            let monotonic = self.clock.monotonic();
            if ticked_at.is_none_or(|at| monotonic.saturating_sub(at) >= CLOCK_ROUND) {
                ticked_at = Some(monotonic);
                if let Err(error) = self.incidents.tick().await {
                    tracing::error!(
                        error = error.to_string(),
                        "the promise clock cannot be read, will retry"
                    );
                }
                self.release().await;
                // Pages change behind the deliverer's back; the pages that show them are told.
                if let Ok(now) = self.outbox.counts().await
                    && now != counts
                {
                    counts = now;
                    self.feed.publish("page", None);
                }
            }
            self.perform_effects().await;
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.clock.sleep(CLOCK_ROUND) => {}
                changed = changes.next() => match changed {
                    Ok(changed) => {
                        self.publish(changed.unwrap_or_default());
                        self.clock.sleep(TOGETHER).await;
                        while let Some(Ok(Some(changed))) = changes.next().now_or_never() {
                            self.publish(changed);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = error.to_string(), "incidents cannot be followed, will retry");
                        self.clock.sleep(CLOCK_ROUND).await;
                    }
                },
            }
        }
    }

    fn publish(&self, changed: Vec<nines_incidents::Change>) {
        for change in changed {
            self.feed.publish("incident", Some(change.incident.to_string()));
        }
    }

    /// Does what incidents ask for, at least once: page ids are made from the effect's key, so twice is once.
    async fn perform_effects(&self) {
        let pending = match self.incidents.pending_effects(EFFECTS_PER_ROUND).await {
            Ok(pending) => pending,
            Err(error) => {
                return tracing::error!(
                    error = error.to_string(),
                    "cannot read the effects of incidents, will retry"
                );
            }
        };
        let (mut pages, mut notes, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for effect in pending {
            match self.pages_for(&effect, &mut notes).await {
                Ok(some) => {
                    pages.extend(some);
                    done.push(effect.sequence);
                }
                Err(error) => {
                    tracing::error!(error = error.to_string(), "cannot read an incident, will retry");
                }
            }
        }
        if done.is_empty() {
            return;
        }
        if !pages.is_empty() {
            if let Err(error) = self.outbox.insert(&pages).await {
                return tracing::error!(%error, "cannot queue pages about incidents, will retry");
            }
            self.deliverer.wake();
        }
        if let Err(error) = self.incidents.effects_done(&done).await {
            tracing::warn!(error = error.to_string(), "effects are not marked done and will be repeated");
        }
        if let Err(error) = self.incidents.record(&notes, &Actor::system()).await {
            tracing::warn!(error = error.to_string(), "whom reports reached is not on the timeline");
        }
    }

    async fn pages_for(
        &self,
        pending: &PendingEffect,
        notes: &mut Vec<(IncidentId, TimelineRecord)>,
    ) -> Result<Vec<NewPage>, nines_incidents::IncidentError> {
        let effect = &pending.effect;
        let incident = self.incidents.get(effect.incident).await?;
        let escalates = self.rota.roster().policy_of(&incident.services).is_some();
        let Some(priority) = notices::priority(&incident, &effect.kind, escalates) else {
            return Ok(Vec::new());
        };
        let update = match &effect.kind {
            EffectKind::UpdatePosted { number } => {
                let updates = self.incidents.updates(effect.incident).await?;
                updates.into_iter().find(|update| update.number == *number)
            }
            _ => None,
        };
        let now = self.clock.now();
        let draft = notices::draft(&incident, &effect.kind, update.as_ref(), &self.public_url, now);
        let routes = self.keeper.duty().routes(&incident.services);
        let subject = Subject::incident(incident.id.to_string());
        let pages = plan_draft(&subject, &effect.key, Event::Notice, priority, &draft, &routes, now);
        if effect.kind == EffectKind::Opened {
            notes.push((incident.id, who_was_told(&incident, &pages, now)));
        }
        Ok(pages)
    }
}

/// The timeline says whom a report reached, and just as plainly that it reached nobody.
fn who_was_told(incident: &Incident, pages: &[NewPage], now: Timestamp) -> TimelineRecord {
    let targets: Vec<_> = pages.iter().map(|page| page.target.to_string()).collect();
    let text = if targets.is_empty() {
        Text::phrase("page.nobody", [("service", incident.intake.service.clone())])
    } else {
        Text::phrase("page.opened", [("targets", targets.join(", "))])
    };
    TimelineRecord { at: now, kind: EntryKind::Page, text, link: None }
}

fn signal(kept: &Kept, alert: &OpenAlert, message: &AlertMessage) -> AlertSignal {
    let scope = match message.suspects.first() {
        Some(suspect) => format!("{} = {}", suspect.field, suspect.value),
        None => "no attribute stands out".to_owned(),
    };
    AlertSignal {
        alert_id: alert.id.0.clone(),
        rule: kept.promise.id.clone(),
        service: kept.promise.service.clone(),
        // Found by monitoring.
        class: Class::S2,
        level: level_of(message.level),
        summary: message.title.clone(),
        scope,
        started_at: alert.started_at,
        detected_at: alert.detected_at,
        link: message
            .links
            .iter()
            .find(|link| link.kind == nines_alerting::LinkKind::Slo)
            .map(|link| link.url.clone()),
    }
}

fn level_of(level: Level) -> nines_incidents::Level {
    match level {
        Level::P0 => nines_incidents::Level::P0,
        Level::P1 => nines_incidents::Level::P1,
        Level::P2 => nines_incidents::Level::P2,
    }
}

/// Whether the board changed since it was last told.
#[derive(Default)]
struct Board {
    told_at: Option<Duration>,
    words: HashMap<String, (&'static str, Option<&'static str>)>,
}

impl Board {
    fn is_news(&mut self, readings: &HashMap<String, Arc<SloReading>>, at: Duration) -> bool {
        let words: HashMap<_, _> = readings
            .iter()
            .map(|(id, reading)| {
                let status = reading.status.map(|status| status.as_str());
                (id.clone(), (nines_http::render::slos::measurement(&reading.state), status))
            })
            .collect();
        let due = self.told_at.is_none_or(|told| at.saturating_sub(told) >= BOARD_EVERY);
        let news = words != self.words || due;
        if news {
            self.words = words;
            self.told_at = Some(at);
        }
        news
    }
}

/// For the status page.
pub fn count(counts: &[(PageState, u64)], state: PageState) -> u64 {
    counts.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count)
}
