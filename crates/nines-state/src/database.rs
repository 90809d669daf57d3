//! One SQLite file: how it is opened, who may write, and the settings that make an acknowledged write durable.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};

use crate::{Domain, StateError, migration};

/// Readers for each file. WAL readers never wait for the writer; four are enough for a page that asks for four lists
/// at once and cost 4 × (2 MiB page cache) at most.
const READERS_MAX: u32 = 4;

/// How long a statement waits for a lock held by another process (a backup, `sqlite3` in a terminal). Inside this
/// process the single writer connection queues in front of it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a caller waits for the writer or a reader. Longer than [`BUSY_TIMEOUT`], so that the lock is named as the
/// cause and not the queue behind it.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// 16 MiB: what a checkpointed WAL file shrinks back to after a burst.
const WAL_BYTES_KEPT: &str = "16777216";

/// An open SQLite file with one writer connection and [`READERS_MAX`] readers. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Database {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

/// What the file really runs with, as SQLite reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub journal_mode: String,
    /// 2 is FULL.
    pub synchronous: i64,
    pub foreign_keys: bool,
    pub busy_timeout_ms: i64,
    /// The SQLite library in this binary, such as `3.51.3`.
    pub library: String,
}

impl Database {
    /// Opens or creates the file, checks its settings and its integrity, and brings the tables of `domains` up to date.
    /// The parent folder must exist. Costs a read of the whole file (`quick_check`).
    pub async fn open(path: &Path, domains: &[Domain]) -> Result<Self, StateError> {
        let open_error = |source| StateError::Open { path: path.to_owned(), source };
        let options = options(path);
        // The writer comes first: it creates the file and turns WAL on, which readers cannot.
        let writer = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await
            .map_err(open_error)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.create_if_missing(false).pragma("query_only", "ON"));
        let database = Self { path: path.to_owned(), writer, readers };
        database.check_settings().await?;
        database.check_integrity().await?;
        for domain in domains {
            migration::apply(&database, *domain).await?;
        }
        Ok(database)
    }

    /// Opens an existing file to read only: nothing is checked, migrated or made. For tools beside a running node.
    pub async fn open_read_only(path: &Path) -> Result<Self, StateError> {
        // Without the pragmas of a writer: a file that is not in WAL mode, as a restored one is, cannot be put into it here.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON");
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|source| StateError::Open { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), writer: readers.clone(), readers })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts a write. There is one writer, so this waits for the transaction before it; dropping it rolls back.
    /// The lock is taken at once (`BEGIN IMMEDIATE`), so no statement inside can fail for having read first.
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, StateError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(StateError::query("begin a write"))
    }

    /// Connections that can only read and never wait for the writer.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// What the writer connection really runs with.
    pub async fn settings(&self) -> Result<Settings, StateError> {
        let failed = || StateError::query("read the settings");
        let one = |sql: &'static str| sqlx::query(sql).fetch_one(&self.writer);
        Ok(Settings {
            journal_mode: one("PRAGMA journal_mode").await.map_err(failed())?.get(0),
            synchronous: one("PRAGMA synchronous").await.map_err(failed())?.get(0),
            foreign_keys: one("PRAGMA foreign_keys").await.map_err(failed())?.get::<i64, _>(0) == 1,
            busy_timeout_ms: one("PRAGMA busy_timeout").await.map_err(failed())?.get(0),
            library: one("SELECT sqlite_version()").await.map_err(failed())?.get(0),
        })
    }

    /// Finishes what is running, checkpoints and closes. Dropping instead loses nothing, it only leaves the WAL file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn check_settings(&self) -> Result<(), StateError> {
        let settings = self.settings().await?;
        let wrong = |setting, found, needed| {
            Err(StateError::Setting { path: self.path.clone(), setting, found, needed })
        };
        if settings.journal_mode != "wal" {
            return wrong("journal_mode", settings.journal_mode, "wal");
        }
        if settings.synchronous != 2 {
            return wrong("synchronous", settings.synchronous.to_string(), "2 (full)");
        }
        if !settings.foreign_keys {
            return wrong("foreign_keys", "off".to_owned(), "on");
        }
        Ok(())
    }

    async fn check_integrity(&self) -> Result<(), StateError> {
        let report: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.writer)
            .await
            .map_err(StateError::query("check the file"))?;
        if report == "ok" { Ok(()) } else { Err(StateError::Damaged { path: self.path.clone(), report }) }
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("journal_size_limit", WAL_BYTES_KEPT)
        // What was sealed later, or deleted, must not go on lying in free pages.
        .pragma("secure_delete", "ON")
        // A hostile file must not run code through its schema, and a damaged cell must not be read as data.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
}
