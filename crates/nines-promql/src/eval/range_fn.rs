//! Functions of range vectors: each series is read once and its windows slide over it.
//!
//! Functions that can slide cost O(samples + steps) per series (`sliding`, `rate`); those that look at a whole window
//! again for each step (`window_fn`: deviations, quantiles, regressions, smoothing, and everything on native
//! histograms) cost O(steps × window).

use crate::annotations::Note;
use crate::ast::Span;
use crate::ast::{Edges, Expr, Kind, ValueType};
use crate::error::QueryError;
use crate::eval::select::{RangeSeries, Windows};
use crate::eval::{Evaluator, Sink};
use crate::functions::{Function, Id};
use crate::row::{ABSENT, Cell, RowView, is_absent, present};
use crate::source::{HistogramPoint, SeriesView};

/// A window of one series, for functions that want to see all of it.
pub(super) struct Window<'w> {
    pub times: &'w [i64],
    pub values: &'w [f64],
    /// As in [`SeriesView::starts`]; empty if none is known.
    pub starts: &'w [i64],
    pub histograms: &'w [HistogramPoint],
    /// Exclusive.
    pub start: i64,
    /// Inclusive.
    pub end: i64,
    /// The instant of the evaluation; differs from `end` by `offset` and `@`.
    pub now: i64,
}

/// What a function of windows is told beside the window.
pub(super) struct RangeCall<'c> {
    pub id: Id,
    /// The scalar arguments, one value per step.
    pub scalars: &'c [Vec<f64>],
    pub metric: &'c str,
    /// The range vector in the text.
    pub span: Span,
    pub range: i64,
}

