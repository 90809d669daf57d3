//! Starting: what is on disk becomes what is in memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use nines_base::disk::{SharedDisk, TEMPORARY_EXTENSION};
use nines_base::{Random, SharedClock};
use nines_wal::{Journal, JournalRecovery};

use super::{INFLIGHT_WRITES_MAX, Inner, SeriesStore, StoreConfig, publish, seal};
use crate::SeriesError;
use crate::codec::Scratch;
use crate::head::index::{FIRST_EPOCH, Index};
use crate::head::pages::Pages;
use crate::record;
use crate::segment::{FILE_EXTENSION, Segment};

/// What [`SeriesStore::open`] found.
#[derive(Debug, Default)]
pub struct SeriesRecovery {
    pub journal: JournalRecovery,
    pub replayed_records: u64,
    pub replayed_samples: u64,
    /// Whole records that are not ours or of a later version. They are logged and left out.
    pub unreadable_records: u64,
    /// Samples whose series no record defines: both records that did are damaged.
    pub orphan_samples: u64,
    pub segments: u64,
    /// Segments that are not served, with what is damaged. The files stay where they are.
    pub damaged_segments: Vec<SeriesError>,
}

impl SeriesStore {
    /// Opens the segments, replays what is not sealed, and is then ready. Blocks; costs one read of the journal and of
    /// each segment's directory. Damage is in the report and not an error; errors are a folder or a journal that cannot be
    /// read at all.
    pub fn open(
        config: StoreConfig,
        disk: SharedDisk,
        clock: SharedClock,
        random: Random,
    ) -> Result<(Self, SeriesRecovery), SeriesError> {
        let folder = config.segments();
        disk.create_dir(&folder).map_err(|error| SeriesError::io("make", &folder, error))?;
        let mut recovery = SeriesRecovery::default();
        let segments = open_segments(&config, &disk, &mut recovery)?;
        let (sealed_below, metadata) = seal::read_state(disk.as_ref(), &config)?;
        let mut replay = Replay {
            index: Index::new(random.next_u64()),
            pages: Pages::default(),
            batches: Vec::new(),
            recovery,
            scratch: Scratch::default(),
        };
        let mut each = |sequence: u64, payload: &[u8]| {
            if sequence >= sealed_below {
                replay.record(sequence, payload);
            }
        };
        let (journal, found) = Journal::open(
            config.journal(),
            Arc::clone(&disk),
            Arc::clone(&clock),
            random.clone(),
            sealed_below,
            &mut each,
        )?;
        let Replay { index, pages, batches, mut recovery, .. } = replay;
        recovery.journal = found;
        let (sender, receiver) = sync_channel(INFLIGHT_WRITES_MAX as usize + 16);
        let budgets = config.budgets.into();
        let inner = Inner {
            config,
            disk,
            clock,
            random,
            journal,
            index: index.into(),
            pages,
            segments: Arc::new(segments).into(),
            exemplars: Default::default(),
            metadata: metadata.into(),
            budgets,
            offenders: Default::default(),
            epoch: FIRST_EPOCH.into(),
            queue: Some(sender).into(),
            evicting: Default::default(),
            in_flight: 0.into(),
            publisher: Default::default(),
            maintenance: Default::default(),
            free_space: None.into(),
            counters: Default::default(),
        };
        let inner = Arc::new(inner);
        let mut scratch = Scratch::default();
        batches.into_iter().for_each(|batch| inner.apply(batch, &mut scratch));
        let shared = Arc::clone(&inner);
        let thread = thread::Builder::new().name("series-publisher".into());
        let thread = thread.spawn(move || publish::run(&shared, &receiver));
        let folder = &inner.config.folder;
        let thread = thread.map_err(|error| SeriesError::io("start the publisher of", folder, error))?;
        *inner.publisher.lock() = Some(thread);
        let close = Arc::new(super::CloseOnDrop(Arc::clone(&inner)));
        Ok((Self(inner, close), recovery))
    }
}

struct Replay {
    index: Index,
    pages: Pages,
    /// Exemplars and metadata, without samples.
    batches: Vec<record::Batch>,
    recovery: SeriesRecovery,
    scratch: Scratch,
}

impl Replay {
    fn record(&mut self, sequence: u64, payload: &[u8]) {
        let mut record = match record::decode(payload) {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(sequence, %error, "metric journal record cannot be read");
                self.recovery.unreadable_records += 1;
                return;
            }
        };
        for (series, labels) in &record.definitions {
            if !labels.is_empty() {
                self.index.restore(*series, labels);
            }
        }
        let batch = &mut record.batch;
        let orphan = |series: &u32| !self.index.is_live(*series);
        let orphans: usize = (batch.parts.iter())
            .filter(|part| orphan(&part.series))
            .map(|part| part.samples.len() + part.histograms.len())
            .sum();
        if orphans > 0 {
            tracing::error!(
                sequence,
                samples = orphans,
                "metric journal record speaks of series that no record defines"
            );
        }
        batch.parts.retain(|part| !orphan(&part.series));
        batch.exemplars.retain(|(series, _)| !orphan(series));
        let appended = self.pages.append(batch.iter(), &mut self.scratch);
        self.recovery.orphan_samples += orphans as u64;
        self.recovery.replayed_samples += appended.samples;
        self.recovery.replayed_records += 1;
        batch.parts.clear();
        batch.samples = Vec::new();
        batch.histograms = Vec::new();
        if !batch.is_empty() {
            self.batches.push(record.batch);
        }
    }
}

/// Oldest first. Files that a merged one stands for, and unfinished ones, are removed.
fn open_segments(
    config: &StoreConfig,
    disk: &SharedDisk,
    recovery: &mut SeriesRecovery,
) -> Result<Vec<Arc<Segment>>, SeriesError> {
    let folder = config.segments();
    let names = disk.list(&folder).map_err(|error| SeriesError::io("list", &folder, error))?;
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension == Some(TEMPORARY_EXTENSION) {
            // Nobody's; if it stays, the next start tries again.
            let _ = disk.remove(&path);
        }
        if extension != Some(FILE_EXTENSION) {
            continue;
        }
        match Segment::open(disk.as_ref(), &path) {
            Ok(segment) => segments.push(Arc::new(segment)),
            Err(error) => {
                tracing::error!(file = %path.display(), %error, "metric segment is not served");
                recovery.damaged_segments.push(error);
            }
        }
    }
    let replaced: BTreeSet<String> =
        segments.iter().flat_map(|segment| segment.info().replaces.iter().cloned()).collect();
    segments.retain(|segment| {
        let stays = !replaced.contains(segment.name());
        if !stays {
            let _ = disk.remove(segment.path());
        }
        stays
    });
    segments.sort_by(|a, b| (a.info().order, a.name()).cmp(&(b.info().order, b.name())));
    recovery.segments = segments.len() as u64;
    Ok(segments)
}
