//! Where groups of rules stand, in `control.db`: evaluating them must not make the page path wait for a file.
//!
//! What a state means is for who writes it; here it is bytes under a file and a name.

use sqlx::Row;

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "rules",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/rules/0001_rules.sql") }],
};

/// Keeps states in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct RuleStates {
    database: Database,
}

/// What is kept of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleGroupState {
    pub file: String,
    pub name: String,
    pub state: Vec<u8>,
}

impl RuleStates {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// By file and name.
    pub async fn list(&self) -> Result<Vec<RuleGroupState>, StateError> {
        let rows = sqlx::query("SELECT file, name, state FROM rule_groups ORDER BY file, name")
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("read where rules stand"))?;
        let group = |row: &sqlx::sqlite::SqliteRow| RuleGroupState {
            file: row.get("file"),
            name: row.get("name"),
            state: row.get("state"),
        };
        Ok(rows.iter().map(group).collect())
    }

    /// In place of what was kept.
    pub async fn put(&self, file: &str, name: &str, state: &[u8]) -> Result<(), StateError> {
        const OPERATION: &str = "keep where a group of rules stands";
        let mut write = self.database.write().await?;
        sqlx::query("INSERT OR REPLACE INTO rule_groups (file, name, state) VALUES (?, ?, ?)")
            .bind(file)
            .bind(name)
            .bind(state)
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))
    }

    /// Nothing happens if nothing was kept.
    pub async fn forget(&self, file: &str, name: &str) -> Result<(), StateError> {
        const OPERATION: &str = "forget where a group of rules stood";
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM rule_groups WHERE file = ? AND name = ?")
            .bind(file)
            .bind(name)
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))
    }
}
