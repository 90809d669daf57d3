//! The one thread that writes. It commits whatever has queued up while the last commit was syncing, so an idle
//! journal acknowledges after one sync and a busy one shares each sync among many records. Senders that wait for their
//! answers would fall into small groups that take turns; so a commit waits a little for those whom the last one answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nines_base::MIB;
use nines_base::disk::DiskFile;

use crate::JournalError;
use crate::journal::{Pending, Shared};
use crate::record::{RECORD_HEADER_BYTES, encode_record, segment_header};
use crate::recovery::{ClosedSegment, segment_name};

/// One commit writes at most this much (or one record): large enough that the sync is amortised, small enough that the
/// first record of a long queue does not wait for the whole of it.
const COMMIT_BYTES_MAX: u64 = 8 * MIB;

pub struct Writer {
    shared: Arc<Shared>,
    segment: Option<Segment>,
    buffer: Vec<u8>,
    last: Last,
}

/// What the last commit lets expect.
#[derive(Default)]
struct Last {
    /// Records: as many as it held, from the same senders, and what queued up while it ran.
    followers: usize,
    /// Until when they are waited for.
    gather_until: Duration,
}

struct Segment {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    marker: u64,
    bytes: u64,
    last_sequence: u64,
}

impl Writer {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, segment: None, buffer: Vec::new(), last: Last::default() }
    }

    pub fn run(mut self) {
        // If this thread ever panics, appends must fail rather than wait for ever.
        let _close = CloseOnDrop(Arc::clone(&self.shared));
        while let Some(group) = self.next_group() {
            if group.is_empty() {
                self.retire_segment();
                continue;
            }
            let started = self.shared.clock.monotonic();
            let outcome = self.commit(&group);
            let ended = self.shared.clock.monotonic();
            let queued = self.account(&group, &outcome, ended.saturating_sub(started));
            // Counted before anybody hears of it: whoever is answered and sends again must not be expected twice.
            let gather_until = ended + self.shared.config.gather_max;
            self.last = Last { followers: group.len() + queued, gather_until };
            for pending in group {
                // The caller may have gone away; the record stands all the same.
                let _ = pending.done.send(outcome.clone());
            }
            self.shared.tell();
        }
        // Nothing is added to it any more, so it can be truncated like the others.
        self.retire_segment();
    }

    /// Waits for records; none if the segment is to be closed before there are any, `None` once closing and empty.
    fn next_group(&mut self) -> Option<Vec<Pending>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        loop {
            if state.queue.is_empty() {
                if state.closing {
                    return None;
                }
                if std::mem::take(&mut state.rotate) {
                    return Some(Vec::new());
                }
            } else if state.closing || state.is_worth_a_commit(self.last.followers) {
                break;
            }
            let left = self.last.gather_until.saturating_sub(shared.clock.monotonic());
            if !left.is_zero() {
                state.wanted = self.last.followers;
                if shared.work.wait_for(&mut state, left).timed_out() {
                    self.last.gather_until = Duration::ZERO;
                }
            } else if state.queue.is_empty() {
                state.wanted = 1;
                shared.work.wait(&mut state);
            } else {
                break;
            }
        }
        state.wanted = 1;
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(pending) = state.queue.front() {
            bytes += (pending.payload.len() + RECORD_HEADER_BYTES) as u64;
            if !group.is_empty() && bytes > COMMIT_BYTES_MAX {
                break;
            }
            group.extend(state.queue.pop_front());
        }
        Some(group)
    }

    fn commit(&mut self, group: &[Pending]) -> Result<(), JournalError> {
        let first_sequence = group.first().map_or(0, |pending| pending.sequence);
        let rotate = std::mem::take(&mut self.shared.state.lock().rotate);
        if self
            .segment
            .as_ref()
            .is_some_and(|segment| rotate || segment.bytes >= self.shared.config.segment_bytes_max)
        {
            self.retire_segment();
        }
        if self.segment.is_none() {
            self.segment = Some(self.start_segment(first_sequence)?);
        }
        let segment = self.segment.as_mut().expect("just started");
        self.buffer.clear();
        for Pending { sequence, payload, payload_checksum, .. } in group {
            encode_record(&mut self.buffer, segment.marker, *sequence, payload, *payload_checksum);
        }
        let path = &segment.path;
        let written =
            segment.file.write_all(&self.buffer).map_err(|error| JournalError::io("write", path, error));
        let outcome = written
            .and_then(|()| segment.file.sync_data().map_err(|error| JournalError::io("sync", path, error)));
        segment.bytes += self.buffer.len() as u64;
        match outcome {
            Ok(()) => {
                segment.last_sequence = group.last().map_or(0, |pending| pending.sequence);
                self.shared.state.lock().active = Some((segment.last_sequence, segment.bytes));
            }
            // What the file now ends with is unknown, and its next sync would prove nothing.
            Err(_) => self.retire_segment(),
        }
        self.buffer.shrink_to(COMMIT_BYTES_MAX as usize);
        outcome
    }

    fn start_segment(&self, first_sequence: u64) -> Result<Segment, JournalError> {
        let Shared { config, disk, random, .. } = self.shared.as_ref();
        let marker = random.next_u64();
        let path = config.folder.join(segment_name(first_sequence, marker));
        let start = || {
            let mut file = disk.create(&path)?;
            file.write_all(&segment_header(marker, first_sequence))?;
            file.sync_data()?;
            disk.sync_dir(&config.folder)?;
            Ok(file)
        };
        match start() {
            Ok(file) => {
                let bytes = crate::record::SEGMENT_HEADER_BYTES as u64;
                Ok(Segment { file, path, marker, bytes, last_sequence: 0 })
            }
            Err(error) => {
                // It holds no record, so nothing is lost with it.
                let _ = disk.remove(&path);
                Err(JournalError::io("start", &path, error))
            }
        }
    }

    /// Stops writing to the current segment. One without a durable record is removed, so that a full disk does not fill
    /// with attempts.
    fn retire_segment(&mut self) {
        let Some(segment) = self.segment.take() else { return };
        drop(segment.file);
        let useless = segment.last_sequence == 0 && self.shared.disk.remove(&segment.path).is_ok();
        let mut state = self.shared.state.lock();
        state.active = None;
        if !useless {
            let Segment { path, last_sequence, bytes, .. } = segment;
            state.closed_segments.push(ClosedSegment { path, last_sequence, bytes });
        }
    }

    /// Returns how many records wait for the next commit.
    fn account(&self, group: &[Pending], outcome: &Result<(), JournalError>, latency: Duration) -> usize {
        let mut state = self.shared.state.lock();
        let stats = &mut state.stats;
        let bytes: usize = group.iter().map(|pending| pending.payload.len() + RECORD_HEADER_BYTES).sum();
        stats.queued_bytes -= bytes as u64;
        match outcome {
            Ok(()) => {
                stats.commits += 1;
                stats.failed_commits_in_a_row = 0;
                stats.commit_latency.record(latency);
                stats.durable_sequence =
                    group.last().map_or(stats.durable_sequence, |pending| pending.sequence);
            }
            Err(error) => {
                stats.failed_commits += 1;
                stats.failed_commits_in_a_row += 1;
                stats.last_error = Some(describe(error));
                // Loud, but at powers of two: a full disk fails every commit until there is space.
                if stats.failed_commits_in_a_row.is_power_of_two() {
                    tracing::error!(
                        error = describe(error),
                        records = group.len(),
                        failed_commits_in_a_row = stats.failed_commits_in_a_row,
                        "journal commit failed: nothing in it was acknowledged, the file is abandoned"
                    );
                }
            }
        }
        state.queue.len()
    }
}

fn describe(error: &JournalError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Shared {
    fn tell(&self) {
        if let Some(act) = self.committed.get() {
            act();
        }
    }
}

struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        {
            let mut state = self.0.state.lock();
            state.closing = true;
            state.queue.clear();
        }
        self.0.tell();
    }
}
