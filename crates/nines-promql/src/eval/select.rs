//! From selectors to samples: instant vectors, and the series behind range vectors.

use std::sync::Arc;

use crate::ast::{Duration, Edges, Expr, Kind, Selector, Span};
use crate::error::QueryError;
use crate::eval::ahead::{Ahead, each_ahead};
use crate::eval::{Columns, Evaluator, Looks, Sink};
use crate::histogram::ResetHint;
use crate::number::is_stale;
use crate::row::{ABSENT, Cell, Histograms, RowView, is_absent, present};
use crate::source::{HistogramPoint, Selection, SeriesView, SourceError};

/// What an instant selector reads of the sample that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Value,
    /// When the sample was taken, in seconds.
    Time,
    /// Since when its counter counts, in seconds.
    Start,
}

/// A series of a range vector; its samples hold no stale markers.
pub(crate) struct RangeSeries<'s> {
    pub view: SeriesView<'s>,
    /// The name is gone already, by what the subquery did.
    pub drop_name: bool,
}

/// The windows of a range selector: `(look - range, look]` for each look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub looks: Looks,
    pub range: i64,
    pub edges: Edges,
    pub lookback: i64,
}

impl Windows {
    /// Begin, exclusive, and end, inclusive.
    #[inline]
    pub fn bounds(&self, step: usize) -> (i64, i64) {
        let end = self.looks.at(step);
        (end - self.range, end)
    }
}

/// Fills a row from the windows over a series of floats; `false` if it cannot alone.
pub(super) type Slide<'s> = dyn Fn(&SeriesView<'_>, &Windows, &mut [f64]) -> bool + Sync + 's;

