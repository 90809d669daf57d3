//! Numbered schema changes, embedded in the binary, one list for each domain.

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};

use crate::{Database, StateError};

/// The tables of one domain: its name in the file and its migrations, in order and numbered from 1 without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Domain {
    pub name: &'static str,
    pub migrations: &'static [Migration],
}

/// One step forward. Released steps never change: a correction is the next step. Tables are `STRICT`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: i64,
    /// The text of `migrations/<domain>/NNNN_name.sql`, by `include_str!`.
    pub sql: &'static str,
}

const CREATE_LEDGER: &str = "
CREATE TABLE IF NOT EXISTS migrations (
    domain TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (domain, version)
) STRICT";

/// Applies what the file does not have yet, each step in its own transaction together with its line in the ledger.
pub(crate) async fn apply(database: &Database, domain: Domain) -> Result<(), StateError> {
    let failed = |version| move |source| StateError::Migration { domain: domain.name, version, source };
    let mut write = database.write().await?;
    sqlx::query(CREATE_LEDGER).execute(&mut *write).await.map_err(failed(0))?;
    let applied = sqlx::query("SELECT version, sha256 FROM migrations WHERE domain = ? ORDER BY version")
        .bind(domain.name)
        .fetch_all(&mut *write)
        .await
        .map_err(failed(0))?;
    write.commit().await.map_err(failed(0))?;

    let path = || database.path().to_owned();
    let known = domain.migrations.len() as i64;
    for row in &applied {
        let version: i64 = row.get(0);
        let Some(step) = domain.migrations.iter().find(|step| step.version == version) else {
            return Err(StateError::Newer { path: path(), domain: domain.name, found: version, known });
        };
        if row.get::<String, _>(1) != fingerprint(step.sql) {
            return Err(StateError::Changed { path: path(), domain: domain.name, version });
        }
    }
    for step in &domain.migrations[applied.len()..] {
        let mut write = database.write().await?;
        sqlx::raw_sql(AssertSqlSafe(step.sql)).execute(&mut *write).await.map_err(failed(step.version))?;
        sqlx::query("INSERT INTO migrations (domain, version, sha256) VALUES (?, ?, ?)")
            .bind(domain.name)
            .bind(step.version)
            .bind(fingerprint(step.sql))
            .execute(&mut *write)
            .await
            .map_err(failed(step.version))?;
        write.commit().await.map_err(failed(step.version))?;
        tracing::info!(domain = domain.name, version = step.version, file = %database.path().display(), "migrated");
    }
    Ok(())
}

fn fingerprint(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
