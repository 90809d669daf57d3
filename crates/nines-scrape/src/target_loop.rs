//! One target in its rhythm. Source: upstream's `scrapeLoop.run`.
//!
//! A target keeps its place in the interval ([`Target::offset`]). A scrape that takes longer than the interval makes
//! the next ones late or skips them; two never run at once. When the target is taken away the loop waits just over two
//! intervals, in case it comes back, and then ends its series; when the node stops it ends nothing, for it will be back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::SharedDisk;
use nines_base::{SharedClock, Shutdown};
use nines_model::Timestamp;
use nines_secrets::SecretResolver;
use nines_series::Metadata;
use parking_lot::Mutex;

use crate::batch::{AppendError, Appender, Batch};
use crate::config::Job;
use crate::error::ScrapeError;
use crate::fetch::{Fetch, Fetched, request_for};
use crate::session::{Outcome, Session, Tally};
use crate::target::Target;

/// Timers are late by so much at most without the scrape's time showing it: times that are whole intervals apart
/// compress far better. As upstream; never more than 1 % of the interval.
const ALIGN_TOLERANCE: Duration = Duration::from_millis(2);

/// A series without samples for so long has ended by itself: PromQL's default.
const LOOKBACK: Duration = Duration::from_secs(300);

/// What all loops share.
pub(crate) struct World {
    pub clock: SharedClock,
    pub fetch: Arc<dyn Fetch>,
    pub appender: Arc<dyn Appender>,
    pub disk: SharedDisk,
    pub secrets: Arc<dyn SecretResolver>,
    /// Different on each node, so that two nodes do not scrape a target at the same moment.
    pub offset_seed: u64,
    /// The node stops.
    pub shutdown: Shutdown,
    /// How many loops run for each label set. The series of a target whose labels are scraped again do not end.
    pub alive: Mutex<HashMap<String, usize>>,
}

/// What people see of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetState {
    pub health: Health,
    pub last_error: Option<ScrapeError>,
    /// When the last scrape began.
    pub last_scrape: Option<Timestamp>,
    pub last_duration: Duration,
    pub tally: Tally,
    /// Samples of the last batch that the store refused.
    pub rejected: u64,
}

/// Type, help and unit of what a target exposes, by metric family. Helps and units are the session's own, shared.
pub type TargetMetadata = BTreeMap<Arc<str>, Metadata>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not scraped yet.
    Unknown,
    Up,
    Down,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl Default for TargetState {
    fn default() -> Self {
        Self {
            health: Health::Unknown,
            last_error: None,
            last_scrape: None,
            last_duration: Duration::ZERO,
            tally: Tally::default(),
            rejected: 0,
        }
    }
}

/// A loop that runs, as its job sees it.
pub(crate) struct Running {
    pub target: Arc<Target>,
    pub state: Arc<Mutex<TargetState>>,
    pub metadata: Arc<Mutex<TargetMetadata>>,
    /// Set: the target is not scraped, and this is why.
    pub forced: Arc<Mutex<Option<ScrapeError>>>,
    pub stop: Shutdown,
}

/// Starts scraping. Must be called on the runtime.
pub(crate) fn start(world: &Arc<World>, job: &Arc<Job>, target: Target) -> Running {
    let target = Arc::new(target);
    let (state, metadata, forced) = (Arc::default(), Arc::default(), Arc::default());
    let stop = Shutdown::new();
    *world.alive.lock().entry(target.labels.to_string()).or_default() += 1;
    let each = Loop {
        world: world.clone(),
        job: job.clone(),
        target: target.clone(),
        state: Arc::clone(&state),
        metadata: Arc::clone(&metadata),
        forced: Arc::clone(&forced),
        stop: stop.clone(),
        session: Some(Session::new(job.clone(), &target.labels)),
    };
    tokio::spawn(each.run());
    Running { target, state, metadata, forced, stop }
}

