//! Bytes in flight: one number for the whole receiver.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct ByteBudget {
    used: AtomicU64,
    limit: u64,
}

/// The part of a budget that one request holds. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

impl ByteBudget {
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(0), limit })
    }

    pub fn hold(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }
}

impl Held {
    /// Takes `bytes` more, or nothing and returns `false` if the budget has not so many left.
    #[must_use]
    pub fn grow(&mut self, bytes: u64) -> bool {
        let taken = self.budget.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(bytes).filter(|used| *used <= self.budget.limit)
        });
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }
}

impl Held {
    /// Gives back what it holds.
    pub fn release(&mut self) {
        self.budget.used.fetch_sub(std::mem::take(&mut self.bytes), Ordering::AcqRel);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let budget = ByteBudget::new(10);
        let mut first = budget.hold();
        assert!(first.grow(4) && first.grow(4) && !first.grow(4));
        let mut second = budget.hold();
        assert!(second.grow(2) && !second.grow(1));
        drop(first);
        assert!(second.grow(8) && !second.grow(u64::MAX));
    }
}
