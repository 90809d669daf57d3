//! Tests of the incident service as the rest of the system sees it, on the store in memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests do")]

mod alerts;
mod clock;
mod contract;
mod drafts;
mod feed;
mod lifecycle;
mod simulation;

use std::sync::Arc;
use std::time::Duration;

use nines_base::ManualClock;
use nines_incidents::contract::{at, report};
use nines_incidents::{
    Actor, Cadence, Command, Entry, EntryKind, Incident, IncidentError, IncidentId, Incidents, Level,
    MemoryRepository, NewUpdate, Repository,
};

pub const MINUTE: Duration = Duration::from_secs(60);

/// A service on a store in memory and a clock that moves by hand.
struct World {
    pub repository: Arc<dyn Repository>,
    pub clock: Arc<ManualClock>,
    pub incidents: Incidents,
}

impl World {
    pub fn new() -> Self {
        let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::default());
        let clock = ManualClock::at(at(0));
        let incidents = Incidents::new(Arc::clone(&repository), clock.clone(), Cadence::default());
        Self { repository, clock, incidents }
    }

    /// The process dies and comes back with the same store.
    pub fn restart(&mut self) {
        self.incidents = Incidents::new(Arc::clone(&self.repository), self.clock.clone(), Cadence::default());
    }

    pub fn pass(&self, minutes: u32) {
        self.clock.advance(MINUTE * minutes);
    }

    pub async fn reported(&self, service: &str, level: Level) -> IncidentId {
        self.incidents.report(&report(service, level), &lin()).await.unwrap().id
    }

    pub async fn act(&self, id: IncidentId, command: Command) -> Result<Incident, IncidentError> {
        self.incidents.act(id, &command, &lin()).await
    }

    pub async fn update(&self, id: IncidentId, text: &str) -> Incident {
        let update = NewUpdate { text: text.to_owned(), ..NewUpdate::default() };
        self.act(id, Command::PostUpdate(update)).await.unwrap()
    }

    pub async fn tick(&self) -> Vec<IncidentId> {
        self.incidents.tick().await.unwrap().changed
    }

    pub async fn timeline(&self, id: IncidentId) -> Vec<Entry> {
        self.incidents.timeline(id, 0, 10_000).await.unwrap()
    }

    pub async fn kinds(&self, id: IncidentId) -> Vec<EntryKind> {
        self.timeline(id).await.into_iter().map(|entry| entry.kind).collect()
    }

    /// The words of pending effects, in order.
    pub async fn effects(&self) -> Vec<&'static str> {
        let pending = self.incidents.pending_effects(1000).await.unwrap();
        pending.iter().map(|pending| pending.effect.kind.as_str()).collect()
    }
}

pub fn lin() -> Actor {
    Actor::person("lin")
}
