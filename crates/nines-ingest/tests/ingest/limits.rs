use std::sync::Arc;
use std::time::Duration;

use nines_base::ErrorKind;
use nines_base::disk::SimDisk;
use nines_ingest::{Ack, FAR_MIN, IngestConfig, IngestError, Observer};
use nines_model::{Batch, Dataset, RowRef, RowSet, Timestamp, field};
use nines_storage::StoreConfig;
use parking_lot::{Condvar, Mutex};

use crate::node::{Node, START, ingest_config, numbered, stored_ids};

/// Holds the publisher until released.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn release(&self) {
        *self.0.lock() = true;
        self.1.notify_all();
    }
}

impl Observer for Gate {
    fn observe(&self, _: u64, _: &Batch) {
        let mut open = self.0.lock();
        while !*open {
            self.1.wait(&mut open);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_in_flight_are_bounded_and_given_back_even_if_the_client_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let gate = Arc::new(Gate::default());
    let config = IngestConfig { inflight_bytes_max: 2_500, ..ingest_config(folder.path()) };
    let node =
        Node::start_with(config, StoreConfig::new(folder.path()), &disk, vec![gate.clone()]).await.unwrap();
    let waiting: Vec<_> = (0..2)
        .map(|id| {
            let ingest = node.ingest.clone();
            tokio::spawn(async move { ingest.submit(vec![numbered(Dataset::Logs, id..id + 1)], 1_000).await })
        })
        .collect();
    while node.ingest.stats().inflight_bytes < 2_000 {
        tokio::task::yield_now().await;
    }
    let error = node.submit(Dataset::Logs, 5..6).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(matches!(error, IngestError::Overloaded { bound: "bytes in flight", .. }));
    for client in &waiting {
        client.abort();
    }
    gate.release();
    while node.ingest.stats().inflight_bytes > 0 {
        tokio::task::yield_now().await;
    }
    node.submit(Dataset::Logs, 5..6).await.unwrap();
    assert_eq!(stored_ids(&node.snapshot(Dataset::Logs), &disk).into_keys().collect::<Vec<_>>(), [0, 1, 5]);
}

#[tokio::test]
async fn too_large_too_full_and_too_hot_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let store = StoreConfig { hot_bytes_max: 10_000, ..StoreConfig::new(folder.path()) };
    let node = Node::start_with(ingest_config(folder.path()), store, &disk, Vec::new()).await.unwrap();
    let error = node.ingest.submit(Vec::new(), u64::MAX / 2).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::TooLarge, None));

    disk.set_capacity(1_000);
    node.clock.advance(Duration::from_secs(2));
    let error = node.submit(Dataset::Logs, 0..1).await.unwrap_err();
    assert!(matches!(error, IngestError::DiskFull { .. }) && error.retry_after().is_some());
    disk.set_capacity(u64::MAX);
    node.clock.advance(Duration::from_secs(2));
    node.submit(Dataset::Logs, 0..1_000).await.unwrap();

    let error = node.submit(Dataset::Logs, 0..1).await.unwrap_err();
    assert!(matches!(error, IngestError::Overloaded { bound: "hot rows", .. }));
    node.store.seal_all().await.unwrap();
    node.submit(Dataset::Logs, 1_000..1_001).await.unwrap();
    let refused = node.ingest.stats().refused_requests;
    assert_eq!(
        refused.into_iter().collect::<Vec<_>>(),
        [("disk full", 1), ("hot rows", 1), ("request too large", 1)]
    );
}

/// Keeps what it sees.
#[derive(Default)]
struct Keeper(Mutex<Vec<Batch>>);

impl Observer for Keeper {
    fn observe(&self, _: u64, batch: &Batch) {
        self.0.lock().push(batch.clone());
    }
}

/// Lines that say themselves when they were seen keep that, near ones say nothing, and spans have no such column.
#[tokio::test]
async fn lines_from_far_away_say_when_they_arrived_and_the_journal_plays_that_back() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let keeper = Arc::new(Keeper::default());
    let node = Node::start(folder.path(), &disk, vec![keeper.clone()]).await.unwrap();
    let day = Duration::from_secs(86_400);
    let stamps = [START, START + FAR_MIN, START - FAR_MIN, START + day, START - day, START - day];
    for dataset in [Dataset::Logs, Dataset::Spans] {
        let mut batch = numbered(dataset, 0..stamps.len() as i64);
        batch.rows.timestamps_mut().copy_from_slice(&stamps.map(Timestamp::as_nanos));
        let mut seen = RowSet::none(stamps.len());
        seen.insert(5);
        batch.rows.fill_int(field::OBSERVED_TIMESTAMP, seen, 7);
        node.ingest.submit(vec![batch], 10).await.unwrap();
    }
    let stats = node.ingest.stats();
    assert_eq!((stats.undated_events, stats.ahead_events, stats.late_events), (0, 2, 4));
    let live = std::mem::take(&mut *keeper.0.lock());
    let observed = |batch: &Batch| -> Vec<Option<i64>> {
        let value = |row: RowRef<'_>| row.own(field::OBSERVED_TIMESTAMP).and_then(|value| value.as_int());
        batch.rows.iter().map(value).collect()
    };
    let arrived = Some(START.as_nanos());
    assert_eq!(observed(&live[0]), [None, None, None, arrived, arrived, Some(7)]);
    assert_eq!(observed(&live[1]), [None, None, None, None, None, Some(7)]);
    assert!(live.iter().all(|batch| batch.rows.timestamps() == stamps.map(Timestamp::as_nanos)));
    node.ingest.close().await.unwrap();

    let _again = Node::start(folder.path(), &disk, vec![keeper.clone()]).await.unwrap();
    assert_eq!(*keeper.0.lock(), live);
}

#[tokio::test]
async fn times_are_mended_or_counted_and_empty_requests_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let node = Node::start(folder.path(), &disk, Vec::new()).await.unwrap();
    let mut batch = numbered(Dataset::Logs, 0..3);
    batch.rows.timestamps_mut()[0] = Timestamp::EPOCH.as_nanos();
    batch.rows.timestamps_mut()[1] = (START + Duration::from_secs(3_600)).as_nanos();
    let ack = node.ingest.submit(vec![numbered(Dataset::Spans, 0..0), batch], 10).await.unwrap();
    assert_eq!(ack.events, 3);
    let stats = node.ingest.stats();
    assert_eq!((stats.undated_events, stats.ahead_events, stats.accepted_bytes), (1, 1, 10));
    assert_eq!(node.ingest.submit(vec![numbered(Dataset::Spans, 0..0)], 10).await.unwrap(), Ack::default());
    assert_eq!(node.ingest.stats().journal.commits, 1);
}
