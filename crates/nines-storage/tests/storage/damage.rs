use nines_base::disk::{Disk, SimDisk};
use nines_base::{ManualClock, Random};
use nines_model::{Dataset, TimeRange, Timestamp};
use nines_storage::{Snapshot, Store, StoreConfig};

use crate::batches::{START, logs, snapshot_rows};

async fn sealed(folder: &tempfile::TempDir, disk: &SimDisk) -> Store {
    let clock = ManualClock::at(START);
    let (store, _) = Store::open(StoreConfig::new(folder.path()), disk.shared(), clock).await.unwrap();
    store.append(1, &logs(START, "api", 0, 200));
    store.seal_all().await.unwrap();
    store.append(2, &logs(START, "api", 200, 200));
    store.seal_all().await.unwrap();
    store
}

fn snapshot(store: &Store) -> Snapshot {
    store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap()
}

#[tokio::test]
async fn a_flipped_bit_is_found_by_the_scrub_and_named_in_snapshots() {
    // `NINES_LONG_TESTS` does what the ledger says; the rest of a run needs no more than these.
    let flips = if std::env::var_os("NINES_LONG_TESTS").is_some() { 10_000 } else { 40 };
    let seed = 0x5eed_0002;
    let random = Random::from_seed(seed);
    for _ in 0..flips {
        let folder = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(1);
        let store = sealed(&folder, &disk).await;
        assert_eq!(store.maintain().await.unwrap().damaged_segments, 0);
        let victim = snapshot(&store).segments[0].clone();
        disk.flip_bit(&victim.path, random.below(victim.bytes * 8));
        store.maintain().await.unwrap();
        let after = snapshot(&store);
        assert_eq!(after.damaged.len(), 1);
        assert_eq!((after.damaged[0].file.id, after.damaged[0].file.rows), (victim.id, 200));
        assert_eq!(disk.size(&after.damaged[0].file.path).unwrap(), victim.bytes, "kept in quarantine");
        assert_eq!(snapshot_rows(&after, &disk).len(), 200, "the other segment still answers");
        let elsewhere = TimeRange::new(Timestamp::EPOCH, Timestamp::from_secs(1));
        assert!(store.snapshot(Dataset::Logs, elsewhere).unwrap().damaged.is_empty());
    }
    println!("A5 {flips} flips in sealed files (seed {seed:#x}): each found, named, and kept apart");
}

#[tokio::test]
async fn a_cut_or_missing_file_is_found_at_the_start_and_stays_named() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let store = sealed(&folder, &disk).await;
    let segments = snapshot(&store).segments;
    store.close().await.unwrap();
    disk.truncate(&segments[0].path, 100);
    disk.remove(&segments[1].path).unwrap();
    for _ in 0..2 {
        let (store, recovery) =
            Store::open(StoreConfig::new(folder.path()), disk.shared(), ManualClock::at(START))
                .await
                .unwrap();
        assert_eq!((recovery.segments, recovery.damaged.len()), (0, 2));
        assert_eq!(store.damaged().len(), 2);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_fails_the_seal_keeps_the_rows_and_is_retried() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let store = sealed(&folder, &disk).await;
    store.append(3, &logs(START, "api", 400, 50));
    disk.set_capacity(1_000);
    assert_eq!(store.seal_all().await.unwrap_err().kind(), nines_base::ErrorKind::Exhausted);
    store.append(4, &logs(START, "api", 450, 50));
    assert_eq!(snapshot_rows(&snapshot(&store), &disk).len(), 500);
    assert_eq!(store.journal_needed_from(), 3);
    disk.set_capacity(u64::MAX);
    store.seal_all().await.unwrap();
    assert_eq!(snapshot_rows(&snapshot(&store), &disk).len(), 500);
    assert_eq!((store.hot_bytes(), store.journal_needed_from()), (0, 5));
}
