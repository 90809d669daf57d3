use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use nines_base::disk::SharedDisk;
use nines_base::{KIB, MIB, Random, SharedClock};
use nines_model::{Batch, Dataset, RowSet, Timestamp, field};
use nines_storage::Store;
use nines_storage::format::{FormatError, decode_batch, encode_batch};
use nines_wal::{Journal, JournalConfig, JournalRecovery};

use crate::IngestError;
use crate::error::RETRY_AFTER;
use crate::publisher::{Message, Observer, Part, Publisher, Request, Scrubber};
use crate::queue::Queue;
use crate::stats::IngestStats;

/// Requests that wait for their acknowledgement. The bytes are bounded apart; this bounds what each one costs besides
/// (tickets, channels), and is far above the number of connections that a node serves.
const INFLIGHT_REQUESTS_MAX: u64 = 8_192;

/// Events stamped further away from their arrival than this are counted, and log lines among them keep when they arrived.
/// Indicators believe no event that is further ahead (`nines_slo::FUTURE_MAX`); batches and retries of senders that are
/// well take a few minutes at most.
pub const FAR_MIN: Duration = Duration::from_secs(10 * 60);

/// Larger requests are encoded on the blocking pool: this much takes about a millisecond.
const ENCODE_INLINE_BYTES_MAX: u64 = 256 * KIB;

/// The free space of the disk is asked for at most this often.
const FREE_SPACE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct IngestConfig {
    pub journal: JournalConfig,
    /// One request, as the caller counts it.
    pub request_bytes_max: u64,
    /// All requests that are not acknowledged yet.
    pub inflight_bytes_max: u64,
    /// Below this much free space nothing is accepted, so that alerts, audit and sealing can still write.
    pub free_bytes_min: u64,
    /// Changes every batch before it is written, if there is one.
    pub scrubber: Option<Arc<dyn Scrubber>>,
}

impl IngestConfig {
    /// 32 MiB per request is above every protocol's own limit (OTLP 20 MiB). 64 MiB in flight are about a second of a
    /// busy node, and decoded events take some times as much memory. 256 MiB of free space hold one seal of every
    /// dataset and the control databases.
    pub fn new(journal: JournalConfig) -> Self {
        Self {
            journal,
            request_bytes_max: 64 * MIB,
            inflight_bytes_max: 64 * MIB,
            free_bytes_min: 256 * MIB,
            scrubber: None,
        }
    }
}

/// What was acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ack {
    /// Of the last batch of the request; 0 if the request was empty.
    pub sequence: u64,
    pub events: u64,
}

/// What [`Ingest::start`] found in the journal.
#[derive(Debug, Clone, Default)]
pub struct IngestRecovery {
    pub journal: JournalRecovery,
    /// Not sealed yet: now hot, and seen by the observers.
    pub replayed_batches: u64,
    pub replayed_events: u64,
    /// Whole records that are not batches. They are logged and left out.
    pub unreadable_records: u64,
}

/// The way in for telemetry. Cloning shares it.
#[derive(Clone)]
pub struct Ingest(Arc<Inner>);

struct Inner {
    config: IngestConfig,
    store: Store,
    disk: SharedDisk,
    journal: Journal,
    shared: Arc<Shared>,
    /// Its line is held while a request gets its sequence numbers and its place, so that both orders are the same.
    queue: Arc<Queue>,
    publisher: Mutex<Option<thread::JoinHandle<()>>>,
    free_space: Mutex<Option<(Duration, u64)>>,
}

pub(crate) struct Shared {
    pub clock: SharedClock,
    pub stats: Mutex<IngestStats>,
    inflight_bytes: AtomicU64,
    inflight_requests: AtomicU64,
}

/// A request's share of the bounds, given back when it is published.
pub(crate) struct InFlight {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Ingest {
    /// Opens the journal, replays what is not sealed into the store and to `observers`, attaches the journal to the
    /// store, and is then ready. An observer that wants history as well takes it from `store.snapshot` *before* this
    /// call (there are no hot rows then), and gets the rest here; one that comes later uses
    /// [`Ingest::add_observer_at_cut`].
    pub async fn start(
        config: IngestConfig,
        store: Store,
        disk: SharedDisk,
        clock: SharedClock,
        random: Random,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<(Self, IngestRecovery), IngestError> {
        let shared = Arc::new(Shared {
            clock: Arc::clone(&clock),
            stats: Mutex::default(),
            inflight_bytes: AtomicU64::new(0),
            inflight_requests: AtomicU64::new(0),
        });
        let publisher = Publisher { store: store.clone(), observers, shared: Arc::clone(&shared) };
        let opening = {
            let (config, disk) = (config.journal.clone(), Arc::clone(&disk));
            tokio::task::spawn_blocking(move || open_journal(config, disk, clock, random, publisher))
        };
        let (journal, publisher, recovery) = opening.await??;
        store.attach_journal(journal.clone());
        let queue = Arc::new(Queue::default());
        let told = Arc::clone(&queue);
        journal.on_commit(move || told.tell());
        let served = Arc::clone(&queue);
        let thread = thread::Builder::new().name("publisher".into()).spawn(move || publisher.run(&served));
        let inner = Inner {
            config,
            store,
            disk,
            journal,
            shared,
            queue,
            publisher: Mutex::new(Some(thread.map_err(IngestError::Start)?)),
            free_space: Mutex::new(None),
        };
        Ok((Self(Arc::new(inner)), recovery))
    }

    /// Makes batches durable, visible and observed, in this order, and resolves then. `bytes` is what the request
    /// counts towards the limits: its size after decompression. Events without a time get `received_at`.
    ///
    /// Errors say themselves whether and when to try again ([`IngestError::retry_after`]).
    pub async fn submit(&self, batches: Vec<Batch>, bytes: u64) -> Result<Ack, IngestError> {
        let answer = match self.enqueue(batches, bytes).await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(Ack::default()),
            Err(error) => {
                *self.0.shared.stats.lock().refused_requests.entry(error.reason()).or_default() += 1;
                return Err(error);
            }
        };
        answer.await.unwrap_or(Err(IngestError::Closed))
    }

