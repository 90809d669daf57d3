//! The threads that measure promises whose indicators are read from series.
//!
//! Nothing of this runs where pages are sent: the page path reads counters, as of every other promise. A **round** of a
//! promise asks for what has happened since the round before and for the ten minutes before that
//! ([`nines_slo::LATE_MAX`]), and corrects the counters where a sample came late. The interval that has not ended, and
//! the last seconds, in which samples are still on their way, are not judged.
//!
//! Counters are in memory; the series are the truth. At start and after a change the window is counted from the store, in
//! pieces, so that a restart neither counts twice nor loses an interval.
//!
//! There are two threads, and so no question holds up all others: one that took long or failed is asked on the slow
//! thread from then on, as history is. Each has a deadline and a budget of samples.

pub mod check;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{ErrorKind, SharedClock, Shutdown};
use nines_metrics::{Questions, StoreSource};
use nines_model::{TimeRange, Timestamp};
use nines_promql::Control;
use nines_slo::{
    BackfillPart, Bucket, CountError, Counted, Counts, LATE_MAX, LiveSli, LiveSlis, MetricIndicator,
};
use parking_lot::Mutex;

/// What a sample needs from its time to being visible here: senders batch for up to five seconds.
const SETTLE: Duration = Duration::from_secs(5);
/// A round reads minutes; one that takes longer is too much for the machine.
const ROUND_TIMEOUT: Duration = Duration::from_secs(10);
/// Rounds that take longer are asked on the slow thread.
const SLOW: Duration = Duration::from_secs(1);
/// How much is caught up in one round, after the machine slept.
const CATCH_UP_MAX: Duration = Duration::from_secs(3_600);
/// After a failure, twice as long each time, up to the second figure.
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// History is read in such pieces: some ten million samples of a thousand series. A multiple of a quarter of an hour, so
/// that no bucket lies in two.
const PIECE: Duration = Duration::from_secs(6 * 3_600);
const PIECE_MIN: Duration = Duration::from_secs(900);
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);
/// Samples of one question: a thousand series over six hours at 15 s, four times over; 100 MB.
const SAMPLES_MAX: u64 = 6_000_000;
/// How often it is looked whether a promise is new.
const LOOK: Duration = Duration::from_millis(500);

/// Which questions a thread asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Quick,
    Slow,
}

struct Plan {
    live: Arc<LiveSli>,
    lane: Lane,
    due: Timestamp,
    failures: u32,
    /// A thread is at it.
    taken: bool,
    history: Option<History>,
}

/// History that is being counted.
struct History {
    now: Timestamp,
    until: Timestamp,
    /// What is still to be read, the oldest first.
    left: Vec<BackfillPart>,
    parts: Vec<(Duration, Vec<Bucket>)>,
    recent: Vec<Bucket>,
    since: Option<Timestamp>,
    piece: Duration,
}

pub struct MetricSlis {
    pub live: Arc<LiveSlis>,
    pub questions: Questions,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}

/// Starts both threads.
pub fn start(parts: MetricSlis) -> std::io::Result<Vec<std::thread::JoinHandle<()>>> {
    let parts = Arc::new(parts);
    let plans: Arc<Mutex<HashMap<String, Plan>>> = Arc::default();
    [(Lane::Quick, "slis"), (Lane::Slow, "slow-slis")]
        .into_iter()
        .map(|(lane, name)| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (parts, plans) = (Arc::clone(&parts), Arc::clone(&plans));
            let run = parts.run(lane, plans);
            std::thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(run))
        })
        .collect()
}

impl MetricSlis {
    async fn run(self: Arc<Self>, lane: Lane, plans: Arc<Mutex<HashMap<String, Plan>>>) {
        while !self.shutdown.has_begun() {
            self.follow(&plans);
            while let Some((id, live, history)) = self.take(lane, &plans) {
                let (slis, ours, asked) = (Arc::clone(&self), Arc::clone(&plans), id.clone());
                let step = move || slis.step(&asked, &live, history, &ours);
                if tokio::task::spawn_blocking(step).await.is_err() {
                    // Its history begins anew; the others go on.
                    tracing::error!(promise = id, "measuring a promise over metrics panicked, will retry");
                    let mut plans = plans.lock();
                    if let Some(plan) = plans.get_mut(&id) {
                        (plan.taken, plan.lane) = (false, Lane::Slow);
                        plan.due = self.clock.now() + PAUSE_MAX;
                    }
                }
                if self.shutdown.has_begun() {
                    return;
                }
            }
            tokio::select! {
                () = self.shutdown.begun() => {}
                () = self.clock.sleep(LOOK) => {}
            }
        }
    }

