//! The figures that `make bench` prints. Ratios and distributions, no verdicts; what each row means is in
//! `docs/benchmarks.md`.
//!
//! A sender on the same machine sees them, with every acknowledgement after fsync. `nines-bench D1 S1` runs those rows only.

mod cardinality;
mod doors;
mod events;
mod figures;
mod fleet;
mod paging;
mod pair;
mod spans;
mod storm;

use nines_acceptance::Node;
use nines_base::SystemClock;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let clock = SystemClock::shared();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wants = |row: &str| asked.is_empty() || asked.iter().any(|name| name == row);
    // Each on a node of its own, and only when asked for: they take minutes (`make bench-paging`).
    let is_named = |row: &str| asked.iter().any(|name| name == row);
    if is_named("E1") {
        return pair::fail_over(&asked).await;
    }
    if is_named("A9") {
        return pair::outage(&asked).await;
    }
    if is_named("B5") {
        storm::pace().await?;
    }
    if is_named("B6") {
        storm::rage().await?;
    }
    if is_named("C3") {
        cardinality::flood(&clock).await?;
    }
    if is_named("I1") {
        fleet::pages(&clock).await?;
    }
    if !asked.is_empty() && asked.iter().all(|name| ["B5", "B6", "C3", "I1"].contains(&name.as_str())) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    if wants("A1") {
        doors::reads(&node, &clock).await?;
    }
    if wants("A2") {
        doors::sending(&clock).await?;
    }
    if wants("D1") {
        paging::signal_to_page(&node, &clock).await?;
    }
    if wants("S1") {
        events::one_a_request(&node, &clock).await?;
    }
    if wants("F1") {
        events::post_to_searchable(&node, &clock).await?;
    }
    if wants("S2") || wants("T1") {
        spans::flood(&node, &clock).await?;
        spans::traces(&node, &clock).await?;
    }
    node.stop().await
}
