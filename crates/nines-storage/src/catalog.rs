//! `catalog.db`: which segments exist, which columns each dataset has, and up to where each is sealed. SQLite with WAL
//! and `synchronous=FULL`, so that a commit that returned is durable.
//!
//! No column is named by a keyword of SQLite or DuckDB, because views over these tables are read by both.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};

use nines_model::{Dataset, Timestamp, ValueType};

use crate::StoreError;
use crate::blocks::BlockChecksums;
use crate::limits::Limit;
use crate::schema::Column;
use crate::snapshot::{DamagedSegment, SegmentFile};

/// Each entry brings the catalog from its index to the next version, kept in `PRAGMA user_version`. Never edit one that
/// was released.
const MIGRATIONS: [&str; 5] = [
    include_str!("../migrations/0001_catalog.sql"),
    include_str!("../migrations/0002_limits.sql"),
    include_str!("../migrations/0003_blocks.sql"),
    include_str!("../migrations/0004_lake.sql"),
    include_str!("../migrations/0005_remote.sql"),
];

#[derive(Debug, Clone)]
pub struct Catalog {
    pool: SqlitePool,
    root: PathBuf,
}

/// What the catalog knows of one dataset.
#[derive(Debug, Default)]
pub struct DatasetRecord {
    pub columns: Vec<Column>,
    pub sealed_sequence: u64,
    pub segments: Vec<Arc<SegmentFile>>,
    pub damaged: Vec<DamagedSegment>,
    /// Segments that are in the object store whole.
    pub kept: HashSet<i64>,
}

