//! A store and an ingest on one simulated disk, and the ledger of what came out of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use nines_base::disk::SimDisk;
use nines_base::{ManualClock, Random};
use nines_ingest::{Ingest, IngestConfig, IngestError, IngestRecovery, Observer};
use nines_model::{Batch, Dataset, Event, Resource, TimeRange, Timestamp, Value};
use nines_storage::{Snapshot, Store, StoreConfig, read_segment};
use nines_wal::JournalConfig;
use parking_lot::Mutex;

pub const START: Timestamp = Timestamp::from_secs(1_790_000_000);

pub struct Node {
    pub store: Store,
    pub ingest: Ingest,
    pub recovery: IngestRecovery,
    pub clock: Arc<ManualClock>,
}

pub fn journal_config(root: &Path) -> JournalConfig {
    JournalConfig { segment_bytes_max: 4_096, ..JournalConfig::new(root.join("journal")) }
}

pub fn ingest_config(root: &Path) -> IngestConfig {
    IngestConfig::new(journal_config(root))
}

impl Node {
    pub async fn start(
        root: &Path,
        disk: &SimDisk,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<Self, IngestError> {
        Self::start_with(ingest_config(root), StoreConfig::new(root), disk, observers).await
    }

    pub async fn start_with(
        config: IngestConfig,
        store: StoreConfig,
        disk: &SimDisk,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<Self, IngestError> {
        Self::start_at(config, store, disk, observers, ManualClock::at(START)).await
    }

    pub async fn start_at(
        config: IngestConfig,
        store: StoreConfig,
        disk: &SimDisk,
        observers: Vec<Arc<dyn Observer>>,
        clock: Arc<ManualClock>,
    ) -> Result<Self, IngestError> {
        let (store, _) = Store::open(store, disk.shared(), clock.clone()).await.expect("the store opens");
        let random = Random::from_seed(disk.operations());
        let (ingest, recovery) =
            Ingest::start(config, store.clone(), disk.shared(), clock.clone(), random, observers).await?;
        Ok(Self { store, ingest, recovery, clock })
    }

    pub async fn submit(&self, dataset: Dataset, ids: std::ops::Range<i64>) -> Result<u64, IngestError> {
        let batch = numbered(dataset, ids);
        self.ingest.submit(vec![batch], 1_000).await.map(|ack| ack.sequence)
    }

    pub fn snapshot(&self, dataset: Dataset) -> Snapshot {
        self.store.snapshot(dataset, TimeRange::ALL).unwrap()
    }
}

pub fn numbered(dataset: Dataset, ids: std::ops::Range<i64>) -> Batch {
    numbered_at(dataset, START, ids)
}

pub fn numbered_at(dataset: Dataset, received_at: Timestamp, ids: std::ops::Range<i64>) -> Batch {
    let resource = Arc::new(Resource { attributes: vec![("service.name".into(), "api".into())] });
    let events: Vec<_> = ids
        .map(|id| Event {
            timestamp: received_at + Duration::from_nanos(id as u64),
            resource: Arc::clone(&resource),
            fields: vec![("id".into(), Value::Int(id))],
        })
        .collect();
    Batch::of_events(dataset, received_at, &events)
}

/// How often each id is stored.
pub fn stored_ids(snapshot: &Snapshot, disk: &SimDisk) -> BTreeMap<i64, u32> {
    assert!(snapshot.damaged.is_empty());
    let cold = snapshot.segments.iter().flat_map(|segment| read_segment(disk, &segment.path).unwrap());
    let batches: Vec<RecordBatch> = snapshot.hot.iter().cloned().chain(cold).collect();
    let mut ids = BTreeMap::new();
    for batch in batches {
        for id in batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values() {
            *ids.entry(*id).or_default() += 1;
        }
    }
    ids
}

/// Remembers the ids that it saw.
#[derive(Default)]
pub struct Recorder(pub Mutex<Vec<i64>>, pub Mutex<Vec<u64>>);

impl Observer for Recorder {
    fn observe(&self, sequence: u64, batch: &Batch) {
        self.0.lock().extend(batch.rows.iter().filter_map(|row| row.get("id")?.as_int()));
        self.1.lock().push(sequence);
    }
}
