//! What one page does to the others of its subject: the rules of [`nines_notify::OutboxStore::insert`] and `finish`.

use nines_model::Timestamp;
use nines_notify::{Event, Finish, NewPage, PageId};
use sqlx::{Row, SqliteConnection};

use super::row;
use crate::StateError;

/// Returns whether the page is new.
pub(super) async fn insert(connection: &mut SqliteConnection, new: &NewPage) -> Result<bool, StateError> {
    let failed = || StateError::query("insert a page");
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pages WHERE id = ?)")
        .bind(&new.id.0)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    if known {
        return Ok(false);
    }
    if !matches!(new.event, Event::Trigger | Event::Update | Event::Resolve) {
        row::insert(connection, new).await?;
        return Ok(true);
    }
    let reached: bool = sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT 1 FROM pages
             WHERE subject_kind = ? AND subject_id = ? AND target = ? AND event IN ('trigger', 'update')
               AND (state IN ('delivered', 'sending') OR unknown_attempts > 0))",
    )
    .bind(new.subject.kind.as_str())
    .bind(&new.subject.id)
    .bind(&new.target.0)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed())?;
    let older = sqlx::query(
        "UPDATE pages SET state = 'superseded', merged_into = ?1, detail = 'a newer page says more', changed_at = ?2
         WHERE subject_kind = ?3 AND subject_id = ?4 AND target = ?5 AND event IN ('trigger', 'update')
           AND state = 'queued'",
    )
    .bind(&new.id.0)
    .bind(new.created_at.as_nanos())
    .bind(new.subject.kind.as_str())
    .bind(&new.subject.id)
    .bind(&new.target.0)
    .execute(&mut *connection)
    .await
    .map_err(failed())?
    .rows_affected();
    row::insert(connection, new).await?;
    if new.event == Event::Resolve && !reached {
        match &new.fallback_of {
            Some(primary) => {
                supersede(
                    connection,
                    &new.id,
                    new.created_at,
                    Some(primary),
                    "it was over before it was needed",
                )
                .await?;
            }
            None if older > 0 => {
                let detail = "it was over before the target could be reached";
                supersede(connection, &new.id, new.created_at, None, detail).await?;
            }
            None => {}
        }
    }
    Ok(true)
}

/// Does nothing unless the page is being sent.
pub(super) async fn finish(
    connection: &mut SqliteConnection,
    page: &PageId,
    now: Timestamp,
    finish: Finish,
) -> Result<(), StateError> {
    let failed = || StateError::query("finish an attempt");
    let Some(row) = sqlx::query(
        "SELECT attempts, event, subject_kind, subject_id, target, sequence FROM pages WHERE id = ? AND state = 'sending'",
    )
    .bind(&page.0)
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed())?
    else {
        return Ok(());
    };
    let number: i64 = row.get("attempts");
    let (outcome, detail) = match &finish {
        Finish::Delivered { .. } => ("ok", None),
        Finish::Undeliverable { detail } => ("permanent", Some(detail)),
        Finish::Retry { unknown: true, detail, .. } => ("unknown", Some(detail)),
        Finish::Retry { unknown: false, detail, .. } => ("retryable", Some(detail)),
    };
    sqlx::query("UPDATE attempts SET ended_at = ?, outcome = ?, detail = ? WHERE page_id = ? AND number = ?")
        .bind(now.as_nanos())
        .bind(outcome)
        .bind(detail)
        .bind(&page.0)
        .bind(number)
        .execute(&mut *connection)
        .await
        .map_err(failed())?;
    let (state, at, unknown, reference) = match &finish {
        Finish::Delivered { reference } => ("delivered", None, 0, reference.as_ref()),
        Finish::Undeliverable { .. } => ("undeliverable", None, 0, None),
        Finish::Retry { at, unknown, .. } => ("queued", Some(at.as_nanos()), i64::from(*unknown), None),
    };
    sqlx::query(
        "UPDATE pages SET state = ?, next_attempt_at = coalesce(?, next_attempt_at),
                          unknown_attempts = unknown_attempts + ?, reference = ?, detail = ?, changed_at = ?
         WHERE id = ?",
    )
    .bind(state)
    .bind(at)
    .bind(unknown)
    .bind(reference)
    .bind(detail)
    .bind(now.as_nanos())
    .bind(&page.0)
    .execute(&mut *connection)
    .await
    .map_err(failed())?;
    match finish {
        Finish::Delivered { .. } => drop_fallbacks(connection, page, now).await,
        Finish::Undeliverable { .. } => call_fallbacks(connection, page, now).await,
        Finish::Retry { .. } => {
            let event: String = row.get("event");
            if matches!(Event::parse(&event), Some(Event::Trigger | Event::Update)) {
                give_way(connection, page, now, &row).await?;
            }
            Ok(())
        }
    }
}

/// A page that failed gives way to the newest that was made of its subject since.
async fn give_way(
    connection: &mut SqliteConnection,
    page: &PageId,
    now: Timestamp,
    row: &sqlx::sqlite::SqliteRow,
) -> Result<(), StateError> {
    let newer: Option<String> = sqlx::query_scalar(
        "SELECT id FROM pages
         WHERE subject_kind = ? AND subject_id = ? AND target = ? AND sequence > ?
           AND event IN ('trigger', 'update', 'resolve')
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(row.get::<String, _>("subject_kind"))
    .bind(row.get::<String, _>("subject_id"))
    .bind(row.get::<String, _>("target"))
    .bind(row.get::<i64, _>("sequence"))
    .fetch_optional(&mut *connection)
    .await
    .map_err(StateError::query("look for a newer page"))?;
    match newer {
        Some(newer) => supersede(connection, page, now, Some(&PageId(newer)), "a newer page says more").await,
        None => Ok(()),
    }
}

async fn drop_fallbacks(
    connection: &mut SqliteConnection,
    page: &PageId,
    now: Timestamp,
) -> Result<(), StateError> {
    sqlx::query(
        "UPDATE pages SET state = 'superseded', merged_into = ?1, detail = 'the first target took it', changed_at = ?2
         WHERE fallback_of = ?1 AND state = 'queued' AND attempts = 0",
    )
    .bind(&page.0)
    .bind(now.as_nanos())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(StateError::query("drop a fallback page"))
}

async fn call_fallbacks(
    connection: &mut SqliteConnection,
    page: &PageId,
    now: Timestamp,
) -> Result<(), StateError> {
    sqlx::query(
        "UPDATE pages SET next_attempt_at = min(next_attempt_at, ?1), changed_at = ?1
         WHERE fallback_of = ?2 AND state = 'queued'",
    )
    .bind(now.as_nanos())
    .bind(&page.0)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(StateError::query("call a fallback page"))
}

async fn supersede(
    connection: &mut SqliteConnection,
    page: &PageId,
    now: Timestamp,
    into: Option<&PageId>,
    detail: &str,
) -> Result<(), StateError> {
    sqlx::query(
        "UPDATE pages SET state = 'superseded', merged_into = ?, detail = ?, changed_at = ? WHERE id = ?",
    )
    .bind(into.map(|id| &id.0))
    .bind(detail)
    .bind(now.as_nanos())
    .bind(&page.0)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(StateError::query("supersede a page"))
}
