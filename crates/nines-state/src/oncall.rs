//! On-call in `response.db`: overrides, escalations and their orders, silences, and what has been told.

mod format;

use async_trait::async_trait;
use nines_filter::Filter;
use nines_model::{TimeRange, Timestamp};
use nines_oncall::escalation::{Escalation, Order};
use nines_oncall::noise::{Silence, SilenceId};
use nines_oncall::{
    Move, OVERRIDES_MAX, OncallError, OncallRepository, OrderRecord, Override, OverrideId, PendingOrder,
    Stored,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::{Database, Domain, Migration, Write};

pub const DOMAIN: Domain = Domain {
    name: "oncall",
    migrations: &[
        Migration { version: 1, sql: include_str!("../migrations/oncall/0001_oncall.sql") },
        Migration { version: 2, sql: include_str!("../migrations/oncall/0002_intake.sql") },
    ],
};

/// Keeps on-call state in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteOncall {
    database: Database,
}

impl SqliteOncall {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn begin(&self, operation: &'static str) -> Result<Write, OncallError> {
        self.database
            .write()
            .await
            .map_err(|source| OncallError::Store { operation, source: Box::new(source) })
    }
}

#[async_trait]
impl OncallRepository for SqliteOncall {
    async fn overrides(&self, schedule: &str) -> Result<Vec<Override>, OncallError> {
        const OPERATION: &str = "read overrides";
        let mut connection = self.database.readers().acquire().await.map_err(failed(OPERATION))?;
        overrides_of(&mut connection, schedule).await
    }

