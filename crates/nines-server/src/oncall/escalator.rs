//! The loop that walks policies: from an open incident to a person who answers.
//!
//! It takes no input but what is stored: incidents with their timelines, escalations, orders, pages. Each round brings
//! every escalation up to its incident's timeline, takes the steps that are due, and gives the orders to the outbox. State
//! and orders of a decision are one transaction, a page's id is made from its order's key, and an order is marked done
//! after its page is queued: killed anywhere, the next process goes on, and nobody is called twice for one order.
//!
//! What many escalations do in one round is written together. A thousand incidents in a minute take some ten thousand
//! writes one by one, each of which waits for the disk, and the next person would wait behind all of them.

mod deliver;
mod entries;
mod reminders;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use nines_base::{SharedClock, Shutdown, chain};
use nines_http::Feed;
use nines_incidents::{Actor, Incident, IncidentId, Incidents, Record};
use nines_model::Timestamp;
use nines_notify::{Deliverer, OutboxStore, Targets};
use nines_oncall::escalation::{Escalation, Event, Hold, Phase, Reason, decide};
use nines_oncall::noise::{Limiter, MESSAGES_WINDOW};
use nines_oncall::{Move, OncallRepository, PersonId, Roster, Rota, Stored};
use nines_state::alerts::Alerts;

use super::{Explainer, Shared, held, of_incident};
use crate::paging::Vitals;
use crate::promises::PromiseKeeper;
use entries::{event_of, note, told};

/// How often escalations are looked at when nothing happens and no step is due.
const ROUND: Duration = Duration::from_secs(1);
/// What happens within this time is one round: well below what a person notices, and in a storm, when something happens
/// all the time, twenty rounds a second.
const TOGETHER: Duration = Duration::from_millis(50);
/// Escalations, pages and entries of one write: it takes some 20 ms, in which nobody else can write.
const TOGETHER_MAX: usize = 200;
/// Entries of one timeline that are read in one go; the next round reads on.
const ENTRIES_PER_ROUND: u32 = 1_000;
/// Orders carried out in one round: a storm of one incident for each of a thousand services, called by two channels.
const ORDERS_PER_ROUND: u32 = 2_000;

pub struct EscalatorParts {
    pub clock: SharedClock,
    pub rota: Rota,
    pub repository: Arc<dyn OncallRepository>,
    pub incidents: Incidents,
    pub alerts: Alerts,
    pub outbox: Arc<dyn OutboxStore>,
    pub deliverer: Deliverer,
    pub targets: Targets,
    pub keeper: Arc<PromiseKeeper>,
    pub feed: Feed,
    pub public_url: String,
    pub shared: Arc<Shared>,
    pub vitals: Arc<Vitals>,
}

pub struct Escalator {
    parts: EscalatorParts,
    limiter: Limiter,
    /// Orders that may be sent, as the limiter has said already.
    granted: HashSet<String>,
    /// Orders that wait for a person's digest.
    digesting: HashMap<String, PersonId>,
    /// Escalations of which every call has ended, with the version at which that was seen. Nothing more is read
    /// for them until they move: a thousand open incidents would cost two thousand reads a second.
    settled: HashMap<String, u64>,
    /// Escalations that go on, as this loop left them; it alone moves them. `None` at the start, and after a round that
    /// failed: then they are read.
    known: Option<HashMap<String, Stored>>,
    reminded_at: Option<Duration>,
    /// When calls were last looked at for having failed.
    checked_at: Option<Duration>,
}

/// What one escalation became in this round.
struct Decided {
    step: Move,
    reasons: Vec<Reason>,
    /// Whether people see a difference.
    moved: bool,
    /// Somebody has it in hand now, or it is over: what people were called by is answered.
    answered: bool,
}

/// Entries for timelines, written when the calls that they tell of are on their way.
type Notes = Vec<(IncidentId, Record)>;

