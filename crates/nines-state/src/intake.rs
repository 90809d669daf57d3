//! Alerts of other systems in `response.db`, what people have taken apart, and the secret addresses of calendars.
//!
//! A sender is answered after [`Intake::record`] returned, so what was acknowledged is in this file.

mod format;

use nines_model::Timestamp;
use nines_oncall::noise::AlertEntry;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::{Database, StateError};

/// Needs a database that was opened with [`crate::oncall::DOMAIN`].
#[derive(Debug, Clone)]
pub struct Intake {
    database: Database,
}

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignAlert {
    pub entry: AlertEntry,
    /// Why nobody is told of it, in words; `None` if somebody is.
    pub suppressed: Option<String>,
    /// The alerts that it is told with.
    pub group: String,
    pub incident: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignFilter {
    pub open: Option<bool>,
    pub incident: Option<String>,
    /// 0: [`ForeignFilter::LIMIT_DEFAULT`]. Never more than [`ForeignFilter::LIMIT_MAX`].
    pub limit: u32,
}

impl ForeignFilter {
    pub const LIMIT_DEFAULT: u32 = 100;
    pub const LIMIT_MAX: u32 = 1_000;
}

/// Everything that came in and is still kept, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForeignCounts {
    /// Different alerts.
    pub alerts: u64,
    pub open: u64,
    /// Open ones of which nobody is told.
    pub suppressed: u64,
    /// Times that one arrived.
    pub received: u64,
}

/// The address of a calendar, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarFeed {
    pub id: String,
    pub schedule: String,
    /// Only the shifts of this person.
    pub person: Option<String>,
    pub made_by: String,
    pub made_at: Timestamp,
}

/// What a node starts from.
#[derive(Debug, Default)]
pub struct Loaded {
    pub alerts: Vec<ForeignAlert>,
    /// Fingerprint, and the labels by which it is taken apart.
    pub separations: Vec<(String, Vec<String>)>,
}

