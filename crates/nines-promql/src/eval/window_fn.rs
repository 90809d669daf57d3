//! Functions that look at all of a window, and all functions of native histograms.

use std::sync::Arc;

use crate::annotations::Note;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::range_fn::{RangeCall, Window, name_of};
use crate::eval::rate;
use crate::functions::Id;
use crate::histogram::{Histogram, ResetHint};
use crate::number::kahan;
use crate::row::Cell;
use crate::source::HistogramPoint;

type Answer = Result<Option<Cell>, QueryError>;

impl Evaluator<'_> {
    /// The value of a function over one window. The window is not empty.
    pub(super) fn of_window(&self, call: &RangeCall<'_>, window: &Window<'_>, step: usize) -> Answer {
        let floats = window.values;
        let scalar = |at: usize| call.scalars.get(at).map_or(f64::NAN, |values| values[step]);
        let ok = |value: f64| Ok(Some(Cell::Float(value)));
        match call.id {
            Id::Rate => self.rate_of(call, window, true, true),
            Id::Increase => self.rate_of(call, window, true, false),
            Id::Delta => self.rate_of(call, window, false, false),
            Id::Irate => self.instant_rate(call, window, true),
            Id::Idelta => self.instant_rate(call, window, false),
            Id::CountOverTime => ok((floats.len() + window.histograms.len()) as f64),
            Id::PresentOverTime | Id::AbsentOverTime => ok(1.0),
            Id::SumOverTime => self.sum_over_time(call, window),
            Id::AvgOverTime => self.avg_over_time(call, window),
            Id::Changes => ok(count_transitions(window, |a, b| match (a, b) {
                (Point::Float(a), Point::Float(b)) => a.1 != b.1 && !(a.1.is_nan() && b.1.is_nan()),
                (Point::Histogram(a), Point::Histogram(b)) => !a.histogram.same_as(&b.histogram),
                _ => true,
            })),
            Id::Resets => ok(count_transitions(window, is_reset)),
            Id::FirstOverTime => Ok(points(window).first().map(Point::cell)),
            Id::LastOverTime => Ok(points(window).last().map(Point::cell)),
            Id::TsOfFirstOverTime => Ok(points(window).first().map(Point::seconds)),
            Id::TsOfLastOverTime => Ok(points(window).last().map(Point::seconds)),
            _ => self.of_floats(call, window, &scalar),
        }
    }

    /// Functions of floats alone; histograms in the window are ignored, which is told.
    fn of_floats(&self, call: &RangeCall<'_>, window: &Window<'_>, scalar: &dyn Fn(usize) -> f64) -> Answer {
        let floats = window.values;
        let needs_two = matches!(call.id, Id::Deriv | Id::PredictLinear | Id::DoubleExponentialSmoothing);
        if floats.is_empty() {
            return Ok(None);
        }
        if !window.histograms.is_empty() {
            self.run.note(Note::HistogramIgnoredInRange { metric: call.metric.to_owned() }, call.span);
        }
        if needs_two && floats.len() < 2 {
            return Ok(None);
        }
        let seconds = |at: usize| window.times[at] as f64 / 1000.0;
        let value = match call.id {
            Id::MinOverTime => pick(floats, |new, best| new < best).1,
            Id::MaxOverTime => pick(floats, |new, best| new > best).1,
            Id::TsOfMinOverTime => seconds(pick(floats, |new, best| new <= best).0),
            Id::TsOfMaxOverTime => seconds(pick(floats, |new, best| new >= best).0),
            Id::StdvarOverTime => variance(floats),
            Id::StddevOverTime => variance(floats).sqrt(),
            Id::QuantileOverTime => {
                let q = scalar(0);
                if !(0.0..=1.0).contains(&q) {
                    self.run.note(Note::InvalidQuantile { bits: q.to_bits() }, call.span);
                }
                quantile(q, &mut floats.to_vec())
            }
            Id::MadOverTime => {
                if floats.iter().any(|value| value.is_nan()) {
                    return Ok(Some(Cell::Float(f64::NAN)));
                }
                let median = quantile(0.5, &mut floats.to_vec());
                let mut off: Vec<f64> = floats.iter().map(|value| (value - median).abs()).collect();
                quantile(0.5, &mut off)
            }
            Id::Deriv => regression(window.times, floats, window.times[0]).0,
            Id::PredictLinear => {
                let (slope, intercept) = regression(window.times, floats, window.now);
                slope * scalar(0) + intercept
            }
            Id::DoubleExponentialSmoothing => smoothed(floats, scalar(0), scalar(1)),
            other => {
                return Err(QueryError::execution(format!("{} is no function of ranges", name_of(other))));
            }
        };
        Ok(Some(Cell::Float(value)))
    }

    fn rate_of(&self, call: &RangeCall<'_>, window: &Window<'_>, counter: bool, per_second: bool) -> Answer {
        let metric = || call.metric.to_owned();
        if !window.histograms.is_empty() && !window.values.is_empty() {
            self.run.note(Note::MixedFloatsHistograms { metric: metric() }, call.span);
            return Ok(None);
        }
        let seconds = if per_second { call.range as f64 / 1000.0 } else { 1.0 };
        if window.histograms.is_empty() {
            if counter && overlaps(window.times, window.starts) {
                self.run.note(Note::StartTimeOverlap { metric: metric() }, call.span);
            }
            let Some((growth, extent)) = rate::with_starts(window, counter) else { return Ok(None) };
            let zero = counter.then_some(window.values[0]);
            return Ok(Some(Cell::Float(growth * (extent.factor(growth, zero) / seconds))));
        }
        let points = window.histograms;
        if counter && points.windows(2).any(|pair| overlap(pair[0].time, pair[0].start, pair[1].start)) {
            self.run.note(Note::StartTimeOverlap { metric: metric() }, call.span);
        }
        let first = &points[0];
        let zero_at = rate::known_start(first.start, first.time);
        let from_zero = counter && zero_at != 0 && zero_at > window.start;
        if points.len() < 2 && !from_zero {
            return Ok(None);
        }
        let Some(mut growth) = self.histogram_growth(call, points, counter, from_zero) else {
            return Ok(None);
        };
        let (last, count) = (&points[points.len() - 1], points.len());
        let zero_at = from_zero.then_some(zero_at);
        let extent = rate::extent_from(window.start, window.end, first.time, last.time, count, zero_at);
        let zero = counter.then_some(first.histogram.count);
        growth.scale(extent.factor(growth.count, zero) / seconds);
        Ok(Some(Cell::Histogram(Arc::new(growth))))
    }

    /// What was observed between the first and the last histogram. `None` if they cannot be compared, which is told.
    fn histogram_growth(
        &self,
        call: &RangeCall<'_>,
        points: &[HistogramPoint],
        counter: bool,
        from_zero: bool,
    ) -> Option<Histogram> {
        let metric = || call.metric.to_owned();
        let run = self.run;
        let (first, last) = (&points[0].histogram, &points[points.len() - 1].histogram);
        let mixed = || {
            run.note(Note::MixedSchemas { metric: metric() }, call.span);
            None
        };
        let gauge = |point: &HistogramPoint| point.histogram.hint == ResetHint::Gauge;
        if counter && points.iter().any(gauge) {
            run.note(Note::NotCounter { metric: metric() }, call.span);
        }
        let are_gauges = gauge(&points[0]) && gauge(&points[points.len() - 1]);
        if !counter && !are_gauges {
            run.note(Note::NotGauge { metric: metric() }, call.span);
        }
        // Of a first sample before a reset nothing is needed, so it may even have another layout.
        let empty = |like: &Histogram| Histogram {
            schema: like.schema,
            bounds: like.bounds.clone(),
            ..Histogram::default()
        };
        let reset_at_once = counter
            && points.len() > 1
            && (anew(&points[0], &points[1]) || points[1].histogram.is_reset_after(first));
        let zero;
        let mut previous: &Histogram = first;
        if from_zero || reset_at_once {
            zero = empty(if reset_at_once { &points[1].histogram } else { first });
            previous = &zero;
        }
        if last.is_custom() != previous.is_custom() {
            return mixed();
        }
        if counter {
            let inner = &points[1..points.len().max(2) - 1];
            if inner.iter().any(|point| point.histogram.is_custom() != last.is_custom()) {
                return mixed();
            }
        }
        let mut growth = (**last).clone();
        if !last.is_custom() && counter {
            let coarsest =
                points[1..].iter().map(|point| point.histogram.schema).min().unwrap_or(last.schema);
            growth.reduce_to(coarsest.min(previous.schema));
        }
        match growth.subtract(previous) {
            Err(_) => return mixed(),
            Ok(added) if added.bounds_reconciled => {
                run.note(Note::BoundsReconciled { operation: "subtraction" }, call.span);
            }
            Ok(_) => {}
        }
        if counter {
            let mut before: &Histogram = if reset_at_once && !from_zero { previous } else { first };
            for pair in points.windows(2) {
                let current = &pair[1].histogram;
                if anew(&pair[0], &pair[1]) || current.is_reset_after(before) {
                    match growth.add(before) {
                        Err(_) => return mixed(),
                        Ok(added) if added.bounds_reconciled => {
                            run.note(Note::BoundsReconciled { operation: "addition" }, call.span);
                        }
                        Ok(_) => {}
                    }
                }
                before = current;
            }
        }
        growth.hint = ResetHint::Gauge;
        growth.compact();
        Some(growth)
    }

    /// `irate` and `idelta`: between the last two samples.
    fn instant_rate(&self, call: &RangeCall<'_>, window: &Window<'_>, counter: bool) -> Answer {
        let all = last_two(window);
        let [before, after] = all.as_slice() else { return Ok(None) };
        let elapsed = (after.time() - before.time()) as f64 / 1000.0;
        if elapsed == 0.0 {
            return Ok(None);
        }
        let metric = || call.metric.to_owned();
        let run = self.run;
        match (before, after) {
            (Point::Float(a), Point::Float(b)) => {
                let anew = rate::started_anew((a.2, a.0), (b.2, b.0));
                let reset = counter && (b.1 < a.1 || anew);
                let growth = if reset { b.1 } else { b.1 - a.1 };
                Ok(Some(Cell::Float(if counter { growth / elapsed } else { growth })))
            }
            (Point::Histogram(a), Point::Histogram(b)) => {
                let gauge = |point: &HistogramPoint| point.histogram.hint == ResetHint::Gauge;
                if counter && (gauge(a) || gauge(b)) {
                    run.note(Note::NotCounter { metric: metric() }, call.span);
                }
                let are_gauges = gauge(a) && gauge(b);
                if !counter && !are_gauges {
                    run.note(Note::NotGauge { metric: metric() }, call.span);
                }
                let mut growth = (*b.histogram).clone();
                if !counter || !(anew(a, b) || b.histogram.is_reset_after(&a.histogram)) {
                    match growth.subtract(&a.histogram) {
                        Err(_) => {
                            run.note(Note::MixedSchemas { metric: metric() }, call.span);
                            return Ok(None);
                        }
                        Ok(added) if added.bounds_reconciled => {
                            run.note(Note::BoundsReconciled { operation: "subtraction" }, call.span);
                        }
                        Ok(_) => {}
                    }
                }
                growth.hint = ResetHint::Gauge;
                growth.compact();
                if counter {
                    growth.divide(elapsed);
                }
                Ok(Some(Cell::Histogram(Arc::new(growth))))
            }
            _ => {
                run.note(Note::MixedFloatsHistograms { metric: metric() }, call.span);
                Ok(None)
            }
        }
    }

    fn sum_over_time(&self, call: &RangeCall<'_>, window: &Window<'_>) -> Answer {
        if self.mixed(call, window) {
            return Ok(None);
        }
        if window.histograms.is_empty() {
            let (sum, lost) = window.values.iter().fold((0.0, 0.0), |(sum, lost), v| kahan(*v, sum, lost));
            return Ok(Some(Cell::Float(if sum.is_infinite() { sum } else { sum + lost })));
        }
        Ok(self.added_up(call, window.histograms, false))
    }

    fn avg_over_time(&self, call: &RangeCall<'_>, window: &Window<'_>) -> Answer {
        if self.mixed(call, window) {
            return Ok(None);
        }
        if window.histograms.is_empty() {
            return Ok(Some(Cell::Float(average(window.values))));
        }
        Ok(self.added_up(call, window.histograms, true))
    }

    fn mixed(&self, call: &RangeCall<'_>, window: &Window<'_>) -> bool {
        let mixed = !window.histograms.is_empty() && !window.values.is_empty();
        if mixed {
            self.run.note(Note::MixedFloatsHistograms { metric: call.metric.to_owned() }, call.span);
        }
        mixed
    }

    /// The sum or the average of histograms.
    fn added_up(&self, call: &RangeCall<'_>, points: &[HistogramPoint], average: bool) -> Option<Cell> {
        let mut total = HistogramTotal::new(&points[0].histogram, average);
        for point in &points[1..] {
            if total.add(&point.histogram).is_err() {
                self.run.note(Note::MixedSchemas { metric: call.metric.to_owned() }, call.span);
                return None;
            }
        }
        total.tell(|note| self.run.note(note, call.span));
        let sum = if average { total.average() } else { total.sum() };
        Some(Cell::Histogram(Arc::new(sum)))
    }
}

