//! Browsers that people registered for notifications, and the node's key for them, in `control.db`.

use async_trait::async_trait;
use nines_base::ErrorKind;
use nines_model::Timestamp;
use nines_notify::{Browser, BrowserId, BrowserStore, Secret, StoreError, Subscription};
use nines_secrets::{Sealer, SecretError};
use serde::{Deserialize, Serialize};

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "browsers",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/browsers/0001_browsers.sql") }],
};

/// What the node's key is sealed as.
const KEY: &str = "push-key";

/// Keeps them in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteBrowsers {
    database: Database,
    /// Seals addresses and keys.
    sealer: Sealer,
}

/// A subscription as it is sealed. A sample is in the tests and stays there.
#[derive(Serialize, Deserialize)]
struct Stored {
    endpoint: String,
    p256dh: String,
    auth: String,
}

type Row = (String, String, String, String, Option<String>, i64, Option<i64>, Option<String>);

impl SqliteBrowsers {
    pub fn new(database: Database, sealer: Sealer) -> Self {
        Self { database, sealer }
    }

    fn sealed(&self, browser: &Browser) -> Option<String> {
        let subscription = browser.subscription.as_ref()?;
        let stored = Stored {
            endpoint: subscription.endpoint.expose().to_owned(),
            p256dh: subscription.p256dh.clone(),
            auth: subscription.auth.expose().to_owned(),
        };
        let text = serde_json::to_string(&stored).expect("texts always serialise");
        Some(self.sealer.seal(&browser.id.0, &text))
    }

    fn opened(&self, row: Row) -> Result<Browser, StoreError> {
        let (id, account, person, label, sealed, registered_at, used_at, failure) = row;
        let subscription = sealed
            .map(|sealed| {
                let text = self.sealer.open(&id, &sealed).map_err(|error| unopened(&error))?;
                let stored: Stored = serde_json::from_str(&text).map_err(|error| {
                    StoreError::new(ErrorKind::Internal, format!("browser {id} is damaged: {error}"))
                })?;
                Ok::<_, StoreError>(Subscription {
                    endpoint: Secret::new(stored.endpoint),
                    p256dh: stored.p256dh,
                    auth: Secret::new(stored.auth),
                })
            })
            .transpose()?;
        Ok(Browser {
            id: BrowserId(id),
            account,
            person,
            label,
            subscription,
            registered_at: Timestamp::from_nanos(registered_at),
            used_at: used_at.map(Timestamp::from_nanos),
            failure,
        })
    }
}

#[async_trait]
impl BrowserStore for SqliteBrowsers {
    async fn push_key(&self, made: &Secret) -> Result<Secret, StoreError> {
        const OPERATION: &str = "keep the key for browsers";
        let read = "SELECT sealed FROM push_key WHERE id = 1";
        let known: Option<String> = sqlx::query_scalar(read)
            .fetch_optional(self.database.readers())
            .await
            .map_err(failed(OPERATION))?;
        let sealed = match known {
            Some(sealed) => sealed,
            None => {
                let mut write = self.database.write().await.map_err(store)?;
                sqlx::query("INSERT OR IGNORE INTO push_key (id, sealed) VALUES (1, ?)")
                    .bind(self.sealer.seal(KEY, made.expose()))
                    .execute(&mut *write)
                    .await
                    .map_err(failed(OPERATION))?;
                let sealed: String =
                    sqlx::query_scalar(read).fetch_one(&mut *write).await.map_err(failed(OPERATION))?;
                write.commit().await.map_err(failed(OPERATION))?;
                sealed
            }
        };
        Ok(Secret::new(self.sealer.open(KEY, &sealed).map_err(|error| unopened(&error))?))
    }

    async fn browsers(&self) -> Result<Vec<Browser>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, account_id, person, label, sealed, registered_at, used_at, failure FROM browsers
             ORDER BY registered_at, id",
        )
        .fetch_all(self.database.readers())
        .await
        .map_err(failed("list browsers"))?;
        rows.into_iter().map(|row| self.opened(row)).collect()
    }

    async fn add(&self, browser: &Browser, replaced: &[BrowserId]) -> Result<(), StoreError> {
        const OPERATION: &str = "keep a browser";
        let mut write = self.database.write().await.map_err(store)?;
        for id in replaced {
            sqlx::query("DELETE FROM browsers WHERE id = ?")
                .bind(&id.0)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        sqlx::query(
            "INSERT INTO browsers (id, account_id, person, label, sealed, registered_at, used_at, failure)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&browser.id.0)
        .bind(&browser.account)
        .bind(&browser.person)
        .bind(&browser.label)
        .bind(self.sealed(browser))
        .bind(browser.registered_at.as_nanos())
        .bind(browser.used_at.map(Timestamp::as_nanos))
        .bind(&browser.failure)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn note(&self, browser: &Browser) -> Result<(), StoreError> {
        const OPERATION: &str = "note what became of a notification";
        let mut write = self.database.write().await.map_err(store)?;
        sqlx::query("UPDATE browsers SET sealed = ?, used_at = ?, failure = ? WHERE id = ?")
            .bind(self.sealed(browser))
            .bind(browser.used_at.map(Timestamp::as_nanos))
            .bind(&browser.failure)
            .bind(&browser.id.0)
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn remove(&self, ids: &[BrowserId]) -> Result<(), StoreError> {
        const OPERATION: &str = "remove browsers";
        let mut write = self.database.write().await.map_err(store)?;
        for id in ids {
            sqlx::query("DELETE FROM browsers WHERE id = ?")
                .bind(&id.0)
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        write.commit().await.map_err(failed(OPERATION))
    }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| store(StateError::query(operation)(error))
}

fn store(error: StateError) -> StoreError {
    StoreError::new(error.kind(), nines_base::chain(&error))
}

fn unopened(error: &SecretError) -> StoreError {
    StoreError::new(error.kind(), error.to_string())
}
