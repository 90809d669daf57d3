//! The evaluator. An expression is worth a row of values over all steps at once, series by series: each series is read
//! once, windows slide over its samples, and labels are matched and hashed once per series instead of once per step.

mod aggregate;
mod ahead;
mod binary;
mod call;
mod edges;
mod info;
mod instant_fn;
mod label_fn;
mod pick;
mod range_fn;
mod rate;
mod select;
mod sliding;
mod window_fn;

use std::sync::Arc;

use crate::ast::{At, Expr, Kind, Subquery, ValueType};
use crate::engine::Run;
use crate::error::QueryError;
use crate::labels::Labels;
use crate::row::{Cell, Row, RowView, is_absent, merge_same_labels};
use crate::source::{HistogramPoint, SeriesView};
use crate::value::Series;
use crate::{histogram::ResetHint, row};

/// The instants of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub start: i64,
    pub step: i64,
    pub steps: usize,
}

impl Grid {
    pub fn time(&self, step: usize) -> i64 {
        self.start + self.step * step as i64
    }
}

/// The instants that a selector looks at, one per step: shifted by `offset`, or all the same with `@`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looks {
    first: i64,
    step: i64,
    steps: usize,
}

impl Looks {
    pub fn new(grid: Grid, at: Option<i64>, offset: i64) -> Self {
        match at {
            Some(at) => Self { first: at - offset, step: 0, steps: grid.steps },
            None => Self { first: grid.start - offset, step: grid.step, steps: grid.steps },
        }
    }

    #[inline]
    pub fn at(&self, step: usize) -> i64 {
        self.first + self.step * step as i64
    }

    pub fn last(&self) -> i64 {
        self.at(self.steps.saturating_sub(1))
    }

    pub fn first(&self) -> i64 {
        self.first
    }

    pub fn is_fixed(&self) -> bool {
        self.step == 0
    }

    pub fn steps(&self) -> usize {
        self.steps
    }

    pub fn step(&self) -> i64 {
        self.step
    }
}

pub(crate) enum Evaluated {
    /// One number per step.
    Scalar(Vec<f64>),
    Text(String),
    Rows(Vec<Row>),
}

pub(crate) type Sink<'s> = dyn FnMut(RowView<'_>) -> Result<(), QueryError> + 's;

#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'r> {
    pub run: &'r Run<'r>,
    pub grid: Grid,
    /// Resets of histograms whose hints are unknown are looked for while reading, as upstream does where only counts and
    /// sums are asked for (`promql/histogram_stats_iterator.go`).
    pub finds_resets: bool,
}

