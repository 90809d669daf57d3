//! How many events a filter selects over time: the bars above a search, and the history of an SLI.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::dataframe::DataFrame;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::{Expr, SortExpr, cast, lit, when};
use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, field};
use nines_storage::Snapshot;

use crate::engine::{Engine, Limits, Query};
use crate::error::{QueryError, Step};
use crate::lower::{column, in_range, lower, text_of};
use crate::rows::Aggregates;
use crate::stats::QueryStats;

/// The most bars. A screen is about 4 000 pixels wide.
pub const BUCKETS_MAX: usize = 2_000;
/// Values that get bars of their own when the histogram is split; the rest is counted together.
pub const SPLIT_VALUES_MAX: usize = 8;

#[derive(Debug, Clone)]
pub struct HistogramRequest {
    pub dataset: Dataset,
    pub filter: Filter,
    /// An open end is taken from the data.
    pub range: TimeRange,
    /// About how many bars; at most [`BUCKETS_MAX`].
    pub buckets: usize,
    pub split_by: Option<String>,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HistogramResult {
    /// A round time: 1, 2, 5, 10, 15 or 30 of a unit.
    pub step: Duration,
    /// Without gaps, oldest first, aligned to `step`; the first and the last may reach beyond the range, but only
    /// events inside it are counted.
    pub buckets: Vec<Timestamp>,
    /// One if nothing is split; else the most frequent values, most frequent first, then the rest and the absent, if
    /// there are such.
    pub series: Vec<Series>,
    pub stats: QueryStats,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub of: SeriesOf,
    /// One count per bucket.
    pub counts: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesOf {
    /// All events, if nothing is split.
    All,
    Value(String),
    /// All other values.
    Other,
    /// Events without the field.
    Absent,
}

/// Good and total events from `start` on, for one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountBucket {
    pub start: Timestamp,
    pub good: u64,
    pub total: u64,
}

impl Engine {
    pub async fn histogram(&self, request: HistogramRequest) -> Result<HistogramResult, QueryError> {
        let limits = request.limits.clone();
        self.run(limits, move |query| {
            let request = request.clone();
            async move { histogram(&query, request).await }
        })
        .await
    }