impl Evaluator<'_> {
    /// Which argument is the range vector, if one is.
    pub(super) fn range_arg(&self, function: &Function, args: &[Expr]) -> Option<usize> {
        if matches!(function.id, Id::AbsentOverTime) {
            return None;
        }
        args.iter().position(|arg| arg.value_type() == ValueType::Matrix)
    }

    pub(super) fn range_call(
        &self,
        id: Id,
        args: &[Expr],
        at: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let range_expr = &args[at];
        let mut scalars = Vec::new();
        for (position, arg) in args.iter().enumerate() {
            if position != at {
                scalars.push(self.scalar(arg)?);
            }
        }
        self.check_edges(id, range_expr)?;
        if id == Id::DoubleExponentialSmoothing {
            super::window_fn::check_smoothing(&scalars)?;
        }
        let keeps_name = matches!(id, Id::LastOverTime | Id::FirstOverTime);
        let span = range_expr.inner().span;
        let steps = self.grid.steps;
        let mut row = vec![ABSENT; steps];
        let slide = |view: &SeriesView<'_>, windows: &Windows, values: &mut [f64]| {
            windows.edges == Edges::Plain && slides(id, view, windows, values)
        };
        self.each_slid_series(range_expr, Some(name_of(id)), &slide, &mut |series, windows, slid| {
            let mut histograms = Vec::new();
            let metric = series.view.labels.metric_name().to_owned();
            let values = match slid {
                Some(values) => values,
                None => {
                    row.fill(ABSENT);
                    let call =
                        RangeCall { id, scalars: &scalars, metric: &metric, span, range: windows.range };
                    self.over_windows(&call, &series, windows, &mut row, &mut histograms)?;
                    &row
                }
            };
            let some = !histograms.is_empty() || values.iter().any(|value| !is_absent(*value));
            if !some {
                return Ok(());
            }
            if matches!(id, Id::Rate | Id::Increase) {
                self.note_non_counter(&series.view, &metric, span, values);
            }
            let drop_name = series.drop_name || !keeps_name;
            let labels =
                if keeps_name { series.view.labels.clone() } else { self.dropped(&series.view.labels) };
            sink(RowView { labels: &labels, drop_name, values, histograms: &histograms })
        })
    }

    fn check_edges(&self, id: Id, expr: &Expr) -> Result<(), QueryError> {
        let Kind::Matrix(matrix) = &expr.inner().kind else { return Ok(()) };
        let (word, allowed): (&str, &[Id]) = match matrix.selector.edges {
            Edges::Plain => return Ok(()),
            Edges::Anchored => ("anchored", &[Id::Changes, Id::Delta, Id::Increase, Id::Rate, Id::Resets]),
            Edges::Smoothed => ("smoothed", &[Id::Delta, Id::Increase, Id::Rate]),
        };
        if allowed.contains(&id) {
            return Ok(());
        }
        let names: Vec<&str> = allowed.iter().map(|id| name_of(*id)).collect();
        Err(QueryError::execution(format!(
            "{word} modifier can only be used with: {} - not with {}",
            names.join(", "),
            name_of(id)
        )))
    }

    fn note_non_counter(&self, view: &SeriesView<'_>, metric: &str, span: Span, values: &[f64]) {
        if metric.is_empty() || values.iter().all(|value| is_absent(*value)) {
            return;
        }
        if self.run.options.type_and_unit_labels {
            let found = view.labels.get("__type__");
            if !matches!(found, "counter" | "histogram") {
                let (metric, found) = (metric.to_owned(), found.to_owned());
                self.run.note(Note::PossibleNonCounterType { metric, found }, span);
            }
        } else if !["_total", "_sum", "_count", "_bucket"].iter().any(|ending| metric.ends_with(ending)) {
            self.run.note(Note::PossibleNonCounter { metric: metric.to_owned() }, span);
        }
    }

    fn over_windows(
        &self,
        call: &RangeCall<'_>,
        series: &RangeSeries<'_>,
        windows: &Windows,
        values: &mut [f64],
        histograms: &mut crate::row::Histograms,
    ) -> Result<(), QueryError> {
        let view = &series.view;
        if windows.edges != Edges::Plain {
            return self.over_edges(call, view, windows, values, histograms);
        }
        if view.histograms.is_empty() && slides(call.id, view, windows, values) {
            return Ok(());
        }
        // With `@` all windows are the same, and so is what comes of them.
        let repeats = windows.looks.is_fixed() && call.scalars.is_empty();
        let (mut low, mut high, mut first, mut last) = (0, 0, 0, 0);
        for step in 0..values.len() {
            let (start, end) = windows.bounds(step);
            while view.times.get(high).is_some_and(|time| *time <= end) {
                high += 1;
            }
            while low < high && view.times[low] <= start {
                low += 1;
            }
            while view.histograms.get(last).is_some_and(|point| point.time <= end) {
                last += 1;
            }
            while first < last && view.histograms[first].time <= start {
                first += 1;
            }
            if low == high && first == last {
                continue;
            }
            let window = Window {
                times: &view.times[low..high],
                values: &view.values[low..high],
                starts: view.starts.get(low..high).unwrap_or(&[]),
                histograms: &view.histograms[first..last],
                start,
                end,
                now: self.grid.time(step),
            };
            let found = self.of_window(call, &window, step)?;
            if repeats {
                if let Some(cell) = found {
                    for step in 0..values.len() {
                        put(cell.clone(), step, values, histograms);
                    }
                }
                return Ok(());
            }
            if let Some(cell) = found {
                put(cell, step, values, histograms);
            }
        }
        Ok(())
    }
}

/// Fills `values` from a series of floats if the function can slide over it; whether it did.
fn slides(id: Id, view: &SeriesView<'_>, windows: &Windows, values: &mut [f64]) -> bool {
    super::rate::slides(id, view, windows, values) || super::sliding::slides(id, view, windows, values)
}

pub(super) fn put(cell: Cell, step: usize, values: &mut [f64], histograms: &mut crate::row::Histograms) {
    match cell {
        Cell::Float(value) => values[step] = present(value),
        Cell::Histogram(histogram) => {
            if histograms.is_empty() {
                *histograms = vec![None; values.len()];
            }
            histograms[step] = Some(histogram);
        }
    }
}

pub(super) fn name_of(id: Id) -> &'static str {
    crate::functions::FUNCTIONS.iter().find(|function| function.id == id).map_or("", |function| function.name)
}
