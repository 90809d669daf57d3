//! Pages and attempts as rows.

use nines_model::Timestamp;
use nines_notify::{
    Attempt, AttemptOutcome, Content, Event, NewPage, Page, PageId, PageState, Priority, Subject,
    SubjectKind, TargetId,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::StateError;

fn wrong(what: &'static str, reason: impl Into<String>) -> StateError {
    StateError::Row { what, reason: reason.into() }
}

fn get<'r, T>(row: &'r SqliteRow, column: &'static str) -> Result<T, StateError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(|error| wrong(column, error.to_string()))
}

fn word<T>(
    row: &SqliteRow,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StateError> {
    let text: String = get(row, column)?;
    parse(&text).ok_or_else(|| wrong(column, format!("`{text}` is not known to this version")))
}

fn instant(row: &SqliteRow, column: &'static str) -> Result<Timestamp, StateError> {
    get(row, column).map(Timestamp::from_nanos)
}

pub(super) fn page_of(row: &SqliteRow) -> Result<Page, StateError> {
    let content: String = get(row, "content")?;
    let new = NewPage {
        id: PageId(get(row, "id")?),
        subject: Subject {
            kind: word(row, "subject_kind", SubjectKind::parse)?,
            id: get(row, "subject_id")?,
        },
        event: word(row, "event", Event::parse)?,
        target: TargetId(get(row, "target")?),
        priority: Priority(get(row, "priority")?),
        title: get(row, "title")?,
        content: Content::from_stored(&content).map_err(|error| wrong("content", error.to_string()))?,
        created_at: instant(row, "created_at")?,
        due_at: instant(row, "due_at")?,
        fallback_of: get::<Option<String>>(row, "fallback_of")?.map(PageId),
    };
    Ok(Page {
        new,
        state: word(row, "state", PageState::parse)?,
        attempts: get(row, "attempts")?,
        unknown_attempts: get(row, "unknown_attempts")?,
        next_attempt_at: instant(row, "next_attempt_at")?,
        changed_at: instant(row, "changed_at")?,
        detail: get(row, "detail")?,
        reference: get(row, "reference")?,
        merged_into: get::<Option<String>>(row, "merged_into")?.map(PageId),
    })
}

pub(super) fn attempt_of(row: &SqliteRow) -> Result<Attempt, StateError> {
    Ok(Attempt {
        page: PageId(get(row, "page_id")?),
        number: get(row, "number")?,
        started_at: instant(row, "started_at")?,
        ended_at: get::<Option<i64>>(row, "ended_at")?.map(Timestamp::from_nanos),
        outcome: word(row, "outcome", AttemptOutcome::parse)?,
        detail: get(row, "detail")?,
    })
}

/// The page as it is at first: queued, due when it says.
pub(super) async fn insert(connection: &mut SqliteConnection, new: &NewPage) -> Result<(), StateError> {
    sqlx::query(
        "INSERT INTO pages (id, subject_kind, subject_id, event, target, priority, title, content, created_at, due_at,
                            fallback_of, state, attempts, unknown_attempts, next_attempt_at, changed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', 0, 0, ?, ?)",
    )
    .bind(&new.id.0)
    .bind(new.subject.kind.as_str())
    .bind(&new.subject.id)
    .bind(new.event.as_str())
    .bind(&new.target.0)
    .bind(new.priority.0)
    .bind(&new.title)
    .bind(new.content.to_stored())
    .bind(new.created_at.as_nanos())
    .bind(new.due_at.as_nanos())
    .bind(new.fallback_of.as_ref().map(|id| &id.0))
    .bind(new.due_at.as_nanos())
    .bind(new.created_at.as_nanos())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(StateError::query("insert a page"))
}
