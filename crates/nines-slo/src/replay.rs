//! A stored window through a promise of today, as if it were happening now.
//!
//! A replay has counters of its own, filled with what lay before the window and then moved on bucket by bucket; each
//! [`crate::evaluate`] over them reads what the live evaluator would have read at that instant. That holds to the
//! second, for events that arrived as they happened: a replay knows when an event happened, not when it arrived.
//!
//! 1. Count [`Replay::history`] from stored data, then [`Replay::begin`].
//! 2. For each step of the window: [`Replay::advance`] by the bucket that has just ended, then `evaluate`.

use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use crate::promise::Promise;
use crate::rings::{BackfillPart, Bucket, Rings};

/// The counters of one promise during a replay.
#[derive(Debug)]
pub struct Replay {
    rings: Rings,
}

impl Replay {
    /// What is to be counted before a replay from `start` on, a whole second: as far back as windows reach, and nothing
    /// from `start` on.
    pub fn history(promise: &Promise, start: Timestamp) -> Vec<BackfillPart> {
        let plan = Rings::sized_for(&promise.window, promise.budgeting).backfill_plan(start);
        let before = |part: BackfillPart| BackfillPart {
            range: TimeRange::new(part.range.start, part.range.end.min(start)),
            step: part.step,
        };
        plan.into_iter()
            .filter(|part| part.range.start < start)
            .map(before)
            .filter(|part| part.range.start < part.range.end)
            .collect()
    }

    /// Counters as they were at `start`. `since` is the start of what the store still knows; `history` is counted as
    /// [`Replay::history`] asked.
    pub fn begin(
        promise: &Promise,
        start: Timestamp,
        since: Timestamp,
        history: &[(Duration, Vec<Bucket>)],
    ) -> Self {
        let rings = Rings::sized_for(&promise.window, promise.budgeting);
        rings.merge(start, since.min(start), history, std::iter::empty());
        let seconds = history.iter().filter(|(step, _)| *step == Duration::from_secs(1));
        let newest = seconds.flat_map(|(_, buckets)| buckets).rfind(|bucket| bucket.counts.total() > 0);
        if let Some(newest) = newest {
            rings.saw_second(newest.start);
        }
        Self { rings }
    }

    /// Adds what happened in one bucket. In order of time; buckets without events change nothing, as no event would have.
    pub fn advance(&mut self, bucket: Bucket) {
        if bucket.counts.total() > 0 {
            self.rings.add_bucket(bucket);
        }
    }

    /// The counters as of the last bucket, for `evaluate`.
    pub fn rings(&self) -> &Rings {
        &self.rings
    }
}
