//! Samples on a grid, and steps in their level.

use crate::GRID_POINTS;

/// A difference between neighbours that is so many times the usual one may be a step.
const STEP_TIMES: f64 = 10.0;
/// And it must be this part of everything that the measure moves.
const STEP_SHARE: f64 = 0.25;
/// Points on each side that must agree that the level is another one.
const STEP_SIDE: usize = 4;

/// Medians at equal distances; the last cell holds the last sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    pub start_ms: i64,
    pub step_ms: i64,
    pub cells: Vec<Option<f64>>,
}

/// A new level begins at this cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub at: usize,
    pub by: f64,
}

impl Grid {
    pub fn of(times_ms: &[i64], values: &[f64]) -> Self {
        let samples: Vec<(i64, f64)> = times_ms
            .iter()
            .copied()
            .zip(values.iter().copied())
            .filter(|(_, value)| value.is_finite())
            .collect();
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            return Self { start_ms: 0, step_ms: 1, cells: Vec::new() };
        };
        let gaps = samples.windows(2).map(|pair| (pair[1].0 - pair[0].0) as f64);
        let usual = median(&mut gaps.collect::<Vec<_>>()).unwrap_or(1.0);
        let span = (last.0 - first.0) as f64;
        let step = (span / (GRID_POINTS - 1) as f64).max(usual).max(1.0).ceil();
        let count = (span / step).round() as usize + 1;
        let mut members: Vec<Vec<f64>> = vec![Vec::new(); count];
        for (time, value) in samples.iter() {
            // Counted from the end, so that the newest sample is in the last cell whatever the step.
            let back = ((last.0 - time) as f64 / step).round() as usize;
            members[(count - 1).saturating_sub(back)].push(*value);
        }
        let cells = members.iter_mut().map(|members| median(members)).collect();
        Self { start_ms: last.0 - (count as i64 - 1) * step as i64, step_ms: step as i64, cells }
    }

    pub fn time(&self, cell: usize) -> i64 {
        self.start_ms + cell as i64 * self.step_ms
    }

    pub fn end_ms(&self) -> i64 {
        self.time(self.cells.len().saturating_sub(1))
    }

    pub fn points(&self) -> Vec<(i64, f64)> {
        let point = |(cell, value): (usize, &Option<f64>)| Some((self.time(cell), (*value)?));
        self.cells.iter().enumerate().filter_map(point).collect()
    }
}

/// Where the level jumps and stays, in order.
pub fn steps(grid: &Grid) -> Vec<Step> {
    let known: Vec<(usize, f64)> =
        grid.cells.iter().enumerate().filter_map(|(cell, value)| Some((cell, (*value)?))).collect();
    let mut moves: Vec<f64> = known.windows(2).map(|pair| (pair[1].1 - pair[0].1).abs()).collect();
    let Some(usual) = median(&mut moves) else { return Vec::new() };
    let values = || known.iter().map(|(_, value)| *value);
    let range = values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min);
    let least = (usual * STEP_TIMES).max(range * STEP_SHARE);
    let mut steps: Vec<Step> = Vec::new();
    for at in 1..known.len() {
        let by = known[at].1 - known[at - 1].1;
        if by.abs() <= least {
            continue;
        }
        let side =
            |points: &[(usize, f64)]| median(&mut points.iter().map(|point| point.1).collect::<Vec<_>>());
        let before = side(&known[at.saturating_sub(STEP_SIDE)..at]);
        let after = side(&known[at..(at + STEP_SIDE).min(known.len())]);
        // A single point that stands out comes back at once.
        if let (Some(before), Some(after)) = (before, after)
            && (after - before) / by > 0.5
        {
            steps.push(Step { at: known[at].0, by });
        }
    }
    steps
}

/// The usual time between falls, if it fell twice or more.
pub fn falls_back_every(steps: &[Step], step_ms: i64) -> Option<i64> {
    let falls: Vec<usize> = steps.iter().filter(|step| step.by < 0.0).map(|step| step.at).collect();
    let mut between: Vec<f64> = falls.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    median(&mut between).map(|cells| (cells * step_ms as f64) as i64)
}

/// Sorts. The lower of the two in the middle is averaged with the upper one.
pub fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    Some(if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 })
}
