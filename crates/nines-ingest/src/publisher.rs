//! The one thread that makes batches visible.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::oneshot;

use nines_model::Batch;
use nines_storage::Store;
use nines_wal::Ticket;

use crate::IngestError;
use crate::ingest::{Ack, InFlight, Shared};

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
    pub parts: Vec<(Ticket, Batch)>,
    pub bytes: u64,
    pub submitted: Duration,
    pub ack: oneshot::Sender<Result<Ack, IngestError>>,
    pub in_flight: InFlight,
}

pub(crate) struct Publisher {
    pub store: Store,
    pub observers: Vec<Arc<dyn Observer>>,
    pub shared: Arc<Shared>,
}

impl Publisher {
    pub fn run(mut self, queue: &Receiver<Message>) {
        while let Ok(message) = queue.recv() {
            match message {
                Message::Request(request) => self.publish_request(request),
                Message::Cut(cut) => cut(&mut self),
            }
        }
    }

    fn publish_request(&self, request: Request) {
        let Request { parts, bytes, submitted, ack, in_flight } = request;
        let mut done = Ack::default();
        let mut failure = None;
        let mut accepted = Vec::with_capacity(parts.len());
        for (ticket, batch) in parts {
            match ticket.wait() {
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
        drop(in_flight);
        let outcome = failure.map_or(Ok(done), Err);
        {
            let mut stats = self.shared.stats.lock();
            stats.ack_latency.record(self.shared.clock.monotonic().saturating_sub(submitted));
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
        }
        // The client may have gone away; the rows stand.
        let _ = ack.send(outcome);
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
