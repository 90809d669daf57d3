//! Live tails: what the publisher sees, for those who watch.
//!
//! The publisher calls [`Tails::observe`] for every batch, and every sender waits for it. So a batch costs nothing while
//! nobody watches, and a bounded share of a second otherwise: each tail looks at [`EVENTS_PER_SECOND`] events and keeps
//! [`ROWS_PER_SECOND`] at most. What it leaves out is counted and told, never silently dropped. Nothing here waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use nines_api::TailRows;
use nines_base::SharedClock;
use nines_filter::Filter;
use nines_model::{Batch, Dataset, RowRef, ValueRef, field};
use parking_lot::Mutex;
use serde_json::{Map, json};
use tokio::sync::mpsc;

/// Tails at once. With all of them open, a busy second costs the publisher 8 × 50 000 × 0.5 µs = 0.2 s.
pub const TAILS_MAX: usize = 8;
/// Events that one tail looks at in a second of received time.
pub const EVENTS_PER_SECOND: u64 = 50_000;
/// Rows that one tail passes on in a second: more than anybody reads.
pub const ROWS_PER_SECOND: u64 = 500;
/// Rows that wait for a slow reader: two seconds of them.
const WAITING_MAX: usize = 1_000;
/// Rows that come within this time go out together.
const GATHER: Duration = Duration::from_millis(200);

type Row = Map<String, serde_json::Value>;

/// All tails of a node. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tails {
    open: Arc<ArcSwap<Vec<Arc<Tail>>>>,
    /// Held while the list changes.
    turn: Arc<Mutex<()>>,
}

/// One watcher, as the publisher sees it.
struct Tail {
    dataset: Dataset,
    filter: Filter,
    sender: mpsc::Sender<Row>,
    spent: Mutex<Spent>,
    skipped: AtomicU64,
    unread: AtomicU64,
}

/// What a tail has used up in one second of received time.
#[derive(Default)]
struct Spent {
    second: i64,
    events: u64,
    rows: u64,
}

/// One watcher's end. Dropping it closes the tail.
pub struct TailReader {
    tails: Tails,
    tail: Arc<Tail>,
    receiver: mpsc::Receiver<Row>,
}

impl Tails {
    /// Called for every batch, in order.
    pub fn observe(&self, batch: &Batch) {
        let open = self.open.load();
        for tail in open.iter().filter(|tail| tail.dataset == batch.dataset) {
            tail.observe(batch);
        }
    }

    /// Starts to watch; `None` if [`TAILS_MAX`] do already.
    pub fn open(&self, dataset: Dataset, filter: Filter) -> Option<TailReader> {
        let _turn = self.turn.lock();
        let mut open = Vec::clone(&self.open.load());
        if open.len() >= TAILS_MAX {
            return None;
        }
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let tail = Arc::new(Tail {
            dataset,
            filter,
            sender,
            spent: Mutex::default(),
            skipped: AtomicU64::new(0),
            unread: AtomicU64::new(0),
        });
        open.push(Arc::clone(&tail));
        self.open.store(Arc::new(open));
        Some(TailReader { tails: self.clone(), tail, receiver })
    }

    fn close(&self, tail: &Arc<Tail>) {
        let _turn = self.turn.lock();
        let open = self.open.load();
        self.open.store(Arc::new(open.iter().filter(|known| !Arc::ptr_eq(known, tail)).cloned().collect()));
    }
}

