//! Segments in an object store: nothing is lost whatever it does, nothing is left behind in it, and the disk budget holds.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use nines_base::disk::RealDisk;
use nines_base::{Clock, ManualClock, Random};
use nines_model::{Dataset, TimeRange, Timestamp};
use nines_storage::{Limits, Notice, RemoteConfig, Store, StoreConfig, UNDELETE, read_segment};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::batches::{START, logs};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An object store that fails as often as told: before the work is done, or after it, when only the answer is lost.
#[derive(Debug, Clone)]
struct Faulty {
    inner: Arc<InMemory>,
    random: Random,
    /// Of a hundred requests.
    failures: Arc<AtomicU64>,
}

impl Faulty {
    fn new(seed: u64) -> Self {
        Self { inner: Arc::new(InMemory::new()), random: Random::from_seed(seed), failures: Arc::default() }
    }

    fn fail(&self, of_a_hundred: u64) {
        self.failures.store(of_a_hundred, Ordering::Relaxed);
    }

    /// Whether this request fails, and if so whether its work is done all the same.
    fn fate(&self) -> Option<bool> {
        (self.random.below(100) < self.failures.load(Ordering::Relaxed)).then(|| self.random.below(2) == 0)
    }

    fn slow_down() -> Error {
        Error::Generic { store: "faulty", source: "503 SlowDown".into() }
    }

