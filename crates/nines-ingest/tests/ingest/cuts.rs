use std::sync::Arc;

use nines_base::disk::SimDisk;
use nines_ingest::Observer;
use nines_model::{Batch, Dataset, TimeRange};
use parking_lot::Mutex;

use crate::node::{Node, Recorder, numbered, stored_ids};

/// History from a snapshot taken at the cut plus the stream from the cut on is every row once, wherever in a busy
/// stream the cut falls.
#[tokio::test(flavor = "multi_thread")]
async fn an_observer_added_at_a_cut_misses_nothing_and_counts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let node = Node::start(folder.path(), &disk, Vec::new()).await.unwrap();
    let mut observers = Vec::new();
    let mut submits = Vec::new();
    for round in 0..20 {
        for part in 0..10 {
            let first = round * 1_000 + part * 100;
            let ingest = node.ingest.clone();
            let batch = numbered(Dataset::Logs, first..first + 100);
            submits.push(tokio::spawn(async move { ingest.submit(vec![batch], 1_000).await }));
        }
        let recorder = Arc::new(Recorder::default());
        let history = Arc::new(Mutex::new(None));
        let cut = node.ingest.add_observer_at_cut({
            let (store, recorder, history) = (node.store.clone(), recorder.clone(), history.clone());
            move |sequence| {
                let snapshot = store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap();
                assert!(snapshot.last_sequence <= sequence);
                *history.lock() = Some(snapshot);
                recorder
            }
        });
        let sequence = cut.await.unwrap();
        observers.push((sequence, recorder, history));
    }
    for submit in submits {
        submit.await.unwrap().unwrap();
    }
    for (sequence, recorder, history) in observers {
        let mut ids: Vec<i64> = stored_ids(history.lock().as_ref().unwrap(), &disk).into_keys().collect();
        ids.extend(recorder.0.lock().iter());
        ids.sort_unstable();
        assert_eq!(ids, (0..20_000).collect::<Vec<_>>(), "cut at {sequence}");
        let sequences = recorder.1.lock();
        assert!(sequences.is_sorted() && sequences.first().is_none_or(|first| *first > sequence));
    }
}

#[tokio::test]
async fn an_acknowledged_batch_is_visible_and_observed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SimDisk::new(1);
    let recorder = Arc::new(Recorder::default());
    let node = Node::start(folder.path(), &disk, vec![recorder.clone()]).await.unwrap();
    for id in 0..100 {
        let sequence = node.submit(Dataset::Logs, id..id + 1).await.unwrap();
        let snapshot = node.snapshot(Dataset::Logs);
        assert_eq!(snapshot.last_sequence, sequence);
        assert_eq!(stored_ids(&snapshot, &disk).len() as i64, id + 1);
        assert_eq!(recorder.0.lock().len() as i64, id + 1);
    }
}

struct Panics;

impl Observer for Panics {
    fn observe(&self, _: u64, _: &Batch) {
        panic!("a defect in an observer");
    }
}

#[tokio::test]
async fn an_observer_that_panics_does_not_stop_ingest() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Arc::new(Recorder::default());
    let node =
        Node::start(folder.path(), &SimDisk::new(1), vec![Arc::new(Panics), recorder.clone()]).await.unwrap();
    node.submit(Dataset::Logs, 0..1).await.unwrap();
    node.submit(Dataset::Logs, 1..2).await.unwrap();
    assert_eq!(*recorder.0.lock(), [0, 1]);
    assert_eq!(node.ingest.stats().observer_panics, 2);
}
