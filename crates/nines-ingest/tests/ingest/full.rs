//! A disk that is full, wherever that is noticed: nothing acknowledged is lost, nothing is acknowledged that is not
//! durable, and all is well once there is space.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::{Disk, RealDisk, SharedDisk, SimDisk};
use nines_base::{ErrorKind, ManualClock, Random};
use nines_ingest::{Ingest, IngestConfig, IngestError};
use nines_model::{Dataset, TimeRange};
use nines_storage::{Notice, Store, StoreConfig};

use crate::node::{Node, START, ingest_config, numbered, stored_ids};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Submits, seals, compacts and truncates; everything may fail. What was acknowledged.
async fn work(node: &Node) -> BTreeSet<i64> {
    let mut acknowledged = BTreeSet::new();
    for round in 0..6 {
        for id in round * 100..round * 100 + 4 {
            match node.submit(Dataset::Logs, id..id + 1).await {
                Ok(_) => drop(acknowledged.insert(id)),
                Err(error) => assert!(error.retry_after().is_some(), "{error}"),
            }
        }
        if let Err(error) = node.store.seal_all().await {
            assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
        }
        node.clock.advance(DAY / 8);
    }
    node.clock.advance(DAY);
    drop(node.store.maintain().await);
    acknowledged
}

/// The disk takes so many bytes and no more, for sizes from nothing to enough: every write site finds it full at some of
/// them, at every kind of place within what it writes.
#[tokio::test]
async fn a_disk_that_is_full_at_any_byte_loses_nothing_and_mends_itself() {
    const STEPS: u64 = 40;
    let needed = {
        let (folder, disk) = (tempfile::tempdir().unwrap(), SimDisk::new(0));
        let config = IngestConfig { free_bytes_min: 0, ..ingest_config(folder.path()) };
        let node =
            Node::start_with(config, StoreConfig::new(folder.path()), &disk, Vec::new()).await.unwrap();
        disk.set_capacity(1 << 30);
        assert_eq!(work(&node).await.len(), 24);
        (1 << 30) - disk.free_bytes(folder.path()).unwrap()
    };
    let (mut acknowledged_in_all, mut refused_in_all) = (0, 0);
    for step in 0..STEPS {
        let capacity = needed * step / STEPS + step % 7;
        let (folder, disk) = (tempfile::tempdir().unwrap(), SimDisk::new(step));
        let config = IngestConfig { free_bytes_min: 0, ..ingest_config(folder.path()) };
        let store = StoreConfig::new(folder.path());
        let node = Node::start_with(config.clone(), store.clone(), &disk, Vec::new()).await.unwrap();
        disk.set_capacity(capacity);
        let acknowledged = work(&node).await;
        acknowledged_in_all += acknowledged.len();
        refused_in_all += 24 - acknowledged.len();
        // Space returns: the next request goes through, and so does the seal.
        disk.set_capacity(u64::MAX);
        node.clock.advance(Duration::from_secs(2));
        node.submit(Dataset::Logs, 9_000..9_001).await.unwrap();
        node.store.seal_all().await.unwrap();
        drop(node);
        disk.crash();
        let node = Node::start_with(config, store, &disk, Vec::new()).await.unwrap();
        let stored = stored_ids(&node.snapshot(Dataset::Logs), &disk);
        for id in acknowledged.iter().chain(&[9_000]) {
            assert_eq!(stored.get(id), Some(&1), "capacity {capacity}: row {id}");
        }
        assert!(stored.values().all(|count| *count == 1), "capacity {capacity}");
    }
    println!("{STEPS} sizes: {acknowledged_in_all} acknowledged, {refused_in_all} refused, 0 lost");
    assert!(acknowledged_in_all > 0 && refused_in_all > 0);
}