/// Adds up histograms and keeps watch over what is doubtful about it.
pub(super) struct HistogramTotal {
    sum: Histogram,
    lost: Histogram,
    /// The mean is wanted, and is kept instead of the sum once that would overflow.
    averages: bool,
    mean: Option<Histogram>,
    count: f64,
    saw_reset: bool,
    saw_not_reset: bool,
    reconciled: bool,
}

impl HistogramTotal {
    pub fn new(first: &Histogram, averages: bool) -> Self {
        let lost = Histogram { schema: first.schema, ..Histogram::default() };
        let mut total = Self {
            sum: first.clone(),
            lost,
            averages,
            mean: None,
            count: 1.0,
            saw_reset: false,
            saw_not_reset: false,
            reconciled: false,
        };
        total.watch(first.hint);
        total
    }

    fn watch(&mut self, hint: ResetHint) {
        self.saw_reset |= hint == ResetHint::Reset;
        self.saw_not_reset |= hint == ResetHint::NotReset;
    }

    pub fn add(&mut self, histogram: &Histogram) -> Result<(), crate::histogram::IncompatibleSchemas> {
        self.watch(histogram.hint);
        self.count += 1.0;
        if self.mean.is_none() {
            let (mut sum, mut lost) = (self.sum.clone(), self.lost.clone());
            let added = sum.add_compensated(histogram, &mut lost)?;
            self.reconciled |= added.bounds_reconciled;
            if !self.averages || !sum.has_overflow() {
                (self.sum, self.lost) = (sum, lost);
                return Ok(());
            }
            // What the sum can no longer hold, the mean can.
            self.mean = Some(self.sum.clone().divided(self.count - 1.0));
            self.lost.divide(self.count - 1.0);
        }
        if let Some(mean) = &mut self.mean {
            let part = (self.count - 1.0) / self.count;
            mean.scale(part);
            self.lost.scale(part);
            let more = histogram.clone().divided(self.count);
            self.reconciled |= mean.add_compensated(&more, &mut self.lost)?.bounds_reconciled;
        }
        Ok(())
    }

