//! Whether a counter was reset between two histograms.

use super::arithmetic::coarser;
use super::{Histogram, ResetHint};

impl Histogram {
    /// Whether this cannot be a later state of the counter that showed `previous`: a count went down, a populated
    /// bucket is gone, the resolution grew or the zero bucket shrank. A hint settles it without looking.
    pub fn is_reset_after(&self, previous: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        self.shows_reset_after(previous)
    }

    /// The same from the numbers alone.
    pub fn shows_reset_after(&self, previous: &Self) -> bool {
        if self.count < previous.count || self.is_custom() != previous.is_custom() {
            return true;
        }
        if self.is_custom() {
            if self.bounds == previous.bounds {
                return decreased(&self.positive, &previous.positive);
            }
            // Over the bounds that both have, as a change of bounds alone is no reset.
            let shared: Vec<f64> =
                self.bounds.iter().copied().filter(|bound| previous.bounds.contains(bound)).collect();
            let ours = super::arithmetic::onto_bounds(&self.positive, &self.bounds, &shared);
            let theirs = super::arithmetic::onto_bounds(&previous.positive, &previous.bounds, &shared);
            return decreased(&ours, &theirs);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (previous_zero, threshold) = previous.zero_count_at(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < previous_zero {
            return true;
        }
        let by = previous.schema - self.schema;
        let outside = |buckets: Vec<(i32, f64)>| -> Vec<(i32, f64)> {
            let reaches = |index: i32| self.positive_bucket(index, 0.0).upper > self.zero_threshold;
            buckets.into_iter().filter(|(index, _)| reaches(*index)).collect()
        };
        decreased(&outside(self.positive.clone()), &outside(coarser(&previous.positive, by)))
            || decreased(&outside(self.negative.clone()), &outside(coarser(&previous.negative, by)))
    }
}

fn decreased(now: &[(i32, f64)], before: &[(i32, f64)]) -> bool {
    let mut at = 0;
    for &(index, count) in before {
        while at < now.len() && now[at].0 < index {
            at += 1;
        }
        let ours = if at < now.len() && now[at].0 == index { now[at].1 } else { 0.0 };
        if ours < count {
            return true;
        }
    }
    false
}