    /// `None` if there is nothing to store.
    async fn enqueue(
        &self,
        mut batches: Vec<Batch>,
        bytes: u64,
    ) -> Result<Option<oneshot::Receiver<Result<Ack, IngestError>>>, IngestError> {
        let submitted = self.0.shared.clock.monotonic();
        self.check_room(bytes)?;
        let in_flight = self.reserve(bytes)?;
        batches.retain(|batch| !batch.rows.is_empty());
        if batches.is_empty() {
            return Ok(None);
        }
        if let Some(notice) = batches.iter().find_map(|batch| self.0.store.refusal(batch.dataset)) {
            return Err(IngestError::StoreFull(notice));
        }
        self.mend_times(&mut batches);
        let encoded = if bytes > ENCODE_INLINE_BYTES_MAX {
            let scrubber = self.0.config.scrubber.clone();
            tokio::task::spawn_blocking(move || encode(batches, scrubber.as_deref())).await?
        } else {
            encode(batches, self.0.config.scrubber.as_deref())
        };
        let (ack, answer) = oneshot::channel();
        let mut line = self.0.queue.line().ok_or(IngestError::Closed)?;
        let mut parts = Vec::with_capacity(encoded.len());
        let mut refusal = None;
        for (payload, batch) in encoded {
            match self.0.journal.append(payload) {
                Ok(ticket) => parts.push(Part::new(ticket, batch)),
                Err(error) => {
                    refusal = Some(IngestError::Journal(error));
                    break;
                }
            }
        }
        if parts.is_empty()
            && let Some(refusal) = refusal
        {
            return Err(refusal);
        }
        // What has a sequence number must be published, even if the request as a whole is refused.
        let request = Request { parts, bytes, submitted, ack, in_flight };
        line.push(Message::Request(request));
        refusal.map_or(Ok(Some(answer)), Err)
    }

    fn check_room(&self, bytes: u64) -> Result<(), IngestError> {
        let Inner { config, store, .. } = self.0.as_ref();
        if bytes > config.request_bytes_max {
            return Err(IngestError::TooLarge { bytes, limit: config.request_bytes_max });
        }
        if store.hot_bytes() > store.config().hot_bytes_max {
            return Err(IngestError::Overloaded { bound: "hot rows", retry_after: RETRY_AFTER });
        }
        let free = self.free_bytes();
        if free < config.free_bytes_min {
            return Err(IngestError::DiskFull { free, needed: config.free_bytes_min });
        }
        Ok(())
    }

    /// If the disk does not say, the journal will.
    fn free_bytes(&self) -> u64 {
        let now = self.0.shared.clock.monotonic();
        let mut known = self.0.free_space.lock();
        match *known {
            Some((at, free)) if now.saturating_sub(at) < FREE_SPACE_INTERVAL => free,
            _ => {
                let free = self.0.disk.free_bytes(&self.0.config.journal.folder).unwrap_or(u64::MAX);
                *known = Some((now, free));
                free
            }
        }
    }

    fn reserve(&self, bytes: u64) -> Result<InFlight, IngestError> {
        let shared = &self.0.shared;
        // Counted first and given back by the guard, so that two requests cannot both take the last place.
        let in_flight = InFlight { shared: Arc::clone(shared), bytes };
        let all_bytes = shared.inflight_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let all_requests = shared.inflight_requests.fetch_add(1, Ordering::Relaxed) + 1;
        if all_bytes > self.0.config.inflight_bytes_max {
            return Err(IngestError::Overloaded { bound: "bytes in flight", retry_after: RETRY_AFTER });
        }
        if all_requests > INFLIGHT_REQUESTS_MAX {
            return Err(IngestError::Overloaded { bound: "requests in flight", retry_after: RETRY_AFTER });
        }
        Ok(in_flight)
    }

