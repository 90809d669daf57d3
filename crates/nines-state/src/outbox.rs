//! The outbox over SQLite. Each method is one transaction on the file's single writer; what only looks, looks with a
//! reader, so an idle deliverer costs the writer nothing.

mod row;
mod settle;

use std::collections::BTreeMap;

use nines_model::Timestamp;
use nines_notify::{
    Attempt, Claimed, FALLBACK_AFTER, Finish, INTERRUPTED, NewPage, OutboxStore, PAUSE_MAX, Page, PageFilter,
    PageId, PageState, StoreError, Subject, TargetId, Waiting,
};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::{Database, StateError};
use row::{attempt_of, page_of};

#[derive(Clone, Debug)]
pub struct Outbox {
    database: Database,
}

impl Outbox {
    /// The file must have been opened with [`crate::response::DOMAIN`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn take(&self, wanted: &[(TargetId, usize)], now: Timestamp) -> Result<Vec<Claimed>, StateError> {
        let failed = || StateError::query("claim pages");
        let mut found = Vec::new();
        let mut write = self.database.write().await?;
        for (target, limit) in wanted {
            for _ in 0..*limit {
                // One by one, for a page that is taken holds back the others of its subject.
                let Some(id) = next_claimable(&mut write, target, now).await? else { break };
                let row = sqlx::query(
                    "UPDATE pages SET state = 'sending', attempts = attempts + 1, changed_at = ?1 WHERE id = ?2
                     RETURNING *",
                )
                .bind(now.as_nanos())
                .bind(&id)
                .fetch_one(&mut *write)
                .await
                .map_err(failed())?;
                let page = page_of(&row)?;
                sqlx::query(
                    "INSERT INTO attempts (page_id, number, started_at, outcome) VALUES (?, ?, ?, 'running')",
                )
                .bind(&id)
                .bind(page.attempts)
                .bind(now.as_nanos())
                .execute(&mut *write)
                .await
                .map_err(failed())?;
                let thread = thread_of(&mut write, &page).await?;
                found.push(Claimed { page, thread });
            }
        }
        if found.is_empty() {
            return Ok(found);
        }
        write.commit().await.map_err(failed())?;
        Ok(found)
    }

    async fn requeue(&self, now: Timestamp) -> Result<u64, StateError> {
        let failed = || StateError::query("requeue interrupted pages");
        let mut write = self.database.write().await?;
        sqlx::query(
            "UPDATE attempts SET ended_at = ?1, outcome = 'unknown', detail = ?2
             WHERE outcome = 'running' AND page_id IN (SELECT id FROM pages WHERE state = 'sending')",
        )
        .bind(now.as_nanos())
        .bind(INTERRUPTED)
        .execute(&mut *write)
        .await
        .map_err(failed())?;
        let done = sqlx::query(
            "UPDATE pages SET state = 'queued', unknown_attempts = unknown_attempts + 1, next_attempt_at = ?1,
                              changed_at = ?1, detail = ?2
             WHERE state = 'sending'",
        )
        .bind(now.as_nanos())
        .bind(INTERRUPTED)
        .execute(&mut *write)
        .await
        .map_err(failed())?;
        write.commit().await.map_err(failed())?;
        Ok(done.rows_affected())
    }

    async fn list_waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, StateError> {
        let rows = sqlx::query(
            "SELECT target, 0 AS folds, min(CASE
                 WHEN EXISTS (
                     SELECT 1 FROM pages AS other
                     WHERE other.state = 'sending' AND other.subject_kind = page.subject_kind
                       AND other.subject_id = page.subject_id AND other.target = page.target) THEN NULL
                 WHEN next_attempt_at > ?2 AND changed_at > ?1 THEN ?1
                 ELSE next_attempt_at END) AS due
             FROM pages AS page WHERE state = 'queued' GROUP BY target
             UNION ALL
             SELECT target, 1, NULL FROM pages WHERE state = 'superseded' AND merged_into IS NULL GROUP BY target",
        )
        .bind(now.as_nanos())
        .bind((now + PAUSE_MAX).as_nanos())
        .fetch_all(self.database.readers())
        .await
        .map_err(StateError::query("list targets"))?;
        let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
        for row in rows {
            let name: String = row.get(0);
            let one = waiting.entry(name.clone()).or_insert(Waiting {
                target: TargetId(name),
                due: None,
                folds: false,
            });
            one.folds |= row.get::<bool, _>(1);
            one.due = one.due.or(row.get::<Option<i64>, _>(2).map(Timestamp::from_nanos));
        }
        Ok(waiting.into_values().collect())
    }

    async fn hurry(&self, target: &TargetId, now: Timestamp) -> Result<(), StateError> {
        let failed = || StateError::query("hasten pages");
        let mut write = self.database.write().await?;
        sqlx::query(
            "UPDATE pages SET next_attempt_at = ?1
             WHERE target = ?2 AND state = 'queued' AND attempts > 0 AND next_attempt_at > ?1",
        )
        .bind(now.as_nanos())
        .bind(&target.0)
        .execute(&mut *write)
        .await
        .map_err(failed())?;
        write.commit().await.map_err(failed())
    }

    async fn let_go(&self, subject: &Subject, now: Timestamp) -> Result<u64, StateError> {
        let failed = || StateError::query("release pages");
        let mut write = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE pages SET
                 next_attempt_at = min(next_attempt_at, CASE WHEN fallback_of IS NULL THEN ?1 ELSE ?2 END),
                 due_at = min(next_attempt_at, CASE WHEN fallback_of IS NULL THEN ?1 ELSE ?2 END)
             WHERE subject_kind = ?3 AND subject_id = ?4 AND state = 'queued' AND attempts = 0
               AND next_attempt_at > ?1",
        )
        .bind(now.as_nanos())
        .bind((now + FALLBACK_AFTER).as_nanos())
        .bind(subject.kind.as_str())
        .bind(&subject.id)
        .execute(&mut *write)
        .await
        .map_err(failed())?;
        write.commit().await.map_err(failed())?;
        Ok(done.rows_affected())
    }

    async fn gather(&self, target: &TargetId, now: Timestamp) -> Result<Option<PageId>, StateError> {
        let failed = || StateError::query("fold pages into a digest");
        let any: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM pages WHERE target = ? AND state = 'superseded' AND merged_into IS NULL)",
        )
        .bind(&target.0)
        .fetch_one(self.database.readers())
        .await
        .map_err(failed())?;
        if !any {
            return Ok(None);
        }
        let mut write = self.database.write().await?;
        let open: Option<String> = sqlx::query_scalar(
            "SELECT id FROM pages
             WHERE target = ? AND state = 'queued' AND event = 'digest' AND unknown_attempts = 0 LIMIT 1",
        )
        .bind(&target.0)
        .fetch_optional(&mut *write)
        .await
        .map_err(failed())?;
        let digest = match open {
            Some(id) => id,
            None => {
                let next: i64 = sqlx::query_scalar("SELECT coalesce(max(sequence), 0) + 1 FROM pages")
                    .fetch_one(&mut *write)
                    .await
                    .map_err(failed())?;
                let new = NewPage::digest(target, next.unsigned_abs(), now);
                row::insert(&mut write, &new).await?;
                new.id.0
            }
        };
        sqlx::query(
            "UPDATE pages SET merged_into = ?1, changed_at = ?2
             WHERE target = ?3 AND state = 'superseded' AND merged_into IS NULL",
        )
        .bind(&digest)
        .bind(now.as_nanos())
        .bind(&target.0)
        .execute(&mut *write)
        .await
        .map_err(failed())?;
        write.commit().await.map_err(failed())?;
        Ok(Some(PageId(digest)))
    }

    async fn try_again(&self, page: &PageId, now: Timestamp) -> Result<bool, StateError> {
        let failed = || StateError::query("retry a page");
        let mut write = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE pages SET state = 'queued', next_attempt_at = ?1, changed_at = ?1
             WHERE id = ?2 AND state = 'undeliverable'",
        )
        .bind(now.as_nanos())
        .bind(&page.0)
        .execute(&mut *write)
        .await
        .map_err(failed())?;
        write.commit().await.map_err(failed())?;
        Ok(done.rows_affected() == 1)
    }

    async fn read_page(&self, page: &PageId) -> Result<Option<Page>, StateError> {
        let row = sqlx::query("SELECT * FROM pages WHERE id = ?")
            .bind(&page.0)
            .fetch_optional(self.database.readers())
            .await
            .map_err(StateError::query("read a page"))?;
        row.as_ref().map(page_of).transpose()
    }

    async fn read_pages(&self, filter: &PageFilter) -> Result<Vec<Page>, StateError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM pages WHERE 1");
        if let Some(subject) = &filter.subject {
            query.push(" AND subject_kind = ").push_bind(subject.kind.as_str());
            query.push(" AND subject_id = ").push_bind(&subject.id);
        }
        if let Some(target) = &filter.target {
            query.push(" AND target = ").push_bind(&target.0);
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some(digest) = &filter.merged_into {
            query.push(" AND merged_into = ").push_bind(&digest.0);
        }
        query.push(" ORDER BY created_at DESC, id LIMIT ").push_bind(filter.limit());
        let rows = query
            .build()
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("list pages"))?;
        rows.iter().map(page_of).collect()
    }

    async fn read_attempts(&self, page: &PageId) -> Result<Vec<Attempt>, StateError> {
        let rows = sqlx::query("SELECT * FROM attempts WHERE page_id = ? ORDER BY number")
            .bind(&page.0)
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("list attempts"))?;
        rows.iter().map(attempt_of).collect()
    }

    async fn read_counts(&self) -> Result<Vec<(PageState, u64)>, StateError> {
        let rows = sqlx::query("SELECT state, count(*) FROM pages GROUP BY state")
            .fetch_all(self.database.readers())
            .await
            .map_err(StateError::query("count pages"))?;
        let count = |wanted: PageState| {
            let row = rows.iter().find(|row| row.get::<String, _>(0) == wanted.as_str());
            row.map_or(0, |row| row.get::<i64, _>(1).unsigned_abs())
        };
        Ok(PageState::ALL.iter().map(|state| (*state, count(*state))).collect())
    }

    async fn read_oldest_due(&self) -> Result<Option<Timestamp>, StateError> {
        let row = sqlx::query("SELECT min(due_at) FROM pages WHERE state IN ('queued', 'sending')")
            .fetch_one(self.database.readers())
            .await
            .map_err(StateError::query("find the oldest waiting page"))?;
        Ok(row.get::<Option<i64>, _>(0).map(Timestamp::from_nanos))
    }
}

