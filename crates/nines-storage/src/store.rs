use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use tokio::sync::Notify;

use nines_base::disk::{Disk, SharedDisk, TEMPORARY_EXTENSION};
use nines_base::{MIB, SharedClock};
use nines_model::{Batch, Dataset, TimeRange, Timestamp};
use nines_wal::Journal;

use crate::StoreError;
use crate::ballast::Ballast;
use crate::catalog::Catalog;
use crate::limits::{Limit, Limits, Notice};
use crate::maintain::Maintenance;
use crate::memtable::{CHUNK_ROWS, Chunk, Memtable, Widener};
use crate::remote::{Remote, RemoteConfig, RemoteStats};
use crate::schema::{Column, Registry};
use crate::snapshot::{DamagedSegment, SegmentFile, Snapshot};

pub(crate) const SEGMENTS_FOLDER: &str = "segments";
pub(crate) const QUARANTINE_FOLDER: &str = "quarantine";

#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Holds `catalog.db`, `segments/` and `quarantine/`. Made if absent.
    pub root: PathBuf,
    /// A dataset is sealed when its hot rows take this much memory ...
    pub seal_bytes: u64,
    /// ... or when the oldest of them has waited this long.
    pub seal_age: Duration,
    /// Hot rows of all datasets together; ingest refuses more.
    pub hot_bytes_max: u64,
    /// How much is kept, to begin with.
    pub limits: Limits,
    /// Kept free for the control databases; see [`crate::BALLAST_BYTES`]. 0 for none, as in a folder that is not the
    /// node's own.
    pub ballast_bytes: u64,
    /// Where segments are kept besides the disk, if they are. The disk budget then costs no data, only time to fetch it.
    pub remote: Option<RemoteConfig>,
}

impl StoreConfig {
    /// Seals at 64 MiB (a quarter of a million rows, about 6 MiB of Parquet) or 10 minutes, which also bounds what
    /// recovery replays; at most 256 MiB hot, so that two datasets can fill up while two others are written. Both are
    /// of real memory, and are what the memory of a busy node mostly is.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let days = |dataset| match dataset {
            Dataset::Logs => 14,
            Dataset::Spans => 7,
            Dataset::Metrics => 30,
            Dataset::Probes | Dataset::Beacons | Dataset::Changes => 90,
        };
        Self {
            root: root.into(),
            seal_bytes: 64 * MIB,
            seal_age: Duration::from_secs(10 * 60),
            hot_bytes_max: 256 * MIB,
            limits: Limits {
                retention: Dataset::ALL.into_iter().map(|dataset| (dataset, DAY * days(dataset))).collect(),
                ..Limits::default()
            },
            ballast_bytes: 0,
            remote: None,
        }
    }
}

/// Rows of all datasets. Cloning shares the store.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub config: StoreConfig,
    pub disk: SharedDisk,
    pub clock: SharedClock,
    pub catalog: Catalog,
    pub tables: BTreeMap<Dataset, Table>,
    pub next_segment_id: AtomicI64,
    /// Of the newest batch that was appended, or sealed before this process.
    pub last_sequence: AtomicU64,
    /// Woken when a dataset is worth sealing before its time.
    pub wake: Notify,
    pub journal: OnceLock<Journal>,
    pub maintenance: tokio::sync::Mutex<Maintenance>,
    /// Wanted.
    pub limits: Mutex<Limits>,
    /// The next round has to look at retention, even if its hour is not over.
    pub limits_changed: AtomicBool,
    pub ballast: Ballast,
    pub notices: Mutex<Vec<Notice>>,
    pub remote: Option<Arc<Remote>>,
}

pub(crate) struct Table {
    pub state: Mutex<TableState>,
    /// Copy of the state's hot bytes, readable without its lock.
    pub hot_bytes: AtomicU64,
}

