use std::sync::Arc;

use nines_notify::{MemoryOutbox, OutboxStore, contract};

#[tokio::test]
async fn a_crash_at_every_step_loses_nothing() {
    let steps =
        contract::crash_everywhere(|| async { Arc::new(MemoryOutbox::default()) as Arc<dyn OutboxStore> })
            .await;
    println!("B2 stopped at each of {steps} steps of the outbox in memory: nothing lost");
    assert!(steps >= 40, "the enumeration shrank to {steps} steps");
}

/// `NINES_KILLS` and `NINES_SEED` are for longer and other runs.
#[tokio::test]
async fn random_crashes_of_random_stories_lose_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (kills, seed) = (number("NINES_KILLS").unwrap_or(50), number("NINES_SEED").unwrap_or(1));
    let new = || async { Arc::new(MemoryOutbox::default()) as Arc<dyn OutboxStore> };
    let stories = contract::crash_randomly(new, seed, kills).await;
    println!(
        "B2 {kills} random kills in {stories} random stories of the outbox in memory: nothing lost (seed {seed})"
    );
}
