use std::sync::atomic::{AtomicU64, Ordering};

/// What a receiver has done since it started, for `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Requests answered with success, whole or partial.
    pub requests_accepted: u64,
    /// Requests that can never succeed: malformed, too large, not allowed.
    pub requests_rejected: u64,
    /// Requests that were told to come back.
    pub requests_deferred: u64,
    /// Requests lost to a defect of ours.
    pub requests_failed: u64,
    /// Log records, spans and data points kept.
    pub items_accepted: u64,
    /// Items left out of accepted requests.
    pub items_rejected: u64,
    /// Size of accepted requests after decompression.
    pub bytes_accepted: u64,
}

impl std::iter::Sum for Stats {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            requests_accepted: sum.requests_accepted + one.requests_accepted,
            requests_rejected: sum.requests_rejected + one.requests_rejected,
            requests_deferred: sum.requests_deferred + one.requests_deferred,
            requests_failed: sum.requests_failed + one.requests_failed,
            items_accepted: sum.items_accepted + one.items_accepted,
            items_rejected: sum.items_rejected + one.items_rejected,
            bytes_accepted: sum.bytes_accepted + one.bytes_accepted,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests_accepted: AtomicU64,
    requests_rejected: AtomicU64,
    requests_deferred: AtomicU64,
    requests_failed: AtomicU64,
    items_accepted: AtomicU64,
    items_rejected: AtomicU64,
    bytes_accepted: AtomicU64,
}

impl Counters {
    pub fn accepted(&self, items: u64, rejected: u64, bytes: u64) {
        self.requests_accepted.fetch_add(1, Ordering::Relaxed);
        self.items_accepted.fetch_add(items, Ordering::Relaxed);
        self.items_rejected.fetch_add(rejected, Ordering::Relaxed);
        self.bytes_accepted.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn rejected(&self) {
        self.requests_rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub fn deferred(&self) {
        self.requests_deferred.fetch_add(1, Ordering::Relaxed);
    }

    pub fn failed(&self) {
        self.requests_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests_accepted: read(&self.requests_accepted),
            requests_rejected: read(&self.requests_rejected),
            requests_deferred: read(&self.requests_deferred),
            requests_failed: read(&self.requests_failed),
            items_accepted: read(&self.items_accepted),
            items_rejected: read(&self.items_rejected),
            bytes_accepted: read(&self.bytes_accepted),
        }
    }
}
