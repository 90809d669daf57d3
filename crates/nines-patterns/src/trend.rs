//! How often a pattern occurs, minute by minute, and whether it occurs more often than it used to.
//!
//! A pattern *surges* if the count of the last minutes is too high for its own past. The past says how many to expect;
//! because a rate estimated from few lines is uncertain, and because lines come in bunches, the expected count is not
//! Poisson but negative binomial (a Poisson whose rate was itself learned from the past: Gamma posterior with Jeffreys'
//! prior), and both counts are divided by the dispersion that the past shows (quasi-likelihood).

use nines_model::Timestamp;

use crate::beta;

/// Minutes kept per pattern: two hours, so that an hour of past stands before an hour on screen. 480 bytes each.
pub const MINUTES_KEPT: usize = 120;
/// The minutes in which a surge is looked for; short enough to be news, long enough for rare patterns.
pub const RECENT_MINUTES: usize = 5;
/// Without so many minutes of past there is nothing to compare with.
pub const BASELINE_MINUTES_MIN: usize = 15;
/// A surge has at least so many lines: less does not matter to anybody.
pub const SURGE_LINES_MIN: u64 = 20;
/// A surge is at least so many times the past rate: a significant rise of 10 % is not news.
pub const SURGE_RATIO_MIN: f64 = 2.0;
/// The chance of so high a count if nothing had changed. 32 768 patterns judged every minute for a month are 1.4e9
/// judgements of which most have far too few lines; this keeps false ones below a few a month.
pub const SURGE_CHANCE_MAX: f64 = 1e-8;

const MINUTE_NS: i64 = 60_000_000_000;

/// Counts per minute in a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// The count of minute `m` is at `m % MINUTES_KEPT`.
    minutes: Box<[u32; MINUTES_KEPT]>,
    /// Minutes since 1970 of the newest count.
    newest: i64,
    first_seen: Timestamp,
    last_seen: Timestamp,
    total: u64,
}

/// How much more often than before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surge {
    /// Lines in the last [`RECENT_MINUTES`].
    pub recent: u64,
    /// Lines that the past lets expect in that time.
    pub expected: f64,
    /// The chance of so many lines if nothing had changed.
    pub chance: f64,
}

impl Trend {
    /// Starts with `lines` at `at`.
    pub fn new(at: Timestamp, lines: u32) -> Self {
        let newest = minute_of(at);
        let mut trend =
            Self { minutes: Box::new([0; MINUTES_KEPT]), newest, first_seen: at, last_seen: at, total: 0 };
        trend.add(at, lines);
        trend
    }

    /// Counts lines. Those older than the ring count in [`Trend::total`] only.
    pub fn add(&mut self, at: Timestamp, lines: u32) {
        self.first_seen = self.first_seen.min(at);
        self.last_seen = self.last_seen.max(at);
        self.total += u64::from(lines);
        let minute = minute_of(at);
        if minute > self.newest {
            self.move_to(minute);
        }
        if self.newest - minute < MINUTES_KEPT as i64 {
            let slot = &mut self.minutes[slot(minute)];
            *slot = slot.saturating_add(lines);
        }
    }

    /// Adds what `other` counted: two patterns became one.
    pub fn merge(&mut self, other: &Self) {
        if other.newest > self.newest {
            self.move_to(other.newest);
        }
        for minute in other.newest - MINUTES_KEPT as i64 + 1..=other.newest {
            if self.newest - minute < MINUTES_KEPT as i64 {
                let slot = &mut self.minutes[slot(minute)];
                *slot = slot.saturating_add(other.at_minute(minute));
            }
        }
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.total += other.total;
    }

    pub fn first_seen(&self) -> Timestamp {
        self.first_seen
    }

    pub fn last_seen(&self) -> Timestamp {
        self.last_seen
    }

    /// All lines ever.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The counts of the `length` minutes that end with the one of `now`, oldest first. Minutes beyond the ring are 0.
    pub fn last_minutes(&self, now: Timestamp, length: usize) -> Vec<u32> {
        let last = minute_of(now);
        (0..length as i64).rev().map(|back| self.at_minute(last - back)).collect()
    }

    /// Whether the pattern was first seen within `window_minutes` before `now`, and lines had been watched for at
    /// least [`BASELINE_MINUTES_MIN`] before: at the start of a watch nothing is new.
    pub fn is_new(&self, now: Timestamp, watched_since: Timestamp, window_minutes: usize) -> bool {
        let window = window_minutes as i64 * MINUTE_NS;
        let warm_up = BASELINE_MINUTES_MIN as i64 * MINUTE_NS;
        now.as_nanos() - self.first_seen.as_nanos() <= window
            && self.first_seen.as_nanos() - watched_since.as_nanos() >= warm_up
    }

