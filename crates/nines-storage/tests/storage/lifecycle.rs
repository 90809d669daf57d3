use std::sync::Arc;
use std::time::Duration;

use nines_base::ManualClock;
use nines_base::disk::{Disk, RealDisk};
use nines_model::{Batch, Dataset, TimeRange};
use nines_storage::{Snapshot, StoreConfig};
use proptest::prelude::*;

use crate::batches::{START, all_rows, any_batch, logs, open, open_with, snapshot_rows};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn numbers(snapshot: &Snapshot) -> Vec<i64> {
    let rows = snapshot_rows(snapshot, &RealDisk);
    let mut numbers: Vec<i64> = rows.iter().map(|row| row["n"].parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is sealed, compacted and reopened in between, the rows stay the multiset that was appended.
    #[test]
    fn sealing_compaction_and_restart_keep_the_multiset_of_rows(
        batches in proptest::collection::vec((any_batch(Dataset::Logs), any::<bool>()), 2..10),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(keep_the_multiset(batches));
    }
}

async fn keep_the_multiset(batches: Vec<(Batch, bool)>) {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    let (reference, _) = open(&folder.path().join("reference"), &clock).await;
    for (sequence, (batch, seal)) in (1..).zip(&batches) {
        store.append(sequence, batch);
        reference.append(sequence, batch);
        if *seal {
            store.seal_all().await.unwrap();
        }
    }
    let expected = all_rows(&reference, Dataset::Logs, &RealDisk);
    assert_eq!(all_rows(&store, Dataset::Logs, &RealDisk), expected);
    store.seal_all().await.unwrap();
    let before = store.stats().datasets[&Dataset::Logs].segments;
    // A day that is over is merged even if it is small.
    clock.advance(DAY);
    let report = store.maintain().await.unwrap();
    assert_eq!(report.compacted_segments, if before > 1 { before } else { 0 });
    assert_eq!(all_rows(&store, Dataset::Logs, &RealDisk), expected);
    store.close().await.unwrap();
    let (store, recovery) = open(folder.path(), &clock).await;
    assert_eq!(recovery.segments, 1);
    assert_eq!(all_rows(&store, Dataset::Logs, &RealDisk), expected);
}

#[tokio::test]
async fn segments_are_sorted_by_service_and_time_and_pruned_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path(), &ManualClock::at(START)).await;
    store.append(1, &logs(START, "web", 0, 5));
    store.append(2, &logs(START, "api", 5, 5));
    store.seal_all().await.unwrap();
    store.append(3, &logs(START + DAY, "api", 10, 5));
    let all = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
    let cold = nines_storage::read_segment(&RealDisk, &all.segments[0].path).unwrap();
    let order: Vec<String> = crate::batches::rows(&cold).iter().map(|row| row["n"].clone()).collect();
    assert_eq!(order, ["5", "6", "7", "8", "9", "0", "1", "2", "3", "4"]);
    let first_day = store.snapshot(Dataset::Logs, TimeRange::new(START, START + DAY)).unwrap();
    assert_eq!((first_day.segments.len(), first_day.hot.len()), (1, 0));
    let second_day = store.snapshot(Dataset::Logs, TimeRange::new(START + DAY, START + DAY * 2)).unwrap();
    assert_eq!((second_day.segments.len(), second_day.hot.len()), (0, 1));
}

#[tokio::test]
async fn a_snapshot_is_a_prefix_of_the_stream_while_rows_are_sealed_and_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let config = StoreConfig { seal_bytes: 20_000, ..StoreConfig::new(folder.path()) };
    let (store, _) = open_with(config, &clock).await;
    let writer = {
        let store = store.clone();
        tokio::task::spawn_blocking(move || {
            for sequence in 1..=300 {
                store.append(sequence, &logs(START, "api", (sequence as i64 - 1) * 10, 10));
            }
        })
    };
    let mut sealed = 0;
    while !writer.is_finished() || sealed == 0 {
        sealed += store.maintain().await.unwrap().sealed_segments;
        let snapshot = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
        let expected: Vec<i64> = (0..snapshot.last_sequence as i64 * 10).collect();
        assert_eq!(numbers(&snapshot), expected);
    }
    writer.await.unwrap();
    store.seal_all().await.unwrap();
    assert_eq!(numbers(&store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap()).len(), 3_000);
}

#[tokio::test]
async fn a_held_snapshot_keeps_its_files_until_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    for sequence in 1..=3 {
        store.append(sequence, &logs(START, "api", sequence as i64 * 10, 10));
        store.seal_all().await.unwrap();
    }
    let held = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
    let before = numbers(&held);
    clock.advance(DAY);
    assert_eq!(store.maintain().await.unwrap().compacted_segments, 3);
    clock.advance(DAY);
    store.maintain().await.unwrap();
    assert_eq!(numbers(&held), before);
    let path = held.segments[0].path.clone();
    drop(held);
    store.maintain().await.unwrap();
    assert!(RealDisk.size(&path).is_err(), "the file is gone once nobody can read it");
    assert_eq!(numbers(&store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap()), before);
}

#[tokio::test]
async fn replay_skips_what_is_sealed_and_files_that_the_catalog_does_not_know_are_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    store.append(1, &logs(START, "api", 0, 10));
    store.append(2, &logs(START, "api", 10, 10));
    store.seal_all().await.unwrap();
    store.append(3, &logs(START, "api", 20, 10));
    assert_eq!(store.journal_needed_from(), 3);
    drop(store);
    let unfinished = folder.path().join("segments/logs/000000000098.tmp");
    RealDisk.create(&unfinished).unwrap();
    let orphan = folder.path().join("segments/logs/000000000099.parquet");
    nines_base::disk::publish(&RealDisk, &orphan, |file| file.write_all(b"left behind")).unwrap();
    let (store, recovery) = open(folder.path(), &clock).await;
    assert_eq!((recovery.orphans, recovery.sealed_sequence), (1, 2));
    assert!(RealDisk.size(&unfinished).is_err());
    assert!(RealDisk.list(&folder.path().join("quarantine")).unwrap()[0].starts_with("orphan-logs-"));
    let replayed: Vec<bool> = (1..=3)
        .map(|sequence| store.append(sequence, &logs(START, "api", (sequence as i64 - 1) * 10, 10)))
        .collect();
    assert_eq!(replayed, [false, false, true]);
    assert_eq!(numbers(&store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap()), (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn age_seals_and_a_full_memtable_wakes_the_loop() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    store.append(1, &logs(START, "api", 0, 10));
    assert_eq!(store.maintain().await.unwrap().sealed_segments, 0);
    clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(store.maintain().await.unwrap().sealed_segments, 1);
    assert_eq!(store.hot_bytes(), 0);

    let config = StoreConfig { seal_bytes: 1, ..StoreConfig::new(folder.path().join("b")) };
    let (store, _) = open_with(config, &clock).await;
    let shutdown = nines_base::Shutdown::new();
    let running = tokio::spawn({
        let (store, shutdown) = (store.clone(), shutdown.clone());
        async move { store.run(&shutdown).await }
    });
    store.append(1, &logs(START, "api", 0, 10));
    while store.stats().datasets[&Dataset::Logs].segments == 0 {
        tokio::task::yield_now().await;
    }
    shutdown.begin();
    running.await.unwrap();
    let _ = Arc::clone(&clock);
}
