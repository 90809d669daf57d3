//! Buckets with their bounds, in ascending order.

use super::Histogram;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
    pub count: f64,
}

impl Histogram {
    /// All buckets from the lowest to the highest, the zero bucket where it belongs if it holds anything. A bucket
    /// next to the zero bucket that overlaps with it is cut at the zero threshold.
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut all = Vec::with_capacity(self.positive.len() + self.negative.len() + 1);
        for &(index, count) in self.negative.iter().rev() {
            let mut bucket = self.negative_bucket(index, count);
            if bucket.upper > -self.zero_threshold {
                bucket.upper = -self.zero_threshold;
            }
            all.push(bucket);
        }
        if self.zero_count > 0.0 {
            all.push(self.zero_bucket());
        }
        for &(index, count) in &self.positive {
            let mut bucket = self.positive_bucket(index, count);
            if bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
                bucket.lower = self.zero_threshold;
            }
            all.push(bucket);
        }
        all
    }

    pub(super) fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let (lower, upper) = if self.is_custom() {
            (custom_bound(&self.bounds, index - 1), custom_bound(&self.bounds, index))
        } else {
            (exponential_bound(index - 1, self.schema), exponential_bound(index, self.schema))
        };
        let lower_inclusive = self.is_custom() && index == 0;
        Bucket { lower, upper, lower_inclusive, upper_inclusive: true, count }
    }

    pub(super) fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        let (upper, lower) =
            (-exponential_bound(index - 1, self.schema), -exponential_bound(index, self.schema));
        Bucket { lower, upper, lower_inclusive: true, upper_inclusive: false, count }
    }

    pub(super) fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }
}

fn custom_bound(bounds: &[f64], index: i32) -> f64 {
    match usize::try_from(index) {
        Err(_) => f64::NEG_INFINITY,
        Ok(index) => bounds.get(index).copied().unwrap_or(f64::INFINITY),
    }
}

/// `2^(index / 2^schema)`. The bound that would be 2^1024 is the largest finite number, the next one is infinite, so
/// that every finite value has a bucket.
pub(super) fn exponential_bound(index: i32, schema: i32) -> f64 {
    // Schemas of real histograms lie in -4..=8; the clamp keeps hostile ones from overflowing the shift.
    let exponent = if schema >= 0 {
        let steps = f64::from(1_i32 << schema.min(20));
        f64::from(index) / steps
    } else {
        f64::from(index) * f64::from(1_i32 << (-schema).min(20))
    };
    if exponent == 1024.0 { f64::MAX } else { exponent.exp2() }
}
