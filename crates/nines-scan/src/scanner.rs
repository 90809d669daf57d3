//! Where questions run: on threads of their own, within memory, time and number.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use nines_base::{SharedClock, Shutdown};
use nines_filter::nearest;
use nines_model::{Dataset, ValueType, field};
use nines_storage::{Snapshot, Store};

use crate::error::ScanError;
use crate::question::Question;
use crate::segment::{Footers, check};
use crate::select::Selections;
use crate::suggest::Tallies;

#[derive(Debug, Clone)]
pub struct ScannerConfig {
    /// Threads that read. A question uses as many as it has parts for; what it holds at a time is, per thread, one batch
    /// of 16 384 rows of the columns that it reads and one page of each.
    pub threads: usize,
    /// Questions that run at once; more wait, which counts towards their time.
    pub concurrency: usize,
    /// The limit for questions that name none.
    pub timeout_default: Duration,
}

impl Default for ScannerConfig {
    /// As many threads as the machine has cores, up to eight, beyond which a disk is the limit.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { threads: cores.clamp(2, 8), concurrency: 4, timeout_default: Duration::from_secs(30) }
    }
}

/// How long a question may take and who may end it.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// `None` takes the default of the configuration.
    pub timeout: Option<Duration>,
    /// Ends the question early, with [`ScanError::Cancelled`]. Dropping the future does so too.
    pub cancel: Shutdown,
}

/// A field of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    pub name: String,
    /// `string`, `int`, `float`, `bool`, `bytes`, `json` or `time`.
    pub kind: ValueType,
}

/// Answers questions over the store. Cheap to clone.
///
/// Questions run on the scanner's own threads, so that a heavy one never delays what else the process does. Dropping the
/// future of a question cancels it: its tasks stop at the end of the row group that they read.
#[derive(Clone)]
pub struct Scanner(Arc<Inner>);

struct Inner {
    store: Store,
    config: ScannerConfig,
    clock: SharedClock,
    permits: Arc<Semaphore>,
    footers: Footers,
    selections: Selections,
    tallies: Tallies,
    /// `None` only while dropping.
    threads: Option<tokio::runtime::Runtime>,
}

/// A question that was asked. Boxed where it is asked, since the body of an async function is compiled by the crate that
/// awaits it: the loops over rows would be as slow as a crate that is not optimised.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, ScanError>> + Send + 'a>>;

/// The snapshots that a question has read.
pub(crate) type Reads = Arc<Mutex<Vec<Arc<Snapshot>>>>;

impl Scanner {
    pub fn new(store: Store, config: ScannerConfig, clock: SharedClock) -> Result<Self, ScanError> {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .thread_name("nines-scan")
            .enable_all()
            .build()
            .map_err(ScanError::internal)?;
        Ok(Self(Arc::new(Inner {
            store,
            permits: Arc::new(Semaphore::new(config.concurrency.max(1))),
            config,
            clock,
            footers: Footers::default(),
            selections: Selections::default(),
            tallies: Tallies::default(),
            threads: Some(threads),
        })))
    }

    pub fn config(&self) -> &ScannerConfig {
        &self.0.config
    }

    /// Checks every segment of the snapshots by its checksum and takes those that are damaged out of service; how many there
    /// were. For whoever could not read one. Reads all of them.
    pub async fn take_damaged_out(&self, snapshots: &[Arc<Snapshot>]) -> usize {
        let mut damaged = 0;
        for segment in snapshots.iter().flat_map(|snapshot| &snapshot.segments) {
            let file = Arc::clone(segment);
            let threads = self.0.threads.as_ref().expect("present until drop");
            let Ok(Err(reason)) = threads.spawn_blocking(move || check(&file)).await else { continue };
            tracing::error!(path = %segment.path.display(), %reason, "segment is damaged");
            match self.0.store.report_damage(segment, &reason).await {
                Ok(()) => damaged += 1,
                Err(error) => {
                    tracing::error!(path = %segment.path.display(), %error, "damage cannot be recorded")
                }
            }
        }
        damaged
    }

    /// The fields of a dataset with their types, as of now.
    pub fn fields(&self, dataset: Dataset) -> Vec<FieldInfo> {
        let columns = self.store().columns(dataset);
        let shown = columns.into_iter().filter(|column| column.name != field::OVERFLOW);
        shown.map(|column| FieldInfo { name: column.name.to_string(), kind: column.kind }).collect()
    }

    /// The known field that `name` was probably meant to be, if it is not known itself.
    pub fn nearest_field(&self, dataset: Dataset, name: &str) -> Option<String> {
        let columns = self.store().columns(dataset);
        if columns.iter().any(|column| column.name == name) {
            return None;
        }
        nearest(name, columns.iter().map(|column| column.name.as_str())).map(str::to_owned)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn footers(&self) -> &Footers {
        &self.0.footers
    }

    pub(crate) fn selections(&self) -> &Selections {
        &self.0.selections
    }

    pub(crate) fn tallies(&self) -> &Tallies {
        &self.0.tallies
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.0.clock.monotonic()
    }

    /// Runs `work` on the scanner's threads within its limits. If stored data cannot be read, the segments that are
    /// damaged are taken out of service and `work` runs once more: its answer then says what is missing.
    pub(crate) async fn run<T, W, F>(&self, limits: Limits, work: W) -> Result<T, ScanError>
    where
        T: Send + 'static,
        W: Fn(Arc<Question>) -> F,
        F: Future<Output = Result<T, ScanError>> + Send + 'static,
    {
        let after = limits.timeout.unwrap_or(self.0.config.timeout_default);
        let started = self.monotonic();
        let answer = async {
            let permits = Arc::clone(&self.0.permits);
            let _permit = permits.acquire_owned().await.map_err(|_| ScanError::Cancelled)?;
            let read = Reads::default();
            let question = || Arc::new(Question::new(self.clone(), started, &read));
            match self.on_threads(work(question())).await {
                Err(error @ (ScanError::Storage { .. } | ScanError::Internal { .. })) => {
                    let snapshots = std::mem::take(&mut *read.lock());
                    if self.take_damaged_out(&snapshots).await == 0 {
                        return Err(error);
                    }
                    self.on_threads(work(question())).await
                }
                answer => answer,
            }
        };
        tokio::select! {
            biased;
            () = limits.cancel.begun() => Err(ScanError::Cancelled),
            () = self.0.clock.sleep(after) => Err(ScanError::Timeout { after }),
            answer = answer => answer,
        }
    }

    pub(crate) fn spawn<T, F>(&self, work: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ScanError>> + Send + 'static,
    {
        Task(self.0.threads.as_ref().expect("present until drop").spawn(work))
    }

    async fn on_threads<T, F>(&self, work: F) -> Result<T, ScanError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ScanError>> + Send + 'static,
    {
        self.spawn(work).finish().await
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropping a runtime waits for its tasks, which an async context must not.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// Work on the scanner's threads; dropping it ends the work at its next pause.
pub(crate) struct Task<T>(JoinHandle<Result<T, ScanError>>);

impl<T> Task<T> {
    pub async fn finish(mut self) -> Result<T, ScanError> {
        match (&mut self.0).await {
            Ok(answer) => answer,
            Err(error) if error.is_cancelled() => Err(ScanError::Cancelled),
            Err(error) => Err(ScanError::internal(error)),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