    /// Counts of a ratio SLI over a given cut of the data: events that pass `total`, and of those the ones that also pass
    /// `good`, for each `step` counted from the epoch, oldest first. Steps without events are left out. With the
    /// snapshot's `last_sequence` the caller knows which later batches to add live. If a segment of the snapshot turns
    /// out to be damaged the call fails with [`QueryError::Storage`], once: take a new snapshot, which names it.
    pub async fn count_buckets(
        &self,
        snapshot: Snapshot,
        total: Filter,
        good: Filter,
        range: TimeRange,
        step: Duration,
        limits: Limits,
    ) -> Result<Vec<CountBucket>, QueryError> {
        if step.is_zero() {
            return Err(QueryError::invalid("the step is zero").hint("use at least one nanosecond"));
        }
        let snapshot = Arc::new(snapshot);
        self.run(limits, move |query| {
            let (snapshot, total, good) = (Arc::clone(&snapshot), total.clone(), good.clone());
            async move { count_buckets(&query, &snapshot, &total, &good, range, step).await }
        })
        .await
    }
}

async fn histogram(query: &Query, request: HistogramRequest) -> Result<HistogramResult, QueryError> {
    let planning = |error| query.error(error, Step::Planning);
    let snapshot = query.snapshot(request.dataset, request.range).await?;
    let selected = lower(&request.filter, &snapshot.schema);
    let Some(range) = closed(query, &snapshot, &selected, request.range).await? else {
        return Ok(HistogramResult {
            step: Duration::from_secs(1),
            buckets: Vec::new(),
            series: Vec::new(),
            stats: query.stats(),
        });
    };
    let step = round_step(range.duration() / request.buckets.clamp(1, BUCKETS_MAX) as u32);
    let start = range.start.floor_to(step);
    let frame = query
        .table(request.dataset, &snapshot)?
        .filter(in_range(range, &snapshot.schema).and(selected))
        .map_err(planning)?;
    let buckets = starts(start, range.end, step);
    let bucket = bucket_of(start, step);
    let mut series: Vec<Series> = Vec::new();
    let frame = match &request.split_by {
        None => frame.aggregate(vec![bucket], vec![count(lit(1))]).map_err(planning)?,
        Some(name) => {
            let value = text_of(name, &snapshot.schema);
            let frequent = most_frequent(query, frame.clone(), value.clone()).await?;
            let blank = || vec![0; buckets.len()];
            series.extend(
                frequent.iter().map(|value| Series { of: SeriesOf::Value(value.clone()), counts: blank() }),
            );
            series.push(Series { of: SeriesOf::Other, counts: blank() });
            series.push(Series { of: SeriesOf::Absent, counts: blank() });
            frame
                .aggregate(vec![bucket, place_of(value, &frequent).map_err(planning)?], vec![count(lit(1))])
                .map_err(planning)?
        }
    };
    if series.is_empty() {
        series.push(Series { of: SeriesOf::All, counts: vec![0; buckets.len()] });
    }
    let is_split = request.split_by.is_some();
    let (_, batches) = query.collect(frame).await?;
    for batch in &batches {
        let rows = Aggregates { batch };
        for row in rows.rows() {
            let place = if is_split { rows.count(1, row) as usize } else { 0 };
            let bucket = rows.count(0, row) as usize;
            if let Some(count) = series.get_mut(place).and_then(|series| series.counts.get_mut(bucket)) {
                *count += rows.count(if is_split { 2 } else { 1 }, row);
            }
        }
    }
    let is_told = |series: &Series| {
        matches!(series.of, SeriesOf::All | SeriesOf::Value(_))
            || series.counts.iter().any(|count| *count > 0)
    };
    series.retain(is_told);
    Ok(HistogramResult { step, buckets, series, stats: query.stats() })
}

async fn count_buckets(
    query: &Query,
    snapshot: &Arc<Snapshot>,
    total: &Filter,
    good: &Filter,
    range: TimeRange,
    step: Duration,
) -> Result<Vec<CountBucket>, QueryError> {
    let planning = |error| query.error(error, Step::Planning);
    let selected = lower(total, &snapshot.schema);
    let Some(range) = closed(query, snapshot, &selected, range).await? else { return Ok(Vec::new()) };
    let base = range.start.floor_to(step);
    let is_good = when(lower(good, &snapshot.schema), lit(1)).end().map_err(planning)?;
    let frame = query
        .table(snapshot.dataset, snapshot)?
        .filter(in_range(range, &snapshot.schema).and(selected))
        .and_then(|frame| frame.aggregate(vec![bucket_of(base, step)], vec![count(is_good), count(lit(1))]))
        .map_err(planning)?;
    let (_, batches) = query.collect(frame).await?;
    let mut buckets = Vec::new();
    for batch in &batches {
        let rows = Aggregates { batch };
        for row in rows.rows() {
            let steps = u32::try_from(rows.count(0, row)).map_err(|_| too_long())?;
            let start = base + step.saturating_mul(steps);
            buckets.push(CountBucket { start, good: rows.count(1, row), total: rows.count(2, row) });
        }
    }
    buckets.sort_by_key(|bucket| bucket.start);
    Ok(buckets)
}

/// The range with its open ends taken from the selected data; `None` if there are none such. Its length fits the
/// arithmetic of [`bucket_of`].
async fn closed(
    query: &Query,
    snapshot: &Arc<Snapshot>,
    selected: &Expr,
    range: TimeRange,
) -> Result<Option<TimeRange>, QueryError> {
    let mut range = range;
    if range.start == Timestamp::MIN || range.end == Timestamp::MAX {
        let at = || cast(column(field::TIMESTAMP), DataType::Int64);
        let frame = query
            .table(snapshot.dataset, snapshot)?
            .filter(in_range(range, &snapshot.schema).and(selected.clone()))
            .and_then(|frame| frame.aggregate(Vec::new(), vec![min(at()), max(at())]))
            .map_err(|error| query.error(error, Step::Planning))?;
        let (_, batches) = query.collect(frame).await?;
        let extremes = batches.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| {
            let rows = Aggregates { batch };
            Some((rows.int(0, 0)?, rows.int(1, 0)?))
        });
        let Some((first, last)) = extremes else { return Ok(None) };
        if range.start == Timestamp::MIN {
            range.start = Timestamp::from_nanos(first);
        }
        if range.end == Timestamp::MAX {
            range.end = Timestamp::from_nanos(last.saturating_add(1)).max(range.start);
        }
    }
    // A quarter of the axis, 146 years, leaves room for aligning the start.
    let length = range.end.as_nanos().checked_sub(range.start.as_nanos());
    if length.is_none_or(|nanos| nanos > i64::MAX / 4) || range.start.as_nanos() < i64::MIN / 2 {
        return Err(too_long());
    }
    Ok(Some(range))
}

