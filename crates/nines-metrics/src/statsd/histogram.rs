//! Observations as a native histogram that grows: exponential buckets, made coarser when there are too many.

use std::collections::BTreeMap;

use nines_series::{Counts, Histogram, Span};

/// Buckets are 2^(1/8) apart: a value is off by 4.5 % at most.
const SCHEMA: i32 = 3;
/// Upstream's scrapers take as many by default.
const BUCKETS_MAX: usize = 160;
/// What is nearer to zero counts as zero, as in upstream's client.
const ZERO: f64 = 2.938_735_877_055_719e-39;
/// The coarsest schema that is stored.
const SCHEMA_MIN: i32 = -4;

#[derive(Debug)]
pub(super) struct Observations {
    schema: i32,
    count: f64,
    sum: f64,
    zero: f64,
    positive: BTreeMap<i32, f64>,
    negative: BTreeMap<i32, f64>,
}

impl Default for Observations {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            count: 0.0,
            sum: 0.0,
            zero: 0.0,
            positive: BTreeMap::new(),
            negative: BTreeMap::new(),
        }
    }
}

impl Observations {
    /// An observation that stands for `weight` of them: one of every so many is sent.
    pub fn add(&mut self, value: f64, weight: f64) {
        self.count += weight;
        self.sum += value * weight;
        let magnitude = value.abs();
        if magnitude <= ZERO {
            self.zero += weight;
            return;
        }
        let index = index(magnitude, self.schema);
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        *side.entry(index).or_default() += weight;
        while self.positive.len() + self.negative.len() > BUCKETS_MAX && self.schema > SCHEMA_MIN {
            self.schema -= 1;
            for side in [&mut self.positive, &mut self.negative] {
                let finer = std::mem::take(side);
                for (index, count) in finer {
                    // Two neighbours become one: (2i−1, 2i) is i.
                    *side.entry((index + 1).div_euclid(2)).or_default() += count;
                }
            }
        }
    }

    /// With whole counts; those of samples are rounded.
    pub fn stored(&self) -> Histogram {
        let (positive_spans, positive) = spans(&self.positive);
        let (negative_spans, negative) = spans(&self.negative);
        let zero = self.zero.round() as u64;
        let count = zero + positive.iter().sum::<u64>() + negative.iter().sum::<u64>();
        Histogram {
            reset_hint: nines_series::ResetHint::Unknown,
            schema: self.schema,
            zero_threshold: ZERO,
            sum: self.sum,
            positive_spans,
            negative_spans,
            custom_values: Vec::new(),
            counts: Counts::Whole { count, zero, positive, negative },
        }
    }
}

/// The bucket whose bounds are (base^(i−1), base^i], base = 2^(2^−schema).
fn index(magnitude: f64, schema: i32) -> i32 {
    // Exact powers of two are the upper bounds of their buckets whatever the logarithm's last bit is.
    let scaled = magnitude.log2() * f64::from(schema).exp2();
    let nearest = scaled.round();
    let exact = if (scaled - nearest).abs() < 1e-9 { nearest } else { scaled.ceil() };
    exact as i32
}

fn spans(buckets: &BTreeMap<i32, f64>) -> (Vec<Span>, Vec<u64>) {
    let mut spans: Vec<Span> = Vec::new();
    let mut next = 0;
    for index in buckets.keys() {
        match spans.last_mut() {
            Some(last) if *index == next => last.length += 1,
            _ => spans.push(Span { offset: *index - next, length: 1 }),
        }
        next = *index + 1;
    }
    (spans, buckets.values().map(|count| count.round() as u64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_their_buckets() {
        for (value, expected) in [(1.0, 0), (2.0, 8), (1.9, 8), (2.1, 9), (0.5, -8), (1e-3, -79)] {
            assert_eq!(index(value, SCHEMA), expected, "{value}");
        }
    }

    #[test]
    fn too_many_buckets_become_coarser_and_nothing_is_lost() {
        let mut observations = Observations::default();
        for exponent in -300..300 {
            observations.add(10_f64.powi(exponent), 1.0);
        }
        observations.add(0.0, 2.0);
        observations.add(-1.0, 1.0);
        let stored = observations.stored();
        let Counts::Whole { count, zero, positive, negative } = &stored.counts else { panic!("whole") };
        // What is nearer to zero than the threshold counts as zero: 10^-300 to 10^-39.
        assert_eq!(
            (*count, *zero, positive.iter().sum::<u64>(), negative.as_slice()),
            (603, 264, 338, &[1][..])
        );
        assert!(stored.schema < SCHEMA && positive.len() <= BUCKETS_MAX);
    }
}
