//! Alerts over SQLite: the tracks that rules resume from, the alerts that people see, and the transitions with their
//! messages. An alert's step and its pages are one transaction, so neither exists without the other.

mod row;

use nines_alerting::{AlertId, AlertMessage, OpenAlert, Severity, Track, Transition, TransitionKind, render};
use nines_model::Timestamp;
use nines_notify::NewPage;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::{Database, StateError, outbox};

#[derive(Clone, Debug)]
pub struct Alerts {
    database: Database,
}

/// What one decision leaves behind. Without `step` only the track is written.
#[derive(Debug)]
pub struct Record<'a> {
    pub track: &'a Track,
    pub step: Option<Step<'a>>,
}

#[derive(Debug)]
pub struct Step<'a> {
    pub transition: &'a Transition,
    pub message: &'a AlertMessage,
    /// From [`nines_notify::plan`].
    pub pages: &'a [NewPage],
}

/// An alert as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAlert {
    pub alert: OpenAlert,
    pub slo: String,
    pub service: String,
    pub owner: String,
    pub fingerprint: String,
    /// Of the newest transition.
    pub title: String,
    /// `P0`, `P1` or `P2`, proposed.
    pub level: String,
    pub incident: Option<String>,
    pub acknowledged_by: Option<String>,
    pub acknowledged_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredTransition {
    pub alert: AlertId,
    pub number: u32,
    pub kind: TransitionKind,
    pub at: Timestamp,
    pub severity: Severity,
    /// The machine's reason, in words.
    pub reason: String,
    /// The message as it was told: the JSON of [`render::webhook`].
    pub message: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only those that are (or are not) resolved.
    pub open: Option<bool>,
    pub slo: Option<String>,
    pub service: Option<String>,
    pub incident: Option<String>,
    /// Detected before this, for the next page of a list.
    pub before: Option<Timestamp>,
    /// 0: 100. Never more than 1000.
    pub limit: u32,
}

const LIST_DEFAULT: u32 = 100;
const LIST_MAX: u32 = 1000;

