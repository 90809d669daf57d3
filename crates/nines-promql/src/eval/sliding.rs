//! Functions of floats whose windows slide: what leaves at one end and enters at the other is all the work.

use std::collections::VecDeque;

use crate::eval::rate::{difference, running_sums};
use crate::eval::select::Windows;
use crate::functions::Id;
use crate::row::present;
use crate::source::SeriesView;

/// Fills `values` if the function can slide over this series; whether it did.
pub(super) fn slides(id: Id, view: &SeriesView<'_>, windows: &Windows, values: &mut [f64]) -> bool {
    let (times, samples) = (view.times, view.values);
    let seconds = |at: usize| times[at] as f64 / 1000.0;
    match id {
        Id::CountOverTime => sweep(times, windows, values, |low, high| (high - low) as f64),
        Id::PresentOverTime => sweep(times, windows, values, |_, _| 1.0),
        Id::LastOverTime => sweep(times, windows, values, |_, high| samples[high - 1]),
        Id::FirstOverTime => sweep(times, windows, values, |low, _| samples[low]),
        Id::TsOfLastOverTime => sweep(times, windows, values, |_, high| seconds(high - 1)),
        Id::TsOfFirstOverTime => sweep(times, windows, values, |low, _| seconds(low)),
        Id::MinOverTime => extreme(times, windows, values, samples, |a, b| a < b),
        Id::MaxOverTime => extreme(times, windows, values, samples, |a, b| a > b),
        Id::Changes => {
            let changed = |pair: &[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
            count_pairs(times, windows, values, samples, changed);
        }
        Id::Resets if view.starts.iter().all(|start| *start == 0) => {
            count_pairs(times, windows, values, samples, |pair| pair[1] < pair[0]);
        }
        Id::SumOverTime if overlap_pays(windows, values.len()) => {
            let Some(sums) = exact_sums(samples) else { return false };
            sweep(times, windows, values, |low, high| difference(sums[high], sums[low]));
        }
        Id::AvgOverTime if overlap_pays(windows, values.len()) => {
            let Some(sums) = exact_sums(samples) else { return false };
            sweep(times, windows, values, |low, high| {
                difference(sums[high], sums[low]) / (high - low) as f64
            });
        }
        _ => return false,
    }
    true
}

/// Calls `value` with the samples `low..high` of each window that holds any.
fn sweep(times: &[i64], windows: &Windows, values: &mut [f64], mut value: impl FnMut(usize, usize) -> f64) {
    let (mut low, mut high) = (0, 0);
    for (step, out) in values.iter_mut().enumerate() {
        let (start, end) = windows.bounds(step);
        while high < times.len() && times[high] <= end {
            high += 1;
        }
        while low < high && times[low] <= start {
            low += 1;
        }
        if low < high {
            *out = present(value(low, high));
        }
    }
}

/// The smallest or largest value, NaN only if there is nothing else: a queue of candidates, each better than those
/// behind it.
fn extreme(
    times: &[i64],
    windows: &Windows,
    values: &mut [f64],
    samples: &[f64],
    better: impl Fn(f64, f64) -> bool,
) {
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut seen = 0;
    sweep(times, windows, values, |low, high| {
        while seen < high {
            let value = samples[seen];
            if !value.is_nan() {
                while candidates.back().is_some_and(|last| !better(samples[*last], value)) {
                    candidates.pop_back();
                }
                candidates.push_back(seen);
            }
            seen += 1;
        }
        while candidates.front().is_some_and(|first| *first < low) {
            candidates.pop_front();
        }
        candidates.front().map_or(f64::NAN, |best| samples[*best])
    });
}

/// How many neighbours in the window satisfy `counts`.
fn count_pairs(
    times: &[i64],
    windows: &Windows,
    values: &mut [f64],
    samples: &[f64],
    counts: impl Fn(&[f64]) -> bool,
) {
    let mut so_far = vec![0_u32; samples.len()];
    for at in 1..samples.len() {
        so_far[at] = so_far[at - 1] + u32::from(counts(&samples[at - 1..=at]));
    }
    sweep(times, windows, values, |low, high| f64::from(so_far[high - 1] - so_far[low]));
}

/// Windows overlap enough for running sums to be less work than adding up each.
fn overlap_pays(windows: &Windows, steps: usize) -> bool {
    steps > 2 && windows.looks.step() > 0 && windows.range > 2 * windows.looks.step()
}

/// Running sums whose differences are as good as sums of their own: all values finite, and so alike in size that twice
/// the precision of a float holds the smallest of them beside the sum of all.
fn exact_sums(samples: &[f64]) -> Option<Vec<(f64, f64)>> {
    let (mut smallest, mut largest) = (f64::INFINITY, 0.0_f64);
    for value in samples {
        let magnitude = value.abs();
        if !magnitude.is_finite() {
            return None;
        }
        if magnitude > 0.0 {
            smallest = smallest.min(magnitude);
            largest = largest.max(magnitude);
        }
    }
    // A running sum has an error of up to n·2^-105·largest, which must stay below the last bit, 2^-53, of the
    // smallest.
    let alike = largest == 0.0 || largest / smallest * samples.len() as f64 <= 2.0_f64.powi(52);
    alike.then(|| running_sums(samples))
}
