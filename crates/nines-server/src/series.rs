//! The series store in a node: opened, filled by OTLP, sealed, compacted, bounded in age and size, checked, asked about.
//!
//! One loop does the upkeep, one thing at a time and off the async threads. It takes no input: it looks at what the store
//! says of itself, so being late costs memory and never data.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures::future::BoxFuture;
use nines_api as api;
use nines_base::disk::{SharedDisk, publish};
use nines_base::{ErrorKind, MIB, Random, SharedClock, Shutdown, chain};
use nines_ingest::Scrubber;
use nines_metrics::{About, QuestionLimits, Questions, Translator};
use nines_model::{Batch, Dataset, Timestamp};
use nines_receive::{Sink, SinkError};
use nines_series::{Budgets, SeriesError, SeriesRecovery, SeriesStore, StoreConfig};
use parking_lot::Mutex;

use crate::config::Config;
use crate::memory::MemoryShares;

/// How often the loop looks whether there is something to do.
const ROUND: Duration = Duration::from_secs(5);
/// A journal beyond this takes half a minute to replay.
const JOURNAL_BYTES_SEAL: u64 = 512 * MIB;
/// After a seal that failed: time for a full disk to be seen to.
const SEAL_PAUSE: Duration = Duration::from_secs(60);
const RETENTION_EVERY: Duration = Duration::from_secs(60 * 60);
/// Everything that is kept is read and checked so often.
const VERIFY_EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// When that was last done, in nanoseconds; beside the folder, in which only the store writes.
const VERIFIED_FILE: &str = "series-verified.state";
/// Of the disk that sealed telemetry may take, metrics get this part: rows of logs and spans are wider than samples.
pub const DISK_SHARE: u64 = 4;
/// Faults that the status names; a damaged disk has thousands.
const DAMAGE_MAX: usize = 50;

/// The node's metrics. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    pub store: SeriesStore,
    pub questions: Questions,
    translator: Arc<Translator>,
    kept: Arc<Kept>,
}

struct Kept {
    clock: SharedClock,
    disk: SharedDisk,
    verified_file: PathBuf,
    /// As the node was started; documents may say another.
    retention: Duration,
    declared_retention: Mutex<Option<Duration>>,
    seal_every: Duration,
    /// What all segments may take.
    disk_bytes: Option<u64>,
    head_bytes_max: u64,
    /// The next pass may delete as much as it takes.
    confirmed: AtomicBool,
    /// Retention runs at the next round even if its hour is not over.
    pass_due: AtomicBool,
    damage: Mutex<Vec<String>>,
    /// What retention does not delete before somebody confirms it.
    refused: Mutex<Option<RefusedDeletion>>,
}

impl Metrics {
    /// Opens the store and replays what is not sealed; blocks meanwhile.
    pub fn open(
        config: &Config,
        shares: MemoryShares,
        disk: &SharedDisk,
        clock: &SharedClock,
        random: &Random,
    ) -> anyhow::Result<Self> {
        let folder = config.data_dir.join("series");
        let store_config = StoreConfig {
            head_bytes_max: shares.series_head_bytes,
            index_bytes_max: shares.series_index_bytes,
            budgets: budgets(shares.series_max),
            thin_after: config.metrics_thin_after,
            age_max: config.metrics_retention.max(StoreConfig::new(&folder).age_max),
            ..StoreConfig::new(&folder)
        };
        let (store, recovery) =
            SeriesStore::open(store_config, Arc::clone(disk), Arc::clone(clock), random.clone())
                .with_context(|| format!("cannot open the metrics in {}", folder.display()))?;
        tracing::info!(
            segments = recovery.segments,
            replayed_samples = recovery.replayed_samples,
            damaged = recovery.damaged_segments.len() + recovery.journal.damaged.len(),
            "metrics are recovered"
        );
        let limits = QuestionLimits { samples_max: shares.metric_question_samples, ..Default::default() };
        let about = About {
            version: env!("CARGO_PKG_VERSION"),
            started_at: clock.now(),
            retention: config.metrics_retention,
        };
        let kept = Kept {
            clock: Arc::clone(clock),
            disk: Arc::clone(disk),
            verified_file: config.data_dir.join(VERIFIED_FILE),
            retention: config.metrics_retention,
            seal_every: config.metrics_seal_every,
            disk_bytes: config.disk_bytes.map(|bytes| bytes / DISK_SHARE),
            head_bytes_max: shares.series_head_bytes,
            declared_retention: Mutex::default(),
            confirmed: AtomicBool::new(false),
            pass_due: AtomicBool::new(false),
            damage: Mutex::new(found_damage(&recovery)),
            refused: Mutex::default(),
        };
        Ok(Self {
            questions: Questions::new(store.clone(), Arc::clone(clock), limits, about),
            translator: Arc::default(),
            store,
            kept: Arc::new(kept),
        })
    }

