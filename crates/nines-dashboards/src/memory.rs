//! Dashboards in memory, for tests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::{
    DASHBOARDS_MAX, Dashboard, DashboardError, DashboardStore, Expected, Put, Revision, Stored, Summary,
    VERSIONS_KEPT, encode,
};

/// Oldest version first.
#[derive(Debug, Default)]
pub struct MemoryDashboards {
    by_name: Mutex<BTreeMap<String, Vec<Stored>>>,
}

#[async_trait]
impl DashboardStore for MemoryDashboards {
    async fn list(&self) -> Result<Vec<Summary>, DashboardError> {
        Ok(self.by_name.lock().values().filter_map(|versions| versions.last()).map(summary).collect())
    }

    async fn get(&self, name: &str) -> Result<Stored, DashboardError> {
        let found = self.by_name.lock().get(name).and_then(|versions| versions.last().cloned());
        found.ok_or_else(|| DashboardError::NotFound(name.to_owned()))
    }

    async fn history(&self, name: &str) -> Result<Vec<Revision>, DashboardError> {
        match self.by_name.lock().get(name) {
            Some(versions) => Ok(versions.iter().rev().map(|stored| stored.revision.clone()).collect()),
            None => Err(DashboardError::NotFound(name.to_owned())),
        }
    }

    async fn version(&self, name: &str, version: u64) -> Result<Stored, DashboardError> {
        let by_name = self.by_name.lock();
        let versions = by_name.get(name).ok_or_else(|| DashboardError::NotFound(name.to_owned()))?;
        let found = versions.iter().find(|stored| stored.revision.version == version).cloned();
        found.ok_or_else(|| DashboardError::NoVersion { name: name.to_owned(), version })
    }

    async fn put(
        &self,
        dashboard: &Dashboard,
        expected: Expected,
        by: &str,
        note: &str,
        at: Timestamp,
    ) -> Result<Put, DashboardError> {
        encode(dashboard)?;
        let mut by_name = self.by_name.lock();
        let current = by_name.get(&dashboard.name).and_then(|versions| versions.last());
        let name = || dashboard.name.clone();
        match (expected, current) {
            (Expected::Version(_), None) => return Err(DashboardError::Gone { name: name() }),
            (Expected::Nothing, Some(stored)) => {
                return Err(DashboardError::Conflict { name: name(), current: stored.revision.clone() });
            }
            (Expected::Version(version), Some(stored)) if stored.revision.version != version => {
                return Err(DashboardError::Conflict { name: name(), current: stored.revision.clone() });
            }
            _ => {}
        }
        if let Some(stored) = current.filter(|stored| stored.dashboard == *dashboard) {
            return Ok(Put::Unchanged(stored.revision.clone()));
        }
        let is_new = current.is_none();
        if is_new && by_name.len() >= DASHBOARDS_MAX {
            return Err(DashboardError::TooMany);
        }
        let versions = by_name.entry(name()).or_default();
        let version = versions.last().map_or(0, |stored| stored.revision.version) + 1;
        let revision = Revision { version, at, by: by.to_owned(), note: note.to_owned() };
        versions.push(Stored { dashboard: dashboard.clone(), revision: revision.clone() });
        if versions.len() > VERSIONS_KEPT {
            versions.remove(0);
        }
        Ok(if is_new { Put::Created(revision) } else { Put::Changed(revision) })
    }

    async fn remove(&self, name: &str) -> Result<(), DashboardError> {
        match self.by_name.lock().remove(name) {
            Some(_) => Ok(()),
            None => Err(DashboardError::NotFound(name.to_owned())),
        }
    }
}

fn summary(stored: &Stored) -> Summary {
    let dashboard = &stored.dashboard;
    Summary {
        name: dashboard.name.clone(),
        title: dashboard.title.clone(),
        description: dashboard.description.clone(),
        service: dashboard.service.clone(),
        team: dashboard.team.clone(),
        panels: dashboard.panels.len(),
        revision: stored.revision.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        crate::contract::check(|| async { Arc::new(MemoryDashboards::default()) as Arc<dyn DashboardStore> })
            .await;
    }
}
