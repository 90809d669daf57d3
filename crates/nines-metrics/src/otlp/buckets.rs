//! Distributions: classic histograms, native histograms, summaries.

use nines_promql::format_float;
use nines_series::{Counts, Histogram, ResetHint, STALE_NAN_BITS, Span};
use serde::Deserialize;

use super::point::{Exemplar, Point};
use super::translated::{Series, Translated};
use super::{Labels, Taken};

/// Upstream's for senders that name none.
const ZERO_THRESHOLD: f64 = 1e-128;
/// The finest and the coarsest resolution that a native histogram has.
const SCHEMA_MAX: i32 = 8;
const SCHEMA_MIN: i32 = -4;
/// Empty buckets between two spans that are cheaper to write than a new span.
const GAP_MAX: i32 = 2;

#[derive(Deserialize)]
struct StoredClassic {
    bounds: Vec<f64>,
    counts: Vec<f64>,
}

#[derive(Deserialize)]
struct StoredExponential {
    scale: i32,
    zero_count: u64,
    zero_threshold: f64,
    positive: StoredSide,
    negative: StoredSide,
}

#[derive(Deserialize)]
struct StoredSide {
    offset: i32,
    counts: Vec<u64>,
}

#[derive(Deserialize)]
struct StoredQuantiles {
    quantiles: Vec<StoredQuantile>,
}

#[derive(Deserialize)]
struct StoredQuantile {
    quantile: f64,
    /// `NaN` and the infinities are texts in the row.
    value: serde_json::Value,
}

/// A classic histogram: counts of each bucket, not yet summed up.
#[derive(Debug, Clone, PartialEq)]
pub struct Classic {
    pub bounds: Vec<f64>,
    pub counts: Vec<f64>,
    pub count: f64,
    pub sum: Option<f64>,
}

impl Classic {
    /// `None` if the row has no count or its buckets cannot be read.
    pub fn of(point: &Point<'_>) -> Option<Self> {
        let count = point.count?;
        let (bounds, counts) = match point.buckets {
            None => (Vec::new(), Vec::new()),
            Some(text) => {
                let stored: StoredClassic = serde_json::from_str(text).ok()?;
                (stored.bounds, stored.counts)
            }
        };
        Some(Self { bounds, counts, count, sum: point.sum })
    }

    /// Of the same bounds.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, more)| *sum += more);
        self.count += other.count;
        self.sum = self.sum.zip(other.sum).map(|(sum, more)| sum + more);
    }

    /// `_bucket` with cumulative counts, `_sum` and `_count`; each with a zero at `zero_at` before it.
    pub fn push(
        &self,
        name: &str,
        point: &Point<'_>,
        labels: &Labels,
        zero_at: Option<i64>,
        out: &mut Translated,
    ) {
        let mut put = |mut series: Series, value: f64, exemplars: Vec<Exemplar>| {
            series.samples.extend(zero_at.map(|t_ms| (t_ms, 0.0)));
            series.samples.push((point.t_ms, value));
            series.exemplars = exemplars;
            out.series.push(series);
        };
        if let Some(sum) = self.sum {
            put(Series::new(&format!("{name}_sum"), labels.clone()), sum, Vec::new());
        }
        put(Series::new(&format!("{name}_count"), labels.clone()), self.count, Vec::new());
        let bucket = format!("{name}_bucket");
        let mut exemplars = point.exemplars();
        let mut below = 0.0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            below += count;
            let (of_bucket, rest) = exemplars.into_iter().partition(|exemplar| exemplar.value <= *bound);
            exemplars = rest;
            put(Series::with(&bucket, labels, "le", format_float(*bound)), below, of_bucket);
        }
        // As upstream: the last bucket is all observations, whatever the buckets add up to.
        put(Series::with(&bucket, labels, "le", "+Inf".to_owned()), self.count, exemplars);
    }
}

/// A native histogram with whole counts. `None` if the row's buckets cannot be read, or are coarser than native
/// histograms can be.
pub fn native(point: &Point<'_>) -> Option<Histogram> {
    let stored: StoredExponential = serde_json::from_str(point.buckets?).ok()?;
    if stored.scale < SCHEMA_MIN {
        return None;
    }
    let coarser_by = u32::try_from(stored.scale - SCHEMA_MAX).unwrap_or(0);
    let (positive_spans, positive) = side(&stored.positive, coarser_by);
    let (negative_spans, negative) = side(&stored.negative, coarser_by);
    let zero_threshold = if stored.zero_threshold > 0.0 { stored.zero_threshold } else { ZERO_THRESHOLD };
    Some(Histogram {
        reset_hint: ResetHint::Unknown,
        schema: stored.scale.min(SCHEMA_MAX),
        zero_threshold,
        sum: point.sum.unwrap_or(0.0),
        positive_spans,
        negative_spans,
        custom_values: Vec::new(),
        counts: Counts::Whole { count: point.count? as u64, zero: stored.zero_count, positive, negative },
    })
}

