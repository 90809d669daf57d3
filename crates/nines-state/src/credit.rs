//! The ledger of blocked addresses and the settings of address credit, in `control.db`.

use async_trait::async_trait;
use nines_actions::credit::{
    BLOCKS_KEPT, Entry, Ledger, LedgerError, Settings, read_entry, read_settings, write_entry, write_settings,
};

use crate::{Database, Domain, Migration, StateError};

pub const DOMAIN: Domain = Domain {
    name: "credit",
    migrations: &[Migration { version: 1, sql: include_str!("../migrations/credit/0001_credit.sql") }],
};

/// Keeps them in a database that was opened with [`DOMAIN`].
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    database: Database,
}

impl SqliteLedger {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn load(&self) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT body FROM credit_blocks ORDER BY since, id";
        let found: Result<Vec<String>, _> = sqlx::query_scalar(sql).fetch_all(self.database.readers()).await;
        let bodies = found.map_err(failed("read the ledger of blocked addresses"))?;
        bodies.iter().map(|body| read_entry(body)).collect()
    }

    async fn put(&self, entries: &[Entry]) -> Result<(), LedgerError> {
        const OPERATION: &str = "write the ledger of blocked addresses";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        for entry in entries {
            let sql = "INSERT OR REPLACE INTO credit_blocks (id, since, is_over, body) VALUES (?, ?, ?, ?)";
            sqlx::query(sql)
                .bind(entry.id())
                .bind(entry.block.since.as_nanos())
                .bind(entry.phase.is_over())
                .bind(write_entry(entry))
                .execute(&mut *write)
                .await
                .map_err(failed(OPERATION))?;
        }
        sqlx::query(
            "DELETE FROM credit_blocks WHERE is_over = 1 AND id NOT IN
             (SELECT id FROM credit_blocks WHERE is_over = 1 ORDER BY since DESC, id LIMIT ?)",
        )
        .bind(BLOCKS_KEPT)
        .execute(&mut *write)
        .await
        .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }

    async fn settings(&self) -> Result<Option<Settings>, LedgerError> {
        let sql = "SELECT body FROM credit_settings WHERE id = 1";
        let found: Result<Option<String>, _> =
            sqlx::query_scalar(sql).fetch_optional(self.database.readers()).await;
        let body = found.map_err(failed("read the settings of address credit"))?;
        body.as_deref().map(read_settings).transpose()
    }

    async fn put_settings(&self, settings: &Settings) -> Result<(), LedgerError> {
        const OPERATION: &str = "keep the settings of address credit";
        let mut write = self.database.write().await.map_err(store(OPERATION))?;
        sqlx::query("INSERT OR REPLACE INTO credit_settings (id, body) VALUES (1, ?)")
            .bind(write_settings(settings))
            .execute(&mut *write)
            .await
            .map_err(failed(OPERATION))?;
        write.commit().await.map_err(failed(OPERATION))
    }
}

fn store(operation: &'static str) -> impl FnOnce(StateError) -> LedgerError {
    move |error| LedgerError::Unavailable { operation, source: Box::new(error) }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> LedgerError {
    move |error| store(operation)(StateError::query(operation)(error))
}

#[cfg(test)]
mod tests {
    use nines_actions::credit::{Block, Mode, Phase};
    use nines_model::Timestamp;

    use super::*;

    fn entry(secs: i64, phase: Phase) -> Entry {
        let since = Timestamp::from_secs(1_795_000_000 + secs);
        Entry {
            block: Block {
                network: "203.0.113.7/32".parse().unwrap(),
                since,
                until: since,
                times: 2,
                score: 120.5,
                because: vec![("injection", 120.0), ("volume", 0.5)],
            },
            list: "bad".to_owned(),
            phase,
            key: "credit-1".to_owned(),
            run: None,
            needs_approval: true,
            reason: Some("the cloud is away".to_owned()),
            retry_at: Some(since),
            ended_at: phase.is_over().then_some(since),
        }
    }

    #[tokio::test]
    async fn what_is_kept_comes_back_and_the_oldest_that_are_over_go() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("control.db"), &[DOMAIN]).await.unwrap();
        let ledger = SqliteLedger::new(database);
        assert_eq!(ledger.settings().await.unwrap(), None);
        let settings = Settings {
            mode: Mode::Act,
            from: "service.name: edge".to_owned(),
            allow: vec!["198.51.100.0/24".parse().unwrap()],
            list: "bad".to_owned(),
            ..Settings::default()
        };
        ledger.put_settings(&settings).await.unwrap();
        assert_eq!(ledger.settings().await.unwrap(), Some(settings));
        let open = entry(-1, Phase::Blocked);
        ledger.put(std::slice::from_ref(&open)).await.unwrap();
        let over: Vec<Entry> =
            (0..i64::from(BLOCKS_KEPT) + 3).map(|secs| entry(secs, Phase::Released)).collect();
        ledger.put(&over).await.unwrap();
        let kept = ledger.load().await.unwrap();
        assert_eq!(kept[0], open);
        assert_eq!(kept[1..], over[3..]);
    }
}
