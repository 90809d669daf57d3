//! Secrets in `control.db`: ciphertext and wrapped data keys, nothing that opens anything.

use async_trait::async_trait;
use nines_model::Timestamp;
use nines_secrets::{SecretName, SecretRepository, StoreError, StoredKey, StoredVersion, Wrapped};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Database, Domain, Migration, StateError, Write};

pub const DOMAIN: Domain = Domain {
    name: "secrets",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/secrets/0001_secrets.sql") }],
};

/// Keeps secrets in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteSecrets {
    database: Database,
}

type Result<T, E = StoreError> = std::result::Result<T, E>;

impl SqliteSecrets {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn begin(&self, operation: &'static str) -> Result<Write> {
        self.database.write().await.map_err(|source| StoreError { operation, source: Box::new(source) })
    }
}

#[async_trait]
impl SecretRepository for SqliteSecrets {
    async fn versions(&self) -> Result<Vec<StoredVersion>> {
        const OPERATION: &str = "list secrets";
        let rows = sqlx::query(
            "SELECT name, version, master, wrapped_key, sealed, created_at, created_by FROM secret_versions
             ORDER BY name, version DESC",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(failed(OPERATION))?;
        rows.iter().map(version).collect()
    }

    async fn next_version(&self, name: &SecretName) -> Result<u32> {
        const OPERATION: &str = "read the number of a secret";
        let last: Option<i64> = sqlx::query_scalar("SELECT version FROM secret_numbers WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed(OPERATION))?;
        let last = u32::try_from(last.unwrap_or(0)).ok();
        last.and_then(|last| last.checked_add(1))
            .ok_or_else(|| corrupt(OPERATION, "a number is out of range"))
    }

    async fn insert(&self, new: &StoredVersion, keep: usize) -> Result<bool> {
        const OPERATION: &str = "store a secret";
        let mut write = self.begin(OPERATION).await?;
        let taken = sqlx::query(
            "INSERT INTO secret_numbers (name, version) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET version = ?2 WHERE version < ?2",
        )
        .bind(new.name.as_str())
        .bind(i64::from(new.version))
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        if taken.rows_affected() != 1 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO secret_versions (name, version, master, wrapped_key, sealed, created_at, created_by)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.name.as_str())
        .bind(i64::from(new.version))
        .bind(&new.key.master)
        .bind(&new.key.bytes)
        .bind(&new.sealed)
        .bind(new.created_at.as_nanos())
        .bind(&new.created_by)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        sqlx::query(
            "DELETE FROM secret_versions WHERE name = ?1 AND version NOT IN (
                SELECT version FROM secret_versions WHERE name = ?1 ORDER BY version DESC LIMIT ?2)",
        )
        .bind(new.name.as_str())
        .bind(keep as i64)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(true)
    }

    async fn delete(&self, name: &SecretName) -> Result<bool> {
        const OPERATION: &str = "delete a secret";
        let mut write = self.begin(OPERATION).await?;
        let deleted = sqlx::query("DELETE FROM secret_versions WHERE name = ?")
            .bind(name.as_str())
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(deleted > 0)
    }

    async fn rewrap(&self, versions: &[StoredVersion], keys: &[StoredKey]) -> Result<()> {
        const OPERATION: &str = "wrap data keys anew";
        let mut write = self.begin(OPERATION).await?;
        for version in versions {
            sqlx::query(
                "UPDATE secret_versions SET master = ?, wrapped_key = ? WHERE name = ? AND version = ?",
            )
            .bind(&version.key.master)
            .bind(&version.key.bytes)
            .bind(version.name.as_str())
            .bind(i64::from(version.version))
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        }
        for key in keys {
            sqlx::query("UPDATE sealing_keys SET master = ?, wrapped_key = ? WHERE purpose = ?")
                .bind(&key.key.master)
                .bind(&key.key.bytes)
                .bind(&key.purpose)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn keys(&self) -> Result<Vec<StoredKey>> {
        let rows = sqlx::query("SELECT purpose, master, wrapped_key FROM sealing_keys ORDER BY purpose")
            .fetch_all(self.database.readers())
            .await
            .map_err(failed("list sealing keys"))?;
        Ok(rows.iter().map(|row| StoredKey { purpose: row.get("purpose"), key: wrapped(row) }).collect())
    }

    async fn insert_key(&self, key: &StoredKey) -> Result<StoredKey> {
        const OPERATION: &str = "store a sealing key";
        let mut write = self.begin(OPERATION).await?;
        sqlx::query(
            "INSERT INTO sealing_keys (purpose, master, wrapped_key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&key.purpose)
        .bind(&key.key.master)
        .bind(&key.key.bytes)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        let row = sqlx::query("SELECT purpose, master, wrapped_key FROM sealing_keys WHERE purpose = ?")
            .bind(&key.purpose)
            .fetch_one(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        let there = StoredKey { purpose: row.get("purpose"), key: wrapped(&row) };
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(there)
    }
}

fn version(row: &SqliteRow) -> Result<StoredVersion> {
    const OPERATION: &str = "read a secret";
    Ok(StoredVersion {
        name: SecretName::parse(row.get("name")).map_err(|error| corrupt(OPERATION, &error.to_string()))?,
        version: u32::try_from(row.get::<i64, _>("version"))
            .map_err(|error| corrupt(OPERATION, &error.to_string()))?,
        key: wrapped(row),
        sealed: row.get("sealed"),
        created_at: Timestamp::from_nanos(row.get("created_at")),
        created_by: row.get("created_by"),
    })
}

fn wrapped(row: &SqliteRow) -> Wrapped {
    Wrapped { master: row.get("master"), bytes: row.get("wrapped_key") }
}

fn corrupt(operation: &'static str, reason: &str) -> StoreError {
    StoreError { operation, source: reason.into() }
}

/// Names the operation that a statement served.
fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError { operation, source: Box::new(StateError::Query { operation, source }) }
}
