//! Incidents in `response.db`.

mod format;
mod rows;

use async_trait::async_trait;
use nines_incidents::{
    Change, Entry, Incident, IncidentId, PendingEffect, Query, Repository, RepositoryError, Step, Update,
};
use sqlx::SqliteConnection;

use crate::{Database, Domain, Migration, StateError, Write};

pub const DOMAIN: Domain = Domain {
    name: "incidents",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/incidents/0001_incidents.sql") }],
};

/// Keeps incidents in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteIncidents {
    database: Database,
}

impl SqliteIncidents {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn begin(&self, operation: &'static str) -> Result<Write, RepositoryError> {
        self.database.write().await.map_err(|source| unavailable(operation, source))
    }
}

#[async_trait]
impl Repository for SqliteIncidents {
    async fn next_number(&self, year: u16) -> Result<u32, RepositoryError> {
        const OPERATION: &str = "draw an incident number";
        let mut write = self.begin(OPERATION).await?;
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO incident_numbers (year, last_number) VALUES (?, 1)
             ON CONFLICT (year) DO UPDATE SET last_number = last_number + 1 RETURNING last_number",
        )
        .bind(i64::from(year))
        .fetch_one(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        u32::try_from(number).map_err(|error| rows::corrupt("incident_numbers", error))
    }

    async fn commit(&self, steps: &[Step]) -> Result<Vec<Change>, RepositoryError> {
        const OPERATION: &str = "store a change of an incident";
        let mut write = self.begin(OPERATION).await?;
        let mut changes = Vec::with_capacity(steps.len());
        for step in steps {
            let revision: i64 =
                sqlx::query_scalar("UPDATE incident_revision SET revision = revision + 1 RETURNING revision")
                    .fetch_one(&mut *write)
                    .await
                    .map_err(failed(OPERATION))?;
            store_step(&mut write, step, revision).await?;
            changes.push(step.change(revision.cast_unsigned()));
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(changes)
    }

    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, RepositoryError> {
        let row = sqlx::query("SELECT revision, body FROM incidents WHERE year = ? AND number = ?")
            .bind(i64::from(id.year))
            .bind(i64::from(id.number))
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("read an incident"))?;
        row.as_ref().map(rows::incident).transpose()
    }

    async fn find(&self, query: &Query) -> Result<Vec<Incident>, RepositoryError> {
        let found = sqlx::query(
            "SELECT revision, body FROM incidents AS i
             WHERE (?1 IS NULL OR is_open = ?1)
               AND (?2 IS NULL OR state = ?2)
               AND (?3 IS NULL OR class = ?3)
               AND (?4 IS NULL OR level = ?4)
               AND (?5 IS NULL OR reported_at >= ?5)
               AND (?6 IS NULL OR reported_at < ?6)
               AND (?7 IS NULL OR (year, number) < (?7, ?8))
               AND (?9 IS NULL OR EXISTS (SELECT 1 FROM incident_services AS s
                    WHERE s.service = ?9 AND s.year = i.year AND s.number = i.number))
             ORDER BY year DESC, number DESC LIMIT ?10",
        )
        .bind(query.open)
        .bind(query.state.map(|state| state.as_str()))
        .bind(query.class.map(|class| class.as_str()))
        .bind(query.level.map(|level| level.as_str()))
        .bind(query.reported_in.map(|range| range.start.as_nanos()))
        .bind(query.reported_in.map(|range| range.end.as_nanos()))
        .bind(query.before.map(|before| i64::from(before.year)))
        .bind(query.before.map(|before| i64::from(before.number)))
        .bind(query.service.as_deref())
        .bind(query.effective_limit() as i64)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list incidents"))?;
        found.iter().map(rows::incident).collect()
    }

    async fn open(&self) -> Result<Vec<Incident>, RepositoryError> {
        let found = sqlx::query(
            "SELECT year, number, revision, body FROM incidents WHERE is_open = 1 ORDER BY year, number",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list open incidents"))?;
        // One unreadable incident must not stop the clock of all the others.
        let readable = |row| match rows::incident(row) {
            Ok(incident) => Some(incident),
            Err(error) => {
                tracing::error!(id = ?rows::incident_id(row).ok(), error = ?error, "open incident is unreadable");
                None
            }
        };
        Ok(found.iter().filter_map(readable).collect())
    }

    async fn by_alert(&self, alert_id: &str) -> Result<Option<Incident>, RepositoryError> {
        let row = sqlx::query(
            "SELECT revision, body FROM incidents JOIN incident_alerts USING (year, number)
             WHERE alert_id = ? ORDER BY year DESC, number DESC LIMIT 1",
        )
        .bind(alert_id)
        .fetch_optional(self.database.readers())
        .await
        .map_err(failed("find the incident of an alert"))?;
        row.as_ref().map(rows::incident).transpose()
    }

    async fn by_idempotency_key(&self, key: &str) -> Result<Option<IncidentId>, RepositoryError> {
        let row = sqlx::query("SELECT year, number FROM incidents WHERE idempotency_key = ?")
            .bind(key)
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("find the incident of an idempotency key"))?;
        row.as_ref().map(rows::incident_id).transpose()
    }

    async fn timeline(&self, id: IncidentId, after: u64, limit: u32) -> Result<Vec<Entry>, RepositoryError> {
        let found = sqlx::query(
            "SELECT year, number, sequence, at, recorded_at, source, actor, kind, text, link, refers_to
             FROM timeline_entries WHERE year = ? AND number = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        )
        .bind(i64::from(id.year))
        .bind(i64::from(id.number))
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read a timeline"))?;
        found.iter().map(rows::entry).collect()
    }

