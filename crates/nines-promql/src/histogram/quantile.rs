//! Quantiles and fractions of native histograms and of classic ones. After upstream's `promql/quantile.go`.

use super::{Bucket, Histogram};
use crate::number::{almost_equal, kahan};

/// Relative differences between neighbouring classic buckets up to this are rounding, not data: one observation in
/// 10^12. As upstream.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// A cumulative bucket of a classic histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassicBucket {
    pub upper: f64,
    /// All observations up to `upper`.
    pub count: f64,
}

/// A classic bucket held less than a smaller one and was lifted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForcedMonotonicity {
    pub lowest: f64,
    pub highest: f64,
    pub difference: f64,
}

impl Histogram {
    /// The value below which the part `q` of the observations lies. Linear within custom buckets and the zero bucket,
    /// exponential elsewhere. NaN for an empty histogram and for a rank among observations that are NaN.
    pub fn quantile(&self, q: f64) -> f64 {
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        if self.count == 0.0 || q.is_nan() {
            return f64::NAN;
        }
        // NaN observations are counted but are in no bucket, so only ranks from below are right then.
        let forward = self.sum.is_nan() || q < 0.5;
        let mut rank = if forward { q * self.count } else { (1.0 - q) * self.count };
        let buckets = self.buckets();
        let mut bucket =
            Bucket { lower: 0.0, upper: 0.0, lower_inclusive: false, upper_inclusive: false, count: 0.0 };
        let mut count = 0.0;
        let mut ordered: Box<dyn Iterator<Item = &Bucket>> =
            if forward { Box::new(buckets.iter()) } else { Box::new(buckets.iter().rev()) };
        for candidate in ordered.by_ref() {
            if candidate.count == 0.0 {
                continue;
            }
            bucket = *candidate;
            count += bucket.count;
            if count >= rank {
                break;
            }
        }
        if self.is_custom() {
            if bucket.lower == f64::NEG_INFINITY {
                if bucket.upper <= 0.0 {
                    return bucket.upper;
                }
                bucket.lower = 0.0;
            } else if bucket.upper == f64::INFINITY {
                return bucket.lower;
            }
        } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
            let biased = self.biased_zero_bucket();
            (bucket.lower, bucket.upper) = (biased.lower, biased.upper);
        }
        count = count.min(self.count);
        if count < rank {
            return if self.sum.is_nan() { f64::NAN } else { bucket.upper };
        }
        rank = if forward { rank - (count - bucket.count) } else { count - rank };
        let fraction = rank / bucket.count;
        if self.is_custom() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction;
        }
        let (low, high) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        if bucket.lower > 0.0 {
            (low + (high - low) * fraction).exp2()
        } else {
            -(high + (low - high) * (1.0 - fraction)).exp2()
        }
    }

    /// The part of the observations between `lower` and `upper`. NaN for an empty histogram.
    pub fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        let mut spans: Vec<Span> = Vec::new();
        let mut populated = 0.0_f64;
        for mut bucket in self.buckets() {
            let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            if around_zero {
                if self.negative.is_empty() && !self.positive.is_empty() {
                    bucket.lower = 0.0;
                } else if self.positive.is_empty() && !self.negative.is_empty() {
                    bucket.upper = 0.0;
                }
            }
            populated += bucket.count;
            spans.push(Span { bucket, linear: self.is_custom() || around_zero });
        }
        // What is not in a bucket is NaN, which lies between no two values.
        let total = if self.sum.is_nan() { populated.min(self.count) } else { self.count };
        (rank(&spans, upper, total) - rank(&spans, lower, total)) / self.count
    }

    /// The variance of the observations, each taken to be in the middle of its bucket.
    pub fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        let (mut variance, mut lost) = (0.0, 0.0);
        for bucket in self.buckets() {
            if bucket.count == 0.0 {
                continue;
            }
            let value = if self.is_custom() {
                (bucket.upper + bucket.lower) / 2.0
            } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
                0.0
            } else {
                let middle = (bucket.upper * bucket.lower).sqrt();
                if bucket.upper < 0.0 { -middle } else { middle }
            };
            let off = value - mean;
            (variance, lost) = kahan(bucket.count * off * off, variance, lost);
        }
        (variance + lost) / self.count
    }
}