fn too_long() -> QueryError {
    QueryError::invalid("the time range is too long").hint("give a start and an end, or a larger step")
}

/// The number of the bucket that an event is in, from 0. Times are not before `start`.
fn bucket_of(start: Timestamp, step: Duration) -> Expr {
    let nanos = i64::try_from(step.as_nanos()).unwrap_or(i64::MAX);
    (cast(column(field::TIMESTAMP), DataType::Int64) - lit(start.as_nanos())) / lit(nanos)
}

fn starts(start: Timestamp, end: Timestamp, step: Duration) -> Vec<Timestamp> {
    std::iter::successors(Some(start), |at| Some(*at + step))
        .take_while(|at| *at < end)
        .take(BUCKETS_MAX + 2)
        .collect()
}

/// The least round time that is not shorter.
fn round_step(step: Duration) -> Duration {
    const MILLI: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MILLI;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let wanted = u64::try_from(step.as_nanos()).unwrap_or(u64::MAX);
    let decimal = [1, 2, 5, 10, 20, 50, 100, 200, 500].map(|count| count * MILLI);
    let sixtieths = [1, 2, 5, 10, 15, 30];
    let hours = [1, 2, 3, 6, 12].map(|count| count * HOUR);
    let days = [1, 2, 7, 14, 30, 90, 365].map(|count| count * DAY);
    let seconds = sixtieths.map(|count| count * SECOND);
    let minutes = sixtieths.map(|count| count * MINUTE);
    let nanos = decimal
        .into_iter()
        .chain(seconds)
        .chain(minutes)
        .chain(hours)
        .chain(days)
        .find(|nanos| *nanos >= wanted);
    Duration::from_nanos(nanos.unwrap_or_else(|| wanted.div_ceil(365 * DAY) * 365 * DAY))
}

async fn most_frequent(query: &Query, frame: DataFrame, value: Expr) -> Result<Vec<String>, QueryError> {
    let top = frame
        .filter(value.clone().is_not_null())
        .and_then(|frame| frame.aggregate(vec![value.alias("value")], vec![count(lit(1)).alias("events")]))
        .and_then(|frame| {
            frame.sort(vec![
                SortExpr::new(column("events"), false, false),
                SortExpr::new(column("value"), true, false),
            ])
        })
        .and_then(|frame| frame.limit(0, Some(SPLIT_VALUES_MAX)))
        .map_err(|error| query.error(error, Step::Planning))?;
    let (_, batches) = query.collect(top).await?;
    let mut values = Vec::new();
    for batch in &batches {
        let rows = Aggregates { batch };
        values.extend(rows.rows().filter_map(|row| rows.text(0, row)));
    }
    Ok(values)
}

/// The place of the value in the list of series: its own, that of the others, or that of the absent.
fn place_of(value: Expr, frequent: &[String]) -> datafusion::common::Result<Expr> {
    let other = frequent.len() as i64;
    let mut places = when(value.clone().is_null(), lit(other + 1));
    for (place, text) in frequent.iter().enumerate() {
        places = places.when(value.clone().eq(lit(text.as_str())), lit(place as i64));
    }
    places.otherwise(lit(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_never_shorter() {
        for (wanted, round) in
            [(0, 1), (3, 5), (700, 1_000), (7_000, 10_000), (16_000, 30_000), (61_000, 120_000)]
        {
            assert_eq!(round_step(Duration::from_millis(wanted)), Duration::from_millis(round));
        }
        let years = Duration::from_secs(86_400 * 400);
        assert!(round_step(years) >= years);
    }
}
