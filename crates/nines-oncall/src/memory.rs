//! The repository in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::escalation::{Escalation, Order};
use crate::noise::Silence;
use crate::repository::{Move, OncallError, OncallRepository, OrderRecord, PendingOrder, Stored};
use crate::schedule::{OVERRIDES_MAX, Override, OverrideId};

#[derive(Debug, Default)]
pub struct MemoryOncall(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    overrides: BTreeMap<String, Vec<Override>>,
    turns: BTreeMap<String, u64>,
    escalations: BTreeMap<String, Stored>,
    orders: Vec<OrderRecord>,
    silences: BTreeMap<String, Silence>,
    told: BTreeSet<String>,
}

impl Inner {
    fn order(&mut self, state: &Escalation, orders: &[Order], now: Timestamp) {
        for order in orders {
            if !self.orders.iter().any(|known| known.order.key == order.key) {
                let pending = PendingOrder {
                    key: order.key.clone(),
                    incident: state.incident.clone(),
                    what: order.what.clone(),
                    reason: order.reason.to_string(),
                    ordered_at: now,
                };
                self.orders.push(OrderRecord { order: pending, done_at: None });
            }
        }
    }
}

#[async_trait]
impl OncallRepository for MemoryOncall {
    async fn overrides(&self, schedule: &str) -> Result<Vec<Override>, OncallError> {
        Ok(self.0.lock().overrides.get(schedule).cloned().unwrap_or_default())
    }

    async fn add_overrides(&self, schedule: &str, overrides: &[Override]) -> Result<(), OncallError> {
        let mut inner = self.0.lock();
        let mut known = inner.overrides.get(schedule).cloned().unwrap_or_default();
        for change in overrides {
            match known.iter().find(|other| other.id == change.id) {
                Some(other) if other == change => {}
                Some(_) => {
                    let (schedule, id) = (schedule.to_owned(), change.id.clone());
                    return Err(OncallError::OverrideExists { schedule, id });
                }
                None => known.push(change.clone()),
            }
        }
        if known.len() > OVERRIDES_MAX {
            return Err(OncallError::TooManyOverrides { schedule: schedule.to_owned() });
        }
        inner.overrides.insert(schedule.to_owned(), known);
        Ok(())
    }

    async fn remove_override(&self, schedule: &str, id: &OverrideId) -> Result<bool, OncallError> {
        let mut inner = self.0.lock();
        let Some(known) = inner.overrides.get_mut(schedule) else { return Ok(false) };
        let before = known.len();
        known.retain(|change| change.id != *id);
        Ok(known.len() < before)
    }

    async fn start(&self, new: &[Escalation], _: Timestamp) -> Result<Vec<Stored>, OncallError> {
        let mut inner = self.0.lock();
        let mut kept = Vec::with_capacity(new.len());
        for state in new {
            if !inner.escalations.contains_key(&state.incident) {
                let next = inner.turns.entry(state.policy.name.clone()).or_default();
                let turn = *next;
                *next += 1;
                let stored = Stored { state: Escalation { turn, ..state.clone() }, version: 1 };
                inner.escalations.insert(state.incident.clone(), stored);
            }
            kept.extend(inner.escalations.get(&state.incident).cloned());
        }
        Ok(kept)
    }

    async fn save(&self, moves: &[Move], now: Timestamp) -> Result<Vec<Option<u64>>, OncallError> {
        let mut inner = self.0.lock();
        let mut versions = Vec::with_capacity(moves.len());
        for Move { state, version, orders } in moves {
            let known =
                inner.escalations.get_mut(&state.incident).filter(|stored| stored.version == *version);
            let Some(stored) = known else {
                versions.push(None);
                continue;
            };
            *stored = Stored { state: state.clone(), version: version + 1 };
            inner.order(state, orders, now);
            versions.push(Some(version + 1));
        }
        Ok(versions)
    }

    async fn escalation(&self, incident: &str) -> Result<Option<Stored>, OncallError> {
        Ok(self.0.lock().escalations.get(incident).cloned())
    }

    async fn open_escalations(&self) -> Result<Vec<Stored>, OncallError> {
        let inner = self.0.lock();
        Ok(inner.escalations.values().filter(|stored| !stored.state.is_over()).cloned().collect())
    }

    async fn pending_orders(&self, limit: u32) -> Result<Vec<PendingOrder>, OncallError> {
        let inner = self.0.lock();
        let pending = inner.orders.iter().filter(|record| record.done_at.is_none());
        Ok(pending.take(limit as usize).map(|record| record.order.clone()).collect())
    }

    async fn orders_done(&self, keys: &[String], now: Timestamp) -> Result<(), OncallError> {
        let mut inner = self.0.lock();
        for record in inner.orders.iter_mut().filter(|record| keys.contains(&record.order.key)) {
            record.done_at.get_or_insert(now);
        }
        Ok(())
    }

    async fn orders_of(&self, incident: &str) -> Result<Vec<OrderRecord>, OncallError> {
        let inner = self.0.lock();
        Ok(inner.orders.iter().filter(|record| record.order.incident == incident).cloned().collect())
    }

    async fn orders_done_since(&self, at: Timestamp) -> Result<Vec<OrderRecord>, OncallError> {
        let inner = self.0.lock();
        let is_recent = |record: &&OrderRecord| record.done_at.is_some_and(|done_at| done_at >= at);
        let mut recent: Vec<OrderRecord> = inner.orders.iter().filter(is_recent).cloned().collect();
        recent.sort_by_key(|record| record.done_at);
        Ok(recent)
    }

    async fn silences(&self) -> Result<Vec<Silence>, OncallError> {
        Ok(self.0.lock().silences.values().cloned().collect())
    }

    async fn put_silence(&self, silence: &Silence) -> Result<(), OncallError> {
        self.0.lock().silences.insert(silence.id.0.clone(), silence.clone());
        Ok(())
    }

    async fn remove_silence(&self, id: &str) -> Result<bool, OncallError> {
        Ok(self.0.lock().silences.remove(id).is_some())
    }

    async fn tell_once(&self, key: &str, _: Timestamp) -> Result<bool, OncallError> {
        Ok(self.0.lock().told.insert(key.to_owned()))
    }
}