impl Catalog {
    /// Opens or makes `<root>/catalog.db` and checks it.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let path = root.join("catalog.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        // SQLite has one writer; a second connection lets reads of others go on.
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await;
        let pool = pool.map_err(StoreError::catalog("open the database"))?;
        let catalog = Self { pool, root: root.to_owned() };
        let check: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
            .fetch_one(&catalog.pool)
            .await
            .map_err(StoreError::catalog("check the database"))?;
        if check != "ok" {
            return Err(StoreError::CatalogDamaged { path, detail: check });
        }
        catalog.migrate().await?;
        catalog.say_where_it_lies().await?;
        Ok(catalog)
    }

    /// The catalog file as it is, beside whoever writes it. `root` is the folder that paths in it are relative to.
    pub async fn open_read_only(path: &Path, root: &Path) -> Result<Self, StoreError> {
        let options =
            SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.map_err(StoreError::catalog("open the database to read"))?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&pool)
            .await
            .map_err(StoreError::catalog("read the version"))?;
        let known = MIGRATIONS.len() as i64;
        if found > known {
            return Err(StoreError::CatalogVersion { found, known });
        }
        Ok(Self { pool, root: root.to_owned() })
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let failed = StoreError::catalog("migrate");
        let found: i64 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&self.pool).await.map_err(&failed)?;
        let known = MIGRATIONS.len() as i64;
        if found > known {
            return Err(StoreError::CatalogVersion { found, known });
        }
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            sqlx::raw_sql(*migration).execute(&mut *transaction).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    /// For readers of the DuckLake views, who need a path that does not depend on where they run.
    async fn say_where_it_lies(&self) -> Result<(), StoreError> {
        let folder = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        // A start at the same place writes nothing.
        let write =
            "INSERT INTO lake_location (location_id, folder_path) VALUES (1, ?) ON CONFLICT (location_id)
             DO UPDATE SET folder_path = excluded.folder_path WHERE folder_path <> excluded.folder_path";
        sqlx::query(write)
            .bind(format!("{}/", folder.to_string_lossy()))
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::catalog("write where the segments lie"))
    }

    pub async fn load(&self, dataset: Dataset) -> Result<DatasetRecord, StoreError> {
        let failed = StoreError::catalog("load a dataset");
        let name = dataset.as_str();
        let columns = sqlx::query(
            "SELECT column_name, column_kind FROM dataset_columns WHERE dataset_name = ? ORDER BY ordinal",
        );
        let columns = columns.bind(name).fetch_all(&self.pool).await.map_err(&failed)?;
        let columns = columns.iter().filter_map(|row| {
            let kind = ValueType::parse(row.get("column_kind"))?;
            Some(Column { name: row.get::<&str, _>("column_name").into(), kind })
        });
        let columns = columns.collect();
        let sealed = sqlx::query_scalar("SELECT sealed_sequence FROM sealed_datasets WHERE dataset_name = ?");
        let sealed: Option<i64> = sealed.bind(name).fetch_optional(&self.pool).await.map_err(&failed)?;
        let segments = sqlx::query(
            "SELECT * FROM segments WHERE dataset_name = ? AND removed_ns IS NULL ORDER BY segment_id",
        );
        let rows = segments.bind(name).fetch_all(&self.pool).await.map_err(&failed)?;
        let mut record =
            DatasetRecord { columns, sealed_sequence: sealed.map_or(0, to_u64), ..DatasetRecord::default() };
        for row in &rows {
            let file = Arc::new(self.segment(dataset, row));
            // Absent in a catalog of an earlier version that is read as it is.
            if row.try_get::<Option<&str>, _>("remote_state").is_ok_and(|state| state == Some("kept")) {
                record.kept.insert(file.id);
            }
            match row.get::<Option<String>, _>("damage_reason") {
                Some(reason) => record.damaged.push(DamagedSegment { file, reason }),
                None => record.segments.push(file),
            }
        }
        Ok(record)
    }

    fn segment(&self, dataset: Dataset, row: &SqliteRow) -> SegmentFile {
        let number = |name: &str| to_u64(row.get::<i64, _>(name));
        let time = |name: &str| Timestamp::from_nanos(row.get(name));
        SegmentFile {
            id: row.get("segment_id"),
            dataset,
            path: self.root.join(row.get::<&str, _>("file_path")),
            rows: number("row_count"),
            bytes: number("byte_size"),
            checksum: number("file_crc32c") as u32,
            // Absent in a catalog of an earlier version that is read as it is.
            blocks: row
                .try_get::<Option<Vec<u8>>, _>("block_crc32c")
                .ok()
                .flatten()
                .map_or_else(BlockChecksums::default, |bytes| BlockChecksums::from_bytes(&bytes)),
            min_time: time("min_time_ns"),
            max_time: time("max_time_ns"),
            min_sequence: number("min_sequence"),
            max_sequence: number("max_sequence"),
            newest_received_at: time("newest_received_ns"),
            remote: None,
        }
    }

    /// `sending`, `kept`, or `None` for a segment of which nothing is in the object store.
    pub async fn set_remote_state(&self, id: i64, state: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("UPDATE segments SET remote_state = ? WHERE segment_id = ?")
            .bind(state)
            .bind(id)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::catalog("record what is in the object store"))
    }

    /// Segments that were removed before `before` and may still be in the object store, with the paths of their files.
    pub async fn remote_garbage(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<(i64, PathBuf)>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT segment_id, file_path FROM segments WHERE removed_ns < ? AND remote_state IS NOT NULL
             ORDER BY segment_id LIMIT ?",
        )
        .bind(before.as_nanos())
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::catalog("list what may leave the object store"))?;
        Ok(rows.into_iter().map(|(id, path)| (id, self.root.join(path))).collect())
    }

    /// Files of segments that are out of the catalog for good and may be deleted.
    pub async fn removed_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let paths: Vec<String> =
            sqlx::query_scalar("SELECT file_path FROM segments WHERE removed_ns IS NOT NULL")
                .fetch_all(&self.pool)
                .await
                .map_err(StoreError::catalog("list removed segments"))?;
        Ok(paths.into_iter().map(|path| self.root.join(path)).collect())
    }

    /// The id after the largest that was ever given.
    pub async fn next_segment_id(&self) -> Result<i64, StoreError> {
        let last: Option<i64> = sqlx::query_scalar("SELECT max(segment_id) FROM segments")
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::catalog("read the last segment id"))?;
        Ok(last.unwrap_or(0) + 1)
    }

    /// One transaction: the segment exists, its columns are known, and the dataset is sealed up to its last sequence
    /// number. Committing the same segment again changes nothing, so an unknown outcome may be retried.
    pub async fn commit_seal(
        &self,
        segment: &SegmentFile,
        columns: &[Column],
        created_at: Timestamp,
    ) -> Result<(), StoreError> {
        let failed = StoreError::catalog("commit a sealed segment");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        self.insert_segment(&mut transaction, segment, created_at).await.map_err(&failed)?;
        let name = segment.dataset.as_str();
        for (ordinal, column) in columns.iter().enumerate() {
            sqlx::query(
                "INSERT INTO dataset_columns (dataset_name, column_name, column_kind, ordinal) VALUES (?, ?, ?, ?)
                 ON CONFLICT (dataset_name, column_name) DO NOTHING",
            )
            .bind(name)
            .bind(column.name.as_str())
            .bind(column.kind.as_str())
            .bind(ordinal as i64)
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        }
        sqlx::query(
            "INSERT INTO sealed_datasets (dataset_name, sealed_sequence) VALUES (?, ?)
             ON CONFLICT (dataset_name) DO UPDATE SET sealed_sequence = max(sealed_sequence, excluded.sealed_sequence)",
        )
        .bind(name)
        .bind(segment.max_sequence as i64)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    /// One transaction: `merged` takes the place of `replaced`.
    pub async fn commit_compaction(
        &self,
        merged: &SegmentFile,
        replaced: &[Arc<SegmentFile>],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let failed = StoreError::catalog("commit a compaction");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        self.insert_segment(&mut transaction, merged, at).await.map_err(&failed)?;
        mark_removed(&mut transaction, replaced, at).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    pub async fn commit_removal(
        &self,
        removed: &[Arc<SegmentFile>],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let failed = StoreError::catalog("commit a removal");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        mark_removed(&mut transaction, removed, at).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    pub async fn commit_damage(&self, segment: &SegmentFile, reason: &str) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE segments SET damage_reason = ?, file_path = ? WHERE segment_id = ?");
        let path = self.relative(&segment.path);
        let done = update.bind(reason).bind(path).bind(segment.id).execute(&self.pool).await;
        done.map(drop).map_err(StoreError::catalog("record a damaged segment"))
    }

    async fn insert_segment(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        segment: &SegmentFile,
        created_at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT OR REPLACE INTO segments (segment_id, dataset_name, file_path, row_count, byte_size, file_crc32c,
                min_time_ns, max_time_ns, min_sequence, max_sequence, newest_received_ns, created_ns, block_crc32c)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(segment.id)
        .bind(segment.dataset.as_str())
        .bind(self.relative(&segment.path))
        .bind(segment.rows as i64)
        .bind(segment.bytes as i64)
        .bind(i64::from(segment.checksum))
        .bind(segment.min_time.as_nanos())
        .bind(segment.max_time.as_nanos())
        .bind(segment.min_sequence as i64)
        .bind(segment.max_sequence as i64)
        .bind(segment.newest_received_at.as_nanos())
        .bind(created_at.as_nanos())
        .bind(segment.blocks.to_bytes())
        .execute(&mut **transaction)
        .await
        .map(drop)
    }

    /// Paths are stored relative to the root, so that a data directory can be moved.
    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// The time that retention has trusted so far; see [`crate::maintain`].
    pub async fn retention_time(&self) -> Result<Option<Timestamp>, StoreError> {
        let time: Option<i64> = sqlx::query_scalar("SELECT trusted_ns FROM retention_clock")
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::catalog("read the retention clock"))?;
        Ok(time.map(Timestamp::from_nanos))
    }

    pub async fn set_retention_time(&self, time: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO retention_clock (clock_id, trusted_ns) VALUES (1, ?)")
            .bind(time.as_nanos())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StoreError::catalog("write the retention clock"))
    }

    /// `None` if none was ever accepted.
    pub async fn accepted_limits(&self) -> Result<Option<BTreeMap<Limit, u64>>, StoreError> {
        let rows = sqlx::query("SELECT limit_kind, limit_scope, limit_amount FROM accepted_limits");
        let rows =
            rows.fetch_all(&self.pool).await.map_err(StoreError::catalog("read the accepted limits"))?;
        let limits = rows.iter().filter_map(|row| {
            let key = (row.get::<&str, _>("limit_kind"), row.get::<&str, _>("limit_scope"));
            let limit = Limit::all().find(|limit| limit.key() == key)?;
            Some((limit, to_u64(row.get("limit_amount"))))
        });
        let limits: BTreeMap<_, _> = limits.collect();
        Ok((!limits.is_empty()).then_some(limits))
    }

    /// One transaction.
    pub async fn accept_limits(&self, limits: &BTreeMap<Limit, u64>) -> Result<(), StoreError> {
        let failed = StoreError::catalog("accept a limit");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        for (limit, amount) in limits {
            let (kind, scope) = limit.key();
            sqlx::query(
                "INSERT OR REPLACE INTO accepted_limits (limit_kind, limit_scope, limit_amount) VALUES (?, ?, ?)",
            )
            .bind(kind)
            .bind(scope)
            .bind(i64::try_from(*amount).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    pub async fn accept_limit(&self, limit: Limit, amount: u64) -> Result<(), StoreError> {
        self.accept_limits(&BTreeMap::from([(limit, amount)])).await
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }

    #[cfg(test)]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }
}

async fn mark_removed(
    transaction: &mut Transaction<'_, Sqlite>,
    removed: &[Arc<SegmentFile>],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    for segment in removed {
        sqlx::query("UPDATE segments SET removed_ns = ? WHERE segment_id = ?")
            .bind(at.as_nanos())
            .bind(segment.id)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Counts and sequence numbers are written from `u64` and never reach 2^63.
fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_database_is_durable_and_new_enough() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).await.unwrap();
        let pragma = async |text: &'static str| -> String {
            sqlx::query(text)
                .fetch_one(catalog.pool())
                .await
                .unwrap()
                .try_get_unchecked::<String, _>(0)
                .unwrap()
        };
        assert_eq!(pragma("PRAGMA journal_mode").await, "wal");
        assert_eq!(pragma("PRAGMA synchronous").await, "2", "2 is FULL");
        // Before 3.51.3 a WAL reset could lose a commit: https://sqlite.org/wal.html#walresetbug
        let version = pragma("SELECT sqlite_version()").await;
        let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(parts >= vec![3, 51, 3], "{version}");
    }
}
