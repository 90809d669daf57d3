use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::{Fault, SimDisk};
use nines_base::{ErrorKind, Random};
use nines_ingest::Observer;
use nines_model::Dataset;
use nines_storage::StoreConfig;

use crate::node::{Node, Recorder, ingest_config, stored_ids};

const DATASETS: [Dataset; 2] = [Dataset::Logs, Dataset::Spans];

#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<i64>,
    submitted: BTreeSet<i64>,
}

/// Power is lost at a random operation of the disk, over and over, under concurrent submits, seals, compaction and
/// journal truncation. What was acknowledged is stored exactly once; what was not, at most once (these clients do not
/// retry). Every restart's observers see exactly the rows that were hot.
#[test]
fn nothing_acknowledged_is_lost_or_doubled_over_many_power_losses() {
    let rounds: u64 = std::env::var("NINES_CRASH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let (mut crashes, mut acknowledged, mut submitted) = (0, 0, 0);
    for seed in 0..rounds {
        println!("seed {seed}");
        let ledgers = tokio::runtime::Runtime::new().unwrap().block_on(crash_loop(seed, 12));
        crashes += 12;
        acknowledged += ledgers.iter().map(|ledger| ledger.acknowledged.len()).sum::<usize>();
        submitted += ledgers.iter().map(|ledger| ledger.submitted.len()).sum::<usize>();
    }
    println!("{crashes} power losses, {submitted} events submitted, {acknowledged} acknowledged");
    assert!(acknowledged > submitted / 20, "the loop must get work done");
}

async fn crash_loop(seed: u64, boots: u64) -> [Ledger; 2] {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(seed);
    let random = Random::from_seed(seed);
    let mut ledgers = [Ledger::default(), Ledger::default()];
    let mut next_id = 0;
    for boot in 0..boots {
        // Some boots lose power while recovering.
        if random.below(4) == 0 {
            disk.crash_at_operation(disk.operations() + random.below(12));
            let folder = StoreConfig::new(folder.path());
            let opened = nines_storage::Store::open(
                folder,
                disk.shared(),
                nines_base::ManualClock::at(crate::node::START),
            );
            drop(opened.await);
            disk.crash();
        }
        let recorder = Arc::new(Recorder::default());
        let observers: Vec<Arc<dyn Observer>> = vec![recorder.clone()];
        let config =
            StoreConfig { seal_bytes: 3_000 + random.below(4_000), ..StoreConfig::new(folder.path()) };
        let node = Node::start_with(ingest_config(folder.path()), config, &disk, observers).await.unwrap();
        check(&node, &disk, &ledgers, &recorder, &format!("seed {seed}, boot {boot}"));
        disk.crash_at_operation(disk.operations() + 5 + random.below(150));
        run_until_power_goes(&node, &random, &mut ledgers, &mut next_id).await;
        drop(node);
        disk.crash();
    }
    let node = Node::start(folder.path(), &disk, Vec::new()).await.unwrap();
    check(&node, &disk, &ledgers, &Recorder::default(), &format!("seed {seed}, end"));
    node.ingest.close().await.unwrap();
    node.store.close().await.unwrap();
    ledgers
}

fn check(node: &Node, disk: &SimDisk, ledgers: &[Ledger; 2], recorder: &Recorder, at: &str) {
    let mut hot = 0;
    for (dataset, ledger) in DATASETS.into_iter().zip(ledgers) {
        let snapshot = node.snapshot(dataset);
        hot += snapshot.hot.iter().map(|batch| batch.num_rows()).sum::<usize>();
        let stored = stored_ids(&snapshot, disk);
        let lost: Vec<_> = ledger.acknowledged.iter().filter(|id| !stored.contains_key(id)).collect();
        assert!(lost.is_empty(), "{at}: {dataset} lost {lost:?}");
        let doubled: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "{at}: {dataset} doubled {doubled:?}");
        assert!(stored.keys().all(|id| ledger.submitted.contains(id)), "{at}: {dataset} invented rows");
    }
    let seen = recorder.0.lock().len();
    assert!(seen == 0 || seen == hot, "{at}: observers saw {seen} of {hot} replayed rows");
}

