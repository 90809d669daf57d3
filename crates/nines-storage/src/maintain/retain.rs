//! Old segments go: by age and by disk budget, within what the operator has accepted. See [`crate::limits`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nines_model::{Dataset, Timestamp};

use super::{DAY, HOUR, Maintenance, MaintenanceReport};
use crate::StoreError;
use crate::limits::{Limit, Limits, Notice, UNLIMITED};
use crate::snapshot::SegmentFile;
use crate::store::Store;

const RETENTION_PASS: Duration = HOUR;
/// One pass removes at most this share of the live bytes that a limit is about, or one segment; and a stricter limit that
/// would at once cost more has to be confirmed.
const REMOVAL_SHARE_MAX: f64 = 0.05;
/// Retention's own clock follows the wall clock, but never gains more than this per pass beyond the time that really
/// passed. A clock that jumps ten years ahead thus costs at most one extra hour of data per hour of running.
const RETENTION_ADVANCE_MAX: Duration = HOUR;
/// The same for the first pass after a start, when nobody knows how long we were down.
const RETENTION_ADVANCE_AT_START_MAX: Duration = DAY;
/// No retention when the newest data is older than this: either the clock is wrong or nothing arrives, and then the old
/// data is all there is.
const RETENTION_SILENCE_MAX: Duration = DAY;

impl Store {
    pub(super) async fn retain(
        &self,
        maintenance: &mut Maintenance,
        report: &mut MaintenanceReport,
    ) -> Result<(), StoreError> {
        let limits = self.limits();
        for dataset in Dataset::ALL {
            self.enforce_budget(Limit::DatasetDisk(dataset), &limits, maintenance, report).await?;
        }
        self.enforce_budget(Limit::Disk, &limits, maintenance, report).await?;
        let Some(trusted) = self.retention_time(maintenance).await? else { return Ok(()) };
        for dataset in Dataset::ALL {
            let limit = Limit::Retention(dataset);
            let removable = self.removable(limit, &limits);
            let due = |keep_secs| expired(&removable, trusted, keep_secs);
            let removed = self.within_limit(limit, &limits, &removable, due, maintenance).await?;
            report.expired_segments += removed.len() as u64;
            report.expired_rows += removed.iter().map(|segment| segment.rows).sum::<u64>();
            self.remove(removed, maintenance).await?;
        }
        Ok(())
    }

    async fn enforce_budget(
        &self,
        limit: Limit,
        limits: &Limits,
        maintenance: &mut Maintenance,
        report: &mut MaintenanceReport,
    ) -> Result<(), StoreError> {
        let removable = self.removable(limit, limits);
        let used = |store: &Self| -> u64 {
            let datasets = Dataset::ALL
                .into_iter()
                .filter(|dataset| limit.dataset().is_none_or(|only| only == *dataset));
            datasets.map(|dataset| store.segment_bytes(dataset)).sum()
        };
        if self.0.remote.is_some() {
            return self.keep_here(limit, limits, used(self), maintenance).await;
        }
        let before = used(self);
        let due = |budget| beyond_budget(&removable, before, budget);
        let removed = self.within_limit(limit, limits, &removable, due, maintenance).await?;
        report.evicted_segments += removed.len() as u64;
        report.evicted_bytes += removed.iter().map(|segment| segment.bytes).sum::<u64>();
        let nothing_left = removed.len() == removable.len();
        self.remove(removed, maintenance).await?;
        let (used_bytes, limit_bytes) = (used(self), maintenance.in_force(limit));
        let notice = Notice::OverBudget { limit, used_bytes, limit_bytes };
        self.set_notice(notice, nothing_left && used_bytes > limit_bytes);
        Ok(())
    }

    /// What of `due` (given an amount of the limit, what must go) goes now: by the wanted amount if that is accepted or may
    /// be, else by the former one; and no more than one pass may remove.
    async fn within_limit(
        &self,
        limit: Limit,
        limits: &Limits,
        removable: &[Arc<SegmentFile>],
        due: impl Fn(u64) -> Vec<Arc<SegmentFile>>,
        maintenance: &mut Maintenance,
    ) -> Result<Vec<Arc<SegmentFile>>, StoreError> {
        let live_bytes: u64 = removable.iter().map(|segment| segment.bytes).sum();
        let (wanted, accepted) = (limits.amount(limit), maintenance.in_force(limit));
        let is_confirmed = maintenance.confirmed.contains(&limit);
        let by_wanted = due(wanted);
        let refused =
            wanted < accepted && !is_confirmed && within_share(&by_wanted, live_bytes) < by_wanted.len();
        let notice = Notice::RemovalRefused {
            limit,
            segments: by_wanted.len() as u64,
            rows: by_wanted.iter().map(|segment| segment.rows).sum(),
            bytes: by_wanted.iter().map(|segment| segment.bytes).sum(),
            live_bytes,
        };
        self.set_notice(notice, refused);
        let mut going = if refused {
            due(accepted)
        } else {
            if wanted != accepted {
                self.0.catalog.accept_limit(limit, wanted).await?;
                maintenance.accepted.insert(limit, wanted);
            }
            by_wanted
        };
        if !maintenance.confirmed.remove(&limit) {
            going.truncate(within_share(&going, live_bytes));
        }
        Ok(going)
    }

