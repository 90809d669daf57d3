//! From orders to pages, and from pages that fail back to the escalation.

use std::collections::HashMap;
use std::time::Duration;

use nines_incidents::Incident;
use nines_model::Timestamp;
use nines_notify::{
    Event as PageEvent, NewPage, Page, PageFilter, PageId, PageState, Priority, Route, Subject, SubjectKind,
    TargetId, is_browsers, plan_draft,
};
use nines_oncall::escalation::{Escalation, Event, Phase, Urgency, What};
use nines_oncall::noise::{Message, Verdict};
use nines_oncall::{PendingOrder, PersonId, Roster, Stored};
use nines_state::alerts::AlertFilter;
use serde_json::Value;

use super::{Escalator, Notes, ORDERS_PER_ROUND, TOGETHER_MAX, note};
use crate::oncall::calls::{self, Call};

/// A provider that has not taken a call in this time gives way to the person's next channel (reliability B3).
const CHANNEL_PATIENCE: Duration = Duration::from_secs(30);
/// What is answered can wait for every call.
const ANSWERED: Priority = Priority(3);
/// Pages of one incident that are looked at for failures; an escalation makes a few for each step.
const PAGES_LOOKED_AT: u32 = 500;

/// What carries out an order, and what the timeline says of it.
struct Performed {
    pages: Vec<NewPage>,
    said: String,
}

impl Escalator {
    /// Calls that a provider refused for good, or has not taken in 30 s, each told once.
    pub(super) async fn failed_deliveries(
        &mut self,
        incident: &Incident,
        stored: &Stored,
        now: Timestamp,
    ) -> anyhow::Result<Vec<Event>> {
        let state = &stored.state;
        if !matches!(state.phase, Phase::Waiting { .. }) || state.calls.is_empty() {
            return Ok(Vec::new());
        }
        if self.settled.get(&state.incident) == Some(&stored.version) {
            return Ok(Vec::new());
        }
        let pages = self.pages_of(incident).await?;
        let (mut events, mut all_over) = (Vec::new(), true);
        for record in self.parts.repository.orders_of(&state.incident).await? {
            let What::Send { person, channel, .. } = &record.order.what else { continue };
            if record.done_at.is_none() {
                all_over = false;
                continue;
            }
            let id = page_id(incident, &record.order.key, channel);
            let failed = match pages.get(&id) {
                Some(page) if page.state == PageState::Undeliverable => true,
                Some(page) if !page.is_terminal() => now.since(page.new.due_at) >= CHANNEL_PATIENCE,
                Some(_) => false,
                // It could not be queued at all: there is no such channel.
                None => self.parts.targets.kind(&TargetId(channel.clone())).is_none(),
            };
            all_over &= pages.get(&id).is_none_or(Page::is_terminal);
            let key = format!("delivery-failed/{}", record.order.key);
            if failed && self.parts.repository.tell_once(&key, now).await? {
                events.push(Event::DeliveryFailed { person: person.clone(), channel: channel.clone() });
            }
        }
        if all_over {
            self.settled.insert(state.incident.clone(), stored.version);
        }
        Ok(events)
    }

    async fn pages_of(&self, incident: &Incident) -> anyhow::Result<HashMap<PageId, Page>> {
        let subject = Subject::incident(incident.id.to_string());
        let filter = PageFilter { limit: PAGES_LOOKED_AT, ..PageFilter::of_subject(subject) };
        let pages = self.parts.outbox.pages(&filter).await?;
        Ok(pages.into_iter().map(|page| (page.new.id.clone(), page)).collect())
    }

    /// Gives every order that may go out now to the outbox.
    pub(super) async fn perform_orders(
        &mut self,
        roster: &Roster,
        known: &HashMap<String, Stored>,
        incidents: &HashMap<String, Incident>,
        notes: &mut Notes,
    ) -> anyhow::Result<()> {
        let mut pending = self.parts.repository.pending_orders(ORDERS_PER_ROUND).await?;
        // The gravest first: the limit of a person is not to be used up by what can wait.
        let level = |order: &PendingOrder| incidents.get(&order.incident).map(Incident::level);
        pending.sort_by_key(level);
        pending.retain(|order| {
            // Somebody else carries those for machines out, so that no call waits for a cloud.
            !matches!(order.what, What::Action { .. }) && !self.digesting.contains_key(&order.key)
        });
        for some in pending.chunks(TOGETHER_MAX) {
            let (mut pages, mut keys) = (Vec::new(), Vec::new());
            let now = self.parts.clock.now();
            for order in some {
                let incident = match incidents.get(&order.incident) {
                    Some(incident) => incident.clone(),
                    None => self.parts.incidents.get(order.incident.parse()?).await?,
                };
                let stored = match known.get(&order.incident) {
                    Some(stored) => Some(stored.clone()),
                    None => self.parts.repository.escalation(&order.incident).await?,
                };
                let state = stored.as_ref().map(|stored| &stored.state);
                let Some(performed) = self.perform(roster, &incident, order, state, now).await? else {
                    continue;
                };
                pages.extend(performed.pages);
                keys.push(order.key.clone());
                notes.push(note(incident.id, performed.said, now));
            }
            if keys.is_empty() {
                continue;
            }
            self.parts.outbox.insert(&pages).await?;
            self.parts.deliverer.wake();
            self.parts.repository.orders_done(&keys, now).await?;
            for order in some {
                self.granted.remove(&order.key);
                self.parts.feed.publish("oncall", Some(order.incident.clone()));
            }
        }
        Ok(())
    }

