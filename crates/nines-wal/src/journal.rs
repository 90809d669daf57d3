use std::collections::VecDeque;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot::{self, error::TryRecvError};

use nines_base::disk::SharedDisk;
use nines_base::{KIB, MIB, Random, SharedClock};

use crate::record::RECORD_HEADER_BYTES;
use crate::recovery::{ClosedSegment, JournalRecovery, recover};
use crate::stats::JournalStats;
use crate::writer::Writer;
use crate::{JournalError, record};

/// Nobody is waited for when so much is there: its write takes longer than its sync.
const GATHER_BYTES_MAX: u64 = 256 * KIB;

#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// Made if absent. Nothing else may write there.
    pub folder: PathBuf,
    /// A segment is closed by the first commit that finds it at this size.
    pub segment_bytes_max: u64,
    /// Appended but not yet durable; more is refused with [`JournalError::QueueFull`].
    pub queue_bytes_max: u64,
    /// How long a commit waits for the next records of those whom the last one answered, counted from its end. They
    /// usually come within a fraction of it; one sync then serves all of them, and nobody waits who sends alone.
    pub gather_max: Duration,
}

impl JournalConfig {
    /// 64 MiB segments: small enough that truncation gives space back soon and recovery reads one into memory, large
    /// enough that creating files costs nothing. 64 MiB of queue: more than one second of what a slow disk (50 MB/s)
    /// can write, so a longer queue would only add latency. 1 ms of gathering: some syncs of a fast disk, a part of one
    /// of a slow disk.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            segment_bytes_max: 64 * MIB,
            queue_bytes_max: 64 * MIB,
            gather_max: Duration::from_millis(1),
        }
    }
}

/// The journal of one folder. Cloning shares it. When the last clone is dropped, or at [`Journal::close`], queued
/// records are committed and the writer thread ends.
#[derive(Clone)]
pub struct Journal(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
}

pub(crate) struct Shared {
    pub config: JournalConfig,
    pub disk: SharedDisk,
    pub clock: SharedClock,
    pub random: Random,
    pub state: Mutex<State>,
    /// Signalled when there is something to commit, and at closing.
    pub work: Condvar,
    pub committed: OnceLock<Committed>,
}

/// Called on the writer's thread.
pub(crate) type Committed = Box<dyn Fn() + Send + Sync>;

pub(crate) struct State {
    pub queue: VecDeque<Pending>,
    /// Records for which the writer is worth waking.
    pub wanted: usize,
    pub next_sequence: u64,
    pub closing: bool,
    /// Oldest first; without the one being written.
    pub closed_segments: Vec<ClosedSegment>,
    /// Last durable sequence number and size of the segment being written.
    pub active: Option<(u64, u64)>,
    /// Set when everything in the active segment may go: the next commit starts a new one.
    pub rotate: bool,
    pub stats: JournalStats,
}

impl State {
    /// Whether `wanted` records have queued up, or as many bytes as a sync is worth.
    pub fn is_worth_a_commit(&self, wanted: usize) -> bool {
        self.queue.len() >= wanted || self.stats.queued_bytes >= GATHER_BYTES_MAX
    }
}

pub(crate) struct Pending {
    pub sequence: u64,
    pub payload: Vec<u8>,
    pub payload_checksum: u32,
    pub done: oneshot::Sender<Result<(), JournalError>>,
}

/// A record on its way to the disk. Dropping it does not take the record back.
#[must_use = "nothing is durable before the ticket resolves"]
#[derive(Debug)]
pub struct Ticket {
    sequence: u64,
    done: oneshot::Receiver<Result<(), JournalError>>,
}

