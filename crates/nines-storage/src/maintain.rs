//! The control loop: seal, compact, retain, scrub, truncate the journal. Idempotent, takes no input, wakes by timer and
//! when a dataset is worth sealing. A step that fails is tried again at the next round and does not keep the others
//! from running: a full disk must not stop retention, which makes room.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::RecordBatch;

use nines_base::{MIB, Shutdown};
use nines_model::{Dataset, Timestamp};

use crate::segment::{Written, decode_segment, write_segment};
use crate::snapshot::SegmentFile;
use crate::store::{Sealing, Store};
use crate::{Column, StoreError};

const ROUND: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A dataset to which nothing was added for this long is sealed if its hot rows take this much: after a burst, memory and
/// journal go back to what a quiet node needs.
const SEAL_QUIET: Duration = Duration::from_secs(15);
const SEAL_QUIET_BYTES: u64 = 16 * MIB;

/// While a day is still being received, segments below this size are worth merging: those that were sealed for their
/// age. A seal of 128 MiB hot gives about 10 MiB and is left alone, so that a busy hour is not written twice.
const COMPACT_BYTES_SMALL: u64 = 4 * MIB;
/// Once the day is over and quiet, segments below this size are merged once.
const COMPACT_BYTES_SMALL_QUIET: u64 = 32 * MIB;
/// One merge reads at most this much (or two segments), and holds it decoded: some hundred MiB.
const COMPACT_BYTES_MAX: u64 = 64 * MIB;
const COMPACT_ROWS_MAX: u64 = 2_000_000;
/// While a day is still being received, wait for this many: each row is then merged about once.
const COMPACT_SEGMENTS_MIN: usize = 8;

/// A removed file is kept this long for readers that know only its path; a held snapshot keeps it longer.
const REMOVED_FILE_GRACE: Duration = Duration::from_secs(10 * 60);

const RETENTION_PASS: Duration = HOUR;
/// One pass removes at most this share of a dataset's rows, or one segment.
const RETENTION_SHARE_MAX: f64 = 0.05;
/// Retention's own clock follows the wall clock, but never gains more than this per pass beyond the time that really
/// passed. A clock that jumps ten years ahead thus costs at most one extra hour of data per hour of running.
const RETENTION_ADVANCE_MAX: Duration = HOUR;
/// The same for the first pass after a start, when nobody knows how long we were down.
const RETENTION_ADVANCE_AT_START_MAX: Duration = DAY;
/// No retention when the newest data is older than this: either the clock is wrong or nothing arrives, and then the old
/// data is all there is.
const RETENTION_SILENCE_MAX: Duration = DAY;

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
    /// The segment that was scrubbed last.
    scrubbed_id: i64,
}