    /// `None`: it waits for a person's digest.
    async fn perform(
        &mut self,
        roster: &Roster,
        incident: &Incident,
        order: &PendingOrder,
        state: Option<&Escalation>,
        now: Timestamp,
    ) -> anyhow::Result<Option<Performed>> {
        let is_answered = state.is_some_and(|state| state.is_acked() || state.is_over());
        let running = state.and_then(|state| state.policy.steps.get(state.step));
        let step = running.map(|step| step.name.as_str());
        let (pages, said) = match &order.what {
            _ if is_answered => {
                (Vec::new(), format!("{}: not carried out, somebody has answered", describe(&order.what)))
            }
            What::Send { person, channel, .. } => match self.grant(order, person, incident, now) {
                Verdict::Digest { .. } => {
                    self.digesting.insert(order.key.clone(), person.clone());
                    return Ok(None);
                }
                Verdict::Send => {
                    let routes = self.routes(std::slice::from_ref(channel));
                    let said = match routes.is_empty() {
                        true => format!("{person} cannot be called: there is no channel `{channel}`"),
                        false => format!("{person} called by {channel}"),
                    };
                    (self.pages(incident, order, Some(person), &routes, step, now).await?, said)
                }
            },
            What::Ticket { person } => {
                let mut routes = self.routes(&roster.team_channels(person));
                if routes.is_empty() {
                    routes = self.parts.keeper.duty().routes(&incident.services);
                }
                let said = format!("ticket for {person}{}", to(&routes));
                (self.pages(incident, order, Some(person), &routes, step, now).await?, said)
            }
            What::Webhook { name } => {
                let routes = self.routes(std::slice::from_ref(name));
                let said = match routes.is_empty() {
                    true => format!("webhook {name} cannot be called: there is no channel `{name}`"),
                    false => format!("webhook {name} called"),
                };
                (self.pages(incident, order, None, &routes, step, now).await?, said)
            }
            What::Action { .. } => return Ok(None),
            What::FirstLine => {
                let routes = self.parts.keeper.duty().first_line();
                let said = match routes.is_empty() {
                    true => "nobody was told: no team has a channel".to_owned(),
                    false => format!("the first line was told{}: {}", to(&routes), order.reason),
                };
                (self.pages(incident, order, None, &routes, step, now).await?, said)
            }
        };
        Ok(Some(Performed { pages, said }))
    }

    /// Whether the message may go out now. The limiter is asked once for each order, however often the rest is tried.
    fn grant(
        &mut self,
        order: &PendingOrder,
        person: &PersonId,
        incident: &Incident,
        now: Timestamp,
    ) -> Verdict {
        if self.granted.contains(&order.key) {
            return Verdict::Send;
        }
        let message = Message { level: incident.level(), title: calls::title(incident) };
        let verdict = self.limiter.offer(person, &message, now);
        if verdict == Verdict::Send {
            self.granted.insert(order.key.clone());
        }
        verdict
    }

    async fn pages(
        &self,
        incident: &Incident,
        order: &PendingOrder,
        person: Option<&PersonId>,
        routes: &[Route],
        step: Option<&str>,
        now: Timestamp,
    ) -> anyhow::Result<Vec<NewPage>> {
        let alert = self.alert_message(incident).await;
        let (reason, public_url) = (order.reason.as_str(), self.parts.public_url.as_str());
        let call = Call { incident, alert: &alert, person, step, reason, public_url, now };
        let subject = Subject::incident(incident.id.to_string());
        let priority = calls::priority(incident.level());
        Ok(plan_draft(&subject, &order.key, PageEvent::Notice, priority, &call.draft(), routes, now))
    }

    /// The message of the newest alert of one of our promises in the incident. A call goes out without it if it cannot be
    /// read.
    async fn alert_message(&self, incident: &Incident) -> Value {
        let filter =
            AlertFilter { incident: Some(incident.id.to_string()), limit: 1, ..AlertFilter::default() };
        let Ok(alerts) = self.parts.alerts.alerts(&filter).await else { return Value::Null };
        let Some(alert) = alerts.first() else { return Value::Null };
        let Ok(transitions) = self.parts.alerts.transitions(&alert.alert.id).await else {
            return Value::Null;
        };
        let newest = transitions.last().map(|transition| transition.message.as_str());
        newest.and_then(|message| serde_json::from_str(message).ok()).unwrap_or_default()
    }

