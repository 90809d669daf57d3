//! Status pages, statements and subscribers in `control.db`.

mod subscribers;

use async_trait::async_trait;
use nines_statuspage::format::{decode_page, decode_statement, encode_page, encode_statement};
use nines_statuspage::{PAGES_MAX, Statement, StatusError, StatusPage, StatusStore};

use nines_secrets::Sealer;

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "statuspage",
    migrations: &[
        Migration { version: 1, sql: include_str!("../migrations/statuspage/0001_statuspage.sql") },
        Migration { version: 2, sql: include_str!("../migrations/statuspage/0002_subscribers.sql") },
    ],
};

/// Keeps them in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteStatus {
    database: Database,
    /// Seals who subscribers are.
    sealer: Sealer,
}

impl SqliteStatus {
    pub fn new(database: Database, sealer: Sealer) -> Self {
        Self { database, sealer }
    }
}

#[async_trait]
impl StatusStore for SqliteStatus {
    async fn pages(&self) -> Result<Vec<StatusPage>, StatusError> {
        let found: Vec<(String, String)> =
            sqlx::query_as("SELECT name, body FROM status_pages ORDER BY name")
                .fetch_all(self.database.readers())
                .await
                .map_err(failed("list status pages"))?;
        found.iter().map(|(name, body)| decode_page(name, body)).collect()
    }

    async fn put_page(&self, page: &StatusPage) -> Result<(), StatusError> {
        const OPERATION: &str = "store a status page";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let others: i64 = sqlx::query_scalar("SELECT count(*) FROM status_pages WHERE name <> ?")
            .bind(&page.name)
            .fetch_one(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if usize::try_from(others).is_ok_and(|others| others >= PAGES_MAX) {
            return Err(StatusError::Invalid(format!("there are {PAGES_MAX} status pages already")));
        }
        sqlx::query("INSERT OR REPLACE INTO status_pages (name, body) VALUES (?, ?)")
            .bind(&page.name)
            .bind(encode_page(page)?)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn remove_page(&self, name: &str) -> Result<bool, StatusError> {
        const OPERATION: &str = "remove a status page";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let result = sqlx::query("DELETE FROM status_pages WHERE name = ?")
            .bind(name)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        for table in ["status_subscribers", "status_posts"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table} WHERE page = ?")))
                .bind(name)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(result.rows_affected() == 1)
    }

    async fn statements(&self, incident: &str) -> Result<Vec<Statement>, StatusError> {
        let found: Vec<(i64, i64, String)> = sqlx::query_as(
            "SELECT number, version, body FROM public_statements WHERE incident = ? ORDER BY number",
        )
        .bind(incident)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list statements"))?;
        found
            .iter()
            .map(|(number, version, body)| {
                let number = u32::try_from(*number).unwrap_or(u32::MAX);
                decode_statement(incident, number, version.cast_unsigned(), body)
            })
            .collect()
    }

    async fn put_statement(&self, statement: &Statement) -> Result<(), StatusError> {
        const OPERATION: &str = "store a statement";
        let sql = if statement.version == 1 {
            "INSERT INTO public_statements (incident, number, version, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING"
        } else {
            "UPDATE public_statements SET version = ?3, body = ?4
             WHERE incident = ?1 AND number = ?2 AND version = ?3 - 1"
        };
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let result = sqlx::query(sql)
            .bind(&statement.incident)
            .bind(i64::from(statement.number))
            .bind(statement.version.cast_signed())
            .bind(encode_statement(statement)?)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if result.rows_affected() != 1 {
            return Err(StatusError::Stale);
        }
        write.commit().await.map_err(failed(OPERATION))
    }
}

fn store(operation: &'static str) -> impl FnOnce(StateError) -> StatusError {
    move |error| StatusError::Store { operation, source: Box::new(error) }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StatusError {
    move |error| store(operation)(StateError::query(operation)(error))
}
