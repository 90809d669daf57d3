//! Rehearsal: a stored window through today's rules, with the pages that they would have made.
//!
//! Nothing is simulated twice: counters are `nines_slo::Replay`, readings are `nines_slo::evaluate`, rules are
//! `nines_alerting::decide`, pages are `nines_notify::plan`, as in the live evaluator. What a replay lacks is what was
//! only seen live: who was hit, suspects, and when an event arrived as against when it happened.

use std::time::Duration;

use nines_alerting::{AlertMessage, Evidence, Language, OpenAlert, Policy, Track, Transition, decide};
use nines_api as api;
use nines_base::{SharedClock, Shutdown};
use nines_http::ReplayError;
use nines_metrics::Questions;
use nines_model::{Dataset, TimeRange, Timestamp};
use nines_notify::plan;
use nines_query::{Engine, Limits};
use nines_slo::{Bucket, Counts, Indicator, Measure, MetricIndicator, Promise, Replay, evaluate};
use nines_storage::Store;

use crate::promises::Kept;
use crate::translate;

/// Evaluations of one call, all promises together: at some 30 µs each, six seconds of one core. One promise is evaluated
/// every second over 55 hours, every 13 seconds over a month.
const EVALUATIONS_MAX: u64 = 200_000;
/// As many promises as a team looks at; each costs a scan of its history.
const PROMISES_MAX: usize = 50;
/// Longer than a quarter, which is what people ask about.
const WINDOW_MAX: Duration = Duration::from_secs(100 * 86_400);
/// Alerts listed for each promise: more is a rule that nobody would keep.
const ALERTS_MAX: usize = 500;
/// Counting months may take longer than a person would wait for a search.
const COUNT_TIMEOUT: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

/// Puts the stored window through the promises.
pub async fn replay(
    store: &Store,
    engine: &Engine,
    questions: &Questions,
    clock: &SharedClock,
    promises: Vec<Kept>,
    range: TimeRange,
) -> Result<api::ReplayResponse, ReplayError> {
    let started = clock.monotonic();
    if range.duration() > WINDOW_MAX {
        let days = WINDOW_MAX.as_secs() / 86_400;
        return Err(ReplayError::Invalid(format!(
            "the window is longer than {days} days: ask for a shorter one"
        )));
    }
    if promises.len() > PROMISES_MAX {
        return Err(ReplayError::Invalid(format!(
            "{} promises are too many for one replay: name one",
            promises.len()
        )));
    }
    let range = TimeRange::new(range.start.floor_to(SECOND), range.end.floor_to(SECOND) + SECOND);
    let step = step_of(range, promises.len());
    let mut answer = api::ReplayResponse {
        start: range.start.to_string(),
        end: range.end.to_string(),
        step_secs: step.as_secs(),
        slos: Vec::with_capacity(promises.len()),
        pages: 0,
        stats: api::QueryStats::default(),
    };
    for kept in promises {
        let replayed = match kept.promise.indicator.clone() {
            Ok(measure) => {
                let (counted, since) = match measure {
                    Measure::Events(indicator) => {
                        let counted = count(store, engine, &kept.promise, &indicator, range, step).await?;
                        (counted, known_since(store, indicator.dataset, range.start))
                    }
                    Measure::Series(indicator) => {
                        count_series(questions, &kept.promise, indicator, range, step).await?
                    }
                };
                add_partial(&mut answer.stats, &counted.partial);
                tokio::task::spawn_blocking(move || rehearse(&kept, counted, since, range, step))
                    .await
                    .map_err(|error| ReplayError::Store(Box::new(error)))?
            }
            Err(reason) => nothing(&kept.promise, reason.to_string()),
        };
        answer.pages += replayed.pages;
        answer.stats.rows_returned += replayed.alerts.len() as u64;
        answer.slos.push(replayed);
    }
    answer.stats.run_time_ms = (clock.monotonic() - started).as_secs_f64() * 1e3;
    Ok(answer)
}

/// Whole seconds, so that all evaluations together stay within [`EVALUATIONS_MAX`].
fn step_of(range: TimeRange, promises: usize) -> Duration {
    let seconds = range.duration().as_secs().saturating_mul(promises.max(1) as u64);
    Duration::from_secs(seconds.div_ceil(EVALUATIONS_MAX).max(1))
}

