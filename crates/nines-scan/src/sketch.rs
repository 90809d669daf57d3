//! A mergeable, order-independent sketch of a distribution: the exponential histogram of OpenTelemetry at one fixed
//! scale.
//!
//! Bucket `i` holds the values in `(base^i, base^(i+1)]` with `base = 2^(2^-SCALE)`; negative values have their own
//! buckets and zero its own count. Because the scale never changes, a sketch is a function of the multiset of its
//! values: merging in any order, over any split, gives the same sketch bit for bit. A t-digest does not have that
//! property, and live and replayed results could then differ.
//!
//! Accuracy: [`Sketch::quantile`] answers with a relative error of at most [`RELATIVE_ERROR`] against the value of that
//! rank. Size: 24 bytes or so per bucket in use; one power of two spans 64 buckets, so latencies between
//! a microsecond and an hour use at most about 2 000, and no data can use more than 268 800.
//!
//! Source: OpenTelemetry metrics data model, "ExponentialHistogram".

use std::collections::BTreeMap;

/// `base = 2^(1/64)`, about 1.0109.
const SCALE: i32 = 6;
const BUCKETS_PER_OCTAVE: f64 = (1_i64 << SCALE) as f64;

/// `(base − 1) / (base + 1)`, rounded up: the distance from the middle of a bucket to its ends.
pub const RELATIVE_ERROR: f64 = 0.005_42;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketch {
    count: u64,
    zeros: u64,
    positive: BTreeMap<i32, u64>,
    /// Keyed by the bucket of the absolute value.
    negative: BTreeMap<i32, u64>,
    /// Meaningless while `count` is 0.
    min: f64,
    max: f64,
}

impl Sketch {
    /// Counts `value`. NaN is not a value and is passed over.
    pub fn insert(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.see(value, value, 1);
        if value == 0.0 {
            self.zeros += 1;
        } else {
            let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
            *side.entry(bucket_of(value.abs())).or_default() += 1;
        }
    }

    /// Adds what `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.see(other.min, other.max, other.count);
        self.zeros += other.zeros;
        for (mine, theirs) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            for (bucket, count) in theirs {
                *mine.entry(*bucket).or_default() += count;
            }
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value of rank `ceil(q × count)`, within [`RELATIVE_ERROR`]; `q` is clamped to `[0, 1]`, whose ends give the
    /// exact extremes. `None` while nothing has been counted.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 || q.is_nan() {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == 1 && q <= 0.0 {
            return Some(self.min);
        }
        if rank == self.count {
            return Some(self.max);
        }
        let mut seen = 0;
        let negative = self.negative.iter().rev().map(|(bucket, count)| (-middle_of(*bucket), *count));
        let positive = self.positive.iter().map(|(bucket, count)| (middle_of(*bucket), *count));
        for (value, count) in negative.chain([(0.0, self.zeros)]).chain(positive) {
            seen += count;
            if seen >= rank {
                return Some(value.clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// Heap bytes, roughly: a B-tree keeps its nodes between half and wholly full.
    pub fn heap_bytes(&self) -> usize {
        (self.positive.len() + self.negative.len()) * 24
    }

    /// The state that travels between parts of one query; not a stored format.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40 + 12 * (self.positive.len() + self.negative.len()));
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.zeros.to_le_bytes());
        bytes.extend(self.min.to_le_bytes());
        bytes.extend(self.max.to_le_bytes());
        bytes.extend((self.positive.len() as u64).to_le_bytes());
        for (bucket, count) in self.positive.iter().chain(&self.negative) {
            bytes.extend(bucket.to_le_bytes());
            bytes.extend(count.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Sketch::to_bytes`] wrote; `None` if it did not.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let count = u64::from_le_bytes(take(&mut bytes)?);
        let zeros = u64::from_le_bytes(take(&mut bytes)?);
        let min = f64::from_le_bytes(take(&mut bytes)?);
        let max = f64::from_le_bytes(take(&mut bytes)?);
        let mut left = u64::from_le_bytes(take(&mut bytes)?);
        let mut sketch = Self { count, zeros, min, max, ..Self::default() };
        while !bytes.is_empty() {
            let side = if left > 0 { &mut sketch.positive } else { &mut sketch.negative };
            left = left.saturating_sub(1);
            side.insert(i32::from_le_bytes(take(&mut bytes)?), u64::from_le_bytes(take(&mut bytes)?));
        }
        Some(sketch)
    }

    fn see(&mut self, min: f64, max: f64, count: u64) {
        (self.min, self.max) =
            if self.count == 0 { (min, max) } else { (self.min.min(min), self.max.max(max)) };
        self.count += count;
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

/// The bucket of a positive value. Infinity shares the last bucket, whose answers are clamped to the true extremes.
fn bucket_of(value: f64) -> i32 {
    (value.min(f64::MAX).log2() * BUCKETS_PER_OCTAVE).ceil() as i32 - 1
}

/// The value whose relative distance to both ends of the bucket is the same.
fn middle_of(bucket: i32) -> f64 {
    let low = (f64::from(bucket) / BUCKETS_PER_OCTAVE).exp2();
    let base = (1.0 / BUCKETS_PER_OCTAVE).exp2();
    low * (2.0 * base / (base + 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch_of(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|value| sketch.insert(*value));
        sketch
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![4 => 1e3..1e12, 1 => -1e6..1e6, 1 => Just(0.0), 1 => any::<f64>().prop_filter("finite", |v| v.is_normal())]
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_error_of_the_exact_ones(
            mut values in prop::collection::vec(value(), 1..400),
            q in 0.0..=1.0_f64,
        ) {
            let sketch = sketch_of(&values);
            values.sort_by(f64::total_cmp);
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let answer = sketch.quantile(q).unwrap();
            // One part in 10^9 for the rounding of log2 and exp2 at the ends of buckets.
            prop_assert!((answer - exact).abs() <= exact.abs() * (RELATIVE_ERROR + 1e-9), "{answer} for {exact}");
        }

        #[test]
        fn a_sketch_is_a_function_of_its_multiset(
            values in prop::collection::vec(value(), 0..200),
            cut in 0..200_usize,
        ) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = sketch_of(right);
            merged.merge(&sketch_of(left));
            prop_assert_eq!(&merged, &sketch_of(&values));
            prop_assert_eq!(Sketch::from_bytes(&merged.to_bytes()).unwrap(), merged);
        }
    }

    #[test]
    fn extremes_are_exact_and_nan_is_no_value() {
        let sketch = sketch_of(&[3.0, f64::NAN, f64::INFINITY, -7.5]);
        assert_eq!(sketch.count(), 3);
        assert_eq!(sketch.quantile(0.0), Some(-7.5));
        assert_eq!(sketch.quantile(1.0), Some(f64::INFINITY));
        assert_eq!(Sketch::default().quantile(0.5), None);
    }
}
