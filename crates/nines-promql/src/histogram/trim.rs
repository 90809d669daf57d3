//! `histogram </ number` and `histogram >/ number`: the part of a histogram below or above a value.

use super::{Bucket, Histogram};

/// How much of a bucket stays, and where in it the average observation is assumed.
struct Kept {
    count: f64,
    middle: f64,
}

impl Histogram {
    /// Keeps the observations up to `at` (`below`) or from `at` on. A bucket that is cut is assumed to be filled evenly:
    /// on a logarithmic scale if exponential, linearly if custom or the zero bucket. If anything goes, the sum is estimated anew
    /// from the buckets that stay. Of a bucket that is infinite on one side, nothing is known but its finite end.
    #[must_use]
    pub fn trimmed(&self, at: f64, below: bool) -> Self {
        let mut out = self.clone();
        let (mut count, mut sum, mut removed) = (0.0, 0.0, false);
        let mut take = |bucket: Bucket, linear: bool, natural: bool| -> f64 {
            if bucket.count == 0.0 {
                return 0.0;
            }
            let kept = kept(bucket, at, below, linear, natural);
            removed |= kept.count != bucket.count;
            count += kept.count;
            if kept.count != 0.0 {
                sum += kept.count * kept.middle;
            }
            kept.count
        };
        let custom = self.is_custom();
        for (position, &(index, inside)) in self.positive.iter().enumerate() {
            let bucket = self.positive_bucket(index, inside);
            out.positive[position].1 = take(bucket, custom, custom);
        }
        for (position, &(index, inside)) in self.negative.iter().enumerate() {
            out.negative[position].1 = take(self.negative_bucket(index, inside), false, false);
        }
        if self.zero_count != 0.0 {
            out.zero_count = take(self.biased_zero_bucket(), true, false);
        }
        if !removed {
            return self.clone();
        }
        out.count = count;
        out.sum = if count == 0.0 { 0.0 } else { sum };
        out.compact();
        out
    }

    /// The zero bucket, from zero on if all other observations are positive, up to zero if all are negative.
    pub(super) fn biased_zero_bucket(&self) -> Bucket {
        let mut bucket = self.zero_bucket();
        if self.negative.is_empty() && !self.positive.is_empty() {
            bucket.lower = 0.0;
        } else if self.positive.is_empty() && !self.negative.is_empty() {
            bucket.upper = 0.0;
        }
        bucket
    }
}

fn kept(bucket: Bucket, at: f64, below: bool, linear: bool, natural: bool) -> Kept {
    let all = |middle: f64| Kept { count: bucket.count, middle };
    let none = Kept { count: 0.0, middle: 0.0 };
    let everything = if below { at == f64::INFINITY } else { at == f64::NEG_INFINITY };
    if everything {
        return all(middle(bucket, linear));
    }
    if at.is_infinite() || at.is_nan() || (bucket.lower.is_infinite() && bucket.upper.is_infinite()) {
        return none;
    }
    if bucket.upper == f64::INFINITY {
        return if below { none } else { all(bucket.lower.max(at)) };
    }
    let mut bucket = bucket;
    if bucket.lower == f64::NEG_INFINITY {
        if natural && bucket.upper > 0.0 && (at >= 0.0 || below) {
            // As for quantiles, zero is the natural lower end.
            bucket.lower = 0.0;
        } else {
            return if below { all(bucket.upper.min(at)) } else { none };
        }
    }
    let share = share_below(bucket, at, linear);
    let cut = at.clamp(bucket.lower, bucket.upper);
    if below {
        Kept { count: bucket.count * share, middle: middle(Bucket { upper: cut, ..bucket }, linear) }
    } else {
        Kept { count: bucket.count * (1.0 - share), middle: middle(Bucket { lower: cut, ..bucket }, linear) }
    }
}

/// Which part of the bucket's observations is at most `at`.
fn share_below(bucket: Bucket, at: f64, linear: bool) -> f64 {
    if at <= bucket.lower {
        return 0.0;
    }
    if at >= bucket.upper {
        return 1.0;
    }
    if linear {
        return (at - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let (low, high, here) = (bucket.lower.abs().log2(), bucket.upper.abs().log2(), at.abs().log2());
    (here - low) / (high - low)
}

fn middle(bucket: Bucket, linear: bool) -> f64 {
    if linear {
        (bucket.lower + bucket.upper) / 2.0
    } else {
        let geometric = (bucket.lower * bucket.upper).sqrt();
        if bucket.upper <= 0.0 { -geometric } else { geometric }
    }
}