    pub fn tell(&self, mut note: impl FnMut(Note)) {
        if self.saw_reset && self.saw_not_reset {
            note(Note::HintCollision { operation: "aggregation" });
        }
        if self.reconciled {
            note(Note::BoundsReconciled { operation: "aggregation" });
        }
    }

    pub fn sum(mut self) -> Histogram {
        self.sum.settle(&self.lost);
        self.sum
    }

    pub fn average(self) -> Histogram {
        let (mut average, lost) = match self.mean {
            Some(mean) => (mean, self.lost),
            None => (self.sum.divided(self.count), self.lost.divided(self.count)),
        };
        average.settle(&lost);
        average
    }
}

/// A sample of a window that mixes floats and histograms.
pub(super) enum Point<'p> {
    /// Time, value, start.
    Float((i64, f64, i64)),
    Histogram(&'p HistogramPoint),
}

impl Point<'_> {
    pub fn time(&self) -> i64 {
        match self {
            Self::Float(point) => point.0,
            Self::Histogram(point) => point.time,
        }
    }

    fn cell(&self) -> Cell {
        match self {
            Self::Float(point) => Cell::Float(point.1),
            Self::Histogram(point) => Cell::Histogram(point.histogram.clone()),
        }
    }

    fn seconds(&self) -> Cell {
        Cell::Float(self.time() as f64 / 1000.0)
    }
}

