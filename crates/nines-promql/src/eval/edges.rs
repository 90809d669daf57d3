//! `anchored` and `smoothed`: exact values at the ends of windows instead of extrapolation.
//!
//! An anchored range begins with the last sample before it; a smoothed one has values at both ends that lie on the
//! line between the samples around them. Both look up to the lookback beyond the window. After upstream's
//! `extendedRate` and PROM-52.

use std::sync::Arc;

use crate::annotations::Note;
use crate::ast::{Edges, Selector, Span};
use crate::error::QueryError;
use crate::eval::range_fn::{RangeCall, Window, put};
use crate::eval::select::Windows;
use crate::eval::window_fn::{Point, is_reset, points};
use crate::eval::{Evaluator, Sink};
use crate::functions::Id;
use crate::histogram::{Histogram, IncompatibleSchemas, ResetHint};
use crate::number::is_stale;
use crate::row::{ABSENT, Cell, RowView, is_absent};
use crate::source::{HistogramPoint, Selection, SeriesView};

impl Evaluator<'_> {
    pub(super) fn over_edges(
        &self,
        call: &RangeCall<'_>,
        view: &SeriesView<'_>,
        windows: &Windows,
        values: &mut [f64],
        histograms: &mut crate::row::Histograms,
    ) -> Result<(), QueryError> {
        let smoothed = windows.edges == Edges::Smoothed;
        for step in 0..values.len() {
            let (start, end) = windows.bounds(step);
            let oldest = start - windows.lookback;
            let newest = if smoothed { end + windows.lookback } else { end };
            let low = view.times.partition_point(|time| *time <= oldest);
            let high = view.times.partition_point(|time| *time <= newest).max(low);
            let first = view.histograms.partition_point(|point| point.time <= oldest);
            let last = view.histograms.partition_point(|point| point.time <= newest).max(first);
            let window = Window {
                times: &view.times[low..high],
                values: &view.values[low..high],
                starts: view.starts.get(low..high).unwrap_or(&[]),
                histograms: &view.histograms[first..last],
                start,
                end,
                now: self.grid.time(step),
            };
            let found = match call.id {
                Id::Changes | Id::Resets => anchored_transitions(&window, call.id == Id::Changes),
                _ => self.edge_rate(call, &window, smoothed),
            };
            if let Some(cell) = found {
                put(cell, step, values, histograms);
            }
        }
        Ok(())
    }

    fn edge_rate(&self, call: &RangeCall<'_>, window: &Window<'_>, smoothed: bool) -> Option<Cell> {
        let counter = call.id != Id::Delta;
        let seconds = if call.id == Id::Rate { call.range as f64 / 1000.0 } else { 1.0 };
        if !window.values.is_empty() && !window.histograms.is_empty() {
            self.run.note(Note::MixedFloatsHistograms { metric: call.metric.to_owned() }, call.span);
            return None;
        }
        if window.histograms.is_empty() {
            let growth = float_growth(window, smoothed, counter)?;
            return Some(Cell::Float(growth / seconds));
        }
        match self.histogram_edges(call, window, smoothed, counter) {
            Ok(growth) => {
                let mut growth = growth?;
                growth.divide(seconds);
                Some(Cell::Histogram(Arc::new(growth)))
            }
            Err(IncompatibleSchemas) => {
                self.run.note(Note::MixedSchemas { metric: call.metric.to_owned() }, call.span);
                None
            }
        }
    }

    fn histogram_edges(
        &self,
        call: &RangeCall<'_>,
        window: &Window<'_>,
        smoothed: bool,
        counter: bool,
    ) -> Result<Option<Histogram>, IncompatibleSchemas> {
        let points = window.histograms;
        let times: Vec<i64> = points.iter().map(|point| point.time).collect();
        let Some(Used { first, last }) = used(&times, window, smoothed) else { return Ok(None) };
        let gauge = |point: &HistogramPoint| point.histogram.hint == ResetHint::Gauge;
        if counter && points[first..=last].iter().any(gauge) {
            self.run.note(Note::NotCounter { metric: call.metric.to_owned() }, call.span);
        }
        let are_gauges = gauge(&points[first]) && gauge(&points[last]);
        if !counter && !are_gauges {
            self.run.note(Note::NotGauge { metric: call.metric.to_owned() }, call.span);
        }
        let custom = points[first].histogram.is_custom();
        if points[first..=last].iter().any(|point| point.histogram.is_custom() != custom) {
            return Err(IncompatibleSchemas);
        }
        let left_between = smoothed && points[first].time < window.start && first < last;
        let right_between = smoothed && last > 0 && points[last].time > window.end;
        let left = if left_between {
            between(&points[first], &points[first + 1], window.start, counter)?
        } else {
            (*points[first].histogram).clone()
        };
        let right = if right_between {
            between(&points[last - 1], &points[last], window.end, counter)?
        } else {
            (*points[last].histogram).clone()
        };
        let mut growth = right;
        growth.subtract(&left)?;
        if counter {
            // The samples strictly inside; the edges are accounted for by `left` and `right`.
            let from = if points[first].time <= window.start { first + 1 } else { first };
            let to = if points[last].time >= window.end { last } else { last + 1 };
            let inside = points.get(from..to).unwrap_or(&[]);
            // A value between two samples of which the second follows a reset counts from that reset already.
            let mut skip = left_between;
            let mut before = &left;
            for point in inside {
                if !skip && !std::ptr::eq(before, &*point.histogram) && point.histogram.is_reset_after(before)
                {
                    // The first sample of the range may be `left` itself.
                    if !(from == first && std::ptr::eq(point, &points[first])) {
                        growth.add(before)?;
                    }
                }
                skip = false;
                before = &point.histogram;
            }
            let right_is_inside = to > last;
            if !right_is_inside && !skip && points[last].histogram.is_reset_after(before) {
                growth.add(before)?;
            }
        }
        growth.hint = ResetHint::Gauge;
        growth.compact();
        Ok(Some(growth))
    }

    /// An instant selector with `smoothed`: on the line between the samples around the instant.
    pub(super) fn smoothed_vector(
        &self,
        selector: &Selector,
        span: Span,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let looks = self.looks(selector)?;
        let lookback = self.run.options.lookback_ms;
        let selection = Selection {
            matchers: &selector.matchers,
            start_ms: looks.first() - lookback + 1,
            end_ms: looks.last() + lookback,
            step_ms: looks.step(),
            range_ms: 0,
            function: None,
        };
        let mut set = self.run.source.select(&selection)?;
        let mut values = vec![ABSENT; looks.steps()];
        while let Some(view) = set.next()? {
            self.run.read(view.times.len() + view.histograms.len())?;
            values.fill(ABSENT);
            let mut histograms = Vec::new();
            for step in 0..looks.steps() {
                let look = looks.at(step);
                let low = view.times.partition_point(|time| *time <= look - lookback);
                let high = view.times.partition_point(|time| *time <= look + lookback).max(low);
                let first = view.histograms.partition_point(|point| point.time <= look - lookback);
                let last = view.histograms.partition_point(|point| point.time <= look + lookback).max(first);
                if low < high && first < last {
                    let metric = view.labels.metric_name().to_owned();
                    self.run.note(Note::MixedFloatsHistograms { metric }, span);
                    continue;
                }
                let found = if first < last {
                    match smoothed_histogram(&view.histograms[first..last], look) {
                        Ok(found) => found.map(Arc::new).map(Cell::Histogram),
                        Err(IncompatibleSchemas) => {
                            let metric = view.labels.metric_name().to_owned();
                            self.run.note(Note::MixedSchemas { metric }, span);
                            None
                        }
                    }
                } else {
                    smoothed_float(&view.times[low..high], &view.values[low..high], look).map(Cell::Float)
                };
                if let Some(cell) = found {
                    put(cell, step, &mut values, &mut histograms);
                }
            }
            if !histograms.is_empty() || values.iter().any(|value| !is_absent(*value)) {
                let labels = &view.labels;
                sink(RowView { labels, drop_name: false, values: &values, histograms: &histograms })?;
            }
        }
        Ok(())
    }
}

