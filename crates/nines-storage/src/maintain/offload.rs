//! Segments go to the object store, files that are there leave when the disk is needed, and what was removed long ago goes
//! there too. A loop of its own: sealing must not wait for a network.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::{ObjectStoreExt, PutPayload};

use nines_base::{MIB, Shutdown};
use nines_model::{Dataset, Timestamp};

use super::HOUR;
use crate::StoreError;
use crate::limits::Notice;
use crate::remote::{Remote, UNDELETE};
use crate::snapshot::SegmentFile;
use crate::store::Store;

const ROUND: Duration = Duration::from_secs(5);
/// After a failure: the client has tried for half a minute already.
const PAUSE: Duration = Duration::from_secs(15);
/// Smaller segments are probably merged soon, and wait for that ...
const UPLOAD_BYTES_MIN: u64 = 4 * MIB;
/// ... until they are so old.
const UPLOAD_AGE_SMALL: Duration = HOUR;
/// Objects deleted in one round.
const DELETED_PER_ROUND: u32 = 1_000;

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OffloadReport {
    pub uploaded_segments: u64,
    pub uploaded_bytes: u64,
    pub deleted_objects: u64,
}

impl Store {
    /// Until shutdown; returns at once where there is no object store.
    pub(super) async fn run_offload(&self, shutdown: &Shutdown) {
        if self.0.remote.is_none() {
            return;
        }
        while !shutdown.has_begun() {
            let pause = tokio::select! {
                () = shutdown.begun() => return,
                done = self.offload() => match done {
                    Ok(_) => ROUND,
                    Err(error) => {
                        tracing::warn!(%error, "segments wait for the object store");
                        PAUSE
                    }
                },
            };
            tokio::select! {
                () = shutdown.begun() => {}
                () = self.0.clock.sleep(pause) => {}
            }
        }
    }

    /// One round: oldest first, up to the first failure, which a notice names until a round ends well.
    pub async fn offload(&self) -> Result<OffloadReport, StoreError> {
        let Some(remote) = self.0.remote.clone() else { return Ok(OffloadReport::default()) };
        let mut report = OffloadReport::default();
        let waiting = self.waiting_for(&remote);
        let mut waiting_bytes: u64 = waiting.iter().map(|segment| segment.bytes).sum();
        let mut outcome = Ok(());
        for segment in &waiting {
            outcome = self.upload(&remote, segment).await;
            if outcome.is_err() {
                break;
            }
            waiting_bytes -= segment.bytes;
            report.uploaded_segments += 1;
            report.uploaded_bytes += segment.bytes;
        }
        if outcome.is_ok() {
            outcome = self.delete_garbage(&remote, &mut report).await;
        }
        let reason = outcome.as_ref().err().map(|error| match std::error::Error::source(error) {
            Some(source) => source.to_string(),
            None => error.to_string(),
        });
        let reason = reason.unwrap_or_default();
        let notice = Notice::ObjectStoreUnreachable { name: remote.name().to_owned(), waiting_bytes, reason };
        self.set_notice(notice, outcome.is_err());
        outcome.map(|()| report)
    }

    fn waiting_for(&self, remote: &Remote) -> Vec<Arc<SegmentFile>> {
        let now = self.0.clock.now();
        let segments = self.0.tables.values().flat_map(|table| table.state.lock().segments.clone());
        let is_ripe = |segment: &Arc<SegmentFile>| {
            segment.bytes >= UPLOAD_BYTES_MIN || now > segment.newest_received_at + UPLOAD_AGE_SMALL
        };
        let mut waiting: Vec<_> =
            segments.filter(|segment| !remote.is_kept(segment.id)).filter(is_ripe).collect();
        waiting.sort_unstable_by_key(|segment| segment.id);
        waiting
    }

    async fn upload(&self, remote: &Remote, segment: &Arc<SegmentFile>) -> Result<(), StoreError> {
        // First the intention: an object that nobody remembers could never be deleted.
        self.0.catalog.set_remote_state(segment.id, Some("sending")).await?;
        let (disk, file) = (Arc::clone(&self.0.disk), Arc::clone(segment));
        let bytes = match tokio::task::spawn_blocking(move || disk.read(&file.path)).await? {
            Ok(bytes) => bytes,
            // Compaction or retention took it away meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("read", &segment.path, error)),
        };
        if crc32c::crc32c(&bytes) != segment.checksum {
            return self.report_damage(segment, "checksum does not fit").await;
        }
        let failed = |source| StoreError::ObjectStore { name: remote.name().to_owned(), source };
        remote.store().put(&remote.key(&segment.path), PutPayload::from(bytes)).await.map_err(failed)?;
        self.0.catalog.set_remote_state(segment.id, Some("kept")).await?;
        remote.set_kept(segment.id);
        tracing::debug!(segment = segment.id, bytes = segment.bytes, "in the object store");
        Ok(())
    }

    async fn delete_garbage(&self, remote: &Remote, report: &mut OffloadReport) -> Result<(), StoreError> {
        let before = self.0.clock.now() - UNDELETE;
        for (id, path) in self.0.catalog.remote_garbage(before, DELETED_PER_ROUND).await? {
            match remote.store().delete(&remote.key(&path)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => {
                    return Err(StoreError::ObjectStore { name: remote.name().to_owned(), source });
                }
            }
            self.0.catalog.set_remote_state(id, None).await?;
            remote.forget(id);
            report.deleted_objects += 1;
        }
        Ok(())
    }

    /// Files of segments that are in the object store leave, those with the oldest rows first, until `over` bytes are freed
    /// or none is left. How many bytes that were.
    pub(super) async fn let_go(&self, dataset: Option<Dataset>, over: u64) -> Result<u64, StoreError> {
        let Some(remote) = self.0.remote.clone() else { return Ok(0) };
        let tables = self.0.tables.iter().filter(|(of, _)| dataset.is_none_or(|only| only == **of));
        let here: BTreeMap<(Timestamp, i64), Arc<SegmentFile>> = tables
            .flat_map(|(_, table)| table.state.lock().segments.clone())
            .filter(|segment| remote.may_leave(segment.id))
            .map(|segment| ((segment.max_time, segment.id), segment))
            .collect();
        let mut freed = 0;
        for segment in here.values() {
            if freed >= over {
                break;
            }
            // Marked first: whoever finds the file gone then knows where it is.
            remote.set_absent(segment.id);
            let (disk, file) = (Arc::clone(&self.0.disk), Arc::clone(segment));
            let removed = tokio::task::spawn_blocking(move || disk.remove(&file.path)).await?;
            removed.map_err(|source| StoreError::io("remove", &segment.path, source))?;
            freed += segment.bytes;
        }
        Ok(freed)
    }
}
