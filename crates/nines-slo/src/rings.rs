//! Counters of good and bad events by the second, the minute and the quarter of an hour, kept while events arrive.
//!
//! An event is counted in the bucket of **its own time**, in whatever order it arrives: a bucket is
//! `floor(timestamp / step)`, the same definition by which history is counted with a query, so live and replayed
//! counts are equal. Every event goes into all three tiers as long as they reach back to it; one that is older than
//! the coarsest tier, or more than [`FUTURE_MAX`] ahead of the receiver's clock, is counted as such and otherwise ignored.
//! (One difference remains: history counts an event from the far future once its time has come.)
//!
//! Reading takes no lock and never waits for a writer. Writers take turns (see `LiveSli`). A reader may see an event in
//! one tier and not yet in the next; it never sees counts of another bucket.
//!
//! A quarter of an hour, not an hour, is the coarsest step because every time zone in use lies a multiple of 15 minutes
//! from UTC: so calendar windows are exact in Kathmandu too.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};
use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use crate::budget::{BudgetUnit, Counts, Measured};
use crate::document::{Budgeting, Ratio, Window};
use crate::indicator::Outcome;

const SECOND: i64 = 1;
const MINUTE: i64 = 60;
const QUARTER: i64 = 900;
const DAY: i64 = 86_400;

/// Events further ahead of the receiver's clock than this are not believed.
pub const FUTURE_MAX: Duration = Duration::from_secs(600);
/// Windows up to this length are exact to the second at both ends.
pub const SECONDS_REACH: Duration = Duration::from_secs(2 * 3_600);
/// Windows up to this length are exact to the minute at their old end; longer ones to the quarter of an hour.
pub const MINUTES_REACH: Duration = Duration::from_secs(4 * DAY as u64);
/// The shortest reach of the coarsest tier.
pub const QUARTERS_REACH: Duration = Duration::from_secs(100 * DAY as u64);
/// Kept beyond each reach: an event from the future moves the newest bucket, and windows are aligned outwards by up to
/// one coarse bucket.
const SLACK_SECS: i64 = 600 + 2 * QUARTER;
/// Slots hold this instead of a bucket's index while they are empty or being cleared.
const NO_BUCKET: i64 = i64::MIN;

/// Counters of one indicator. About 0.5 MB for a window of up to 90 days; with time slices of a 90-day window 3.5 MB.
#[derive(Debug)]
pub struct Rings {
    /// Finest first.
    tiers: [Ring; 3],
    /// Since when the counts are complete, in nanoseconds; `i64::MAX` before anybody said so.
    known_since: AtomicI64,
    /// The newest event, in nanoseconds; `i64::MIN` before the first.
    newest: AtomicI64,
    /// The oldest event, in nanoseconds; `i64::MAX` before the first.
    oldest: AtomicI64,
    lag_secs: AtomicI64,
    too_late: AtomicU64,
    too_early: AtomicU64,
}

/// Counts of a bucket of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// A multiple of the step since the epoch.
    pub start: Timestamp,
    pub counts: Counts,
}

/// A part of history to be counted with a query: all buckets of `step` that start in `range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackfillPart {
    pub range: TimeRange,
    pub step: Duration,
}

/// Buckets of one step, by index modulo their number.
#[derive(Debug)]
struct Ring {
    step: i64,
    slots: Box<[Slot]>,
    /// Index of the newest bucket.
    head: AtomicI64,
    /// Buckets before this index are not complete here, as history was merged in coarser steps.
    floor: AtomicI64,
}

#[derive(Debug)]
struct Slot {
    bucket: AtomicI64,
    good: AtomicU64,
    bad: AtomicU64,
}