impl Store {
    /// Runs rounds until shutdown begins. Does not seal at the end: see [`Store::close`].
    pub async fn run(&self, shutdown: &Shutdown) {
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
                failure.get_or_insert(error);
            }
        };
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
        let Written { rows, bytes, checksum, min_time, max_time } = written;
        let segment = Arc::new(SegmentFile {
            id: sealing.segment_id,
            dataset,
            path,
            rows,
            bytes,
            checksum,
            min_time,
            max_time,
            min_sequence: sealing.min_sequence,
            max_sequence: sealing.max_sequence,
            newest_received_at: sealing.newest_received_at,
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
        let (bytes, rows) = (state.memtable.bytes(), state.memtable.rows());
        let sealing = Arc::new(Sealing {
            segment_id: self.0.next_segment_id.fetch_add(1, Ordering::Relaxed),
            chunks: state.memtable.take(&state.registry),
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

    async fn compact(
        &self,
        dataset: Dataset,
        maintenance: &mut Maintenance,
        report: &mut MaintenanceReport,
    ) -> Result<(), StoreError> {
        let inputs = compaction_inputs(&self.table(dataset).state.lock().segments, self.0.clock.now());
        if inputs.is_empty() {
            return Ok(());
        }
        let columns = self.columns(dataset);
        let id = self.0.next_segment_id.fetch_add(1, Ordering::Relaxed);
        let path = self.segment_path(dataset, id);
        let merged = {
            let (disk, inputs, path) = (Arc::clone(&self.0.disk), inputs.clone(), path.clone());
            tokio::task::spawn_blocking(move || merge(disk.as_ref(), &path, dataset, &columns, &inputs))
                .await?
        };
        let written = match merged {
            Ok(written) => written,
            Err(MergeError::Damaged(segment, reason)) => {
                report.damaged_segments += 1;
                return self.report_damage(&segment, &reason).await;
            }
            Err(MergeError::Unreadable(segment, error)) => {
                self.report_unreadable(&segment, &error);
                return Ok(());
            }
            Err(MergeError::Store(error)) => return Err(error),
        };
        let segment = Arc::new(SegmentFile {
            id,
            dataset,
            path,
            rows: written.rows,
            bytes: written.bytes,
            checksum: written.checksum,
            min_time: written.min_time,
            max_time: written.max_time,
            min_sequence: inputs.iter().map(|input| input.min_sequence).min().unwrap_or(0),
            max_sequence: inputs.iter().map(|input| input.max_sequence).max().unwrap_or(0),
            newest_received_at: inputs.iter().map(|input| input.newest_received_at).max().unwrap_or_default(),
        });
        self.0.catalog.commit_compaction(&segment, &inputs, self.0.clock.now()).await?;
        {
            let mut state = self.table(dataset).state.lock();
            state.segments.retain(|known| !inputs.iter().any(|input| input.id == known.id));
            state.segments.push(segment);
        }
        report.compacted_segments += inputs.len() as u64;
        self.bury(inputs, maintenance);
        Ok(())
    }

    async fn retain(
        &self,
        maintenance: &mut Maintenance,
        report: &mut MaintenanceReport,
    ) -> Result<(), StoreError> {
        let monotonic = self.0.clock.monotonic();
        let elapsed = maintenance.retained_at.map(|at| monotonic.saturating_sub(at));
        if elapsed.is_some_and(|elapsed| elapsed < RETENTION_PASS) {
            return Ok(());
        }
        let now = self.0.clock.now();
        let advance =
            elapsed.map_or(RETENTION_ADVANCE_AT_START_MAX, |elapsed| elapsed + RETENTION_ADVANCE_MAX);
        let trusted = match self.0.catalog.retention_time().await? {
            Some(before) if now > before + advance => {
                tracing::warn!(clock = %now, trusted = %(before + advance), "retention does not trust the clock yet");
                before + advance
            }
            _ => now,
        };
        self.0.catalog.set_retention_time(trusted).await?;
        maintenance.retained_at = Some(monotonic);
        if self.newest_received_at().is_none_or(|newest| trusted > newest + RETENTION_SILENCE_MAX) {
            return Ok(());
        }
        for (&dataset, &keep) in &self.0.config.retention {
            let expired = expired(&self.table(dataset).state.lock().segments, trusted - keep);
            if expired.is_empty() {
                continue;
            }
            self.0.catalog.commit_removal(&expired, now).await?;
            let gone = |id: i64| expired.iter().any(|segment| segment.id == id);
            self.table(dataset).state.lock().segments.retain(|known| !gone(known.id));
            report.expired_segments += expired.len() as u64;
            report.expired_rows += expired.iter().map(|segment| segment.rows).sum::<u64>();
            self.bury(expired, maintenance);
        }
        Ok(())
    }

    fn newest_received_at(&self) -> Option<Timestamp> {
        let newest = self.0.tables.values().filter_map(|table| {
            let state = table.state.lock();
            let sealed = state.segments.iter().map(|segment| segment.newest_received_at);
            let sealing = state.sealing.iter().map(|sealing| sealing.newest_received_at);
            let hot = state.hot_since.map(|_| state.newest_received_at);
            sealed.chain(sealing).chain(hot).max()
        });
        newest.max()
    }

    fn bury(&self, segments: Vec<Arc<SegmentFile>>, maintenance: &mut Maintenance) {
        let now = self.0.clock.monotonic();
        maintenance.removed.extend(segments.into_iter().map(|segment| (segment, now)));
    }

    /// Deletes the files of removed segments that nobody can be reading. A crash before that leaves them for
    /// the next start.
    async fn delete_removed(&self, maintenance: &mut Maintenance) -> Result<(), StoreError> {
        let now = self.0.clock.monotonic();
        let is_free = |(segment, at): &mut (Arc<SegmentFile>, Duration)| {
            Arc::strong_count(segment) == 1 && now.saturating_sub(*at) >= REMOVED_FILE_GRACE
        };
        let free: Vec<_> = maintenance.removed.extract_if(.., is_free).collect();
        if free.is_empty() {
            return Ok(());
        }
        let disk = Arc::clone(&self.0.disk);
        tokio::task::spawn_blocking(move || {
            for (segment, _) in free {
                if let Err(error) = disk.remove(&segment.path) {
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
        let mut segments: Vec<_> = segments.collect();
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

enum MergeError {
    Damaged(Arc<SegmentFile>, String),
    Unreadable(Arc<SegmentFile>, std::io::Error),
    Store(StoreError),
}

fn merge(
    disk: &dyn nines_base::disk::Disk,
    path: &std::path::Path,
    dataset: Dataset,
    columns: &[Column],
    inputs: &[Arc<SegmentFile>],
) -> Result<Written, MergeError> {
    let mut batches = Vec::new();
    for input in inputs {
        let damaged = |reason: String| MergeError::Damaged(Arc::clone(input), reason);
        let bytes =
            disk.read(&input.path).map_err(|error| MergeError::Unreadable(Arc::clone(input), error))?;
        // Never merge what the scrub has not caught yet: afterwards nobody could tell.
        if crc32c::crc32c(&bytes) != input.checksum {
            return Err(damaged("checksum does not fit".to_owned()));
        }
        let read = decode_segment(&input.path, bytes).map_err(|error| damaged(error.to_string()))?;
        let rows: usize = read.iter().map(RecordBatch::num_rows).sum();
        if rows as u64 != input.rows {
            return Err(damaged(format!("file has {rows} rows, {} were written", input.rows)));
        }
        batches.extend(read);
    }
    let written = write_segment(disk, path, dataset, columns, &batches).map_err(MergeError::Store)?;
    assert_eq!(
        written.rows,
        inputs.iter().map(|input| input.rows).sum::<u64>(),
        "compaction keeps every row"
    );
    Ok(written)
}

/// Small segments of one day that are worth merging, oldest first; empty if there are none.
fn compaction_inputs(segments: &[Arc<SegmentFile>], now: Timestamp) -> Vec<Arc<SegmentFile>> {
    let mut sorted = segments.to_vec();
    sorted.sort_by_key(|segment| (segment.min_time.floor_to(DAY), segment.id));
    for day in sorted.chunk_by(|a, b| a.min_time.floor_to(DAY) == b.min_time.floor_to(DAY)) {
        let quiet = day.iter().all(|segment| now > segment.newest_received_at + HOUR);
        let small = if quiet { COMPACT_BYTES_SMALL_QUIET } else { COMPACT_BYTES_SMALL };
        let (mut bytes, mut rows) = (0, 0);
        let fits = day.iter().filter(|segment| segment.bytes < small).take_while(|segment| {
            bytes += segment.bytes;
            rows += segment.rows;
            bytes <= COMPACT_BYTES_MAX && rows <= COMPACT_ROWS_MAX
        });
        let inputs: Vec<_> = fits.cloned().collect();
        let enough = if quiet { 2 } else { COMPACT_SEGMENTS_MIN };
        if inputs.len() >= enough {
            return inputs;
        }
    }
    Vec::new()
}

/// Segments whose newest row was received before `horizon`, oldest first, within what one pass may remove.
fn expired(segments: &[Arc<SegmentFile>], horizon: Timestamp) -> Vec<Arc<SegmentFile>> {
    let live: u64 = segments.iter().map(|segment| segment.rows).sum();
    let mut expired: Vec<_> =
        segments.iter().filter(|segment| segment.newest_received_at < horizon).cloned().collect();
    expired.sort_by_key(|segment| (segment.newest_received_at, segment.id));
    let mut rows = 0;
    let within = expired.iter().enumerate().take_while(|(position, segment)| {
        rows += segment.rows;
        *position == 0 || rows as f64 <= live as f64 * RETENTION_SHARE_MAX
    });
    let count = within.count();
    expired.truncate(count);
    expired
}
