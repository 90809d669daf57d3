//! Saved questions in `control.db`.

use async_trait::async_trait;
use nines_model::Timestamp;
use nines_saved::{QUESTIONS_MAX, Question, QuestionKind, Saved, SavedError, SavedQuestions};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "saved",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/saved/0001_saved.sql") }],
};

/// Keeps questions in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteSaved {
    database: Database,
}

impl SqliteSaved {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

const COLUMNS: &str = "name, kind, team, description, dataset, text, time_from, time_to, columns, split_by,
    created_by, created_at, updated_by, updated_at";

#[async_trait]
impl SavedQuestions for SqliteSaved {
    async fn list(&self) -> Result<Vec<Saved>, SavedError> {
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM saved_questions ORDER BY key")))
                .fetch_all(self.database.readers())
                .await
                .map_err(failed("list saved questions"))?;
        rows.iter().map(read).collect()
    }

    async fn get(&self, name: &str) -> Result<Saved, SavedError> {
        let row =
            sqlx::query(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM saved_questions WHERE key = ?")))
                .bind(name.to_lowercase())
                .fetch_optional(self.database.readers())
                .await
                .map_err(failed("read a saved question"))?;
        row.as_ref().map(read).unwrap_or_else(|| Err(SavedError::NotFound(name.to_owned())))
    }

    async fn put(&self, question: &Question, by: &str, at: Timestamp) -> Result<Saved, SavedError> {
        const OPERATION: &str = "save a question";
        question.check()?;
        let key = question.name.to_lowercase();
        let mut write = self.database.write().await.map_err(store)?;
        let known: Option<(String, i64)> =
            sqlx::query_as("SELECT created_by, created_at FROM saved_questions WHERE key = ?")
                .bind(&key)
                .fetch_optional(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        if known.is_none() {
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM saved_questions")
                .fetch_one(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
            if usize::try_from(count).is_ok_and(|count| count >= QUESTIONS_MAX) {
                return Err(SavedError::TooMany);
            }
        }
        let (created_by, created_at) = known.unwrap_or((by.to_owned(), at.as_nanos()));
        sqlx::query(
            "INSERT OR REPLACE INTO saved_questions
             (key, name, kind, team, description, dataset, text, time_from, time_to, columns, split_by,
              created_by, created_at, updated_by, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&key)
        .bind(&question.name)
        .bind(question.kind.as_str())
        .bind(&question.team)
        .bind(&question.description)
        .bind(&question.dataset)
        .bind(&question.text)
        .bind(&question.from)
        .bind(&question.to)
        .bind(serde_json::to_string(&question.columns).map_err(store)?)
        .bind(&question.split_by)
        .bind(&created_by)
        .bind(created_at)
        .bind(by)
        .bind(at.as_nanos())
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(Saved {
            question: question.clone(),
            created_by,
            created_at: Timestamp::from_nanos(created_at),
            updated_by: by.to_owned(),
            updated_at: at,
        })
    }

    async fn delete(&self, name: &str) -> Result<(), SavedError> {
        const OPERATION: &str = "delete a saved question";
        let mut write = self.database.write().await.map_err(store)?;
        let done = sqlx::query("DELETE FROM saved_questions WHERE key = ?")
            .bind(name.to_lowercase())
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        if done.rows_affected() == 0 {
            return Err(SavedError::NotFound(name.to_owned()));
        }
        write.commit().await.map_err(failed(OPERATION))
    }
}

fn read(row: &SqliteRow) -> Result<Saved, SavedError> {
    let kind: &str = row.get("kind");
    let columns: &str = row.get("columns");
    Ok(Saved {
        question: Question {
            name: row.get("name"),
            kind: QuestionKind::parse(kind)
                .ok_or_else(|| SavedError::Store(format!("unknown kind `{kind}`").into()))?,
            team: row.get("team"),
            description: row.get("description"),
            dataset: row.get("dataset"),
            text: row.get("text"),
            from: row.get("time_from"),
            to: row.get("time_to"),
            columns: serde_json::from_str(columns).map_err(store)?,
            split_by: row.get("split_by"),
        },
        created_by: row.get("created_by"),
        created_at: Timestamp::from_nanos(row.get("created_at")),
        updated_by: row.get("updated_by"),
        updated_at: Timestamp::from_nanos(row.get("updated_at")),
    })
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> SavedError {
    move |error| store(StateError::query(operation)(error))
}

fn store(error: impl std::error::Error + Send + Sync + 'static) -> SavedError {
    SavedError::Store(Box::new(error))
}