    pub(super) fn routes(&self, channels: &[String]) -> Vec<Route> {
        let known = channels.iter().filter_map(|name| {
            let target = TargetId(name.clone());
            Some(Route { kind: self.parts.targets.kind(&target)?, target, fallback: None })
        });
        known.collect()
    }

    /// Browsers that show a call which is answered show that instead. Nobody waits for it, so a failure is only logged.
    pub(super) async fn quiet_browsers(
        &self,
        roster: &Roster,
        answered: &[String],
        known: &HashMap<String, Stored>,
        incidents: &HashMap<String, Incident>,
    ) {
        if roster.in_browsers.is_empty() {
            return;
        }
        let now = self.parts.clock.now();
        let mut pages = Vec::new();
        for id in answered {
            let (Some(stored), Some(incident)) = (known.get(id), incidents.get(id)) else { continue };
            let orders = match self.parts.repository.orders_of(id).await {
                Ok(orders) => orders,
                Err(error) => {
                    tracing::warn!(incident = id, %error, "browsers go on showing calls that are answered");
                    continue;
                }
            };
            let mut called: Vec<String> = Vec::new();
            for record in orders.into_iter().filter(|record| record.done_at.is_some()) {
                if let What::Send { channel, .. } = record.order.what
                    && is_browsers(&channel)
                    && !called.contains(&channel)
                {
                    called.push(channel);
                }
            }
            let draft = calls::answered(incident, &stored.state.phase, &self.parts.public_url, now);
            let subject = Subject::incident(id.as_str());
            let step = format!("answered/{}", stored.version);
            let routes = self.routes(&called);
            pages.extend(plan_draft(&subject, &step, PageEvent::Notice, ANSWERED, &draft, &routes, now));
        }
        if pages.is_empty() {
            return;
        }
        match self.parts.outbox.insert(&pages).await {
            Ok(_) => self.parts.deliverer.wake(),
            Err(error) => tracing::warn!(%error, "browsers go on showing calls that are answered"),
        }
    }

    /// What was too much for somebody goes out as one message, by the first of their channels.
    pub(super) async fn send_digests(&mut self, roster: &Roster) -> anyhow::Result<()> {
        let now = self.parts.clock.now();
        for digest in self.limiter.due(now) {
            let no_roles = std::collections::BTreeMap::new();
            let directory = roster.for_roles(&no_roles);
            let contacts =
                nines_oncall::escalation::Directory::contacts(&directory, &digest.person, Urgency::High);
            let first: Vec<String> = contacts.into_iter().take(1).map(|contact| contact.channel).collect();
            let mut routes = self.routes(&first);
            if routes.is_empty() {
                routes = self.parts.keeper.duty().first_line();
            }
            let gravest = digest.by_level.keys().next().copied().unwrap_or(nines_incidents::Level::P2);
            let subject = Subject {
                kind: SubjectKind::Outbox,
                id: format!("calls-of-{}-{}", digest.person, digest.since.as_nanos()),
            };
            let draft = calls::digest(&digest, &self.parts.public_url, now);
            let priority = calls::priority(gravest);
            let pages = plan_draft(&subject, "digest", PageEvent::Notice, priority, &draft, &routes, now);
            self.parts.outbox.insert(&pages).await?;
            self.parts.deliverer.wake();
            let held: Vec<String> = self
                .digesting
                .iter()
                .filter(|(_, person)| **person == digest.person)
                .map(|(key, _)| key.clone())
                .collect();
            tracing::warn!(person = %digest.person, messages = held.len(), "too many calls for one person go out as a digest");
            self.parts.repository.orders_done(&held, now).await?;
            for key in held {
                self.digesting.remove(&key);
            }
        }
        Ok(())
    }
}

/// The page that carries out an order.
pub fn page_id(incident: &Incident, order: &str, channel: &str) -> PageId {
    PageId::of(&Subject::incident(incident.id.to_string()), order, &TargetId(channel.to_owned()))
}

fn describe(what: &What) -> String {
    match what {
        What::Send { person, channel, .. } => format!("call of {person} by {channel}"),
        What::Ticket { person } => format!("ticket for {person}"),
        What::Webhook { name } => format!("webhook {name}"),
        What::Action { name, .. } => format!("action {name}"),
        What::FirstLine => "word to the first line".to_owned(),
    }
}

fn to(routes: &[Route]) -> String {
    let names: Vec<String> = routes.iter().map(|route| route.target.to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}