/// All samples in the order of time.
pub(super) fn points<'p>(window: &Window<'p>) -> Vec<Point<'p>> {
    let floats = window.times.iter().zip(window.values).enumerate();
    let mut all: Vec<Point<'p>> = floats
        .map(|(at, (time, value))| Point::Float((*time, *value, window.starts.get(at).copied().unwrap_or(0))))
        .collect();
    all.extend(window.histograms.iter().map(Point::Histogram));
    if !window.histograms.is_empty() && !window.times.is_empty() {
        all.sort_by_key(Point::time);
    }
    all
}

fn last_two<'p>(window: &Window<'p>) -> Vec<Point<'p>> {
    let from = window.times.len().saturating_sub(2);
    let histograms_from = window.histograms.len().saturating_sub(2);
    let tail = Window {
        times: &window.times[from..],
        values: &window.values[from..],
        starts: window.starts.get(from..).unwrap_or(&[]),
        histograms: &window.histograms[histograms_from..],
        ..*window
    };
    let mut all = points(&tail);
    let extra = all.len().saturating_sub(2);
    all.drain(..extra);
    all
}

fn count_transitions(window: &Window<'_>, counts: impl Fn(&Point<'_>, &Point<'_>) -> bool) -> f64 {
    points(window).windows(2).filter(|pair| counts(&pair[0], &pair[1])).count() as f64
}