impl Journal {
    /// Reads what is there, hands every whole record to `replay` in order of sequence number, and is then ready to
    /// append. Blocks; costs one read of all segments. New records are numbered above everything found and never
    /// below `sequence_min` (at least 1), which the caller sets above whatever it has remembered elsewhere.
    ///
    /// Damage is not an error: it is in the report. Errors are a folder that cannot be read or made, and a segment of
    /// a later format.
    pub fn open(
        config: JournalConfig,
        disk: SharedDisk,
        clock: SharedClock,
        random: Random,
        sequence_min: u64,
        replay: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(Self, JournalRecovery), JournalError> {
        disk.create_dir(&config.folder).map_err(|error| JournalError::io("make", &config.folder, error))?;
        let (closed_segments, recovery) = recover(disk.as_ref(), &config.folder, replay)?;
        let state = State {
            queue: VecDeque::new(),
            wanted: 1,
            next_sequence: recovery.last_sequence.saturating_add(1).max(sequence_min).max(1),
            closing: false,
            closed_segments,
            active: None,
            rotate: false,
            stats: JournalStats { durable_sequence: recovery.last_sequence, ..JournalStats::default() },
        };
        let (state, work) = (Mutex::new(state), Condvar::new());
        let shared =
            Arc::new(Shared { config, disk, clock, random, state, work, committed: OnceLock::new() });
        let writer = Writer::new(Arc::clone(&shared));
        let thread = thread::Builder::new().name("journal".into()).spawn(move || writer.run());
        let thread =
            thread.map_err(|error| JournalError::io("start the writer of", &shared.config.folder, error))?;
        Ok((Self(Arc::new(Handle { shared, writer: Mutex::new(Some(thread)) })), recovery))
    }

    /// Has `act` called after each commit, when all its tickets have resolved, and once more when the writer ends: for
    /// whoever waits for many tickets and asks them with [`Ticket::try_wait`]. It must be quick. Only the first call counts.
    pub fn on_commit(&self, act: impl Fn() + Send + Sync + 'static) {
        let is_first = self.0.shared.committed.set(Box::new(act)).is_ok();
        debug_assert!(is_first, "a journal has one owner");
    }

    /// Queues a record; the ticket resolves once it is durable or known not to be. Returns at once. Records are
    /// written in the order of these calls.
    pub fn append(&self, payload: Vec<u8>) -> Result<Ticket, JournalError> {
        let shared = &self.0.shared;
        let limit = shared.config.queue_bytes_max.min(u64::from(u32::MAX));
        let bytes = (payload.len() + RECORD_HEADER_BYTES) as u64;
        if bytes > limit {
            return Err(JournalError::TooLarge { bytes, limit });
        }
        let payload_checksum = record::payload_checksum(&payload);
        let (done, receiver) = oneshot::channel();
        let mut state = shared.state.lock();
        if state.closing {
            return Err(JournalError::Closed);
        }
        let queued = state.stats.queued_bytes;
        if queued + bytes > limit {
            return Err(JournalError::QueueFull { queued, limit });
        }
        let sequence = state.next_sequence;
        state.next_sequence += 1;
        state.stats.queued_bytes += bytes;
        state.queue.push_back(Pending { sequence, payload, payload_checksum, done });
        let is_awaited = state.is_worth_a_commit(state.wanted);
        drop(state);
        if is_awaited {
            shared.work.notify_one();
        }
        Ok(Ticket { sequence, done: receiver })
    }

    /// Deletes the segments in which every record is below `sequence`. Blocks. A segment that could not be read is
    /// never deleted. Returns the bytes given back.
    pub fn truncate_before(&self, sequence: u64) -> Result<u64, JournalError> {
        let shared = &self.0.shared;
        let removable: Vec<ClosedSegment> = {
            let mut state = shared.state.lock();
            state.rotate = state.active.is_some_and(|(last, _)| last < sequence);
            if state.rotate {
                // Nobody may ever append again: a segment that holds nothing of worth is closed all the same.
                shared.work.notify_all();
            }
            state.closed_segments.iter().filter(|segment| segment.last_sequence < sequence).cloned().collect()
        };
        let mut freed = 0;
        for segment in removable {
            match shared.disk.remove(&segment.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(JournalError::io("remove", &segment.path, error));
                }
                _ => {}
            }
            freed += segment.bytes;
            shared.state.lock().closed_segments.retain(|kept| kept.path != segment.path);
        }
        if freed > 0 {
            let folder = &shared.config.folder;
            shared.disk.sync_dir(folder).map_err(|error| JournalError::io("sync", folder, error))?;
        }
        Ok(freed)
    }

    pub fn stats(&self) -> JournalStats {
        let state = self.0.shared.state.lock();
        let (active_bytes, active) = state.active.map_or((0, 0), |(_, bytes)| (bytes, 1));
        JournalStats {
            segments: state.closed_segments.len() as u64 + active,
            bytes: state.closed_segments.iter().map(|segment| segment.bytes).sum::<u64>() + active_bytes,
            ..state.stats.clone()
        }
    }

    /// The number that the next record will get.
    pub fn next_sequence(&self) -> u64 {
        self.0.shared.state.lock().next_sequence
    }

    /// Commits what is queued, then refuses more. Blocks until the writer has ended.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Handle {
    fn close(&self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_all();
        if let Some(thread) = self.writer.lock().take() {
            // A panic of the writer has failed its tickets already.
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Ticket {
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// `None` while it is not known; asked again after that, [`JournalError::Closed`].
    pub fn try_wait(&mut self) -> Option<Result<u64, JournalError>> {
        match self.done.try_recv() {
            Ok(outcome) => Some(outcome.map(|()| self.sequence)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(Err(JournalError::Closed)),
        }
    }

    /// As awaiting, for threads that are not part of the async runtime.
    pub fn wait(self) -> Result<u64, JournalError> {
        self.done.blocking_recv().unwrap_or(Err(JournalError::Closed)).map(|()| self.sequence)
    }
}

impl Future for Ticket {
    type Output = Result<u64, JournalError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = std::task::ready!(Pin::new(&mut self.done).poll(cx));
        Poll::Ready(outcome.unwrap_or(Err(JournalError::Closed)).map(|()| self.sequence))
    }
}
