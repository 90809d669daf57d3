//! All jobs: discovery, targets, loops, and what people see of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::SharedDisk;
use nines_base::{SharedClock, Shutdown};
use nines_secrets::SecretResolver;
use parking_lot::Mutex;

use crate::batch::Appender;
use crate::config::{Group, Job};
use crate::discovery::{Names, groups_of_name, read_pattern};
use crate::error::ScrapeError;
use crate::fetch::Fetch;
use crate::labels::LabelSet;
use crate::target::{Relabelled, Target, relabel_target};
use crate::target_loop::{self, Running, TargetMetadata, TargetState, World};

/// How often files of targets are looked at. Upstream is told by the kernel and looks every `refresh_interval` beside;
/// reading a small file this often costs less than watching it.
const FILE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Targets that relabelling dropped and that a job remembers for people, unless `keep_dropped_targets` says otherwise.
/// Service discovery of a large cluster drops ten for each that it keeps.
const DROPPED_MAX: usize = 10_000;

/// Faults of discovery and relabelling that a job remembers.
const FAULTS_MAX: usize = 100;

/// What a scraper is made of.
pub struct Parts {
    pub clock: SharedClock,
    pub fetch: Arc<dyn Fetch>,
    pub appender: Arc<dyn Appender>,
    pub names: Arc<dyn Names>,
    pub disk: SharedDisk,
    /// Knows what `secret://name` in a configuration stands for.
    pub secrets: Arc<dyn SecretResolver>,
    /// Where relative paths of `file_sd_configs` begin.
    pub base: PathBuf,
    /// Spreads the nodes of a cluster over the interval; the hash of a node's id.
    pub offset_seed: u64,
}

/// Runs jobs. Dropping it stops nothing; [`Scraper::stop`] does.
pub struct Scraper {
    world: Arc<World>,
    names: Arc<dyn Names>,
    base: PathBuf,
    pools: Mutex<Vec<Arc<Pool>>>,
}

/// A target for people.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    pub job: String,
    pub target: Arc<Target>,
    pub state: TargetState,
}

/// What a job says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobStatus {
    pub job: String,
    pub targets: usize,
    /// With their labels before relabelling.
    pub dropped: Vec<LabelSet>,
    /// More than `dropped` holds, if there are very many.
    pub dropped_count: usize,
    /// What discovery could not read and what relabelling made unusable.
    pub faults: Vec<String>,
}

impl Scraper {
    pub fn new(parts: Parts) -> Self {
        let world = World {
            clock: parts.clock,
            fetch: parts.fetch,
            appender: parts.appender,
            disk: parts.disk,
            secrets: parts.secrets,
            offset_seed: parts.offset_seed,
            shutdown: Shutdown::new(),
            alive: Mutex::default(),
        };
        Self { world: Arc::new(world), names: parts.names, base: parts.base, pools: Mutex::default() }
    }

    /// Makes these the jobs. One that has not changed goes on as if nothing had happened. Must be called on the runtime.
    pub fn apply(&self, jobs: Vec<Job>) {
        let mut pools = self.pools.lock();
        let mut before: Vec<Arc<Pool>> = std::mem::take(&mut *pools);
        for job in jobs {
            if let Some(at) = before.iter().position(|pool| *pool.job == job) {
                pools.push(before.remove(at));
                continue;
            }
            let pool = Arc::new(Pool {
                world: self.world.clone(),
                names: self.names.clone(),
                base: self.base.clone(),
                job: Arc::new(job),
                stop: Shutdown::new(),
                inside: Mutex::default(),
            });
            tokio::spawn(pool.clone().run());
            pools.push(pool);
        }
        for pool in before {
            pool.stop.begin();
        }
    }

    /// Stops all loops. No series is ended: the node will be back.
    pub fn stop(&self) {
        self.world.shutdown.begin();
        for pool in self.pools.lock().drain(..) {
            pool.stop.begin();
        }
    }

    /// All targets, by job in the order of the configuration, then by URL.
    pub fn targets(&self) -> Vec<TargetStatus> {
        let mut all = Vec::new();
        for pool in self.pools.lock().iter() {
            let inside = pool.inside.lock();
            let from = all.len();
            all.extend(inside.running.values().map(|running| TargetStatus {
                job: pool.job.name.clone(),
                target: running.target.clone(),
                state: running.state.lock().clone(),
            }));
            all[from..].sort_by(|a: &TargetStatus, b| {
                (&a.target.url, &a.target.labels).cmp(&(&b.target.url, &b.target.labels))
            });
        }
        all
    }

    /// What the targets of [`Self::targets`] expose, in the same order.
    pub fn metadata(&self) -> Vec<(Arc<Target>, TargetMetadata)> {
        let mut all = Vec::new();
        for pool in self.pools.lock().iter() {
            let inside = pool.inside.lock();
            let from = all.len();
            let running = inside.running.values();
            all.extend(running.map(|running| (running.target.clone(), running.metadata.lock().clone())));
            all[from..]
                .sort_by(|(a, _): &(Arc<Target>, _), (b, _)| (&a.url, &a.labels).cmp(&(&b.url, &b.labels)));
        }
        all
    }

    pub fn jobs(&self) -> Vec<JobStatus> {
        let pools = self.pools.lock();
        pools.iter().map(|pool| pool.inside.lock().status.clone()).collect()
    }

    /// Names of the jobs, in the order of the configuration: upstream's scrape pools.
    pub fn job_names(&self) -> Vec<String> {
        self.pools.lock().iter().map(|pool| pool.job.name.clone()).collect()
    }
}

/// One job.
struct Pool {
    world: Arc<World>,
    names: Arc<dyn Names>,
    base: PathBuf,
    job: Arc<Job>,
    stop: Shutdown,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    running: HashMap<u64, Running>,
    /// Of discovery, when the targets were last brought up to date.
    faults: Vec<String>,
    status: JobStatus,
}