impl Evaluator<'_> {
    pub fn eval(&self, expr: &Expr) -> Result<Evaluated, QueryError> {
        match &expr.kind {
            Kind::Number { value, .. } => Ok(Evaluated::Scalar(vec![*value; self.grid.steps])),
            Kind::Text(text) => Ok(Evaluated::Text(text.value.clone())),
            Kind::Paren(inside) => self.eval(inside),
            Kind::Unary { negative, expr: inside } => self.unary(*negative, inside),
            Kind::Binary(_) => self.operators(expr),
            Kind::Call { .. } if expr.value_type() == ValueType::Scalar => {
                Ok(Evaluated::Scalar(self.scalar_call(expr)?))
            }
            Kind::Vector(_) | Kind::Call { .. } | Kind::Aggregate(_) => {
                Ok(Evaluated::Rows(self.collected(expr)?))
            }
            Kind::Matrix(_) | Kind::Subquery(_) => {
                Err(QueryError::execution("a range vector can only be the argument of a function"))
            }
        }
    }

    /// Hands the rows of a vector to `sink`, one after the other, without keeping them where that can be avoided.
    pub fn stream(&self, expr: &Expr, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let expr = expr.inner();
        match &expr.kind {
            Kind::Vector(selector) => self.vector(selector, expr.span, None, sink),
            Kind::Call { function, args } => match self.range_arg(function, args) {
                Some(at) => self.range_call(function.id, args, at, sink),
                None => self.deliver(self.vector_call(function, args, expr)?, sink),
            },
            Kind::Aggregate(aggregate) => self.deliver(self.aggregate(aggregate, expr.span)?, sink),
            _ => self.deliver(self.rows(expr)?, sink),
        }
    }

    fn deliver(&self, rows: Vec<Row>, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        rows.iter().try_for_each(|row| sink(row.view()))
    }

    fn collected(&self, expr: &Expr) -> Result<Vec<Row>, QueryError> {
        let inner = expr.inner();
        // What is made whole anyway needs no copy.
        match &inner.kind {
            Kind::Aggregate(aggregate) => return self.aggregate(aggregate, inner.span),
            Kind::Call { function, args } if self.range_arg(function, args).is_none() => {
                return self.vector_call(function, args, inner);
            }
            _ => {}
        }
        let mut rows = Vec::new();
        self.stream(inner, &mut |row| {
            self.run.keep(row.values.len())?;
            rows.push(row.to_row());
            Ok(())
        })?;
        Ok(rows)
    }

    /// The rows of an expression that is a vector.
    pub fn rows(&self, expr: &Expr) -> Result<Vec<Row>, QueryError> {
        match self.eval(expr)? {
            Evaluated::Rows(rows) => Ok(rows),
            _ => Err(QueryError::execution("expected an instant vector")),
        }
    }

    /// The numbers of an expression that is a scalar.
    pub fn scalar(&self, expr: &Expr) -> Result<Vec<f64>, QueryError> {
        match self.eval(expr)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(QueryError::execution("expected a scalar")),
        }
    }

    fn unary(&self, negative: bool, inside: &Expr) -> Result<Evaluated, QueryError> {
        let mut evaluated = self.eval(inside)?;
        if !negative {
            return Ok(evaluated);
        }
        match &mut evaluated {
            Evaluated::Text(_) => {}
            Evaluated::Scalar(values) => values.iter_mut().for_each(|value| *value = -*value),
            Evaluated::Rows(rows) => {
                for row in rows.iter_mut() {
                    for value in row.values.iter_mut().filter(|value| !is_absent(**value)) {
                        *value = -*value;
                    }
                    for histogram in row.histograms.iter_mut().flatten() {
                        *histogram = Arc::new((**histogram).clone().scaled(-1.0));
                    }
                    self.drop_name(row);
                }
                let rows = std::mem::take(rows);
                return Ok(Evaluated::Rows(self.merged(rows)?));
            }
        }
        Ok(evaluated)
    }

    /// The operation changed what the row means: it is no longer that metric.
    pub fn drop_name(&self, row: &mut Row) {
        row.drop_name = true;
        if !self.run.options.delayed_name_removal {
            row.labels = row.labels.without_metadata();
        }
    }

    /// The labels of a row whose name is dropped, for those that build it themselves.
    pub fn dropped(&self, labels: &Labels) -> Labels {
        if self.run.options.delayed_name_removal { labels.clone() } else { labels.without_metadata() }
    }

    /// Rows that became equal when their names were dropped become one.
    pub fn merged(&self, rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        if self.run.options.delayed_name_removal { Ok(rows) } else { merge_same_labels(rows) }
    }

    /// The end of the query: names that were marked are removed now.
    pub fn finished(&self, mut rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        if self.run.options.delayed_name_removal {
            for row in rows.iter_mut().filter(|row| row.drop_name) {
                row.labels = row.labels.without_metadata();
            }
        }
        merge_same_labels(rows)
    }

    pub fn resolve_at(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Time(millis) => millis,
            At::Start => self.run.times.start,
            At::End => self.run.times.end,
        })
    }

    pub fn resolve(&self, duration: &crate::ast::Duration) -> Result<i64, QueryError> {
        duration.resolve(self.run.times).map_err(QueryError::Execution)
    }

    pub fn resolve_positive(&self, duration: &crate::ast::Duration) -> Result<i64, QueryError> {
        let millis = self.resolve(duration)?;
        if millis <= 0 {
            return Err(QueryError::execution(format!("duration must be greater than 0, got {duration}")));
        }
        Ok(millis)
    }

    /// The rows of a subquery on its own grid, the instants it looks at from here, and its range.
    pub fn subquery(&self, subquery: &Subquery) -> Result<(Vec<Row>, Grid, Looks, i64), QueryError> {
        let range = self.resolve_positive(&subquery.range)?;
        let offset = subquery.offset.as_ref().map_or(Ok(0), |offset| self.resolve(offset))?;
        let looks = Looks::new(self.grid, self.resolve_at(subquery.at), offset);
        let step = match &subquery.step {
            Some(step) => self.resolve_positive(step)?,
            None => self.run.options.subquery_step_ms,
        };
        // The first multiple of the step after the oldest window's begin.
        let start = ((looks.first() - range).div_euclid(step) + 1) * step;
        let end = looks.last();
        if end < start {
            return Ok((Vec::new(), Grid { start, step, steps: 0 }, looks, range));
        }
        let steps = ((end - start) / step + 1) as usize;
        let grid = Grid { start, step, steps };
        // One row must fit, or the allocation of the first would be the end of the node.
        self.run.keep(steps)?;
        let inner = Evaluator { run: self.run, grid, finds_resets: false };
        let rows = inner.rows(&subquery.expr)?;
        Ok((rows, grid, looks, range))
    }

    /// The samples of a range vector at a single instant.
    pub fn matrix(&self, expr: &Expr) -> Result<Vec<Series>, QueryError> {
        let mut all = Vec::new();
        self.each_range_series(expr, None, &mut |series, windows| {
            let (start, end) = windows.bounds(0);
            let inside = |time: i64| time > start && time <= end;
            let mut found = Series { labels: series.view.labels.clone(), ..Series::default() };
            for (time, value) in series.view.times.iter().zip(series.view.values) {
                if inside(*time) {
                    found.floats.push((*time, *value));
                }
            }
            for point in series.view.histograms.iter().filter(|point| inside(point.time)) {
                found.histograms.push((point.time, point.histogram.clone()));
            }
            if !found.floats.is_empty() || !found.histograms.is_empty() {
                if series.drop_name {
                    found.labels = found.labels.without_metadata();
                }
                self.run.keep(found.floats.len() + found.histograms.len())?;
                all.push(found);
            }
            Ok(())
        })?;
        Ok(all)
    }
}

