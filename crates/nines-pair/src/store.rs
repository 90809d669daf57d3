//! The lease and the log in PostgreSQL. Every statement is one transaction, and its outcome can be read back.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Connection, Postgres, Row};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::machine::{Acquired, Lease, Renewed, Timing};

/// Two nodes that start at the same time must not both make the tables. Any number that nobody else uses.
const SCHEMA_LOCK: i64 = 0x6e69_6e65_735f_3138;
const SCHEMA: &str = include_str!("schema.sql");

/// A directory that was not seen for this long has lost its name to another.
const NAME_KEPT_SECS: f64 = 15.0;

/// Part of a snapshot: a row of a size that PostgreSQL and memory bear well.
pub const PART_BYTES: usize = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`--pair` is not a PostgreSQL URL such as postgres://user@host/database: {reason}")]
    Url { reason: String },
    #[error("PostgreSQL did not answer in {0:?}")]
    Late(Duration),
    #[error("PostgreSQL")]
    Query(#[from] sqlx::Error),
    #[error("{0}")]
    Refused(String),
}

/// The lease, and what everybody must know of the pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub lease: Lease,
    pub url: String,
    pub secret: String,
    /// Which files the log continues.
    pub pair: Option<String>,
    pub snapshot: i64,
    /// PostgreSQL's clock, in microseconds.
    pub now_micros: i64,
}

/// What became of writes that were sent to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// They are in the log, now or before.
    Stored,
    /// Another epoch has begun.
    Fenced,
    /// The log has something else in their place, or lacks what is before them.
    Behind,
}

/// A write on its way to the log.
#[derive(Debug, Clone)]
pub struct Entry {
    pub sequence: i64,
    pub id: String,
    pub changes: Vec<u8>,
}

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// One connection, opened when it is needed, dropped when anything is wrong with it. Whoever comes second waits.
#[derive(Debug)]
pub struct Line {
    options: PgConnectOptions,
    limit: Duration,
    connection: Mutex<Option<PgConnection>>,
}

impl Line {
    /// `limit`: for each of waiting, connecting and asking. `statement`: after which PostgreSQL itself gives a statement up,
    /// so that none that nobody waits for any more is carried out much later.
    pub fn new(url: &str, limit: Duration, statement: Duration) -> Result<Self, StoreError> {
        let options =
            url.parse::<PgConnectOptions>().map_err(|error| StoreError::Url { reason: error.to_string() })?;
        let options = options.application_name("nines").disable_statement_logging();
        let options = options.options([
            ("statement_timeout", statement.as_millis().to_string()),
            ("client_min_messages", "warning".to_owned()),
        ]);
        Ok(Self { options, limit, connection: Mutex::new(None) })
    }