    /// Makes the plans those of what is live now.
    fn follow(&self, plans: &Mutex<HashMap<String, Plan>>) {
        let now = self.clock.now();
        let mut plans = plans.lock();
        let ids = self.live.ids();
        plans.retain(|id, plan| {
            self.live.get(id).is_some_and(|live| Arc::ptr_eq(&live, &plan.live)) || plan.taken
        });
        for id in ids {
            let Some(live) = self.live.get(&id) else { continue };
            if live.indicator.series().is_none() || plans.contains_key(&id) {
                continue;
            }
            let lane = if live.has_history() { Lane::Quick } else { Lane::Slow };
            plans.insert(id, Plan { live, lane, due: now, failures: 0, taken: false, history: None });
        }
    }

    /// The plan of this lane that has been due for longest.
    fn take(
        &self,
        lane: Lane,
        plans: &Mutex<HashMap<String, Plan>>,
    ) -> Option<(String, Arc<LiveSli>, Option<History>)> {
        let now = self.clock.now();
        let mut plans = plans.lock();
        let due = plans.iter_mut().filter(|(_, plan)| plan.lane == lane && !plan.taken && plan.due <= now);
        let (id, plan) = due.min_by_key(|(_, plan)| plan.due)?;
        plan.taken = true;
        Some((id.clone(), Arc::clone(&plan.live), plan.history.take()))
    }

    /// One question about one promise, and when the next is due.
    fn step(&self, id: &str, live: &LiveSli, history: Option<History>, plans: &Mutex<HashMap<String, Plan>>) {
        let Some(indicator) = live.indicator.series() else { return };
        let began = self.clock.monotonic();
        let (outcome, history) = if live.has_history() {
            (self.round(live, indicator), None)
        } else {
            let mut history = history.unwrap_or_else(|| self.history_of(live, indicator));
            let outcome = self.piece(live, indicator, &mut history);
            (outcome, Some(history))
        };
        let took = self.clock.monotonic().saturating_sub(began);
        let now = self.clock.now();
        if let Err(error) = &outcome {
            tracing::warn!(promise = id, %error, "a promise over metrics could not be measured, will retry");
            live.not_counted(now, took, error.to_string());
        }
        let mut plans = plans.lock();
        let Some(plan) = plans.get_mut(id) else { return };
        plan.taken = false;
        plan.history = history.filter(|_| !live.has_history());
        match outcome {
            Ok(()) => {
                plan.failures = 0;
                plan.lane = if took > SLOW || plan.history.is_some() { Lane::Slow } else { Lane::Quick };
                plan.due = if plan.history.is_some() { now } else { next_due(live, indicator, now) };
            }
            Err(_) => {
                plan.lane = Lane::Slow;
                plan.due = now + (PAUSE_FIRST * 2_u32.saturating_pow(plan.failures.min(6))).min(PAUSE_MAX);
                plan.failures = plan.failures.saturating_add(1);
            }
        }
    }

    fn count(
        &self,
        indicator: &MetricIndicator,
        range: TimeRange,
        timeout: Duration,
    ) -> Result<Counted, CountError> {
        let control = self.questions.control(self.shutdown.clone(), Some(timeout));
        count(&self.questions, indicator, &control, range)
    }

    fn round(&self, live: &LiveSli, indicator: &MetricIndicator) -> Result<(), CountError> {
        let began = self.clock.monotonic();
        let Some(from) = live.recount_from() else { return Ok(()) };
        let until = settled(indicator, self.clock.now()).min(from + LATE_MAX + CATCH_UP_MAX);
        if until <= from + LATE_MAX {
            return Ok(());
        }
        let range = TimeRange::new(from, until);
        let counted = self.count(indicator, range, ROUND_TIMEOUT)?;
        let spacing = Duration::from_millis(counted.spacing_ms.unsigned_abs());
        let took = self.clock.monotonic().saturating_sub(began);
        live.recount(range, &counted, lag(indicator, spacing), took, self.clock.now());
        Ok(())
    }

    fn history_of(&self, live: &LiveSli, indicator: &MetricIndicator) -> History {
        let now = self.clock.now();
        let until = settled(indicator, now);
        let clipped = |part: BackfillPart| BackfillPart {
            range: TimeRange::new(part.range.start, part.range.end.min(until)),
            step: part.step,
        };
        let plan = live.backfill_plan(now).into_iter().filter(|part| part.range.start < until);
        let left = plan.map(clipped).collect();
        let (parts, recent) = (Vec::new(), Vec::new());
        History { now, until, left, parts, recent, since: None, piece: PIECE }
    }