impl Alerts {
    /// The file must have been opened with [`crate::response::DOMAIN`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Every rule as it stood, for a start.
    pub async fn load_tracks(&self) -> Result<Vec<Track>, StateError> {
        let rows = sqlx::query(
            "SELECT tracks.slo AS track_slo, tracks.phase, tracks.pending_since, tracks.changes, tracks.evaluated_at,
                    alerts.*
             FROM tracks LEFT JOIN alerts ON alerts.id = tracks.alert_id ORDER BY tracks.slo",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(StateError::query("load tracks"))?;
        rows.iter().map(row::track_of).collect()
    }

    /// Writes a decision: the track, and with a step also the alert, the transition and its pages, all or nothing.
    /// Returns how many pages were new. Recording the same step again changes nothing.
    pub async fn record(&self, record: &Record<'_>) -> Result<u64, StateError> {
        let mut write = self.database.write().await?;
        let mut inserted = 0;
        if let Some(alert) = &record.track.alert {
            row::write_alert(&mut write, record.track, alert, record.step.as_ref()).await?;
        }
        row::write_track(&mut write, record.track).await?;
        if let Some(step) = &record.step {
            write_transition(&mut write, step).await?;
            inserted = outbox::insert_all(&mut write, step.pages).await?;
        }
        write.commit().await.map_err(StateError::query("record an alert"))?;
        Ok(inserted)
    }

    /// The SLO is gone: its rule is forgotten, its alerts stay as history. An open one is closed at `now`.
    pub async fn forget_track(&self, slo: &str, now: Timestamp) -> Result<(), StateError> {
        let failed = || StateError::query("forget a track");
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM tracks WHERE slo = ?")
            .bind(slo)
            .execute(&mut *write)
            .await
            .map_err(failed())?;
        sqlx::query("UPDATE alerts SET resolved_at = ? WHERE slo = ? AND resolved_at IS NULL")
            .bind(now.as_nanos())
            .bind(slo)
            .execute(&mut *write)
            .await
            .map_err(failed())?;
        write.commit().await.map_err(failed())
    }

    pub async fn alert(&self, id: &AlertId) -> Result<Option<StoredAlert>, StateError> {
        let row = sqlx::query("SELECT * FROM alerts WHERE id = ?")
            .bind(&id.0)
            .fetch_optional(self.database.readers())
            .await
            .map_err(StateError::query("read an alert"))?;
        row.as_ref().map(row::alert_of).transpose()
    }

    /// Newest first.
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<StoredAlert>, StateError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM alerts WHERE 1");
        match filter.open {
            Some(true) => query.push(" AND resolved_at IS NULL"),
            Some(false) => query.push(" AND resolved_at IS NOT NULL"),
            None => &mut query,
        };
        for (column, value) in [
            (" AND slo = ", &filter.slo),
            (" AND service = ", &filter.service),
            (" AND incident_id = ", &filter.incident),
        ] {
            if let Some(value) = value {
                query.push(column).push_bind(value);
            }
        }
        if let Some(before) = filter.before {
            query.push(" AND detected_at < ").push_bind(before.as_nanos());
        }
        let limit = if filter.limit == 0 { LIST_DEFAULT } else { filter.limit.min(LIST_MAX) };
        query.push(" ORDER BY detected_at DESC, id LIMIT ").push_bind(limit);
        let rows = query
            .build()
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("list alerts"))?;
        rows.iter().map(row::alert_of).collect()
    }

    /// In order.
    pub async fn transitions(&self, id: &AlertId) -> Result<Vec<StoredTransition>, StateError> {
        let rows = sqlx::query("SELECT * FROM alert_transitions WHERE alert_id = ? ORDER BY number")
            .bind(&id.0)
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("list transitions"))?;
        rows.iter().map(row::transition_of).collect()
    }

    /// The incident that the alert opened or joined. False if there is no such alert.
    pub async fn set_incident(&self, id: &AlertId, incident: &str) -> Result<bool, StateError> {
        let failed = || StateError::query("link an alert to its incident");
        let mut write = self.database.write().await?;
        let done = sqlx::query("UPDATE alerts SET incident_id = ? WHERE id = ?")
            .bind(incident)
            .bind(&id.0)
            .execute(&mut *write)
            .await
            .map_err(failed())?;
        write.commit().await.map_err(failed())?;
        Ok(done.rows_affected() == 1)
    }

    /// Says who takes care. The first one stays; false if somebody already did, or there is no such alert.
    pub async fn acknowledge(&self, id: &AlertId, who: &str, at: Timestamp) -> Result<bool, StateError> {
        let failed = || StateError::query("acknowledge an alert");
        let mut write = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE alerts SET acknowledged_by = ?, acknowledged_at = ? WHERE id = ? AND acknowledged_by IS NULL",
        )
        .bind(who)
        .bind(at.as_nanos())
        .bind(&id.0)
        .execute(&mut *write)
        .await
        .map_err(failed())?;
        write.commit().await.map_err(failed())?;
        Ok(done.rows_affected() == 1)
    }

    /// How many alerts are open now.
    pub async fn open_count(&self) -> Result<u64, StateError> {
        let row = sqlx::query("SELECT count(*) FROM alerts WHERE resolved_at IS NULL")
            .fetch_one(self.database.readers())
            .await
            .map_err(StateError::query("count alerts"))?;
        Ok(row.get::<i64, _>(0).unsigned_abs())
    }
}

async fn write_transition(connection: &mut SqliteConnection, step: &Step<'_>) -> Result<(), StateError> {
    let transition = step.transition;
    sqlx::query(
        "INSERT INTO alert_transitions (alert_id, number, kind, at, severity, reason, message)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&transition.alert.0)
    .bind(transition.number)
    .bind(transition.kind.as_str())
    .bind(transition.at.as_nanos())
    .bind(transition.severity.as_str())
    .bind(transition.reason.to_string())
    .bind(render::webhook(step.message).to_string())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(StateError::query("write a transition"))
}
