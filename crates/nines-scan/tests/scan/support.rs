//! A store in a temporary folder, a scanner over it, and events in a few words.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nines_base::SystemClock;
use nines_base::disk::RealDisk;
use nines_filter::Filter;
use nines_model::{Batch, Dataset, Event, Resource, TimeRange, Timestamp, Value};
use nines_scan::{Scanner, ScannerConfig, SearchRequest, SearchResult};
use nines_storage::{Store, StoreConfig};
use tempfile::TempDir;

pub struct Fixture {
    pub store: Store,
    pub scanner: Scanner,
    sequence: AtomicU64,
    pub folder: TempDir,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with_config(ScannerConfig::default()).await
    }

    pub async fn with_config(config: ScannerConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SystemClock::shared();
        let (store, _) = Store::open(StoreConfig::new(folder.path()), Arc::new(RealDisk), Arc::clone(&clock))
            .await
            .unwrap();
        let scanner = Scanner::new(store.clone(), config, clock).unwrap();
        Self { store, scanner, sequence: AtomicU64::new(1), folder }
    }

    pub fn append(&self, dataset: Dataset, events: Vec<Event>) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let batch = Batch::of_events(dataset, Timestamp::from_secs(1_000), &events);
        assert!(self.store.append(sequence, &batch));
    }

    /// Makes segments of all hot rows.
    pub async fn seal(&self) {
        self.store.seal_all().await.unwrap();
    }

    pub async fn search(&self, dataset: Dataset, filter: &str) -> SearchResult {
        let filter = Filter::parse(filter).unwrap();
        let request = SearchRequest { limit: 10_000, ..SearchRequest::new(dataset, filter, TimeRange::ALL) };
        self.scanner.search(request).await.unwrap()
    }
}

/// An event at second `at` without resource.
pub fn event(at: i64, fields: &[(&str, Value)]) -> Event {
    event_of(Timestamp::from_secs(at), &[], fields)
}

pub fn event_of(timestamp: Timestamp, resource: &[(&str, Value)], fields: &[(&str, Value)]) -> Event {
    let named = |fields: &[(&str, Value)]| {
        fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
    };
    Event { timestamp, resource: Arc::new(Resource { attributes: named(resource) }), fields: named(fields) }
}

pub fn span(at: i64, service: &str, name: &str, millis: i64, status: &str) -> Event {
    event_of(
        Timestamp::from_secs(at),
        &[("service.name", service.into())],
        &[
            ("name", name.into()),
            ("duration_ns", (millis * 1_000_000).into()),
            ("status_code", status.into()),
            ("trace_id", format!("{at:032x}").as_str().into()),
            ("span_id", format!("{at:016x}").as_str().into()),
        ],
    )
}
