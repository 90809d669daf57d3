//! What ever reported and what is watched of it, in `control.db`. What a body means is for whoever keeps it; here it is
//! text under a kind and a name.

use sqlx::Row;

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "fleet",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/fleet/0001_fleet.sql") }],
};

/// Keeps notes in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct FleetNotes {
    database: Database,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetNote {
    pub kind: String,
    pub name: String,
    pub body: String,
}

impl FleetNotes {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    pub async fn load(&self) -> Result<Vec<FleetNote>, StateError> {
        let rows = sqlx::query("SELECT kind, name, body FROM fleet ORDER BY kind, name")
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("load what reported"))?;
        let note = |row: &sqlx::sqlite::SqliteRow| FleetNote {
            kind: row.get(0),
            name: row.get(1),
            body: row.get(2),
        };
        Ok(rows.iter().map(note).collect())
    }

    /// Keeps all of them or none, each in place of the one before.
    pub async fn put(&self, notes: &[FleetNote]) -> Result<(), StateError> {
        const OPERATION: &str = "keep what reported";
        let mut write = self.database.write().await?;
        for note in notes {
            sqlx::query("INSERT OR REPLACE INTO fleet (kind, name, body) VALUES (?, ?, ?)")
                .bind(&note.kind)
                .bind(&note.name)
                .bind(&note.body)
                .execute(&mut *write)
                .await
                .map_err(StateError::query(OPERATION))?;
        }
        write.commit().await.map_err(StateError::query(OPERATION))
    }

    /// Forgets one, if it is there.
    pub async fn remove(&self, kind: &str, name: &str) -> Result<(), StateError> {
        const OPERATION: &str = "forget what reported";
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM fleet WHERE kind = ? AND name = ?")
            .bind(kind)
            .bind(name)
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))
    }
}