/// The samples that matter for a window: from the one that anchors its begin to the one that ends it.
struct Used {
    first: usize,
    last: usize,
}

fn used(times: &[i64], window: &Window<'_>, smoothed: bool) -> Option<Used> {
    let end = times.len().checked_sub(1)?;
    let first = times[..end].partition_point(|time| *time <= window.start).saturating_sub(1);
    let last = if smoothed { times[..end].partition_point(|time| *time < window.end) } else { end };
    // Samples only before the window, or only after it, say nothing about it.
    if times[last] <= window.start || times[first] > window.end {
        return None;
    }
    Some(Used { first, last })
}

fn float_growth(window: &Window<'_>, smoothed: bool, counter: bool) -> Option<f64> {
    let (times, values) = (window.times, window.values);
    let Used { mut first, mut last } = used(times, window, smoothed)?;
    let on_line = |a: usize, b: usize, at: i64| {
        let (from, to) = (values[a], values[b]);
        let from = if counter && to < from { 0.0 } else { from };
        from + (to - from) * (at - times[a]) as f64 / (times[b] - times[a]) as f64
    };
    let left = if smoothed && times[first] < window.start && first + 1 < times.len() {
        on_line(first, first + 1, window.start)
    } else {
        values[first]
    };
    let right = if smoothed && last > 0 && times[last] > window.end {
        on_line(last - 1, last, window.end)
    } else {
        values[last]
    };
    let mut growth = right - left;
    if counter {
        first += usize::from(times[first] <= window.start);
        last = if times[last] >= window.end { last } else { last + 1 };
        let mut before = left;
        for value in values.get(first..last).unwrap_or(&[]).iter().chain([&right]) {
            if *value < before {
                growth += before;
            }
            before = *value;
        }
    }
    Some(growth)
}