struct Loop {
    world: Arc<World>,
    job: Arc<Job>,
    target: Arc<Target>,
    state: Arc<Mutex<TargetState>>,
    metadata: Arc<Mutex<TargetMetadata>>,
    forced: Arc<Mutex<Option<ScrapeError>>>,
    stop: Shutdown,
    /// Away only while a blocking thread reads a body with it.
    session: Option<Session>,
}

impl Loop {
    async fn run(mut self) {
        let clock = self.world.clock.clone();
        let offset = self.target.offset(clock.now().as_nanos(), self.world.offset_seed);
        let mut scraped = false;
        let mut next = clock.monotonic();
        if self.sleep_until(next + offset).await {
            next += offset;
            // Both clocks at one tick of the rhythm; from here on ticks are whole intervals apart.
            let mut aligned = clock.now();
            loop {
                let mut at = clock.now();
                let ticks = at.since(aligned).as_nanos() / self.target.interval.as_nanos().max(1);
                aligned =
                    aligned + self.target.interval.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
                let tolerance = ALIGN_TOLERANCE.min(self.target.interval / 100);
                if at >= aligned && at.since(aligned) <= tolerance {
                    at = aligned;
                }
                self.scrape(at).await;
                scraped = true;
                next += self.target.interval;
                // Ticks that passed during a slow scrape are gone.
                while next <= clock.monotonic().saturating_sub(self.target.interval) {
                    next += self.target.interval;
                }
                if !self.sleep_until(next).await {
                    break;
                }
            }
        }
        let labels = self.target.labels.to_string();
        {
            let mut alive = self.world.alive.lock();
            let count = alive.get(&labels).copied().unwrap_or(1);
            if count > 1 {
                alive.insert(labels.clone(), count - 1);
            } else {
                alive.remove(&labels);
            }
        }
        if !self.world.shutdown.has_begun() {
            self.end(next, &labels, scraped).await;
        }
    }

    /// `false`: it is over.
    async fn sleep_until(&self, due: Duration) -> bool {
        let now = self.world.clock.monotonic();
        tokio::select! {
            biased;
            () = self.world.shutdown.begun() => false,
            () = self.stop.begun() => false,
            () = self.world.clock.sleep(due.saturating_sub(now)) => true,
        }
    }

    async fn scrape(&mut self, at: Timestamp) {
        let clock = self.world.clock.clone();
        let began = clock.monotonic();
        let forced = self.forced.lock().clone();
        let fetched = match forced {
            Some(error) => Err(error),
            None => self.fetch().await,
        };
        let Some(mut session) = self.session.take() else { return };
        let t_ms = at.as_millis();
        let (job, timeout) = (self.job.clone(), self.target.timeout);
        let took = clock.monotonic().saturating_sub(began);
        // Reading a body computes; it does not belong on the runtime.
        let read = tokio::task::spawn_blocking(move || {
            let (batch, outcome, error) = read(&mut session, &job, fetched, t_ms, took, timeout);
            (session, batch, outcome, error)
        });
        let Ok((session, batch, outcome, mut error)) = read.await else {
            // A body that made the reader panic would do so again; begin anew.
            self.session = Some(Session::new(self.job.clone(), &self.target.labels));
            return;
        };
        // As many families as the session knows at most, which forgets what is not exposed any more.
        if !batch.metadata.is_empty() {
            let known = session.metadata().map(|(metric, metadata)| (Arc::from(metric), metadata.clone()));
            *self.metadata.lock() = known.collect();
        }
        self.session = Some(session);
        let mut rejected = 0;
        match self.world.appender.append(batch).await {
            Ok(appended) => rejected = appended.rejected,
            Err(failed) => {
                tracing::warn!(job = %self.job.name, error = %failed, "scraped samples are lost");
                error.get_or_insert(failed.into());
            }
        }
        let mut state = self.state.lock();
        let was = state.health;
        state.health = if error.is_none() { Health::Up } else { Health::Down };
        if was != state.health {
            let instance = self.target.labels.get("instance");
            match &error {
                None => tracing::info!(job = %self.job.name, instance, "target is up"),
                Some(error) => tracing::warn!(job = %self.job.name, instance, %error, "target is down"),
            }
        }
        state.last_error = error;
        state.last_scrape = Some(at);
        state.last_duration = took;
        state.tally = outcome.tally;
        state.rejected = rejected;
    }