/// Counts of stored events: what lay before the window, and the window.
struct Counted {
    history: Vec<(Duration, Vec<Bucket>)>,
    window: Vec<Bucket>,
    partial: Vec<String>,
}

async fn count(
    store: &Store,
    engine: &Engine,
    promise: &Promise,
    indicator: &Indicator,
    range: TimeRange,
    step: Duration,
) -> Result<Counted, ReplayError> {
    let plan = Replay::history(promise, range.start);
    let begin = plan.iter().map(|part| part.range.start).min().unwrap_or(range.start);
    let snapshot = store
        .snapshot(indicator.dataset, TimeRange::new(begin, range.end))
        .map_err(|error| ReplayError::Store(Box::new(error)))?;
    let partial = snapshot.damaged.iter().map(|damaged| damaged.reason.clone()).collect();
    let buckets = async |range: TimeRange, step: Duration| {
        let limits = Limits { timeout: Some(COUNT_TIMEOUT), ..Limits::default() };
        let (total, good) = (indicator.total.clone(), indicator.good.clone());
        let counted = engine
            .count_buckets(snapshot.clone(), total, good, range, step, limits)
            .await
            .map_err(ReplayError::Query)?;
        let bucket = |bucket: nines_query::CountBucket| Bucket {
            start: bucket.start,
            counts: Counts { good: bucket.good, bad: bucket.total - bucket.good },
        };
        Ok::<_, ReplayError>(counted.into_iter().map(bucket).collect::<Vec<_>>())
    };
    let mut history = Vec::with_capacity(plan.len());
    for part in plan {
        history.push((part.step, buckets(part.range, part.step).await?));
    }
    Ok(Counted { history, window: buckets(range, step).await?, partial })
}

/// The same of series, and since when there are any.
async fn count_series(
    questions: &Questions,
    promise: &Promise,
    indicator: MetricIndicator,
    range: TimeRange,
    step: Duration,
) -> Result<(Counted, Timestamp), ReplayError> {
    let (plan, questions) = (Replay::history(promise, range.start), questions.clone());
    let counted = tokio::task::spawn_blocking(move || {
        let buckets = |range, step| {
            crate::metric_slis::count_buckets(&questions, &indicator, range, step, &Shutdown::default())
        };
        let mut history = Vec::with_capacity(plan.len());
        for part in plan {
            history.push((part.step, buckets(part.range, part.step)?));
        }
        let window = buckets(range, step)?;
        Ok::<_, nines_slo::CountError>(Counted { history, window, partial: Vec::new() })
    });
    let counted = counted.await.map_err(|error| ReplayError::Store(Box::new(error)))?;
    let counted = counted.map_err(|error| ReplayError::Store(Box::new(error)))?;
    let all = counted.history.iter().flat_map(|(_, buckets)| buckets).map(|bucket| bucket.start);
    let since = all.min().unwrap_or(range.start);
    Ok((counted, since))
}

/// The window through the rule of one promise.
fn rehearse(
    kept: &Kept,
    counted: Counted,
    since: Timestamp,
    range: TimeRange,
    step: Duration,
) -> api::ReplayedSlo {
    let promise = &kept.promise;
    let window: Counts = counted.window.iter().fold(Counts::default(), |sum, bucket| sum + bucket.counts);
    let mut replay = Replay::begin(promise, range.start, since, &counted.history);
    // A rule that is asked less often must not take each pause for a gap in what it knows.
    let policy = Policy::default();
    let policy = Policy { gap_max: policy.gap_max.max(step * 2), ..policy };
    let mut track = Track::new(promise.id.as_str());
    let mut alerts = Alerts::default();
    let budget_before = budget(&evaluate(promise, Some(replay.rings()), range.start));
    let mut coming = counted.window.into_iter().peekable();
    let mut now = range.start;
    while now < range.end {
        now = (now + step).min(range.end);
        while let Some(bucket) = coming.next_if(|bucket| bucket.start < now) {
            // A bucket of several seconds counts as of its last one, which the shortest windows still see.
            let last = (bucket.start + step - SECOND).min(range.end - SECOND);
            replay.advance(Bucket { start: last.max(range.start), ..bucket });
        }
        let reading = evaluate(promise, Some(replay.rings()), now);
        let reading = translate::reading_of(kept, Some(replay.rings()), &reading);
        let decision = decide(&policy, &track, &reading);
        if let (Some(transition), Some(alert)) = (&decision.transition, &decision.track.alert) {
            let message = AlertMessage::compose(
                Language::English,
                &decision.track.fingerprint(),
                alert,
                transition,
                &reading,
                &Evidence { on_call: kept.on_call.clone(), ..Evidence::default() },
            );
            let pages = plan(&message, &kept.routing.routes, now);
            alerts.add(alert, transition, &message.title, pages.iter().map(|page| page.target.to_string()));
        }
        track = decision.track;
    }
    api::ReplayedSlo {
        name: promise.id.clone(),
        display_name: promise.title.clone(),
        reason: None,
        good: window.good,
        total: window.total(),
        budget_before,
        budget_after: budget(&evaluate(promise, Some(replay.rings()), range.end)),
        alerts: alerts.list,
        truncated: alerts.truncated,
        pages: alerts.pages,
    }
}