pub(crate) struct TableState {
    pub registry: Registry,
    pub memtable: Memtable,
    /// Of the rows in `memtable`.
    pub hot_since: Option<HotSince>,
    pub newest_received_at: Timestamp,
    /// Rows on their way to a segment; they stay visible and are written again if it fails.
    pub sealing: Option<Arc<Sealing>>,
    pub segments: Vec<Arc<SegmentFile>>,
    pub damaged: Vec<DamagedSegment>,
    pub last_sequence: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct HotSince {
    pub sequence: u64,
    /// When the first and the last of the rows were added, by the monotonic clock.
    pub at: Duration,
    pub last_at: Duration,
}

pub(crate) struct Sealing {
    pub segment_id: i64,
    pub chunks: Vec<Arc<Chunk>>,
    pub columns: Vec<Column>,
    pub min_sequence: u64,
    pub max_sequence: u64,
    pub newest_received_at: Timestamp,
    pub bytes: u64,
    pub rows: u64,
}

/// What [`Store::open`] found.
#[derive(Debug, Clone, Default)]
pub struct StoreRecovery {
    pub segments: u64,
    pub rows: u64,
    /// Files that the catalog does not know, moved to `quarantine/`: left by a crash between writing and committing.
    pub orphans: u64,
    /// All damaged segments, old and newly found.
    pub damaged: Vec<DamagedSegment>,
    /// The highest sequence number that is sealed in any dataset. The journal must number above it.
    pub sealed_sequence: u64,
}

#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    pub datasets: BTreeMap<Dataset, DatasetStats>,
    pub last_sequence: u64,
    /// 0 before a journal is attached.
    pub journal_bytes: u64,
    /// What an operator has to know, and what can be done.
    pub notices: Vec<Notice>,
    /// Whether the ballast is in place.
    pub is_ballast_held: bool,
    /// If there is an object store.
    pub remote: Option<RemoteStats>,
}

#[derive(Debug, Clone, Default)]
pub struct DatasetStats {
    pub hot_rows: u64,
    /// Memory, as accounted: views and text.
    pub hot_bytes: u64,
    pub segments: u64,
    pub segment_rows: u64,
    /// On disk.
    pub segment_bytes: u64,
    pub damaged_segments: u64,
    pub columns: u64,
    /// Of all rows, hot ones too.
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
}

impl Store {
    /// Opens the catalog, clears away what a crash left behind, and checks that every segment is there in full size. Hot
    /// rows are not here yet: replay the journal through [`Store::append`], numbering new records above
    /// [`StoreRecovery::sealed_sequence`], before anything new is appended.
    pub async fn open(
        config: StoreConfig,
        disk: SharedDisk,
        clock: SharedClock,
    ) -> Result<(Self, StoreRecovery), StoreError> {
        let root = config.root.clone();
        // The catalog is SQLite's own file and needs a real folder even when the disk is simulated.
        std::fs::create_dir_all(&root).map_err(|source| StoreError::io("make", &root, source))?;
        let catalog = Catalog::open(&root).await?;
        let remote = config
            .remote
            .clone()
            .map(|remote| Arc::new(Remote::new(remote, root.clone(), Arc::clone(&disk), Arc::clone(&clock))));
        let mut recovery = StoreRecovery::default();
        let mut tables = BTreeMap::new();
        let mut owned =
            Owned { live: HashSet::new(), removed: catalog.removed_files().await?.into_iter().collect() };
        for dataset in Dataset::ALL {
            let mut record = catalog.load(dataset).await?;
            if let Some(remote) = &remote {
                record.kept.iter().for_each(|id| remote.set_kept(*id));
                for segment in &mut record.segments {
                    Arc::make_mut(segment).remote = Some(Arc::clone(remote));
                }
            }
            recovery.sealed_sequence = recovery.sealed_sequence.max(record.sealed_sequence);
            owned.live.extend(record.segments.iter().map(|segment| segment.path.clone()));
            let state = TableState {
                registry: Registry::new(dataset, record.columns),
                memtable: Memtable::default(),
                hot_since: None,
                newest_received_at: Timestamp::MIN,
                sealing: None,
                segments: record.segments,
                damaged: record.damaged,
                last_sequence: record.sealed_sequence,
            };
            tables.insert(dataset, Table { state: Mutex::new(state), hot_bytes: AtomicU64::new(0) });
        }
        recovery.orphans = tokio::task::spawn_blocking({
            let disk = Arc::clone(&disk);
            move || prepare_folders(disk.as_ref(), &root, &owned)
        })
        .await??;
        let next_segment_id = AtomicI64::new(catalog.next_segment_id().await?);
        let accepted = match catalog.accepted_limits().await? {
            Some(accepted) => accepted,
            None => {
                let accepted = config.limits.first_accepted();
                catalog.accept_limits(&accepted).await?;
                accepted
            }
        };
        let inner = Inner {
            limits: Mutex::new(config.limits.clone()),
            limits_changed: AtomicBool::new(false),
            ballast: Ballast::new(&config.root, config.ballast_bytes),
            notices: Mutex::default(),
            remote,
            config,
            disk,
            clock,
            catalog,
            tables,
            next_segment_id,
            last_sequence: AtomicU64::new(recovery.sealed_sequence),
            wake: Notify::new(),
            journal: OnceLock::new(),
            maintenance: tokio::sync::Mutex::new(Maintenance::new(accepted)),
        };
        let store = Self(Arc::new(inner));
        store.check_sizes().await?;
        for table in store.0.tables.values() {
            let state = table.state.lock();
            recovery.segments += state.segments.len() as u64;
            recovery.rows += state.segments.iter().map(|segment| segment.rows).sum::<u64>();
            recovery.damaged.extend(state.damaged.iter().cloned());
        }
        Ok((store, recovery))
    }

