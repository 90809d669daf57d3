//! Where a promise stands at one instant: everything that rules, the board and a page need, and nothing guessed.

use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use crate::budget::{Budget, BudgetStatus, COVERAGE_FLOOR, Counts, Measured};
use crate::burn::{SECONDS_TIER, TierReading, Verdict, burn_rate, read_tier};
use crate::document::Ratio;
use crate::promise::Promise;
use crate::rings::{Rings, Slices};

/// Points of one chart: two per pixel of a wide screen are enough.
pub const SERIES_POINTS_MAX: usize = 4_000;
/// Silence that makes a promise stale when nothing is known about its usual traffic.
pub const STALE_AFTER: Duration = Duration::from_secs(300);
/// Traffic has stopped when so many events should have come and none did: by chance once in 10¹³ (Poisson).
const STOPPED_EXPECTED_MIN: f64 = 30.0;
/// A shorter silence may be a slow batch or a collector's pause.
const STOPPED_SILENCE_MIN: Duration = Duration::from_secs(30);
/// Slices that a window needs before its share of bad ones is believed. Each slice is a verdict over many events.
const SLICES_MIN: u64 = 3;
/// What failed so long ago is a failure of now. An event is stamped when it begins and heard of when it is over and sent: some
/// minutes later, if it waited for something in vain.
pub const FRESH: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3_600);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Whether the numbers can be believed. Only `Measured` may be shown green.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasurementState {
    Measured,
    /// Fewer events in the window than are needed.
    TooFew {
        have: u64,
        need: u64,
    },
    Stale(StaleReason),
    /// Nothing can be measured, and why.
    Invalid(String),
    Paused,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StaleReason {
    /// History is still being counted.
    Starting,
    /// No event of this indicator is known.
    NeverSeen,
    /// Silent for longer than usual, or than [`STALE_AFTER`] when the usual is unknown.
    Silent { since: Timestamp },
    /// Events come regularly at this hour, and have stopped. Usually the incident, not its end.
    TrafficStopped { since: Timestamp, expected_per_minute: f64, basis: VolumeBasis },
}

/// What the usual traffic was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeBasis {
    /// The hour around this time a week ago.
    LastWeek,
    /// The hour before the newest event, as last week is not known.
    LastHour,
}

/// The companion check of every promise: is there traffic at all?
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Over the last five minutes.
    pub per_minute: f64,
    pub expected_per_minute: Option<f64>,
    pub basis: Option<VolumeBasis>,
}

