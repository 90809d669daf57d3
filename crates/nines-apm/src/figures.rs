//! Rate, errors and duration of a set of requests, and the same over time.

use std::time::Duration;

use nines_model::{TimeRange, Timestamp};
use nines_query::sketch::Sketch;

/// Requests counted together. A function of their multiset: merging in any order gives equal figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    pub requests: u64,
    pub errors: u64,
    /// All durations together. An integer, so that the sum does not depend on the order.
    pub total_ns: u128,
    /// Durations in nanoseconds.
    pub latency: Sketch,
}

impl Figures {
    pub fn add(&mut self, duration_ns: i64, error: bool) {
        let duration_ns = duration_ns.max(0);
        self.requests += 1;
        self.errors += u64::from(error);
        self.total_ns += duration_ns as u128;
        self.latency.insert(duration_ns as f64);
    }

    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.total_ns += other.total_ns;
        self.latency.merge(&other.latency);
    }

    /// `None` without requests: nothing has failed, and nothing has worked.
    pub fn error_ratio(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }

    /// The latency of quantile `q` in nanoseconds.
    pub fn quantile_ns(&self, q: f64) -> Option<f64> {
        self.latency.quantile(q)
    }
}

/// One step of a [`Grid`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    pub requests: u64,
    pub errors: u64,
}

/// A range cut into steps of equal length, for sparklines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub start: Timestamp,
    pub step: Duration,
    pub points: usize,
}

/// Bars of a sparkline: one every three pixels of a table's cell.
pub const GRID_POINTS: usize = 48;

impl Grid {
    /// The last step may reach beyond the end of the range.
    pub fn over(range: TimeRange) -> Self {
        let nanos = range.duration().as_nanos().div_ceil(GRID_POINTS as u128).max(1);
        let step = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Self { start: range.start, step, points: GRID_POINTS }
    }

    /// The step that holds `nanos`; the nearest one for a time outside.
    pub fn slot(&self, nanos: i64) -> usize {
        let since = i128::from(nanos) - i128::from(self.start.as_nanos());
        let step = self.step.as_nanos() as i128;
        usize::try_from(since / step).unwrap_or(0).min(self.points - 1)
    }

    pub fn empty(&self) -> Vec<Point> {
        vec![Point::default(); self.points]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_covers_its_range() {
        let range = TimeRange::new(Timestamp::from_secs(100), Timestamp::from_secs(148));
        let grid = Grid::over(range);
        assert_eq!(grid.step, Duration::from_secs(1));
        assert_eq!(grid.slot(Timestamp::from_secs(100).as_nanos()), 0);
        assert_eq!(grid.slot(Timestamp::from_secs(101).as_nanos() - 1), 0);
        assert_eq!(grid.slot(Timestamp::from_secs(147).as_nanos()), 47);
        assert_eq!(grid.slot(Timestamp::from_secs(9_999).as_nanos()), 47);
        assert_eq!(grid.slot(Timestamp::from_secs(1).as_nanos()), 0);
        assert!(Grid::over(TimeRange::ALL).step > Duration::from_secs(1));
    }

    #[test]
    fn nothing_is_neither_good_nor_bad() {
        assert_eq!(Figures::default().error_ratio(), None);
        assert_eq!(Figures::default().quantile_ns(0.5), None);
    }
}
