//! The door to the evaluator: options, limits, and queries over an instant or a range.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use nines_base::{SharedClock, Shutdown};

use crate::annotations::{Annotations, Note};
use crate::ast::{Expr, QueryTimes, Span, ValueType};
use crate::error::QueryError;
use crate::eval::{Evaluated, Evaluator, Grid};
use crate::parser;
use crate::row::Row;
use crate::source::Source;
use crate::value::{Answer, Sample, SampleValue, Series, Stats, Value};

/// How far an instant selector looks back for a sample, as upstream.
pub const LOOKBACK_MS: i64 = 300_000;
/// The step of a subquery that names none; upstream takes its evaluation interval, whose default this is.
pub const SUBQUERY_STEP_MS: i64 = 60_000;
/// Intermediate results of a query together; 50 million samples are 400 MB, as upstream's `--query.max-samples`.
pub const SAMPLES_MAX: usize = 50_000_000;
/// Steps of a range query, as upstream: a pixel each on the widest screens, and hourly points of a year fit.
pub const POINTS_MAX: usize = 11_000;
/// Series that all selectors of a query may find together. Ten times what one dashboard of a large fleet asks for.
pub const SERIES_MAX: usize = 2_000_000;
/// The deadline and the cancellation are looked at once for so many series: a few milliseconds of work.
const SERIES_PER_CHECK: usize = 64;

#[derive(Debug, Clone)]
pub struct Options {
    pub lookback_ms: i64,
    pub subquery_step_ms: i64,
    /// Functions mark the name as gone and the query removes it at the end, so that `label_replace` can still see it.
    /// Upstream's `promql-delayed-name-removal`, off by default there.
    pub delayed_name_removal: bool,
    /// `rate` looks at `__type__` instead of the end of the name. Upstream's `type-and-unit-labels`.
    pub type_and_unit_labels: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lookback_ms: LOOKBACK_MS,
            subquery_step_ms: SUBQUERY_STEP_MS,
            delayed_name_removal: false,
            type_and_unit_labels: false,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub samples: usize,
    pub points: usize,
    pub series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { samples: SAMPLES_MAX, points: POINTS_MAX, series: SERIES_MAX }
    }
}

/// When to give up.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// The query ends soon after this has begun.
    pub cancel: Shutdown,
    /// By this clock's `monotonic`, and not later than this.
    pub deadline: Option<(SharedClock, Duration)>,
}

/// Evaluates queries. Holds no state between them.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    pub options: Options,
    pub limits: Limits,
}

impl Engine {
    /// The value of `text` at one instant.
    pub fn instant(
        &self,
        source: &dyn Source,
        text: &str,
        time_ms: i64,
        control: &Control,
    ) -> Result<Answer, QueryError> {
        let expr = parser::parse(text)?;
        self.instant_of(source, &expr, time_ms, control)
    }

    /// The same of a tree.
    pub fn instant_of(
        &self,
        source: &dyn Source,
        expr: &Expr,
        time_ms: i64,
        control: &Control,
    ) -> Result<Answer, QueryError> {
        // A grid of one step; `step()` is zero, but windows need a positive step.
        let times = QueryTimes { start: time_ms, end: time_ms, step: 0 };
        let run = Run::new(self, source, times, control);
        let evaluator =
            Evaluator { run: &run, grid: Grid { start: time_ms, step: 1, steps: 1 }, finds_resets: false };
        if expr.value_type() == ValueType::Matrix {
            let matrix = sorted(evaluator.matrix(expr)?);
            return Ok(run.answer(Value::Matrix(matrix)));
        }
        let value = match evaluator.eval(expr)? {
            Evaluated::Scalar(values) => Value::Scalar { time_ms, value: values[0] },
            Evaluated::Text(value) => Value::Text { time_ms, value },
            Evaluated::Rows(rows) => {
                let rows = evaluator.finished(rows)?;
                let sample = |row: Row| {
                    let value = sample_value(row.get(0)?);
                    Some(Sample { labels: row.labels, time_ms, value })
                };
                Value::Vector(rows.into_iter().filter_map(sample).collect())
            }
        };
        Ok(run.answer(value))
    }

    /// The values of `text` from `start_ms` to `end_ms`, both inclusive, every `step_ms`.
    pub fn range(
        &self,
        source: &dyn Source,
        text: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        control: &Control,
    ) -> Result<Answer, QueryError> {
        let expr = parser::parse(text)?;
        let times = QueryTimes { start: start_ms, end: end_ms, step: step_ms };
        self.range_of(source, &expr, times, control)
    }

