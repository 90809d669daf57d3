//! How many events a filter selects over time: the bars above a search, and the history of an SLI.

use std::collections::BTreeMap;
use std::future::ready;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use nines_filter::Filter;
use nines_model::{Dataset, TimeRange, Timestamp, field};
use nines_storage::Snapshot;
use nines_storage::index::MINUTE_NANOS;

use crate::buckets::{Buckets, checked, round_step};
use crate::coded::{ABSENT, Dictionary, UNKNOWN, encode};
use crate::counts::{is_whole_minutes, take_counted, text_of};
use crate::error::ScanError;
use crate::part::{Part, times_of};
use crate::question::{Help, Question, Target};
use crate::scanner::{Asked, Limits, Scanner};
use crate::select::{Selector, narrowed};
use crate::stats::QueryStats;

/// The most bars. A screen is about 4 000 pixels wide.
pub const BUCKETS_MAX: usize = 2_000;
/// Values that get bars of their own when the histogram is split; the rest is counted together.
pub const SPLIT_VALUES_MAX: usize = 8;
/// Values that are told apart while counting: with [`BUCKETS_MAX`] bars each they take 16 MB per thread. Which of more
/// values are the most frequent is decided among the first that are found.
const VALUES_MAX: usize = 1_000;

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

impl Scanner {
    /// One pass over the times of what is selected, and the field that splits it.
    pub fn histogram(&self, request: HistogramRequest) -> Asked<'_, HistogramResult> {
        let limits = request.limits.clone();
        Box::pin(self.run(limits, move |question| {
            let request = request.clone();
            async move { histogram(&question, request).await }
        }))
    }

    /// Counts of a ratio SLI over a given cut of the data: events that pass `total`, and of those the ones that also pass
    /// `good`, for each `step` counted from the epoch, oldest first. Steps without events are left out. With the
    /// snapshot's `last_sequence` the caller knows which later batches to add live. If a segment of the snapshot turns
    /// out to be damaged the call fails with [`ScanError::Storage`], once: take a new snapshot, which names it.
    pub fn count_buckets(
        &self,
        snapshot: Snapshot,
        total: Filter,
        good: Filter,
        range: TimeRange,
        step: Duration,
        limits: Limits,
    ) -> Asked<'_, Vec<CountBucket>> {
        if step.is_zero() {
            let error = ScanError::invalid("the step is zero", "use at least one nanosecond");
            return Box::pin(ready(Err(error)));
        }
        let snapshot = Arc::new(snapshot);
        Box::pin(self.run(limits, move |question| {
            let (snapshot, total, good) = (Arc::clone(&snapshot), total.clone(), good.clone());
            async move { count_buckets(&question, snapshot, &total, &good, range, step).await }
        }))
    }
}

async fn histogram(
    question: &Arc<Question>,
    request: HistogramRequest,
) -> Result<HistogramResult, ScanError> {
    let mut target = Arc::new(question.target(request.dataset, &request.filter, request.range)?);
    let Some(range) = closed(question, &target, request.range).await? else {
        return Ok(HistogramResult {
            step: Duration::from_secs(1),
            buckets: Vec::new(),
            series: Vec::new(),
            stats: question.stats(),
        });
    };
    let step = round_step(range.duration() / request.buckets.clamp(1, BUCKETS_MAX) as u32);
    let start = range.start.floor_to(step);
    let buckets = starts(start, range.end, step);
    let split_by = request.split_by.as_deref();
    let mut counted = Tally::new(buckets.len());
    if is_whole_minutes(step.as_nanos()) {
        let target = Arc::get_mut(&mut target).ok_or_else(|| ScanError::internal("a target is shared"))?;
        count_minutes(target, range, split_by, &mut counted, Buckets::new(start, step))?;
    }
    let mut tally = counted.merge(count(question, &target, split_by, start, step, buckets.len()).await?);
    if split_by.is_some() {
        tally = tally.most_frequent(SPLIT_VALUES_MAX);
    }
    let is_told = |series: &Series| {
        matches!(series.of, SeriesOf::All | SeriesOf::Value(_))
            || series.counts.iter().any(|count| *count > 0)
    };
    let mut series = tally.into_series(request.split_by.is_some());
    series.retain(is_told);
    Ok(HistogramResult { step, buckets, series, stats: question.stats() })
}

/// Counts per value and bucket.
struct Tally {
    values: Dictionary,
    /// By code.
    counts: Vec<Vec<u64>>,
    other: Vec<u64>,
    absent: Vec<u64>,
}

impl Tally {
    fn new(buckets: usize) -> Self {
        let blank = || vec![0; buckets];
        Self { values: Dictionary::new(VALUES_MAX), counts: Vec::new(), other: blank(), absent: blank() }
    }

