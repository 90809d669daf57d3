//! Functions of single values: arithmetic, the calendar, and quantiles of histograms.

use std::collections::HashMap;
use std::sync::Arc;

use crate::annotations::{Forced, Note};
use crate::ast::{Expr, Span};
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::functions::Id;
use crate::histogram::{ClassicBucket, Histogram, classic_quantile};
use crate::labels::Labels;
use crate::number::format_open_metrics;
use crate::row::{ABSENT, Cell, Row, present};

/// The label of a classic histogram that holds the upper bound.
const BUCKET_LABEL: &str = "le";

/// A function of one number.
pub(super) fn of_one(id: Id) -> Option<fn(f64) -> f64> {
    Some(match id {
        Id::Abs => f64::abs,
        Id::Ceil => f64::ceil,
        Id::Floor => f64::floor,
        Id::Exp => f64::exp,
        Id::Sqrt => f64::sqrt,
        Id::Ln => f64::ln,
        Id::Log2 => f64::log2,
        Id::Log10 => f64::log10,
        Id::Sin => f64::sin,
        Id::Cos => f64::cos,
        Id::Tan => f64::tan,
        Id::Asin => f64::asin,
        Id::Acos => f64::acos,
        Id::Atan => f64::atan,
        Id::Sinh => f64::sinh,
        Id::Cosh => f64::cosh,
        Id::Tanh => f64::tanh,
        Id::Asinh => f64::asinh,
        Id::Acosh => f64::acosh,
        Id::Atanh => f64::atanh,
        Id::Rad => |value| value * std::f64::consts::PI / 180.0,
        Id::Deg => |value| value * 180.0 / std::f64::consts::PI,
        Id::Sgn => |value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        },
        _ => return None,
    })
}

/// A function of a number and constants. [`ABSENT`] where it has no value; `None` if there is no such function.
pub(super) fn with_constants(id: Id, value: f64, first: Option<f64>, second: Option<f64>) -> Option<f64> {
    Some(match (id, first, second) {
        (Id::Clamp, Some(least), Some(most)) if most < least => ABSENT,
        (Id::Clamp, Some(least), Some(most)) => at_least(at_most(value, most), least),
        (Id::ClampMin, Some(least), _) => at_least(value, least),
        (Id::ClampMax, Some(most), _) => at_most(value, most),
        (Id::Round, nearest, _) => {
            // The inverse, as it loses less.
            let inverse = 1.0 / nearest.unwrap_or(1.0);
            (value * inverse + 0.5).floor() / inverse
        }
        _ => return None,
    })
}

/// As Go's `math.Max`: NaN if either is.
fn at_least(value: f64, least: f64) -> f64 {
    if value.is_nan() || least.is_nan() { f64::NAN } else { value.max(least) }
}

fn at_most(value: f64, most: f64) -> f64 {
    if value.is_nan() || most.is_nan() { f64::NAN } else { value.min(most) }
}

/// A part of the UTC date at `seconds` since the epoch.
pub(super) fn calendar(id: Id, seconds: f64) -> f64 {
    // Beyond the calendar of jiff, and for NaN, Go wraps into nonsense; we have no answer.
    if !seconds.is_finite() {
        return f64::NAN;
    }
    let Ok(time) = jiff::Timestamp::from_second(seconds as i64) else { return f64::NAN };
    let date = time.to_zoned(jiff::tz::TimeZone::UTC);
    match id {
        Id::DayOfMonth => f64::from(date.day()),
        Id::DayOfWeek => f64::from(date.weekday().to_sunday_zero_offset()),
        Id::DayOfYear => f64::from(date.day_of_year()),
        Id::DaysInMonth => f64::from(date.days_in_month()),
        Id::Hour => f64::from(date.hour()),
        Id::Minute => f64::from(date.minute()),
        Id::Month => f64::from(date.month()),
        _ => f64::from(date.year()),
    }
}

/// A histogram of either kind.
pub(super) enum Observed {
    Native(Arc<Histogram>),
    Classic(Vec<ClassicBucket>),
}

/// The series that make one histogram.
#[derive(Default)]
struct Parts {
    native: Vec<usize>,
    /// Row and upper bound.
    buckets: Vec<(usize, f64)>,
}

