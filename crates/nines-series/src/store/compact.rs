//! Fewer, larger segments, thinner ones after a while, and none that are too old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Inner, SeriesStore};
use crate::SeriesError;
use crate::segment::{MERGED_PARTITION_MS, PARTITION_MS, Segment, SegmentInfo, merge, partition_of};
use crate::thin::BUCKET_MS;

/// One pass of retention that would delete more than this share asks for confirmation: a day out of a week is 14 %, a
/// policy with a digit too few or a clock in the next decade is all.
const RETENTION_SHARE_PERCENT: u64 = 20;

/// What a merge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactReport {
    pub inputs: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub samples: u64,
}

/// What retention would delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPlan {
    /// Names of segments all of whose samples are too old.
    pub segments: Vec<String>,
    pub samples: u64,
    pub bytes: u64,
    /// Of all stored samples.
    pub percent: u64,
}

impl SeriesStore {
    /// Merges one group of segments if there is one: those of one partition, of one day that has passed, or a day that is
    /// old enough to be thinned. Returns `None` when there is nothing to do. Blocks; but for thinning the samples that a
    /// selection finds are the same before, meanwhile and after.
    pub fn compact(&self) -> Result<Option<CompactReport>, SeriesError> {
        let inner = &self.0;
        let _alone = inner.maintenance.lock();
        let now_ms = inner.clock.now().as_millis();
        let segments = inner.segments.read().clone();
        let thin_before = inner.config.thin_after.map_or(i64::MIN, |after| {
            now_ms
                .saturating_sub(i64::try_from(after.max(inner.config.window).as_millis()).unwrap_or(i64::MAX))
        });
        let Some(group) = plan(&segments, now_ms, inner.config.window, thin_before) else { return Ok(None) };
        inner.merge(&group, thin_before).map(Some)
    }

    /// Reads and checks every part of every segment; the errors name what is damaged. For the scrub that covers all data
    /// once a week: costs one read of it.
    pub fn verify(&self) -> Vec<SeriesError> {
        let segments = self.0.segments.read().clone();
        segments.iter().flat_map(|segment| segment.check()).collect()
    }

    /// What [`SeriesStore::delete_before`] would delete: segments whose newest sample is older than `before_ms`.
    pub fn plan_retention(&self, before_ms: i64) -> RetentionPlan {
        plan_retention(&self.0.segments.read(), before_ms)
    }

    /// Before which time everything has to go, so that the segments take at most `bytes_max`; `None` if they do already.
    pub fn cutoff_for(&self, bytes_max: u64) -> Option<i64> {
        let segments = self.0.segments.read().clone();
        let mut newest_first: Vec<_> = segments.iter().collect();
        newest_first.sort_by_key(|segment| std::cmp::Reverse(segment.info().t_max));
        let mut bytes = 0;
        newest_first.into_iter().find_map(|segment| {
            bytes += segment.file_bytes();
            (bytes > bytes_max).then(|| segment.info().t_max.saturating_add(1))
        })
    }

    /// Deletes whole segments whose newest sample is older than `before_ms`. Refuses to delete more than a fifth of all
    /// samples in one go, unless `confirmed`.
    pub fn delete_before(&self, before_ms: i64, confirmed: bool) -> Result<RetentionPlan, SeriesError> {
        let inner = &self.0;
        let _alone = inner.maintenance.lock();
        let plan = self.plan_retention(before_ms);
        if plan.percent > RETENTION_SHARE_PERCENT && !confirmed {
            return Err(SeriesError::RetentionGuard { percent: plan.percent });
        }
        inner.replace(&plan.segments, None)?;
        Ok(plan)
    }
}