    async fn add_overrides(&self, schedule: &str, overrides: &[Override]) -> Result<(), OncallError> {
        const OPERATION: &str = "add overrides";
        let mut write = self.begin(OPERATION).await?;
        let mut known = overrides_of(&mut write, schedule).await?;
        for change in overrides {
            match known.iter().find(|other| other.id == change.id) {
                Some(other) if other == change => continue,
                Some(_) => {
                    let (schedule, id) = (schedule.to_owned(), change.id.clone());
                    return Err(OncallError::OverrideExists { schedule, id });
                }
                None => known.push(change.clone()),
            }
            sqlx::query(
                "INSERT INTO oncall_overrides (schedule, id, starts_at, ends_at, change, author, reason, created_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(schedule)
            .bind(&change.id.0)
            .bind(change.range.start.as_nanos())
            .bind(change.range.end.as_nanos())
            .bind(format::write_change(&change.change))
            .bind(&change.author)
            .bind(&change.reason)
            .bind(change.created_at.as_nanos())
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        }
        if known.len() > OVERRIDES_MAX {
            return Err(OncallError::TooManyOverrides { schedule: schedule.to_owned() });
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn remove_override(&self, schedule: &str, id: &OverrideId) -> Result<bool, OncallError> {
        const OPERATION: &str = "remove an override";
        let mut write = self.begin(OPERATION).await?;
        let removed = sqlx::query("DELETE FROM oncall_overrides WHERE schedule = ? AND id = ?")
            .bind(schedule)
            .bind(&id.0)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(removed.rows_affected() > 0)
    }

    async fn start(&self, new: &[Escalation], now: Timestamp) -> Result<Vec<Stored>, OncallError> {
        const OPERATION: &str = "start escalations";
        let mut write = self.begin(OPERATION).await?;
        let mut kept = Vec::with_capacity(new.len());
        for state in new {
            let known = sqlx::query("SELECT version, state FROM escalations WHERE incident = ?")
                .bind(&state.incident)
                .fetch_optional(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
            kept.push(match known {
                Some(row) => stored(&row)?,
                None => insert(&mut write, state, now).await?,
            });
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(kept)
    }

    async fn save(&self, moves: &[Move], now: Timestamp) -> Result<Vec<Option<u64>>, OncallError> {
        const OPERATION: &str = "change escalations";
        let mut write = self.begin(OPERATION).await?;
        let mut versions = Vec::with_capacity(moves.len());
        for Move { state, version, orders } in moves {
            let moved = sqlx::query(
                "UPDATE escalations SET version = version + 1, is_over = ?, state = ?, changed_at = ?
                 WHERE incident = ? AND version = ?",
            )
            .bind(state.is_over())
            .bind(format::write_escalation(state))
            .bind(now.as_nanos())
            .bind(&state.incident)
            .bind(i64::try_from(*version).unwrap_or(i64::MAX))
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
            if moved.rows_affected() == 0 {
                versions.push(None);
                continue;
            }
            add_orders(&mut write, &state.incident, orders, now).await?;
            versions.push(Some(version + 1));
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(versions)
    }

    async fn escalation(&self, incident: &str) -> Result<Option<Stored>, OncallError> {
        let row = sqlx::query("SELECT version, state FROM escalations WHERE incident = ?")
            .bind(incident)
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed("read an escalation"))?;
        row.as_ref().map(stored).transpose()
    }

    async fn open_escalations(&self) -> Result<Vec<Stored>, OncallError> {
        let rows = sqlx::query("SELECT version, state FROM escalations WHERE is_over = 0 ORDER BY incident")
            .fetch_all(self.database.readers())
            .await
            .map_err(failed("read the open escalations"))?;
        rows.iter().map(stored).collect()
    }

    async fn pending_orders(&self, limit: u32) -> Result<Vec<PendingOrder>, OncallError> {
        let rows = sqlx::query(
            "SELECT key, incident, what, reason, ordered_at FROM escalation_orders
             WHERE done_at IS NULL ORDER BY number LIMIT ?",
        )
        .bind(i64::from(limit))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read pending orders"))?;
        rows.iter().map(order).collect()
    }

    async fn orders_of(&self, incident: &str) -> Result<Vec<OrderRecord>, OncallError> {
        let rows = sqlx::query(
            "SELECT key, incident, what, reason, ordered_at, done_at FROM escalation_orders
             WHERE incident = ? ORDER BY number",
        )
        .bind(incident)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read the orders of an incident"))?;
        rows.iter().map(order_record).collect()
    }

    async fn orders_done_since(&self, at: Timestamp) -> Result<Vec<OrderRecord>, OncallError> {
        let rows = sqlx::query(
            "SELECT key, incident, what, reason, ordered_at, done_at FROM escalation_orders
             WHERE done_at >= ? ORDER BY done_at, number",
        )
        .bind(at.as_nanos())
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read the orders of the last minutes"))?;
        rows.iter().map(order_record).collect()
    }

    async fn orders_done(&self, keys: &[String], now: Timestamp) -> Result<(), OncallError> {
        const OPERATION: &str = "mark orders as done";
        let mut write = self.begin(OPERATION).await?;
        for key in keys {
            sqlx::query("UPDATE escalation_orders SET done_at = ? WHERE key = ? AND done_at IS NULL")
                .bind(now.as_nanos())
                .bind(key)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn silences(&self) -> Result<Vec<Silence>, OncallError> {
        let rows = sqlx::query(
            "SELECT id, filter, starts_at, ends_at, author, reason, created_at, matched_at, noticed_at
             FROM silences ORDER BY id",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("read silences"))?;
        rows.iter().map(silence).collect()
    }

    async fn put_silence(&self, silence: &Silence) -> Result<(), OncallError> {
        const OPERATION: &str = "keep a silence";
        let mut write = self.begin(OPERATION).await?;
        sqlx::query(
            "INSERT OR REPLACE INTO silences
             (id, filter, starts_at, ends_at, author, reason, created_at, matched_at, noticed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&silence.id.0)
        .bind(silence.filter.to_string())
        .bind(silence.range.start.as_nanos())
        .bind(silence.range.end.as_nanos())
        .bind(&silence.author)
        .bind(&silence.reason)
        .bind(silence.created_at.as_nanos())
        .bind(silence.matched_at.map(Timestamp::as_nanos))
        .bind(silence.noticed_at.map(Timestamp::as_nanos))
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn remove_silence(&self, id: &str) -> Result<bool, OncallError> {
        const OPERATION: &str = "remove a silence";
        let mut write = self.begin(OPERATION).await?;
        let removed = sqlx::query("DELETE FROM silences WHERE id = ?")
            .bind(id)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(removed.rows_affected() > 0)
    }

    async fn tell_once(&self, key: &str, now: Timestamp) -> Result<bool, OncallError> {
        const OPERATION: &str = "note what is told";
        let mut write = self.begin(OPERATION).await?;
        let inserted =
            sqlx::query("INSERT INTO oncall_told (key, told_at) VALUES (?, ?) ON CONFLICT DO NOTHING")
                .bind(key)
                .bind(now.as_nanos())
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(inserted.rows_affected() > 0)
    }
}

async fn overrides_of(
    connection: &mut SqliteConnection,
    schedule: &str,
) -> Result<Vec<Override>, OncallError> {
    let rows = sqlx::query(
        "SELECT id, starts_at, ends_at, change, author, reason, created_at FROM oncall_overrides
         WHERE schedule = ? ORDER BY number",
    )
    .bind(schedule)
    .fetch_all(connection)
    .await
    .map_err(failed("read overrides"))?;
    let read = |row: &SqliteRow| {
        let at = |column: usize| Timestamp::from_nanos(row.get(column));
        Ok(Override {
            id: OverrideId(row.get(0)),
            range: TimeRange { start: at(1), end: at(2) },
            change: format::read_change(row.get(3)).map_err(corrupt("read an override"))?,
            author: row.get(4),
            reason: row.get(5),
            created_at: at(6),
        })
    };
    rows.iter().map(read).collect()
}

/// With the next turn of its policy.
async fn insert(
    write: &mut SqliteConnection,
    state: &Escalation,
    now: Timestamp,
) -> Result<Stored, OncallError> {
    const OPERATION: &str = "start an escalation";
    let next: i64 = sqlx::query_scalar(
        "INSERT INTO oncall_turns (policy, next) VALUES (?, 1)
         ON CONFLICT (policy) DO UPDATE SET next = next + 1 RETURNING next",
    )
    .bind(&state.policy.name)
    .fetch_one(&mut *write)
    .await
    .map_err(failed(OPERATION))?;
    let state = Escalation { turn: u64::try_from(next - 1).unwrap_or(0), ..state.clone() };
    sqlx::query(
        "INSERT INTO escalations (incident, version, is_over, state, changed_at) VALUES (?, 1, ?, ?, ?)",
    )
    .bind(&state.incident)
    .bind(state.is_over())
    .bind(format::write_escalation(&state))
    .bind(now.as_nanos())
    .execute(write)
    .await
    .map_err(failed(OPERATION))?;
    Ok(Stored { state, version: 1 })
}

async fn add_orders(
    write: &mut SqliteConnection,
    incident: &str,
    orders: &[Order],
    now: Timestamp,
) -> Result<(), OncallError> {
    for order in orders {
        sqlx::query(
            "INSERT INTO escalation_orders (key, incident, what, reason, ordered_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(&order.key)
        .bind(incident)
        .bind(format::write_what(&order.what))
        .bind(order.reason.to_string())
        .bind(now.as_nanos())
        .execute(&mut *write)
        .await
        .map_err(failed("keep an order"))?;
    }
    Ok(())
}

fn order(row: &SqliteRow) -> Result<PendingOrder, OncallError> {
    Ok(PendingOrder {
        key: row.get(0),
        incident: row.get(1),
        what: format::read_what(row.get(2)).map_err(corrupt("read an order"))?,
        reason: row.get(3),
        ordered_at: Timestamp::from_nanos(row.get(4)),
    })
}

fn order_record(row: &SqliteRow) -> Result<OrderRecord, OncallError> {
    let done_at = row.get::<Option<i64>, _>(5).map(Timestamp::from_nanos);
    Ok(OrderRecord { order: order(row)?, done_at })
}

fn stored(row: &SqliteRow) -> Result<Stored, OncallError> {
    let state = format::read_escalation(row.get(1)).map_err(corrupt("read an escalation"))?;
    Ok(Stored { state, version: u64::try_from(row.get::<i64, _>(0)).unwrap_or(0) })
}

fn silence(row: &SqliteRow) -> Result<Silence, OncallError> {
    let at = |column: usize| Timestamp::from_nanos(row.get(column));
    let maybe = |column: usize| row.get::<Option<i64>, _>(column).map(Timestamp::from_nanos);
    let filter: String = row.get(1);
    Ok(Silence {
        id: SilenceId(row.get(0)),
        filter: Filter::parse(&filter).map_err(|error| corrupt("read a silence")(error.to_string()))?,
        range: TimeRange { start: at(2), end: at(3) },
        author: row.get(4),
        reason: row.get(5),
        created_at: at(6),
        matched_at: maybe(7),
        noticed_at: maybe(8),
    })
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> OncallError {
    move |source| OncallError::Store { operation, source: Box::new(source) }
}

fn corrupt(operation: &'static str) -> impl FnOnce(String) -> OncallError {
    move |reason| OncallError::Store { operation, source: reason.into() }
}
