//! Subscribers and posts of status pages. Addresses are sealed; what is beside them in a row says nothing of anybody.

use async_trait::async_trait;
use nines_model::Timestamp;
use nines_statuspage::format::{
    SubscriberRow, decode_post, decode_subscriber, encode_post, encode_subscriber,
};
use nines_statuspage::{
    PENDING_MAX, POSTS_KEPT, Post, SUBSCRIBERS_MAX, StatusError, Subscriber, SubscriberCounts,
    SubscriberStore,
};

use super::{SqliteStatus, failed, store};

type Row = (String, i64, Option<i64>, i64, String);

impl SqliteStatus {
    fn opened(&self, page: &str, row: Row) -> Result<Subscriber, StatusError> {
        let (id, asked_at, confirmed_at, told, body) = row;
        let text = self.sealer.open(&id, &body).map_err(|error| StatusError::Store {
            operation: "open a subscriber",
            source: Box::new(error),
        })?;
        decode_subscriber(SubscriberRow { page: page.to_owned(), id, asked_at, confirmed_at, told }, &text)
    }
}

#[async_trait]
impl SubscriberStore for SqliteStatus {
    async fn put_subscriber(&self, it: &Subscriber) -> Result<(), StatusError> {
        const OPERATION: &str = "store a subscriber";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let (all, pending): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) - count(confirmed_at) FROM status_subscribers WHERE page = ? AND id <> ?",
        )
        .bind(&it.page)
        .bind(&it.id)
        .fetch_one(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        let reached = |count: i64, max: usize| usize::try_from(count).is_ok_and(|count| count >= max);
        if reached(all, SUBSCRIBERS_MAX) {
            return Err(StatusError::Full("this page has as many subscribers as it can have"));
        }
        if it.confirmed_at.is_none() && reached(pending, PENDING_MAX) {
            return Err(StatusError::Full("too many addresses wait to be confirmed: try again tomorrow"));
        }
        sqlx::query(
            "INSERT OR REPLACE INTO status_subscribers (page, id, way, asked_at, confirmed_at, told, body)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&it.page)
        .bind(&it.id)
        .bind(it.way.as_str())
        .bind(it.asked_at.as_nanos())
        .bind(it.confirmed_at.map(Timestamp::as_nanos))
        .bind(it.told.cast_signed())
        .bind(self.sealer.seal(&it.id, &encode_subscriber(it)?))
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn subscriber(&self, page: &str, id: &str) -> Result<Option<Subscriber>, StatusError> {
        let found: Option<Row> = sqlx::query_as(
            "SELECT id, asked_at, confirmed_at, told, body FROM status_subscribers WHERE page = ? AND id = ?",
        )
        .bind(page)
        .bind(id)
        .fetch_optional(self.database.readers())
        .await
        .map_err(failed("read a subscriber"))?;
        found.map(|row| self.opened(page, row)).transpose()
    }

    async fn remove_subscriber(&self, page: &str, id: &str) -> Result<bool, StatusError> {
        const OPERATION: &str = "remove a subscriber";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let result = sqlx::query("DELETE FROM status_subscribers WHERE page = ? AND id = ?")
            .bind(page)
            .bind(id)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(result.rows_affected() == 1)
    }

    async fn count_subscribers(&self, page: &str) -> Result<SubscriberCounts, StatusError> {
        let found: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT way, count(confirmed_at), count(*) - count(confirmed_at) FROM status_subscribers
             WHERE page = ? GROUP BY way",
        )
        .bind(page)
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("count subscribers"))?;
        let mut counts = SubscriberCounts::default();
        for (way, confirmed, pending) in found {
            let of_way = if way == "webhook" { &mut counts.webhook } else { &mut counts.email };
            *of_way += confirmed.cast_unsigned();
            counts.pending += pending.cast_unsigned();
        }
        Ok(counts)
    }

    async fn behind(&self, page: &str, number: u64, limit: u32) -> Result<Vec<Subscriber>, StatusError> {
        let found: Vec<Row> = sqlx::query_as(
            "SELECT id, asked_at, confirmed_at, told, body FROM status_subscribers
             WHERE page = ? AND told < ? AND confirmed_at IS NOT NULL ORDER BY told, id LIMIT ?",
        )
        .bind(page)
        .bind(number.cast_signed())
        .bind(i64::from(limit))
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list subscribers"))?;
        found.into_iter().map(|row| self.opened(page, row)).collect()
    }

    async fn set_told(&self, page: &str, id: &str, number: u64) -> Result<(), StatusError> {
        const OPERATION: &str = "note what a subscriber was told";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        sqlx::query("UPDATE status_subscribers SET told = max(told, ?) WHERE page = ? AND id = ?")
            .bind(number.cast_signed())
            .bind(page)
            .bind(id)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn add_posts(&self, page: &str, posts: &[Post]) -> Result<u64, StatusError> {
        const OPERATION: &str = "store posts";
        let known: Vec<(i64, String)> =
            sqlx::query_as("SELECT number, key FROM status_posts WHERE page = ? ORDER BY number")
                .bind(page)
                .fetch_all(self.database.readers())
                .await
                .map_err(failed(OPERATION))?;
        let newest = known.last().map_or(0, |(number, _)| *number);
        let is_new = |post: &&Post| !known.iter().any(|(_, key)| *key == post.key);
        let new: Vec<&Post> = posts.iter().filter(is_new).collect();
        // Nearly always there is nothing, and nobody waits for the one writer.
        if new.is_empty() {
            return Ok(newest.cast_unsigned());
        }
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        for post in new {
            sqlx::query(
                "INSERT INTO status_posts (page, number, key, anchor, body)
                 SELECT ?1, (SELECT coalesce(max(number), 0) + 1 FROM status_posts WHERE page = ?1), ?2, ?3, ?4
                 WHERE ?5 = 0 OR EXISTS (SELECT 1 FROM status_posts WHERE page = ?1 AND anchor = ?3)
                 ON CONFLICT DO NOTHING",
            )
            .bind(page)
            .bind(&post.key)
            .bind(&post.anchor)
            .bind(encode_post(post)?)
            .bind(i64::from(post.is_sequel))
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        }
        let newest: i64 =
            sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM status_posts WHERE page = ?")
                .bind(page)
                .fetch_one(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        let kept = i64::try_from(POSTS_KEPT).unwrap_or(i64::MAX);
        sqlx::query("DELETE FROM status_posts WHERE page = ? AND number <= ?")
            .bind(page)
            .bind(newest - kept)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(newest.cast_unsigned())
    }

    async fn posts_after(&self, page: &str, number: u64) -> Result<Vec<Post>, StatusError> {
        let found: Vec<(i64, String, String, String)> = sqlx::query_as(
            "SELECT number, key, anchor, body FROM status_posts WHERE page = ? AND number > ? ORDER BY number",
        )
        .bind(page)
        .bind(number.cast_signed())
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list posts"))?;
        found
            .into_iter()
            .map(|(number, key, anchor, body)| decode_post(number.cast_unsigned(), key, anchor, &body))
            .collect()
    }

    async fn forget_pending(&self, before: Timestamp) -> Result<u64, StatusError> {
        const OPERATION: &str = "forget pending subscribers";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        let result =
            sqlx::query("DELETE FROM status_subscribers WHERE confirmed_at IS NULL AND asked_at < ?")
                .bind(before.as_nanos())
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))?;
        Ok(result.rows_affected())
    }
}