/// A row of a subquery as the samples of a series. Hints of resets between samples that the subquery skipped or
/// repeated mean nothing, so they go.
pub(crate) struct Columns {
    times: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<HistogramPoint>,
}

impl Columns {
    pub fn of(row: &Row, grid: Grid) -> Self {
        let mut columns = Self { times: Vec::new(), values: Vec::new(), histograms: Vec::new() };
        for step in 0..grid.steps {
            let time = grid.time(step);
            match row.get(step) {
                None => {}
                Some(Cell::Float(value)) => {
                    columns.times.push(time);
                    columns.values.push(value);
                }
                Some(Cell::Histogram(histogram)) => {
                    let hinted = matches!(histogram.hint, ResetHint::Reset | ResetHint::NotReset);
                    let histogram = if hinted {
                        let mut unknown = (*histogram).clone();
                        unknown.hint = ResetHint::Unknown;
                        Arc::new(unknown)
                    } else {
                        histogram
                    };
                    columns.histograms.push(HistogramPoint { time, start: 0, histogram });
                }
            }
        }
        columns
    }

    pub fn view<'c>(&'c self, labels: &Labels) -> SeriesView<'c> {
        SeriesView {
            labels: labels.clone(),
            times: &self.times,
            values: &self.values,
            starts: &[],
            histograms: &self.histograms,
        }
    }
}

/// A row with this value at every step where `of` has one.
pub(crate) fn map_floats(row: &mut Row, change: impl Fn(f64) -> f64) {
    for value in &mut row.values {
        if !is_absent(*value) {
            *value = row::present(change(*value));
        }
    }
    row.histograms = Vec::new();
}
