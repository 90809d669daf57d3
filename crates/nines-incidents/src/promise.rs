//! The promise clock: "the next update comes at 08:50" as a timer.
//!
//! A promise falls due once; from then on every further cadence without an update is another promise not kept, so
//! silence cannot cost less than posting late. With due time `d` and cadence `c`, an instant `t` has seen
//! `ceil((t − d) / c)` misses, and none up to and at `d`:
//!
//! ```
//! # use nines_incidents::{Level, Promise};
//! # use nines_model::Timestamp;
//! # use std::time::Duration;
//! let minutes = |count: i64| Timestamp::from_secs(60 * count);
//! let promise = Promise::new(Level::P0, minutes(0), minutes(10), Duration::from_secs(600));
//! assert_eq!(promise.misses_by(minutes(10)), 0);
//! assert_eq!(promise.misses_by(minutes(11)), 1);
//! assert_eq!(promise.misses_by(minutes(20)), 1);
//! assert_eq!(promise.misses_by(minutes(21)), 2);
//! ```

use std::time::Duration;

use nines_model::Timestamp;

use crate::Level;

/// A miss in a row of this many raises an escalation.
pub const ESCALATE_AT_STREAK: u32 = 2;
/// The farthest ahead that a next update may be promised: one day, the longest hand-over between shifts.
pub const NEXT_UPDATE_MAX: Duration = Duration::from_secs(24 * 3600);

/// How often each level is told something new, and how long before that the duty person is reminded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    pub p0: Duration,
    pub p1: Duration,
    pub p2: Duration,
    pub nudge_before: Duration,
}

impl Default for Cadence {
    /// 10, 20 and 60 minutes; reminded two minutes before.
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Self { p0: minutes(10), p1: minutes(20), p2: minutes(60), nudge_before: minutes(2) }
    }
}

impl Cadence {
    pub fn of(&self, level: Level) -> Duration {
        match level {
            Level::P0 => self.p0,
            Level::P1 => self.p1,
            Level::P2 => self.p2,
        }
    }
}

/// The update that people have been told to expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    pub level: Level,
    pub armed_at: Timestamp,
    /// Does not move while the promise stands, however late it gets.
    pub due_at: Timestamp,
    /// The pace of further misses after `due_at`.
    pub cadence: Duration,
    pub nudged_at: Option<Timestamp>,
    /// Misses of this promise that are already in the record and the timeline.
    pub misses: u32,
}

impl Promise {
    pub fn new(level: Level, armed_at: Timestamp, due_at: Timestamp, cadence: Duration) -> Self {
        Self { level, armed_at, due_at, cadence, nudged_at: None, misses: 0 }
    }

    /// Misses seen by `at`, recorded or not.
    pub fn misses_by(&self, at: Timestamp) -> u32 {
        let late = at.since(self.due_at).as_nanos();
        let cadence = self.cadence.as_nanos().max(1);
        u32::try_from(late.div_ceil(cadence)).unwrap_or(u32::MAX)
    }

    /// When miss number `index` (from 0) happened.
    pub fn missed_at(&self, index: u32) -> Timestamp {
        self.due_at + self.cadence.saturating_mul(index)
    }

    /// When to remind: `nudge_before` ahead of the due time, but not before half of a short promise has passed.
    pub fn nudge_at(&self, nudge_before: Duration) -> Timestamp {
        let span = self.due_at.since(self.armed_at);
        self.due_at - nudge_before.min(span / 2)
    }

    /// The next instant at which the clock has something to say.
    pub fn wakes_at(&self, nudge_before: Duration) -> Timestamp {
        if self.misses == 0 && self.nudged_at.is_none() {
            self.nudge_at(nudge_before)
        } else {
            // A miss counts from the first nanosecond after its time.
            self.missed_at(self.misses) + Duration::from_nanos(1)
        }
    }
}

/// How the promises of one incident were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PromiseRecord {
    /// Updates at or before their time.
    pub kept: u32,
    /// Cadences that passed without the promised update.
    pub missed: u32,
    /// Misses since the last promise that was kept.
    pub streak: u32,
    /// Updates that came after their time, however many cadences that cost.
    pub late_updates: u32,
    /// The lateness of all those together, and of the latest.
    pub lateness_total: Duration,
    pub lateness_max: Duration,
}

impl PromiseRecord {
    /// Kept out of all that were kept or missed, in `[0, 1]`; none yet is not 100 %.
    pub fn on_time_rate(&self) -> Option<f64> {
        let total = u64::from(self.kept) + u64::from(self.missed);
        (total > 0).then(|| f64::from(self.kept) / total as f64)
    }
}