/// Takes a series, its windows, and its row if that was filled already.
pub(super) type EachSlid<'e> =
    dyn FnMut(RangeSeries<'_>, &Windows, Option<&[f64]>) -> Result<(), QueryError> + 'e;

impl From<SourceError> for QueryError {
    fn from(error: SourceError) -> Self {
        Self::Source { message: error.message, kind: error.kind }
    }
}

impl Evaluator<'_> {
    pub(super) fn looks(&self, selector: &Selector) -> Result<Looks, QueryError> {
        let offset = self.offset(selector.offset.as_ref())?;
        Ok(Looks::new(self.grid, self.resolve_at(selector.at), offset))
    }

    pub(super) fn offset(&self, offset: Option<&Duration>) -> Result<i64, QueryError> {
        offset.map_or(Ok(0), |offset| self.resolve(offset))
    }

    /// The rows of an instant selector.
    pub(super) fn vector(
        &self,
        selector: &Selector,
        span: Span,
        function: Option<&'static str>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if selector.edges == Edges::Smoothed {
            return self.smoothed_vector(selector, span, sink);
        }
        let looks = self.looks(selector)?;
        self.vector_at(&selector.matchers, looks, Read::Value, function, sink)
    }

    pub(super) fn vector_at(
        &self,
        matchers: &[crate::matcher::Matcher],
        looks: Looks,
        read: Read,
        function: Option<&'static str>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let lookback = self.run.options.lookback_ms;
        let selection = Selection {
            matchers,
            start_ms: looks.first() - lookback + 1,
            end_ms: looks.last(),
            step_ms: looks.step(),
            range_ms: 0,
            function,
        };
        let mut values = vec![ABSENT; looks.steps()];
        let mut set = self.run.source.select(&selection)?;
        let mut deliver = |made: Ahead<'_>| {
            let view = match made {
                Ahead::Whole(view) => view,
                Ahead::Row { labels, samples, values } => {
                    self.run.read(samples)?;
                    if values.iter().all(|value| is_absent(*value)) {
                        return Ok(());
                    }
                    return sink(RowView { labels: &labels, drop_name: false, values, histograms: &[] });
                }
            };
            self.run.read(view.times.len() + view.histograms.len())?;
            let found = if self.finds_resets { with_resets(view.histograms) } else { None };
            let view = SeriesView { histograms: found.as_deref().unwrap_or(view.histograms), ..view };
            let mut histograms = Vec::new();
            values.fill(ABSENT);
            if !look_up(&view, looks, lookback, read, &mut values, &mut histograms) {
                return Ok(());
            }
            sink(RowView { labels: &view.labels, drop_name: false, values: &values, histograms: &histograms })
        };
        let Some(shared) = set.shared() else {
            while let Some(view) = set.next()? {
                deliver(Ahead::Whole(view))?;
            }
            return Ok(());
        };
        // Stale markers end a series here, so none may be taken out before.
        let fill = |view: &SeriesView<'_>, values: &mut [f64]| {
            let mut none = Vec::new();
            look_up(view, looks, lookback, read, values, &mut none);
            true
        };
        each_ahead(shared, looks.steps(), false, &fill, &mut deliver)
    }

    /// The series behind a range vector with their windows. `function` is a hint for the store.
    pub(super) fn each_range_series(
        &self,
        expr: &Expr,
        function: Option<&'static str>,
        each: &mut dyn FnMut(RangeSeries<'_>, &Windows) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        self.each_slid_series(expr, function, &|_, _, _| false, &mut |series, windows, _| {
            each(series, windows)
        })
    }

    /// The same; where the store lends series to several threads, `slide` is tried there on those that hold floats only. What
    /// it filled comes with the labels alone.
    pub(super) fn each_slid_series(
        &self,
        expr: &Expr,
        function: Option<&'static str>,
        slide: &Slide<'_>,
        each: &mut EachSlid<'_>,
    ) -> Result<(), QueryError> {
        let lookback = self.run.options.lookback_ms;
        match &expr.inner().kind {
            Kind::Matrix(matrix) => {
                let range = self.resolve_positive(&matrix.range)?;
                let selector = &matrix.selector;
                let looks = self.looks(selector)?;
                let windows = Windows { looks, range, edges: selector.edges, lookback };
                let before = if selector.edges == Edges::Plain { 0 } else { lookback };
                let after = if selector.edges == Edges::Smoothed { lookback } else { 0 };
                let selection = Selection {
                    matchers: &selector.matchers,
                    start_ms: looks.first() - range - before + 1,
                    end_ms: looks.last() + after,
                    step_ms: looks.step(),
                    range_ms: range,
                    function,
                };
                let mut clean = Clean::default();
                let mut set = self.run.source.select(&selection)?;
                let mut deliver = |made: Ahead<'_>| {
                    let view = match made {
                        Ahead::Whole(view) => view,
                        Ahead::Row { labels, samples, values } => {
                            self.run.read(samples)?;
                            let view =
                                SeriesView { labels, times: &[], values: &[], starts: &[], histograms: &[] };
                            return each(RangeSeries { view, drop_name: false }, &windows, Some(values));
                        }
                    };
                    self.run.read(view.times.len() + view.histograms.len())?;
                    let found = if self.finds_resets { with_resets(view.histograms) } else { None };
                    let view = SeriesView { histograms: found.as_deref().unwrap_or(view.histograms), ..view };
                    let series = RangeSeries { view: clean.without_stale(view), drop_name: false };
                    each(series, &windows, None)
                };
                let Some(shared) = set.shared() else {
                    while let Some(view) = set.next()? {
                        deliver(Ahead::Whole(view))?;
                    }
                    return Ok(());
                };
                let fill = |view: &SeriesView<'_>, values: &mut [f64]| slide(view, &windows, values);
                each_ahead(shared, looks.steps(), true, &fill, &mut deliver)
            }
            Kind::Subquery(subquery) => {
                let (rows, grid, looks, range) = self.subquery(subquery)?;
                let windows = Windows { looks, range, edges: Edges::Plain, lookback };
                for row in rows {
                    self.run.go_on()?;
                    let columns = Columns::of(&row, grid);
                    let view = columns.view(&row.labels);
                    each(RangeSeries { view, drop_name: row.drop_name }, &windows, None)?;
                }
                Ok(())
            }
            _ => Err(QueryError::execution("expected a range vector")),
        }
    }
}

