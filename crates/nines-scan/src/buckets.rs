//! Steps of time: round ones for a screen, and which step an event is in.

use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use crate::error::ScanError;

/// Finds the step of an instant. Neighbouring rows are nearly always in the same step, so it looks there first.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    start: i64,
    step: i64,
    index: i64,
    /// Of the step `index`; the end is exclusive.
    low: i64,
    high: i64,
}

impl Buckets {
    /// Steps of width `step` counted from `start`. No instant that is asked for may be more than `i64::MAX / 2` away.
    pub fn new(start: Timestamp, step: Duration) -> Self {
        let step = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX).max(1);
        let start = start.as_nanos();
        Self { start, step, index: 0, low: start, high: start.saturating_add(step) }
    }

    pub fn index(&mut self, nanos: i64) -> i64 {
        if nanos < self.low || self.high <= nanos {
            self.index = (nanos - self.start).div_euclid(self.step);
            self.low = self.start.saturating_add(self.index.saturating_mul(self.step));
            self.high = self.low.saturating_add(self.step);
        }
        self.index
    }

    pub fn start_of(&self, index: i64) -> Timestamp {
        Timestamp::from_nanos(self.start.saturating_add(index.saturating_mul(self.step)))
    }
}

/// The range, if its length fits the arithmetic of [`Buckets`]: a quarter of the axis, 146 years, which leaves room for
/// aligning the start.
pub(crate) fn checked(range: TimeRange) -> Result<TimeRange, ScanError> {
    let length = range.end.as_nanos().checked_sub(range.start.as_nanos());
    if length.is_none_or(|nanos| nanos > i64::MAX / 4) || range.start.as_nanos() < i64::MIN / 2 {
        let hint = "give a start and an end, or a larger step";
        return Err(ScanError::invalid("the time range is too long", hint));
    }
    Ok(range)
}

/// The least round time that is not shorter.
pub(crate) fn round_step(step: Duration) -> Duration {
    const MILLI: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MILLI;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let wanted = u64::try_from(step.as_nanos()).unwrap_or(u64::MAX);
    let decimal = [1, 2, 5, 10, 20, 50, 100, 200, 500].map(|count| count * MILLI);
    let sixtieths = [1, 2, 5, 10, 15, 30];
    let hours = [1, 2, 3, 6, 12].map(|count| count * HOUR);
    let days = [1, 2, 7, 14, 30, 90, 365].map(|count| count * DAY);
    let seconds = sixtieths.map(|count| count * SECOND);
    let minutes = sixtieths.map(|count| count * MINUTE);
    let nanos = decimal
        .into_iter()
        .chain(seconds)
        .chain(minutes)
        .chain(hours)
        .chain(days)
        .find(|nanos| *nanos >= wanted);
    Duration::from_nanos(nanos.unwrap_or_else(|| wanted.div_ceil(365 * DAY) * 365 * DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_never_shorter() {
        for (wanted, round) in
            [(0, 1), (3, 5), (700, 1_000), (7_000, 10_000), (16_000, 30_000), (61_000, 120_000)]
        {
            assert_eq!(round_step(Duration::from_millis(wanted)), Duration::from_millis(round));
        }
        let years = Duration::from_secs(86_400 * 400);
        assert!(round_step(years) >= years);
    }

    #[test]
    fn every_instant_is_in_the_step_that_division_gives() {
        let mut buckets = Buckets::new(Timestamp::from_nanos(-7), Duration::from_nanos(5));
        for nanos in [-7, -3, -2, 0, 2, 3, -6, 100, 99, -7] {
            assert_eq!(buckets.index(nanos), (nanos + 7) / 5, "{nanos}");
        }
    }
}