/// What one discovery found, and when it is to be asked again.
struct Source {
    kind: Kind,
    due: Duration,
    groups: Vec<Group>,
    faults: Vec<String>,
}

enum Kind {
    Files { pattern: String, every: Duration },
    Name { of: usize, name: String, every: Duration },
}

impl Pool {
    async fn run(self: Arc<Self>) {
        let clock = self.world.clock.clone();
        let mut sources = self.sources();
        let mut groups_before: Option<Vec<Group>> = None;
        loop {
            let now = clock.monotonic();
            for source in sources.iter_mut().filter(|source| source.due <= now) {
                self.refresh(source).await;
                let (Kind::Files { every, .. } | Kind::Name { every, .. }) = &source.kind;
                source.due = clock.monotonic() + *every;
            }
            let mut groups = self.job.static_groups.clone();
            groups.extend(sources.iter().flat_map(|source| source.groups.iter().cloned()));
            let mut faults: Vec<String> =
                sources.iter().flat_map(|source| source.faults.iter().cloned()).collect();
            faults.truncate(FAULTS_MAX);
            if groups_before.as_ref() != Some(&groups) || self.inside.lock().faults != faults {
                self.sync(&groups, faults);
                groups_before = Some(groups);
            }
            let next = sources.iter().map(|source| source.due).min();
            let wait = async {
                match next {
                    Some(due) => clock.sleep(due.saturating_sub(clock.monotonic())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.world.shutdown.begun() => break,
                () = self.stop.begun() => break,
                () = wait => {}
            }
        }
        for running in std::mem::take(&mut self.inside.lock().running).into_values() {
            running.stop.begin();
        }
    }

    fn sources(&self) -> Vec<Source> {
        let source =
            |kind: Kind| Source { kind, due: Duration::ZERO, groups: Vec::new(), faults: Vec::new() };
        let mut all = Vec::new();
        for files in &self.job.files {
            let every = files.refresh.min(FILE_CHECK_INTERVAL);
            for pattern in &files.patterns {
                all.push(source(Kind::Files { pattern: pattern.clone(), every }));
            }
        }
        for (of, dns) in self.job.dns.iter().enumerate() {
            for name in &dns.names {
                all.push(source(Kind::Name { of, name: name.clone(), every: dns.refresh }));
            }
        }
        all
    }

    /// What cannot be read now stays as it was, as upstream keeps it: an unreachable name server must not end series.
    async fn refresh(&self, source: &mut Source) {
        match &source.kind {
            Kind::Files { pattern, .. } => {
                let (disk, base, pattern) = (self.world.disk.clone(), self.base.clone(), pattern.clone());
                let read = tokio::task::spawn_blocking(move || read_pattern(&disk, &base, &pattern)).await;
                let Ok((groups, faults)) = read else { return };
                if faults.is_empty() {
                    source.groups = groups;
                } else {
                    // Groups of the files that were read replace their former selves; the rest stays.
                    let file = |group: &Group| group.labels.get("__meta_filepath").to_owned();
                    let read: Vec<String> = groups.iter().map(&file).collect();
                    source.groups.retain(|group| !read.contains(&file(group)));
                    source.groups.extend(groups);
                }
                source.faults = faults;
            }
            Kind::Name { of, name, .. } => {
                let Some(dns) = self.job.dns.get(*of) else { return };
                match groups_of_name(self.names.as_ref(), dns, name).await {
                    Ok(group) => (source.groups, source.faults) = (vec![group], Vec::new()),
                    Err(error) => source.faults = vec![error.to_string()],
                }
            }
        }
    }

    /// Starts what is new, stops what is gone.
    fn sync(&self, groups: &[Group], faults: Vec<String>) {
        let mut status = JobStatus { job: self.job.name.clone(), ..JobStatus::default() };
        let kept =
            if self.job.keep_dropped_targets == 0 { DROPPED_MAX } else { self.job.keep_dropped_targets };
        let mut unusable = faults.clone();
        let mut wanted: HashMap<u64, Target> = HashMap::new();
        for group in groups {
            for own in &group.targets {
                match relabel_target(&self.job, group, own) {
                    Ok(Relabelled::Target(target)) => {
                        wanted.insert(target.hash(), *target);
                    }
                    Ok(Relabelled::Dropped(labels)) => {
                        status.dropped_count += 1;
                        if status.dropped.len() < kept.min(DROPPED_MAX) {
                            status.dropped.push(labels);
                        }
                    }
                    Err(error) => unusable.push(format!("{}: {error}", own.get("__address__"))),
                }
            }
        }
        for fault in unusable.iter().take(FAULTS_MAX) {
            tracing::warn!(job = %self.job.name, %fault, "part of a scrape job cannot be used");
        }
        let limit = self.job.limits.targets;
        let forced = (limit > 0 && wanted.len() > limit)
            .then_some(ScrapeError::TargetLimit { found: wanted.len(), limit });
        let mut inside = self.inside.lock();
        let gone: Vec<u64> =
            inside.running.keys().filter(|hash| !wanted.contains_key(hash)).copied().collect();
        for hash in gone {
            if let Some(running) = inside.running.remove(&hash) {
                running.stop.begin();
            }
        }
        for (hash, target) in wanted {
            let entry = inside.running.entry(hash);
            let running = entry.or_insert_with(|| target_loop::start(&self.world, &self.job, target));
            *running.forced.lock() = forced.clone();
        }
        status.targets = inside.running.len();
        unusable.truncate(FAULTS_MAX);
        status.faults = unusable;
        inside.faults = faults;
        inside.status = status;
    }
}