/// Inserts pages inside a transaction that belongs to the caller: how an alert and its pages are written together.
pub(crate) async fn insert_all(
    connection: &mut SqliteConnection,
    pages: &[NewPage],
) -> Result<u64, StateError> {
    let mut count = 0;
    for page in pages {
        count += u64::from(settle::insert(connection, page).await?);
    }
    Ok(count)
}

async fn next_claimable(
    connection: &mut SqliteConnection,
    target: &TargetId,
    now: Timestamp,
) -> Result<Option<String>, StateError> {
    sqlx::query_scalar(
        "SELECT id FROM pages AS page
         WHERE target = ?1 AND state = 'queued' AND (next_attempt_at <= ?2 OR (next_attempt_at > ?3 AND changed_at > ?2))
           AND NOT EXISTS (
               SELECT 1 FROM pages AS other
               WHERE other.state = 'sending' AND other.subject_kind = page.subject_kind
                 AND other.subject_id = page.subject_id AND other.target = page.target)
         ORDER BY priority, created_at DESC, id LIMIT 1",
    )
    .bind(&target.0)
    .bind(now.as_nanos())
    .bind((now + PAUSE_MAX).as_nanos())
    .fetch_optional(connection)
    .await
    .map_err(StateError::query("find a due page"))
}

/// The provider's reference of what was delivered of the page's subject last.
async fn thread_of(connection: &mut SqliteConnection, page: &Page) -> Result<Option<String>, StateError> {
    sqlx::query_scalar(
        "SELECT reference FROM pages
         WHERE subject_kind = ? AND subject_id = ? AND target = ? AND event IN ('trigger', 'update')
           AND state = 'delivered' AND reference IS NOT NULL
         ORDER BY changed_at DESC, id DESC LIMIT 1",
    )
    .bind(page.new.subject.kind.as_str())
    .bind(&page.new.subject.id)
    .bind(&page.new.target.0)
    .fetch_optional(connection)
    .await
    .map_err(StateError::query("find what a page answers"))
}