/// OTLP's bucket *i* is above base^i, a native histogram's is up to base^i: so their numbers differ by one. Buckets are
/// merged by twos `coarser_by` times.
fn side(side: &StoredSide, coarser_by: u32) -> (Vec<Span>, Vec<u64>) {
    let mut buckets: Vec<(i32, u64)> = Vec::new();
    for (place, &count) in side.counts.iter().enumerate() {
        if count == 0 {
            continue;
        }
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        let index = (side.offset.saturating_add(place) >> coarser_by.min(31)).saturating_add(1);
        match buckets.last_mut() {
            Some((known, sum)) if *known == index => *sum += count,
            _ => buckets.push((index, count)),
        }
    }
    spans_of(&buckets, 0)
}

/// Buckets as spans and counts, with small gaps filled by `empty`.
pub fn spans_of<T: Copy>(buckets: &[(i32, T)], empty: T) -> (Vec<Span>, Vec<T>) {
    let mut spans: Vec<Span> = Vec::new();
    let mut counts = Vec::with_capacity(buckets.len());
    let mut next = 0i32;
    for &(index, count) in buckets {
        let gap = index.saturating_sub(next);
        match spans.last_mut() {
            Some(span) if (0..=GAP_MAX).contains(&gap) => {
                span.length += gap.unsigned_abs() + 1;
                counts.extend((0..gap).map(|_| empty));
            }
            _ => spans.push(Span { offset: gap, length: 1 }),
        }
        counts.push(count);
        next = index.saturating_add(1);
    }
    (spans, counts)
}

/// The marker that the series ends.
pub fn stale() -> Histogram {
    Histogram {
        reset_hint: ResetHint::Unknown,
        schema: 0,
        zero_threshold: 0.0,
        sum: f64::from_bits(STALE_NAN_BITS),
        positive_spans: Vec::new(),
        negative_spans: Vec::new(),
        custom_values: Vec::new(),
        counts: Counts::Whole { count: 0, zero: 0, positive: Vec::new(), negative: Vec::new() },
    }
}

/// Nothing observed, at the same resolution.
pub fn empty_like(histogram: &Histogram) -> Histogram {
    Histogram { sum: 0.0, schema: histogram.schema, zero_threshold: histogram.zero_threshold, ..stale() }
}

pub fn summary(name: &str, point: &Point<'_>, labels: &Labels, out: &mut Translated) -> Taken {
    let stored: StoredQuantiles = match point.buckets.map(serde_json::from_str) {
        Some(Ok(stored)) => stored,
        None => StoredQuantiles { quantiles: Vec::new() },
        Some(Err(_)) => return Taken::LeftOut,
    };
    let stale = f64::from_bits(STALE_NAN_BITS);
    let mut put = |mut series: Series, value: f64| {
        series.samples.push((point.t_ms, if point.is_absent { stale } else { value }));
        out.series.push(series);
    };
    put(Series::new(&format!("{name}_sum"), labels.clone()), point.sum.unwrap_or(0.0));
    put(Series::new(&format!("{name}_count"), labels.clone()), point.count.unwrap_or(0.0));
    for stored in stored.quantiles {
        let value = match &stored.value {
            serde_json::Value::String(text) if text == "Infinity" => f64::INFINITY,
            serde_json::Value::String(text) if text == "-Infinity" => f64::NEG_INFINITY,
            value => value.as_f64().unwrap_or(f64::NAN),
        };
        put(Series::with(name, labels, "quantile", format_float(stored.quantile)), value);
    }
    Taken::Kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_numbered_from_above_and_merged() {
        let sent = StoredSide { offset: -2, counts: vec![1, 2, 0, 0, 0, 3] };
        let (spans, counts) = side(&sent, 0);
        assert_eq!(spans, [Span { offset: -1, length: 2 }, Span { offset: 3, length: 1 }]);
        assert_eq!(counts, [1, 2, 3]);
        // Two to one: -2 and -1 become -1, 3 becomes 1; then one up.
        let (spans, counts) = side(&sent, 1);
        assert_eq!((spans, counts), (vec![Span { offset: 0, length: 3 }], vec![3, 0, 3]));
    }
}