    /// A sink that stores metrics as series before it hands them on as rows.
    pub fn sink(&self, rows: Arc<dyn Sink>, masking: Arc<dyn Scrubber>) -> Arc<dyn Sink> {
        Arc::new(SeriesFirst { metrics: self.clone(), rows, masking })
    }

    /// Keeps the store in order until `shutdown` begins.
    pub async fn keep(self, shutdown: Shutdown) {
        let clock = Arc::clone(&self.kept.clock);
        let mut due = self.due(clock.monotonic());
        while !shutdown.has_begun() {
            let (metrics, stop) = (self.clone(), shutdown.clone());
            match tokio::task::spawn_blocking(move || metrics.round(due, &stop)).await {
                Ok(next) => due = next,
                Err(error) => {
                    tracing::error!(%error, "the upkeep of metrics panicked");
                    due = self.due(clock.monotonic());
                }
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = clock.sleep(ROUND) => {}
            }
        }
    }

    /// Refuses new writes and finishes those in flight. The journal has what is not sealed.
    pub async fn close(&self) {
        let store = self.store.clone();
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            tracing::error!("the metric store ended badly; its journal will be recovered");
        }
    }

    fn round(&self, mut due: Due, stop: &Shutdown) -> Due {
        let now = self.kept.clock.monotonic();
        let stats = self.store.stats();
        let is_large =
            stats.head_bytes > self.kept.head_bytes_max / 2 || stats.journal.bytes > JOURNAL_BYTES_SEAL;
        let has_samples = stats.head_samples > 0;
        if has_samples && now >= due.seal_pause && (is_large || now >= due.seal) {
            match self.store.seal() {
                Ok(report) => {
                    tracing::info!(
                        series = report.series,
                        samples = report.samples,
                        bytes = report.bytes,
                        "metrics sealed"
                    );
                    due.seal = now + self.kept.seal_every;
                    due.retention = due.retention.min(now);
                }
                Err(error) => {
                    tracing::error!(%error, "metrics could not be sealed; the journal has them");
                    due.seal_pause = now + SEAL_PAUSE;
                }
            }
        }
        while !stop.has_begun() {
            match self.store.compact() {
                Ok(Some(report)) => {
                    tracing::debug!(inputs = report.inputs, bytes = report.bytes_after, "metrics compacted");
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "metrics could not be compacted");
                    break;
                }
            }
        }
        let is_asked_for = self.kept.pass_due.swap(false, Ordering::Relaxed);
        if (is_asked_for || now >= due.retention) && !stop.has_begun() {
            self.retain();
            due.retention = now + RETENTION_EVERY;
        }
        if !stop.has_begun() && self.is_verification_due() {
            self.verify();
        }
        due
    }

    fn retain(&self) {
        let by_age = self.oldest_kept().as_millis();
        let by_size = self.kept.disk_bytes.and_then(|bytes| self.store.cutoff_for(bytes));
        let before_ms = by_size.map_or(by_age, |by_size| by_size.max(by_age));
        let confirmed = self.kept.confirmed.swap(false, Ordering::Relaxed);
        let refused = match self.store.delete_before(before_ms, confirmed) {
            Ok(plan) if plan.segments.is_empty() => None,
            Ok(plan) => {
                tracing::info!(
                    segments = plan.segments.len(),
                    samples = plan.samples,
                    bytes = plan.bytes,
                    "old metrics deleted"
                );
                None
            }
            Err(SeriesError::RetentionGuard { percent }) => {
                let plan = self.store.plan_retention(before_ms);
                let (segments, samples, bytes) = (plan.segments.len() as u64, plan.samples, plan.bytes);
                Some(RefusedDeletion { percent, segments, samples, bytes })
            }
            Err(error) => {
                tracing::error!(%error, "old metrics could not be deleted");
                None
            }
        };
        *self.kept.refused.lock() = refused;
    }

    fn is_verification_due(&self) -> bool {
        let bytes = self.kept.disk.read(&self.kept.verified_file).unwrap_or_default();
        let last: i64 = String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0);
        let last = Timestamp::from_nanos(last);
        if last == Timestamp::EPOCH {
            // The first start: nothing is old enough to have rotted.
            self.note_verified();
            return false;
        }
        self.kept.clock.now().since(last) >= VERIFY_EVERY
    }

    fn verify(&self) {
        let faults: Vec<String> = self.store.verify().iter().map(|error| chain(error)).collect();
        tracing::info!(faults = faults.len(), "metrics verified");
        let mut damage = self.kept.damage.lock();
        for fault in faults {
            if damage.len() < DAMAGE_MAX && !damage.contains(&fault) {
                damage.push(fault);
            }
        }
        drop(damage);
        self.note_verified();
    }

    fn note_verified(&self) {
        let text = self.kept.clock.now().as_nanos().to_string();
        let path = &self.kept.verified_file;
        let written: std::io::Result<()> =
            publish(self.kept.disk.as_ref(), path, |file| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            tracing::warn!(file = %path.display(), %error, "when metrics were verified could not be written down");
        }
    }

    /// Samples from before it are on their way out.
    pub fn oldest_kept(&self) -> Timestamp {
        let retention = i64::try_from(self.retention().as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_nanos(self.kept.clock.now().as_nanos().saturating_sub(retention))
    }

    /// What is damaged, in words.
    pub fn damage(&self) -> Vec<String> {
        self.kept.damage.lock().clone()
    }

    /// Limits that are not kept.
    pub fn notice(&self) -> Option<String> {
        let refused = (*self.kept.refused.lock())?;
        Some(format!(
            "limits on series of metrics would delete {} % of their samples at once: widen them, or confirm it (`nines limits`)",
            refused.percent
        ))
    }

    /// What waits for [`Metrics::confirm_limits`].
    pub fn refused_deletion(&self) -> Option<RefusedDeletion> {
        *self.kept.refused.lock()
    }

    /// The next pass, which comes at once, deletes whatever the limits say.
    pub fn confirm_limits(&self) {
        self.kept.confirmed.store(true, Ordering::Relaxed);
        self.kept.pass_due.store(true, Ordering::Relaxed);
    }

    /// What documents say in place of what the node was started with.
    pub fn set_retention(&self, declared: Option<Duration>) {
        let mut known = self.kept.declared_retention.lock();
        if *known != declared {
            *known = declared;
            self.kept.pass_due.store(true, Ordering::Relaxed);
        }
    }

    /// How long samples are kept, as of now.
    pub fn retention(&self) -> Duration {
        self.kept.declared_retention.lock().unwrap_or(self.kept.retention)
    }

    pub fn status(&self) -> api::SeriesStatus {
        let stats = self.store.stats();
        let translated = self.translator.stats();
        let refused = |refused: &nines_series::RefusedMetric| api::RefusedMetric {
            metric: refused.exceeded.metric.to_string(),
            label: refused.exceeded.label.to_string(),
            label_values: refused.exceeded.label_values,
            limit: refused.exceeded.limit,
            refused_samples: refused.refused_samples,
        };
        api::SeriesStatus {
            active_series: stats.active_series,
            series_max: self.store.budgets().series_max,
            samples: stats.samples_appended,
            duplicates: stats.duplicate_samples,
            out_of_order: stats.out_of_order_samples,
            rejected: stats
                .rejected
                .iter()
                .map(|(reason, count)| api::Refused { reason: (*reason).to_owned(), count: *count })
                .collect(),
            refused_metrics: stats.refused_metrics.iter().take(REFUSED_SHOWN).map(refused).collect(),
            late_deltas: translated.late_deltas,
            points_left_out: translated.left_out,
            head_samples: stats.head_samples,
            memory_bytes: stats.head_bytes + stats.index_bytes + stats.segment_index_bytes,
            segments: stats.segments,
            stored_samples: stats.segment_samples,
            bytes_on_disk: stats.segment_bytes,
            journal_bytes: stats.journal.bytes,
            failed_commits_in_a_row: stats.journal.failed_commits_in_a_row,
        }
    }
}

