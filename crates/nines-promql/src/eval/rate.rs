//! `rate`, `increase` and `delta` of floats.
//!
//! The growth between the first and the last sample of a window, extrapolated to its ends: all the way if a sample is
//! missing there that the usual spacing would have put there, else by half the spacing, and for counters not below
//! zero. After upstream's `extrapolatedRate` (`promql/functions.go`).

use crate::eval::range_fn::Window;
use crate::eval::select::Windows;
use crate::functions::Id;
use crate::row::present;
use crate::source::SeriesView;

/// A gap at an end of the window of up to this many spacings is a sample that is missing, not an end of the series.
const EXTRAPOLATION_THRESHOLD: f64 = 1.1;
/// From so many resets in a window on, their sum is a difference of two running sums.
const RESETS_ADDED_UP: usize = 8;

/// How far the samples of a window reach, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// From the begin of the window to the first sample.
    pub before: i64,
    /// Between the first and the last sample.
    pub covered: i64,
    /// From the last sample to the end of the window.
    pub after: i64,
    /// Spacings between samples.
    pub gaps: usize,
}

/// What of a [`Reach`] does not depend on values, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub covered: f64,
    pub before: f64,
    pub after: f64,
}

impl Extent {
    pub fn of(reach: Reach) -> Self {
        let covered = reach.covered as f64 / 1000.0;
        let spacing = covered / reach.gaps as f64;
        let threshold = spacing * EXTRAPOLATION_THRESHOLD;
        let limited = |seconds: f64| if seconds >= threshold { spacing / 2.0 } else { seconds };
        let before = limited(reach.before as f64 / 1000.0);
        let after = limited(reach.after as f64 / 1000.0);
        Self { covered, before, after }
    }

    /// By how much the growth between the samples is multiplied. For counters `zero` is the value of the first sample:
    /// the counter cannot have been below zero before it.
    pub fn factor(&self, growth: f64, zero: Option<f64>) -> f64 {
        let before = match zero {
            Some(first) if self.is_cut(growth, first) => self.covered * (first / growth),
            _ => self.before,
        };
        (self.covered + before + self.after) / self.covered
    }

    /// Whether a counter would have been below zero at the begin of the window.
    #[inline]
    fn is_cut(&self, growth: f64, first: f64) -> bool {
        growth > 0.0 && first >= 0.0 && self.covered * first < self.before * growth
    }
}

/// Fills `values` if the function and the series allow sliding; whether it did.
pub(super) fn slides(id: Id, view: &SeriesView<'_>, windows: &Windows, values: &mut [f64]) -> bool {
    let (counter, per_second) = match id {
        Id::Rate => (true, true),
        Id::Increase => (true, false),
        Id::Delta => (false, false),
        _ => return false,
    };
    if counter && view.starts.iter().any(|start| *start != 0) {
        return false;
    }
    let resets = Resets::of(if counter { view.values } else { &[] });
    let seconds = windows.range as f64 / 1000.0;
    let mut low = 0;
    let mut high = 0;
    let mut reset_low = 0;
    let mut reset_high = 0;
    let scaled = |factor: f64| if per_second { factor / seconds } else { factor };
    // Steps and samples are mostly regular, so one window reaches as far as the one before it, and unless it is cut at zero
    // its factor is the same: two divisions fewer a step.
    let mut known = Reach { before: -1, covered: 0, after: 0, gaps: 0 };
    let (mut extent, mut whole) = (Extent { covered: 0.0, before: 0.0, after: 0.0 }, 0.0);
    let (times, samples) = (view.times, &view.values[..view.times.len()]);
    for (step, out) in values.iter_mut().enumerate() {
        let (start, end) = windows.bounds(step);
        while high < times.len() && times[high] <= end {
            high += 1;
        }
        while low < high && times[low] <= start {
            low += 1;
        }
        if high - low < 2 {
            continue;
        }
        let (first, last) = (samples[low], samples[high - 1]);
        let mut growth = last - first;
        if !resets.at.is_empty() {
            while reset_high < resets.at.len() && resets.at[reset_high] < high {
                reset_high += 1;
            }
            while reset_low < reset_high && resets.at[reset_low] <= low {
                reset_low += 1;
            }
            growth = resets.added(growth, reset_low, reset_high);
        }
        let reach = Reach {
            before: times[low] - start,
            covered: times[high - 1] - times[low],
            after: end - times[high - 1],
            gaps: high - low - 1,
        };
        if reach != known {
            known = reach;
            extent = Extent::of(reach);
            whole = scaled(extent.factor(growth, None));
        }
        let is_cut = counter && extent.is_cut(growth, first);
        let factor = if is_cut { scaled(extent.factor(growth, Some(first))) } else { whole };
        *out = present(growth * factor);
    }
    true
}

