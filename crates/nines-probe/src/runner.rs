//! Carries the checks of one location out, in time, and hands on what was measured.
//!
//! One loop owns the schedule; each check runs as a task of its own. A check that fails makes the runner look at itself
//! before the measurement is handed on, and is repeated soon, until its location has made up its mind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nines_base::{SharedClock, Shutdown};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::check::Checker;
use crate::measurement::{Measurement, Outcome};
use crate::probe::{HostPort, Probe};
use crate::schedule::Schedule;
use crate::self_check::{Look, witnesses};
use crate::verdict::Watch;

/// Checks that run at once. Each holds a connection and up to 1 MiB of an answer.
const RUNNING_MAX: usize = 64;
/// Checks whose end waits to be noted: all that can run, and as many that wait to.
const DONE_QUEUE: usize = 2 * RUNNING_MAX;
/// So long a look at the references is believed: many checks fail at once when a runner is cut off.
const LOOK_FRESH: Duration = Duration::from_secs(2);
/// A target that has failed for longer does not witness.
const WITNESS_WINDOW: Duration = Duration::from_secs(60);

/// A measurement, where it was made, and whether the runner was at fault.
#[derive(Debug, Clone)]
pub struct Taken {
    pub probe: Arc<Probe>,
    pub location: String,
    pub measurement: Measurement,
    /// What the self-check found, if it blames the runner.
    pub at_fault: Option<String>,
    /// A repetition between the regular times, to make sure.
    pub is_confirmation: bool,
}

/// Where measurements go. Those of one probe come one after the other.
#[async_trait]
pub trait Taker: Send + Sync {
    async fn take(&self, taken: Taken);
}

pub struct RunnerParts {
    pub checker: Checker,
    pub clock: SharedClock,
    pub location: String,
    /// Addresses that are known to be good; empty: the other targets are the witnesses.
    pub references: Vec<HostPort>,
    /// Where measurements are sent, for a runner that is not the node: a reference if there are no others.
    pub home: Option<HostPort>,
    pub taker: Arc<dyn Taker>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    parts: RunnerParts,
    probes: Mutex<BTreeMap<String, Arc<Probe>>>,
    changed: Notify,
    seen: Mutex<BTreeMap<String, Seen>>,
    look: tokio::sync::Mutex<Option<(Duration, Look)>>,
    running: Semaphore,
}

/// What this runner knows of a probe.
struct Seen {
    watch: Watch,
    failing_since: Option<Duration>,
    is_repeated: bool,
}

impl Runner {
    pub fn new(parts: RunnerParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            probes: Mutex::default(),
            changed: Notify::new(),
            seen: Mutex::default(),
            look: tokio::sync::Mutex::default(),
            running: Semaphore::new(RUNNING_MAX),
        }))
    }

    /// Checks these from now on; those of other locations are left out.
    pub fn replace(&self, probes: impl IntoIterator<Item = Arc<Probe>>) {
        let here = &self.0.parts.location;
        let probes = probes.into_iter().filter(|probe| probe.runs_at(here));
        let probes: BTreeMap<_, _> = probes.map(|probe| (probe.name.clone(), probe)).collect();
        self.0.seen.lock().retain(|name, _| probes.contains_key(name));
        *self.0.probes.lock() = probes;
        self.0.changed.notify_one();
    }

    /// Until shutdown. Checks that run then are dropped.
    pub async fn run(&self, shutdown: Shutdown) {
        let clock = &self.0.parts.clock;
        let (done, mut ended) = mpsc::channel::<String>(DONE_QUEUE);
        let mut schedule = Schedule::default();
        let mut tasks = tokio::task::JoinSet::new();
        while !shutdown.has_begun() {
            let now = clock.monotonic();
            for name in schedule.take_due(now) {
                let Some(probe) = self.0.probes.lock().get(&name).cloned() else { continue };
                let (inner, done) = (Arc::clone(&self.0), done.clone());
                tasks.spawn(async move {
                    inner.check(probe).await;
                    // The loop has ended: so has the schedule.
                    let _ = done.send(name).await;
                });
            }
            while tasks.try_join_next().is_some() {}
            let pause = schedule.next_at().map_or(Duration::from_secs(3600), |at| at.saturating_sub(now));
            tokio::select! {
                () = shutdown.begun() => {}
                () = clock.sleep(pause) => {}
                () = self.0.changed.notified() => {
                    let probes = self.0.probes.lock().clone();
                    let checks = probes.values().map(|probe| (probe.name.as_str(), probe.interval));
                    schedule.replace(checks, clock.monotonic());
                }
                name = ended.recv() => if let Some(name) = name {
                    schedule.done(&name, clock.monotonic(), self.0.again(&name));
                },
            }
        }
    }
}