/// A deletion of metrics that was larger than a policy usually asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedDeletion {
    /// Of all samples.
    pub percent: u64,
    pub segments: u64,
    pub samples: u64,
    pub bytes: u64,
}

/// Metrics that budgets stopped, shown in the status: the worst ones.
const REFUSED_SHOWN: usize = 10;

/// One metric may take a quarter of all series: half a million on a large machine, which is what the request counter of a
/// large cluster has, and three quarters are left to the others.
fn budgets(series_max: u64) -> Budgets {
    Budgets { series_max, series_per_metric_max: series_max / 4 }
}

/// When what is to be done next, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
struct Due {
    seal: Duration,
    /// Not before this, after a failure.
    seal_pause: Duration,
    retention: Duration,
}

impl Metrics {
    fn due(&self, now: Duration) -> Due {
        Due { seal: now + self.kept.seal_every, seal_pause: now, retention: now }
    }
}

fn found_damage(recovery: &SeriesRecovery) -> Vec<String> {
    let journal = recovery.journal.damaged.iter().map(|damage| {
        format!(
            "metric journal {} at byte {}: {} bytes, {:?}",
            damage.file.display(),
            damage.offset,
            damage.bytes,
            damage.reason
        )
    });
    let segments = recovery.damaged_segments.iter().map(|error| chain(error));
    journal.chain(segments).take(DAMAGE_MAX).collect()
}

