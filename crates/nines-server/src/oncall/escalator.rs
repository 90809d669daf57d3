//! The loop that walks policies: from an open incident to a person who answers.
//!
//! It takes no input but what is stored: incidents with their timelines, escalations, orders, pages. Each round brings
//! every escalation up to its incident's timeline, takes the steps that are due, and gives the orders to the outbox. State
//! and orders of a decision are one transaction, a page's id is made from its order's key, and an order is marked done
//! after its page is queued: killed anywhere, the next process goes on, and nobody is called twice for one order.

mod deliver;
mod reminders;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nines_base::{SharedClock, Shutdown, chain};
use nines_http::Feed;
use nines_incidents::{
    Actor, Command, Entry, EntryKind, Incident, IncidentId, Incidents, Record, State, Text,
};
use nines_model::Timestamp;
use nines_notify::{Deliverer, OutboxStore, Targets};
use nines_oncall::escalation::{Escalation, Event, Phase, decide};
use nines_oncall::noise::{Limiter, MESSAGES_WINDOW};
use nines_oncall::{OncallError, OncallRepository, PersonId, Roster, Rota, Stored};
use nines_state::alerts::Alerts;

use super::{Shared, held, of_incident};
use crate::paging::Vitals;
use crate::promises::PromiseKeeper;

/// Steps are of seconds and minutes; people notice no second.
const ROUND: Duration = Duration::from_secs(1);
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
}

impl Escalator {
    pub fn new(parts: EscalatorParts) -> Self {
        let (limiter, granted) = (Limiter::default(), HashSet::new());
        let (digesting, settled) = (HashMap::new(), HashMap::new());
        Self { parts, limiter, granted, digesting, settled, known: None, reminded_at: None }
    }

    /// Until shutdown.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut changes = self.parts.incidents.watch(self.parts.incidents.revision().await.unwrap_or(0));
        self.count_what_was_sent().await;
        while !shutdown.has_begun() {
            if let Err(error) = self.round().await {
                tracing::error!(error = %chain(&*error), "escalations cannot go on, will retry");
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.parts.clock.sleep(ROUND) => {}
                changed = changes.next() => if changed.is_err() {
                    self.parts.clock.sleep(ROUND).await;
                },
            }
        }
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
        let mut known = match self.known.take() {
            Some(known) => known,
            None => {
                let open = self.parts.repository.open_escalations().await?;
                open.into_iter().map(|stored| (stored.state.incident.clone(), stored)).collect()
            }
        };
        let mut incidents: HashMap<String, Incident> = HashMap::new();
        for incident in open {
            let id = incident.id.to_string();
            if !known.contains_key(&id)
                && let Some(stored) = self.find_or_start(&roster, &incident).await?
            {
                known.insert(id.clone(), stored);
            }
            incidents.insert(id, incident);
        }
        self.settled.retain(|incident, _| known.contains_key(incident));
        for stored in known.values_mut() {
            let id = stored.state.incident.clone();
            let incident = match incidents.get(&id) {
                Some(incident) => incident.clone(),
                None => match id.parse::<IncidentId>() {
                    Ok(id) => self.parts.incidents.get(id).await?,
                    Err(_) => continue,
                },
            };
            if let Err(error) = self.bring_up(&roster, &incident, stored).await {
                tracing::error!(incident = id, error = %chain(&*error), "an escalation cannot go on, will retry");
            }
            incidents.insert(id, incident);
        }
        self.perform_orders(&roster, &known, &incidents).await?;
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

