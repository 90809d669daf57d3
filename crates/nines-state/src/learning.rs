//! Postmortems and sheets in `control.db`.

use async_trait::async_trait;
use nines_incidents::IncidentId;
use nines_learning::format::{decode_postmortem, decode_sheet, encode_postmortem, encode_sheet};
use nines_learning::{LearningError, LearningStore, POSTMORTEMS_MAX, Postmortem, Sheet, SheetKind};

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "learning",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/learning/0001_learning.sql") }],
};

/// Keeps them in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteLearning {
    database: Database,
}

impl SqliteLearning {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl LearningStore for SqliteLearning {
    async fn postmortem(&self, incident: IncidentId) -> Result<Option<Postmortem>, LearningError> {
        let body: Option<String> =
            sqlx::query_scalar("SELECT body FROM postmortems WHERE year = ? AND number = ?")
                .bind(i64::from(incident.year))
                .bind(i64::from(incident.number))
                .fetch_optional(self.database.readers())
                .await
                .map_err(failed("read a postmortem"))?;
        body.as_deref().map(decode_postmortem).transpose()
    }

    async fn postmortems(&self) -> Result<Vec<Postmortem>, LearningError> {
        let bodies: Vec<String> =
            sqlx::query_scalar("SELECT body FROM postmortems ORDER BY year DESC, number DESC LIMIT ?")
                .bind(POSTMORTEMS_MAX as i64)
                .fetch_all(self.database.readers())
                .await
                .map_err(failed("list postmortems"))?;
        bodies.iter().map(|body| decode_postmortem(body)).collect()
    }

    async fn put_postmortem(&self, postmortem: &Postmortem) -> Result<(), LearningError> {
        const OPERATION: &str = "store a postmortem";
        let statement = if postmortem.version == 1 {
            "INSERT INTO postmortems (year, number, version, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE postmortems SET version = ?3, body = ?4 WHERE year = ?1 AND number = ?2 AND version = ?3 - 1"
        };
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let result = sqlx::query(statement)
            .bind(i64::from(postmortem.incident.year))
            .bind(i64::from(postmortem.incident.number))
            .bind(postmortem.version.cast_signed())
            .bind(encode_postmortem(postmortem)?)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if result.rows_affected() != 1 {
            return Err(LearningError::Stale { what: format!("the postmortem of {}", postmortem.incident) });
        }
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn sheet(&self, kind: SheetKind, key: &str) -> Result<Option<Sheet>, LearningError> {
        let found: Option<(i64, String)> =
            sqlx::query_as("SELECT version, body FROM learning_sheets WHERE kind = ? AND key = ?")
                .bind(kind.as_str())
                .bind(key)
                .fetch_optional(self.database.readers())
                .await
                .map_err(failed("read a sheet"))?;
        found.map(|(version, body)| decode_sheet(kind, key, version.cast_unsigned(), &body)).transpose()
    }

    async fn sheets(&self, kind: SheetKind) -> Result<Vec<Sheet>, LearningError> {
        let found: Vec<(String, i64, String)> = sqlx::query_as(
            "SELECT key, version, body FROM learning_sheets WHERE kind = ? ORDER BY key DESC LIMIT ?",
        )
        .bind(kind.as_str())
        .bind(POSTMORTEMS_MAX as i64)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list sheets"))?;
        found
            .iter()
            .map(|(key, version, body)| decode_sheet(kind, key, version.cast_unsigned(), body))
            .collect()
    }

    async fn put_sheet(&self, sheet: &Sheet) -> Result<(), LearningError> {
        const OPERATION: &str = "store a sheet";
        let statement = if sheet.version == 1 {
            "INSERT INTO learning_sheets (kind, key, version, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE learning_sheets SET version = ?3, body = ?4 WHERE kind = ?1 AND key = ?2 AND version = ?3 - 1"
        };
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let result = sqlx::query(statement)
            .bind(sheet.kind.as_str())
            .bind(&sheet.key)
            .bind(sheet.version.cast_signed())
            .bind(encode_sheet(sheet)?)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if result.rows_affected() != 1 {
            return Err(LearningError::Stale { what: format!("{} {}", sheet.kind.as_str(), sheet.key) });
        }
        write.commit().await.map_err(failed(OPERATION))
    }
}

fn store(operation: &'static str) -> impl FnOnce(StateError) -> LearningError {
    move |error| LearningError::Store { operation, source: Box::new(error) }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> LearningError {
    move |error| store(operation)(StateError::query(operation)(error))
}