impl Intake {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Alerts that are open or ended after `ended_after`, and the separations.
    pub async fn load(&self, ended_after: Timestamp) -> Result<Loaded, StateError> {
        const OPERATION: &str = "load alerts of other systems";
        let rows = sqlx::query(
            "SELECT body, suppressed, alert_group, incident FROM foreign_alerts WHERE is_open = 1 OR last_at >= ?",
        )
        .bind(ended_after.as_nanos())
        .fetch_all(self.database.readers())
        .await
        .map_err(StateError::query(OPERATION))?;
        let separations = sqlx::query("SELECT fingerprint, labels FROM alert_separations")
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query(OPERATION))?;
        let labels = |row: &SqliteRow| serde_json::from_str(row.get(1)).unwrap_or_default();
        Ok(Loaded {
            alerts: rows.iter().map(alert).collect::<Result<_, _>>()?,
            separations: separations.iter().map(|row| (row.get(0), labels(row))).collect(),
        })
    }

    /// Keeps all of them or none, in place of those with the same fingerprints. An alert that names no incident keeps the
    /// one that is known.
    pub async fn record(&self, alerts: &[ForeignAlert]) -> Result<(), StateError> {
        const OPERATION: &str = "keep alerts of other systems";
        let mut write = self.database.write().await?;
        for alert in alerts {
            put(&mut write, alert).await?;
        }
        write.commit().await.map_err(StateError::query(OPERATION))
    }

    /// People took `fingerprint` apart into `parts`.
    pub async fn separate(
        &self,
        fingerprint: &str,
        labels: &[String],
        parts: &[ForeignAlert],
        by: &str,
        at: Timestamp,
    ) -> Result<(), StateError> {
        const OPERATION: &str = "take alerts apart";
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM foreign_alerts WHERE fingerprint = ?")
            .bind(fingerprint)
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        sqlx::query(
            "INSERT OR REPLACE INTO alert_separations (fingerprint, labels, made_by, made_at) VALUES (?, ?, ?, ?)",
        )
        .bind(fingerprint)
        .bind(serde_json::to_string(labels).expect("a list of strings always serialises"))
        .bind(by)
        .bind(at.as_nanos())
        .execute(&mut *write)
        .await
        .map_err(StateError::query(OPERATION))?;
        for part in parts {
            put(&mut write, part).await?;
        }
        write.commit().await.map_err(StateError::query(OPERATION))
    }

    /// Undoes a separation for what arrives from now on. Whether there was one.
    pub async fn join(&self, fingerprint: &str) -> Result<bool, StateError> {
        const OPERATION: &str = "join alerts again";
        let mut write = self.database.write().await?;
        let removed = sqlx::query("DELETE FROM alert_separations WHERE fingerprint = ?")
            .bind(fingerprint)
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))?;
        Ok(removed.rows_affected() > 0)
    }

    /// The open alerts of a group belong to an incident.
    pub async fn set_incident(&self, group: &str, incident: &str) -> Result<(), StateError> {
        const OPERATION: &str = "link alerts to their incident";
        let mut write = self.database.write().await?;
        sqlx::query(
            "UPDATE foreign_alerts SET incident = ? WHERE alert_group = ? AND is_open = 1 AND suppressed IS NULL
             AND incident IS NOT ?",
        )
        .bind(incident)
        .bind(group)
        .bind(incident)
        .execute(&mut *write)
        .await
        .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))
    }

    /// Forgets what ended before `before`.
    pub async fn forget(&self, before: Timestamp) -> Result<u64, StateError> {
        const OPERATION: &str = "forget alerts that ended long ago";
        let mut write = self.database.write().await?;
        let gone = sqlx::query("DELETE FROM foreign_alerts WHERE is_open = 0 AND last_at < ?")
            .bind(before.as_nanos())
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))?;
        Ok(gone.rows_affected())
    }

    pub async fn alert(&self, fingerprint: &str) -> Result<Option<ForeignAlert>, StateError> {
        let row = sqlx::query(
            "SELECT body, suppressed, alert_group, incident FROM foreign_alerts WHERE fingerprint = ?",
        )
        .bind(fingerprint)
        .fetch_optional(self.database.readers())
        .await
        .map_err(StateError::query("read an alert of another system"))?;
        row.as_ref().map(alert).transpose()
    }

    /// Open ones first, then those that arrived last.
    pub async fn alerts(&self, filter: &ForeignFilter) -> Result<Vec<ForeignAlert>, StateError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT body, suppressed, alert_group, incident FROM foreign_alerts WHERE 1",
        );
        if let Some(open) = filter.open {
            query.push(" AND is_open = ").push_bind(open);
        }
        if let Some(incident) = &filter.incident {
            query.push(" AND incident = ").push_bind(incident);
        }
        let limit = match filter.limit {
            0 => ForeignFilter::LIMIT_DEFAULT,
            limit => limit.min(ForeignFilter::LIMIT_MAX),
        };
        query.push(" ORDER BY is_open DESC, last_at DESC LIMIT ").push_bind(limit);
        let rows = query
            .build()
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("list alerts of other systems"))?;
        rows.iter().map(alert).collect()
    }

    pub async fn counts(&self) -> Result<ForeignCounts, StateError> {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(is_open), 0), coalesce(sum(is_open = 1 AND suppressed IS NOT NULL), 0),
                    coalesce(sum(received), 0)
             FROM foreign_alerts",
        )
        .fetch_one(self.database.readers())
        .await
        .map_err(StateError::query("count alerts of other systems"))?;
        let number = |column: usize| row.get::<i64, _>(column).unsigned_abs();
        Ok(ForeignCounts { alerts: number(0), open: number(1), suppressed: number(2), received: number(3) })
    }

    /// Keeps the address of a calendar; `token` is the secret in it.
    pub async fn add_feed(&self, feed: &CalendarFeed, token: &str) -> Result<(), StateError> {
        const OPERATION: &str = "keep the address of a calendar";
        let mut write = self.database.write().await?;
        sqlx::query(
            "INSERT INTO calendar_feeds (id, token_sha256, schedule, person, made_by, made_at)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&feed.id)
        .bind(hash(token))
        .bind(&feed.schedule)
        .bind(&feed.person)
        .bind(&feed.made_by)
        .bind(feed.made_at.as_nanos())
        .execute(&mut *write)
        .await
        .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))
    }

    pub async fn feed(&self, token: &str) -> Result<Option<CalendarFeed>, StateError> {
        let row = sqlx::query(
            "SELECT id, schedule, person, made_by, made_at FROM calendar_feeds WHERE token_sha256 = ?",
        )
        .bind(hash(token))
        .fetch_optional(self.database.readers())
        .await
        .map_err(StateError::query("look up a calendar"))?;
        Ok(row.as_ref().map(feed))
    }

    pub async fn feeds(&self, schedule: &str) -> Result<Vec<CalendarFeed>, StateError> {
        let rows = sqlx::query(
            "SELECT id, schedule, person, made_by, made_at FROM calendar_feeds WHERE schedule = ? ORDER BY made_at",
        )
        .bind(schedule)
        .fetch_all(self.database.readers())
        .await
        .map_err(StateError::query("list calendars"))?;
        Ok(rows.iter().map(feed).collect())
    }

    /// Whether it was there.
    pub async fn remove_feed(&self, schedule: &str, id: &str) -> Result<bool, StateError> {
        const OPERATION: &str = "remove a calendar";
        let mut write = self.database.write().await?;
        let removed = sqlx::query("DELETE FROM calendar_feeds WHERE schedule = ? AND id = ?")
            .bind(schedule)
            .bind(id)
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))?;
        Ok(removed.rows_affected() > 0)
    }
}

async fn put(write: &mut SqliteConnection, alert: &ForeignAlert) -> Result<(), StateError> {
    let entry = &alert.entry;
    sqlx::query(
        "INSERT INTO foreign_alerts
         (fingerprint, source, is_open, received, last_at, suppressed, alert_group, incident, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (fingerprint) DO UPDATE SET is_open = excluded.is_open, received = excluded.received,
            last_at = excluded.last_at, suppressed = excluded.suppressed, alert_group = excluded.alert_group,
            incident = coalesce(excluded.incident, incident), body = excluded.body",
    )
    .bind(&entry.alert.fingerprint.id)
    .bind(entry.alert.source.as_str())
    .bind(entry.resolved_at.is_none())
    .bind(i64::try_from(entry.count).unwrap_or(i64::MAX))
    .bind(entry.last_at.as_nanos())
    .bind(&alert.suppressed)
    .bind(&alert.group)
    .bind(&alert.incident)
    .bind(format::write(entry))
    .execute(write)
    .await
    .map(|_| ())
    .map_err(StateError::query("keep an alert of another system"))
}

fn alert(row: &SqliteRow) -> Result<ForeignAlert, StateError> {
    let corrupt = |reason| StateError::Row { what: "an alert of another system", reason };
    let entry = format::read(row.get(0)).map_err(corrupt)?;
    Ok(ForeignAlert { entry, suppressed: row.get(1), group: row.get(2), incident: row.get(3) })
}

fn feed(row: &SqliteRow) -> CalendarFeed {
    CalendarFeed {
        id: row.get(0),
        schedule: row.get(1),
        person: row.get(2),
        made_by: row.get(3),
        made_at: Timestamp::from_nanos(row.get(4)),
    }
}

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
