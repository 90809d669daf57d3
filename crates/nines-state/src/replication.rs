//! Writes of one file as rows that change, for the log that two nodes share.
//!
//! Words
//! - **Change**: one row that a write inserts, updates or deletes, by the primary key ([`format`](self::format)).
//! - **Journal**: where the changes of a write go before the write is committed ([`Journal`]); `nines-pair` has the one
//!   that is a table of PostgreSQL.
//! - **Backlog**: writes that are committed here and that the journal could not take yet, kept in the file itself.
//! - **Position**: the number of the last write in the file. It is part of the same transaction, so a file and its
//!   position are never of two minds, whatever dies when.
//!
//! Changes are caught by `TEMP` triggers of the writer's own connection. They leave the file's schema alone, and what a
//! failed statement undoes is undone among the changes too.

mod capture;
mod follow;
mod format;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sqlx::{Row, Sqlite, SqliteConnection, Transaction};

pub(crate) use capture::Capture;
pub use follow::{Followed, Waiting};

use crate::{Domain, Migration};

/// The tables of a file that is one of a pair's.
pub const DOMAIN: Domain = Domain {
    name: "pair",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/pair/0001_pair.sql") }],
};

/// Writes that may wait for PostgreSQL, for each file: half an hour at 100 a second.
pub const BACKLOG_MAX: i64 = 180_000;

/// What the journal did with a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is in the log, and whoever leads next has it.
    Shared,
    /// The log cannot be reached, and nobody else may lead meanwhile: keep it in the backlog under this id.
    Waits { id: String, epoch: i64 },
}

/// Why a write must not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this node may not write: {reason}")]
pub struct Refused {
    pub reason: String,
}

/// Where writes go before they are committed.
#[async_trait]
pub trait Journal: Send + Sync + fmt::Debug {
    /// Takes the next write of a file. `waiting`: there is a backlog, so it has to wait behind that. Returns as soon as it
    /// is known what became of the write, or that this node may not write.
    async fn append(
        &self,
        file: &str,
        sequence: i64,
        changes: Vec<u8>,
        waiting: bool,
    ) -> Result<Kept, Refused>;

    /// A write that the log has could not be committed here: the file is behind and must follow before it leads.
    fn broken(&self, file: &str);
}

/// Of a file that is written by the node that leads.
#[derive(Debug, Clone)]
pub(crate) struct Paired {
    pub file: String,
    pub journal: Arc<dyn Journal>,
}

/// A write that has begun; dropping it rolls back.
#[derive(Debug)]
pub struct Write {
    transaction: Transaction<'static, Sqlite>,
    paired: Option<(Paired, Arc<Capture>)>,
    /// The last to go.
    _ended: Option<Ended>,
}

/// Counts a write when it has ended, in whichever way: also in a future that is dropped while it commits.
#[derive(Debug)]
struct Ended(Arc<AtomicU64>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

impl Write {
    pub(crate) fn new(
        transaction: Transaction<'static, Sqlite>,
        paired: Option<(Paired, Arc<Capture>)>,
    ) -> Self {
        Self { transaction, paired, _ended: None }
    }

    /// Adds one to `count` once it has ended, before anybody hears how.
    pub(crate) fn counted_by(self, count: &Arc<AtomicU64>) -> Self {
        Self { _ended: Some(Ended(Arc::clone(count))), ..self }
    }

    /// Durable here once it returns, and in the log of the pair, if this is one of a pair.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        let Some((paired, capture)) = self.paired.take() else { return self.transaction.commit().await };
        let Some(changes) = capture.take(&mut self.transaction).await? else {
            return self.transaction.commit().await;
        };
        let write = &mut *self.transaction;
        let (position, oldest): (i64, Option<i64>) = {
            let sql = "SELECT sequence, (SELECT min(sequence) FROM pair_backlog) FROM pair_position";
            let row = sqlx::query(sql).fetch_one(&mut *write).await?;
            (row.try_get(0)?, row.try_get(1)?)
        };
        let sequence = position + 1;
        if oldest.is_some_and(|oldest| sequence - oldest >= BACKLOG_MAX) {
            let reason = format!("{BACKLOG_MAX} writes of {} wait for PostgreSQL already", paired.file);
            return Err(refused(Refused { reason }));
        }
        let kept = paired.journal.append(&paired.file, sequence, changes.clone(), oldest.is_some()).await;
        let kept = kept.map_err(refused)?;
        let committed = self.settle(sequence, &kept, changes).await;
        if committed.is_err() && kept == Kept::Shared {
            paired.journal.broken(&paired.file);
        }
        committed
    }

    async fn settle(mut self, sequence: i64, kept: &Kept, changes: Vec<u8>) -> Result<(), sqlx::Error> {
        let write = &mut *self.transaction;
        if let Kept::Waits { id, epoch } = kept {
            sqlx::query("INSERT INTO pair_backlog (sequence, id, epoch, changes) VALUES (?, ?, ?, ?)")
                .bind(sequence)
                .bind(id)
                .bind(epoch)
                .bind(changes)
                .execute(&mut *write)
                .await?;
        }
        sqlx::query("UPDATE pair_position SET sequence = ?").bind(sequence).execute(&mut *write).await?;
        self.transaction.commit().await
    }
}

/// As an error of the connection: worth another try, elsewhere or later.
fn refused(refused: Refused) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(refused))
}
