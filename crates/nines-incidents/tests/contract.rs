#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::sync::Arc;

use nines_incidents::{MemoryRepository, Repository, contract};

#[tokio::test]
async fn the_store_in_memory_keeps_the_contract() {
    contract::check(|| async { Arc::new(MemoryRepository::default()) as Arc<dyn Repository> }).await;
}