impl Inner {
    fn merge(&self, group: &[Arc<Segment>], thin_before: i64) -> Result<CompactReport, SeriesError> {
        let order = group.iter().map(|segment| segment.info().order).max().unwrap_or(0);
        let start_ms = group.iter().map(|segment| segment.info().start_ms).min().unwrap_or(0);
        let same = group
            .iter()
            .all(|segment| segment.info().start_ms == start_ms && segment.info().span_ms == PARTITION_MS);
        let span_ms = if same { PARTITION_MS } else { MERGED_PARTITION_MS };
        let start_ms = partition_of(start_ms, span_ms);
        let path = self.segment_path(start_ms, order);
        let is_old = start_ms.saturating_add(span_ms) <= thin_before;
        let is_thin = is_old || group.iter().any(|segment| segment.info().bucket_ms > 0);
        let bucket_ms = if is_thin { BUCKET_MS } else { 0 };
        let info = SegmentInfo { start_ms, span_ms, order, bucket_ms, ..SegmentInfo::default() };
        let written = merge(self.disk.as_ref(), group, &path, info)?;
        let merged = Segment::open(self.disk.as_ref(), &path)?;
        let report = CompactReport {
            inputs: group.len() as u64,
            bytes_before: group.iter().map(|segment| segment.file_bytes()).sum(),
            bytes_after: merged.file_bytes(),
            samples: written.samples,
        };
        let names: Vec<String> = group.iter().map(|segment| segment.name().to_owned()).collect();
        self.replace(&names, Some(Arc::new(merged)))?;
        Ok(report)
    }

    /// Takes segments out, one in, and then removes the files. A crash in between leaves files that the next start removes
    /// (merged) or keeps until the next pass (too old).
    fn replace(&self, gone: &[String], new: Option<Arc<Segment>>) -> Result<(), SeriesError> {
        let mut removed = Vec::new();
        {
            let mut segments = self.segments.write();
            let mut stay = Vec::with_capacity(segments.len());
            for segment in segments.iter() {
                let leaves = gone.iter().any(|name| name == segment.name());
                if leaves { removed.push(Arc::clone(segment)) } else { stay.push(Arc::clone(segment)) }
            }
            stay.extend(new);
            stay.sort_by(|a, b| (a.info().order, a.name()).cmp(&(b.info().order, b.name())));
            *segments = Arc::new(stay);
        }
        for segment in removed {
            let path = segment.path();
            self.disk.remove(path).map_err(|error| SeriesError::io("remove", path, error))?;
        }
        let folder = self.config.segments();
        self.disk.sync_dir(&folder).map_err(|error| SeriesError::io("sync", &folder, error))
    }
}

fn plan(
    segments: &[Arc<Segment>],
    now_ms: i64,
    window: Duration,
    thin_before: i64,
) -> Option<Vec<Arc<Segment>>> {
    let mut partitions: BTreeMap<i64, Vec<Arc<Segment>>> = BTreeMap::new();
    let mut days: BTreeMap<i64, Vec<Arc<Segment>>> = BTreeMap::new();
    for segment in segments {
        let info = segment.info();
        if info.span_ms == PARTITION_MS {
            partitions.entry(info.start_ms).or_default().push(Arc::clone(segment));
        }
        days.entry(partition_of(info.start_ms, MERGED_PARTITION_MS)).or_default().push(Arc::clone(segment));
    }
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let passed = |day: i64| day.saturating_add(MERGED_PARTITION_MS).saturating_add(window_ms) <= now_ms;
    let is_thick = |segment: &Arc<Segment>| segment.info().bucket_ms == 0;
    let to_thin = |day: i64, group: &[Arc<Segment>]| {
        day.saturating_add(MERGED_PARTITION_MS) <= thin_before && group.iter().any(is_thick)
    };
    let day = days.into_iter().find(|(day, group)| passed(*day) && (group.len() > 1 || to_thin(*day, group)));
    day.or_else(|| partitions.into_iter().find(|(_, group)| group.len() > 1)).map(|(_, group)| group)
}

fn plan_retention(segments: &[Arc<Segment>], before_ms: i64) -> RetentionPlan {
    let old: Vec<_> = segments.iter().filter(|segment| segment.info().t_max < before_ms).collect();
    let count = |segment: &Arc<Segment>| segment.info().samples + segment.info().histograms;
    let (all, samples): (u64, u64) =
        (segments.iter().map(count).sum(), old.iter().map(|segment| count(segment)).sum());
    RetentionPlan {
        segments: old.iter().map(|segment| segment.name().to_owned()).collect(),
        samples,
        bytes: old.iter().map(|segment| segment.file_bytes()).sum(),
        percent: (samples * 100).div_ceil(all.max(1)),
    }
}
