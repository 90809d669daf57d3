//! Submits, seals, compaction, the removal of files, retention and questions at once, and power losses in between: the rows
//! stay the multiset that was acknowledged, less what was old enough to go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nines_base::disk::SimDisk;
use nines_base::{Clock, ManualClock, Random};
use nines_model::{Dataset, Timestamp};
use nines_storage::{Limits, StoreConfig};

use crate::node::{Node, START, ingest_config, numbered_at, stored_ids};

/// Kept for ever, and for a while.
const DATASETS: [Dataset; 2] = [Dataset::Logs, Dataset::Spans];
const HOUR: Duration = Duration::from_secs(60 * 60);
const KEPT: Duration = Duration::from_secs(30 * 60 * 60);
/// Of one life, each ended by a power loss, and the last one by a stop.
const BOOTS: u64 = 4;
const ROUNDS: u64 = 24;

/// What was submitted of a dataset, by id.
#[derive(Default)]
struct Ledger {
    received_at: BTreeMap<i64, Timestamp>,
    acknowledged: BTreeSet<i64>,
}

#[derive(Default)]
struct Tally {
    acknowledged: usize,
    compacted: u64,
    expired: u64,
    questions: u64,
    crashes: u64,
}

/// `NINES_STORE_SEEDS` asks for more lives, `NINES_SEED` for others.
#[test]
fn the_multiset_stays_through_all_that_goes_on_at_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = (number("NINES_SEED").unwrap_or(0), number("NINES_STORE_SEEDS").unwrap_or(6));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut tally = Tally::default();
    for seed in first..first + count {
        runtime.block_on(life(seed, &mut tally));
        if (seed + 1 - first).is_multiple_of(500) {
            println!("{} lives", seed + 1 - first);
        }
    }
    let Tally { acknowledged, compacted, expired, questions, crashes } = tally;
    println!(
        "A10 {count} lives from seed {first}: {crashes} power losses, {acknowledged} rows acknowledged, {compacted} segments merged, {expired} rows removed by age, {questions} questions meanwhile: none lost, none twice"
    );
    assert!(compacted > 0 && expired > 0 && questions > 0, "nothing went on");
}

async fn life(seed: u64, tally: &mut Tally) {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(seed);
    let random = Random::from_seed(seed);
    let mut ledgers = [Ledger::default(), Ledger::default()];
    let (mut next_id, mut at) = (0, START);
    for boot in 0..BOOTS {
        let limits = Limits { retention: [(Dataset::Spans, KEPT)].into(), ..Limits::default() };
        let seal_bytes = 1_500 + random.below(4_000);
        let config = StoreConfig { seal_bytes, limits, ..StoreConfig::new(folder.path()) };
        let clock = ManualClock::at(at);
        let node =
            Node::start_at(ingest_config(folder.path()), config, &disk, Vec::new(), clock).await.unwrap();
        check(&node, &disk, &ledgers, &format!("seed {seed}, boot {boot}"));
        let is_last = boot + 1 == BOOTS;
        let power_ends = if is_last { u64::MAX } else { disk.operations() + 20 + random.below(400) };
        disk.crash_at_operation(power_ends);
        work(&node, &disk, power_ends, &random, &mut ledgers, &mut next_id, tally).await;
        at = node.clock.now();
        if is_last {
            check(&node, &disk, &ledgers, &format!("seed {seed}, end"));
            node.ingest.close().await.unwrap();
            node.store.close().await.unwrap();
        } else {
            drop(node);
            disk.crash();
            tally.crashes += 1;
        }
    }
    tally.acknowledged += ledgers.iter().map(|ledger| ledger.acknowledged.len()).sum::<usize>();
}

/// Until power goes, or the rounds are over.
async fn work(
    node: &Node,
    disk: &SimDisk,
    power_ends: u64,
    random: &Random,
    ledgers: &mut [Ledger; 2],
    next_id: &mut i64,
    tally: &mut Tally,
) {
    for _ in 0..ROUNDS {
        let now = node.clock.now();
        let mut submits = Vec::new();
        for _ in 0..1 + random.below(3) {
            let which = random.below(2) as usize;
            let ids = *next_id..*next_id + 1 + random.below(20) as i64;
            *next_id = ids.end;
            ledgers[which].received_at.extend(ids.clone().map(|id| (id, now)));
            let batch = numbered_at(DATASETS[which], now, ids.clone());
            let ingest = node.ingest.clone();
            submits.push((which, ids, tokio::spawn(async move { ingest.submit(vec![batch], 1_000).await })));
        }
        // A question that is asked before all of this, and read while it goes on.
        let which = random.below(2) as usize;
        let snapshot = node.snapshot(DATASETS[which]);
        let expected = expected(&ledgers[which], DATASETS[which], now);
        let read = tokio::task::spawn_blocking({
            let disk = disk.clone();
            move || {
                // After the power is gone nothing can be read, which is no wrong answer.
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stored_ids(&snapshot, &disk))).ok()
            }
        });
        let maintained = async {
            match random.below(3) {
                0 => node.store.seal_all().await,
                _ => node.store.maintain().await,
            }
        };
        let (maintained, found) = tokio::join!(maintained, read);
        if let Ok(report) = &maintained {
            tally.compacted += report.compacted_segments;
            tally.expired += report.expired_rows;
        }
        if let Some(found) = found.unwrap() {
            tally.questions += 1;
            let lost: Vec<_> = expected.iter().filter(|id| !found.contains_key(id)).collect();
            assert!(lost.is_empty(), "a question missed {lost:?}");
            assert!(found.values().all(|count| *count == 1), "a question saw rows twice");
        } else {
            assert!(disk.operations() >= power_ends, "a question failed while the disk was whole");
        }
        let mut has_failed = maintained.is_err();
        for (which, ids, submit) in submits {
            match submit.await.unwrap() {
                Ok(_) => ledgers[which].acknowledged.extend(ids),
                Err(_) => has_failed = true,
            }
        }
        if has_failed {
            assert!(disk.operations() >= power_ends, "a failure without a power loss: {maintained:?}");
            return;
        }
        node.clock.advance(HOUR * random.below(9) as u32);
    }
}

/// What must be there: acknowledged, and not old enough to be removed.
fn expected(ledger: &Ledger, dataset: Dataset, now: Timestamp) -> BTreeSet<i64> {
    let may_be_gone = |id: &i64| dataset == Dataset::Spans && ledger.received_at[id] + KEPT < now;
    ledger.acknowledged.iter().filter(|id| !may_be_gone(id)).copied().collect()
}

fn check(node: &Node, disk: &SimDisk, ledgers: &[Ledger; 2], at: &str) {
    for (dataset, ledger) in DATASETS.into_iter().zip(ledgers) {
        let stored = stored_ids(&node.snapshot(dataset), disk);
        let expected = expected(ledger, dataset, node.clock.now());
        let lost: Vec<_> = expected.iter().filter(|id| !stored.contains_key(id)).collect();
        assert!(lost.is_empty(), "{at}: {dataset} lost {lost:?}");
        assert!(stored.values().all(|count| *count == 1), "{at}: {dataset} has rows twice");
        assert!(stored.keys().all(|id| ledger.received_at.contains_key(id)), "{at}: {dataset} invented rows");
    }
}
