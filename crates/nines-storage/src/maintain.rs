//! The control loop: seal, compact, retain, scrub, truncate the journal. Idempotent, takes no input, wakes by timer and
//! when a dataset is worth sealing. A step that fails is tried again at the next round and does not keep the others
//! from running: a full disk must not stop retention, which makes room.

mod compact;
mod offload;
mod retain;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::RecordBatch;

use nines_base::{MIB, Shutdown};
use nines_model::{Dataset, Timestamp};

pub use self::offload::OffloadReport;
use crate::StoreError;
use crate::limits::{Limit, Limits, Notice, UNLIMITED};
use crate::segment::{Written, write_segment};
use crate::snapshot::SegmentFile;
use crate::store::{Sealing, Store};

const ROUND: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A dataset to which nothing was added for this long is sealed if its hot rows take this much: after a burst, memory and
/// journal go back to what a quiet node needs.
const SEAL_QUIET: Duration = Duration::from_secs(15);
const SEAL_QUIET_BYTES: u64 = 16 * MIB;

/// A removed file is kept this long for readers that know only its path; a held snapshot keeps it longer.
const REMOVED_FILE_GRACE: Duration = Duration::from_secs(10 * 60);

/// Read per round to check checksums: 5 s rounds give 4 TiB in 7 days, more than a node holds.
const SCRUB_BYTES_PER_ROUND: u64 = 32 * MIB;

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaintenanceReport {
    pub sealed_segments: u64,
    pub sealed_rows: u64,
    pub compacted_segments: u64,
    pub expired_segments: u64,
    pub expired_rows: u64,
    /// Removed because a disk budget was used up.
    pub evicted_segments: u64,
    pub evicted_bytes: u64,
    pub scrubbed_bytes: u64,
    pub damaged_segments: u64,
    pub journal_bytes_freed: u64,
}

/// State that only the loop uses.
#[derive(Default)]
pub(crate) struct Maintenance {
    /// Out of the catalog; the file is still there. With the monotonic time of removal.
    removed: Vec<(Arc<SegmentFile>, Duration)>,
    retained_at: Option<Duration>,
    /// Retention runs at the next round even if its hour is not over.
    pass_due: bool,
    /// What removal goes by; see [`crate::limits`].
    accepted: BTreeMap<Limit, u64>,
    /// Accepted by hand: the next pass may remove as much as it takes.
    confirmed: BTreeSet<Limit>,
    /// The segment that was scrubbed last.
    scrubbed_id: i64,
}

impl Maintenance {
    pub fn new(accepted: BTreeMap<Limit, u64>) -> Self {
        Self { accepted, ..Self::default() }
    }

    fn in_force(&self, limit: Limit) -> u64 {
        self.accepted.get(&limit).copied().unwrap_or(UNLIMITED)
    }
}

impl Store {
    /// Runs rounds until shutdown begins. Does not seal at the end: see [`Store::close`].
    pub async fn run(&self, shutdown: &Shutdown) {
        tokio::join!(self.run_maintenance(shutdown), self.run_offload(shutdown));
    }