impl Evaluator<'_> {
    pub(super) fn histogram_quantiles(
        &self,
        arg: &Expr,
        label: Option<&str>,
        qs: &[(Vec<f64>, Span)],
    ) -> Result<Vec<Row>, QueryError> {
        let span = arg.span;
        let mut all = Vec::new();
        for (values, q_span) in qs {
            for q in values.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
                self.run.note(Note::InvalidQuantile { bits: q.to_bits() }, *q_span);
            }
            let rows = self.over_histograms(arg, |step, found, metric| match found {
                Observed::Native(histogram) => {
                    let quantile = histogram.quantile(values[step]);
                    if histogram.sum.is_nan() && histogram.count > 0.0 && (0.0..=1.0).contains(&values[step])
                    {
                        let metric = metric.to_owned();
                        let nan = quantile.is_nan();
                        let note =
                            if nan { Note::QuantileNan { metric } } else { Note::QuantileSkewed { metric } };
                        self.run.note(note, span);
                    }
                    quantile
                }
                Observed::Classic(buckets) => {
                    let (quantile, forced) = classic_quantile(values[step], buckets);
                    if let Some(forced) = forced {
                        let delayed = self.run.options.delayed_name_removal;
                        let metric = if delayed { metric.to_owned() } else { String::new() };
                        let time = self.grid.time(step);
                        let forced = Forced {
                            lowest: forced.lowest,
                            highest: forced.highest,
                            difference: forced.difference,
                            first_ms: time,
                            last_ms: time,
                            times: 1,
                        };
                        self.run.annotations().add_forced(metric, span, forced);
                    }
                    quantile
                }
            })?;
            let Some(label) = label else { return Ok(rows) };
            for mut row in rows {
                // The quantile may change from step to step, and with it the series.
                let mut by_value: HashMap<u64, Row> = HashMap::new();
                for step in 0..self.grid.steps {
                    if let Some(cell) = row.get(step) {
                        let q = values[step];
                        let split = by_value.entry(q.to_bits()).or_insert_with(|| {
                            let labels = row.labels.with(label, &format_open_metrics(q));
                            Row::empty(labels, row.drop_name, self.grid.steps)
                        });
                        split.set(step, cell);
                    }
                }
                row.values.clear();
                all.extend(by_value.into_values());
            }
        }
        self.merged(all)
    }

    /// Puts the series of histograms together and asks `value` for each at each step.
    pub(super) fn over_histograms(
        &self,
        arg: &Expr,
        value: impl Fn(usize, Observed, &str) -> f64,
    ) -> Result<Vec<Row>, QueryError> {
        let rows = Evaluator { finds_resets: false, ..*self }.rows(arg)?;
        let span = arg.span;
        let mut order: Vec<Labels> = Vec::new();
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut parts: Vec<Parts> = Vec::new();
        let mut part_of = |labels: Labels, parts: &mut Vec<Parts>| -> usize {
            *places.entry(labels.clone()).or_insert_with(|| {
                order.push(labels);
                parts.push(Parts::default());
                parts.len() - 1
            })
        };
        for (at, row) in rows.iter().enumerate() {
            if !row.histograms.is_empty() {
                // A stray `le` of a native histogram is a label like others.
                let place = part_of(row.labels.clone(), &mut parts);
                parts[place].native.push(at);
            }
            if row.values.iter().any(|value| !crate::row::is_absent(*value)) {
                let bound = row.labels.get(BUCKET_LABEL);
                match parse_bound(bound) {
                    Some(upper) => {
                        let place = part_of(row.labels.with(BUCKET_LABEL, ""), &mut parts);
                        parts[place].buckets.push((at, upper));
                    }
                    None => {
                        let metric = row.labels.metric_name().to_owned();
                        self.run.note(Note::BadBucketLabel { metric, label: bound.to_owned() }, span);
                    }
                }
            }
        }
        let mut out = Vec::new();
        for (labels, parts) in order.into_iter().zip(parts) {
            self.run.go_on()?;
            self.run.keep(self.grid.steps)?;
            let metric = labels.metric_name().to_owned();
            let mut row = Row::empty(labels, true, self.grid.steps);
            for step in 0..self.grid.steps {
                let buckets: Vec<ClassicBucket> = parts
                    .buckets
                    .iter()
                    .filter_map(|(at, upper)| match rows[*at].get(step) {
                        Some(Cell::Float(count)) => Some(ClassicBucket { upper: *upper, count }),
                        _ => None,
                    })
                    .collect();
                let native = parts.native.iter().find_map(|at| match rows[*at].get(step) {
                    Some(Cell::Histogram(histogram)) => Some(histogram),
                    _ => None,
                });
                let observed = match (native, buckets.is_empty()) {
                    (Some(_), false) => {
                        self.run.note(Note::MixedClassicNative { metric: metric.clone() }, span);
                        continue;
                    }
                    (Some(histogram), true) => Observed::Native(histogram),
                    (None, false) => Observed::Classic(buckets),
                    (None, true) => continue,
                };
                row.values[step] = present(value(step, observed, &metric));
            }
            if !row.is_empty() {
                row.labels = self.dropped(&row.labels);
                out.push(row);
            }
        }
        self.merged(out)
    }
}

fn parse_bound(text: &str) -> Option<f64> {
    let lower = text.trim_start_matches('+');
    if lower.eq_ignore_ascii_case("inf") || lower.eq_ignore_ascii_case("infinity") {
        return Some(f64::INFINITY);
    }
    text.parse::<f64>().ok().filter(|bound| !bound.is_nan())
}