    fn add(&mut self, code: u32, bucket: i64, events: u64) {
        let counts = match code {
            ABSENT => &mut self.absent,
            UNKNOWN => &mut self.other,
            code => &mut self.counts[code as usize],
        };
        if let Some(count) = usize::try_from(bucket).ok().and_then(|bucket| counts.get_mut(bucket)) {
            *count += events;
        }
    }

    /// Makes room for values that were met.
    fn grow(&mut self) {
        let buckets = self.absent.len();
        self.counts.resize_with(self.values.len(), || vec![0; buckets]);
    }

    fn merge(mut self, other: Self) -> Self {
        for (code, theirs) in (0..).zip(&other.counts) {
            let code = self.values.code(other.values.text(code));
            self.grow();
            let mine = if code == UNKNOWN { &mut self.other } else { &mut self.counts[code as usize] };
            add_all(mine, theirs);
        }
        add_all(&mut self.other, &other.other);
        add_all(&mut self.absent, &other.absent);
        self
    }

    /// Keeps the `wanted` values with the most events, most frequent first, and counts the others together.
    fn most_frequent(self, wanted: usize) -> Self {
        let mut order: Vec<u32> = (0..self.values.len() as u32).collect();
        let total = |code: u32| self.counts[code as usize].iter().sum::<u64>();
        order
            .sort_by_cached_key(|code| (std::cmp::Reverse(total(*code)), self.values.text(*code).to_owned()));
        let mut kept = Self::new(self.absent.len());
        for (place, code) in order.into_iter().enumerate() {
            let counts = &self.counts[code as usize];
            if place < wanted {
                kept.values.code(self.values.text(code));
                kept.counts.push(counts.clone());
            } else {
                add_all(&mut kept.other, counts);
            }
        }
        add_all(&mut kept.other, &self.other);
        kept.absent = self.absent;
        kept
    }

    fn into_series(self, is_split: bool) -> Vec<Series> {
        if !is_split {
            return vec![Series { of: SeriesOf::All, counts: self.absent }];
        }
        let values = (0..)
            .zip(self.counts)
            .map(|(code, counts)| Series { of: SeriesOf::Value(self.values.text(code).to_owned()), counts });
        let rest = [
            Series { of: SeriesOf::Other, counts: self.other },
            Series { of: SeriesOf::Absent, counts: self.absent },
        ];
        values.chain(rest).collect()
    }
}

fn add_all(mine: &mut [u64], theirs: &[u64]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += theirs;
    }
}

/// Counts what segments have counted themselves, and takes those out of `target`.
fn count_minutes(
    target: &mut Target,
    range: TimeRange,
    split_by: Option<&str>,
    tally: &mut Tally,
    mut bucket: Buckets,
) -> Result<(), ScanError> {
    take_counted(target, range, split_by.as_slice(), |group| {
        let text = split_by.and_then(|name| text_of(group, name));
        let code = text.map_or(ABSENT, |text| tally.values.code(&text));
        tally.grow();
        for (minute, events) in &group.minutes {
            tally.add(code, bucket.index(minute.saturating_mul(MINUTE_NANOS)), *events);
        }
    })
}