    async fn updates(&self, id: IncidentId) -> Result<Vec<Update>, RepositoryError> {
        let found = sqlx::query(
            "SELECT year, number, body FROM incident_updates WHERE year = ? AND number = ? ORDER BY update_number",
        )
        .bind(i64::from(id.year))
        .bind(i64::from(id.number))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read the updates of an incident"))?;
        found.iter().map(rows::update).collect()
    }

    async fn pending_effects(&self, limit: u32) -> Result<Vec<PendingEffect>, RepositoryError> {
        let found = sqlx::query(
            "SELECT sequence, key, year, number, at, body FROM incident_effects ORDER BY sequence LIMIT ?",
        )
        .bind(i64::from(limit))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read pending effects"))?;
        found.iter().map(rows::effect).collect()
    }

    async fn complete_effects(&self, sequences: &[u64]) -> Result<(), RepositoryError> {
        const OPERATION: &str = "mark effects done";
        let mut write = self.begin(OPERATION).await?;
        for sequence in sequences {
            sqlx::query("DELETE FROM incident_effects WHERE sequence = ?")
                .bind(i64::try_from(*sequence).unwrap_or(i64::MAX))
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn revision(&self) -> Result<u64, RepositoryError> {
        let revision: i64 = sqlx::query_scalar("SELECT revision FROM incident_revision")
            .fetch_one(self.database.readers())
            .await
            .map_err(failed("read the incident revision"))?;
        Ok(revision.cast_unsigned())
    }

    async fn changes_since(&self, revision: u64, limit: u32) -> Result<Vec<Change>, RepositoryError> {
        let found =
            sqlx::query("SELECT revision, body FROM incidents WHERE revision > ? ORDER BY revision LIMIT ?")
                .bind(i64::try_from(revision).unwrap_or(i64::MAX))
                .bind(i64::from(limit))
                .fetch_all(self.database.readers())
                .await
                .map_err(failed("read changes of incidents"))?;
        found.iter().map(|row| rows::incident(row).map(|incident| incident.last_change())).collect()
    }
}

async fn store_step(write: &mut SqliteConnection, step: &Step, revision: i64) -> Result<(), RepositoryError> {
    const OPERATION: &str = "store an incident";
    let incident = &step.incident;
    let statement = if incident.version == 1 {
        "INSERT INTO incidents (year, number, version, revision, is_open, state, class, level, reported_at,
            idempotency_key, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE incidents SET version = ?3, revision = ?4, is_open = ?5, state = ?6, class = ?7, level = ?8,
            reported_at = ?9, idempotency_key = coalesce(?10, idempotency_key), body = ?11
         WHERE year = ?1 AND number = ?2 AND version = ?3 - 1"
    };
    let result = sqlx::query(statement)
        .bind(i64::from(incident.id.year))
        .bind(i64::from(incident.id.number))
        .bind(incident.version.cast_signed())
        .bind(revision)
        .bind(incident.state.is_open())
        .bind(incident.state.as_str())
        .bind(incident.class.as_str())
        .bind(incident.level().as_str())
        .bind(incident.reported_at.as_nanos())
        .bind(step.idempotency_key.as_deref())
        .bind(format::encode_incident(incident)?)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
    if result.rows_affected() != 1 {
        return Err(RepositoryError::Conflict { id: incident.id });
    }
    store_links(write, incident).await?;
    for entry in &step.entries {
        rows::insert_entry(write, entry).await?;
    }
    for update in &step.updates {
        sqlx::query("INSERT INTO incident_updates (year, number, update_number, body) VALUES (?, ?, ?, ?)")
            .bind(i64::from(update.incident.year))
            .bind(i64::from(update.incident.number))
            .bind(i64::from(update.number))
            .bind(format::encode_update(update)?)
            .execute(&mut *write)
            .await
            .map_err(failed("store an update"))?;
    }
    for effect in &step.effects {
        sqlx::query("INSERT INTO incident_effects (key, year, number, at, body) VALUES (?, ?, ?, ?, ?)")
            .bind(&effect.key)
            .bind(i64::from(effect.incident.year))
            .bind(i64::from(effect.incident.number))
            .bind(effect.at.as_nanos())
            .bind(format::encode_effect(&effect.kind)?)
            .execute(&mut *write)
            .await
            .map_err(failed("store an effect"))?;
    }
    Ok(())
}

/// Services and alerts only ever come to an incident, except that a merged one gives its alerts away.
async fn store_links(write: &mut SqliteConnection, incident: &Incident) -> Result<(), RepositoryError> {
    let (year, number) = (i64::from(incident.id.year), i64::from(incident.id.number));
    for service in &incident.services {
        sqlx::query(
            "INSERT INTO incident_services (service, year, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(service)
        .bind(year)
        .bind(number)
        .execute(&mut *write)
        .await
        .map_err(failed("store the services of an incident"))?;
    }
    if incident.merged_into.is_some() {
        sqlx::query("DELETE FROM incident_alerts WHERE year = ? AND number = ?")
            .bind(year)
            .bind(number)
            .execute(&mut *write)
            .await
            .map_err(failed("move the alerts of an incident"))?;
        return Ok(());
    }
    for alert in &incident.alerts {
        sqlx::query(
            "INSERT INTO incident_alerts (alert_id, year, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&alert.alert_id)
        .bind(year)
        .bind(number)
        .execute(&mut *write)
        .await
        .map_err(failed("store the alerts of an incident"))?;
    }
    Ok(())
}

fn unavailable(operation: &'static str, source: StateError) -> RepositoryError {
    RepositoryError::Unavailable { operation, source: Box::new(source) }
}

/// Names the operation that a statement served.
fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> RepositoryError {
    move |source| unavailable(operation, StateError::Query { operation, source })
}