    async fn check_sizes(&self) -> Result<(), StoreError> {
        for table in self.0.tables.values() {
            let segments = table.state.lock().segments.clone();
            for segment in segments {
                match self.0.disk.size(&segment.path) {
                    Ok(size) if size == segment.bytes => {}
                    Ok(size) => {
                        let reason = format!("file has {size} bytes, {} were written", segment.bytes);
                        self.report_damage(&segment, &reason).await?;
                    }
                    Err(error)
                        if error.kind() == std::io::ErrorKind::NotFound
                            && let Some(remote) = &self.0.remote
                            && remote.is_kept(segment.id) =>
                    {
                        remote.set_absent(segment.id);
                    }
                    Err(error) => self.report_unreadable(&segment, &error),
                }
            }
        }
        Ok(())
    }

    /// Makes the rows of a batch visible. `sequence` is the batch's number in the journal; calls come in its order.
    /// `false`, and no change, if the dataset holds that number already (replay of what is sealed). Computes: some
    /// hundred nanoseconds per row.
    pub fn append(&self, sequence: u64, batch: &Batch) -> bool {
        let table = self.table(batch.dataset);
        let mut state = table.state.lock();
        let state = &mut *state;
        if sequence <= state.last_sequence {
            return false;
        }
        state.memtable.append(&mut state.registry, &batch.rows);
        state.last_sequence = sequence;
        if !batch.rows.is_empty() {
            let at = self.0.clock.monotonic();
            state.hot_since.get_or_insert(HotSince { sequence, at, last_at: at }).last_at = at;
            state.newest_received_at = state.newest_received_at.max(batch.received_at);
        }
        table.hot_bytes.store(state.hot_bytes(), Ordering::Relaxed);
        if state.memtable.bytes() >= self.0.config.seal_bytes {
            self.0.wake.notify_one();
        }
        self.0.last_sequence.fetch_max(sequence, Ordering::Relaxed);
        true
    }

    /// The rows of a dataset at this moment. Cheap: shares memory and names files; hot chunks get missing
    /// columns as shared nulls, which costs one pointer per chunk and column.
    pub fn snapshot(&self, dataset: Dataset, range: TimeRange) -> Result<Snapshot, StoreError> {
        let (schema, chunks, snapshot) = {
            let mut state = self.table(dataset).state.lock();
            let state = &mut *state;
            let schema = state.registry.schema();
            let mut chunks = state.sealing.as_ref().map_or_else(Vec::new, |sealing| sealing.chunks.clone());
            chunks.extend(state.memtable.chunks(&state.registry));
            let snapshot = Snapshot {
                dataset,
                schema: Arc::clone(&schema),
                hot: Vec::new(),
                segments: state.segments.iter().filter(|segment| segment.overlaps(range)).cloned().collect(),
                last_sequence: state.last_sequence,
                damaged: state
                    .damaged
                    .iter()
                    .filter(|damaged| damaged.file.overlaps(range))
                    .cloned()
                    .collect(),
            };
            (schema, chunks, snapshot)
        };
        let mut widener = Widener::new(schema, CHUNK_ROWS);
        let hot =
            chunks.iter().filter(|chunk| chunk.overlaps(range)).map(|chunk| widener.widen(&chunk.batch));
        Ok(Snapshot { hot: hot.collect::<Result<_, _>>()?, ..snapshot })
    }

    /// Every column of the dataset, as in [`Snapshot::schema`].
    pub fn schema(&self, dataset: Dataset) -> SchemaRef {
        self.table(dataset).state.lock().registry.schema()
    }

    /// The same columns with the types of the model, which tell JSON text from plain text.
    pub fn columns(&self, dataset: Dataset) -> Vec<Column> {
        self.table(dataset).state.lock().registry.columns().to_vec()
    }

    /// Memory of hot rows, all datasets, as accounted. Cheap.
    pub fn hot_bytes(&self) -> u64 {
        self.0.tables.values().map(|table| table.hot_bytes.load(Ordering::Relaxed)).sum()
    }

    pub fn config(&self) -> &StoreConfig {
        &self.0.config
    }

    /// The sequence number of the newest visible batch.
    pub fn last_sequence(&self) -> u64 {
        self.0.last_sequence.load(Ordering::Relaxed)
    }

