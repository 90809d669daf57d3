//! Where SQL runs: on threads of its own, within memory, time and number.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider,
};
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SessionContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{FunctionRegistry, SendableRecordBatchStream};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use nines_base::SharedClock;
use nines_model::{Dataset, TimeRange};
use nines_scan::{Limits, QueryStats, Scanner, ScannerConfig};
use nines_storage::{Snapshot, Store};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::cooperate::YieldAboveJoins;
use crate::error::{QueryError, Step, translate};
use crate::functions::{BoundedConcat, bounded, quantile};
use crate::stats::ScanCounters;
use crate::table::DatasetTable;

#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// What one question may use. The engine as a whole uses at most `concurrency` times as much.
    pub memory_bytes: usize,
    /// Questions that run at once; more wait, which counts towards their time. Also the number of threads.
    pub concurrency: usize,
    /// The limit for questions that name none.
    pub timeout_default: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, concurrency: 4, timeout_default: Duration::from_secs(30) }
    }
}

/// Answers questions over the store. Cheap to clone.
///
/// Questions run on the engine's own threads, so that a heavy one never delays what else the process does.
/// Dropping the future of a question cancels it: its tasks stop at their next batch and free what they hold.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    scanner: Scanner,
    config: EngineConfig,
    clock: SharedClock,
    permits: Arc<Semaphore>,
    /// Makes the session of one question. A trait object, so that wherever an engine crosses threads the compiler need
    /// not prove again that all of the planner may: that alone was half a minute of every build.
    new_session: Box<dyn Fn() -> SessionContext + Send + Sync>,
    /// `None` only while dropping.
    threads: Option<tokio::runtime::Runtime>,
}

/// What one function may make of one batch, of a question's memory: this is not counted in it.
const TEXT_SHARE: usize = 4;

/// The planner calls itself for each step of a chain of operators; [`crate::shape`] bounds the chains. Only what is used of
/// it takes memory.
const STACK_BYTES: usize = 64 << 20;

/// Compiled footers of segments, kept between questions: about 10 kB each.
const METADATA_CACHE_BYTES: usize = 32 << 20;