impl Ring {
    fn new(step: i64, reach: Duration) -> Self {
        let secs = i64::try_from(reach.as_secs()).unwrap_or(i64::MAX / 4) + SLACK_SECS;
        let len = usize::try_from(secs / step + 1).unwrap_or(1);
        let slot =
            || Slot { bucket: AtomicI64::new(NO_BUCKET), good: AtomicU64::new(0), bad: AtomicU64::new(0) };
        Self {
            step,
            slots: (0..len).map(|_| slot()).collect(),
            // Half of the range, so that adding the length cannot overflow.
            head: AtomicI64::new(i64::MIN / 2),
            floor: AtomicI64::new(i64::MIN / 2),
        }
    }

    fn len(&self) -> i64 {
        self.slots.len() as i64
    }

    fn retains(&self, bucket: i64) -> bool {
        bucket > self.head.load(Ordering::Acquire) - self.len()
            && bucket >= self.floor.load(Ordering::Acquire)
    }

    /// Adds to a bucket, or says that the ring no longer reaches back to it. One writer at a time.
    fn add(&self, secs: i64, good: i64, bad: i64) -> bool {
        let bucket = secs.div_euclid(self.step);
        if !self.retains(bucket) {
            return false;
        }
        let slot = &self.slots[bucket.rem_euclid(self.len()) as usize];
        if slot.bucket.load(Ordering::Relaxed) != bucket {
            // A reader that still wants the old bucket must not see the new one's counts: mark, clear, name.
            slot.bucket.store(NO_BUCKET, Ordering::Relaxed);
            fence(Ordering::Release);
            slot.good.store(0, Ordering::Relaxed);
            slot.bad.store(0, Ordering::Relaxed);
            slot.bucket.store(bucket, Ordering::Release);
        }
        slot.good.fetch_add(good as u64, Ordering::Relaxed);
        slot.bad.fetch_add(bad as u64, Ordering::Relaxed);
        self.head.fetch_max(bucket, Ordering::AcqRel);
        true
    }

    /// The index of the oldest bucket that is complete here.
    fn oldest(&self) -> i64 {
        let kept = self.head.load(Ordering::Acquire) - self.len() + 1;
        kept.max(self.floor.load(Ordering::Acquire))
    }

    /// Calls `see` with the index and counts of every bucket of `buckets` in which something happened. A bucket that is
    /// no longer here is passed over.
    fn scan(&self, buckets: std::ops::Range<i64>, mut see: impl FnMut(i64, Counts)) {
        let mut position = buckets.start.rem_euclid(self.len()) as usize;
        for bucket in buckets {
            let slot = &self.slots[position];
            position = if position + 1 == self.slots.len() { 0 } else { position + 1 };
            if slot.bucket.load(Ordering::Acquire) != bucket {
                continue;
            }
            let counts =
                Counts { good: slot.good.load(Ordering::Relaxed), bad: slot.bad.load(Ordering::Relaxed) };
            fence(Ordering::Acquire);
            // Taken over by a newer bucket meanwhile: the old one is gone.
            if slot.bucket.load(Ordering::Relaxed) == bucket && counts.total() > 0 {
                see(bucket, counts);
            }
        }
    }
}

impl Rings {
    /// Rings that reach back as far as the window and, for time slices, keep its minutes.
    pub fn sized_for(window: &Window, budgeting: Budgeting) -> Self {
        let longest = match window {
            Window::Rolling(period) => period.nominal(),
            // A month is up to 31 days, a year up to 366, and summer time may add an hour.
            Window::Calendar { period, .. } => {
                period.nominal() + period.nominal() / 20 + Duration::from_secs(DAY as u64)
            }
        };
        let minutes = match budgeting {
            Budgeting::Occurrences => MINUTES_REACH,
            Budgeting::Timeslices | Budgeting::RatioTimeslices => longest.max(MINUTES_REACH),
        };
        Self::with_reach(minutes, longest.max(QUARTERS_REACH))
    }

    fn with_reach(minutes: Duration, quarters: Duration) -> Self {
        Self {
            tiers: [
                Ring::new(SECOND, SECONDS_REACH),
                Ring::new(MINUTE, minutes),
                Ring::new(QUARTER, quarters),
            ],
            known_since: AtomicI64::new(i64::MAX),
            newest: AtomicI64::new(i64::MIN),
            oldest: AtomicI64::new(i64::MAX),
            lag_secs: AtomicI64::new(0),
            too_late: AtomicU64::new(0),
            too_early: AtomicU64::new(0),
        }
    }