/// How fast the budget is being spent now.
#[derive(Debug, Clone, PartialEq)]
pub struct BurnNow {
    /// Over the last so much time.
    pub over: Duration,
    pub counts: Counts,
    pub bad_share: f64,
    pub rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhaustion {
    /// At this rate the budget lasts: for a rolling window it is spent no faster than it is regained, for a calendar
    /// window it reaches to the end of the period.
    Lasts,
    In(Duration),
    Exhausted,
}

/// The contract beside the objective (D01).
#[derive(Debug, Clone, PartialEq)]
pub struct SlaReading {
    pub target: Ratio,
    pub budget: Budget,
    /// Attained minus promised, in shares: 0.004 is 0.4 percentage points above the contract. `None` without events.
    pub margin: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SloReading {
    /// Of the [`Promise`].
    pub id: String,
    pub at: Timestamp,
    pub state: MeasurementState,
    /// `None` without a budget, and when healthy would be a guess as the state is not `Measured`.
    pub status: Option<BudgetStatus>,
    pub target: Ratio,
    /// A rolling window ends at `at`, a calendar one when its period does.
    pub window: TimeRange,
    /// Events of the window so far.
    pub counts: Counts,
    /// The measured share of good events or slices. `None` without any.
    pub attained: Option<f64>,
    /// `None` if nothing was measured.
    pub budget: Option<Budget>,
    pub sla: Option<SlaReading>,
    /// The share of the window so far that has been measured.
    pub coverage: f64,
    /// Coverage is below nine tenths: the numbers speak for less than the window.
    pub young: bool,
    pub newest_event: Option<Timestamp>,
    pub burn: Option<BurnNow>,
    pub exhaustion: Option<Exhaustion>,
    /// In the promise's order. Empty if nothing is measured.
    pub tiers: Vec<TierReading>,
    pub volume: Option<Volume>,
    /// Events that came too late to be counted, and events from the future.
    pub ignored_late: u64,
    pub ignored_future: u64,
}

/// Reads a promise's counters. `rings` is absent until its indicator is live. Takes no lock; costs some tens of
/// microseconds for a window of 30 days, some hundreds with time slices of a minute.
pub fn evaluate(promise: &Promise, rings: Option<&Rings>, now: Timestamp) -> SloReading {
    let window = promise.window.range_at(now);
    let mut reading = SloReading {
        id: promise.id.clone(),
        at: now,
        state: MeasurementState::Paused,
        status: None,
        target: promise.target,
        window,
        counts: Counts::default(),
        attained: None,
        budget: None,
        sla: None,
        coverage: 0.0,
        young: true,
        newest_event: None,
        burn: None,
        exhaustion: None,
        tiers: Vec::new(),
        volume: None,
        ignored_late: 0,
        ignored_future: 0,
    };
    if let Err(reason) = &promise.indicator {
        reading.state = MeasurementState::Invalid(reason.to_string());
        return reading;
    }
    let Some(rings) = rings else {
        if !promise.settings.paused {
            reading.state = MeasurementState::Stale(StaleReason::Starting);
        }
        return reading;
    };
    measure(&mut reading, promise, rings);
    let volume = volume(rings, now);
    reading.state = if promise.settings.paused {
        MeasurementState::Paused
    } else {
        state(rings, &volume, reading.counts, promise.min_events, now)
    };
    reading.volume = Some(volume);
    if !promise.settings.paused {
        reading.tiers = promise.tiers.iter().map(|tier| tier_reading(promise, rings, tier, now)).collect();
    }
    spend(&mut reading, promise, rings);
    reading.status = reading
        .budget
        .as_ref()
        .map(Budget::status)
        .filter(|status| reading.state == MeasurementState::Measured || *status != BudgetStatus::Healthy);
    reading
}

/// Counts, attainment, budget and coverage of the window.
fn measure(reading: &mut SloReading, promise: &Promise, rings: &Rings) {
    let now = reading.at;
    let so_far = TimeRange::new(reading.window.start, reading.window.end.min(now));
    reading.counts = if promise.window.is_rolling() {
        rings.sum(now, promise.window.nominal())
    } else {
        rings.sum_range(so_far)
    };
    let measured: Measured = match promise.slice {
        Some((slice, method)) => rings.slices(so_far, slice, method),
        None => reading.counts.into(),
    };
    reading.newest_event = rings.newest();
    reading.coverage = rings.coverage(so_far, now);
    reading.young = reading.coverage < COVERAGE_FLOOR;
    (reading.ignored_late, reading.ignored_future) = rings.ignored();
    // While history is still being counted, what is live says nothing about the window.
    if measured.total <= 0.0 || rings.known_since().is_none() {
        return;
    }
    reading.attained = Some(1.0 - measured.bad / measured.total);
    let whole = rings.coverage(reading.window, now);
    // Late events may lie before everything that is known to be covered; they are taken to be all of it.
    let whole = if whole > 0.0 { whole } else { 1.0 };
    let length = reading.window.duration();
    reading.budget = Some(Budget::new(promise.target, length, measured, whole));
    reading.sla = promise.settings.sla.map(|target| SlaReading {
        target,
        budget: Budget::new(target, length, measured, whole),
        margin: reading.attained.map(|attained| attained - target.as_f64()),
    });
}

fn state(
    rings: &Rings,
    volume: &Volume,
    counts: Counts,
    min_events: u64,
    now: Timestamp,
) -> MeasurementState {
    let Some(known_since) = rings.known_since() else {
        return MeasurementState::Stale(StaleReason::Starting);
    };
    let Some(newest) = rings.newest() else {
        return MeasurementState::Stale(StaleReason::NeverSeen);
    };
    // By its second, which is all that a replay knows of it. Counts of series are late as a rule; that is no silence.
    let heard = newest.floor_to(Duration::from_secs(1)).max(known_since.min(now));
    let silence = now.since(heard).saturating_sub(rings.lag());
    let expected = volume.expected_per_minute.map(|per_minute| per_minute / 60.0 * silence.as_secs_f64());
    if let (Some(expected), Some(expected_per_minute), Some(basis)) =
        (expected, volume.expected_per_minute, volume.basis)
        && silence >= STOPPED_SILENCE_MIN
        && expected >= STOPPED_EXPECTED_MIN
    {
        return MeasurementState::Stale(StaleReason::TrafficStopped {
            since: newest,
            expected_per_minute,
            basis,
        });
    }
    // A sparse service that is usually silent so long is not stale, it has few events.
    if silence >= STALE_AFTER && expected.is_none_or(|expected| expected >= 1.0) {
        return MeasurementState::Stale(StaleReason::Silent { since: newest });
    }
    if counts.total() < min_events {
        return MeasurementState::TooFew { have: counts.total(), need: min_events };
    }
    MeasurementState::Measured
}

fn volume(rings: &Rings, now: Timestamp) -> Volume {
    let recent = rings.sum(now, Duration::from_secs(300));
    let mut volume =
        Volume { per_minute: recent.total() as f64 / 5.0, expected_per_minute: None, basis: None };
    let (Some(since), Some(oldest)) = (rings.known_since(), rings.oldest()) else { return volume };
    let per_minute = |counts: Counts, over: Duration| counts.total() as f64 / (over.as_secs_f64() / 60.0);
    // Whole quarters, as the rings keep no finer ones so far back.
    let first = (now - WEEK - HOUR / 2).floor_to(Duration::from_secs(900));
    let last_week = TimeRange::new(first, first + HOUR);
    // A service that did not exist a week ago had no usual traffic then; a quarter of the hour may be missing.
    if since <= last_week.start && oldest <= last_week.start + HOUR / 4 {
        volume.expected_per_minute = Some(per_minute(rings.sum_range(last_week), HOUR));
        volume.basis = Some(VolumeBasis::LastWeek);
    } else if let Some(newest) = rings.newest() {
        let range = TimeRange::new((newest - HOUR).max(since), newest);
        // Less than a minute says nothing about a rhythm.
        if range.duration() >= Duration::from_secs(60) {
            volume.expected_per_minute = Some(per_minute(rings.sum_range(range), range.duration()));
            volume.basis = Some(VolumeBasis::LastHour);
        }
    }
    volume
}

/// Time slices with a verdict are counted as slices wherever the short window holds one; everything else as events.
///
/// However far a short window was widened, something must have failed lately for the tier to be breaching. What is heard of
/// hours late, and nothing since confirms, is charged to the budget, but nobody is called about what is over.
fn tier_reading(promise: &Promise, rings: &Rings, tier: &crate::burn::Tier, now: Timestamp) -> TierReading {
    let now = rings.edge(now);
    let slice = promise.slice.map_or(Duration::ZERO, |(slice, _)| slice);
    // A slice is judged when it is over.
    let lately = tier.short.max(FRESH).max(slice * 2);
    let reading = counted_tier(promise, rings, tier, now);
    let is_over =
        reading.verdict == Verdict::Breaching && reading.short > lately && rings.sum(now, lately).bad == 0;
    if is_over { TierReading { verdict: Verdict::TooFew, ..reading } } else { reading }
}

fn counted_tier(promise: &Promise, rings: &Rings, tier: &crate::burn::Tier, now: Timestamp) -> TierReading {
    match promise.slice {
        Some((slice, Slices::Verdict(target))) if tier.name != SECONDS_TIER => {
            let counts = |window: Duration| {
                let (mut good, mut bad) = (0, 0);
                rings.for_each_slice(TimeRange::new(now - window, now), slice, |_, counts| {
                    let is_bad = Slices::Verdict(target).badness(counts) > 0.0;
                    *(if is_bad { &mut bad } else { &mut good }) += 1;
                });
                Counts { good, bad }
            };
            read_tier(tier, promise.target, SLICES_MIN, counts)
        }
        _ => read_tier(tier, promise.target, promise.min_events, |window| rings.sum(now, window)),
    }
}

/// The burn rate that describes now, and how long the budget lasts at it: that of the fastest tier that is breaching,
/// else of the last hour.
fn spend(reading: &mut SloReading, promise: &Promise, rings: &Rings) {
    let Some(budget) = &reading.budget else { return };
    let breaching =
        reading.tiers.iter().filter(|tier| tier.verdict == Verdict::Breaching).min_by_key(|tier| tier.short);
    let over = breaching.map_or(HOUR, |tier| tier.short.max(tier.tier.short));
    let counts = rings.sum(rings.edge(reading.at), over);
    let bad_share = match promise.slice {
        Some((slice, method @ Slices::Verdict(_))) => {
            let recent = rings.slices(TimeRange::new(reading.at - over, reading.at), slice, method);
            match (recent.total > 0.0, counts.total() > 0) {
                (true, _) => recent.bad / recent.total,
                (false, true) => method.badness(counts),
                (false, false) => 0.0,
            }
        }
        _ => counts.bad_ratio().unwrap_or(0.0),
    };
    let rate = burn_rate(bad_share, promise.target);
    reading.exhaustion = Some(match (budget.status(), budget.gone_in(bad_share)) {
        (BudgetStatus::Exhausted, _) => Exhaustion::Exhausted,
        (_, Some(_)) if promise.window.is_rolling() && rate <= 1.0 => Exhaustion::Lasts,
        (_, Some(gone)) if !promise.window.is_rolling() && reading.at + gone >= reading.window.end => {
            Exhaustion::Lasts
        }
        (_, Some(gone)) => Exhaustion::In(gone),
        (_, None) => Exhaustion::Lasts,
    });
    reading.burn = Some(BurnNow { over, counts, bad_share, rate });
}

/// A point of a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesPoint {
    /// Start of the step.
    pub start: Timestamp,
    /// Events of the step.
    pub counts: Counts,
    /// What was left of the budget at the end of the step, as in [`Budget::remaining_share`]. `None` where nothing was
    /// measured.
    pub remaining_share: Option<f64>,
}

/// Events per step, and the budget over time, for charts. At most `points` points (and [`SERIES_POINTS_MAX`]): the step
/// is doubled until they suffice. Steps are counted from the epoch; the last one may not be over.
pub fn series(
    promise: &Promise,
    rings: &Rings,
    range: TimeRange,
    step: Duration,
    points: usize,
) -> (Duration, Vec<SeriesPoint>) {
    let mut step = step.max(Duration::from_secs(1));
    let points = points.clamp(1, SERIES_POINTS_MAX) as u128;
    while range.duration().as_nanos() / step.as_nanos() + 2 > points
        && step < Duration::from_secs(86_400 * 366)
    {
        step *= 2;
    }
    let buckets = rings.series(range, step);
    let slices = promise.slice.map(|(slice, method)| {
        let from = promise.window.range_at(range.start).start;
        let mut list = Vec::new();
        rings.for_each_slice(TimeRange::new(from, range.end + step), slice, |at, counts| {
            list.push((at, method.badness(counts)));
        });
        SlicePrefix::new(&list)
    });
    let point = |bucket: &crate::rings::Bucket| {
        let end = (bucket.start + step).min(range.end.max(bucket.start));
        let window = promise.window.range_at(end);
        let so_far = TimeRange::new(window.start, window.end.min(end));
        let measured = match &slices {
            Some(slices) => slices.within(so_far),
            None if promise.window.is_rolling() => rings.sum(end, promise.window.nominal()).into(),
            None => rings.sum_range(so_far).into(),
        };
        let coverage = rings.coverage(window, end);
        let known = measured.total > 0.0 && coverage > 0.0;
        let remaining_share =
            known.then(|| Budget::new(promise.target, window.duration(), measured, coverage).remaining_share);
        SeriesPoint { start: bucket.start, counts: bucket.counts, remaining_share }
    };
    let points = buckets.iter().map(point).collect();
    (step, points)
}

/// Running sums over slices, so that each point costs two searches instead of a walk through the window.
struct SlicePrefix {
    starts: Vec<i64>,
    bad: Vec<f64>,
}

impl SlicePrefix {
    fn new(list: &[(i64, f64)]) -> Self {
        let mut bad = vec![0.0];
        bad.extend(list.iter().scan(0.0, |sum, (_, badness)| {
            *sum += badness;
            Some(*sum)
        }));
        Self { starts: list.iter().map(|(at, _)| *at).collect(), bad }
    }

    fn within(&self, range: TimeRange) -> Measured {
        let from = self.starts.partition_point(|at| *at < range.start.as_secs());
        let to = self.starts.partition_point(|at| *at < range.end.as_secs()).max(from);
        let unit = crate::budget::BudgetUnit::Slices;
        Measured { unit, total: (to - from) as f64, bad: self.bad[to] - self.bad[from] }
    }
}

impl MeasurementState {
    /// The word of the API and the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::TooFew { .. } => "too_few",
            Self::Stale(_) => "stale",
            Self::Invalid(_) => "invalid",
            Self::Paused => "paused",
        }
    }
}
