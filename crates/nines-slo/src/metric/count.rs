//! Counting: a stretch of time, read from series, as good and bad events by the second.

use std::collections::BTreeMap;

use nines_base::ErrorKind;
use nines_model::{TimeRange, Timestamp};
use nines_promql::ast::QueryTimes;
use nines_promql::{
    Control, Engine, Histogram, HistogramPoint, QueryError, Selection, SeriesView, Source, SourceError,
    Value, is_stale,
};

use super::{Leaf, MetricForm, MetricIndicator, PARTS, Question};
use crate::budget::Counts;
use crate::document::Op;
use crate::rings::Bucket;

/// A counter that was silent for longer begins anew: what it gained meanwhile belongs to no interval. PromQL looks back as
/// far.
pub const GAP_MAX_MS: i64 = 300_000;
pub const GAP_MAX: std::time::Duration = std::time::Duration::from_millis(GAP_MAX_MS as u64);
/// A sampled value speaks for an interval only if its sample is not older than two of them, or than two minutes: two
/// scrapes of the slowest usual kind. After that there is no value.
const LOOKBACK_MIN_MS: i64 = 120_000;
/// Answers of a sampled query in one interval: more hosts than one threshold is ever about.
const VALUES_MAX: usize = 10_000;

/// What a stretch of time held.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counted {
    /// By the second in which it was seen, oldest first; seconds without events are left out.
    pub seconds: Vec<Bucket>,
    /// Series that had samples.
    pub series: usize,
    /// The oldest and newest samples, in milliseconds.
    pub first_ms: Option<i64>,
    pub newest_ms: Option<i64>,
    /// The longest usual distance between two samples of a series, in milliseconds.
    pub spacing_ms: i64,
    /// For a histogram whose threshold is no boundary.
    pub bound: Option<Bound>,
}

/// What is known for sure where good events are interpolated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The boundaries around the threshold; the upper one may be infinite.
    pub below: f64,
    pub above: f64,
    /// Good events at least and at most, of `total`.
    pub good_min: f64,
    pub good_max: f64,
    pub total: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CountError {
    pub message: String,
    pub kind: ErrorKind,
}

impl From<SourceError> for CountError {
    fn from(error: SourceError) -> Self {
        Self { message: error.message, kind: error.kind }
    }
}

impl From<QueryError> for CountError {
    fn from(error: QueryError) -> Self {
        Self { message: error.to_string(), kind: error.kind() }
    }
}

/// Weights by second.
type Seconds = BTreeMap<i64, f64>;