impl Inner {
    async fn check(&self, probe: Arc<Probe>) {
        let Ok(_permit) = self.running.acquire().await else { return };
        let measurement = self.parts.checker.run(&probe).await;
        let at_fault = match measurement.outcome {
            Outcome::Failure => {
                let look = self.look_at_itself(&probe).await;
                look.is_at_fault().then(|| look.describe())
            }
            _ => None,
        };
        let is_confirmation = self.note(&probe, &measurement, at_fault.is_some());
        let location = self.parts.location.clone();
        self.parts.taker.take(Taken { probe, location, measurement, at_fault, is_confirmation }).await;
    }

    async fn look_at_itself(&self, failing: &Probe) -> Look {
        let references = &self.parts.references;
        if references.is_empty() {
            if let Some(home) = &self.parts.home {
                let look = self.parts.checker.look(std::slice::from_ref(home), true).await;
                if look.is_at_fault() {
                    return look;
                }
            }
            let others = self.others();
            let chosen = witnesses(failing.endpoint().as_ref(), others);
            return self.parts.checker.look(&chosen, false).await;
        }
        let mut last = self.look.lock().await;
        let now = self.parts.clock.monotonic();
        if let Some((at, look)) = *last
            && now.saturating_sub(at) < LOOK_FRESH
        {
            return look;
        }
        let look = self.parts.checker.look(references, true).await;
        *last = Some((self.parts.clock.monotonic(), look));
        look
    }

    /// Every target that can be connected to, and whether it was fine until just now.
    fn others(&self) -> Vec<(HostPort, bool)> {
        let now = self.parts.clock.monotonic();
        let seen = self.seen.lock();
        let probes = self.probes.lock();
        let fine = |probe: &Arc<Probe>| {
            seen.get(&probe.name).is_some_and(|seen| {
                seen.failing_since.is_none_or(|at| now.saturating_sub(at) < WITNESS_WINDOW)
            })
        };
        probes.values().filter_map(|probe| Some((probe.endpoint()?, fine(probe)))).collect()
    }

    /// Whether it was a repetition.
    fn note(&self, probe: &Probe, measurement: &Measurement, at_fault: bool) -> bool {
        let location = &self.parts.location;
        let thresholds = crate::Thresholds { quorum: 1, ..probe.thresholds() };
        let mut all = self.seen.lock();
        let seen = all.entry(probe.name.clone()).or_insert_with(|| Seen {
            watch: Watch::new(thresholds, std::slice::from_ref(location), measurement.at),
            failing_since: None,
            is_repeated: false,
        });
        seen.watch.redeclare(thresholds, std::slice::from_ref(location));
        seen.watch.observe(location, measurement.at, measurement.outcome, at_fault, None);
        let is_good = measurement.outcome == Outcome::Success;
        seen.failing_since = match (is_good, seen.failing_since) {
            (true, _) => None,
            (false, None) => Some(self.parts.clock.monotonic()),
            (false, since) => since,
        };
        std::mem::replace(&mut seen.is_repeated, seen.watch.is_settling(location))
    }

    /// How soon a check is repeated, if it is before its time.
    fn again(&self, name: &str) -> Option<Duration> {
        let is_repeated = self.seen.lock().get(name).is_some_and(|seen| seen.is_repeated);
        let probes = self.probes.lock();
        is_repeated.then(|| probes.get(name).map(|probe| probe.confirm_interval())).flatten()
    }
}