    pub fn range_of(
        &self,
        source: &dyn Source,
        expr: &Expr,
        times: QueryTimes,
        control: &Control,
    ) -> Result<Answer, QueryError> {
        if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
            let found = expr.value_type().name();
            let text = format!(
                "invalid expression type {found:?} for range query, must be Scalar or instant Vector"
            );
            return Err(QueryError::BadRequest(text));
        }
        if times.step <= 0 {
            let text =
                "zero or negative query resolution step widths are not accepted: try a positive integer";
            return Err(QueryError::BadRequest(text.to_owned()));
        }
        let run = Run::new(self, source, times, control);
        if times.end < times.start {
            return Ok(run.answer(Value::Matrix(Vec::new())));
        }
        let steps = (i128::from(times.end) - i128::from(times.start)) / i128::from(times.step) + 1;
        if steps > self.limits.points as i128 {
            let limit = self.limits.points;
            let text = format!(
                "exceeded maximum resolution of {limit} points per timeseries: try decreasing the query resolution (?step=XX)"
            );
            return Err(QueryError::BadRequest(text));
        }
        let grid = Grid { start: times.start, step: times.step, steps: steps as usize };
        let evaluator = Evaluator { run: &run, grid, finds_resets: false };
        let rows = match evaluator.eval(expr)? {
            Evaluated::Scalar(values) => {
                vec![Row { labels: Default::default(), drop_name: false, values, histograms: Vec::new() }]
            }
            Evaluated::Rows(rows) => evaluator.finished(rows)?,
            Evaluated::Text(_) => Vec::new(),
        };
        let series = rows.into_iter().map(|row| series_of(row, grid)).filter(has_samples).collect();
        Ok(run.answer(Value::Matrix(sorted(series))))
    }
}

fn has_samples(series: &Series) -> bool {
    !series.floats.is_empty() || !series.histograms.is_empty()
}

fn sorted(mut series: Vec<Series>) -> Vec<Series> {
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}

fn sample_value(cell: crate::row::Cell) -> SampleValue {
    match cell {
        crate::row::Cell::Float(value) => SampleValue::Float(value),
        crate::row::Cell::Histogram(histogram) => SampleValue::Histogram(histogram),
    }
}

fn series_of(row: Row, grid: Grid) -> Series {
    let mut series = Series { labels: row.labels.clone(), ..Series::default() };
    for step in 0..grid.steps {
        match row.get(step) {
            None => {}
            Some(crate::row::Cell::Float(value)) => series.floats.push((grid.time(step), value)),
            Some(crate::row::Cell::Histogram(histogram)) => {
                series.histograms.push((grid.time(step), histogram));
            }
        }
    }
    series
}

/// One query under way.
pub(crate) struct Run<'q> {
    pub source: &'q dyn Source,
    pub options: &'q Options,
    pub times: QueryTimes,
    limits: &'q Limits,
    control: &'q Control,
    annotations: RefCell<Annotations>,
    stats: Cell<Stats>,
}

impl<'q> Run<'q> {
    fn new(engine: &'q Engine, source: &'q dyn Source, times: QueryTimes, control: &'q Control) -> Self {
        Self {
            source,
            options: &engine.options,
            times,
            limits: &engine.limits,
            control,
            annotations: RefCell::default(),
            stats: Cell::default(),
        }
    }

    pub fn note(&self, note: Note, span: Span) {
        self.annotations.borrow_mut().add(note, span);
    }

    pub fn annotations(&self) -> std::cell::RefMut<'_, Annotations> {
        self.annotations.borrow_mut()
    }

    /// A series was read: counts it, and now and then looks whether to go on.
    pub fn read(&self, samples: usize) -> Result<(), QueryError> {
        let mut stats = self.stats.get();
        stats.series += 1;
        stats.samples_read += samples;
        self.stats.set(stats);
        if stats.series > self.limits.series {
            return Err(QueryError::TooMuch { what: "series", limit: self.limits.series });
        }
        if stats.series % SERIES_PER_CHECK == 1 { self.go_on() } else { Ok(()) }
    }

    /// Samples are kept until the query ends.
    pub fn keep(&self, samples: usize) -> Result<(), QueryError> {
        let mut stats = self.stats.get();
        stats.samples_kept = stats.samples_kept.saturating_add(samples);
        self.stats.set(stats);
        if stats.samples_kept > self.limits.samples {
            return Err(QueryError::TooMuch { what: "samples", limit: self.limits.samples });
        }
        Ok(())
    }

    /// Whether anybody still waits for the answer.
    pub fn go_on(&self) -> Result<(), QueryError> {
        if self.control.cancel.has_begun() {
            return Err(QueryError::Cancelled);
        }
        match &self.control.deadline {
            Some((clock, deadline)) if clock.monotonic() >= *deadline => Err(QueryError::Timeout),
            _ => Ok(()),
        }
    }

    fn answer(&self, value: Value) -> Answer {
        Answer { value, annotations: self.annotations.take(), stats: self.stats.get() }
    }
}
