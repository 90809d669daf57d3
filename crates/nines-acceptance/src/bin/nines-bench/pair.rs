//! E1: how often the leader of a pair can be lost without anybody hearing of it, or hearing of it too late.

use std::time::Duration;

use nines_acceptance::pair::{Postgres, Wires, fail_over_again_and_again, verdict, without_postgresql};

/// `--failovers N` and `--seed N`; without, 20 and 1.
pub async fn fail_over(arguments: &[String]) -> anyhow::Result<()> {
    let number = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)?.parse().ok()
    };
    let (failovers, seed) = (number("--failovers").unwrap_or(20), number("--seed").unwrap_or(1));
    let folder = tempfile::tempdir()?;
    // Where networks of its own are permitted, packets get lost on them too.
    let wires = Wires::lay().await?;
    let Some(postgres) = Postgres::start_on(folder.path(), wires).await? else { return Ok(()) };
    let failovers = usize::try_from(failovers)?;
    let done =
        fail_over_again_and_again(folder.path(), postgres, failovers, seed, |ledger| println!("{ledger}"))
            .await;
    if done.is_err() {
        // The logs of the nodes tell why.
        println!("logs: {}", folder.keep().display());
    }
    let ledger = done?;
    println!("seed {seed}: {ledger}");
    verdict(&ledger)
}

/// A9: `--minutes N`; without, 30.
pub async fn outage(arguments: &[String]) -> anyhow::Result<()> {
    let at = arguments.iter().position(|argument| argument == "--minutes");
    let minutes = at.and_then(|at| arguments.get(at + 1)?.parse::<u64>().ok()).unwrap_or(30);
    let folder = tempfile::tempdir()?;
    let Some(postgres) = Postgres::start(folder.path()).await? else { return Ok(()) };
    let done = without_postgresql(folder.path(), postgres, Duration::from_secs(minutes * 60)).await;
    if done.is_err() {
        println!("logs: {}", folder.keep().display());
    }
    let ledger = done?;
    println!("{ledger}");
    ledger.verdict()
}