#[tokio::test]
async fn a_budget_that_nothing_can_be_removed_for_is_refused_with_its_reason() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), SimDisk::new(1));
    let mut store = StoreConfig::new(folder.path());
    store.limits.dataset_disk_bytes = [(Dataset::Logs, 10)].into();
    store.limits.legal_hold = [Dataset::Logs].into();
    let node = Node::start_with(ingest_config(folder.path()), store, &disk, Vec::new()).await.unwrap();
    node.store.maintain().await.unwrap();
    node.submit(Dataset::Logs, 0..10).await.unwrap();
    node.store.seal_all().await.unwrap();
    node.store.maintain().await.unwrap();
    let error = node.submit(Dataset::Logs, 10..11).await.unwrap_err();
    assert!(matches!(error, IngestError::StoreFull(Notice::OverBudget { .. })), "{error}");
    assert_eq!((error.kind(), error.retry_after().is_some()), (ErrorKind::Exhausted, true));
    node.submit(Dataset::Spans, 0..1).await.unwrap();
    assert_eq!(node.ingest.stats().refused_requests["disk budget"], 1);
}

/// A file system in memory of 64 MiB, unmounted when dropped.
struct Tmpfs(tempfile::TempDir);

#[expect(clippy::disallowed_methods, reason = "a real file system that is really full")]
fn command(program: &str, arguments: &[&str]) -> bool {
    let done = std::process::Command::new(program).args(arguments).output();
    done.is_ok_and(|output| output.status.success())
}

impl Tmpfs {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str()?;
        command("mount", &["-t", "tmpfs", "-o", "size=64m", "tmpfs", path]).then_some(Self(folder))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        command("umount", &["-l", &self.0.path().to_string_lossy()]);
    }
}

async fn real_node(root: &Path, disk: &SharedDisk) -> (Store, Ingest) {
    let clock = ManualClock::at(START);
    let store = StoreConfig { ballast_bytes: 8 << 20, ..StoreConfig::new(root) };
    let (store, _) = Store::open(store, Arc::clone(disk), clock.clone()).await.unwrap();
    let config = IngestConfig {
        free_bytes_min: 0,
        ..IngestConfig::new(nines_wal::JournalConfig::new(root.join("journal")))
    };
    let (ingest, _) =
        Ingest::start(config, store.clone(), Arc::clone(disk), clock, Random::from_seed(1), Vec::new())
            .await
            .unwrap();
    (store, ingest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_file_system_of_64_mib_fills_up_and_recovers() {
    let Some(tmpfs) = Tmpfs::mount() else {
        println!("skipped: a file system can only be mounted by root");
        return;
    };
    let (root, disk) = (tmpfs.0.path().join("data"), RealDisk::shared());
    let (store, ingest) = real_node(&root, &disk).await;
    store.maintain().await.unwrap();
    assert!(store.stats().is_ballast_held);
    // Somebody else fills the disk but for 4 MiB.
    let filler = tmpfs.0.path().join("filler");
    let free = disk.free_bytes(&root).unwrap();
    let mut file = disk.create(&filler).unwrap();
    file.write_all(&vec![7; (free - (4 << 20)) as usize]).unwrap();
    let mut acknowledged = 0_i64;
    let refusal = loop {
        let ids = acknowledged..acknowledged + 10_000;
        match ingest.submit(vec![numbered(Dataset::Logs, ids)], 1_000).await {
            Ok(_) => acknowledged += 10_000,
            Err(error) => break error,
        }
    };
    assert!(acknowledged > 0 && refusal.retry_after().is_some(), "{refusal}");
    assert_eq!(refusal.kind(), ErrorKind::Exhausted, "{refusal}");
    // The next round gives the ballast back, in whose room the catalog and the seal can write.
    let error = store.maintain().await.err();
    assert!(!store.stats().is_ballast_held, "{error:?}");
    store.seal_all().await.unwrap();
    drop(file);
    disk.remove(&filler).unwrap();
    store.maintain().await.unwrap();
    assert!(store.stats().is_ballast_held && store.stats().notices.is_empty());
    ingest.submit(vec![numbered(Dataset::Logs, acknowledged..acknowledged + 1)], 1_000).await.unwrap();
    ingest.close().await.unwrap();
    drop((store, ingest));
    let (store, _ingest) = real_node(&root, &disk).await;
    let snapshot = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
    let hot: usize = snapshot.hot.iter().map(|batch| batch.num_rows()).sum();
    let rows = hot as u64 + snapshot.segments.iter().map(|segment| segment.rows).sum::<u64>();
    // A refused request may have been stored in part; an acknowledged one is there.
    assert!(rows > acknowledged as u64, "{rows} of {acknowledged}");
}
