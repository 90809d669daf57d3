//! Runs of actions and the simulated cloud, in `control.db`.
//!
//! A run is stored whole, in the form of `nines_actions::format`; what is asked for stands beside it in columns.

use async_trait::async_trait;
use nines_actions::cloud::sim::SimStore;
use nines_actions::{Event, History, Recent, Run, RunFilter, RunId, Runs, RunsError, Stop, format};
use nines_model::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Database, Domain, Migration, StateError, Write};

pub const DOMAIN: Domain = Domain {
    name: "actions",
    migrations: &[
        Migration { version: 1, sql: include_str!("../migrations/actions/0001_actions.sql") },
        Migration { version: 2, sql: include_str!("../migrations/actions/0002_events.sql") },
        Migration { version: 3, sql: include_str!("../migrations/actions/0003_forget.sql") },
    ],
};

/// Keeps runs in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteRuns {
    database: Database,
}

impl SqliteRuns {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Runs for SqliteRuns {
    async fn insert(&self, run: &Run) -> Result<(), RunsError> {
        const OPERATION: &str = "keep a run";
        let stored = Run { version: 1, ..run.clone() };
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        if let Some(key) = &run.idempotency_key {
            let known: Option<String> =
                sqlx::query_scalar("SELECT id FROM action_runs WHERE author = ? AND idempotency_key = ?")
                    .bind(&run.author)
                    .bind(key)
                    .fetch_optional(&mut *write)
                    .await
                    .map_err(failed(OPERATION))?;
            if let Some(run) = known {
                return Err(RunsError::KeyTaken { run });
            }
        }
        sqlx::query(
            "INSERT INTO action_runs
             (id, version, state, action, author, idempotency_key, incident, created_at, is_over, due_at, run)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&stored.id.0)
        .bind(signed(stored.version))
        .bind(stored.state.as_str())
        .bind(&stored.plan.action)
        .bind(&stored.author)
        .bind(&stored.idempotency_key)
        .bind(&stored.incident)
        .bind(stored.created_at.as_nanos())
        .bind(stored.state.is_over())
        .bind(due(&stored))
        .bind(format::write(&stored))
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn get(&self, id: &RunId) -> Result<Option<Run>, RunsError> {
        let row = sqlx::query("SELECT id, run FROM action_runs WHERE id = ?")
            .bind(&id.0)
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("read a run"))?;
        row.as_ref().map(read).transpose()
    }

    async fn by_key(&self, author: &str, key: &str) -> Result<Option<Run>, RunsError> {
        let row = sqlx::query("SELECT id, run FROM action_runs WHERE author = ? AND idempotency_key = ?")
            .bind(author)
            .bind(key)
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("read a run by its key"))?;
        row.as_ref().map(read).transpose()
    }

    async fn save(&self, run: &mut Run) -> Result<(), RunsError> {
        const OPERATION: &str = "store a run";
        let next = Run { version: run.version + 1, ..run.clone() };
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let changed = sqlx::query(
            "UPDATE action_runs SET version = ?, state = ?, incident = ?, is_over = ?, due_at = ?, run = ?
             WHERE id = ? AND version = ?",
        )
        .bind(signed(next.version))
        .bind(next.state.as_str())
        .bind(&next.incident)
        .bind(next.state.is_over())
        .bind(due(&next))
        .bind(format::write(&next))
        .bind(&next.id.0)
        .bind(signed(run.version))
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        if changed.rows_affected() != 1 {
            return Err(RunsError::Conflict { run: run.id.to_string() });
        }
        if next.state.holds_targets() {
            take_targets(&mut write, &next).await?;
        } else {
            sqlx::query("DELETE FROM action_holds WHERE run = ?")
                .bind(&next.id.0)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))?;
        run.version = next.version;
        Ok(())
    }

    async fn list(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, RunsError> {
        let rows = sqlx::query(
            "SELECT id, run FROM action_runs
             WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR incident = ?2) AND (?3 IS NULL OR action = ?3)
             ORDER BY id DESC LIMIT ?4",
        )
        .bind(filter.state.map(|state| state.as_str()))
        .bind(&filter.incident)
        .bind(&filter.action)
        .bind(limit)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list runs"))?;
        rows.iter().map(read).collect()
    }

    async fn due(&self, limit: u32) -> Result<Vec<(RunId, Timestamp)>, RunsError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT id, due_at FROM action_runs WHERE due_at IS NOT NULL ORDER BY due_at, id LIMIT ?",
        )
        .bind(limit)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("find runs that are due"))?;
        Ok(rows.into_iter().map(|(id, at)| (RunId(id), Timestamp::from_nanos(at))).collect())
    }

    async fn count_open(&self) -> Result<usize, RunsError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM action_runs WHERE is_over = 0")
            .fetch_one(self.database.readers())
            .await
            .map_err(failed("count open runs"))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    async fn recent_on(&self, target: &str, since: Timestamp) -> Result<Vec<Recent>, RunsError> {
        let rows = sqlx::query(
            "SELECT runs.id, runs.run FROM action_starts AS starts JOIN action_runs AS runs ON runs.id = starts.run
             WHERE starts.target = ? AND starts.started_at >= ? ORDER BY starts.started_at DESC, runs.id DESC",
        )
        .bind(target)
        .bind(since.as_nanos())
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read the runs on a target"))?;
        let recent = |run: Run| {
            let started_at = run.started_at.unwrap_or(run.created_at);
            let helped = run.verdict.map(|verdict| verdict.helped);
            Recent { run: run.id, started_at, finished_at: run.finished_at, helped }
        };
        rows.iter().map(|row| read(row).map(recent)).collect()
    }

    async fn forget(&self, before: Timestamp, limit: u32) -> Result<usize, RunsError> {
        const OPERATION: &str = "forget old runs";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let old: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM action_runs WHERE is_over = 1 AND due_at IS NULL AND created_at < ? ORDER BY id LIMIT ?",
        )
        .bind(before.as_nanos())
        .bind(limit)
        .fetch_all(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        for run in &old {
            for statement in [
                "DELETE FROM action_events WHERE run = ?",
                "DELETE FROM action_starts WHERE run = ?",
                "DELETE FROM action_runs WHERE id = ?",
            ] {
                sqlx::query(statement).bind(run).execute(&mut *write).await.map_err(failed(OPERATION))?;
            }
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(old.len())
    }

    async fn stop(&self) -> Result<Option<Stop>, RunsError> {
        let row: Option<(String, i64, String)> =
            sqlx::query_as("SELECT stopped_by, stopped_at, reason FROM action_stop")
                .fetch_optional(self.database.readers())
                .await
                .map_err(failed("read the global stop"))?;
        Ok(row.map(|(by, at, reason)| Stop { by, at: Timestamp::from_nanos(at), reason }))
    }

    async fn set_stop(&self, stop: Option<&Stop>) -> Result<(), RunsError> {
        const OPERATION: &str = "set the global stop";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let statement = match stop {
            None => sqlx::query("DELETE FROM action_stop"),
            Some(stop) => {
                sqlx::query("INSERT OR REPLACE INTO action_stop (one, stopped_by, stopped_at, reason) VALUES (1, ?, ?, ?)")
                    .bind(&stop.by)
                    .bind(stop.at.as_nanos())
                    .bind(&stop.reason)
            }
        };
        statement.execute(&mut *write).await.map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }
}

