//! What the crate promises, from outside.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

#[path = "all/documents.rs"]
mod documents;
#[path = "all/escalation.rs"]
mod escalation;
#[path = "all/import.rs"]
mod import;
#[path = "all/intake.rs"]
mod intake;
#[path = "all/noise.rs"]
mod noise;
#[path = "all/oracle.rs"]
mod oracle;
#[path = "all/random.rs"]
mod random;
#[path = "all/roster.rs"]
mod roster;
#[path = "all/schedules.rs"]
mod schedules;

#[tokio::test]
async fn the_repository_in_memory_keeps_the_contract() {
    nines_oncall::contract::check(|| async {
        std::sync::Arc::new(nines_oncall::MemoryOncall::default())
            as std::sync::Arc<dyn nines_oncall::OncallRepository>
    })
    .await;
}