    pub fn stats(&self) -> StoreStats {
        let datasets = self.0.tables.iter().map(|(&dataset, table)| (dataset, table.state.lock().stats()));
        StoreStats {
            datasets: datasets.collect(),
            last_sequence: self.last_sequence(),
            journal_bytes: self.0.journal.get().map_or(0, |journal| journal.stats().bytes),
            notices: self.0.notices.lock().clone(),
            is_ballast_held: self.0.ballast.is_held(),
            remote: self.0.remote.as_ref().map(|remote| remote.stats()),
        }
    }

    /// Why no more rows of the dataset may be taken in, if so: its budget is used up, or the disk is. Cheap.
    pub fn refusal(&self, dataset: Dataset) -> Option<Notice> {
        let notices = self.0.notices.lock();
        let forbids = |notice: &&Notice| match notice {
            Notice::OverBudget { limit: Limit::Disk, .. } | Notice::BallastReleased { .. } => true,
            Notice::OverBudget { limit, .. } => limit.dataset() == Some(dataset),
            Notice::ClockNotTrusted { .. }
            | Notice::RemovalRefused { .. }
            | Notice::ObjectStoreUnreachable { .. } => false,
        };
        notices.iter().find(forbids).cloned()
    }

    /// Segments that were found damaged, in all datasets.
    pub fn damaged(&self) -> Vec<DamagedSegment> {
        self.0.tables.values().flat_map(|table| table.state.lock().damaged.clone()).collect()
    }

    /// Takes a segment out of answers for the life of this process because its file is missing or gives an error.
    /// Unlike damaged content this may pass (a volume that is not mounted), so nothing is written down.
    pub(crate) fn report_unreadable(&self, segment: &SegmentFile, error: &std::io::Error) {
        // It left for the object store a moment ago.
        if segment.is_absent() && error.kind() == std::io::ErrorKind::NotFound {
            return;
        }
        let mut state = self.table(segment.dataset).state.lock();
        if let Some(position) = state.segments.iter().position(|known| known.id == segment.id) {
            let file = state.segments.remove(position);
            let reason = format!("file cannot be read: {error}");
            tracing::error!(dataset = %file.dataset, file = %file.path.display(), rows = file.rows, reason, "segment is unreadable");
            state.damaged.push(DamagedSegment { file, reason });
        }
    }

    /// Takes a segment out of answers because its content is wrong: its file goes to `quarantine/`, and snapshots name it
    /// as damaged. For whoever reads segments and fails. Does nothing the second time.
    pub async fn report_damage(&self, segment: &SegmentFile, reason: &str) -> Result<(), StoreError> {
        if let Some(remote) = self.0.remote.as_ref().filter(|remote| remote.is_kept(segment.id)) {
            // The copy in the object store takes its place: it is fetched, and checked, when somebody reads it.
            tracing::error!(
                segment = segment.id,
                reason,
                "the file of a segment is damaged and is fetched again"
            );
            remote.set_absent(segment.id);
            let (disk, path) = (Arc::clone(&self.0.disk), segment.path.clone());
            return match tokio::task::spawn_blocking(move || disk.remove(&path)).await? {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    Err(StoreError::io("remove", &segment.path, source))
                }
                _ => Ok(()),
            };
        }
        let quarantine = self.0.config.root.join(QUARANTINE_FOLDER);
        let mut file = segment.clone();
        file.path = quarantine.join(format!("{}-{}.parquet", segment.dataset, segment.id));
        let damaged = {
            let mut state = self.table(segment.dataset).state.lock();
            let Some(position) = state.segments.iter().position(|known| known.id == segment.id) else {
                return Ok(());
            };
            state.segments.remove(position);
            let damaged = DamagedSegment { file: Arc::new(file), reason: reason.to_owned() };
            state.damaged.push(damaged.clone());
            damaged
        };
        tracing::error!(
            dataset = %segment.dataset, segment = segment.id, file = %segment.path.display(), rows = segment.rows,
            min_time = %segment.min_time, max_time = %segment.max_time, reason, "segment is damaged"
        );
        // The catalog first: should the move fail, the next start finds the file missing, not intact.
        self.0.catalog.commit_damage(&damaged.file, reason).await?;
        let (disk, from, to) = (Arc::clone(&self.0.disk), segment.path.clone(), damaged.file.path.clone());
        let moved = tokio::task::spawn_blocking(move || {
            disk.rename(&from, &to)?;
            disk.sync_dir(&quarantine)
        });
        match moved.await? {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("quarantine", &segment.path, source))
            }
            _ => Ok(()),
        }
    }

    /// Lets maintenance truncate the journal after seals.
    pub fn attach_journal(&self, journal: Journal) {
        // A second journal is a defect of the wiring; the first stays.
        if self.0.journal.set(journal).is_err() {
            tracing::error!("a journal is attached already");
        }
    }

    /// Journal records below this sequence number are not needed any more.
    pub fn journal_needed_from(&self) -> u64 {
        // Read first: whatever is appended while the tables are looked at is above it.
        let after_last = self.last_sequence() + 1;
        let first_hot = |table: &Table| {
            let state = table.state.lock();
            let sealing = state.sealing.as_ref().map(|sealing| sealing.min_sequence);
            sealing.or(state.hot_since.map(|since| since.sequence))
        };
        self.0.tables.values().filter_map(first_hot).min().map_or(after_last, |first| first.min(after_last))
    }

    pub(crate) fn table(&self, dataset: Dataset) -> &Table {
        &self.0.tables[&dataset]
    }

    pub(crate) fn segment_path(&self, dataset: Dataset, id: i64) -> PathBuf {
        self.0.config.root.join(SEGMENTS_FOLDER).join(dataset.as_str()).join(format!("{id:012}.parquet"))
    }
}