    async fn fetch(&self) -> Result<Fetched, ScrapeError> {
        let (job, target, disk) = (self.job.clone(), self.target.clone(), self.world.disk.clone());
        let secrets = Arc::clone(&self.world.secrets);
        let has_files = job.authorization.is_some() || !job.headers.is_empty();
        let request = if has_files {
            let built =
                tokio::task::spawn_blocking(move || request_for(&job, &target, &disk, &*secrets)).await;
            let failed = |error: tokio::task::JoinError| ScrapeError::Fetch {
                message: error.to_string(),
                kind: nines_base::ErrorKind::Internal,
            };
            built.map_err(failed)??
        } else {
            request_for(&job, &target, &disk, &*secrets)?
        };
        self.world.fetch.fetch(request).await
    }

    /// As upstream's `endOfRunStaleness`: `next` is when the next scrape would have been. Where it looks whether newer
    /// samples came, we look whether the labels are scraped again. A target that goes before its first scrape may have
    /// been scraped before the node was started again; what that left alive ends as well, which upstream leaves to age.
    async fn end(&mut self, next: Duration, labels: &str, scraped: bool) {
        let Some(stale_at) = self.wait_until(next).await else { return };
        let later = next + self.target.interval + self.target.interval / 10;
        if self.wait_until(later).await.is_none() || self.world.alive.lock().contains_key(labels) {
            return;
        }
        if let Err(error) = self.mark_the_end(stale_at.as_millis(), scraped).await {
            tracing::warn!(job = %self.job.name, %error, "stale markers of a target are lost");
        }
    }

    async fn mark_the_end(&mut self, t_ms: i64, scraped: bool) -> Result<(), AppendError> {
        let appender = &self.world.appender;
        let batch = if scraped {
            let Some(session) = &mut self.session else { return Ok(()) };
            session.end(t_ms)
        } else {
            let from_ms = t_ms.saturating_sub(LOOKBACK.as_millis() as i64);
            Session::end_of(appender.living(&self.target.labels, from_ms, t_ms).await?, t_ms)
        };
        if !batch.points.is_empty() {
            appender.append(batch).await?;
        }
        Ok(())
    }

    async fn wait_until(&self, due: Duration) -> Option<Timestamp> {
        let clock = &self.world.clock;
        tokio::select! {
            biased;
            () = self.world.shutdown.begun() => None,
            () = clock.sleep(due.saturating_sub(clock.monotonic())) => Some(clock.now()),
        }
    }
}

fn read(
    session: &mut Session,
    job: &Job,
    fetched: Result<Fetched, ScrapeError>,
    t_ms: i64,
    took: Duration,
    timeout: Duration,
) -> (Batch, Outcome, Option<ScrapeError>) {
    let mut outcome = Outcome::default();
    let (mut batch, error) = match fetched {
        Ok(fetched) => {
            outcome.body_bytes = i64::try_from(fetched.body.len()).unwrap_or(i64::MAX);
            let (batch, tally, result) = session.read(&fetched.body, fetched.content_type.as_deref(), t_ms);
            outcome.tally = tally;
            if tally.duplicates > 0 {
                tracing::warn!(job = %job.name, duplicates = tally.duplicates, "series were exposed twice");
            }
            (batch, result.err())
        }
        Err(error) => {
            outcome.body_bytes = if matches!(error, ScrapeError::BodyTooLarge { .. }) { -1 } else { 0 };
            (session.nothing(t_ms), Some(error))
        }
    };
    outcome.healthy = error.is_none();
    session.report(&mut batch, t_ms, took, timeout, &outcome);
    (batch, outcome, error)
}