/// A bucket, and how observations are spread in it.
struct Span {
    bucket: Bucket,
    linear: bool,
}

/// How many observations are at most `value`.
fn rank(spans: &[Span], value: f64, total: f64) -> f64 {
    let mut below = 0.0_f64;
    for Span { bucket, linear } in spans {
        if bucket.lower >= value {
            return below.min(total);
        }
        if bucket.upper > value {
            if *linear && bucket.lower == f64::NEG_INFINITY {
                return bucket.count.min(total);
            }
            let fraction = if *linear {
                (value - bucket.lower) / (bucket.upper - bucket.lower)
            } else {
                let (low, high, here) =
                    (bucket.lower.abs().log2(), bucket.upper.abs().log2(), value.abs().log2());
                if value > 0.0 { (here - low) / (high - low) } else { 1.0 - (here - high) / (low - high) }
            };
            return (below + bucket.count * fraction).min(total);
        }
        below += bucket.count;
    }
    total
}

/// Sorted, without duplicates; `None` without a bucket that ends at +Inf.
fn prepared(mut buckets: Vec<ClassicBucket>) -> Option<Vec<ClassicBucket>> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last()?.upper != f64::INFINITY {
        return None;
    }
    let mut merged: Vec<ClassicBucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match merged.last_mut() {
            Some(last) if last.upper == bucket.upper => last.count += bucket.count,
            _ => merged.push(bucket),
        }
    }
    Some(merged)
}

/// The quantile of a classic histogram, linear within buckets; NaN without a `+Inf` bucket, with fewer than two buckets or without observations.
pub fn classic_quantile(q: f64, buckets: Vec<ClassicBucket>) -> (f64, Option<ForcedMonotonicity>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    let Some(mut buckets) = prepared(buckets) else { return (f64::NAN, None) };
    let forced = force_monotonicity(&mut buckets);
    if buckets.len() < 2 {
        return (f64::NAN, None);
    }
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if observations == 0.0 || observations.is_nan() {
        return (f64::NAN, None);
    }
    let mut rank = q * observations;
    let found = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if found == last {
        return (buckets[last - 1].upper, forced);
    }
    if found == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, forced);
    }
    let (mut start, end, mut count) = (0.0, buckets[found].upper, buckets[found].count);
    if found > 0 {
        start = buckets[found - 1].upper;
        count -= buckets[found - 1].count;
        rank -= buckets[found - 1].count;
    }
    (start + (end - start) * (rank / count), forced)
}

/// The part of a classic histogram's observations between two values.
pub fn classic_fraction(lower: f64, upper: f64, buckets: Vec<ClassicBucket>) -> f64 {
    let Some(buckets) = prepared(buckets) else { return f64::NAN };
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut before = ClassicBucket { upper: f64::NEG_INFINITY, count: 0.0 };
    let mut spans = Vec::with_capacity(buckets.len());
    for (position, bucket) in buckets.into_iter().enumerate() {
        let first = position == 0 && bucket.upper > 0.0;
        let lower = if first { 0.0 } else { before.upper };
        let count = bucket.count - before.count;
        let whole =
            Bucket { lower, upper: bucket.upper, lower_inclusive: false, upper_inclusive: true, count };
        spans.push(Span { bucket: whole, linear: true });
        before = bucket;
    }
    (rank(&spans, upper, total) - rank(&spans, lower, total)) / total
}

fn force_monotonicity(buckets: &mut [ClassicBucket]) -> Option<ForcedMonotonicity> {
    let mut forced: Option<ForcedMonotonicity> = None;
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if almost_equal(before, count, SMALL_DIFFERENCE) {
            bucket.count = before;
        } else if count < before {
            let lifted = forced.get_or_insert(ForcedMonotonicity {
                lowest: bucket.upper,
                highest: bucket.upper,
                difference: 0.0,
            });
            lifted.highest = bucket.upper;
            lifted.difference = lifted.difference.max(before - count);
            bucket.count = before;
        } else {
            before = count;
        }
    }
    forced
}