/// Counts what is selected per bucket and value of `split_by`; without it everything is absent.
async fn count(
    question: &Arc<Question>,
    target: &Arc<Target>,
    split_by: Option<&str>,
    start: Timestamp,
    step: Duration,
    buckets: usize,
) -> Result<Tally, ScanError> {
    let split_by = split_by.map(str::to_owned);
    let work = {
        let target = Arc::clone(target);
        move |question: &Question, _: usize, part: &Part, tally: &mut Tally| {
            let rows = question.select(part, &target.selector)?;
            let mut bucket = Buckets::new(start, step);
            let names = [field::TIMESTAMP, field::OVERFLOW, split_by.as_deref().unwrap_or_default()];
            let names = if split_by.is_some() { &names[..] } else { &names[..1] };
            for batch in part.read(names, &rows)? {
                let batch = batch?;
                let Some(times) = &batch.arrays[0] else { continue };
                let times = times_of(times);
                match &split_by {
                    None => times.iter().for_each(|nanos| tally.add(ABSENT, bucket.index(*nanos), 1)),
                    Some(name) => {
                        let (overflow, column) = (batch.arrays[1].as_ref(), batch.arrays[2].as_ref());
                        let codes = encode(name, column, overflow, batch.rows, &mut tally.values);
                        tally.grow();
                        for (nanos, code) in times.iter().zip(codes) {
                            tally.add(code, bucket.index(*nanos), 1);
                        }
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        }
    };
    let tallies = question.scan(Help::AtOnce, target.parts.clone(), || Tally::new(buckets), work).await?;
    Ok(tallies.into_iter().reduce(Tally::merge).unwrap_or_else(|| Tally::new(buckets)))
}

async fn count_buckets(
    question: &Arc<Question>,
    snapshot: Arc<Snapshot>,
    total: &Filter,
    good: &Filter,
    range: TimeRange,
    step: Duration,
) -> Result<Vec<CountBucket>, ScanError> {
    let good = Selector::new(good, TimeRange::ALL, &snapshot.schema);
    let target = Arc::new(question.target_of(snapshot, total, range)?);
    let Some(range) = closed(question, &target, range).await? else { return Ok(Vec::new()) };
    let buckets = Buckets::new(range.start.floor_to(step), step);
    let work = {
        let (target, buckets) = (Arc::clone(&target), buckets.clone());
        move |question: &Question, _: usize, part: &Part, counts: &mut BTreeMap<i64, (u64, u64)>| {
            let rows = question.select(part, &target.selector)?;
            if rows.is_none() {
                return Ok(ControlFlow::Continue(()));
            }
            let good_rows = narrowed(part, rows.clone(), &good.settled(part))?;
            let mut bucket = buckets.clone();
            let mut run = (0, 0_u64, 0_u64);
            let mut good_positions = good_rows.positions().peekable();
            let mut positions = rows.positions();
            for batch in part.read(&[field::TIMESTAMP], &rows)? {
                let batch = batch?;
                let Some(times) = &batch.arrays[0] else { continue };
                for (nanos, position) in times_of(times).iter().zip(&mut positions) {
                    let index = bucket.index(*nanos);
                    if index != run.0 {
                        add_run(counts, run);
                        run = (index, 0, 0);
                    }
                    let is_good = good_positions.next_if_eq(&position).is_some();
                    run.1 += u64::from(is_good);
                    run.2 += 1;
                }
            }
            add_run(counts, run);
            Ok(ControlFlow::Continue(()))
        }
    };
    let mut sum: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for counts in question.scan(Help::AtOnce, target.parts.clone(), BTreeMap::new, work).await? {
        for (index, (good, total)) in counts {
            add_run(&mut sum, (index, good, total));
        }
    }
    let bucket = |(index, (good, total))| CountBucket { start: buckets.start_of(index), good, total };
    Ok(sum.into_iter().map(bucket).collect())
}

fn add_run(counts: &mut BTreeMap<i64, (u64, u64)>, (index, good, total): (i64, u64, u64)) {
    if total > 0 {
        let sum = counts.entry(index).or_default();
        sum.0 += good;
        sum.1 += total;
    }
}

/// The range with its open ends taken from the selected data; `None` if there are none such.
async fn closed(
    question: &Arc<Question>,
    target: &Arc<Target>,
    range: TimeRange,
) -> Result<Option<TimeRange>, ScanError> {
    let mut range = range;
    if range.start == Timestamp::MIN || range.end == Timestamp::MAX {
        let Some((first, last)) = extremes(question, target).await? else { return Ok(None) };
        if range.start == Timestamp::MIN {
            range.start = first;
        }
        if range.end == Timestamp::MAX {
            range.end = Timestamp::from_nanos(last.as_nanos().saturating_add(1)).max(range.start);
        }
    }
    checked(range).map(Some)
}

/// The first and the last instant of what is selected.
async fn extremes(
    question: &Arc<Question>,
    target: &Arc<Target>,
) -> Result<Option<(Timestamp, Timestamp)>, ScanError> {
    let work = {
        let target = Arc::clone(target);
        move |question: &Question, _: usize, part: &Part, ends: &mut Option<(i64, i64)>| {
            let mut see = |low: i64, high: i64| {
                *ends = Some(ends.map_or((low, high), |(first, last)| (first.min(low), last.max(high))));
            };
            let (low, high) = (part.min_time.as_nanos(), part.max_time.as_nanos());
            let rows = question.select(part, &target.selector)?;
            if rows.count() == part.rows {
                see(low, high);
                return Ok(ControlFlow::Continue(()));
            }
            for batch in part.read(&[field::TIMESTAMP], &rows)? {
                let batch = batch?;
                let times = batch.arrays[0].as_ref().map_or(&[][..], times_of);
                if let (Some(low), Some(high)) = (times.iter().min(), times.iter().max()) {
                    see(*low, *high);
                }
            }
            Ok(ControlFlow::Continue(()))
        }
    };
    let ends = question.scan(Help::AtOnce, target.parts.clone(), || None, work).await?.into_iter().flatten();
    let ends = ends.reduce(|left, right| (left.0.min(right.0), left.1.max(right.1)));
    Ok(ends.map(|(first, last)| (Timestamp::from_nanos(first), Timestamp::from_nanos(last))))
}

fn starts(start: Timestamp, end: Timestamp, step: Duration) -> Vec<Timestamp> {
    std::iter::successors(Some(start), |at| Some(*at + step))
        .take_while(|at| *at < end)
        .take(BUCKETS_MAX + 2)
        .collect()
}