    /// Reads one piece of history, or puts what was read into effect.
    fn piece(
        &self,
        live: &LiveSli,
        indicator: &MetricIndicator,
        history: &mut History,
    ) -> Result<(), CountError> {
        let Some(part) = history.left.first_mut() else {
            let since = history.since.unwrap_or(history.until);
            // Somebody else's history is as good: the promise is measured.
            let merged = self.live.finish_series(
                live,
                history.now,
                history.until,
                since,
                &history.parts,
                &history.recent,
            );
            let is_in = merged.is_ok();
            tracing::info!(promise = live.id, since = since.to_string(), is_in, "history is counted");
            return Ok(());
        };
        let end = part.range.end.min(part.range.start + history.piece);
        let range = TimeRange::new(part.range.start, end);
        match self.count(indicator, range, PIECE_TIMEOUT) {
            Ok(counted) => {
                if let Some(first) = counted.first_ms {
                    let first = Timestamp::from_millis(first).max(range.start);
                    history.since = Some(history.since.unwrap_or(first));
                }
                let recent_from = history.until - LATE_MAX;
                history
                    .recent
                    .extend(counted.seconds.iter().filter(|bucket| bucket.start >= recent_from).copied());
                let step = part.step;
                let folded = folded(&counted.seconds, step);
                match history.parts.iter_mut().find(|(known, _)| *known == step) {
                    Some((_, buckets)) => buckets.extend(folded),
                    None => history.parts.push((step, folded)),
                }
            }
            Err(error) if error.kind == ErrorKind::Cancelled => return Err(error),
            Err(_) if history.piece > PIECE_MIN => {
                history.piece = (history.piece / 4).max(PIECE_MIN);
                return Ok(());
            }
            Err(error) => {
                // What lies before cannot be vouched for; the promise is measured from here on, and says so.
                tracing::warn!(promise = live.id, %error, until = end.to_string(), "history is left out");
                history.parts.clear();
                history.since = Some(end);
            }
        }
        part.range = TimeRange::new(end, part.range.end);
        if part.range.start >= part.range.end {
            history.left.remove(0);
        }
        Ok(())
    }
}

/// Asks the node's series.
pub fn count(
    questions: &Questions,
    indicator: &MetricIndicator,
    control: &Control,
    range: TimeRange,
) -> Result<Counted, CountError> {
    let source = StoreSource::new(questions.store(), control, SAMPLES_MAX, 1);
    indicator.count(&source, &questions.engine(None), control, range)
}

/// A longer stretch, piece by piece, in buckets of `step`.
pub fn count_buckets(
    questions: &Questions,
    indicator: &MetricIndicator,
    range: TimeRange,
    step: Duration,
    shutdown: &Shutdown,
) -> Result<Vec<Bucket>, CountError> {
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let end = (start + PIECE).min(range.end);
        let control = questions.control(shutdown.clone(), Some(PIECE_TIMEOUT));
        let counted = count(questions, indicator, &control, TimeRange::new(start, end))?;
        for bucket in folded(&counted.seconds, step) {
            match buckets.last_mut() {
                Some(last) if last.start == bucket.start => last.counts = last.counts + bucket.counts,
                _ => buckets.push(bucket),
            }
        }
        start = end;
    }
    Ok(buckets)
}

fn folded(seconds: &[Bucket], step: Duration) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for second in seconds {
        let start = second.start.floor_to(step);
        match buckets.last_mut() {
            Some(last) if last.start == start => last.counts = last.counts + second.counts,
            _ => buckets.push(Bucket { start, counts: Counts::default() + second.counts }),
        }
    }
    buckets
}

/// The end of the last interval of which everything has had the time to arrive.
fn settled(indicator: &MetricIndicator, now: Timestamp) -> Timestamp {
    (now - SETTLE).floor_to(indicator.interval)
}

fn next_due(live: &LiveSli, indicator: &MetricIndicator, now: Timestamp) -> Timestamp {
    let until = live.reading().until.unwrap_or(now);
    (until + indicator.interval + SETTLE).max(now)
}

/// How late the counters are as a rule.
fn lag(indicator: &MetricIndicator, spacing: Duration) -> Duration {
    SETTLE + indicator.interval + spacing.max(indicator.interval)
}