/// Where a counter fell, and from what.
struct Resets {
    at: Vec<usize>,
    from: Vec<f64>,
    /// Running sums of `from` to twice the precision of a float, if all are finite.
    sums: Vec<(f64, f64)>,
}

impl Resets {
    fn of(values: &[f64]) -> Self {
        let mut resets = Self { at: Vec::new(), from: Vec::new(), sums: Vec::new() };
        for (position, pair) in values.windows(2).enumerate() {
            if pair[1] < pair[0] {
                resets.at.push(position + 1);
                resets.from.push(pair[0]);
            }
        }
        if resets.from.len() > RESETS_ADDED_UP && resets.from.iter().all(|value| value.is_finite()) {
            resets.sums = running_sums(&resets.from);
        }
        resets
    }

    /// `growth` with the values lost in resets `low..high` added.
    fn added(&self, growth: f64, low: usize, high: usize) -> f64 {
        if high - low <= RESETS_ADDED_UP || self.sums.is_empty() {
            return self.from[low..high].iter().fold(growth, |sum, from| sum + from);
        }
        growth + difference(self.sums[high], self.sums[low])
    }
}

/// Sums of the first 0, 1, 2, … values, each as a float and the rest that it could not hold.
pub(super) fn running_sums(values: &[f64]) -> Vec<(f64, f64)> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let (mut high, mut low) = (0.0_f64, 0.0_f64);
    sums.push((high, low));
    for value in values {
        // Knuth's exact sum of two floats, then the rest is folded in and the pair normalised.
        let total = high + value;
        let moved = total - high;
        let lost = (high - (total - moved)) + (value - moved);
        let rest = low + lost;
        high = total + rest;
        low = rest - (high - total);
        sums.push((high, low));
    }
    sums
}

pub(super) fn difference(a: (f64, f64), b: (f64, f64)) -> f64 {
    let total = a.0 - b.0;
    let moved = total - a.0;
    let lost = (a.0 - (total - moved)) + (-b.0 - moved);
    total + (lost + (a.1 - b.1))
}

/// The start of a counter that is of use: in the past of the sample.
pub(super) fn known_start(start: i64, time: i64) -> i64 {
    if start >= time { 0 } else { start }
}

/// Whether the counter started anew between two samples, by what they say of their starts. A start at the very time of the
/// sample before is what deltas have; but also what OpenTelemetry writes for a counter whose start is unknown, and
/// then the sample before has none.
pub(super) fn started_anew(previous: (i64, i64), current: (i64, i64)) -> bool {
    let (previous_start, previous_time) = (known_start(previous.0, previous.1), previous.1);
    let start = known_start(current.0, current.1);
    start != 0 && (start > previous_time || (start == previous_time && previous_start != 0))
}

/// The same for windows of series that tell when their counters started. `None` if there is nothing to tell.
pub(super) fn with_starts(window: &Window<'_>, counter: bool) -> Option<(f64, Extent)> {
    let count = window.values.len();
    let (first_time, last_time) = (*window.times.first()?, *window.times.last()?);
    let start_of = |at: usize| window.starts.get(at).copied().unwrap_or(0);
    let start = known_start(start_of(0), first_time);
    let from_zero = counter && start > window.start && start != 0;
    if count < 2 && !from_zero {
        return None;
    }
    let mut growth = window.values[count - 1] - if from_zero { 0.0 } else { window.values[0] };
    if counter {
        for at in 1..count {
            let (before, after) = (window.values[at - 1], window.values[at]);
            let pair = ((start_of(at - 1), window.times[at - 1]), (start_of(at), window.times[at]));
            if after < before || started_anew(pair.0, pair.1) {
                growth += before;
            }
        }
    }
    let extent =
        extent_from(window.start, window.end, first_time, last_time, count, from_zero.then_some(start));
    Some((growth, extent))
}

/// The extent of samples of a counter that began with zero at `zero_at`, if it did inside of the window.
pub(super) fn extent_from(
    start: i64,
    end: i64,
    first: i64,
    last: i64,
    count: usize,
    zero_at: Option<i64>,
) -> Extent {
    let reach = Reach { before: first - start, covered: last - first, after: end - last, gaps: count - 1 };
    let Some(zero_at) = zero_at else { return Extent::of(reach) };
    let spacing = if count > 1 { reach.covered as f64 / 1000.0 / (count - 1) as f64 } else { 0.0 };
    let mut after = reach.after as f64 / 1000.0;
    if after >= spacing * EXTRAPOLATION_THRESHOLD {
        after = spacing / 2.0;
    }
    Extent { covered: (last - zero_at) as f64 / 1000.0, before: 0.0, after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_sums_keep_what_a_float_loses() {
        let sums = running_sums(&[1e16, 1.0, 1.0, 1.0, -1e16]);
        assert_eq!(difference(sums[5], sums[0]), 3.0);
        assert_eq!(difference(sums[4], sums[1]), 3.0);
    }
}