/// Series first, because writing them again changes nothing: a sender that is told to come back after the rows were
/// refused sends no sample twice, and rows are written once.
struct SeriesFirst {
    metrics: Metrics,
    rows: Arc<dyn Sink>,
    masking: Arc<dyn Scrubber>,
}

impl Sink for SeriesFirst {
    fn submit(&self, batches: Vec<Batch>, bytes: u64) -> BoxFuture<'_, Result<(), SinkError>> {
        if batches.iter().any(|batch| batch.dataset == Dataset::Metrics) {
            Box::pin(self.submit_both(batches, bytes))
        } else {
            self.rows.submit(batches, bytes)
        }
    }
}

impl SeriesFirst {
    async fn submit_both(&self, batches: Vec<Batch>, bytes: u64) -> Result<(), SinkError> {
        // A copy: the rows are masked on their own way, and what is hashed must not be hashed twice.
        let mut metrics: Vec<Batch> =
            batches.iter().filter(|batch| batch.dataset == Dataset::Metrics).cloned().collect();
        let (masking, translator) = (Arc::clone(&self.masking), Arc::clone(&self.metrics.translator));
        let store = self.metrics.store.clone();
        let pending = tokio::task::spawn_blocking(move || {
            metrics.iter_mut().for_each(|batch| masking.scrub(batch));
            let translated = translator.translate(&metrics);
            (!translated.is_empty()).then(|| store.write(translated.request())).transpose()
        });
        let pending = pending.await.map_err(|error| refused(&error.to_string(), None))?;
        if let Some(pending) = pending.map_err(not_stored)? {
            // What single series were refused for is counted there; their rows are kept all the same.
            pending.await.map_err(not_stored)?;
        }
        self.rows.submit(batches, bytes).await
    }
}

fn not_stored(error: SeriesError) -> SinkError {
    tracing::warn!(error = &error as &dyn std::error::Error, "metrics were not stored");
    refused(&error.to_string(), error.retry_after())
}

/// The sender still has the data, and it may pass later.
fn refused(message: &str, retry_after: Option<Duration>) -> SinkError {
    SinkError { kind: ErrorKind::Unavailable, message: message.to_owned(), retry_after }
}

#[cfg(test)]
mod tests {
    use nines_base::ManualClock;
    use nines_base::disk::RealDisk;
    use nines_series::WriteRequest;

    use super::*;

    fn opened(data: &std::path::Path, clock: &SharedClock) -> Metrics {
        let config = Config { data_dir: data.to_owned(), ..Config::default() };
        let shares = MemoryShares::of(1024 * MIB);
        Metrics::open(&config, shares, &RealDisk::shared(), clock, &Random::from_seed(7)).unwrap()
    }

    /// A sample of now.
    fn write(metrics: &Metrics, clock: &SharedClock) {
        let mut request = WriteRequest::default();
        request.label(b"__name__", b"up");
        request.sample(clock.now().as_millis(), 1.0);
        request.end_series();
        assert!(metrics.store.write(request).unwrap().wait().unwrap().is_whole());
    }

    #[test]
    fn the_upkeep_seals_in_time_and_retention_asks_before_it_deletes_most() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path()).unwrap();
        let manual = ManualClock::at(Timestamp::from_secs(1_795_334_400));
        let clock: SharedClock = Arc::clone(&manual) as SharedClock;
        let running = Shutdown::new();
        let metrics = opened(folder.path(), &clock);
        let due = metrics.due(clock.monotonic());
        write(&metrics, &clock);
        let due = metrics.round(due, &running);
        assert_eq!(metrics.status().segments, 0, "nothing is sealed before its time");
        manual.advance(Config::default().metrics_seal_every);
        let due = metrics.round(due, &running);
        let status = metrics.status();
        assert_eq!((status.segments, status.stored_samples, status.head_samples), (1, 1, 0));
        // A quarter of a year later all of it is too old, which is more than a policy usually deletes.
        manual.advance(Duration::from_secs(91 * 24 * 60 * 60));
        metrics.round(due, &running);
        assert!(metrics.notice().is_some_and(|notice| notice.contains("100 %")));
        assert_eq!(metrics.status().segments, 1);
        let waiting = metrics.refused_deletion().unwrap();
        assert_eq!((waiting.percent, waiting.segments, waiting.samples), (100, 1, 1));
        // Confirmed once, it is done at the next round; a wider limit would have asked for nothing.
        metrics.confirm_limits();
        metrics.round(metrics.due(clock.monotonic()), &running);
        assert_eq!((metrics.status().segments, metrics.refused_deletion()), (0, None));
        let confirmed = metrics;
        assert_eq!((confirmed.status().segments, confirmed.notice()), (0, None));
        assert!(confirmed.damage().is_empty());
    }
}
