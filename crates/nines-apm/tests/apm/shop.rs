//! A made-up shop whose spans are known one by one, in a store that holds half of them hot and half sealed.

use std::sync::Arc;

use nines_apm::Apm;
use nines_base::SystemClock;
use nines_base::disk::RealDisk;
use nines_model::{Batch, Dataset, Event, Resource, TimeRange, Timestamp, Value};
use nines_query::{Engine, EngineConfig};
use nines_storage::{Store, StoreConfig};
use tempfile::TempDir;

pub const START: Timestamp = Timestamp::from_secs(1_800_000_000);
pub const SEED: u64 = 20_261_122;

/// The hour in which everything happens.
pub fn hour() -> TimeRange {
    TimeRange::new(START, Timestamp::from_secs(START.as_secs() + 3_600))
}

#[derive(Debug, Clone)]
pub struct Made {
    pub at: Timestamp,
    pub trace: String,
    pub id: String,
    pub parent: Option<String>,
    pub service: &'static str,
    pub version: &'static str,
    pub region: &'static str,
    pub name: String,
    pub kind: &'static str,
    pub duration_ns: i64,
    pub error: bool,
    pub more: Vec<(&'static str, Value)>,
}

impl Made {
    pub fn is_entry(&self) -> bool {
        matches!(self.kind, "server" | "consumer") || self.parent.is_none()
    }

    fn event(&self) -> Event {
        let attributes = [
            ("service.name", self.service),
            ("service.version", self.version),
            ("cloud.region", self.region),
            ("host.name", "h1"),
        ];
        let mut fields = vec![
            ("trace_id", Value::str(&self.trace)),
            ("span_id", Value::str(&self.id)),
            ("name", Value::str(&self.name)),
            ("kind", Value::str(self.kind)),
            ("duration_ns", Value::Int(self.duration_ns)),
            ("status_code", Value::str(if self.error { "error" } else { "unset" })),
        ];
        fields.extend(self.parent.as_ref().map(|parent| ("parent_span_id", Value::str(parent))));
        fields.extend(self.more.iter().cloned());
        event(self.at, &attributes, fields)
    }
}

pub fn event(at: Timestamp, resource: &[(&str, &str)], fields: Vec<(&str, Value)>) -> Event {
    Event {
        timestamp: at,
        resource: Arc::new(Resource {
            attributes: resource.iter().map(|(name, value)| ((*name).into(), Value::str(value))).collect(),
        }),
        fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    }
}

/// splitmix64.
pub struct Draws(pub u64);

impl Draws {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }

    pub fn id(&mut self) -> String {
        format!("{:016x}", self.below(u64::MAX))
    }
}

/// `traces` requests: gateway → checkout → payment, the database of payment, and a queue to mail. In Berlin, checkout
/// 2.0 fails every other time.
pub fn requests(traces: usize) -> Vec<Made> {
    println!("seed {SEED}");
    let mut draws = Draws(SEED);
    let mut spans = Vec::new();
    for number in 0..traces {
        let at =
            Timestamp::from_nanos(START.as_nanos() + (number as i64) * (3_500_000_000_000 / traces as i64));
        let trace = format!("{}{}", draws.id(), draws.id());
        let region = ["asia-east1", "europe-west10"][draws.below(2) as usize];
        let version = ["1.9", "2.0"][draws.below(2) as usize];
        let failed = version == "2.0" && region == "europe-west10" && draws.below(2) == 0;
        let mut span = |parent: Option<&Made>, service, name: &str, kind, millis: u64, error| Made {
            at: Timestamp::from_nanos(parent.map_or(at, |parent| parent.at).as_nanos() + 1_000_000),
            trace: trace.clone(),
            id: draws.id(),
            parent: parent.map(|parent| parent.id.clone()),
            service,
            version: if service == "checkout" { version } else { "1.0" },
            region,
            name: name.to_owned(),
            kind,
            duration_ns: (millis * 1_000_000 + draws.below(millis * 200_000 + 1)) as i64,
            error,
            more: Vec::new(),
        };
        let route = ["POST /buy", "GET /list"][number % 2];
        let root = span(None, "gateway", route, "server", 80, failed);
        let mut call = span(Some(&root), "gateway", "POST checkout", "client", 70, failed);
        call.more.push(("peer.service", "checkout".into()));
        let checkout = span(Some(&call), "checkout", "POST /checkout", "server", 60, failed);
        let mut call_payment = span(Some(&checkout), "checkout", "POST payment", "client", 30, false);
        call_payment.more.push(("peer.service", "payment".into()));
        let payment = span(Some(&call_payment), "payment", "POST /pay", "server", 20, false);
        let mut database = span(Some(&payment), "payment", "INSERT", "client", 10, false);
        database.more.push(("db.system.name", "postgresql".into()));
        database.more.push(("db.namespace", "pay".into()));
        let mut queue = span(Some(&checkout), "checkout", "send mail", "producer", 1, false);
        queue.more.push(("messaging.system", "kafka".into()));
        queue.more.push(("messaging.destination.name", "mail".into()));
        spans.extend([root, call, checkout, call_payment, payment, database, queue]);
    }
    spans
}

pub struct Fixture {
    pub apm: Apm,
    _folder: TempDir,
}

impl Fixture {
    pub async fn of(spans: &[Made], logs: Vec<Event>) -> Self {
        let events: Vec<Event> = spans.iter().map(Made::event).collect();
        Self::of_events(events, logs).await
    }

    pub async fn of_events(spans: Vec<Event>, logs: Vec<Event>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SystemClock::shared();
        let (store, _) = Store::open(StoreConfig::new(folder.path()), Arc::new(RealDisk), Arc::clone(&clock))
            .await
            .unwrap();
        let engine = Engine::new(store.clone(), EngineConfig::default(), clock).unwrap();
        let (sealed, hot) = spans.split_at(spans.len() / 2);
        let append = |sequence, dataset, events: &[Event]| {
            let batch = Batch::of_events(dataset, START, events);
            assert!(store.append(sequence, &batch));
        };
        append(1, Dataset::Spans, sealed);
        store.seal_all().await.unwrap();
        append(2, Dataset::Spans, hot);
        append(3, Dataset::Logs, &logs);
        Self { apm: Apm::new(engine), _folder: folder }
    }
}
