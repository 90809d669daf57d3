//! A repository in memory: the reference that the durable one is compared with, and the store of simulations.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::{
    Change, Entry, Incident, IncidentId, PendingEffect, Query, Repository, RepositoryError, Step, Update,
};

#[derive(Default)]
pub struct MemoryRepository(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    numbers: HashMap<u16, u32>,
    revision: u64,
    effect_sequence: u64,
    incidents: BTreeMap<IncidentId, Incident>,
    entries: Vec<Entry>,
    updates: Vec<Update>,
    effects: Vec<PendingEffect>,
    keys: HashMap<String, IncidentId>,
}

#[async_trait]
impl Repository for MemoryRepository {
    async fn next_number(&self, year: u16) -> Result<u32, RepositoryError> {
        let mut tables = self.0.lock();
        let number = tables.numbers.entry(year).or_default();
        *number += 1;
        Ok(*number)
    }

    async fn commit(&self, steps: &[Step]) -> Result<Vec<Change>, RepositoryError> {
        let mut tables = self.0.lock();
        let mut versions = std::collections::HashMap::new();
        for step in steps {
            let id = step.incident.id;
            let stored = tables.incidents.get(&id).map_or(0, |incident| incident.version);
            // Of the step before it, if two are of one incident.
            let stored = versions.insert(id, step.incident.version).unwrap_or(stored);
            let key_taken = step
                .idempotency_key
                .as_ref()
                .is_some_and(|key| tables.keys.get(key).is_some_and(|known| *known != id));
            if step.incident.version != stored + 1 || key_taken {
                return Err(RepositoryError::Conflict { id });
            }
        }
        let mut changes = Vec::with_capacity(steps.len());
        for step in steps {
            tables.revision += 1;
            let change = step.change(tables.revision);
            let incident = Incident { revision: tables.revision, ..step.incident.clone() };
            tables.incidents.insert(incident.id, incident);
            tables.entries.extend(step.entries.iter().cloned());
            tables.updates.extend(step.updates.iter().cloned());
            for effect in &step.effects {
                tables.effect_sequence += 1;
                let sequence = tables.effect_sequence;
                tables.effects.push(PendingEffect { sequence, effect: effect.clone() });
            }
            if let Some(key) = &step.idempotency_key {
                tables.keys.insert(key.clone(), step.incident.id);
            }
            changes.push(change);
        }
        Ok(changes)
    }

    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, RepositoryError> {
        Ok(self.0.lock().incidents.get(&id).cloned())
    }

    async fn find(&self, query: &Query) -> Result<Vec<Incident>, RepositoryError> {
        let tables = self.0.lock();
        let found = tables.incidents.values().rev().filter(|incident| query.matches(incident));
        Ok(found.take(query.effective_limit()).cloned().collect())
    }

    async fn open(&self) -> Result<Vec<Incident>, RepositoryError> {
        Ok(self.0.lock().incidents.values().filter(|incident| incident.state.is_open()).cloned().collect())
    }

    async fn by_alert(&self, alert_id: &str) -> Result<Option<Incident>, RepositoryError> {
        let tables = self.0.lock();
        let has_it = |incident: &&Incident| {
            incident.merged_into.is_none() && incident.alerts.iter().any(|alert| alert.alert_id == alert_id)
        };
        Ok(tables.incidents.values().rev().find(has_it).cloned())
    }

    async fn by_idempotency_key(&self, key: &str) -> Result<Option<IncidentId>, RepositoryError> {
        Ok(self.0.lock().keys.get(key).copied())
    }

    async fn timeline(&self, id: IncidentId, after: u64, limit: u32) -> Result<Vec<Entry>, RepositoryError> {
        let tables = self.0.lock();
        let entries = tables.entries.iter().filter(|entry| entry.incident == id && entry.sequence > after);
        Ok(entries.take(limit as usize).cloned().collect())
    }

    async fn updates(&self, id: IncidentId) -> Result<Vec<Update>, RepositoryError> {
        Ok(self.0.lock().updates.iter().filter(|update| update.incident == id).cloned().collect())
    }

    async fn pending_effects(&self, limit: u32) -> Result<Vec<PendingEffect>, RepositoryError> {
        Ok(self.0.lock().effects.iter().take(limit as usize).cloned().collect())
    }

    async fn complete_effects(&self, sequences: &[u64]) -> Result<(), RepositoryError> {
        self.0.lock().effects.retain(|effect| !sequences.contains(&effect.sequence));
        Ok(())
    }

    async fn revision(&self) -> Result<u64, RepositoryError> {
        Ok(self.0.lock().revision)
    }

    async fn changes_since(&self, revision: u64, limit: u32) -> Result<Vec<Change>, RepositoryError> {
        let tables = self.0.lock();
        let mut changed: Vec<_> =
            tables.incidents.values().filter(|incident| incident.revision > revision).collect();
        changed.sort_by_key(|incident| incident.revision);
        Ok(changed.into_iter().take(limit as usize).map(Incident::last_change).collect())
    }
}
