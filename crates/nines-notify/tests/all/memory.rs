use std::sync::Arc;

use nines_notify::{MemoryOutbox, OutboxStore, contract};

#[tokio::test]
async fn the_memory_outbox_keeps_the_contract() {
    contract::check_all(|| async { Arc::new(MemoryOutbox::default()) as Arc<dyn OutboxStore> }).await;
}