/// Fills what the instants find, histograms only as far as there are any; whether they find anything.
fn look_up(
    view: &SeriesView<'_>,
    looks: Looks,
    lookback: i64,
    read: Read,
    values: &mut [f64],
    histograms: &mut Histograms,
) -> bool {
    let mut found = false;
    let mut latest = Latest::default();
    for (step, value) in values.iter_mut().enumerate() {
        let Some(sample) = latest.at(view, looks.at(step), lookback) else { continue };
        found = true;
        match (read, sample.cell) {
            (Read::Value, Cell::Float(float)) => *value = present(float),
            (Read::Value, Cell::Histogram(histogram)) => {
                if histograms.is_empty() {
                    *histograms = vec![None; looks.steps()];
                }
                histograms[step] = Some(histogram);
            }
            (Read::Time, _) => *value = sample.time as f64 / 1000.0,
            (Read::Start, _) => *value = sample.start as f64 / 1000.0,
        }
    }
    found
}

/// The histograms with hints from their numbers, if any hint is unknown.
fn with_resets(points: &[HistogramPoint]) -> Option<Vec<HistogramPoint>> {
    if points.iter().all(|point| point.histogram.hint != ResetHint::Unknown) {
        return None;
    }
    let mut hinted = points.to_vec();
    for at in 1..points.len() {
        let (before, now) = (&points[at - 1], &points[at]);
        if now.histogram.hint == ResetHint::Unknown && !before.is_stale() && !now.is_stale() {
            let reset = now.histogram.shows_reset_after(&before.histogram);
            let mut histogram = (*now.histogram).clone();
            histogram.hint = if reset { ResetHint::Reset } else { ResetHint::NotReset };
            hinted[at].histogram = Arc::new(histogram);
        }
    }
    Some(hinted)
}

/// The sample that an instant selector finds.
pub(super) struct Found {
    pub time: i64,
    pub start: i64,
    pub cell: Cell,
}

/// Finds the newest sample at or before ascending instants.
#[derive(Default)]
pub(super) struct Latest {
    floats: usize,
    histograms: usize,
}

impl Latest {
    #[inline]
    pub fn at(&mut self, view: &SeriesView<'_>, look: i64, lookback: i64) -> Option<Found> {
        while view.times.get(self.floats).is_some_and(|time| *time <= look) {
            self.floats += 1;
        }
        while view.histograms.get(self.histograms).is_some_and(|point| point.time <= look) {
            self.histograms += 1;
        }
        let oldest = look - lookback;
        let float = self.floats.checked_sub(1).map(|at| (view.times[at], at));
        let histogram = self.histograms.checked_sub(1).map(|at| &view.histograms[at]);
        match (float, histogram) {
            (Some((time, _)), Some(point)) if point.time > time => Self::histogram(point, oldest),
            (Some((time, at)), _) if time > oldest => {
                let value = view.values[at];
                let start = view.starts.get(at).copied().unwrap_or(0);
                if is_stale(value) { None } else { Some(Found { time, start, cell: Cell::Float(value) }) }
            }
            (None, Some(point)) => Self::histogram(point, oldest),
            _ => None,
        }
    }

    fn histogram(point: &HistogramPoint, oldest: i64) -> Option<Found> {
        if point.time <= oldest || point.is_stale() {
            return None;
        }
        let cell = Cell::Histogram(point.histogram.clone());
        Some(Found { time: point.time, start: point.start, cell })
    }
}

/// Buffers for series that hold stale markers; most hold none and are used as they are.
#[derive(Default)]
pub(super) struct Clean {
    times: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
    histograms: Vec<HistogramPoint>,
}

impl Clean {
    pub fn without_stale<'c>(&'c mut self, view: SeriesView<'c>) -> SeriesView<'c> {
        let stale = view.values.iter().any(|value| is_stale(*value))
            || view.histograms.iter().any(HistogramPoint::is_stale);
        if !stale {
            return view;
        }
        self.times.clear();
        self.values.clear();
        self.starts.clear();
        self.histograms.clear();
        for (at, value) in view.values.iter().enumerate() {
            if !is_stale(*value) {
                self.times.push(view.times[at]);
                self.values.push(*value);
                if let Some(start) = view.starts.get(at) {
                    self.starts.push(*start);
                }
            }
        }
        self.histograms.extend(view.histograms.iter().filter(|point| !point.is_stale()).cloned());
        SeriesView {
            labels: view.labels,
            times: &self.times,
            values: &self.values,
            starts: &self.starts,
            histograms: &self.histograms,
        }
    }
}
