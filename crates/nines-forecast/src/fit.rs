//! The models: what is fitted to cells, and how it goes on.

use crate::grid::median;

const DAY_MS: f64 = 86_400_000.0;
const WEEK_MS: f64 = 7.0 * DAY_MS;
/// Harmonics of a day and of a week: a morning and an evening; five days and two.
const DAY_HARMONICS: usize = 3;
const WEEK_HARMONICS: usize = 4;
/// Whole periods that a history must hold: two to learn from when the last is held back.
const PERIODS_MIN: f64 = 3.0;
/// Cells of a day; fewer cannot show its shape.
const CELLS_PER_DAY_MIN: f64 = 6.0;
/// Keeps the equations solvable where cells are empty; small against sums over dozens of cells.
const RIDGE: f64 = 1e-6;

/// How a history is continued. The simplest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    /// From the last value on, as fast as on the whole.
    Drift,
    /// Along the line through all of it (median of slopes, after Theil and Sen).
    Line,
    /// Along the line through its last third.
    RecentLine,
    /// A line and the shape of a day.
    Daily,
    /// A line, the shape of a day and that of a week.
    Weekly,
}

impl Model {
    pub const ALL: [Self; 5] = [Self::Drift, Self::Line, Self::RecentLine, Self::Daily, Self::Weekly];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Line => "line",
            Self::RecentLine => "recent line",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    fn periods(self, step_ms: i64) -> Vec<(f64, usize)> {
        let step = step_ms as f64;
        match self {
            Self::Daily => vec![(DAY_MS / step, DAY_HARMONICS)],
            Self::Weekly => vec![(DAY_MS / step, DAY_HARMONICS), (WEEK_MS / step, WEEK_HARMONICS)],
            _ => Vec::new(),
        }
    }

    /// Whether so many cells can show it at all.
    pub fn fits(self, cells: usize, step_ms: i64) -> bool {
        let periods = self.periods(step_ms);
        let longest = periods.iter().map(|period| period.0).fold(0.0, f64::max);
        let shortest = periods.iter().map(|period| period.0).fold(f64::MAX, f64::min);
        cells as f64 >= longest * PERIODS_MIN && shortest >= CELLS_PER_DAY_MIN
    }

    /// `None` if the cells are too few or too empty for it.
    pub fn fit(self, cells: &[Option<f64>], step_ms: i64) -> Option<Fitted> {
        match self {
            Self::Drift => drift(cells),
            Self::Line => line(cells, 0),
            Self::RecentLine => line(cells, cells.len() - cells.len() / 3),
            Self::Daily | Self::Weekly => season(cells, self.periods(step_ms)),
        }
    }
}

/// A continuation: cells in, values out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    level: f64,
    slope: f64,
    periods: Vec<(f64, usize)>,
    /// Sine and cosine of each harmonic of each period.
    waves: Vec<f64>,
}

impl Fitted {
    pub fn at(&self, cell: f64) -> f64 {
        let waves = waves(cell, &self.periods).zip(&self.waves);
        self.level + self.slope * cell + waves.map(|(wave, factor)| wave * factor).sum::<f64>()
    }

    /// In cells; zero for what has none.
    pub fn longest_period(&self) -> f64 {
        self.periods.iter().map(|period| period.0).fold(0.0, f64::max)
    }

    /// Per cell.
    pub fn slope(&self) -> f64 {
        self.slope
    }
}

fn straight(level: f64, slope: f64) -> Option<Fitted> {
    Some(Fitted { level, slope, periods: Vec::new(), waves: Vec::new() })
}

fn known(cells: &[Option<f64>], from: usize) -> Vec<(f64, f64)> {
    let point = |(cell, value): (usize, &Option<f64>)| Some((cell as f64, (*value)?));
    cells.iter().enumerate().skip(from).filter_map(point).collect()
}

fn drift(cells: &[Option<f64>]) -> Option<Fitted> {
    let known = known(cells, 0);
    let (first, last) = (known.first()?, known.last()?);
    if last.0 <= first.0 {
        return None;
    }
    let slope = (last.1 - first.1) / (last.0 - first.0);
    straight(last.1 - slope * last.0, slope)
}

/// The median of the slopes between points that are half of the history apart (Theil, Sen; the incomplete form, which is
/// linear in the points and takes a quarter of them being wild).
fn line(cells: &[Option<f64>], from: usize) -> Option<Fitted> {
    let known = known(cells, from);
    let half = known.len() / 2;
    if half < 2 {
        return None;
    }
    let apart = known.iter().zip(&known[half..]);
    let mut slopes: Vec<f64> = apart.map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    let slope = median(&mut slopes)?;
    let mut levels: Vec<f64> = known.iter().map(|(cell, value)| value - slope * cell).collect();
    straight(median(&mut levels)?, slope)
}

fn waves(cell: f64, periods: &[(f64, usize)]) -> impl Iterator<Item = f64> {
    periods.iter().flat_map(move |&(period, harmonics)| {
        (1..=harmonics).flat_map(move |harmonic| {
            let angle = std::f64::consts::TAU * harmonic as f64 * cell / period;
            [angle.sin(), angle.cos()]
        })
    })
}

/// Least squares of a line and harmonics.
fn season(cells: &[Option<f64>], periods: Vec<(f64, usize)>) -> Option<Fitted> {
    let known = known(cells, 0);
    let columns = 2 + periods.iter().map(|period| period.1 * 2).sum::<usize>();
    if known.len() < columns * 2 {
        return None;
    }
    // The line is counted from the middle and in histories, so that all columns are of a size.
    let (middle, scale) = (cells.len() as f64 / 2.0, cells.len() as f64);
    let mut sums = vec![vec![0.0; columns + 1]; columns];
    let mut row = Vec::with_capacity(columns + 1);
    for (cell, value) in &known {
        row.clear();
        row.extend([1.0, (cell - middle) / scale]);
        row.extend(waves(*cell, &periods));
        row.push(*value);
        for (line, left) in sums.iter_mut().zip(&row) {
            for (sum, right) in line.iter_mut().zip(&row) {
                *sum += left * right;
            }
        }
    }
    for (number, line) in sums.iter_mut().enumerate() {
        line[number] += RIDGE * known.len() as f64;
    }
    let solved = solve(sums)?;
    let slope = solved[1] / scale;
    Some(Fitted { level: solved[0] - slope * middle, slope, periods, waves: solved[2..].to_vec() })
}

/// Gauss with pivots; each line is a row of the matrix and its right side.
fn solve(mut lines: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = lines.len();
    for column in 0..size {
        let best =
            (column..size).max_by(|a, b| lines[*a][column].abs().total_cmp(&lines[*b][column].abs()))?;
        lines.swap(column, best);
        let pivot = lines[column].clone();
        if pivot[column].abs() < 1e-12 {
            return None;
        }
        for line in lines.iter_mut().skip(column + 1) {
            let factor = line[column] / pivot[column];
            for (value, above) in line.iter_mut().zip(&pivot).skip(column) {
                *value -= factor * above;
            }
        }
    }
    let mut solved = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|column| lines[row][column] * solved[column]).sum();
        solved[row] = (lines[row][size] - known) / lines[row][row];
    }
    Some(solved)
}