impl Escalator {
    pub fn new(parts: EscalatorParts) -> Self {
        let (limiter, granted) = (Limiter::default(), HashSet::new());
        let (digesting, settled) = (HashMap::new(), HashMap::new());
        Self { parts, limiter, granted, digesting, settled, known: None, reminded_at: None, checked_at: None }
    }

    /// Until shutdown.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut changes = self.parts.incidents.watch(self.parts.incidents.revision().await.unwrap_or(0));
        self.count_what_was_sent().await;
        while !shutdown.has_begun() {
            if let Err(error) = self.round().await {
                tracing::error!(error = %chain(&*error), "escalations cannot go on, will retry");
            }
            let pause = self.pause();
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.parts.clock.sleep(pause) => {}
                changed = changes.next() => {
                    let pause = if changed.is_ok() { TOGETHER } else { ROUND };
                    self.parts.clock.sleep(pause).await;
                    while let Some(Ok(Some(_))) = changes.next().now_or_never() {}
                }
            }
        }
    }

    /// Until the next step is due. One that should have been taken already could not be, and is tried again in a while.
    fn pause(&self) -> Duration {
        let now = self.parts.clock.now();
        let steps = self.known.iter().flatten().filter_map(|(_, stored)| stored.state.next_at());
        let next = steps.filter(|at| *at > now).min();
        next.map_or(ROUND, |at| at.since(now)).min(ROUND)
    }

    /// What people were sent before this process started counts against their limit.
    async fn count_what_was_sent(&mut self) {
        let since = self.parts.clock.now() - MESSAGES_WINDOW;
        match self.parts.repository.orders_done_since(since).await {
            Ok(orders) => {
                for record in orders {
                    if let (nines_oncall::escalation::What::Send { person, .. }, Some(at)) =
                        (&record.order.what, record.done_at)
                    {
                        self.limiter.restore(person, at);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the messages of the last minutes are not counted")
            }
        }
    }

    async fn round(&mut self) -> anyhow::Result<()> {
        let roster = self.parts.rota.roster();
        let open = self.parts.incidents.open().await?;
        let mut incidents: HashMap<String, Incident> =
            open.into_iter().map(|incident| (incident.id.to_string(), incident)).collect();
        let mut known = match self.known.take() {
            Some(known) => known,
            None => {
                let open = self.parts.repository.open_escalations().await?;
                open.into_iter().map(|stored| (stored.state.incident.clone(), stored)).collect()
            }
        };
        self.find_or_start(&roster, &incidents, &mut known).await?;
        self.settled.retain(|incident, _| known.contains_key(incident));
        let monotonic = self.parts.clock.monotonic();
        let checks = self.checked_at.is_none_or(|at| monotonic.saturating_sub(at) >= ROUND);
        if checks {
            self.checked_at = Some(monotonic);
        }
        // Before the first call, and then once in a while: it costs a walk through the map of services for each.
        let is_new = |stored: &Stored| matches!(stored.state.phase, Phase::New { .. });
        let explainer = (checks || known.values().any(is_new))
            .then(|| Explainer::new(&self.parts.shared, &roster, incidents.values().cloned()))
            .flatten();
        let mut decided = Vec::new();
        for (id, stored) in &mut known {
            if !incidents.contains_key(id) {
                let Ok(parsed) = id.parse::<IncidentId>() else { continue };
                incidents.insert(id.clone(), self.parts.incidents.get(parsed).await?);
            }
            match self.bring_up(&roster, explainer.as_ref(), &incidents[id], stored, checks).await {
                Ok(step) => decided.extend(step),
                Err(error) => {
                    tracing::error!(incident = id, error = %chain(&*error), "an escalation cannot go on, will retry")
                }
            }
        }
        let answered: Vec<String> =
            decided.iter().filter(|it| it.answered).map(|it| it.step.state.incident.clone()).collect();
        let mut notes = self.save(decided, &mut known, &incidents).await?;
        let performed = self.perform_orders(&roster, &known, &incidents, &mut notes).await;
        self.write(&notes).await;
        performed?;
        self.quiet_browsers(&roster, &answered, &known, &incidents).await;
        self.send_digests(&roster).await?;
        if let Err(error) = self.remind(&roster).await {
            tracing::warn!(error = %chain(&*error), "people cannot be reminded, will retry");
        }
        let escalating = known.values().filter(|stored| !stored.state.is_over()).count();
        self.parts.shared.escalating.store(escalating as u64, Ordering::Relaxed);
        self.parts.shared.digesting.store(self.limiter.waiting(), Ordering::Relaxed);
        known.retain(|_, stored| !stored.state.is_over());
        self.known = Some(known);
        self.parts.vitals.walked(&self.parts.clock);
        Ok(())
    }

    /// Escalations of open incidents that have none running: one that was over, or a new one if there is a policy.
    async fn find_or_start(
        &self,
        roster: &Roster,
        incidents: &HashMap<String, Incident>,
        known: &mut HashMap<String, Stored>,
    ) -> anyhow::Result<()> {
        let now = self.parts.clock.now();
        let mut new: Vec<Escalation> = Vec::new();
        for (id, incident) in incidents {
            if known.contains_key(id) {
                continue;
            }
            let Some(policy) = roster.policy_of(&incident.services) else { continue };
            match self.parts.repository.escalation(id).await? {
                Some(stored) => drop(known.insert(id.clone(), stored)),
                // Whose turn it is follows from the store.
                None => new.push(Escalation::new(id, Arc::clone(policy), incident.level(), 0, now)),
            }
        }
        // Of two incidents the older one was there first, and so is its turn.
        new.sort_by_key(|state| incidents[&state.incident].id);
        for some in new.chunks(TOGETHER_MAX) {
            let kept = self.parts.repository.start(some, now).await?;
            known.extend(kept.into_iter().map(|stored| (stored.state.incident.clone(), stored)));
        }
        Ok(())
    }

    /// Everything that happened to the incident since, what is due, and what people no longer want to hear. `checks`: also
    /// whether its calls have failed.
    async fn bring_up(
        &mut self,
        roster: &Roster,
        explainer: Option<&Explainer>,
        incident: &Incident,
        stored: &mut Stored,
        checks: bool,
    ) -> anyhow::Result<Option<Decided>> {
        let now = self.parts.clock.now();
        // First, so that what is held calls nobody before it is.
        let mut events: Vec<Event> =
            self.hold(roster, explainer, incident, &stored.state, checks, now).into_iter().collect();
        let mut seen = stored.state.seen;
        if incident.entries > seen {
            let entries = self.parts.incidents.timeline(incident.id, seen, ENTRIES_PER_ROUND).await?;
            for entry in &entries {
                events.extend(event_of(entry, incident));
                seen = seen.max(entry.sequence);
            }
        }
        self.add_standing_events(roster, incident, &stored.state, &mut events);
        if checks {
            let failed = self.failed_deliveries(incident, stored, now).await?;
            events.extend(failed);
        }
        let is_due = stored.state.next_at().is_some_and(|at| at <= now);
        if events.is_empty() && !is_due {
            // Entries that mean nothing, such as its own, are not worth a write: a new process reads them again.
            stored.state.seen = seen;
            return Ok(None);
        }
        let directory = roster.for_roles(&incident.roles);
        let (mut state, mut orders, mut reasons) = (stored.state.clone(), Vec::new(), Vec::new());
        for event in events.iter().chain(is_due.then_some(&Event::Tick)) {
            let decision = decide(&state, event, now, &directory);
            state = decision.state;
            orders.extend(decision.orders);
            reasons.extend(decision.reasons);
        }
        // Read together with the acknowledgement that answers them: nobody is called after it.
        if state.is_acked() || state.is_over() {
            orders.clear();
        }
        state.seen = seen;
        let moved = state.phase != stored.state.phase || !orders.is_empty();
        let answered = moved && (state.is_acked() || state.is_over());
        Ok(Some(Decided { step: Move { state, version: stored.version, orders }, reasons, moved, answered }))
    }

    /// Keeps what was decided. Answers what timelines are to say of it.
    async fn save(
        &self,
        decided: Vec<Decided>,
        known: &mut HashMap<String, Stored>,
        incidents: &HashMap<String, Incident>,
    ) -> anyhow::Result<Notes> {
        let now = self.parts.clock.now();
        let mut notes = Notes::new();
        let mut waiting = decided.into_iter().peekable();
        while waiting.peek().is_some() {
            let (moves, rest): (Vec<Move>, Vec<_>) = waiting
                .by_ref()
                .take(TOGETHER_MAX)
                .map(|Decided { step, reasons, moved, .. }| (step, (reasons, moved)))
                .unzip();
            let versions = self.parts.repository.save(&moves, now).await?;
            for ((step, (reasons, moved)), version) in moves.into_iter().zip(rest).zip(versions) {
                let id = step.state.incident.clone();
                let Some(version) = version else {
                    // Somebody else moved it: the next round goes on from what it is now.
                    known.extend(self.parts.repository.escalation(&id).await?.map(|stored| (id, stored)));
                    continue;
                };
                known.insert(id.clone(), Stored { state: step.state, version });
                if moved && let Some(incident) = incidents.get(&id) {
                    self.parts.feed.publish("oncall", Some(id));
                    notes.extend(told(&reasons).map(|text| note(incident.id, text, now)));
                }
            }
        }
        Ok(notes)
    }

    /// What follows from how things stand rather than from an entry: an edited policy, more alerts.
    fn add_standing_events(
        &self,
        roster: &Roster,
        incident: &Incident,
        state: &Escalation,
        events: &mut Vec<Event>,
    ) {
        if state.is_over() {
            return;
        }
        let running = state.adopted.as_ref().unwrap_or(&state.policy);
        if let Some(policy) = roster.policy(&running.name)
            && policy.version != running.version
        {
            events.push(Event::PolicyAdopted(Arc::clone(policy)));
        }
        let id = incident.id.to_string();
        let linked = u32::try_from(incident.alerts.len()).unwrap_or(u32::MAX);
        let linked = linked.saturating_add(incident.alerts_unlinked);
        let alerts = self.parts.shared.firing.lock().get(&id).copied().unwrap_or(0).max(linked);
        if alerts > state.alerts {
            events.push(Event::AlertsJoined { alerts });
        }
    }

    /// That people do not want to hear of it now or need not, or that they do again.
    fn hold(
        &self,
        roster: &Roster,
        explainer: Option<&Explainer>,
        incident: &Incident,
        state: &Escalation,
        checks: bool,
        now: Timestamp,
    ) -> Option<Event> {
        match &state.phase {
            Phase::New { .. } => {}
            Phase::Held { why: Hold::Explained(_), .. } if !checks => return None,
            Phase::Waiting { .. } | Phase::Held { .. } => {}
            Phase::Acked { .. } | Phase::Exhausted { .. } | Phase::Over { .. } => return None,
        }
        let hold = held(roster, &of_incident(incident), now)
            .or_else(|| self.parts.shared.holds.lock().get(&state.incident).cloned())
            .or_else(|| explainer?.explains(incident, now));
        match (&state.phase, hold) {
            (Phase::New { .. } | Phase::Waiting { .. }, Some((until, why))) => {
                Some(Event::Held { until, why })
            }
            (Phase::Held { until, .. }, None) if *until > now => Some(Event::HoldEnded),
            _ => None,
        }
    }

    async fn write(&self, notes: &Notes) {
        for some in notes.chunks(TOGETHER_MAX) {
            match self.parts.incidents.record(some, &Actor::system()).await {
                Ok(refused) => {
                    for (incident, error) in refused {
                        tracing::warn!(%incident, error = %chain(&error), "a step of an escalation is not on the timeline");
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "steps of escalations are not on the timeline")
                }
            }
        }
    }
}
