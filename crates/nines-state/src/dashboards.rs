//! Dashboards in `control.db`, with the versions that are kept.

use async_trait::async_trait;
use nines_dashboards::{
    DASHBOARDS_MAX, Dashboard, DashboardError, DashboardStore, Expected, Put, Revision, Stored, Summary,
    VERSIONS_KEPT, decode, encode,
};
use nines_model::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "dashboards",
    migrations: &[Migration {
        version: 1,
        sql: include_str!("../migrations/dashboards/0001_dashboards.sql"),
    }],
};

/// Keeps dashboards in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteDashboards {
    database: Database,
}

impl SqliteDashboards {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl DashboardStore for SqliteDashboards {
    async fn list(&self) -> Result<Vec<Summary>, DashboardError> {
        let rows = sqlx::query(
            "SELECT name, title, description, service, team, panels, version, by, at, note
             FROM dashboards JOIN dashboard_versions USING (name, version) ORDER BY name",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list dashboards"))?;
        let summaries = rows.iter().map(|row| Summary {
            name: row.get("name"),
            title: row.get("title"),
            description: row.get("description"),
            service: row.get("service"),
            team: row.get("team"),
            panels: usize::try_from(row.get::<i64, _>("panels")).unwrap_or(0),
            revision: revision(row),
        });
        Ok(summaries.collect())
    }

    async fn get(&self, name: &str) -> Result<Stored, DashboardError> {
        let row = sqlx::query(
            "SELECT body, version, by, at, note FROM dashboards JOIN dashboard_versions USING (name, version)
             WHERE name = ?",
        )
        .bind(name)
        .fetch_optional(self.database.readers())
        .await
        .map_err(failed("read a dashboard"))?;
        stored(&row.ok_or_else(|| DashboardError::NotFound(name.to_owned()))?)
    }

    async fn history(&self, name: &str) -> Result<Vec<Revision>, DashboardError> {
        let rows = sqlx::query(
            "SELECT version, by, at, note FROM dashboard_versions WHERE name = ? ORDER BY version DESC",
        )
        .bind(name)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read the versions of a dashboard"))?;
        if rows.is_empty() {
            return Err(DashboardError::NotFound(name.to_owned()));
        }
        Ok(rows.iter().map(revision).collect())
    }

    async fn version(&self, name: &str, version: u64) -> Result<Stored, DashboardError> {
        let row = sqlx::query(
            "SELECT body, version, by, at, note FROM dashboard_versions WHERE name = ? AND version = ?",
        )
        .bind(name)
        .bind(version.cast_signed())
        .fetch_optional(self.database.readers())
        .await
        .map_err(failed("read a version of a dashboard"))?;
        match row {
            Some(row) => stored(&row),
            None => {
                self.get(name).await?;
                Err(DashboardError::NoVersion { name: name.to_owned(), version })
            }
        }
    }

    async fn put(
        &self,
        dashboard: &Dashboard,
        expected: Expected,
        by: &str,
        note: &str,
        at: Timestamp,
    ) -> Result<Put, DashboardError> {
        const OPERATION: &str = "keep a dashboard";
        let body = encode(dashboard)?;
        let mut write = self.database.write().await.map_err(store)?;
        let row = sqlx::query(
            "SELECT body, version, by, at, note FROM dashboards JOIN dashboard_versions USING (name, version)
             WHERE name = ?",
        )
        .bind(&dashboard.name)
        .fetch_optional(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        let current = row.as_ref().map(revision);
        let name = || dashboard.name.clone();
        match (expected, &current) {
            (Expected::Version(_), None) => return Err(DashboardError::Gone { name: name() }),
            (Expected::Nothing, Some(current)) => {
                return Err(DashboardError::Conflict { name: name(), current: current.clone() });
            }
            (Expected::Version(version), Some(current)) if current.version != version => {
                return Err(DashboardError::Conflict { name: name(), current: current.clone() });
            }
            _ => {}
        }
        if let (Some(row), Some(current)) = (&row, &current)
            && row.get::<&str, _>("body") == body
        {
            return Ok(Put::Unchanged(current.clone()));
        }
        if current.is_none() {
            check_room(&mut write).await?;
        }
        let version = current.as_ref().map_or(0, |current| current.version) + 1;
        let made = Revision { version, at, by: by.to_owned(), note: note.to_owned() };
        sqlx::query(
            "INSERT OR REPLACE INTO dashboards (name, title, description, service, team, panels, version)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&dashboard.name)
        .bind(&dashboard.title)
        .bind(&dashboard.description)
        .bind(&dashboard.service)
        .bind(&dashboard.team)
        .bind(i64::try_from(dashboard.panels.len()).unwrap_or(i64::MAX))
        .bind(version.cast_signed())
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        sqlx::query(
            "INSERT INTO dashboard_versions (name, version, body, by, at, note) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&dashboard.name)
        .bind(version.cast_signed())
        .bind(&body)
        .bind(by)
        .bind(at.as_nanos())
        .bind(note)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        sqlx::query("DELETE FROM dashboard_versions WHERE name = ? AND version <= ?")
            .bind(&dashboard.name)
            .bind(version.cast_signed() - VERSIONS_KEPT as i64)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(if current.is_none() { Put::Created(made) } else { Put::Changed(made) })
    }

    async fn remove(&self, name: &str) -> Result<(), DashboardError> {
        const OPERATION: &str = "remove a dashboard";
        let mut write = self.database.write().await.map_err(store)?;
        let done = sqlx::query("DELETE FROM dashboards WHERE name = ?")
            .bind(name)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if done.rows_affected() == 0 {
            return Err(DashboardError::NotFound(name.to_owned()));
        }
        sqlx::query("DELETE FROM dashboard_versions WHERE name = ?")
            .bind(name)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }
}

async fn check_room(write: &mut SqliteConnection) -> Result<(), DashboardError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM dashboards")
        .fetch_one(write)
        .await
        .map_err(failed("count dashboards"))?;
    if usize::try_from(count).is_ok_and(|count| count >= DASHBOARDS_MAX) {
        return Err(DashboardError::TooMany);
    }
    Ok(())
}

fn revision(row: &SqliteRow) -> Revision {
    Revision {
        version: row.get::<i64, _>("version").cast_unsigned(),
        at: Timestamp::from_nanos(row.get("at")),
        by: row.get("by"),
        note: row.get("note"),
    }
}

fn stored(row: &SqliteRow) -> Result<Stored, DashboardError> {
    Ok(Stored { dashboard: decode(row.get("body"))?, revision: revision(row) })
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> DashboardError {
    move |error| store(StateError::query(operation)(error))
}

fn store(error: impl std::error::Error + Send + Sync + 'static) -> DashboardError {
    DashboardError::Store(Box::new(error))
}