    async fn rows(&self, query: Query<'_>) -> Result<Vec<PgRow>, StoreError> {
        let late = |_| StoreError::Late(self.limit);
        let mut place = timeout(self.limit, self.connection.lock()).await.map_err(late)?;
        // Taken out: what is cut off in the middle of an answer is not used again.
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => timeout(self.limit, PgConnection::connect_with(&self.options)).await.map_err(late)??,
        };
        let rows = timeout(self.limit, query.fetch_all(&mut connection)).await.map_err(late)?;
        if matches!(&rows, Ok(_) | Err(sqlx::Error::Database(_))) {
            *place = Some(connection);
        }
        Ok(rows?)
    }

    /// Makes what is missing.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        let late = |_| StoreError::Late(self.limit);
        let mut connection =
            timeout(self.limit, PgConnection::connect_with(&self.options)).await.map_err(late)??;
        let work = async {
            let mut change = connection.begin().await?;
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SCHEMA_LOCK).execute(&mut *change).await?;
            sqlx::raw_sql(SCHEMA).execute(&mut *change).await?;
            change.commit().await
        };
        Ok(timeout(self.limit * 5, work).await.map_err(late)??)
    }

    /// Takes part under a name. There are two members and no more: a promise is worth something only between two.
    pub async fn join(&self, name: &str, directory: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO nines_members (name, directory)
            SELECT $1, $2 WHERE (SELECT count(*) FROM nines_members WHERE name <> $1) < 2
            ON CONFLICT (name) DO UPDATE SET directory = $2, seen_at = clock_timestamp()
            WHERE nines_members.directory = $2
               OR nines_members.seen_at < clock_timestamp() - make_interval(secs => $3)
            RETURNING name";
        let rows = self.rows(sqlx::query(sql).bind(name).bind(directory).bind(NAME_KEPT_SECS)).await?;
        if !rows.is_empty() {
            return Ok(());
        }
        let names = self.rows(sqlx::query("SELECT name FROM nines_members ORDER BY name")).await?;
        let names: Vec<String> = names.iter().map(|row| row.get(0)).collect();
        Err(StoreError::Refused(if names.iter().any(|known| known == name) {
            format!("another node of the pair is called `{name}` and was here just now: give --pair-name")
        } else {
            format!(
                "the pair has its two members, {}: start as one of them with --pair-name, or delete the row of the one that is gone from nines_members",
                names.join(" and ")
            )
        }))
    }

    pub async fn known(&self) -> Result<Known, StoreError> {
        let sql = "SELECT holder, epoch,
                greatest(extract(epoch FROM expires_at - clock_timestamp())::float8, 0), url, secret, pair, snapshot,
                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
            FROM nines_lease WHERE one = 1";
        // Before anybody had the lease its end is minus infinity, which has no length.
        let sql = sql.replace("expires_at - clock", "greatest(expires_at, '2000-01-01') - clock");
        let rows = self.rows(sqlx::query(sqlx::AssertSqlSafe(sql))).await?;
        let row = rows.first().ok_or_else(|| StoreError::Refused("nines_lease is empty".to_owned()))?;
        let lease = Lease {
            holder: row.try_get(0)?,
            epoch: row.try_get(1)?,
            remaining: Duration::from_secs_f64(row.try_get::<f64, _>(2)?),
        };
        Ok(Known {
            lease,
            url: row.try_get(3)?,
            secret: row.try_get(4)?,
            pair: row.try_get(5)?,
            snapshot: row.try_get(6)?,
            now_micros: row.try_get(7)?,
        })
    }

    /// Takes the lease if it is over, has still that epoch, and PostgreSQL's clock is not past `deadline_micros`.
    pub async fn acquire(
        &self,
        name: &str,
        url: &str,
        epoch: i64,
        deadline_micros: i64,
        timing: Timing,
    ) -> Acquired {
        let sql = "UPDATE nines_lease SET holder = $1, url = $2, epoch = epoch + 1,
                expires_at = clock_timestamp() + make_interval(secs => $5)
            WHERE one = 1 AND epoch = $3 AND (holder IS NULL OR expires_at <= clock_timestamp())
              AND (extract(epoch FROM clock_timestamp()) * 1000000)::bigint < $4
            RETURNING epoch";
        let query = sqlx::query(sql).bind(name).bind(url).bind(epoch).bind(deadline_micros);
        match self.rows(query.bind(timing.lease.as_secs_f64())).await {
            Ok(rows) => rows.first().map_or(Acquired::Lost, |row| Acquired::Won { epoch: row.get(0) }),
            Err(error) => {
                tracing::warn!(error = nines_base::chain(&error), "whether the lease was taken is not known");
                Acquired::Unknown
            }
        }
    }

    pub async fn renew(&self, name: &str, epoch: i64, timing: Timing) -> Renewed {
        let sql = "UPDATE nines_lease SET expires_at = clock_timestamp() + make_interval(secs => $3)
            WHERE one = 1 AND holder = $1 AND epoch = $2 RETURNING epoch";
        match self.rows(sqlx::query(sql).bind(name).bind(epoch).bind(timing.lease.as_secs_f64())).await {
            Ok(rows) if rows.is_empty() => Renewed::Fenced,
            Ok(_) => Renewed::Kept,
            Err(error) => {
                tracing::warn!(error = nines_base::chain(&error), "the lease is not renewed");
                Renewed::Failed
            }
        }
    }

    /// Gives the lease back: the other may have it at once.
    pub async fn give_back(&self, name: &str, epoch: i64) -> Result<(), StoreError> {
        let sql = "UPDATE nines_lease SET holder = NULL WHERE one = 1 AND holder = $1 AND epoch = $2";
        self.rows(sqlx::query(sql).bind(name).bind(epoch)).await.map(drop)
    }

    /// Appends writes of a file in order, if that epoch still is the lease's. Sending them again does no harm.
    pub async fn append(
        &self,
        name: &str,
        epoch: i64,
        file: &str,
        entries: &[Entry],
    ) -> Result<Appended, StoreError> {
        let sequences: Vec<i64> = entries.iter().map(|entry| entry.sequence).collect();
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        let changes: Vec<&[u8]> = entries.iter().map(|entry| entry.changes.as_slice()).collect();
        // The lock orders this against whoever takes the lease: either the row is there before the epoch moves, and the
        // next leader reads it, or the epoch has moved and nothing is written.
        let sql = "WITH held AS (
                SELECT 1 FROM nines_lease WHERE one = 1 AND holder = $1 AND epoch = $2 FOR SHARE
            )
            INSERT INTO nines_log (file, seq, epoch, id, changes)
            SELECT $3, sent.seq, $2, sent.id, sent.changes
            FROM held, unnest($4::bigint[], $5::text[], $6::bytea[]) AS sent(seq, id, changes)
            WHERE ($4::bigint[])[1] = 1
               OR EXISTS (SELECT 1 FROM nines_log WHERE file = $3 AND seq = ($4::bigint[])[1] - 1)
            ON CONFLICT DO NOTHING RETURNING seq";
        let query =
            sqlx::query(sql).bind(name).bind(epoch).bind(file).bind(sequences).bind(&ids).bind(changes);
        if self.rows(query).await?.len() == entries.len() {
            return Ok(Appended::Stored);
        }
        let sql = "SELECT (SELECT count(*) FROM nines_log WHERE file = $3 AND id = ANY($4::text[])),
            EXISTS (SELECT 1 FROM nines_lease WHERE one = 1 AND holder = $1 AND epoch = $2)";
        let rows = self.rows(sqlx::query(sql).bind(name).bind(epoch).bind(file).bind(&ids)).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let (there, holds): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
        Ok(match (usize::try_from(there) == Ok(entries.len()), holds) {
            (true, _) => Appended::Stored,
            (false, false) => Appended::Fenced,
            (false, true) => Appended::Behind,
        })
    }

    /// The writes of a file after a position, in order.
    pub async fn entries(&self, file: &str, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        let sql = "SELECT seq, id, changes FROM nines_log WHERE file = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let rows = self.rows(sqlx::query(sql).bind(file).bind(after).bind(limit)).await?;
        rows.iter()
            .map(|row| Ok(Entry { sequence: row.try_get(0)?, id: row.try_get(1)?, changes: row.try_get(2)? }))
            .collect()
    }

    /// The first and the last number in the log of a file; zeros if there is none.
    pub async fn bounds(&self, file: &str) -> Result<(i64, i64), StoreError> {
        let sql = "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM nines_log WHERE file = $1";
        let rows = self.rows(sqlx::query(sql).bind(file)).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    pub async fn seen(&self, name: &str, positions: &str) -> Result<(), StoreError> {
        let sql = "UPDATE nines_members SET seen_at = clock_timestamp(), positions = $2 WHERE name = $1";
        self.rows(sqlx::query(sql).bind(name).bind(positions)).await.map(drop)
    }

    /// The other member: its name, for how long it was not seen, and its positions as JSON.
    pub async fn other(&self, name: &str) -> Result<Option<(String, f64, String)>, StoreError> {
        let sql = "SELECT name, extract(epoch FROM clock_timestamp() - seen_at)::float8, positions
            FROM nines_members WHERE name <> $1 ORDER BY seen_at DESC LIMIT 1";
        let rows = self.rows(sqlx::query(sql).bind(name)).await?;
        rows.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).transpose()
    }

    pub async fn put_part(&self, number: i64, file: &str, part: i32, bytes: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO nines_snapshots (number, file, part, bytes) VALUES ($1, $2, $3, $4)
            ON CONFLICT (number, file, part) DO UPDATE SET bytes = $4";
        self.rows(sqlx::query(sql).bind(number).bind(file).bind(part).bind(bytes)).await.map(drop)
    }

    pub async fn part(&self, number: i64, file: &str, part: i32) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM nines_snapshots WHERE number = $1 AND file = $2 AND part = $3";
        let rows = self.rows(sqlx::query(sql).bind(number).bind(file).bind(part)).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    /// Makes a snapshot, whose parts are there, the one that members begin with. False if that epoch is over.
    pub async fn publish(&self, name: &str, epoch: i64, number: i64, pair: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE nines_lease SET snapshot = $3, pair = $4
            WHERE one = 1 AND holder = $1 AND epoch = $2 RETURNING epoch";
        let rows = self.rows(sqlx::query(sql).bind(name).bind(epoch).bind(number).bind(pair)).await?;
        Ok(!rows.is_empty())
    }

    /// Empties the log, for one that begins anew in that epoch.
    pub async fn clear(&self, name: &str, epoch: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM nines_log
            WHERE EXISTS (SELECT 1 FROM nines_lease WHERE one = 1 AND holder = $1 AND epoch = $2)";
        self.rows(sqlx::query(sql).bind(name).bind(epoch)).await.map(drop)
    }

    /// Forgets older snapshots, and of a file's log what is up to and with `sequence`.
    pub async fn forget(&self, number: i64, logs: &[(String, i64)]) -> Result<(), StoreError> {
        self.rows(sqlx::query("DELETE FROM nines_snapshots WHERE number < $1").bind(number)).await?;
        for (file, sequence) in logs {
            let sql = "DELETE FROM nines_log WHERE file = $1 AND seq <= $2";
            self.rows(sqlx::query(sql).bind(file).bind(sequence)).await?;
        }
        Ok(())
    }
}
