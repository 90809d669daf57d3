//! Runs in memory, for tests: through the persisted form and back, as a disk would have it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::RunsError;
use crate::format;
use crate::run::{Run, RunId};
use crate::runs::{Recent, RunFilter, Runs, Stop};

#[derive(Debug, Default)]
pub struct MemoryRuns {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    texts: BTreeMap<RunId, String>,
    stop: Option<Stop>,
}

impl State {
    fn all(&self) -> Vec<Run> {
        self.texts.iter().filter_map(|(id, text)| format::read(&id.0, text).ok()).collect()
    }
}

#[async_trait]
impl Runs for MemoryRuns {
    async fn insert(&self, run: &Run) -> Result<(), RunsError> {
        if let Some(key) = &run.idempotency_key
            && let Some(known) = self.by_key(&run.author, key).await?
        {
            return Err(RunsError::KeyTaken { run: known.id.to_string() });
        }
        let stored = Run { version: 1, ..run.clone() };
        self.state.lock().texts.insert(run.id.clone(), format::write(&stored));
        Ok(())
    }

    async fn get(&self, id: &RunId) -> Result<Option<Run>, RunsError> {
        self.state.lock().texts.get(id).map(|text| format::read(&id.0, text)).transpose()
    }

    async fn by_key(&self, author: &str, key: &str) -> Result<Option<Run>, RunsError> {
        let mut all = self.state.lock().all().into_iter();
        Ok(all.find(|run| run.author == author && run.idempotency_key.as_deref() == Some(key)))
    }

    async fn save(&self, run: &mut Run) -> Result<(), RunsError> {
        let mut state = self.state.lock();
        let stored = state.texts.get(&run.id).map(|text| format::read(&run.id.0, text)).transpose()?;
        if stored.is_none_or(|stored| stored.version != run.version) {
            return Err(RunsError::Conflict { run: run.id.to_string() });
        }
        if run.state.holds_targets() {
            for other in state.all() {
                let is_other = other.id != run.id && other.state.holds_targets();
                let shared = run.plan.targets.iter().find(|target| other.plan.targets.contains(target));
                if let (true, Some(target)) = (is_other, shared) {
                    return Err(RunsError::Held { target: target.clone(), run: other.id.to_string() });
                }
            }
        }
        run.version += 1;
        state.texts.insert(run.id.clone(), format::write(run));
        Ok(())
    }

    async fn list(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, RunsError> {
        let all = self.state.lock().all().into_iter().rev();
        Ok(all.filter(|run| filter.admits(run)).take(limit as usize).collect())
    }

    async fn due(&self, limit: u32) -> Result<Vec<(RunId, Timestamp)>, RunsError> {
        let all = self.state.lock().all().into_iter();
        let mut due: Vec<_> = all.filter(Run::needs_work).map(|run| (run.due_at, run.id)).collect();
        due.sort();
        Ok(due.into_iter().take(limit as usize).map(|(at, id)| (id, at)).collect())
    }

    async fn count_open(&self) -> Result<usize, RunsError> {
        Ok(self.state.lock().all().iter().filter(|run| !run.state.is_over()).count())
    }

    async fn recent_on(&self, target: &str, since: Timestamp) -> Result<Vec<Recent>, RunsError> {
        let mut recent: Vec<_> = self
            .state
            .lock()
            .all()
            .into_iter()
            .filter(|run| run.plan.targets.iter().any(|known| known == target))
            .filter_map(|run| {
                let started_at = run.started_at.filter(|at| *at >= since)?;
                let helped = run.verdict.map(|verdict| verdict.helped);
                Some(Recent { run: run.id, started_at, finished_at: run.finished_at, helped })
            })
            .collect();
        recent.sort_by_key(|recent| std::cmp::Reverse((recent.started_at, recent.run.clone())));
        Ok(recent)
    }

    async fn forget(&self, before: Timestamp, limit: u32) -> Result<usize, RunsError> {
        let mut state = self.state.lock();
        let is_old = |run: &Run| run.state.is_over() && !run.needs_work() && run.created_at < before;
        let old: Vec<_> = state.all().into_iter().filter(is_old).take(limit as usize).collect();
        for run in &old {
            state.texts.remove(&run.id);
        }
        Ok(old.len())
    }

    async fn stop(&self) -> Result<Option<Stop>, RunsError> {
        Ok(self.state.lock().stop.clone())
    }

    async fn set_stop(&self, stop: Option<&Stop>) -> Result<(), RunsError> {
        self.state.lock().stop = stop.cloned();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        crate::contract::check(|| async { Arc::new(MemoryRuns::default()) as Arc<dyn Runs> }).await;
    }
}
