//! The figures that `make bench` prints. Ratios and distributions, no verdicts; what each row means is in
//! `docs/benchmarks.md`.
//!
//! A sender on the same machine sees them, with every acknowledgement after fsync. `nines-bench D1 S1` runs those rows only.

mod events;
mod figures;
mod paging;
mod spans;

use nines_acceptance::Node;
use nines_base::SystemClock;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let clock = SystemClock::shared();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wants = |row: &str| asked.is_empty() || asked.iter().any(|name| name == row);
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
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
