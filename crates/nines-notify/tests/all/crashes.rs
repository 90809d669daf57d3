use std::sync::Arc;

use nines_notify::{MemoryOutbox, OutboxStore, contract};

#[tokio::test]
async fn a_crash_at_every_step_loses_nothing() {
    let steps =
        contract::crash_everywhere(|| async { Arc::new(MemoryOutbox::default()) as Arc<dyn OutboxStore> })
            .await;
    println!("stopped at each of {steps} steps");
    assert!(steps >= 40, "the enumeration shrank to {steps} steps");
}
