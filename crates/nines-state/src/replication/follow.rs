//! The other side: a file that follows the log, and what the leader ships later.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};

use super::capture::quoted;
use super::format::{self, Change, Value};
use crate::{Database, StateError};

/// Where a file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub pair: String,
    pub sequence: i64,
}

/// A write of the backlog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub sequence: i64,
    pub id: String,
    pub epoch: i64,
    pub changes: Vec<u8>,
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

impl Database {
    /// Where this file stands in the log of a pair; `None` if it is of none.
    pub async fn followed(&self) -> Result<Option<Followed>, StateError> {
        let row = sqlx::query("SELECT pair, sequence FROM pair_position")
            .fetch_optional(self.readers())
            .await
            .map_err(StateError::query("read the position in the log"))?;
        Ok(row.map(|row| Followed { pair: row.get(0), sequence: row.get(1) }))
    }

    /// Makes this file, as it is, one of a pair whose log begins after it.
    pub async fn adopt(&self, pair: &str) -> Result<(), StateError> {
        let failed = || StateError::query("join the pair");
        let mut write = self.write().await?;
        for sql in ["DELETE FROM pair_backlog", "DELETE FROM pair_position"] {
            sqlx::query(sql).execute(&mut *write).await.map_err(failed())?;
        }
        sqlx::query("INSERT INTO pair_position (one, pair, sequence) VALUES (1, ?, 0)")
            .bind(pair)
            .execute(&mut *write)
            .await
            .map_err(failed())?;
        write.commit().await.map_err(failed())
    }

    /// Applies writes of the log in order, all or none; each `(sequence, changes)` must follow the one before it.
    ///
    /// # Errors
    /// [`StateError::Row`] if the file is not what the log was written upon: it has to be fetched anew.
    pub async fn follow(&self, writes: &[(i64, Vec<u8>)]) -> Result<(), StateError> {
        let failed = || StateError::query("follow the log");
        let diverged = |sequence: i64, reason: String| StateError::Row {
            what: "a write of the log",
            reason: format!("write {sequence} does not fit: {reason}"),
        };
        let mut write = self.write().await?;
        // A replaced row is deleted and put back: only the end of each write has to be whole.
        sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *write).await.map_err(failed())?;
        let mut position: i64 = sqlx::query_scalar("SELECT sequence FROM pair_position")
            .fetch_one(&mut *write)
            .await
            .map_err(failed())?;
        for (sequence, bytes) in writes {
            if *sequence != position + 1 {
                return Err(diverged(*sequence, format!("the file is at {position}")));
            }
            for change in format::decode(bytes).map_err(|reason| diverged(*sequence, reason))? {
                let touched = apply(&mut write, &change)
                    .await
                    .map_err(|error| diverged(*sequence, format!("{}: {error}", change.table())))?;
                if touched != 1 {
                    let reason = format!("{touched} rows of {} instead of one", change.table());
                    return Err(diverged(*sequence, reason));
                }
            }
            position = *sequence;
        }
        sqlx::query("UPDATE pair_position SET sequence = ?")
            .bind(position)
            .execute(&mut *write)
            .await
            .map_err(failed())?;
        write.commit().await.map_err(failed())
    }

    /// The oldest writes of the backlog.
    pub async fn backlog(&self, limit: u32) -> Result<Vec<Waiting>, StateError> {
        let sql = "SELECT sequence, id, epoch, changes FROM pair_backlog ORDER BY sequence LIMIT ?";
        let rows = sqlx::query(sql)
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(StateError::query("read the backlog"))?;
        let waiting = |row: sqlx::sqlite::SqliteRow| Waiting {
            sequence: row.get(0),
            id: row.get(1),
            epoch: row.get(2),
            changes: row.get(3),
        };
        Ok(rows.into_iter().map(waiting).collect())
    }

    /// How many writes wait.
    pub async fn backlog_len(&self) -> Result<u64, StateError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM pair_backlog")
            .fetch_one(self.readers())
            .await
            .map_err(StateError::query("count the backlog"))?;
        Ok(count.unsigned_abs())
    }

    /// The log has everything up to and with `sequence`.
    pub async fn backlog_shared(&self, sequence: i64) -> Result<(), StateError> {
        let failed = || StateError::query("shorten the backlog");
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM pair_backlog WHERE sequence <= ?")
            .bind(sequence)
            .execute(&mut *write)
            .await
            .map_err(failed())?;
        write.commit().await.map_err(failed())
    }
}

impl Change {
    fn table(&self) -> &str {
        let (Self::Insert { table, .. } | Self::Update { table, .. } | Self::Delete { table, .. }) = self;
        table
    }
}

/// Rows touched: what was inserted counts, not what it replaced.
async fn apply(write: &mut SqliteConnection, change: &Change) -> Result<u64, sqlx::Error> {
    let list = |columns: &format::Columns, each: &dyn Fn(&str) -> String, between: &str| {
        columns.iter().map(|(name, _)| each(&quoted(name))).collect::<Vec<_>>().join(between)
    };
    let same = |name: &str| format!("{name} = ?");
    let (sql, values): (String, Vec<&Value>) = match change {
        // What an insert replaced at the leader it replaces here: the deletion is not among the changes.
        Change::Insert { table, row } => (
            format!(
                "INSERT OR REPLACE INTO {} ({}) VALUES ({})",
                quoted(table),
                list(row, &str::to_owned, ", "),
                list(row, &|_| "?".to_owned(), ", ")
            ),
            row.iter().map(|(_, value)| value).collect(),
        ),
        Change::Update { table, key, row } => (
            format!(
                "UPDATE {} SET {} WHERE {}",
                quoted(table),
                list(row, &same, ", "),
                list(key, &same, " AND ")
            ),
            row.iter().chain(key).map(|(_, value)| value).collect(),
        ),
        Change::Delete { table, key } => (
            format!("DELETE FROM {} WHERE {}", quoted(table), list(key, &same, " AND ")),
            key.iter().map(|(_, value)| value).collect(),
        ),
    };
    let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), bound);
    Ok(query.execute(write).await?.rows_affected())
}

fn bound<'q>(query: Query<'q>, value: &Value) -> Query<'q> {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Integer(value) => query.bind(*value),
        Value::Real(value) => query.bind(*value),
        Value::Text(value) => query.bind(value.clone()),
        Value::Blob(value) => query.bind(value.clone()),
    }
}