    /// The escalation of an open incident that has none running: one that was over, or a new one if there is a policy.
    async fn find_or_start(&self, roster: &Roster, incident: &Incident) -> anyhow::Result<Option<Stored>> {
        let Some(policy) = roster.policy_of(&incident.services) else { return Ok(None) };
        let id = incident.id.to_string();
        if let Some(stored) = self.parts.repository.escalation(&id).await? {
            return Ok(Some(stored));
        }
        let now = self.parts.clock.now();
        let turn = self.parts.repository.next_turn(&policy.name).await?;
        let state = Escalation::new(&id, Arc::clone(policy), incident.level(), turn, now);
        match self.parts.repository.start(&state, &[], now).await {
            Ok(()) => Ok(Some(Stored { state, version: 1 })),
            Err(OncallError::Exists { .. }) => Ok(self.parts.repository.escalation(&id).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Everything that happened to the incident since, what is due, and what people no longer want to hear.
    async fn bring_up(
        &mut self,
        roster: &Roster,
        incident: &Incident,
        stored: &mut Stored,
    ) -> anyhow::Result<()> {
        let now = self.parts.clock.now();
        let mut events = Vec::new();
        let mut seen = stored.state.seen;
        if incident.entries > seen {
            let entries = self.parts.incidents.timeline(incident.id, seen, ENTRIES_PER_ROUND).await?;
            for entry in &entries {
                events.extend(event_of(entry, incident));
                seen = seen.max(entry.sequence);
            }
        }
        self.add_standing_events(roster, incident, &stored.state, now, &mut events);
        let failed = self.failed_deliveries(incident, stored, now).await?;
        events.extend(failed);
        let is_due = stored.state.next_at().is_some_and(|at| at <= now);
        if events.is_empty() && !is_due && seen == stored.state.seen {
            return Ok(());
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
        match self.parts.repository.save(&state, stored.version, &orders, now).await {
            Ok(version) => {
                let moved = state.phase != stored.state.phase || !orders.is_empty();
                *stored = Stored { state, version };
                if moved {
                    self.parts.feed.publish("oncall", Some(incident.id.to_string()));
                    self.tell(incident, &reasons, now).await;
                }
                Ok(())
            }
            // Somebody else moved it: the next round goes on from what it is now.
            Err(OncallError::Stale { .. }) => {
                if let Some(now) = self.parts.repository.escalation(&stored.state.incident).await? {
                    *stored = now;
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What follows from how things stand rather than from an entry: an edited policy, more alerts, silences.
    fn add_standing_events(
        &self,
        roster: &Roster,
        incident: &Incident,
        state: &Escalation,
        now: Timestamp,
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
        let hold = held(roster, &of_incident(incident), now)
            .or_else(|| self.parts.shared.holds.lock().get(&id).cloned());
        match (&state.phase, hold) {
            (Phase::New { .. } | Phase::Waiting { .. }, Some((until, why))) => {
                events.push(Event::Held { until, why });
            }
            (Phase::Held { until, .. }, None) if *until > now => events.push(Event::HoldEnded),
            _ => {}
        }
    }

    async fn tell(&self, incident: &Incident, reasons: &[nines_oncall::escalation::Reason], now: Timestamp) {
        use nines_oncall::escalation::Reason;
        for reason in reasons {
            // What the timeline says already, or what changes nothing.
            let is_known = matches!(
                reason,
                Reason::Nothing(_)
                    | Reason::Started
                    | Reason::Acked { .. }
                    | Reason::AckedAlready { .. }
                    | Reason::AckRenewed
                    | Reason::Over(_)
                    | Reason::Reopened
                    | Reason::AskedFor { .. }
                    | Reason::NextContact { .. }
                    | Reason::LevelLowered { .. }
            );
            if !is_known {
                self.write(incident.id, reason.to_string(), now).await;
            }
        }
    }

    async fn write(&self, incident: IncidentId, text: String, now: Timestamp) {
        let record = Record { at: now, kind: EntryKind::Page, text: Text::Plain(text), link: None };
        if let Err(error) =
            self.parts.incidents.act(incident, &Command::Record(record), &Actor::system()).await
        {
            tracing::warn!(error = %chain(&error), "a step of an escalation is not on the timeline");
        }
    }
}

/// What an entry of the timeline means for the escalation. Entries that the escalator writes mean nothing.
fn event_of(entry: &Entry, incident: &Incident) -> Option<Event> {
    let by = || entry.actor.clone();
    Some(match entry.kind {
        EntryKind::Opened => Event::Started,
        // Whoever mends it has it in hand.
        EntryKind::Acknowledged | EntryKind::Mitigated => Event::Acked { by: by() },
        EntryKind::Update => Event::Progress,
        EntryKind::LevelRaised | EntryKind::LevelConfirmed => Event::LevelChanged { level: incident.level() },
        EntryKind::Escalation => Event::Escalated { by: by() },
        EntryKind::Resolved | EntryKind::Reviewed => Event::Resolved,
        EntryKind::Cancelled => Event::Cancelled,
        EntryKind::Merged => match (incident.state, incident.merged_into) {
            (State::Merged, Some(into)) => Event::Merged { into: into.to_string() },
            _ => return None,
        },
        EntryKind::Reopened => Event::Reopened,
        _ => return None,
    })
}
