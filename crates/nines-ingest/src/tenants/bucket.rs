//! One scope's token buckets and counts.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_model::Dataset;

use super::limits::{Amounts, BURST, LimitKind};

/// Who has used up what is stored may ask again after this: retention runs once an hour, and a budget is raised by hand.
const RETRY_AFTER_STORED: Duration = Duration::from_secs(60);
/// No sender is told to wait longer: its own queue would give up.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Meter {
    pub limits: Amounts,
    events: Bucket,
    bytes: Bucket,
    pub stored_bytes: u64,
    pub accepted_requests: u64,
    pub accepted_events: u64,
    pub accepted_bytes: u64,
    /// Requests.
    pub refused: BTreeMap<LimitKind, u64>,
    /// Bytes that are not in the shares yet.
    sent: BTreeMap<Dataset, u64>,
}

/// Tokens that come by `rate` a second up to `size`. Below zero is a debt.
#[derive(Debug, Default)]
struct Bucket {
    /// `None` is no limit.
    rate: Option<f64>,
    size: f64,
    level: f64,
    filled_at: Duration,
}

impl Bucket {
    fn set(&mut self, rate: Option<u64>, burst: Duration) {
        let rate = rate.map(|rate| rate as f64);
        // Less than one could never be taken.
        let size = rate.map_or(0.0, |rate| (rate * burst.as_secs_f64()).max(1.0));
        self.level = if self.rate.is_none() { size } else { self.level.min(size) };
        (self.rate, self.size) = (rate, size);
    }

    /// How long until the debt is paid, if there is one.
    fn debt(&mut self, now: Duration) -> Option<Duration> {
        let rate = self.rate?;
        let elapsed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.level = (self.level + elapsed * rate).min(self.size);
        self.filled_at = now;
        // A rate of nothing lets nothing through.
        let is_in_debt = self.level <= 0.0 || rate == 0.0;
        let missing = Duration::try_from_secs_f64((1.0 - self.level) / rate).unwrap_or(RETRY_AFTER_MAX);
        is_in_debt.then(|| missing.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX))
    }

    fn take(&mut self, amount: u64) {
        if self.rate.is_some() {
            self.level -= amount as f64;
        }
    }

    fn give_back(&mut self, amount: u64) {
        self.level = (self.level + amount as f64).min(self.size);
    }
}

impl Meter {
    pub fn set_limits(&mut self, limits: Amounts) {
        let burst = limits.burst.unwrap_or(BURST);
        self.events.set(limits.events_per_second, burst);
        self.bytes.set(limits.bytes_per_second, burst);
        self.limits = limits;
    }

    /// By which limit nothing more may come now, and for how long.
    pub fn over(&mut self, now: Duration) -> Option<(LimitKind, Duration)> {
        if self.limits.stored_bytes.is_some_and(|most| self.stored_bytes >= most) {
            return Some((LimitKind::StoredBytes, RETRY_AFTER_STORED));
        }
        let events = self.events.debt(now).map(|wait| (LimitKind::EventRate, wait));
        let bytes = self.bytes.debt(now).map(|wait| (LimitKind::ByteRate, wait));
        // Of two debts the one that takes longer.
        [events, bytes].into_iter().flatten().max_by_key(|(_, wait)| *wait)
    }

    pub fn take(&mut self, events: u64, bytes: u64) {
        self.events.take(events);
        self.bytes.take(bytes);
    }

    pub fn give_back(&mut self, events: u64, bytes: u64) {
        self.events.give_back(events);
        self.bytes.give_back(bytes);
    }

    pub fn refuse(&mut self, kind: LimitKind) {
        *self.refused.entry(kind).or_default() += 1;
    }

    pub fn note_sent(&mut self, dataset: Dataset, bytes: u64) {
        *self.sent.entry(dataset).or_default() += bytes;
    }

    pub fn take_sent(&mut self) -> BTreeMap<Dataset, u64> {
        std::mem::take(&mut self.sent)
    }
}