impl MetricIndicator {
    /// Counts `range`, both ends whole seconds. Reads at most [`GAP_MAX`] before it. The same range gives the same counts
    /// whenever the series are the same, and the counts of two neighbouring ranges are those of both together.
    ///
    /// # Errors
    /// What the source or the evaluator says, budget and deadline among it. Nothing is counted then.
    pub fn count(
        &self,
        source: &dyn Source,
        engine: &Engine,
        control: &Control,
        range: TimeRange,
    ) -> Result<Counted, CountError> {
        match &self.form {
            MetricForm::Counts { part, is_bad, total } => counts(source, range, part, *is_bad, total),
            MetricForm::Share { part, is_bad, total } => {
                self.shares(source, engine, control, range, part, *is_bad, total.as_ref())
            }
            MetricForm::Threshold { of, op, value } => {
                let histogram = match of.histogram() {
                    Some(leaf) => observations(source, range, leaf, *value)?,
                    None => None,
                };
                match histogram {
                    Some(observed) => Ok(observed.judged(*op)),
                    None => self.values(source, engine, control, range, of, *op, *value),
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what is asked, of whom, within which bounds")]
    fn shares(
        &self,
        source: &dyn Source,
        engine: &Engine,
        control: &Control,
        range: TimeRange,
        part: &Question,
        is_bad: bool,
        total: Option<&Question>,
    ) -> Result<Counted, CountError> {
        let (mut counted, parts) = self.sampled(source, engine, control, range, part)?;
        let sums = |values: BTreeMap<i64, Vec<f64>>| -> BTreeMap<i64, f64> {
            values.into_iter().map(|(at, values)| (at, values.iter().sum())).collect()
        };
        let shares: BTreeMap<i64, f64> = match total {
            // Several series of a ratio that somebody else has computed weigh the same.
            None => {
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
                parts.into_iter().map(|(at, values)| (at, mean(&values))).collect()
            }
            Some(total) => {
                let (totals_counted, totals) = self.sampled(source, engine, control, range, total)?;
                counted.join(&totals_counted);
                let parts = sums(parts);
                let share = |(at, total): (i64, f64)| {
                    (total > 0.0).then(|| (at, parts.get(&at).copied().unwrap_or(0.0) / total))
                };
                sums(totals).into_iter().filter_map(share).collect()
            }
        };
        counted.seconds = shares
            .into_iter()
            .map(|(at, share)| {
                let of_part = (share.clamp(0.0, 1.0) * PARTS as f64).round() as u64;
                let good = if is_bad { PARTS - of_part } else { of_part };
                bucket(at, Counts { good, bad: PARTS - good })
            })
            .collect();
        Ok(counted)
    }

    #[expect(clippy::too_many_arguments, reason = "what is asked, of whom, within which bounds")]
    fn values(
        &self,
        source: &dyn Source,
        engine: &Engine,
        control: &Control,
        range: TimeRange,
        of: &Question,
        op: Op,
        threshold: f64,
    ) -> Result<Counted, CountError> {
        let (mut counted, values) = self.sampled(source, engine, control, range, of)?;
        let is_good = |value: &&f64| match op {
            Op::Lt => **value < threshold,
            Op::Lte => **value <= threshold,
            Op::Gt => **value > threshold,
            Op::Gte => **value >= threshold,
        };
        counted.seconds = values
            .iter()
            .map(|(at, values)| {
                let good = values.iter().filter(is_good).count() as u64;
                bucket(*at, Counts { good, bad: values.len() as u64 - good })
            })
            .collect();
        Ok(counted)
    }

    /// The values at the end of every interval that ends in the range, by the interval's last second.
    fn sampled(
        &self,
        source: &dyn Source,
        engine: &Engine,
        control: &Control,
        range: TimeRange,
        question: &Question,
    ) -> Result<(Counted, BTreeMap<i64, Vec<f64>>), CountError> {
        let step = i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX).max(1);
        // An interval that ends at `t` is counted in the second before `t`.
        let first = (range.start.as_secs() + 1).div_euclid(step) * step;
        let first = if first < range.start.as_secs() + 1 { first + step } else { first };
        let last = range.end.as_secs().div_euclid(step) * step;
        let mut counted = Counted { spacing_ms: step * 1_000, ..Counted::default() };
        let mut values: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        if first > last {
            return Ok((counted, values));
        }
        let lookback_ms = (2 * step * 1_000).max(LOOKBACK_MIN_MS);
        let mut engine = engine.clone();
        engine.options.lookback_ms = lookback_ms;
        let points = i64::try_from(engine.limits.points).unwrap_or(i64::MAX).max(2) - 1;
        let mut from = first;
        while from <= last {
            let to = last.min(from + (points - 1) * step);
            let times = QueryTimes { start: from * 1_000, end: to * 1_000, step: step * 1_000 };
            let answer = engine.range_of(source, &question.expr, times, control)?;
            if let Value::Matrix(series) = answer.value {
                counted.series = counted.series.max(series.len());
                for one in series.into_iter().take(VALUES_MAX) {
                    for (at, value) in one.floats.into_iter().filter(|(_, value)| !value.is_nan()) {
                        values.entry(at / 1_000 - 1).or_default().push(value);
                    }
                }
            }
            from = to + step;
        }
        counted.first_ms = values.keys().next().map(|at| at * 1_000);
        counted.newest_ms = values.keys().next_back().map(|at| at * 1_000);
        Ok((counted, values))
    }
}

fn bucket(second: i64, counts: Counts) -> Bucket {
    Bucket { start: Timestamp::from_secs(second), counts }
}

impl Counted {
    fn join(&mut self, other: &Self) {
        self.series = self.series.max(other.series);
        self.first_ms = [self.first_ms, other.first_ms].into_iter().flatten().min();
        self.newest_ms = self.newest_ms.max(other.newest_ms);
        self.spacing_ms = self.spacing_ms.max(other.spacing_ms);
    }

    fn see(&mut self, times: impl Iterator<Item = i64> + Clone) {
        self.series += 1;
        let (mut count, mut first, mut last) = (0_i64, None, None);
        for time in times {
            first.get_or_insert(time);
            last = Some(time);
            count += 1;
        }
        let (Some(first), Some(last)) = (first, last) else { return };
        self.first_ms = Some(self.first_ms.map_or(first, |known| known.min(first)));
        self.newest_ms = Some(self.newest_ms.map_or(last, |known| known.max(last)));
        if count > 1 {
            self.spacing_ms = self.spacing_ms.max((last - first) / (count - 1)).min(GAP_MAX_MS);
        }
    }
}

fn counts(
    source: &dyn Source,
    range: TimeRange,
    part: &Question,
    is_bad: bool,
    total: &Question,
) -> Result<Counted, CountError> {
    let gained = |question: &Question| -> Result<(Counted, Seconds), CountError> {
        let (mut counted, mut seconds) = (Counted::default(), Seconds::new());
        for leaf in question.leaves.iter().flatten() {
            gains(source, range, leaf, &mut counted, |at, gain| {
                *seconds.entry(at).or_default() += gain * leaf.factor;
            })?;
        }
        Ok((counted, seconds))
    };
    let ((mut counted, totals), (of_part, parts)) = (gained(total)?, gained(part)?);
    counted.join(&of_part);
    let whole = |value: f64| value.max(0.0).round() as u64;
    let mut seconds: BTreeMap<i64, Counts> = BTreeMap::new();
    for (at, total) in &totals {
        let total = whole(*total);
        let of_part = whole(parts.get(at).copied().unwrap_or(0.0));
        let counts = if is_bad {
            // What failed was there, also when its total is seen a moment later.
            Counts { good: total.saturating_sub(of_part), bad: of_part }
        } else {
            Counts { good: of_part.min(total), bad: total.saturating_sub(of_part) }
        };
        seconds.insert(*at, counts);
    }
    if is_bad {
        for (at, bad) in parts.iter().filter(|(at, _)| !totals.contains_key(at)) {
            seconds.insert(*at, Counts { good: 0, bad: whole(*bad) });
        }
    }
    let seconds = seconds.into_iter().filter(|(_, counts)| counts.total() > 0);
    counted.seconds = seconds.map(|(at, counts)| bucket(at, counts)).collect();
    Ok(counted)
}

/// Reads the series of a selector from a gap before the range on.
fn each_series(
    source: &dyn Source,
    range: TimeRange,
    leaf: &Leaf,
    mut see: impl FnMut(&SeriesView<'_>),
) -> Result<(), CountError> {
    let selection = Selection {
        matchers: &leaf.matchers,
        start_ms: range.start.as_millis() - leaf.offset_ms - GAP_MAX_MS,
        end_ms: range.end.as_millis() - leaf.offset_ms - 1,
        step_ms: 0,
        range_ms: GAP_MAX_MS,
        function: Some("increase"),
    };
    let mut series = source.select(&selection)?;
    while let Some(view) = series.next()? {
        see(&view);
    }
    Ok(())
}

/// Calls `gain` with the second and the size of everything that the counters of a selector gained.
fn gains(
    source: &dyn Source,
    range: TimeRange,
    leaf: &Leaf,
    counted: &mut Counted,
    mut gain: impl FnMut(i64, f64),
) -> Result<(), CountError> {
    let (start, end) = (range.start.as_millis(), range.end.as_millis());
    each_series(source, range, leaf, |view| {
        let floats = view.times.iter().copied().zip(view.values.iter().copied());
        let floats = floats.filter(|(_, value)| !is_stale(*value) && !value.is_nan());
        let histograms = view.histograms.iter().filter(|point| !point.is_stale());
        let histograms = histograms.map(|point| (point.time, point.histogram.count));
        if view.histograms.is_empty() {
            counted.see(floats.clone().map(|(time, _)| time));
            deltas(floats, leaf.offset_ms, start..end, &mut gain);
        } else {
            counted.see(histograms.clone().map(|(time, _)| time));
            deltas(histograms, leaf.offset_ms, start..end, &mut gain);
        }
    })
}

/// What a counter gained from sample to sample.
fn deltas(
    samples: impl Iterator<Item = (i64, f64)>,
    offset_ms: i64,
    within: std::ops::Range<i64>,
    gain: &mut impl FnMut(i64, f64),
) {
    let mut before: Option<(i64, f64)> = None;
    for (time, value) in samples {
        if let Some((earlier, known)) = before
            && time - earlier <= GAP_MAX_MS
        {
            let at = time + offset_ms;
            if within.contains(&at) {
                gain(at.div_euclid(1_000), if value < known { value } else { value - known });
            }
        }
        before = Some((time, value));
    }
}

/// Observations of a histogram by second: at most, about and at least so many at or below the threshold.
#[derive(Default)]
struct Observed {
    counted: Counted,
    seconds: BTreeMap<i64, Below>,
    /// The widest stretch between boundaries that the threshold fell into; none if it was a boundary.
    between: Option<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Below {
    total: f64,
    sure: f64,
    about: f64,
    at_most: f64,
}

impl Observed {
    fn add(&mut self, at: i64, gained: Below) {
        let known = self.seconds.entry(at).or_default();
        known.total += gained.total;
        known.sure += gained.sure;
        known.about += gained.about;
        known.at_most += gained.at_most;
    }

    fn widen(&mut self, between: Option<(f64, f64)>) {
        if let Some((below, above)) = between {
            let known = self.between.get_or_insert((below, above));
            *known = (known.0.min(below), known.1.max(above));
        }
    }

    fn judged(self, op: Op) -> Counted {
        let is_upper = matches!(op, Op::Lt | Op::Lte);
        let mut counted = self.counted;
        let mut sums = Below::default();
        for (at, below) in &self.seconds {
            let total = below.total.max(0.0).round() as u64;
            let under = (below.about.max(0.0).round() as u64).min(total);
            let good = if is_upper { under } else { total - under };
            if total > 0 {
                counted.seconds.push(bucket(*at, Counts { good, bad: total - good }));
            }
            sums.total += below.total;
            sums.sure += below.sure;
            sums.at_most += below.at_most;
        }
        counted.bound = self.between.map(|(below, above)| {
            let (least, most) = if is_upper {
                (sums.sure, sums.at_most)
            } else {
                (sums.total - sums.at_most, sums.total - sums.sure)
            };
            Bound { below, above, good_min: least, good_max: most, total: sums.total }
        });
        counted
    }
}

/// `None` if the series are no histogram.
fn observations(
    source: &dyn Source,
    range: TimeRange,
    leaf: &Leaf,
    threshold: f64,
) -> Result<Option<Observed>, CountError> {
    if leaf.is_classic() {
        return classic(source, range, leaf, threshold).map(Some);
    }
    let (start, end) = (range.start.as_millis(), range.end.as_millis());
    let mut observed = Observed::default();
    each_series(source, range, leaf, |view| {
        if view.histograms.is_empty() {
            return;
        }
        let points = view.histograms.iter().filter(|point| !point.is_stale());
        observed.counted.see(points.clone().map(|point| point.time));
        let mut before: Option<&HistogramPoint> = None;
        for point in points {
            if let Some(known) = before
                && point.time - known.time <= GAP_MAX_MS
                && (start..end).contains(&(point.time + leaf.offset_ms))
            {
                let (now, between) = below(&point.histogram, threshold);
                let gained = if point.histogram.is_reset_after(&known.histogram) {
                    now
                } else {
                    let (earlier, _) = below(&known.histogram, threshold);
                    Below {
                        total: now.total - earlier.total,
                        sure: (now.sure - earlier.sure).max(0.0),
                        about: (now.about - earlier.about).max(0.0),
                        at_most: (now.at_most - earlier.at_most).max(0.0),
                    }
                };
                observed.widen(between);
                observed.add((point.time + leaf.offset_ms).div_euclid(1_000), gained);
            }
            before = Some(point);
        }
    })?;
    Ok((observed.counted.series > 0).then_some(observed))
}

/// Observations at or below the threshold, and the bucket that it cuts.
fn below(histogram: &Histogram, threshold: f64) -> (Below, Option<(f64, f64)>) {
    let mut found = Below { total: histogram.count, ..Below::default() };
    let mut between = None;
    for bucket in histogram.buckets() {
        if bucket.upper <= threshold {
            found.sure += bucket.count;
            found.about += bucket.count;
            found.at_most += bucket.count;
        } else if bucket.lower < threshold {
            found.at_most += bucket.count;
            found.about += bucket.count * share_below(bucket.lower, bucket.upper, threshold, histogram);
            between = Some((bucket.lower, bucket.upper));
        }
    }
    (found, between)
}

/// How much of a bucket lies below the threshold: on a logarithmic scale between boundaries that grow by a factor, as
/// upstream interpolates them.
fn share_below(lower: f64, upper: f64, threshold: f64, histogram: &Histogram) -> f64 {
    if !lower.is_finite() || !upper.is_finite() {
        return 0.0;
    }
    let zero = lower <= 0.0 || histogram.is_custom();
    let share = if zero {
        (threshold - lower) / (upper - lower)
    } else {
        (threshold.log2() - lower.log2()) / (upper.log2() - lower.log2())
    };
    share.clamp(0.0, 1.0)
}

/// Series by `le`, which each count what is at or below it.
fn classic(
    source: &dyn Source,
    range: TimeRange,
    leaf: &Leaf,
    threshold: f64,
) -> Result<Observed, CountError> {
    let (start, end) = (range.start.as_millis(), range.end.as_millis());
    let mut observed = Observed::default();
    // What each bucket gained, by second, then by boundary.
    let mut gained: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
    each_series(source, range, leaf, |view| {
        let Some(le) = view.labels.get("le").parse::<f64>().ok() else { return };
        let samples = view.times.iter().copied().zip(view.values.iter().copied());
        let samples = samples.filter(|(_, value)| !is_stale(*value) && !value.is_nan());
        observed.counted.see(samples.clone().map(|(time, _)| time));
        deltas(samples, leaf.offset_ms, start..end, &mut |at, gain| {
            let buckets = gained.entry(at).or_default();
            match buckets.iter_mut().find(|(bound, _)| *bound == le) {
                Some((_, known)) => *known += gain,
                None => buckets.push((le, gain)),
            }
        });
    })?;
    for (at, mut buckets) in gained {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, total)) = buckets.last().copied() else { continue };
        let under = buckets.iter().rfind(|(bound, _)| *bound <= threshold);
        let over = buckets.iter().find(|(bound, _)| *bound > threshold);
        let sure = under.map_or(0.0, |(_, count)| *count);
        let mut found = Below { total, sure, about: sure, at_most: sure };
        if let Some((above, at_most)) = over
            && under.is_none_or(|(bound, _)| *bound != threshold)
        {
            let lower = under.map_or(0.0, |(bound, _)| *bound);
            let share =
                if above.is_finite() { ((threshold - lower) / (above - lower)).clamp(0.0, 1.0) } else { 0.0 };
            found.at_most = *at_most;
            found.about = sure + (at_most - sure).max(0.0) * share;
            observed.widen(Some((lower, *above)));
        }
        observed.add(at, found);
    }
    Ok(observed)
}
