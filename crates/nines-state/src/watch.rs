//! What probes, heartbeats and runners stand at, in `control.db`. What a body means is for whoever keeps it; here it is
//! text under a kind and a name.

use sqlx::Row;

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "watch",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/watch/0001_watch.sql") }],
};

/// Keeps notes in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct WatchNotes {
    database: Database,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchNote {
    pub kind: String,
    pub name: String,
    pub body: String,
}

impl WatchNotes {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    pub async fn load(&self) -> Result<Vec<WatchNote>, StateError> {
        let rows = sqlx::query("SELECT kind, name, body FROM watch_state ORDER BY kind, name")
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("load what probes stand at"))?;
        let note = |row: &sqlx::sqlite::SqliteRow| WatchNote {
            kind: row.get(0),
            name: row.get(1),
            body: row.get(2),
        };
        Ok(rows.iter().map(note).collect())
    }

    /// Keeps all of them or none, each in place of the one before.
    pub async fn put(&self, notes: &[WatchNote]) -> Result<(), StateError> {
        const OPERATION: &str = "keep what probes stand at";
        let mut write = self.database.write().await?;
        for note in notes {
            sqlx::query("INSERT OR REPLACE INTO watch_state (kind, name, body) VALUES (?, ?, ?)")
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
        const OPERATION: &str = "forget what a probe stood at";
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM watch_state WHERE kind = ? AND name = ?")
            .bind(kind)
            .bind(name)
            .execute(&mut *write)
            .await
            .map_err(StateError::query(OPERATION))?;
        write.commit().await.map_err(StateError::query(OPERATION))
    }
}
