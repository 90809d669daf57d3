//! Requests that wait for a node, on disk.
//!
//! Promises: what [`Queue::add`] has answered for is synced and comes back after a crash until [`Queue::done`] has been told
//! that the node has it; it is at most [`QueueOptions::bytes_max`], and beyond it the oldest go first and are counted.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nines_base::disk::SharedDisk;
use nines_base::{MIB, Random, SharedClock};
use nines_wal::{Journal, JournalConfig, JournalError};
use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// Nothing else may write there.
    pub folder: PathBuf,
    /// Of requests, on disk and in memory alike.
    pub bytes_max: u64,
}

/// A segment is deleted when all of it is sent: small ones give their room back soon.
const SEGMENT_BYTES_MAX: u64 = MIB;

/// Cheap to clone.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    journal: Journal,
    bytes_max: u64,
    waiting: Mutex<Waiting>,
    signal: Notify,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<(u64, Arc<Vec<u8>>)>,
    bytes: u64,
}

impl Queue {
    /// With what an earlier process could not send. Blocks.
    pub fn open(
        options: QueueOptions,
        disk: SharedDisk,
        clock: SharedClock,
        random: Random,
    ) -> Result<Self, JournalError> {
        let config =
            JournalConfig { segment_bytes_max: SEGMENT_BYTES_MAX, ..JournalConfig::new(options.folder) };
        let mut waiting = Waiting::default();
        let (journal, recovery) = Journal::open(config, disk, clock, random, 1, &mut |sequence, payload| {
            waiting.bytes += payload.len() as u64;
            waiting.requests.push_back((sequence, Arc::new(payload.to_vec())));
        })?;
        if !recovery.damaged.is_empty() {
            tracing::error!(damaged = recovery.damaged.len(), "part of what waits for the node is damaged");
        }
        Ok(Self(Arc::new(Inner {
            journal,
            bytes_max: options.bytes_max,
            waiting: Mutex::new(waiting),
            signal: Notify::new(),
            dropped: AtomicU64::new(0),
        })))
    }

    /// Resolves when the request is on disk.
    pub async fn add(&self, request: Vec<u8>) -> Result<(), JournalError> {
        let kept = Arc::new(request);
        let ticket = self.0.journal.append(kept.as_ref().clone())?;
        let sequence = ticket.await?;
        let dropped = {
            let mut waiting = self.0.waiting.lock();
            waiting.bytes += kept.len() as u64;
            let place = waiting.requests.partition_point(|(known, _)| *known < sequence);
            waiting.requests.insert(place, (sequence, kept));
            let mut last = None;
            while waiting.bytes > self.0.bytes_max && waiting.requests.len() > 1 {
                if let Some((sequence, request)) = waiting.requests.pop_front() {
                    waiting.bytes -= request.len() as u64;
                    last = Some(sequence);
                    self.0.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            last
        };
        if let Some(dropped) = dropped {
            self.forget(dropped).await;
        }
        self.0.signal.notify_one();
        Ok(())
    }

    /// The oldest, as soon as there is one. It stays until it is [`Queue::done`].
    pub async fn next(&self) -> (u64, Arc<Vec<u8>>) {
        loop {
            if let Some(front) = self.0.waiting.lock().requests.front() {
                return front.clone();
            }
            self.0.signal.notified().await;
        }
    }

    /// The node has everything up to `sequence`.
    pub async fn done(&self, sequence: u64) {
        {
            let mut waiting = self.0.waiting.lock();
            while waiting.requests.front().is_some_and(|(known, _)| *known <= sequence) {
                if let Some((_, request)) = waiting.requests.pop_front() {
                    waiting.bytes -= request.len() as u64;
                }
            }
        }
        self.forget(sequence).await;
    }

    async fn forget(&self, sequence: u64) {
        let journal = self.0.journal.clone();
        let truncated = tokio::task::spawn_blocking(move || journal.truncate_before(sequence + 1)).await;
        if let Ok(Err(error)) = truncated {
            tracing::warn!(%error, "what was sent still takes room");
        }
    }

    /// Requests that wait.
    pub fn len(&self) -> usize {
        self.0.waiting.lock().requests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests that were given up because too many waited.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use nines_base::SystemClock;
    use nines_base::disk::RealDisk;

    use super::*;

    fn open(folder: &std::path::Path, bytes_max: u64) -> Queue {
        let options = QueueOptions { folder: folder.to_owned(), bytes_max };
        Queue::open(options, RealDisk::shared(), SystemClock::shared(), Random::from_seed(7)).unwrap()
    }

    #[tokio::test]
    async fn what_waits_comes_back_and_what_is_done_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(folder.path(), 1_000);
        for byte in 1..=3_u8 {
            queue.add(vec![byte; 10]).await.unwrap();
        }
        let (first, request) = queue.next().await;
        assert_eq!(*request, vec![1; 10]);
        queue.done(first).await;
        // Dropped without any goodbye, as by kill -9: every request was synced before it was answered for.
        drop(queue);
        let queue = open(folder.path(), 1_000);
        let left: Vec<u8> = queue.0.waiting.lock().requests.iter().map(|(_, request)| request[0]).collect();
        assert!(left.ends_with(&[2, 3]), "{left:?}");
        // Numbers go on above those that were given.
        let before = queue.next().await.0;
        queue.add(vec![4; 10]).await.unwrap();
        let last = queue.0.waiting.lock().requests.back().unwrap().0;
        assert!(last > before + 1);
    }

    #[tokio::test]
    async fn beyond_the_bound_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(folder.path(), 25);
        for byte in 1..=4_u8 {
            queue.add(vec![byte; 10]).await.unwrap();
        }
        assert_eq!((queue.len(), queue.dropped(), queue.next().await.1[0]), (2, 2, 3));
    }
}
