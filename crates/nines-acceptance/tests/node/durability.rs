//! A1: nothing that was acknowledged is lost when the process is killed.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use nines_acceptance::{Node, Spans, alone, eventually};
use nines_base::Random;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::sync::watch;

const KILLS: usize = 20;
const SENDERS: u64 = 4;
const SPANS_PER_BATCH: u64 = 100;

/// What one sender knows: batches that were acknowledged, and those whose fate is open because the process died.
#[derive(Default)]
struct Ledger {
    acknowledged: Vec<u64>,
    unknown: Vec<u64>,
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_under_load_lose_nothing_acknowledged() -> anyhow::Result<()> {
    let _machine = alone().await;
    let seed = std::env::var("NINES_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2026);
    println!("seed {seed} (NINES_SEED replays it)");
    let random = Random::from_seed(seed);
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    #[expect(clippy::disallowed_methods, reason = "the spans must be of now")]
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let mut next_batch = 0_u64;
    let mut ledger = Ledger::default();

    for _ in 0..KILLS {
        let node = Node::start(&data, &[]).await?;
        let (stop, stopped) = watch::channel(false);
        let (progress, mut seen) = watch::channel(0_u64);
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..SENDERS {
            let address = node.addresses.otlp_grpc.clone();
            let stopped = stopped.clone();
            let progress = progress.clone();
            let first = next_batch + sender;
            senders.spawn(async move { send_until(address, first, now, stopped, progress).await });
        }
        // Kill somewhere between the first and the fortieth acknowledged batch of this life.
        let kill_after = 1 + random.below(40);
        seen.wait_for(|count| *count >= kill_after).await?;
        node.kill().await?;
        stop.send(true)?;
        while let Some(done) = senders.join_next().await {
            let (one, last) = done?;
            ledger.acknowledged.extend(one.acknowledged);
            ledger.unknown.extend(one.unknown);
            next_batch = next_batch.max(last + SENDERS);
        }
    }

    let node = Node::start(&data, &[]).await?;
    let api = node.api()?;
    let sent = eventually("the node to answer", async || {
        let rows = api.sql("select cast(\"test.id\" / 100 as bigint) as batch, count(*) as n, count(distinct \"test.id\") as ids from spans group by 1 order by 1 limit 10000").await?;
        Ok(Some(rows))
    })
    .await?;
    let mut stored = HashSet::new();
    for row in &sent {
        let (batch, rows, ids) =
            (row[0].as_u64().unwrap(), row[1].as_u64().unwrap(), row[2].as_u64().unwrap());
        assert_eq!(ids, SPANS_PER_BATCH, "batch {batch} is torn: a batch is stored whole or not at all");
        assert_eq!(rows, ids, "batch {batch} is stored twice though it was sent once");
        stored.insert(batch);
    }
    let lost: Vec<_> = ledger.acknowledged.iter().filter(|batch| !stored.contains(batch)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let known: HashSet<_> = ledger.acknowledged.iter().chain(&ledger.unknown).copied().collect();
    assert!(stored.is_subset(&known), "stored but never sent");
    println!(
        "{KILLS} kills: {} batches acknowledged, {} of unknown fate, {} stored, 0 lost",
        ledger.acknowledged.len(),
        ledger.unknown.len(),
        stored.len()
    );
    node.stop().await
}

/// Sends batches `first`, `first + SENDERS`, … each once, until told to stop or refused by a dead process.
async fn send_until(
    address: String,
    first: u64,
    at: u64,
    stopped: watch::Receiver<bool>,
    progress: watch::Sender<u64>,
) -> (Ledger, u64) {
    let mut ledger = Ledger::default();
    let mut batch = first;
    let Ok(mut client) = TraceServiceClient::connect(address).await else { return (ledger, batch) };
    while !*stopped.borrow() {
        let spans = Spans {
            service: "checkout",
            first: batch * SPANS_PER_BATCH,
            count: SPANS_PER_BATCH,
            at,
            fail_every: 0,
        };
        match spans.send(&mut client).await {
            Ok(()) => {
                ledger.acknowledged.push(batch);
                progress.send_modify(|count| *count += 1);
            }
            Err(_) => {
                ledger.unknown.push(batch);
                return (ledger, batch);
            }
        }
        batch += SENDERS;
    }
    (ledger, batch)
}