    /// The time that retention goes by, if a pass is due and it may remove anything.
    async fn retention_time(&self, maintenance: &mut Maintenance) -> Result<Option<Timestamp>, StoreError> {
        let monotonic = self.0.clock.monotonic();
        let elapsed = maintenance.retained_at.map(|at| monotonic.saturating_sub(at));
        let is_changed = self.0.limits_changed.swap(false, Ordering::Relaxed);
        let is_asked_for = std::mem::take(&mut maintenance.pass_due) || is_changed;
        if !is_asked_for && elapsed.is_some_and(|elapsed| elapsed < RETENTION_PASS) {
            return Ok(None);
        }
        let now = self.0.clock.now();
        let advance = match elapsed {
            None => RETENTION_ADVANCE_AT_START_MAX,
            // A pass that was asked for brings no extra hour: asking often must not.
            Some(elapsed) if elapsed < RETENTION_PASS => elapsed,
            Some(elapsed) => elapsed + RETENTION_ADVANCE_MAX,
        };
        let trusted = match self.0.catalog.retention_time().await? {
            Some(before) if now > before + advance => before + advance,
            _ => now,
        };
        self.set_notice(Notice::ClockNotTrusted { clock: now, trusted }, trusted < now);
        self.0.catalog.set_retention_time(trusted).await?;
        maintenance.retained_at = Some(monotonic);
        let is_silent =
            self.newest_received_at().is_none_or(|newest| trusted > newest + RETENTION_SILENCE_MAX);
        Ok((!is_silent).then_some(trusted))
    }

    /// Segments that the limit is about and that may go, oldest first.
    fn removable(&self, limit: Limit, limits: &Limits) -> Vec<Arc<SegmentFile>> {
        let datasets =
            Dataset::ALL.into_iter().filter(|dataset| limit.dataset().is_none_or(|only| only == *dataset));
        let free = datasets.filter(|dataset| !limits.legal_hold.contains(dataset));
        let mut segments: Vec<_> =
            free.flat_map(|dataset| self.table(dataset).state.lock().segments.clone()).collect();
        segments.sort_by_key(|segment| (segment.newest_received_at, segment.id));
        segments
    }

    /// Of the files that are here.
    fn segment_bytes(&self, dataset: Dataset) -> u64 {
        let state = self.table(dataset).state.lock();
        state.segments.iter().filter(|segment| !segment.is_absent()).map(|segment| segment.bytes).sum()
    }

    /// A budget where there is an object store: files leave, no data does, so nothing has to be confirmed.
    async fn keep_here(
        &self,
        limit: Limit,
        limits: &Limits,
        used_bytes: u64,
        maintenance: &mut Maintenance,
    ) -> Result<(), StoreError> {
        let limit_bytes = limits.amount(limit);
        if limit_bytes != maintenance.in_force(limit) {
            self.0.catalog.accept_limit(limit, limit_bytes).await?;
            maintenance.accepted.insert(limit, limit_bytes);
        }
        let freed = self.let_go(limit.dataset(), used_bytes.saturating_sub(limit_bytes)).await?;
        let used_bytes = used_bytes.saturating_sub(freed);
        self.set_notice(Notice::OverBudget { limit, used_bytes, limit_bytes }, used_bytes > limit_bytes);
        Ok(())
    }

    /// Takes segments out of the catalog and out of later snapshots.
    async fn remove(
        &self,
        segments: Vec<Arc<SegmentFile>>,
        maintenance: &mut Maintenance,
    ) -> Result<(), StoreError> {
        if segments.is_empty() {
            return Ok(());
        }
        self.0.catalog.commit_removal(&segments, self.0.clock.now()).await?;
        for segment in &segments {
            self.table(segment.dataset).state.lock().segments.retain(|known| known.id != segment.id);
        }
        self.bury(segments, maintenance);
        Ok(())
    }

    /// When the newest row of any dataset arrived, whatever its own time is.
    pub fn newest_received_at(&self) -> Option<Timestamp> {
        let newest = self.0.tables.values().filter_map(|table| {
            let state = table.state.lock();
            let sealed = state.segments.iter().map(|segment| segment.newest_received_at);
            let sealing = state.sealing.iter().map(|sealing| sealing.newest_received_at);
            let hot = state.hot_since.map(|_| state.newest_received_at);
            sealed.chain(sealing).chain(hot).max()
        });
        newest.max()
    }
}

/// Of `segments`, oldest first, those whose newest row was received longer ago than `keep_secs`.
fn expired(segments: &[Arc<SegmentFile>], now: Timestamp, keep_secs: u64) -> Vec<Arc<SegmentFile>> {
    if keep_secs == UNLIMITED {
        return Vec::new();
    }
    let horizon = now - Duration::from_secs(keep_secs);
    segments.iter().filter(|segment| segment.newest_received_at < horizon).cloned().collect()
}

/// Of `segments`, oldest first, those that must go so that the bytes in use fit the budget.
fn beyond_budget(segments: &[Arc<SegmentFile>], used: u64, budget: u64) -> Vec<Arc<SegmentFile>> {
    let mut used = used;
    let going = segments.iter().take_while(|segment| {
        let goes = used > budget;
        used = used.saturating_sub(segment.bytes);
        goes
    });
    going.cloned().collect()
}

/// How many of the segments one pass may remove: one, or as many as make up a twentieth of the live bytes.
fn within_share(segments: &[Arc<SegmentFile>], live_bytes: u64) -> usize {
    let mut bytes = 0;
    let within = segments.iter().enumerate().take_while(|(position, segment)| {
        bytes += segment.bytes;
        *position == 0 || bytes as f64 <= live_bytes as f64 * REMOVAL_SHARE_MAX
    });
    within.count()
}
