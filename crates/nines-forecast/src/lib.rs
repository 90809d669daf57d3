//! When does it run out? A measure that grows towards a limit, continued into the future with an interval.
//!
//! # Words
//! - **History**: samples of one measure, in order of time. It is laid on a **grid** of at most [`GRID_POINTS`] points, each
//!   the median of its samples; points without samples stay empty.
//! - **Model**: a way to continue a history ([`Model`]): on from the last value, along a line, or with the shape of a day
//!   or of a week.
//! - **Back-test**: the history is cut at many places, each model continues what stands before the cut, and what came after
//!   says how wrong it was. The model that was least wrong is taken.
//! - **Fan**: the continuation with the interval in which the measure lies with the asked probability. Its width is that of
//!   the errors of the back-test at the same distance, so it holds for this history and not for an ideal one.
//!
//! # Promises
//! - Pure: arrays in, findings out; no clock, no randomness, no IO. Cost is a few thousand operations per point of the grid.
//! - What cannot be known is refused with its reason ([`Refusal`]) instead of guessed; nothing is said of times further away
//!   than [`REACH`] times the history that it rests on.
//! - A step in the level (a clean-up, a resize) begins a new history. A measure that falls back again and again is continued
//!   only until it would fall back the next time.
//!
//! The coverage of the interval is measured in `tests.rs` over generated series whose future is known.

mod backtest;
mod crossing;
mod fit;
mod grid;
#[cfg(test)]
mod tests;

use nines_base::ErrorKind;

pub use crossing::Crossing;
pub use fit::Model;

/// Points of a grid: a pixel or three each in a chart, and enough for the shape of a day within three weeks.
pub const GRID_POINTS: usize = 240;
/// Fewer say nothing about how wrong a continuation is: half of them are the shortest history of a back-test.
pub const POINTS_MIN: usize = 24;
/// How many times the length of the history is looked ahead at most.
pub const REACH: f64 = 3.0;
/// Points of the fan.
const FAN_POINTS: usize = 120;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// From when it is continued, in milliseconds since 1970; not before the last sample.
    pub now_ms: i64,
    /// The probability that the interval holds what comes, such as 0.9.
    pub level: f64,
    /// How far ahead is asked at most.
    pub horizon_ms: i64,
}

/// Why nothing is said.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("too little history: {points} points, {POINTS_MIN} are needed")]
    TooLittle { points: usize },
    #[error("its level changed a short time ago: {points} points since then, {POINTS_MIN} are needed")]
    ChangedLately { points: usize },
    #[error("it falls back every {} h, the last time a short time ago", .every_ms / 3_600_000)]
    FallsBack { every_ms: i64 },
    #[error("the history ends before its own {missing} newest points: it is too old to be continued")]
    TooOld { missing: usize },
    #[error("it moves too erratically: within the time that can be foreseen it may reach the limit or not")]
    Erratic,
}

impl Refusal {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Where the measure lies with the asked probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FanPoint {
    pub at_ms: i64,
    pub low: f64,
    pub mid: f64,
    pub high: f64,
}

/// A history, continued.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub model: Model,
    pub level: f64,
    /// The grid: times strictly increasing, empty points left out. All of it, also what stands before a step.
    pub history: Vec<(i64, f64)>,
    /// Since when the history counts: its begin, or the last step in the level.
    pub since_ms: i64,
    /// At equal distances, the first at the asked `now`. Never beyond the reach.
    pub fan: Vec<FanPoint>,
    /// Growth per second, on the whole.
    pub slope: f64,
    /// How often it falls back, if it does.
    pub falls_back_every_ms: Option<i64>,
}

/// Continues a history. `times_ms` strictly increasing, as many `values`; values that are no numbers are left out.
///
/// # Errors
/// What stands against it.
pub fn forecast(times_ms: &[i64], values: &[f64], question: &Question) -> Result<Forecast, Refusal> {
    let grid = grid::Grid::of(times_ms, values);
    let history = grid.points();
    if history.len() < POINTS_MIN {
        return Err(Refusal::TooLittle { points: history.len() });
    }
    let steps = grid::steps(&grid);
    let start = steps.last().map_or(0, |step| step.at);
    let points = grid.cells[start..].iter().filter(|cell| cell.is_some()).count();
    if points < POINTS_MIN {
        let every_ms = grid::falls_back_every(&steps, grid.step_ms);
        return Err(
            every_ms.map_or(Refusal::ChangedLately { points }, |every_ms| Refusal::FallsBack { every_ms })
        );
    }
    let behind = ((question.now_ms - grid.end_ms()) as f64 / grid.step_ms as f64).max(0.0);
    let cells = &grid.cells[start..];
    if behind > cells.len() as f64 / 4.0 {
        return Err(Refusal::TooOld { missing: behind as usize });
    }
    let chosen = backtest::choose(cells, grid.step_ms, question.level);
    let falls_back_every_ms = grid::falls_back_every(&steps, grid.step_ms);
    let now = cells.len() as f64 - 1.0 + behind;
    let mut ahead = (question.horizon_ms as f64 / grid.step_ms as f64).min(cells.len() as f64 * REACH);
    if let Some(every_ms) = falls_back_every_ms {
        let rest = every_ms as f64 / grid.step_ms as f64 - now;
        ahead = ahead.min(rest.max(1.0));
    }
    let fan = (0..=FAN_POINTS).map(|number| {
        let distance = ahead * number as f64 / FAN_POINTS as f64;
        let mid = chosen.fitted.at(now + distance);
        let width = chosen.width(behind + distance);
        FanPoint {
            at_ms: question.now_ms + (distance * grid.step_ms as f64) as i64,
            low: mid - width,
            mid,
            high: mid + width,
        }
    });
    Ok(Forecast {
        model: chosen.model,
        level: question.level,
        since_ms: grid.time(start),
        fan: fan.collect(),
        slope: chosen.fitted.slope() / (grid.step_ms as f64 / 1e3),
        history,
        falls_back_every_ms,
    })
}