    /// Whether the last minutes, the running one included, hold too many lines for the minutes before. The pattern has
    /// a past from `watched_since` on, even if it did not occur then.
    pub fn surge(&self, now: Timestamp, watched_since: Timestamp) -> Option<Surge> {
        let counts = self.last_minutes(now, MINUTES_KEPT);
        let watched = (minute_of(now) - minute_of(watched_since)).clamp(0, MINUTES_KEPT as i64) as usize;
        let past_minutes = watched.checked_sub(RECENT_MINUTES)?;
        let (past, recent) = counts[MINUTES_KEPT - RECENT_MINUTES - past_minutes..].split_at(past_minutes);
        surge(past, recent)
    }

    pub(crate) fn save(&self) -> (i64, i64, i64, u64, Vec<u32>) {
        let first = self.newest - MINUTES_KEPT as i64 + 1;
        let mut counts: Vec<u32> = (first..=self.newest).rev().map(|minute| self.at_minute(minute)).collect();
        while counts.last() == Some(&0) {
            counts.pop();
        }
        (self.newest, self.first_seen.as_nanos(), self.last_seen.as_nanos(), self.total, counts)
    }

    pub(crate) fn restore(
        (newest, first_seen, last_seen, total, counts): (i64, i64, i64, u64, Vec<u32>),
    ) -> Self {
        let mut minutes = Box::new([0; MINUTES_KEPT]);
        for (back, count) in counts.into_iter().take(MINUTES_KEPT).enumerate() {
            minutes[slot(newest - back as i64)] = count;
        }
        Self {
            minutes,
            newest,
            first_seen: Timestamp::from_nanos(first_seen),
            last_seen: Timestamp::from_nanos(last_seen),
            total,
        }
    }

    fn at_minute(&self, minute: i64) -> u32 {
        let age = self.newest - minute;
        if (0..MINUTES_KEPT as i64).contains(&age) { self.minutes[slot(minute)] } else { 0 }
    }

    fn move_to(&mut self, minute: i64) {
        let steps = (minute - self.newest).min(MINUTES_KEPT as i64);
        for passed in minute - steps + 1..=minute {
            self.minutes[slot(passed)] = 0;
        }
        self.newest = minute;
    }
}

/// Whether `recent` minutes hold too many lines for the `past` ones. A pure function of counts per minute.
///
/// ```
/// let past = [4; 60];
/// assert!(nines_patterns::surge(&past, &[4, 5, 3, 4, 4]).is_none());
/// let surge = nines_patterns::surge(&past, &[4, 20, 60, 55, 61]).unwrap();
/// assert_eq!(surge.recent, 200);
/// assert_eq!(surge.expected.round(), 20.0);
/// ```
pub fn surge(past: &[u32], recent: &[u32]) -> Option<Surge> {
    if past.len() < BASELINE_MINUTES_MIN || recent.is_empty() {
        return None;
    }
    let count = sum(recent);
    let before = sum(past);
    let exposure = recent.len() as f64 / past.len() as f64;
    let expected = before as f64 * exposure;
    if count < SURGE_LINES_MIN || (count as f64) < SURGE_RATIO_MIN * expected {
        return None;
    }
    let dispersion = dispersion(past, recent.len());
    // Gamma(before + 1/2) posterior of the rate; the count to come is negative binomial.
    let shape = before as f64 / dispersion + 0.5;
    let successes = count as f64 / dispersion;
    let share = exposure / (1.0 + exposure);
    let chance = beta::regularized(share, successes, shape);
    (chance <= SURGE_CHANCE_MAX).then_some(Surge { recent: count, expected, chance })
}

/// Variance over mean of the counts in windows of `length` minutes; at least 1, which is a Poisson process.
fn dispersion(past: &[u32], length: usize) -> f64 {
    let windows: Vec<f64> = past.chunks_exact(length).map(|window| sum(window) as f64).collect();
    let count = windows.len() as f64;
    let mean = windows.iter().sum::<f64>() / count;
    if windows.len() < 3 || mean <= 0.0 {
        return 1.0;
    }
    let variance = windows.iter().map(|window| (window - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (variance / mean).max(1.0)
}

fn sum(counts: &[u32]) -> u64 {
    counts.iter().map(|&count| u64::from(count)).sum()
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(MINUTE_NS)
}

fn slot(minute: i64) -> usize {
    minute.rem_euclid(MINUTES_KEPT as i64) as usize
}

#[cfg(test)]
mod tests;
