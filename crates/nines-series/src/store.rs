use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

use nines_base::disk::SharedDisk;
use nines_base::{MIB, Random, SharedClock};
use nines_wal::{Journal, JournalConfig};

use crate::error::Reason;
use crate::head::index::{Budgets, Index};
use crate::head::pages::Pages;
use crate::model::Metadata;
use crate::segment::Segment;

mod compact;
mod exemplars;
mod offenders;
mod open;
mod publish;
mod seal;
mod stats;
mod write;

pub use compact::{CompactReport, RetentionPlan};
pub use offenders::RefusedMetric;
pub use open::SeriesRecovery;
pub use seal::SealReport;
pub use stats::SeriesStats;
pub use write::{PendingWrite, WriteOutcome};

use exemplars::Exemplars;
use offenders::Offenders;
use write::Message;

/// Writes that wait for their fsync: what each costs beside its bytes, which the journal's queue bounds.
const INFLIGHT_WRITES_MAX: u64 = 4_096;

/// Metric families with metadata. Upstream's largest scrapes have a few thousand.
const METADATA_MAX: usize = 50_000;

/// The free space of the disk is asked for at most this often.
const FREE_SPACE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Made if absent; holds `journal/`, `segments/` and two small files. Nothing else may write there.
    pub folder: PathBuf,
    /// How far behind the newest sample of its series a sample may come.
    pub window: Duration,
    /// How far ahead of our clock a sample may be.
    pub future_max: Duration,
    /// How old a sample may be at all. Bounds how many partitions a single request can open.
    pub age_max: Duration,
    /// Samples that are not sealed, as they are accounted; more is refused until a seal has made room.
    pub head_bytes_max: u64,
    /// Series tables of segments that stay in memory between questions.
    pub index_bytes_max: u64,
    /// Below this much free space nothing is accepted.
    pub free_bytes_min: u64,
    pub budgets: Budgets,
    /// Days older than this keep fewer samples ([`crate::thin`]). `None`: all, for as long as retention says.
    pub thin_after: Option<Duration>,
}

impl StoreConfig {
    /// A window of an hour takes what an agent sends after an outage. Ten minutes ahead is more than clocks that are kept
    /// at all are apart. 400 days are a year and its comparison with the one before. 1 GiB of head holds two hours of 500 000 series at 15 s. 256 MiB of series tables are those of
    /// fifty partitions of 40 000 series.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            window: Duration::from_secs(60 * 60),
            future_max: Duration::from_secs(10 * 60),
            age_max: Duration::from_secs(400 * 24 * 60 * 60),
            head_bytes_max: 1024 * MIB,
            index_bytes_max: 256 * MIB,
            free_bytes_min: 256 * MIB,
            budgets: Budgets::default(),
            thin_after: None,
        }
    }

    fn journal(&self) -> JournalConfig {
        JournalConfig::new(self.folder.join("journal"))
    }

    fn segments(&self) -> PathBuf {
        self.folder.join("segments")
    }
}

/// The store of one tenant. Cloning shares it; when the last clone is dropped it closes.
#[derive(Clone)]
pub struct SeriesStore(Arc<Inner>, #[expect(dead_code, reason = "acts when it is dropped")] Arc<CloseOnDrop>);

/// The publisher's thread shares the insides, so they would never be dropped by themselves.
struct CloseOnDrop(Arc<Inner>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) disk: SharedDisk,
    clock: SharedClock,
    random: Random,
    journal: Journal,
    pub(crate) index: RwLock<Index>,
    pub(crate) pages: Pages,
    /// Ordered by order, oldest first. Replaced as a whole.
    pub(crate) segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    pub(crate) exemplars: Mutex<Exemplars>,
    pub(crate) metadata: Mutex<HashMap<Arc<str>, Metadata>>,
    budgets: Mutex<Budgets>,
    pub(crate) offenders: Offenders,
    /// Grows with every seal; changes only under `queue`.
    epoch: AtomicU32,
    /// Held while a write gets its sequence number and its place, so that both orders are the same. `None` once closed.
    queue: Mutex<Option<SyncSender<Message>>>,
    /// Read while a request is resolved and journalled; written while series are forgotten.
    evicting: RwLock<()>,
    in_flight: AtomicU64,
    publisher: Mutex<Option<thread::JoinHandle<()>>>,
    /// One seal, merge or retention at a time.
    maintenance: Mutex<()>,
    free_space: Mutex<Option<(Duration, u64)>>,
    counters: stats::Counters,
}

/// The times that are taken now.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Not older than the window behind the newest sample of all: fine for every series.
    from_at_once: i64,
    from: i64,
    to: i64,
    window_ms: i64,
}

impl Times {
    #[inline]
    fn at_once(self, t_ms: i64) -> bool {
        t_ms >= self.from_at_once && t_ms <= self.to
    }

    /// `last` is the newest time of the series. A series without samples takes any time in the past: an import is
    /// how it begins.
    fn check(self, t_ms: i64, last: Option<i64>) -> Result<(), Reason> {
        if t_ms > self.to {
            return Err(Reason::TooFarAhead);
        }
        let oldest = last.map_or(self.from, |last| last.saturating_sub(self.window_ms).max(self.from));
        if t_ms < oldest { Err(Reason::TooOld) } else { Ok(()) }
    }
}

impl Inner {
    fn allowed_times(&self) -> Times {
        let window_ms = i64::try_from(self.config.window.as_millis()).unwrap_or(i64::MAX);
        let future = i64::try_from(self.config.future_max.as_millis()).unwrap_or(i64::MAX);
        let newest = self.pages.newest_t_ms();
        // Before the first sample everything takes the careful way.
        let from_at_once = if newest == 0 { i64::MAX } else { newest.saturating_sub(window_ms) };
        let now = self.clock.now().as_millis();
        let age = i64::try_from(self.config.age_max.as_millis()).unwrap_or(i64::MAX);
        let (from, to) = (now.saturating_sub(age), now.saturating_add(future));
        Times { from_at_once: from_at_once.max(from), from, to, window_ms }
    }

    fn close(&self) {
        drop(self.queue.lock().take());
        if let Some(publisher) = self.publisher.lock().take() {
            // A panic of it has failed its writes already.
            let _ = publisher.join();
        }
        self.journal.close();
    }

    /// If the disk does not say, the journal will.
    fn free_bytes(&self) -> u64 {
        let now = self.clock.monotonic();
        let mut known = self.free_space.lock();
        match *known {
            Some((at, free)) if now.saturating_sub(at) < FREE_SPACE_INTERVAL => free,
            _ => {
                let free = self.disk.free_bytes(&self.config.folder).unwrap_or(u64::MAX);
                *known = Some((now, free));
                free
            }
        }
    }
}

impl SeriesStore {
    /// Takes effect for the next new series; those that exist stay.
    pub fn set_budgets(&self, budgets: Budgets) {
        *self.0.budgets.lock() = budgets;
    }

    pub fn budgets(&self) -> Budgets {
        *self.0.budgets.lock()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Refuses new writes, finishes those in flight and closes the journal. Seals nothing: the next start replays.
    pub fn close(&self) {
        self.0.close();
    }
}
