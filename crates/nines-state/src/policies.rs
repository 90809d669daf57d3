//! Documents of policies in `control.db`, each with its versions.

use async_trait::async_trait;
use nines_model::Timestamp;
use nines_policy::{NewDocument, PolicyRepository, StoreError, StoredDocument, VERSIONS_KEPT};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Database, Domain, Migration, Write};

pub const DOMAIN: Domain = Domain {
    name: "policies",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/policies/0001_policies.sql") }],
};

/// Keeps policies in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqlitePolicies {
    database: Database,
}

type Result<T, E = StoreError> = std::result::Result<T, E>;

impl SqlitePolicies {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn begin(&self, operation: &'static str) -> Result<Write> {
        self.database.write().await.map_err(failed(operation))
    }
}

#[async_trait]
impl PolicyRepository for SqlitePolicies {
    async fn list(&self) -> Result<Vec<StoredDocument>> {
        let rows = sqlx::query(
            "SELECT name, version, text, is_enabled, applied_at, applied_by FROM policy_versions AS one
             WHERE version = (SELECT MAX(version) FROM policy_versions WHERE name = one.name) ORDER BY name",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list policies"))?;
        Ok(rows.iter().map(document).collect())
    }

    async fn versions(&self, name: &str) -> Result<Vec<StoredDocument>> {
        let rows = sqlx::query(
            "SELECT name, version, text, is_enabled, applied_at, applied_by FROM policy_versions
             WHERE name = ? ORDER BY version DESC",
        )
        .bind(name)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list versions of a policy document"))?;
        Ok(rows.iter().map(document).collect())
    }

    async fn apply(&self, new: &NewDocument) -> Result<StoredDocument> {
        const OPERATION: &str = "store a policy document";
        let mut write = self.begin(OPERATION).await?;
        let version: i64 = sqlx::query_scalar(
            "INSERT INTO policy_numbers (name, version) VALUES (?, 1)
             ON CONFLICT (name) DO UPDATE SET version = version + 1 RETURNING version",
        )
        .bind(&new.name)
        .fetch_one(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        sqlx::query(
            "INSERT INTO policy_versions (name, version, text, is_enabled, applied_at, applied_by)
             VALUES (?, ?, ?, 1, ?, ?)",
        )
        .bind(&new.name)
        .bind(version)
        .bind(&new.text)
        .bind(new.applied_at.as_nanos())
        .bind(&new.applied_by)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        sqlx::query(
            "DELETE FROM policy_versions WHERE name = ?1 AND version NOT IN (
                SELECT version FROM policy_versions WHERE name = ?1 ORDER BY version DESC LIMIT ?2)",
        )
        .bind(&new.name)
        .bind(VERSIONS_KEPT as i64)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(StoredDocument {
            name: new.name.clone(),
            version: u32::try_from(version).unwrap_or(u32::MAX),
            text: new.text.clone(),
            is_enabled: true,
            applied_at: new.applied_at,
            applied_by: new.applied_by.clone(),
        })
    }

    async fn remove(&self, name: &str) -> Result<bool> {
        const OPERATION: &str = "remove a policy document";
        let mut write = self.begin(OPERATION).await?;
        let removed = sqlx::query("DELETE FROM policy_versions WHERE name = ?")
            .bind(name)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(removed > 0)
    }

    async fn disable_all(&self) -> Result<u64> {
        const OPERATION: &str = "switch policies off";
        let mut write = self.begin(OPERATION).await?;
        let disabled: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM policy_versions AS one WHERE is_enabled = 1
             AND version = (SELECT MAX(version) FROM policy_versions WHERE name = one.name)",
        )
        .fetch_one(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        sqlx::query("UPDATE policy_versions SET is_enabled = 0 WHERE is_enabled = 1")
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(u64::try_from(disabled).unwrap_or_default())
    }
}

fn document(row: &SqliteRow) -> StoredDocument {
    StoredDocument {
        name: row.get("name"),
        version: u32::try_from(row.get::<i64, _>("version")).unwrap_or(u32::MAX),
        text: row.get("text"),
        is_enabled: row.get("is_enabled"),
        applied_at: Timestamp::from_nanos(row.get("applied_at")),
        applied_by: row.get("applied_by"),
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(operation: &'static str) -> impl Fn(E) -> StoreError {
    move |source| StoreError { operation, source: Box::new(source) }
}