    /// Counts one event. `now` is the receiver's clock. Answers whether it was counted. One writer at a time.
    pub(crate) fn record(&self, at: Timestamp, outcome: Outcome, now: Timestamp) -> bool {
        if at > now + FUTURE_MAX {
            self.too_early.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let (good, bad) = match outcome {
            Outcome::Good => (1, 0),
            Outcome::Bad => (0, 1),
        };
        let [seconds, minutes, quarters] = &self.tiers;
        if !quarters.add(at.as_secs(), good, bad) {
            self.too_late.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        minutes.add(at.as_secs(), good, bad);
        seconds.add(at.as_secs(), good, bad);
        self.newest.fetch_max(at.as_nanos(), Ordering::AcqRel);
        self.oldest.fetch_min(at.as_nanos(), Ordering::AcqRel);
        true
    }

    /// What history has to be counted, and how finely, so that after [`Rings::merge`] every window that ends at `now`
    /// or later is exact. Coarsest and oldest part first; the parts do not overlap and the last reaches into the
    /// accepted future.
    pub fn backfill_plan(&self, now: Timestamp) -> Vec<BackfillPart> {
        let (floors, newest) = self.floors(now);
        let oldest = (now.as_secs() - self.tiers[2].len() * QUARTER).div_euclid(QUARTER) * QUARTER;
        let edges = [oldest, floors[1], floors[0], newest];
        let steps = [QUARTER, MINUTE, SECOND];
        let part = |(edge, step): (&[i64], i64)| BackfillPart {
            range: TimeRange::new(Timestamp::from_secs(edge[0]), Timestamp::from_secs(edge[1])),
            step: Duration::from_secs(step as u64),
        };
        edges.windows(2).zip(steps).map(part).filter(|part| part.range.start < part.range.end).collect()
    }

    /// From when seconds and minutes are complete after a back-fill at `now`, in seconds; and the end of history.
    fn floors(&self, now: Timestamp) -> ([i64; 2], i64) {
        let back = |reach: Duration| now.as_secs() - reach.as_secs() as i64 - QUARTER;
        let minutes_reach = (self.tiers[1].len() * MINUTE - SLACK_SECS).max(0);
        let seconds = back(SECONDS_REACH).div_euclid(MINUTE) * MINUTE;
        let minutes = (now.as_secs() - minutes_reach - QUARTER).div_euclid(QUARTER) * QUARTER;
        ([seconds, minutes.min(seconds)], (now + FUTURE_MAX).as_secs() + 1)
    }

    /// Adds history, counted as [`Rings::backfill_plan`] of the same `now` asked. `since` is the start of what is known
    /// at all. `overlap` are events, by second, that were counted live and are in this history too. One writer at a
    /// time, once.
    pub(crate) fn merge(
        &self,
        now: Timestamp,
        since: Timestamp,
        parts: &[(Duration, Vec<Bucket>)],
        overlap: impl Iterator<Item = (i64, Counts)>,
    ) {
        let ([seconds_floor, minutes_floor], _) = self.floors(now);
        self.tiers[0].floor.store(seconds_floor / SECOND, Ordering::Release);
        self.tiers[1].floor.store(minutes_floor / MINUTE, Ordering::Release);
        for (step, buckets) in parts {
            let step = step.as_secs() as i64;
            for bucket in buckets.iter().filter(|bucket| bucket.counts.total() > 0) {
                let (good, bad) = (bucket.counts.good as i64, bucket.counts.bad as i64);
                for tier in self.tiers.iter().filter(|tier| tier.step >= step) {
                    tier.add(bucket.start.as_secs(), good, bad);
                }
                // The newest event is known to the step only; its bucket's start errs towards stale, never fresh.
                self.newest.fetch_max(bucket.start.as_nanos(), Ordering::AcqRel);
                self.oldest.fetch_min(bucket.start.as_nanos(), Ordering::AcqRel);
            }
        }
        for (secs, counts) in overlap {
            for tier in &self.tiers {
                tier.add(secs, -(counts.good as i64), -(counts.bad as i64));
            }
        }
        self.set_known_since(since);
    }

    /// Counts a bucket of a replay in every tier, as of its start. One writer at a time.
    pub(crate) fn add_bucket(&self, bucket: Bucket) {
        let (good, bad) = (bucket.counts.good as i64, bucket.counts.bad as i64);
        for tier in &self.tiers {
            tier.add(bucket.start.as_secs(), good, bad);
        }
        self.saw_second(bucket.start);
        self.oldest.fetch_min(bucket.start.as_nanos(), Ordering::AcqRel);
    }

    /// Makes what a second holds `new`, where it is `old`: for counts that are read again. One writer at a time.
    pub(crate) fn replace(&self, second: i64, old: Counts, new: Counts) {
        let (good, bad) = (new.good as i64 - old.good as i64, new.bad as i64 - old.bad as i64);
        if good == 0 && bad == 0 {
            return;
        }
        for tier in &self.tiers {
            tier.add(second, good, bad);
        }
        if new.total() > 0 {
            self.saw_second(Timestamp::from_secs(second));
            self.oldest.fetch_min(Timestamp::from_secs(second).as_nanos(), Ordering::AcqRel);
        }
    }

    /// How late counts are as a rule: for series, their scrape interval and what it takes to read them.
    pub(crate) fn set_lag(&self, lag: Duration) {
        self.lag_secs.store(i64::try_from(lag.as_secs()).unwrap_or(0), Ordering::Release);
    }

    /// How late counts are as a rule. Zero for events, which are counted as they arrive.
    pub fn lag(&self) -> Duration {
        Duration::from_secs(self.lag_secs.load(Ordering::Acquire).unsigned_abs())
    }

    /// Where short windows end that speak of now: at the newest counts, but no longer ago than they are late as a rule.
    pub fn edge(&self, now: Timestamp) -> Timestamp {
        let lag = self.lag();
        match self.newest() {
            Some(newest) if !lag.is_zero() => newest.max(now - lag).min(now),
            _ => now,
        }
    }

    /// The newest event lies somewhere in the second that begins at `start`. Its last instant is taken, because windows
    /// that end at the newest event then include that second, as they do live.
    pub(crate) fn saw_second(&self, start: Timestamp) {
        let last = (start + Duration::from_secs(1)).as_nanos() - 1;
        self.newest.fetch_max(last, Ordering::AcqRel);
    }

    /// Counts are complete from `since` on. Only ever moves into the past.
    pub fn set_known_since(&self, since: Timestamp) {
        self.known_since.fetch_min(since.as_nanos(), Ordering::AcqRel);
    }

    /// Events of the window of length `window` that ends at `end`: those of [`Rings::aligned`].
    ///
    /// Cost: one addition per bucket, about 3 000 for 30 days; no lock.
    pub fn sum(&self, end: Timestamp, window: Duration) -> Counts {
        self.sum_range(self.aligned(end, window))
    }

    /// The stretch that [`Rings::sum`] really counts. The end is rounded up to a whole second, so that the second that
    /// is running counts. The start lies `window` before, exactly for windows up to [`SECONDS_REACH`], rounded down to
    /// the minute up to [`MINUTES_REACH`] and to the quarter of an hour beyond.
    pub fn aligned(&self, end: Timestamp, window: Duration) -> TimeRange {
        let end = ceil_secs(end);
        let start = end.saturating_sub(window.as_secs().try_into().unwrap_or(i64::MAX));
        let step = if window <= SECONDS_REACH {
            SECOND
        } else if window <= MINUTES_REACH {
            MINUTE
        } else {
            QUARTER
        };
        TimeRange::new(Timestamp::from_secs(start.div_euclid(step) * step), Timestamp::from_secs(end))
    }

    /// Events of `range`, widened outwards to whole buckets of the finest tier that still reaches back so far: seconds
    /// for the last two hours, minutes for four days, quarters beyond. What is older than the rings is not counted.
    pub fn sum_range(&self, range: TimeRange) -> Counts {
        let mut counts = Counts::default();
        self.for_each_bucket(range, QUARTER, |_, bucket| counts = counts + bucket);
        counts
    }

    /// Counts per step of `range`, oldest first, empty ones too. `step` is rounded up to whole seconds; `range` is
    /// widened to whole steps since the epoch.
    pub fn series(&self, range: TimeRange, step: Duration) -> Vec<Bucket> {
        let step = (step.as_nanos().div_ceil(1_000_000_000)).clamp(1, DAY as u128 * 366) as i64;
        let first = range.start.as_secs().div_euclid(step);
        let last = (ceil_secs(range.end) + step - 1).div_euclid(step);
        let mut buckets: Vec<Bucket> = (first..last.min(first + crate::reading::SERIES_POINTS_MAX as i64))
            .map(|index| Bucket { start: Timestamp::from_secs(index * step), counts: Counts::default() })
            .collect();
        let Some(end) = buckets.last().map(|bucket| bucket.start + Duration::from_secs(step as u64)) else {
            return buckets;
        };
        self.for_each_bucket(TimeRange::new(Timestamp::from_secs(first * step), end), step, |at, counts| {
            let index = at.div_euclid(step) - first;
            if let Some(bucket) = usize::try_from(index).ok().and_then(|index| buckets.get_mut(index)) {
                bucket.counts = bucket.counts + counts;
            }
        });
        buckets
    }

    /// Calls `see` with the start (in seconds) and counts of buckets that together make up `range`, widened. Buckets are
    /// no longer than `step_max` as long as finer ones reach back so far.
    fn for_each_bucket(&self, range: TimeRange, step_max: i64, mut see: impl FnMut(i64, Counts)) {
        let end = ceil_secs(range.end);
        let quarters = &self.tiers[2];
        // Nothing is older than the coarsest ring or newer than its head, so neither end of a huge range costs time.
        let head = quarters.head.load(Ordering::Acquire);
        if head <= i64::MIN / 2 {
            return;
        }
        let end = end.min(head.saturating_add(1).saturating_mul(QUARTER));
        let mut at = range.start.as_secs().max((head - quarters.len() + 1).saturating_mul(QUARTER));
        let oldest = [0, 1, 2].map(|tier: usize| self.tiers[tier].oldest());
        let finest = |at: i64| (0..3).find(|tier| at.div_euclid(self.tiers[*tier].step) >= oldest[*tier]);
        if let Some(tier) = finest(at) {
            at -= at.rem_euclid(self.tiers[tier].step);
        }
        while at < end {
            // The coarsest tier whose buckets fit, else the finest that reaches back so far.
            let fits = |tier: &usize| {
                let step = self.tiers[*tier].step;
                step <= step_max && at % step == 0 && at + step <= end && at / step >= oldest[*tier]
            };
            let fitting = (0..3).rev().find(fits);
            let Some(tier) = fitting.or_else(|| finest(at)) else { return };
            let step = self.tiers[tier].step;
            let first = at.div_euclid(step);
            // As far as the next coarser tier may take over, in one go.
            let until = match (fitting, self.tiers.get(tier + 1)) {
                (None, _) => first + 1,
                (Some(_), Some(coarser)) => (end / step).min((at / coarser.step + 1) * (coarser.step / step)),
                (Some(_), None) => end / step,
            };
            self.tiers[tier].scan(first..until.max(first + 1), |bucket, counts| see(bucket * step, counts));
            at = until.max(first + 1) * step;
        }
    }

    /// Judges each slice of `range` by itself; slices without events are left out. Slices are aligned to the epoch, and
    /// only whole ones count.
    pub fn slices(&self, range: TimeRange, slice: Duration, method: Slices) -> Measured {
        let mut measured = Measured { unit: BudgetUnit::Slices, total: 0.0, bad: 0.0 };
        self.for_each_slice(range, slice, |_, counts| {
            measured.total += 1.0;
            measured.bad += method.badness(counts);
        });
        measured
    }

    /// Calls `see` with the start (in seconds) and counts of every whole slice of `range` that had events.
    pub(crate) fn for_each_slice(&self, range: TimeRange, slice: Duration, mut see: impl FnMut(i64, Counts)) {
        let step = (slice.as_secs() as i64).max(MINUTE);
        let whole = TimeRange::new(
            Timestamp::from_secs((range.start.as_secs() + step - 1).div_euclid(step) * step),
            Timestamp::from_secs(range.end.as_secs().div_euclid(step) * step),
        );
        let mut judge = |index: i64, counts: Counts| {
            if counts.total() > 0 {
                see(index.saturating_mul(step), counts);
            }
        };
        let (mut current, mut counts) = (i64::MIN, Counts::default());
        let minutes = &self.tiers[1];
        let end = minutes.head.load(Ordering::Acquire).saturating_add(1);
        let from = (whole.start.as_secs() / MINUTE).max(minutes.oldest());
        minutes.scan(from..(whole.end.as_secs() / MINUTE).min(end), |bucket, minute| {
            let slice = (bucket * MINUTE).div_euclid(step);
            if slice != current {
                judge(current, std::mem::take(&mut counts));
                current = slice;
            }
            counts = counts + minute;
        });
        judge(current, counts);
    }

    /// Since when the counts are complete. `None` before [`Rings::set_known_since`].
    pub fn known_since(&self) -> Option<Timestamp> {
        let nanos = self.known_since.load(Ordering::Acquire);
        (nanos != i64::MAX).then(|| Timestamp::from_nanos(nanos))
    }

    /// The share of `range` up to `now` that has been measured, over the length of all of `range`.
    pub fn coverage(&self, range: TimeRange, now: Timestamp) -> f64 {
        let Some(since) = self.known_since() else { return 0.0 };
        let measured = TimeRange::new(range.start.max(since), range.end.min(now)).duration();
        let whole = range.duration().as_secs_f64();
        if whole > 0.0 { (measured.as_secs_f64() / whole).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The time of the newest event that counted: how fresh the measurement is, in event time.
    pub fn newest(&self) -> Option<Timestamp> {
        let nanos = self.newest.load(Ordering::Acquire);
        (nanos != i64::MIN).then(|| Timestamp::from_nanos(nanos))
    }

    /// The time of the oldest event that counted.
    pub fn oldest(&self) -> Option<Timestamp> {
        let nanos = self.oldest.load(Ordering::Acquire);
        (nanos != i64::MAX).then(|| Timestamp::from_nanos(nanos))
    }

    /// Events that came too late for the coarsest tier, and events from the future.
    pub fn ignored(&self) -> (u64, u64) {
        (self.too_late.load(Ordering::Relaxed), self.too_early.load(Ordering::Relaxed))
    }
}

/// How slices are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slices {
    /// Good if the slice's ratio reaches the target.
    Verdict(Ratio),
    /// By the ratio itself.
    Ratio,
}

impl Slices {
    /// How much of a slice is bad, from 0 to 1. The counts are not empty.
    pub(crate) fn badness(self, counts: Counts) -> f64 {
        let good = counts.good_ratio().unwrap_or(1.0);
        match self {
            Self::Verdict(target) => f64::from(u8::from(good < target.as_f64())),
            Self::Ratio => 1.0 - good,
        }
    }
}

fn ceil_secs(at: Timestamp) -> i64 {
    let secs = at.as_secs();
    if Timestamp::from_secs(secs) < at { secs.saturating_add(1) } else { secs }
}