    async fn run_maintenance(&self, shutdown: &Shutdown) {
        while !shutdown.has_begun() {
            if let Err(error) = self.maintain().await {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "store maintenance failed, will retry");
                // A dataset over its limit keeps waking the loop; a full disk does not get better by trying faster.
                self.0.clock.sleep(Duration::from_secs(1)).await;
            }
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.0.wake.notified() => {}
                () = self.0.clock.sleep(ROUND) => {}
            }
        }
    }

    /// One round. Does every step even if one fails, and then returns the first failure.
    pub async fn maintain(&self) -> Result<MaintenanceReport, StoreError> {
        let mut maintenance = self.0.maintenance.lock().await;
        let mut report = MaintenanceReport::default();
        let mut failure = None;
        let mut note = |outcome: Result<(), StoreError>| {
            if let Err(error) = outcome {
                if error.is_disk_full() {
                    self.release_ballast();
                }
                failure.get_or_insert(error);
            }
        };
        note(self.tend_ballast().await);
        for dataset in Dataset::ALL {
            if self.is_worth_sealing(dataset) {
                note(self.seal(dataset, &mut report).await);
            }
        }
        note(self.truncate_journal(&mut report).await);
        for dataset in Dataset::ALL {
            note(self.compact(dataset, &mut maintenance, &mut report).await);
        }
        note(self.retain(&mut maintenance, &mut report).await);
        note(self.delete_removed(&mut maintenance).await);
        note(self.scrub(&mut maintenance, &mut report).await);
        failure.map_or(Ok(report), Err)
    }

    pub fn limits(&self) -> Limits {
        self.0.limits.lock().clone()
    }

    /// Each limit with what is wanted and what removal goes by, in seconds or bytes; `None` is no limit.
    pub async fn limits_in_force(&self) -> Vec<(Limit, Option<u64>, Option<u64>)> {
        let maintenance = self.0.maintenance.lock().await;
        let limits = self.limits();
        let shown = |amount: u64| (amount < UNLIMITED).then_some(amount);
        Limit::all()
            .map(|limit| (limit, shown(limits.amount(limit)), shown(maintenance.in_force(limit))))
            .collect()
    }

    /// From the next round on these are wanted; what is in force may differ until it is confirmed.
    pub fn set_limits(&self, limits: Limits) {
        let mut wanted = self.0.limits.lock();
        if *wanted != limits {
            *wanted = limits;
            drop(wanted);
            self.0.limits_changed.store(true, Ordering::Relaxed);
            self.0.wake.notify_one();
        }
    }

    /// Accepts the wanted limits as they are, whatever they cost: the next round removes by them, at once and without
    /// the bound of a pass. For an operator who has read [`Notice::RemovalRefused`].
    pub async fn confirm_limits(&self) -> Result<(), StoreError> {
        self.confirm_removals(&Limit::all().collect::<Vec<_>>()).await
    }

    /// As [`Store::confirm_limits`], for these alone.
    pub async fn confirm_removals(&self, confirmed: &[Limit]) -> Result<(), StoreError> {
        let mut maintenance = self.0.maintenance.lock().await;
        let limits = self.limits();
        for limit in Limit::all().filter(|limit| confirmed.contains(limit)) {
            let wanted = limits.amount(limit);
            if wanted < maintenance.in_force(limit) {
                self.0.catalog.accept_limit(limit, wanted).await?;
                maintenance.accepted.insert(limit, wanted);
                maintenance.confirmed.insert(limit);
            }
        }
        maintenance.pass_due = true;
        drop(maintenance);
        self.0.wake.notify_one();
        Ok(())
    }

    /// Gives the ballast back, for whoever finds the disk full first: a control database, say. Blocks for as long as it
    /// takes to delete a file. It is made again when there is room.
    pub fn release_ballast(&self) {
        self.0.ballast.release(self.0.disk.as_ref());
        self.note_ballast();
    }

    async fn tend_ballast(&self) -> Result<(), StoreError> {
        if self.0.ballast.bytes() == 0 {
            return Ok(());
        }
        let store = self.clone();
        let tended = tokio::task::spawn_blocking(move || store.0.ballast.tend(store.0.disk.as_ref())).await?;
        self.note_ballast();
        tended
    }

    fn note_ballast(&self) {
        let ballast_bytes = self.0.ballast.bytes();
        self.set_notice(
            Notice::BallastReleased { ballast_bytes },
            ballast_bytes > 0 && self.0.ballast.is_released(),
        );
    }

    /// Raises the notice, or takes it back. Loud when it is new.
    fn set_notice(&self, notice: Notice, is_so: bool) {
        let mut notices = self.0.notices.lock();
        let known = notices.iter().position(|known| known.is_about_the_same(&notice));
        match (known, is_so) {
            (None, true) => {
                tracing::error!(notice = %notice, "the store needs an operator");
                notices.push(notice);
            }
            (Some(position), true) => notices[position] = notice,
            (Some(position), false) => {
                let over = notices.remove(position);
                tracing::info!(notice = %over, "no longer so");
            }
            (None, false) => {}
        }
    }

    /// Seals everything and truncates the journal.
    pub async fn seal_all(&self) -> Result<MaintenanceReport, StoreError> {
        let _maintenance = self.0.maintenance.lock().await;
        let mut report = MaintenanceReport::default();
        for dataset in Dataset::ALL {
            // Twice: a seal that failed before is finished first, and alone.
            self.seal(dataset, &mut report).await?;
            self.seal(dataset, &mut report).await?;
        }
        self.truncate_journal(&mut report).await?;
        Ok(report)
    }

    /// Seals everything and closes the catalog. Nothing may be appended afterwards. If it fails nothing is lost: the
    /// journal still has the rows.
    pub async fn close(&self) -> Result<MaintenanceReport, StoreError> {
        let report = self.seal_all().await;
        self.0.catalog.close().await;
        report
    }

    fn is_worth_sealing(&self, dataset: Dataset) -> bool {
        let state = self.table(dataset).state.lock();
        let now = self.0.clock.monotonic();
        let age = state.hot_since.map_or(Duration::ZERO, |since| now.saturating_sub(since.at));
        let quiet = state.hot_since.map_or(Duration::ZERO, |since| now.saturating_sub(since.last_at));
        let bytes = state.memtable.bytes();
        state.sealing.is_some()
            || bytes >= self.0.config.seal_bytes
            || age >= self.0.config.seal_age
            || bytes >= SEAL_QUIET_BYTES && quiet >= SEAL_QUIET
    }

    async fn seal(&self, dataset: Dataset, report: &mut MaintenanceReport) -> Result<(), StoreError> {
        let Some(sealing) = self.begin_seal(dataset) else { return Ok(()) };
        let path = self.segment_path(dataset, sealing.segment_id);
        let written = {
            let (disk, sealing, path) = (Arc::clone(&self.0.disk), Arc::clone(&sealing), path.clone());
            tokio::task::spawn_blocking(move || {
                let batches: Vec<RecordBatch> =
                    sealing.chunks.iter().map(|chunk| chunk.batch.clone()).collect();
                write_segment(disk.as_ref(), &path, dataset, &sealing.columns, &batches)
            })
            .await??
        };
        let Written { rows, bytes, checksum, blocks, min_time, max_time } = written;
        let segment = Arc::new(SegmentFile {
            id: sealing.segment_id,
            dataset,
            path,
            rows,
            bytes,
            checksum,
            blocks,
            min_time,
            max_time,
            min_sequence: sealing.min_sequence,
            max_sequence: sealing.max_sequence,
            newest_received_at: sealing.newest_received_at,
            remote: self.0.remote.clone(),
        });
        self.0.catalog.commit_seal(&segment, &sealing.columns, self.0.clock.now()).await?;
        let table = self.table(dataset);
        let mut state = table.state.lock();
        state.sealing = None;
        state.segments.push(Arc::clone(&segment));
        table.hot_bytes.store(state.hot_bytes(), Ordering::Relaxed);
        report.sealed_segments += 1;
        report.sealed_rows += segment.rows;
        tracing::debug!(%dataset, segment = segment.id, rows, bytes, "sealed");
        Ok(())
    }

    /// Takes the hot rows out of the memtable into `sealing`, where they stay visible. A seal that failed before comes
    /// first, with the same id and the same rows.
    fn begin_seal(&self, dataset: Dataset) -> Option<Arc<Sealing>> {
        let mut state = self.table(dataset).state.lock();
        let state = &mut *state;
        if let Some(sealing) = &state.sealing {
            return Some(Arc::clone(sealing));
        }
        let since = state.hot_since.take()?;
        let rows = state.memtable.rows();
        let chunks = state.memtable.take(&state.registry);
        let bytes = chunks.iter().map(|chunk| chunk.bytes).sum();
        let sealing = Arc::new(Sealing {
            segment_id: self.0.next_segment_id.fetch_add(1, Ordering::Relaxed),
            chunks,
            columns: state.registry.columns().to_vec(),
            min_sequence: since.sequence,
            max_sequence: state.last_sequence,
            newest_received_at: std::mem::replace(&mut state.newest_received_at, Timestamp::MIN),
            bytes,
            rows,
        });
        state.sealing = Some(Arc::clone(&sealing));
        Some(sealing)
    }

    async fn truncate_journal(&self, report: &mut MaintenanceReport) -> Result<(), StoreError> {
        let Some(journal) = self.0.journal.get().cloned() else { return Ok(()) };
        let needed_from = self.journal_needed_from();
        let truncated = tokio::task::spawn_blocking(move || journal.truncate_before(needed_from)).await?;
        match truncated {
            Ok(bytes) => report.journal_bytes_freed += bytes,
            // The journal has said so itself where it matters; too much journal only costs space.
            Err(error) => tracing::warn!(%error, "journal cannot be truncated"),
        }
        Ok(())
    }

    fn bury(&self, segments: Vec<Arc<SegmentFile>>, maintenance: &mut Maintenance) {
        let now = self.0.clock.monotonic();
        maintenance.removed.extend(segments.into_iter().map(|segment| (segment, now)));
    }

    /// Deletes the files of removed segments that nobody can be reading. A crash before that leaves them for
    /// the next start.
    async fn delete_removed(&self, maintenance: &mut Maintenance) -> Result<(), StoreError> {
        let now = self.0.clock.monotonic();
        // On a full disk the space is worth more than a copy that somebody makes by path.
        let grace = if self.0.ballast.is_released() { Duration::ZERO } else { REMOVED_FILE_GRACE };
        let is_free = |(segment, at): &mut (Arc<SegmentFile>, Duration)| {
            Arc::strong_count(segment) == 1 && now.saturating_sub(*at) >= grace
        };
        let free: Vec<_> = maintenance.removed.extract_if(.., is_free).collect();
        if free.is_empty() {
            return Ok(());
        }
        let disk = Arc::clone(&self.0.disk);
        tokio::task::spawn_blocking(move || {
            for (segment, _) in free {
                if let Err(error) = disk.remove(&segment.path)
                    && !segment.is_absent()
                {
                    tracing::warn!(file = %segment.path.display(), %error, "removed segment cannot be deleted");
                }
            }
        })
        .await
        .map_err(StoreError::from)
    }

    /// Reads the next segments by id and compares their checksums; starts over after the last.
    async fn scrub(
        &self,
        maintenance: &mut Maintenance,
        report: &mut MaintenanceReport,
    ) -> Result<(), StoreError> {
        let segments = self.0.tables.values().flat_map(|table| table.state.lock().segments.clone());
        let mut segments: Vec<_> = segments.filter(|segment| !segment.is_absent()).collect();
        segments.sort_unstable_by_key(|segment| segment.id);
        let next = segments.partition_point(|segment| segment.id <= maintenance.scrubbed_id);
        let mut budget = SCRUB_BYTES_PER_ROUND;
        for segment in &segments[next..] {
            let (disk, path) = (Arc::clone(&self.0.disk), segment.path.clone());
            let read = tokio::task::spawn_blocking(move || disk.read(&path)).await?;
            match read {
                Ok(bytes) if crc32c::crc32c(&bytes) == segment.checksum => {}
                Ok(_) => {
                    report.damaged_segments += 1;
                    self.report_damage(segment, "checksum does not fit").await?;
                }
                // Compaction or retention may have taken it out meanwhile; then this does nothing.
                Err(error) => self.report_unreadable(segment, &error),
            }
            report.scrubbed_bytes += segment.bytes;
            maintenance.scrubbed_id = segment.id;
            budget = budget.saturating_sub(segment.bytes);
            if budget == 0 {
                return Ok(());
            }
        }
        maintenance.scrubbed_id = 0;
        Ok(())
    }
}