impl TableState {
    pub fn hot_bytes(&self) -> u64 {
        self.memtable.bytes() + self.sealing.as_ref().map_or(0, |sealing| sealing.bytes)
    }

    fn stats(&self) -> DatasetStats {
        let segments = &self.segments;
        let sealed = segments.iter().map(|segment| (segment.min_time, segment.max_time));
        let sealing = self.sealing.iter().flat_map(|sealing| &sealing.chunks);
        let sealing = sealing.map(|chunk| (chunk.min_time, chunk.max_time));
        let times = sealed
            .chain(sealing)
            .chain(self.memtable.times())
            .reduce(|(from, to), (min, max)| (from.min(min), to.max(max)));
        DatasetStats {
            hot_rows: self.memtable.rows() + self.sealing.as_ref().map_or(0, |sealing| sealing.rows),
            hot_bytes: self.hot_bytes(),
            segments: segments.len() as u64,
            segment_rows: segments.iter().map(|segment| segment.rows).sum(),
            segment_bytes: segments.iter().map(|segment| segment.bytes).sum(),
            damaged_segments: self.damaged.len() as u64,
            columns: self.registry.columns().len() as u64,
            oldest: times.map(|(oldest, _)| oldest),
            newest: times.map(|(_, newest)| newest),
        }
    }
}

/// What to do with the files in the segment folders.
struct Owned {
    live: HashSet<PathBuf>,
    removed: HashSet<PathBuf>,
}

/// Makes the folders, deletes temporary files and those of removed segments, and moves away what the catalog has
/// never heard of. The latter is nearly always a segment that a crash kept from being committed, whose rows are in the
/// journal; but it is also all there is if the catalog was lost or restored from a backup, so it is not deleted.
/// Returns how many files were moved.
fn prepare_folders(disk: &dyn Disk, root: &Path, owned: &Owned) -> Result<u64, StoreError> {
    let make =
        |folder: &Path| disk.create_dir(folder).map_err(|source| StoreError::io("make", folder, source));
    let quarantine = root.join(QUARANTINE_FOLDER);
    make(&quarantine)?;
    let mut moved = 0;
    for dataset in Dataset::ALL {
        let folder = root.join(SEGMENTS_FOLDER).join(dataset.as_str());
        make(&folder)?;
        let names = disk.list(&folder).map_err(|source| StoreError::io("list", &folder, source))?;
        for name in names {
            let path = folder.join(&name);
            if owned.live.contains(&path) {
                continue;
            }
            if owned.removed.contains(&path)
                || path.extension().is_some_and(|kind| kind == TEMPORARY_EXTENSION)
            {
                disk.remove(&path).map_err(|source| StoreError::io("remove", &path, source))?;
                continue;
            }
            let bytes = disk.size(&path).unwrap_or(0);
            let away = quarantine.join(format!("orphan-{dataset}-{bytes}-{name}"));
            tracing::warn!(file = %path.display(), to = %away.display(), "the catalog does not know this file");
            disk.rename(&path, &away).map_err(|source| StoreError::io("quarantine", &path, source))?;
            moved += 1;
        }
        disk.sync_dir(&folder).map_err(|source| StoreError::io("sync", &folder, source))?;
    }
    disk.sync_dir(&quarantine).map_err(|source| StoreError::io("sync", &quarantine, source))?;
    Ok(moved)
}