#[derive(Default)]
struct Alerts {
    list: Vec<api::ReplayedAlert>,
    /// Of the alert at the same place in `list`.
    ids: Vec<nines_alerting::AlertId>,
    truncated: bool,
    pages: u64,
}

impl Alerts {
    fn add(
        &mut self,
        alert: &OpenAlert,
        transition: &Transition,
        title: &str,
        targets: impl Iterator<Item = String>,
    ) {
        let targets: Vec<String> = targets.collect();
        self.pages += targets.len() as u64;
        let known = self.ids.iter().position(|id| *id == alert.id);
        let place = match known {
            Some(place) => place,
            None if self.list.len() < ALERTS_MAX => {
                self.ids.push(alert.id.clone());
                self.list.push(api::ReplayedAlert {
                    detected_at: alert.detected_at.to_string(),
                    resolved_at: None,
                    started_at: alert.started_at.to_string(),
                    severity: String::new(),
                    title: title.to_owned(),
                    transitions: Vec::new(),
                });
                self.list.len() - 1
            }
            None => {
                self.truncated = true;
                return;
            }
        };
        let told = &mut self.list[place];
        told.resolved_at = alert.resolved_at.map(|at| at.to_string());
        told.severity = alert.severity_max.as_str().to_owned();
        told.transitions.push(api::ReplayedTransition {
            at: transition.at.to_string(),
            kind: transition.kind.as_str().to_owned(),
            severity: transition.severity.as_str().to_owned(),
            reason: transition.reason.to_string(),
            targets,
        });
    }
}

fn budget(reading: &nines_slo::SloReading) -> Option<f64> {
    reading.budget.as_ref().map(|budget| budget.remaining_share).filter(|share| share.is_finite())
}

fn nothing(promise: &Promise, reason: String) -> api::ReplayedSlo {
    api::ReplayedSlo {
        name: promise.id.clone(),
        display_name: promise.title.clone(),
        reason: Some(reason),
        good: 0,
        total: 0,
        budget_before: None,
        budget_after: None,
        alerts: Vec::new(),
        truncated: false,
        pages: 0,
    }
}

fn known_since(store: &Store, dataset: Dataset, start: Timestamp) -> Timestamp {
    let stats = store.stats();
    stats.datasets.get(&dataset).and_then(|stats| stats.oldest).unwrap_or(start).min(start)
}

fn add_partial(stats: &mut api::QueryStats, partial: &[String]) {
    for part in partial {
        if !stats.partial.contains(part) {
            stats.partial.push(part.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_stay_within_their_bound() {
        let hours =
            |hours: u64| TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(3600 * hours as i64));
        assert_eq!(step_of(hours(24), 1), SECOND);
        assert_eq!(step_of(hours(28 * 24), 1), Duration::from_secs(13));
        for (length, promises) in [(1, 1), (55, 1), (56, 1), (2_400, 50)] {
            let step = step_of(hours(length), promises).as_secs();
            assert!((3600 * length).div_ceil(step) * promises as u64 <= EVALUATIONS_MAX + promises as u64);
        }
    }
}
