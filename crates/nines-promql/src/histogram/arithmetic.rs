//! Sums, differences and multiples of histograms.

use std::cmp::Ordering;

use super::{Histogram, ResetHint};

/// Exponential buckets and custom bounds do not mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncompatibleSchemas;

/// What happened on the way to a sum or a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Added {
    /// One side said "reset" and the other "not reset".
    pub hint_collision: bool,
    /// The custom bounds differed; only those that both have were kept.
    pub bounds_reconciled: bool,
}

impl Histogram {
    pub fn scale(&mut self, factor: f64) {
        self.each_number(|number| *number *= factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    pub fn divide(&mut self, divisor: f64) {
        self.each_number(|number| *number /= divisor);
        if divisor == 0.0 {
            self.positive.clear();
            self.negative.clear();
        }
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        self.scale(factor);
        self
    }

    #[must_use]
    pub fn divided(mut self, divisor: f64) -> Self {
        self.divide(divisor);
        self
    }

    fn each_number(&mut self, mut change: impl FnMut(&mut f64)) {
        change(&mut self.zero_count);
        change(&mut self.count);
        change(&mut self.sum);
        for (_, count) in self.positive.iter_mut().chain(&mut self.negative) {
            change(count);
        }
    }

    /// Whether any number has overflowed.
    pub fn has_overflow(&self) -> bool {
        let mut overflow =
            self.zero_count.is_infinite() || self.count.is_infinite() || self.sum.is_infinite();
        for (_, count) in self.positive.iter().chain(&self.negative) {
            overflow |= count.is_infinite();
        }
        overflow
    }

    /// Adds in place. The result has the lower resolution and the larger zero bucket of the two.
    pub fn add(&mut self, other: &Self) -> Result<Added, IncompatibleSchemas> {
        self.combine(other, 1.0, None)
    }

    pub fn subtract(&mut self, other: &Self) -> Result<Added, IncompatibleSchemas> {
        self.combine(other, -1.0, None)
    }

    /// Adds and keeps what rounding lost in `lost`, which must have come from here or be empty (Kahan–Neumaier).
    pub fn add_compensated(&mut self, other: &Self, lost: &mut Self) -> Result<Added, IncompatibleSchemas> {
        self.combine(other, 1.0, Some(lost))
    }

    fn combine(
        &mut self,
        other: &Self,
        sign: f64,
        mut lost: Option<&mut Self>,
    ) -> Result<Added, IncompatibleSchemas> {
        if self.is_custom() != other.is_custom() {
            return Err(IncompatibleSchemas);
        }
        let mut added = Added { hint_collision: self.adjust_hint(other.hint), bounds_reconciled: false };
        let mut other_zero = other.zero_count;
        if !self.is_custom() {
            other_zero = self.reconcile_zero_buckets(other);
        }
        let mut positive = other.positive.clone();
        let mut negative = other.negative.clone();
        if self.is_custom() {
            if self.bounds != other.bounds {
                added.bounds_reconciled = true;
                let shared: Vec<f64> =
                    self.bounds.iter().copied().filter(|bound| other.bounds.contains(bound)).collect();
                self.positive = onto_bounds(&self.positive, &self.bounds, &shared);
                positive = onto_bounds(&positive, &other.bounds, &shared);
                if let Some(lost) = lost.as_deref_mut() {
                    lost.positive = onto_bounds(&lost.positive, &self.bounds, &shared);
                }
                self.bounds = shared;
            }
        } else {
            match self.schema.cmp(&other.schema) {
                Ordering::Greater => {
                    let from = self.schema;
                    self.reduce_to(other.schema);
                    if let Some(lost) = lost.as_deref_mut() {
                        lost.schema = from;
                        lost.reduce_to(other.schema);
                    }
                }
                Ordering::Less => {
                    positive = coarser(&positive, other.schema - self.schema);
                    negative = coarser(&negative, other.schema - self.schema);
                }
                Ordering::Equal => {}
            }
            // What the other histogram holds inside the zero bucket is already part of `other_zero`.
            if self.zero_threshold > other.zero_threshold {
                positive.retain(|(index, _)| self.positive_bucket(*index, 0.0).lower >= self.zero_threshold);
                negative.retain(|(index, _)| self.negative_bucket(*index, 0.0).upper <= -self.zero_threshold);
            }
        }
        match lost {
            None => {
                self.zero_count += sign * other_zero;
                self.count += sign * other.count;
                self.sum += sign * other.sum;
                self.positive = merged(&self.positive, &positive, sign);
                self.negative = merged(&self.negative, &negative, sign);
            }
            Some(lost) => {
                compensated(&mut self.zero_count, &mut lost.zero_count, other_zero);
                compensated(&mut self.count, &mut lost.count, other.count);
                compensated(&mut self.sum, &mut lost.sum, other.sum);
                merge_compensated(&mut self.positive, &mut lost.positive, &positive);
                merge_compensated(&mut self.negative, &mut lost.negative, &negative);
            }
        }
        Ok(added)
    }

    /// Adds what [`Self::add_compensated`] has set aside.
    pub fn settle(&mut self, lost: &Self) {
        self.zero_count += lost.zero_count;
        self.count += lost.count;
        self.sum = if self.sum.is_finite() { self.sum + lost.sum } else { self.sum };
        self.positive = merged(&self.positive, &lost.positive, 1.0);
        self.negative = merged(&self.negative, &lost.negative, 1.0);
    }

    /// The hint of a sum. Whether the two sides contradict each other.
    fn adjust_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        if self.hint == other || self.hint == Gauge {
            return false;
        }
        let collision = other != Gauge && self.hint != Unknown && other != Unknown;
        self.hint = if other == Gauge { Gauge } else { Unknown };
        collision
    }

    /// Merges neighbouring buckets until the schema is `schema`, which must not be finer than ours.
    pub fn reduce_to(&mut self, schema: i32) {
        if self.is_custom() || schema >= self.schema {
            return;
        }
        self.positive = coarser(&self.positive, self.schema - schema);
        self.negative = coarser(&self.negative, self.schema - schema);
        self.schema = schema;
    }

    /// The count and the threshold of a zero bucket that reaches at least to `threshold` and ends at no place inside
    /// of a populated bucket.
    pub(super) fn zero_count_at(&self, mut threshold: f64) -> (f64, f64) {
        'again: loop {
            let mut count = self.zero_count;
            if threshold <= self.zero_threshold {
                return (count, self.zero_threshold);
            }
            for &(index, inside) in &self.positive {
                let bucket = self.positive_bucket(index, inside);
                if bucket.lower >= threshold {
                    break;
                }
                count += inside;
                if bucket.upper > threshold {
                    if inside != 0.0 {
                        threshold = bucket.upper;
                    }
                    break;
                }
            }
            for &(index, inside) in &self.negative {
                let bucket = self.negative_bucket(index, inside);
                if bucket.upper <= -threshold {
                    break;
                }
                count += inside;
                if bucket.lower < -threshold {
                    if inside != 0.0 {
                        threshold = -bucket.lower;
                        continue 'again;
                    }
                    break;
                }
            }
            return (count, threshold);
        }
    }

