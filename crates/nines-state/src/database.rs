//! One SQLite file: how it is opened, who may write, and the settings that make an acknowledged write durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::replication::{self, Capture, Journal, Paired, Write};
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
    /// Set if writes go to the log of a pair.
    paired: Option<(Paired, Arc<Capture>)>,
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
        let database = Self::open_with(path, domains, None).await?;
        database.leave_pair().await?;
        Ok(database)
    }

    /// The same for a file of a pair that follows its log: [`Database::follow`].
    pub async fn open_following(path: &Path, domains: &[Domain]) -> Result<Self, StateError> {
        let database = Self::open_with(path, domains, None).await?;
        migration::apply(&database, replication::DOMAIN).await?;
        Ok(database)
    }

    /// The same for a file of a pair whose node leads: no write is committed that `journal` did not take. The file must
    /// follow the pair already.
    pub async fn open_leading(
        path: &Path,
        domains: &[Domain],
        journal: Arc<dyn Journal>,
    ) -> Result<Self, StateError> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Before there are triggers: migrations are run by each node for itself.
        Self::open_following(path, domains).await?.close().await;
        Self::open_with(path, &[], Some(Paired { file, journal })).await
    }

    async fn open_with(path: &Path, domains: &[Domain], paired: Option<Paired>) -> Result<Self, StateError> {
        let open_error = |source| StateError::Open { path: path.to_owned(), source };
        let paired = paired.map(|paired| (paired, Arc::new(Capture::default())));
        let capture = paired.as_ref().map(|(_, capture)| Arc::clone(capture));
        let options = options(path);
        // The writer comes first: it creates the file and turns WAL on, which readers cannot.
        let writer = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| {
                let capture = capture.clone();
                Box::pin(async move {
                    match capture {
                        Some(capture) => capture.install(connection).await,
                        None => Ok(()),
                    }
                })
            })
            .connect_with(options.clone())
            .await
            .map_err(open_error)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.create_if_missing(false).pragma("query_only", "ON"));
        let database = Self { path: path.to_owned(), writer, readers, paired };
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
        Ok(Self { path: path.to_owned(), writer: readers.clone(), readers, paired: None })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts a write. There is one writer, so this waits for the transaction before it; dropping it rolls back.
    /// The lock is taken at once (`BEGIN IMMEDIATE`), so no statement inside can fail for having read first.
    pub async fn write(&self) -> Result<Write, StateError> {
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        Ok(Write::new(begun.map_err(StateError::query("begin a write"))?, self.paired.clone()))
    }

    /// A file that is written without its pair is not what the log was written upon any more: it says so itself, and is
    /// fetched anew should the node be paired again.
    async fn leave_pair(&self) -> Result<(), StateError> {
        let failed = || StateError::query("leave the pair");
        let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'pair_position'";
        let was_paired: Option<i64> =
            sqlx::query_scalar(sql).fetch_optional(&self.writer).await.map_err(failed())?;
        if was_paired.is_some() {
            sqlx::query("DELETE FROM pair_position").execute(&self.writer).await.map_err(failed())?;
        }
        Ok(())
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