impl Tail {
    fn observe(&self, batch: &Batch) {
        let mut spent = self.spent.lock();
        let second = batch.received_at.as_secs();
        if spent.second != second {
            *spent = Spent { second, ..Spent::default() };
        }
        let left = usize::try_from(EVENTS_PER_SECOND.saturating_sub(spent.events)).unwrap_or(usize::MAX);
        let looked_at = batch.rows.len().min(left);
        spent.events += looked_at as u64;
        self.unread.fetch_add((batch.rows.len() - looked_at) as u64, Ordering::Relaxed);
        for event in batch.rows.iter().take(looked_at).filter(|event| self.filter.accepts(event)) {
            let kept = spent.rows < ROWS_PER_SECOND && self.sender.try_send(row(event)).is_ok();
            if kept {
                spent.rows += 1;
            } else {
                self.skipped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl TailReader {
    /// The next rows, as soon as there are some; `None` never comes while the tail is open.
    pub async fn next(&mut self, clock: &SharedClock) -> Option<TailRows> {
        let mut rows = vec![self.receiver.recv().await?];
        clock.sleep(GATHER).await;
        while let Ok(row) = self.receiver.try_recv() {
            rows.push(row);
        }
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Some(TailRows { rows, skipped: take(&self.tail.skipped), unread: take(&self.tail.unread) })
    }
}

impl Drop for TailReader {
    fn drop(&mut self) {
        self.tails.close(&self.tail);
    }
}

/// As search shows it: the event's own fields before those of its resource.
fn row(event: RowRef<'_>) -> Row {
    let mut row = Row::new();
    row.insert(field::TIMESTAMP.to_owned(), json!(event.timestamp().to_string()));
    for (name, value) in event.fields() {
        row.entry(name.as_str()).or_insert_with(|| rendered(value));
    }
    row
}

fn rendered(value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Str(text) => json!(text),
        ValueRef::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        ValueRef::Int(number) => json!(number),
        ValueRef::Float(number) => json!(number),
        ValueRef::Bool(flag) => json!(flag),
        ValueRef::Bytes(bytes) => json!(format!("{} bytes", bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nines_base::SystemClock;
    use nines_model::{Event, Name, Resource, Timestamp, Value};

    use super::*;

    fn batch(second: i64, bodies: impl Iterator<Item = String>) -> Batch {
        let resource =
            Arc::new(Resource { attributes: vec![(Name::new("service.name"), Value::str("shop"))] });
        let event = |body: String| Event {
            timestamp: Timestamp::from_secs(second),
            resource: Arc::clone(&resource),
            fields: vec![(Name::new("body"), Value::str(&body))],
        };
        let events: Vec<_> = bodies.map(event).collect();
        Batch::of_events(Dataset::Logs, Timestamp::from_secs(second), &events)
    }

    #[tokio::test]
    async fn matching_rows_come_in_order_of_arrival() {
        let (tails, clock) = (Tails::default(), SystemClock::shared());
        tails.observe(&batch(1, ["before anybody watches".to_owned()].into_iter()));
        let mut reader = tails.open(Dataset::Logs, Filter::parse("body: even*").unwrap()).unwrap();
        tails.observe(&batch(2, (0..6).map(|n| format!("{} {n}", if n % 2 == 0 { "even" } else { "odd" }))));
        let rows = reader.next(&clock).await.unwrap();
        let bodies: Vec<_> = rows.rows.iter().map(|row| row["body"].as_str().unwrap()).collect();
        assert_eq!(bodies, ["even 0", "even 2", "even 4"]);
        assert_eq!((rows.skipped, rows.unread), (0, 0));
        assert_eq!(rows.rows[0]["service.name"], "shop");
        assert_eq!(rows.rows[0]["timestamp"], "1970-01-01T00:00:02Z");
    }

    #[tokio::test]
    async fn what_is_left_out_is_counted() {
        let (tails, clock) = (Tails::default(), SystemClock::shared());
        let mut reader = tails.open(Dataset::Logs, Filter::all()).unwrap();
        let many = EVENTS_PER_SECOND + 7;
        tails.observe(&batch(1, (0..many).map(|n| n.to_string())));
        let rows = reader.next(&clock).await.unwrap();
        assert_eq!(rows.rows.len() as u64, ROWS_PER_SECOND);
        assert_eq!((rows.skipped, rows.unread), (EVENTS_PER_SECOND - ROWS_PER_SECOND, 7));
        // The next second begins anew, until a reader that does not read has no room left.
        for second in 2..5 {
            tails.observe(&batch(second, (0..ROWS_PER_SECOND).map(|n| n.to_string())));
        }
        let rows = reader.next(&clock).await.unwrap();
        assert_eq!((rows.rows.len(), rows.skipped), (WAITING_MAX, ROWS_PER_SECOND));
    }

    #[test]
    fn there_is_a_bound_and_dropping_closes() {
        let tails = Tails::default();
        let mut readers: Vec<_> =
            (0..TAILS_MAX).map(|_| tails.open(Dataset::Logs, Filter::all()).unwrap()).collect();
        assert!(tails.open(Dataset::Logs, Filter::all()).is_none());
        readers.pop();
        assert!(tails.open(Dataset::Logs, Filter::all()).is_some());
    }
}