    /// Widens our zero bucket until it is one that both histograms can have; the other's count in it.
    fn reconcile_zero_buckets(&mut self, other: &Self) -> f64 {
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (count, threshold) = other.zero_count_at(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                let (ours, reached) = self.zero_count_at(threshold);
                self.zero_count = ours;
                self.zero_threshold = reached;
                let (positive, negative) =
                    (std::mem::take(&mut self.positive), std::mem::take(&mut self.negative));
                self.positive = positive;
                self.positive = self
                    .positive
                    .iter()
                    .copied()
                    .filter(|(index, _)| self.positive_bucket(*index, 0.0).lower >= reached)
                    .collect();
                self.negative = negative
                    .into_iter()
                    .filter(|(index, _)| self.negative_bucket(*index, 0.0).upper <= -reached)
                    .collect();
            }
        }
        count
    }
}

/// Buckets of a schema that is `by` steps coarser.
pub(super) fn coarser(buckets: &[(i32, f64)], by: i32) -> Vec<(i32, f64)> {
    let mut out: Vec<(i32, f64)> = Vec::with_capacity(buckets.len());
    for &(index, count) in buckets {
        let target = ((index - 1) >> by.clamp(0, 31)) + 1;
        match out.last_mut() {
            Some(last) if last.0 == target => last.1 += count,
            _ => out.push((target, count)),
        }
    }
    out
}

/// Custom buckets over fewer bounds: each goes into the first one that ends no earlier.
pub(super) fn onto_bounds(buckets: &[(i32, f64)], from: &[f64], to: &[f64]) -> Vec<(i32, f64)> {
    let mut out: Vec<(i32, f64)> = Vec::with_capacity(buckets.len());
    for &(index, count) in buckets {
        let upper = from.get(index as usize).copied().unwrap_or(f64::INFINITY);
        let target = to.partition_point(|bound| *bound < upper) as i32;
        match out.last_mut() {
            Some(last) if last.0 == target => last.1 += count,
            _ => out.push((target, count)),
        }
    }
    out
}

fn merged(a: &[(i32, f64)], b: &[(i32, f64)], sign: f64) -> Vec<(i32, f64)> {
    let mut out = Vec::with_capacity(a.len().max(b.len()));
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let left = a.get(i).map_or(i32::MAX, |pair| pair.0);
        let right = b.get(j).map_or(i32::MAX, |pair| pair.0);
        let mut count = 0.0;
        if i < a.len() && left <= right {
            count += a[i].1;
            i += 1;
        }
        if j < b.len() && right <= left {
            count += sign * b[j].1;
            j += 1;
        }
        out.push((left.min(right), count));
    }
    out
}

fn merge_compensated(sum: &mut Vec<(i32, f64)>, lost: &mut Vec<(i32, f64)>, more: &[(i32, f64)]) {
    let zeros: Vec<(i32, f64)> = more.iter().map(|(index, _)| (*index, 0.0)).collect();
    *sum = merged(sum, &zeros, 1.0);
    let zeros: Vec<(i32, f64)> = sum.iter().map(|(index, _)| (*index, 0.0)).collect();
    *lost = merged(lost, &zeros, 1.0);
    for &(index, count) in more {
        if let (Ok(at), Ok(lost_at)) = (
            sum.binary_search_by_key(&index, |pair| pair.0),
            lost.binary_search_by_key(&index, |pair| pair.0),
        ) {
            compensated(&mut sum[at].1, &mut lost[lost_at].1, count);
        }
    }
}

fn compensated(sum: &mut f64, lost: &mut f64, more: f64) {
    (*sum, *lost) = crate::number::kahan(more, *sum, *lost);
}