/// Whether a counter was reset between two samples; a change of kind is one.
pub(super) fn is_reset(a: &Point<'_>, b: &Point<'_>) -> bool {
    match (a, b) {
        (Point::Float(a), Point::Float(b)) => b.1 < a.1 || rate::started_anew((a.2, a.0), (b.2, b.0)),
        (Point::Histogram(a), Point::Histogram(b)) => anew(a, b) || b.histogram.is_reset_after(&a.histogram),
        _ => true,
    }
}

fn anew(before: &HistogramPoint, after: &HistogramPoint) -> bool {
    rate::started_anew((before.start, before.time), (after.start, after.time))
}

fn overlaps(times: &[i64], starts: &[i64]) -> bool {
    (1..starts.len()).any(|at| overlap(times[at - 1], starts[at - 1], starts[at]))
}

/// A counter cannot have started before its sample before this one and yet have another start than that.
fn overlap(previous_time: i64, previous_start: i64, start: i64) -> bool {
    start != 0 && start < previous_time && start != previous_start
}

fn pick(values: &[f64], better: impl Fn(f64, f64) -> bool) -> (usize, f64) {
    let mut best = (0, values[0]);
    for (at, value) in values.iter().enumerate() {
        if better(*value, best.1) || best.1.is_nan() {
            best = (at, *value);
        }
    }
    best
}

fn average(values: &[f64]) -> f64 {
    let (mut sum, mut lost, mut mean, mut incremental) = (values[0], 0.0, 0.0, false);
    let mut count = 1.0;
    for value in &values[1..] {
        count += 1.0;
        if !incremental {
            let (next, next_lost) = kahan(*value, sum, lost);
            if next.is_finite() || !next.is_infinite() {
                (sum, lost) = (next, next_lost);
                continue;
            }
            incremental = true;
            mean = sum / (count - 1.0);
            lost /= count - 1.0;
        }
        let part = (count - 1.0) / count;
        (mean, lost) = kahan(value / count, part * mean, part * lost);
    }
    if incremental { mean + lost } else { sum / count + lost / count }
}

fn variance(values: &[f64]) -> f64 {
    let (mut count, mut mean, mut mean_lost, mut total, mut total_lost) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let off = value - (mean + mean_lost);
        (mean, mean_lost) = kahan(off / count, mean, mean_lost);
        (total, total_lost) = kahan(off * (value - (mean + mean_lost)), total, total_lost);
    }
    (total + total_lost) / count
}

/// The quantile of values, which are sorted in the process; NaN is smaller than everything.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => a.total_cmp(b),
    });
    let rank = q * (values.len() - 1) as f64;
    let low = rank.floor().max(0.0) as usize;
    let high = (low + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[high] * weight
}

/// Slope per second, and the value at `origin`, by least squares.
fn regression(times: &[i64], values: &[f64], origin: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let n = values.len() as f64;
    let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0));
    for (time, y) in times.iter().zip(values) {
        let x = (time - origin) as f64 / 1000.0;
        x_sum = kahan(x, x_sum.0, x_sum.1);
        y_sum = kahan(*y, y_sum.0, y_sum.1);
        xy_sum = kahan(x * y, xy_sum.0, xy_sum.1);
        xx_sum = kahan(x * x, xx_sum.0, xx_sum.1);
    }
    let (x, y, xy, xx) = (x_sum.0 + x_sum.1, y_sum.0 + y_sum.1, xy_sum.0 + xy_sum.1, xx_sum.0 + xx_sum.1);
    let covariance = xy - x * y / n;
    let variance = xx - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}

pub(super) fn check_smoothing(scalars: &[Vec<f64>]) -> Result<(), QueryError> {
    for (values, what) in scalars.iter().zip(["smoothing", "trend"]) {
        if let Some(wrong) = values.iter().find(|value| !(**value > 0.0 && **value < 1.0)) {
            let letter = &what[..1];
            return Err(QueryError::execution(format!(
                "invalid {what} factor. Expected: 0 < {letter}f < 1, got: {wrong:.6}"
            )));
        }
    }
    Ok(())
}

/// Holt's double exponential smoothing: the level after the last value.
fn smoothed(values: &[f64], level_factor: f64, trend_factor: f64) -> f64 {
    let (mut before, mut level) = (0.0, values[0]);
    let mut trend = values[1] - values[0];
    for (at, value) in values.iter().enumerate().skip(1) {
        let scaled = level_factor * value;
        if at > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        let projected = (1.0 - level_factor) * (level + trend);
        (before, level) = (level, scaled + projected);
    }
    level
}