/// Takes the run's targets, or says who has one.
async fn take_targets(write: &mut Write, run: &Run) -> Result<(), RunsError> {
    const OPERATION: &str = "take the targets of a run";
    for target in &run.plan.targets {
        sqlx::query("INSERT INTO action_holds (target, run) VALUES (?, ?) ON CONFLICT (target) DO NOTHING")
            .bind(target)
            .bind(&run.id.0)
            .execute(&mut **write)
            .await
            .map_err(failed(OPERATION))?;
        let holder: String = sqlx::query_scalar("SELECT run FROM action_holds WHERE target = ?")
            .bind(target)
            .fetch_one(&mut **write)
            .await
            .map_err(failed(OPERATION))?;
        if holder != run.id.0 {
            return Err(RunsError::Held { target: target.clone(), run: holder });
        }
        if let Some(started_at) = run.started_at {
            sqlx::query("INSERT OR IGNORE INTO action_starts (target, run, started_at) VALUES (?, ?, ?)")
                .bind(target)
                .bind(&run.id.0)
                .bind(started_at.as_nanos())
                .execute(&mut **write)
                .await
                .map_err(failed(OPERATION))?;
        }
    }
    Ok(())
}

#[async_trait]
impl History for SqliteRuns {
    async fn keep(&self, event: &Event) -> Result<(), RunsError> {
        const OPERATION: &str = "keep an event of a run";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        sqlx::query("INSERT OR REPLACE INTO action_events (run, sequence, event) VALUES (?, ?, ?)")
            .bind(&event.run.0)
            .bind(signed(event.sequence))
            .bind(format::write_event(event))
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn of_run(&self, run: &RunId, after: u64, limit: u32) -> Result<Vec<Event>, RunsError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT event FROM action_events WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        )
        .bind(&run.0)
        .bind(signed(after))
        .bind(limit)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read the events of a run"))?;
        rows.iter().map(|text| format::read_event(&run.0, text)).collect()
    }
}

/// The simulated cloud in the same file: one text, replaced with every change. It has some kB for a demo.
#[async_trait]
impl SimStore for SqliteRuns {
    async fn load(&self) -> Result<Option<String>, String> {
        sqlx::query_scalar("SELECT world FROM simulated_cloud")
            .fetch_optional(self.database.readers())
            .await
            .map_err(|error| StateError::query("read the simulated cloud")(error).to_string())
    }

    async fn save(&self, world: &str) -> Result<(), String> {
        let refused = |error| StateError::query("keep the simulated cloud")(error).to_string();
        let mut write = self.database.write().await.map_err(|error| error.to_string())?;
        sqlx::query("INSERT OR REPLACE INTO simulated_cloud (one, world) VALUES (1, ?)")
            .bind(world)
            .execute(&mut *write)
            .await
            .map_err(refused)?;
        write.commit().await.map_err(refused)
    }
}

fn due(run: &Run) -> Option<i64> {
    run.needs_work().then(|| run.due_at.as_nanos())
}

fn read(row: &SqliteRow) -> Result<Run, RunsError> {
    format::read(row.get("id"), row.get("run"))
}

/// Versions count stores of one run; SQLite counts to 2^63.
fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> RunsError {
    move |error| store(operation)(StateError::query(operation)(error))
}

fn store(operation: &'static str) -> impl FnOnce(StateError) -> RunsError {
    move |source| RunsError::Unavailable { operation, source: Box::new(source) }
}