impl Engine {
    pub fn new(store: Store, config: EngineConfig, clock: SharedClock) -> Result<Self, QueryError> {
        let new_session = sessions(&config)
            .map_err(|source: DataFusionError| QueryError::Internal { source: Box::new(source) })?;
        let scanner = ScannerConfig {
            concurrency: config.concurrency,
            timeout_default: config.timeout_default,
            ..ScannerConfig::default()
        };
        let scanner = Scanner::new(store.clone(), scanner, Arc::clone(&clock))?;
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.concurrency.max(1))
            .thread_name("nines-query")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|source| QueryError::Internal { source: Box::new(source) })?;
        Ok(Self(Arc::new(Inner {
            store,
            scanner,
            permits: Arc::new(Semaphore::new(config.concurrency.max(1))),
            config,
            clock,
            new_session: Box::new(new_session),
            threads: Some(threads),
        })))
    }

    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Answers everything but SQL; the methods of the same names here are shorthand for its own.
    pub fn scanner(&self) -> &Scanner {
        &self.0.scanner
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Runs `work` on the engine's threads within its limits. If stored data cannot be read, the segments that are
    /// damaged are taken out of service and `work` runs once more: its answer then says what is missing.
    pub(crate) async fn run<T, W, F>(&self, limits: Limits, work: W) -> Result<T, QueryError>
    where
        T: Send + 'static,
        W: Fn(Query) -> F,
        F: Future<Output = Result<T, QueryError>> + Send + 'static,
    {
        let after = limits.timeout.unwrap_or(self.0.config.timeout_default);
        let started = self.0.clock.monotonic();
        let answer = async {
            let permits = Arc::clone(&self.0.permits);
            let _permit = permits.acquire_owned().await.map_err(|_| QueryError::Cancelled)?;
            let read = Reads::default();
            match self.on_threads(work(Query::new(self.clone(), started, &read))).await {
                Err(error @ (QueryError::Storage { .. } | QueryError::Internal { .. })) => {
                    let snapshots = std::mem::take(&mut *read.lock());
                    if self.0.scanner.take_damaged_out(&snapshots).await == 0 {
                        return Err(error);
                    }
                    self.on_threads(work(Query::new(self.clone(), started, &read))).await
                }
                answer => answer,
            }
        };
        tokio::select! {
            biased;
            () = limits.cancel.begun() => Err(QueryError::Cancelled),
            () = self.0.clock.sleep(after) => Err(QueryError::Timeout { after }),
            answer = answer => answer,
        }
    }

    async fn on_threads<T, F>(&self, work: F) -> Result<T, QueryError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, QueryError>> + Send + 'static,
    {
        let threads = self.0.threads.as_ref().expect("present until drop");
        let mut task = AbortOnDrop(threads.spawn(work));
        match (&mut task.0).await {
            Ok(answer) => answer,
            Err(error) if error.is_cancelled() => Err(QueryError::Cancelled),
            Err(error) => Err(QueryError::Internal { source: Box::new(error) }),
        }
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

/// Sessions that share functions, rules, options and the cache of footers, each with memory of its own and no tables.
fn sessions(config: &EngineConfig) -> Result<impl Fn() -> SessionContext + use<>, DataFusionError> {
    let shared_env = RuntimeEnvBuilder::new()
        // A question that does not fit in memory fails: it must not fill the disk that the journal needs.
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .with_metadata_cache_limit(METADATA_CACHE_BYTES)
        .build_arc()?;
    let mut template = SessionStateBuilder::new()
        .with_config(session_config(config.concurrency))
        .with_runtime_env(Arc::clone(&shared_env))
        .with_default_features()
        .with_physical_optimizer_rule(Arc::new(YieldAboveJoins))
        .build();
    let text_bytes_max = config.memory_bytes / TEXT_SHARE;
    for function in bounded(template.scalar_functions(), text_bytes_max) {
        template.register_udf(Arc::new(function))?;
    }
    template.register_expr_planner(Arc::new(BoundedConcat::new(text_bytes_max)))?;
    template.register_udaf(Arc::new(quantile()))?;
    let memory_bytes = config.memory_bytes;
    Ok(move || {
        let mut runtime_env = RuntimeEnv::clone(&shared_env);
        runtime_env.memory_pool = Arc::new(GreedyMemoryPool::new(memory_bytes));
        let state = SessionStateBuilder::new_from_existing(template.clone())
            .with_catalog_list(empty_catalogs(&template))
            .with_runtime_env(Arc::new(runtime_env))
            .build();
        SessionContext::new_with_state(state)
    })
}

fn session_config(concurrency: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(concurrency.clamp(1, 2))
        .with_information_schema(true)
        .with_collect_statistics(false);
    let options = config.options_mut();
    // Columns that a filter does not need are decoded only for the rows that it selects.
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.sql_parser.collect_spans = true;
    // Later passes seldom find more in plans over single tables, and planning is most of what a small question costs.
    options.optimizer.max_passes = 1;
    config
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The one catalog and schema of a session, without tables. A state made from another one gets none by itself.
fn empty_catalogs(template: &SessionState) -> Arc<MemoryCatalogProviderList> {
    let names = &template.config_options().catalog;
    let catalog = MemoryCatalogProvider::new();
    catalog
        .register_schema(&names.default_schema, Arc::new(MemorySchemaProvider::new()))
        .expect("a catalog in memory takes any schema");
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(names.default_catalog.clone(), Arc::new(catalog));
    Arc::new(catalogs)
}

/// The snapshots that a question has read.
type Reads = Arc<Mutex<Vec<Arc<Snapshot>>>>;

/// One question while it runs: its session, the snapshots it reads and what it has cost so far.
pub(crate) struct Query {
    engine: Engine,
    started: Duration,
    counters: Arc<ScanCounters>,
    context: SessionContext,
    plans: Mutex<Vec<Arc<dyn ExecutionPlan>>>,
    partial: Mutex<Vec<String>>,
    read: Reads,
}

impl Query {
    fn new(engine: Engine, started: Duration, read: &Reads) -> Self {
        Self {
            started,
            read: Arc::clone(read),
            context: (engine.0.new_session)(),
            engine,
            counters: Arc::default(),
            plans: Mutex::default(),
            partial: Mutex::default(),
        }
    }

    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    pub fn error(&self, error: DataFusionError, step: Step) -> QueryError {
        translate(error, step, self.engine.0.config.memory_bytes as u64)
    }

    /// What the dataset holds in `range` now.
    pub async fn snapshot(&self, dataset: Dataset, range: TimeRange) -> Result<Arc<Snapshot>, QueryError> {
        let snapshot = self.engine.store().snapshot(dataset, range).map_err(|source| {
            QueryError::Storage { dataset: dataset.to_string(), source: Box::new(source) }
        })?;
        Ok(Arc::new(snapshot))
    }

    /// Makes the snapshot a table of the session, called as its dataset.
    pub fn register(&self, dataset: Dataset, snapshot: &Arc<Snapshot>) -> Result<(), QueryError> {
        self.note(dataset, snapshot);
        let table = DatasetTable::new(Arc::clone(snapshot), Arc::clone(&self.counters));
        self.context
            .register_table(dataset.as_str(), Arc::new(table))
            .map(drop)
            .map_err(|error| self.error(error, Step::Planning))
    }

    /// Remembers what is read, and what is missing from it.
    fn note(&self, dataset: Dataset, snapshot: &Arc<Snapshot>) {
        self.read.lock().push(Arc::clone(snapshot));
        let mut partial = self.partial.lock();
        for damaged in &snapshot.damaged {
            let file = &damaged.file;
            let text = format!(
                "{dataset}: {} rows between {} and {} are missing, because segment {} is damaged: {}",
                file.rows, file.min_time, file.max_time, file.id, damaged.reason
            );
            if !partial.contains(&text) {
                partial.push(text);
            }
        }
    }

    /// Starts the plan.
    pub async fn stream(&self, frame: DataFrame) -> Result<SendableRecordBatchStream, QueryError> {
        let task = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.map_err(|error| self.error(error, Step::Planning))?;
        self.plans.lock().push(Arc::clone(&plan));
        execute_stream(plan, task).map_err(|error| self.error(error, Step::Running))
    }

    /// What it has cost up to now.
    pub fn stats(&self) -> QueryStats {
        let run_time = self.engine.0.clock.monotonic().saturating_sub(self.started);
        let mut stats =
            QueryStats { run_time, partial: self.partial.lock().clone(), ..QueryStats::default() };
        self.counters.add_to(&mut stats, &self.plans.lock());
        stats
    }
}
