//! Deltas added up.
//!
//! A sum is known by its series. A point at the time of the newest is the same point again and changes nothing, so a
//! sender may repeat itself; one before it came too late, because the sums after it are written already.

use hashbrown::HashMap;
use nines_series::{Counts, Histogram, ResetHint};

use super::buckets::{Classic, spans_of};
use super::point::Point;
use crate::source;

/// Series of deltas that are added up at a time: a few hundred bytes each. Beyond, those that were quiet for longest go.
pub const DELTA_SERIES_MAX: usize = 200_000;

/// A sum that got nothing for so long may go when there is no room: its sender exports every minute or has ended.
const QUIET_MS: i64 = 10 * 60_000;

#[derive(Debug, Default)]
pub struct Sums {
    by_series: HashMap<String, Sum>,
    newest_ms: i64,
}

#[derive(Debug)]
struct Sum {
    t_ms: i64,
    /// Where a zero was written before the first point, so that a repeated first point is the same again.
    zero_at: Option<i64>,
    total: Total,
}

#[derive(Debug)]
enum Total {
    Number(f64),
    Classic(Classic),
    Native(Box<nines_promql::Histogram>),
}

/// The sum after a point.
pub struct Number {
    pub total: f64,
    /// A zero belongs here: the sum is new.
    pub zero_at: Option<i64>,
}

/// What to do with a point.
enum Step {
    /// The sum is new, or began anew.
    Begin,
    Add,
    /// The point was there before.
    Again,
}

impl Sums {
    pub fn len(&self) -> usize {
        self.by_series.len()
    }

    /// `None` for a point that comes too late, or has no room.
    pub fn number(&mut self, key: &str, point: &Point<'_>, value: f64) -> Option<Number> {
        let sum = self.step(
            key,
            point,
            |_| false,
            || Total::Number(0.0),
            |total| {
                if let Total::Number(total) = total {
                    *total += value;
                }
            },
        )?;
        match &sum.total {
            Total::Number(total) => Some(Number { total: *total, zero_at: sum.zero_at }),
            _ => None,
        }
    }

    pub fn classic(
        &mut self,
        key: &str,
        point: &Point<'_>,
        value: Classic,
    ) -> Option<(Classic, Option<i64>)> {
        let others = |total: &Total| !matches!(total, Total::Classic(known) if known.bounds == value.bounds);
        let empty = || {
            let counts = vec![0.0; value.counts.len()];
            Total::Classic(Classic { bounds: value.bounds.clone(), counts, count: 0.0, sum: Some(0.0) })
        };
        let sum = self.step(key, point, others, empty, |total| {
            if let Total::Classic(total) = total {
                total.add(&value);
            }
        })?;
        match &sum.total {
            Total::Classic(total) => Some((total.clone(), sum.zero_at)),
            _ => None,
        }
    }

    pub fn native(
        &mut self,
        key: &str,
        point: &Point<'_>,
        value: Histogram,
    ) -> Option<(Histogram, Option<i64>)> {
        let value = source::histogram(&value);
        let others = |total: &Total| !matches!(total, Total::Native(_));
        let empty = || {
            let (schema, zero_threshold) = (value.schema, value.zero_threshold);
            Total::Native(Box::new(nines_promql::Histogram { schema, zero_threshold, ..Default::default() }))
        };
        let sum = self.step(key, point, others, empty, |total| {
            if let Total::Native(total) = total {
                // Both are exponential, so they can always be added, at the coarser resolution of the two.
                let _ = total.add(&value);
            }
        })?;
        match &sum.total {
            Total::Native(total) => Some((stored(total), sum.zero_at)),
            _ => None,
        }
    }

    fn step(
        &mut self,
        key: &str,
        point: &Point<'_>,
        begins_anew: impl Fn(&Total) -> bool,
        empty: impl Fn() -> Total,
        add: impl FnOnce(&mut Total),
    ) -> Option<&Sum> {
        self.newest_ms = self.newest_ms.max(point.t_ms);
        let step = match self.by_series.get(key) {
            Some(sum) if point.t_ms < sum.t_ms => return None,
            Some(sum) if point.t_ms == sum.t_ms => Step::Again,
            Some(sum) if begins_anew(&sum.total) => Step::Begin,
            Some(_) => Step::Add,
            None => Step::Begin,
        };
        match step {
            Step::Again => {}
            Step::Add => {
                let sum = self.by_series.get_mut(key)?;
                sum.t_ms = point.t_ms;
                sum.zero_at = None;
                add(&mut sum.total);
            }
            Step::Begin => {
                if !self.has_room(key) {
                    return None;
                }
                // A moment after the start, which is the time of the last point of an earlier process.
                let zero_at = point.start_ms.filter(|start| *start > 0).map(|start| start + 1);
                let zero_at = zero_at.filter(|zero_at| *zero_at < point.t_ms);
                let mut total = empty();
                add(&mut total);
                self.by_series.insert(key.to_owned(), Sum { t_ms: point.t_ms, zero_at, total });
            }
        }
        self.by_series.get(key)
    }

    fn has_room(&mut self, key: &str) -> bool {
        if self.by_series.len() >= DELTA_SERIES_MAX && !self.by_series.contains_key(key) {
            let oldest = self.newest_ms - QUIET_MS;
            self.by_series.retain(|_, sum| sum.t_ms >= oldest);
        }
        self.by_series.len() < DELTA_SERIES_MAX || self.by_series.contains_key(key)
    }
}

/// Sums of whole counts are whole, but sums at another resolution are kept as fractions, which hold them exactly up to
/// 2^53.
fn stored(histogram: &nines_promql::Histogram) -> Histogram {
    let (positive_spans, positive) = spans_of(&histogram.positive, 0.0);
    let (negative_spans, negative) = spans_of(&histogram.negative, 0.0);
    Histogram {
        reset_hint: ResetHint::Unknown,
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        sum: histogram.sum,
        positive_spans,
        negative_spans,
        custom_values: Vec::new(),
        counts: Counts::Fractional { count: histogram.count, zero: histogram.zero_count, positive, negative },
    }
}