async fn run_until_power_goes(node: &Node, random: &Random, ledgers: &mut [Ledger; 2], next_id: &mut i64) {
    for round in 0..60 {
        let mut submits = Vec::new();
        for _ in 0..1 + random.below(4) {
            let which = random.below(2) as usize;
            let ids = *next_id..*next_id + 1 + random.below(20) as i64;
            *next_id = ids.end;
            ledgers[which].submitted.extend(ids.clone());
            let batch = crate::node::numbered(DATASETS[which], ids.clone());
            let ingest = node.ingest.clone();
            submits.push((which, ids, tokio::spawn(async move { ingest.submit(vec![batch], 1_000).await })));
        }
        if round % 3 == 0 {
            // Maintenance runs beside the submits, and fails when power goes.
            let _ = node.store.maintain().await;
        }
        let mut failed = false;
        for (which, ids, submit) in submits {
            match submit.await.unwrap() {
                Ok(_) => ledgers[which].acknowledged.extend(ids),
                Err(_) => failed = true,
            }
        }
        if failed {
            return;
        }
    }
}

#[tokio::test]
async fn a_failed_sync_refuses_the_batch_and_the_next_one_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let recorder = Arc::new(Recorder::default());
    let node = Node::start(folder.path(), &disk, vec![recorder.clone()]).await.unwrap();
    node.submit(Dataset::Logs, 0..3).await.unwrap();
    disk.inject(Fault::SyncError);
    let error = node.submit(Dataset::Logs, 3..6).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, Some(Duration::from_secs(1))));
    node.submit(Dataset::Logs, 6..9).await.unwrap();
    assert_eq!(*recorder.0.lock(), [0, 1, 2, 6, 7, 8]);
    assert_eq!(stored_ids(&node.snapshot(Dataset::Logs), &disk).len(), 6);
    let stats = node.ingest.stats();
    assert_eq!(stats.accepted_events[&Dataset::Logs], 6);
    assert_eq!(stats.refused_requests["journal error"], 1);
    assert_eq!((stats.inflight_bytes, stats.inflight_requests), (0, 0));
}

#[tokio::test]
async fn a_restart_replays_the_tail_and_truncation_forgets_what_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(2);
    let node = Node::start(folder.path(), &disk, Vec::new()).await.unwrap();
    for id in 0..50 {
        node.submit(Dataset::Logs, id * 10..id * 10 + 10).await.unwrap();
    }
    node.store.seal_all().await.unwrap();
    let spans = node.submit(Dataset::Spans, 0..10).await.unwrap();
    let before = node.ingest.stats().journal;
    node.store.seal_all().await.unwrap();
    assert!(node.ingest.stats().journal.segments <= before.segments);
    let last = node.submit(Dataset::Spans, 10..20).await.unwrap();
    assert!(last > spans);
    node.ingest.close().await.unwrap();
    assert_eq!(node.submit(Dataset::Logs, 0..1).await.unwrap_err().kind(), ErrorKind::Unavailable);
    drop(node);
    disk.crash();
    let recorder = Arc::new(Recorder::default());
    let node = Node::start(folder.path(), &disk, vec![recorder.clone()]).await.unwrap();
    assert_eq!((node.recovery.replayed_batches, node.recovery.replayed_events), (1, 10));
    assert_eq!(*recorder.0.lock(), (10..20).collect::<Vec<_>>());
    assert_eq!(stored_ids(&node.snapshot(Dataset::Logs), &disk).len(), 500);
    assert_eq!(stored_ids(&node.snapshot(Dataset::Spans), &disk).len(), 20);
    assert!(node.submit(Dataset::Spans, 20..30).await.unwrap() > last);
}
