//! Small segments become larger ones.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nines_base::MIB;
use nines_model::{Dataset, Timestamp};

use super::{DAY, HOUR, Maintenance, MaintenanceReport};
use crate::StoreError;
use crate::merge::{MergeError, merge};
use crate::snapshot::SegmentFile;
use crate::store::Store;

/// While a day is still being received, segments below this size are worth merging: those that were sealed for their
/// age. A seal of 64 MiB hot gives about 6 MiB and is left alone, so that a busy hour is not written twice.
const COMPACT_BYTES_SMALL: u64 = 4 * MIB;
/// Once the day is over and quiet, segments below this size are merged once.
const COMPACT_BYTES_SMALL_QUIET: u64 = 32 * MIB;
/// One merge reads at most this much. It holds the files, and decoded only the pages that it is at: about 3 MiB an input.
const COMPACT_BYTES_MAX: u64 = 48 * MIB;
const COMPACT_ROWS_MAX: u64 = 2_000_000;
/// While a day is still being received, wait for this many: each row is then merged about once.
const COMPACT_SEGMENTS_MIN: usize = 8;
/// One merge has at most this many inputs, which bounds what it holds decoded to about 100 MiB.
const COMPACT_SEGMENTS_MAX: usize = 32;

impl Store {
    pub(super) async fn compact(
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
            blocks: written.blocks,
            min_time: written.min_time,
            max_time: written.max_time,
            min_sequence: inputs.iter().map(|input| input.min_sequence).min().unwrap_or(0),
            max_sequence: inputs.iter().map(|input| input.max_sequence).max().unwrap_or(0),
            newest_received_at: inputs.iter().map(|input| input.newest_received_at).max().unwrap_or_default(),
            remote: self.0.remote.clone(),
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
}

/// Small segments of one day that are here and worth merging, oldest first; empty if there are none.
fn compaction_inputs(segments: &[Arc<SegmentFile>], now: Timestamp) -> Vec<Arc<SegmentFile>> {
    let mut sorted: Vec<_> = segments.iter().filter(|segment| !segment.is_absent()).cloned().collect();
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
        let inputs: Vec<_> = fits.take(COMPACT_SEGMENTS_MAX).cloned().collect();
        let enough = if quiet { 2 } else { COMPACT_SEGMENTS_MIN };
        if inputs.len() >= enough {
            return inputs;
        }
    }
    Vec::new()
}
