//! The one thread that makes batches visible.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use nines_model::{Batch, Dataset};
use nines_storage::Store;
use nines_wal::{JournalError, Ticket};

use crate::IngestError;
use crate::ingest::{Ack, InFlight, Shared};
use crate::queue::Queue;

/// Senders of what shared a commit are answered together, so that a thread that answers is woken once; but after so many
/// events at the latest, a few milliseconds of work.
const EVENTS_BETWEEN_ANSWERS: u64 = 2_000;

/// Sees every batch, in order of sequence number, on the publisher's thread and before the batch is acknowledged:
/// whatever it takes, every client waits for. It must not block. A panic is caught and counted.
pub trait Observer: Send + Sync {
    fn observe(&self, sequence: u64, batch: &Batch);
}

/// Changes batches before they are encoded, so that what it takes out is in no file. It may run on several threads.
pub trait Scrubber: Send + Sync + std::fmt::Debug {
    fn scrub(&self, batch: &mut Batch);
}

pub(crate) enum Message {
    Request(Request),
    /// Runs between two batches.
    Cut(Box<dyn FnOnce(&mut Publisher) + Send>),
}

pub(crate) struct Request {
    pub parts: Vec<Part>,
    pub bytes: u64,
    pub submitted: Duration,
    pub ack: oneshot::Sender<Result<Ack, IngestError>>,
    pub in_flight: InFlight,
}

/// A batch with its place in the journal.
pub(crate) struct Part {
    ticket: Ticket,
    outcome: Option<Result<u64, JournalError>>,
    batch: Batch,
}

impl Part {
    pub fn new(ticket: Ticket, batch: Batch) -> Self {
        Self { ticket, outcome: None, batch }
    }
}

impl Message {
    /// Whether it is known what became of all its records.
    pub fn is_ready(&mut self) -> bool {
        let Self::Request(request) = self else { return true };
        request.parts.iter_mut().all(|part| {
            if part.outcome.is_none() {
                part.outcome = part.ticket.try_wait();
            }
            part.outcome.is_some()
        })
    }
}

pub(crate) struct Publisher {
    pub store: Store,
    pub observers: Vec<Arc<dyn Observer>>,
    pub shared: Arc<Shared>,
}

/// A request that is published and not answered yet.
struct Published {
    bytes: u64,
    submitted: Duration,
    ack: oneshot::Sender<Result<Ack, IngestError>>,
    in_flight: InFlight,
    outcome: Result<Ack, IngestError>,
    accepted: Vec<(Dataset, u64)>,
}

impl Publisher {
    pub fn run(mut self, queue: &Queue) {
        // If this thread ever panics, requests must fail rather than wait for ever.
        let _abandon = AbandonOnDrop(queue);
        while let Some(messages) = queue.next() {
            self.publish_all(messages);
        }
    }

    fn publish_all(&mut self, messages: VecDeque<Message>) {
        let (mut published, mut events) = (Vec::with_capacity(messages.len()), 0);
        for message in messages {
            match message {
                Message::Request(request) => {
                    let done = self.publish_request(request);
                    events += done.accepted.iter().map(|(_, events)| events).sum::<u64>();
                    published.push(done);
                }
                Message::Cut(cut) => cut(self),
            }
            if events >= EVENTS_BETWEEN_ANSWERS {
                self.answer(published.drain(..));
                events = 0;
            }
        }
        self.answer(published.drain(..));
    }

    fn publish_request(&self, request: Request) -> Published {
        let Request { parts, bytes, submitted, ack, in_flight } = request;
        let mut done = Ack::default();
        let mut failure = None;
        let mut accepted = Vec::with_capacity(parts.len());
        for Part { ticket, outcome, batch } in parts {
            match outcome.unwrap_or_else(|| ticket.wait()) {
                Ok(sequence) => {
                    self.publish(sequence, &batch);
                    done.sequence = sequence;
                    done.events += batch.rows.len() as u64;
                    accepted.push((batch.dataset, batch.rows.len() as u64));
                }
                // Others of the request may be durable and are published: a row in the journal is a row.
                Err(error) => failure = Some(IngestError::Journal(error)),
            }
        }
        Published { bytes, submitted, ack, in_flight, outcome: failure.map_or(Ok(done), Err), accepted }
    }

    fn answer(&self, published: impl Iterator<Item = Published>) {
        let now = self.shared.clock.monotonic();
        let answers: Vec<_> = {
            let mut stats = self.shared.stats.lock();
            let count = |Published { bytes, submitted, ack, in_flight, outcome, accepted }| {
                stats.ack_latency.record(now.saturating_sub(submitted));
                for (dataset, events) in accepted {
                    *stats.accepted_events.entry(dataset).or_default() += events;
                }
                match &outcome {
                    Ok(_) => {
                        stats.accepted_requests += 1;
                        stats.accepted_bytes += bytes;
                    }
                    Err(error) => *stats.refused_requests.entry(error.reason()).or_default() += 1,
                }
                drop(in_flight);
                (ack, outcome)
            };
            published.map(count).collect()
        };
        for (ack, outcome) in answers {
            // The client may have gone away; the rows stand.
            let _ = ack.send(outcome);
        }
    }

    /// As [`Publisher::publish`], at recovery: observers see exactly what was not sealed yet.
    pub fn replay(&self, sequence: u64, batch: &Batch) -> bool {
        let is_new = self.store.append(sequence, batch);
        if is_new {
            self.notify(sequence, batch);
        }
        is_new
    }

    fn publish(&self, sequence: u64, batch: &Batch) {
        if !self.store.append(sequence, batch) {
            tracing::error!(sequence, dataset = %batch.dataset, "a new batch has a sequence number that was used");
        }
        self.notify(sequence, batch);
    }

    fn notify(&self, sequence: u64, batch: &Batch) {
        for observer in &self.observers {
            // An observer that panics has lost this batch; ingest must not lose the rest of the day.
            if catch_unwind(AssertUnwindSafe(|| observer.observe(sequence, batch))).is_err() {
                tracing::error!(sequence, dataset = %batch.dataset, "an observer panicked");
                self.shared.stats.lock().observer_panics += 1;
            }
        }
    }
}

struct AbandonOnDrop<'a>(&'a Queue);

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