fn refused(error: StateError) -> StoreError {
    use std::error::Error;
    let cause = error.source().map_or(String::new(), |source| format!(": {source}"));
    StoreError::new(error.kind(), format!("{error}{cause}"))
}

#[async_trait::async_trait]
impl OutboxStore for Outbox {
    async fn insert(&self, pages: &[NewPage]) -> Result<u64, StoreError> {
        let work = async {
            let mut write = self.database.write().await?;
            let count = insert_all(&mut write, pages).await?;
            write.commit().await.map_err(StateError::query("insert pages"))?;
            Ok(count)
        };
        work.await.map_err(refused)
    }

    async fn recover(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.requeue(now).await.map_err(refused)
    }

    async fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        self.list_waiting(now).await.map_err(refused)
    }

    async fn claim(&self, wanted: &[(TargetId, usize)], now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        self.take(wanted, now).await.map_err(refused)
    }

    async fn finish(&self, ended: &[(PageId, Finish)], now: Timestamp) -> Result<(), StoreError> {
        let work = async {
            let mut write = self.database.write().await?;
            for (page, finish) in ended {
                settle::finish(&mut write, page, now, finish.clone()).await?;
            }
            write.commit().await.map_err(StateError::query("finish attempts"))
        };
        work.await.map_err(refused)
    }

    async fn hasten(&self, target: &TargetId, now: Timestamp) -> Result<(), StoreError> {
        self.hurry(target, now).await.map_err(refused)
    }

    async fn release(&self, subject: &Subject, now: Timestamp) -> Result<u64, StoreError> {
        self.let_go(subject, now).await.map_err(refused)
    }

    async fn fold(&self, target: &TargetId, now: Timestamp) -> Result<Option<PageId>, StoreError> {
        self.gather(target, now).await.map_err(refused)
    }

    async fn retry(&self, page: &PageId, now: Timestamp) -> Result<bool, StoreError> {
        self.try_again(page, now).await.map_err(refused)
    }

    async fn page(&self, page: &PageId) -> Result<Option<Page>, StoreError> {
        self.read_page(page).await.map_err(refused)
    }

    async fn pages(&self, filter: &PageFilter) -> Result<Vec<Page>, StoreError> {
        self.read_pages(filter).await.map_err(refused)
    }

    async fn attempts(&self, page: &PageId) -> Result<Vec<Attempt>, StoreError> {
        self.read_attempts(page).await.map_err(refused)
    }

    async fn counts(&self) -> Result<Vec<(PageState, u64)>, StoreError> {
        self.read_counts().await.map_err(refused)
    }

    async fn oldest_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read_oldest_due().await.map_err(refused)
    }
}