    /// Events without a time get that of their arrival. The others keep what their sender says, however far away it is;
    /// those that are far away are counted, and log lines among them say when they arrived, if nobody saw them before.
    fn mend_times(&self, batches: &mut [Batch]) {
        let (mut undated, mut ahead, mut late) = (0, 0, 0);
        for batch in batches {
            let arrived = batch.received_at.as_nanos();
            let (earliest, latest) = (batch.received_at - FAR_MIN, batch.received_at + FAR_MIN);
            let is_near = |at: i64| (earliest.as_nanos() <= at) & (at <= latest.as_nanos());
            // Nearly every batch is done with this one look, which has no branch for each row.
            if batch.rows.timestamps().iter().fold(true, |all, at| all & is_near(*at)) {
                continue;
            }
            let mut far = RowSet::none(batch.rows.len());
            for (row, at) in batch.rows.timestamps_mut().iter_mut().enumerate() {
                if *at == Timestamp::EPOCH.as_nanos() {
                    *at = arrived;
                    undated += 1;
                } else if !is_near(*at) {
                    far.insert(row);
                    *(if *at > arrived { &mut ahead } else { &mut late }) += 1;
                }
            }
            if batch.dataset == Dataset::Logs {
                batch.rows.fill_int(field::OBSERVED_TIMESTAMP, far, arrived);
            }
        }
        if undated + ahead + late > 0 {
            let mut stats = self.0.shared.stats.lock();
            stats.undated_events += undated;
            stats.ahead_events += ahead;
            stats.late_events += late;
        }
    }

    /// Runs `act` on the publisher's thread between two batches, with the sequence number of the last one published.
    /// A snapshot taken inside holds exactly the batches up to it. Every client waits meanwhile, so it must be quick.
    pub async fn at_cut<R: Send + 'static>(
        &self,
        act: impl FnOnce(u64) -> R + Send + 'static,
    ) -> Result<R, IngestError> {
        self.cut(|publisher| act(publisher.store.last_sequence())).await
    }

    /// As [`Ingest::at_cut`]; the observer that `make` returns sees every batch from there on, and none before.
    /// Returns the sequence number of the cut.
    pub async fn add_observer_at_cut(
        &self,
        make: impl FnOnce(u64) -> Arc<dyn Observer> + Send + 'static,
    ) -> Result<u64, IngestError> {
        self.cut(|publisher| {
            let sequence = publisher.store.last_sequence();
            let observer = make(sequence);
            publisher.observers.push(observer);
            sequence
        })
        .await
    }

    async fn cut<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Publisher) -> R + Send + 'static,
    ) -> Result<R, IngestError> {
        let in_flight = self.reserve(0)?;
        let (send, answer) = oneshot::channel();
        let cut = Message::Cut(Box::new(move |publisher| {
            let result = act(publisher);
            drop(in_flight);
            // Nobody waits any more: the act stands.
            let _ = send.send(result);
        }));
        self.0.queue.line().ok_or(IngestError::Closed)?.push(cut);
        self.0.queue.tell();
        answer.await.map_err(|_| IngestError::Closed)
    }

    pub fn stats(&self) -> IngestStats {
        let shared = &self.0.shared;
        IngestStats {
            inflight_bytes: shared.inflight_bytes.load(Ordering::Relaxed),
            inflight_requests: shared.inflight_requests.load(Ordering::Relaxed),
            last_sequence: self.0.store.last_sequence(),
            journal: self.0.journal.stats(),
            ..shared.stats.lock().clone()
        }
    }

    /// Refuses new requests, finishes those in flight and closes the journal. Close the store after this.
    pub async fn close(&self) -> Result<(), IngestError> {
        self.0.queue.close();
        let publisher = self.0.publisher.lock().take();
        let journal = self.0.journal.clone();
        tokio::task::spawn_blocking(move || {
            if publisher.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the publisher panicked");
            }
            journal.close();
        })
        .await?;
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.inflight_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.shared.inflight_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

fn encode(mut batches: Vec<Batch>, scrubber: Option<&dyn Scrubber>) -> Vec<(Vec<u8>, Batch)> {
    if let Some(scrubber) = scrubber {
        batches.iter_mut().for_each(|batch| scrubber.scrub(batch));
    }
    batches.into_iter().map(|batch| (encode_batch(&batch), batch)).collect()
}

fn open_journal(
    config: JournalConfig,
    disk: SharedDisk,
    clock: SharedClock,
    random: Random,
    publisher: Publisher,
) -> Result<(Journal, Publisher, IngestRecovery), IngestError> {
    let sequence_min = publisher.store.last_sequence() + 1;
    let mut recovery = IngestRecovery::default();
    let mut newer_format = None;
    let (journal, found) = Journal::open(
        config,
        disk,
        clock,
        random,
        sequence_min,
        &mut |sequence, payload| match decode_batch(payload) {
            Ok(batch) => {
                if publisher.replay(sequence, &batch) {
                    recovery.replayed_batches += 1;
                    recovery.replayed_events += batch.rows.len() as u64;
                }
            }
            Err(source @ FormatError::Version(_)) => {
                newer_format.get_or_insert(IngestError::Record { sequence, source });
            }
            Err(error) => {
                tracing::error!(sequence, %error, "journal record is not a batch");
                recovery.unreadable_records += 1;
            }
        },
    )?;
    recovery.journal = found;
    // Going on would truncate what a newer build can read.
    newer_format.map_or(Ok((journal, publisher, recovery)), Err)
}