/// On the line between two histograms. Across a reset of a counter the line begins at zero.
fn between(
    before: &HistogramPoint,
    after: &HistogramPoint,
    at: i64,
    counter: bool,
) -> Result<Histogram, IncompatibleSchemas> {
    let part = (at - before.time) as f64 / (after.time - before.time) as f64;
    if before.histogram.is_custom() != after.histogram.is_custom() {
        return Err(IncompatibleSchemas);
    }
    if counter && after.histogram.is_reset_after(&before.histogram) {
        return Ok((*after.histogram).clone().scaled(part));
    }
    let mut difference = (*after.histogram).clone();
    difference.subtract(&before.histogram)?;
    let mut on_line = (*before.histogram).clone();
    on_line.add(&difference.scaled(part))?;
    Ok(on_line)
}

fn smoothed_float(times: &[i64], values: &[f64], look: i64) -> Option<f64> {
    let after = times.partition_point(|time| *time <= look);
    let before = after.checked_sub(1)?;
    if is_stale(values[before]) {
        return None;
    }
    if times[before] == look || after == times.len() || is_stale(values[after]) {
        return Some(values[before]);
    }
    let part = (look - times[before]) as f64 / (times[after] - times[before]) as f64;
    Some(values[before] + (values[after] - values[before]) * part)
}

fn smoothed_histogram(
    points: &[HistogramPoint],
    look: i64,
) -> Result<Option<Histogram>, IncompatibleSchemas> {
    let after = points.partition_point(|point| point.time <= look);
    let Some(before) = after.checked_sub(1) else { return Ok(None) };
    if points[before].is_stale() {
        return Ok(None);
    }
    if points[before].time == look || after == points.len() || points[after].is_stale() {
        return Ok(Some((*points[before].histogram).clone()));
    }
    let counter = points[after].histogram.hint != ResetHint::Gauge;
    between(&points[before], &points[after], look, counter).map(Some)
}

/// Changes or resets in the window and between it and the sample before it.
fn anchored_transitions(window: &Window<'_>, changes: bool) -> Option<Cell> {
    let all = points(window);
    let inside = all.partition_point(|point| point.time() <= window.start);
    if inside == all.len() {
        return None;
    }
    let from = inside.saturating_sub(1);
    let counts = |a: &Point<'_>, b: &Point<'_>| {
        if !changes {
            return is_reset(a, b);
        }
        match (a, b) {
            (Point::Float(a), Point::Float(b)) => a.1 != b.1 && !(a.1.is_nan() && b.1.is_nan()),
            (Point::Histogram(a), Point::Histogram(b)) => !a.histogram.same_as(&b.histogram),
            _ => true,
        }
    };
    let count = all[from..].windows(2).filter(|pair| counts(&pair[0], &pair[1])).count();
    Some(Cell::Float(count as f64))
}