    async fn keys(&self) -> BTreeSet<String> {
        let listed = self.inner.list(None).map(|meta| meta.unwrap().location.to_string());
        listed.collect().await
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.fate() {
            None => self.inner.put_opts(at, payload, options).await,
            Some(is_done) => {
                if is_done {
                    self.inner.put_opts(at, payload, options).await?;
                }
                Err(Self::slow_down())
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fate() {
            None => self.inner.get_opts(at, options).await,
            Some(_) => Err(Self::slow_down()),
        }
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = at.then(move |path| {
            let store = store.clone();
            async move {
                let path = path?;
                match store.fate() {
                    None => store.inner.delete(&path).await.map(|()| path),
                    Some(is_done) => {
                        if is_done {
                            store.inner.delete(&path).await?;
                        }
                        Err(Self::slow_down())
                    }
                }
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

struct Node {
    store: Store,
    clock: Arc<ManualClock>,
    sequence: u64,
    folder: PathBuf,
    remote: Faulty,
    limits: Limits,
}

impl Node {
    async fn open(folder: &tempfile::TempDir, remote: &Faulty, at: Timestamp, limits: Limits) -> Self {
        let clock = ManualClock::at(at);
        let config = StoreConfig {
            limits: limits.clone(),
            remote: Some(RemoteConfig {
                store: Arc::new(remote.clone()),
                prefix: "a/node".to_owned(),
                name: "s3://bucket/a/node".to_owned(),
            }),
            ..StoreConfig::new(folder.path())
        };
        let (store, recovery) = Store::open(config, RealDisk::shared(), clock.clone()).await.unwrap();
        assert!(recovery.damaged.is_empty(), "{:?}", recovery.damaged);
        let sequence = store.last_sequence();
        Self { store, clock, sequence, folder: folder.path().to_owned(), remote: remote.clone(), limits }
    }

    async fn restart(self, folder: &tempfile::TempDir) -> Self {
        self.store.close().await.unwrap();
        Self::open(folder, &self.remote, self.clock.now(), self.limits).await
    }

    /// A segment of 100 rows, received now; then the clock moves on.
    async fn seal(&mut self, then: Duration) {
        self.sequence += 1;
        self.store.append(self.sequence, &logs(self.clock.now(), "api", self.sequence as i64 * 100, 100));
        self.store.seal_all().await.unwrap();
        self.clock.advance(then);
    }

    /// Every row that the catalog knows, read as questions read.
    async fn rows(&self) -> std::io::Result<u64> {
        let segments = self.store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap().segments;
        tokio::task::spawn_blocking(move || {
            let mut rows = 0;
            for segment in segments {
                segment.open()?;
                let batches = read_segment(&RealDisk, &segment.path).map_err(std::io::Error::other)?;
                rows += batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
            }
            Ok(rows)
        })
        .await
        .unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.join("segments/logs")).unwrap().count()
    }

    fn absent(&self) -> u64 {
        self.store.stats().remote.unwrap().absent_segments
    }
}

fn disk(bytes: u64) -> Limits {
    Limits { disk_bytes: Some(bytes), ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_budget_costs_no_data_where_there_is_an_object_store() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Faulty::new(1));
    let mut node = Node::open(&folder, &remote, START, disk(20_000)).await;
    for _ in 0..12 {
        node.seal(DAY).await;
    }
    // Nothing is there yet, so nothing may leave, and ingest refuses.
    node.store.maintain().await.unwrap();
    assert!(matches!(node.store.refusal(Dataset::Logs), Some(Notice::OverBudget { .. })));
    assert_eq!((node.files(), node.rows().await.unwrap()), (12, 1_200));
    let report = node.store.offload().await.unwrap();
    assert_eq!(report.uploaded_segments, 12);
    assert_eq!(node.store.offload().await.unwrap().uploaded_segments, 0, "each goes once");
    node.store.maintain().await.unwrap();
    assert_eq!(node.store.refusal(Dataset::Logs), None);
    let left = node.files();
    assert!(left < 12 && node.absent() == 12 - left as u64, "{left} files, {} absent", node.absent());
    // It is all there for whoever asks, also after a restart; what was fetched does not leave at once, the others do.
    assert_eq!(node.rows().await.unwrap(), 1_200);
    assert_eq!((node.files(), node.absent()), (12, 0));
    node.store.maintain().await.unwrap();
    assert_eq!((node.files(), node.absent()), (left, 12 - left as u64));
    node.clock.advance(HOUR);
    node.store.maintain().await.unwrap();
    assert_eq!(node.files(), left);
    let node = node.restart(&folder).await;
    assert_eq!(node.absent(), 12 - left as u64);
    assert_eq!(node.rows().await.unwrap(), 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_is_an_error_and_not_an_absence() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Faulty::new(2));
    let mut node = Node::open(&folder, &remote, START, disk(10_000)).await;
    for _ in 0..6 {
        node.seal(DAY).await;
    }
    node.store.offload().await.unwrap();
    node.store.maintain().await.unwrap();
    assert!(node.absent() > 0);
    remote.fail(100);
    let error = node.rows().await.unwrap_err().to_string();
    assert!(error.contains("s3://bucket/a/node") && error.contains("SlowDown"), "{error}");
    node.seal(DAY).await;
    node.store.offload().await.unwrap_err();
    let notices = node.store.stats().notices;
    assert!(
        notices.iter().any(|notice| notice.to_string().contains("s3://bucket/a/node cannot be reached")),
        "{notices:?}"
    );
    assert_eq!(node.store.damaged(), [], "an outage damages nothing");
    remote.fail(0);
    node.store.offload().await.unwrap();
    assert_eq!((node.rows().await.unwrap(), node.store.stats().notices), (700, Vec::new()));
    // What comes back is checked.
    node.clock.advance(HOUR);
    node.store.maintain().await.unwrap();
    for key in remote.keys().await {
        remote.inner.put(&Path::from(key), PutPayload::from_static(b"something else")).await.unwrap();
    }
    let error = node.rows().await.unwrap_err().to_string();
    assert!(error.contains("it is not what was sent"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_mended_from_the_object_store() {
    let (folder, remote) = (tempfile::tempdir().unwrap(), Faulty::new(3));
    let mut node = Node::open(&folder, &remote, START, Limits::default()).await;
    node.seal(DAY).await;
    node.store.offload().await.unwrap();
    let segment = node.store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap().segments.remove(0);
    let mut bytes = std::fs::read(&segment.path).unwrap();
    bytes[40] ^= 4;
    #[expect(clippy::disallowed_methods, reason = "damages a file on purpose")]
    std::fs::write(&segment.path, bytes).unwrap();
    let report = node.store.maintain().await.unwrap();
    assert_eq!((report.damaged_segments, node.files(), node.store.damaged()), (1, 0, Vec::new()));
    assert_eq!((node.rows().await.unwrap(), node.files()), (100, 1));
}

/// Whatever the object store and the node do, every row is there, and a week after it went here nothing is left there.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_is_left_behind() {
    for seed in 0..6_u64 {
        let (folder, remote) = (tempfile::tempdir().unwrap(), Faulty::new(seed));
        let random = Random::from_seed(seed);
        let mut node = Node::open(&folder, &remote, START, disk(30_000)).await;
        let mut sealed = 0;
        for _ in 0..40 {
            match random.below(10) {
                0..3 => {
                    // Often within a day, so that they are merged.
                    node.seal(HOUR * (1 + random.below(30) as u32)).await;
                    sealed += 1;
                }
                3..6 => drop(node.store.offload().await),
                6..8 => drop(node.store.maintain().await.unwrap()),
                8 => remote.fail([0, 30, 100][random.below(3) as usize]),
                _ => node = node.restart(&folder).await,
            }
        }
        remote.fail(0);
        assert_eq!(node.rows().await.unwrap(), sealed * 100, "seed {seed}");
        // Everything that was merged away is gone a week later, and nothing else is.
        node.clock.advance(UNDELETE + HOUR);
        node.store.maintain().await.unwrap();
        node.clock.advance(UNDELETE + HOUR);
        let report = node.store.offload().await.unwrap();
        let live = node.store.snapshot(Dataset::Logs, TimeRange::ALL).unwrap().segments;
        let expected: BTreeSet<String> = live
            .iter()
            .map(|segment| format!("a/node/segments/logs/{}", segment.path.file_name().unwrap().display()))
            .collect();
        assert_eq!(remote.keys().await, expected, "seed {seed}: {report:?}");
        assert_eq!(node.rows().await.unwrap(), sealed * 100, "seed {seed}");
    }
}
