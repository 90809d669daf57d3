//! Sealed segments in an object store.
//!
//! Each is copied there once it will not be merged any more. Then its file here is a copy that a disk budget may take away,
//! and that is fetched back, whole and checked, when somebody reads it. A segment that compaction or retention removed stays
//! there for [`UNDELETE`].
//!
//! While the store cannot be reached nothing is lost: copies wait, files that are not there yet stay here, and when the disk
//! budget is used up by those, ingest refuses.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use nines_base::SharedClock;
use nines_base::disk::{SharedDisk, publish};

use crate::snapshot::SegmentFile;

/// How long a segment that was removed here stays in the object store.
pub const UNDELETE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A question waits at most so long for one segment (some 10 MiB).
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// What was fetched stays at least so long: whoever reads one part of a segment reads another soon.
const FETCHED_GRACE: Duration = Duration::from_secs(10 * 60);

/// Where segments are kept besides the disk.
#[derive(Clone)]
pub struct RemoteConfig {
    pub store: Arc<dyn ObjectStore>,
    /// In front of each key; no slash at its ends.
    pub prefix: String,
    /// What people call it, such as `s3://bucket/prefix`.
    pub name: String,
}

impl RemoteConfig {
    /// By the path of the file, relative to `root`, the store's folder.
    pub(crate) fn key(&self, path: &Path, root: &Path) -> Key {
        let relative = path.strip_prefix(root).unwrap_or(path);
        let parts = relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let prefix = self.prefix.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
        prefix.chain(parts).collect()
    }

    /// A segment as it was sent; `root` is the store's folder that its path is in.
    ///
    /// # Errors
    /// If the object store has no answer, or what it has is not what was sent.
    pub async fn read(&self, segment: &SegmentFile, root: &Path) -> io::Result<Bytes> {
        let failed =
            |text: String| io::Error::other(format!("segment {} in {}: {text}", segment.id, self.name));
        let got = async { self.store.get(&self.key(&segment.path, root)).await?.bytes().await };
        let bytes = match tokio::time::timeout(FETCH_TIMEOUT, got).await {
            Ok(got) => got.map_err(|error| failed(error.to_string()))?,
            Err(_) => return Err(failed(format!("no answer within {} s", FETCH_TIMEOUT.as_secs()))),
        };
        if bytes.len() as u64 != segment.bytes || crc32c::crc32c(&bytes) != segment.checksum {
            return Err(failed("it is not what was sent".to_owned()));
        }
        Ok(bytes)
    }
}

impl fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What there is to know about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteStats {
    pub name: String,
    /// Segments that are there whole.
    pub kept_segments: u64,
    /// Of these, those that are not here.
    pub absent_segments: u64,
    pub fetched_segments: u64,
}

/// The object store as the store of telemetry uses it.
pub(crate) struct Remote {
    config: RemoteConfig,
    root: PathBuf,
    disk: SharedDisk,
    clock: SharedClock,
    /// The runtime that talks to the object store: readers block on threads of others.
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: HashSet<i64>,
    /// Kept there, and not here.
    absent: BTreeSet<i64>,
    /// One at a time fetches a segment; the others wait for it.
    fetching: HashMap<i64, Arc<Mutex<()>>>,
    /// By the monotonic clock.
    fetched: HashMap<i64, Duration>,
    fetched_count: u64,
}

impl Remote {
    /// Must be called within the runtime that is to talk to the object store.
    pub fn new(config: RemoteConfig, root: PathBuf, disk: SharedDisk, clock: SharedClock) -> Self {
        Self { config, root, disk, clock, runtime: Handle::current(), state: Mutex::default() }
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.config.store
    }

    pub fn key(&self, path: &Path) -> Key {
        self.config.key(path, &self.root)
    }

    pub fn set_kept(&self, id: i64) {
        self.state.lock().kept.insert(id);
    }

    pub fn is_kept(&self, id: i64) -> bool {
        self.state.lock().kept.contains(&id)
    }

    /// Kept there, and not here.
    pub fn is_absent(&self, id: i64) -> bool {
        self.state.lock().absent.contains(&id)
    }

    pub fn set_absent(&self, id: i64) {
        self.state.lock().absent.insert(id);
    }

    pub fn forget(&self, id: i64) {
        let mut state = self.state.lock();
        state.kept.remove(&id);
        state.absent.remove(&id);
        state.fetched.remove(&id);
    }

    /// Whether the file here may go.
    pub fn may_leave(&self, id: i64) -> bool {
        let now = self.clock.monotonic();
        let state = self.state.lock();
        let is_fresh = state.fetched.get(&id).is_some_and(|at| now.saturating_sub(*at) < FETCHED_GRACE);
        state.kept.contains(&id) && !state.absent.contains(&id) && !is_fresh
    }

    pub fn stats(&self) -> RemoteStats {
        let state = self.state.lock();
        RemoteStats {
            name: self.config.name.clone(),
            kept_segments: state.kept.len() as u64,
            absent_segments: state.absent.len() as u64,
            fetched_segments: state.fetched_count,
        }
    }

    /// Brings the file back. Blocks, so not for threads of the runtime that talks to the object store.
    ///
    /// # Errors
    /// If the object store does not answer in time, or what it has is not what was sent.
    pub fn fetch(&self, segment: &SegmentFile) -> io::Result<()> {
        let turn = Arc::clone(self.state.lock().fetching.entry(segment.id).or_default());
        let _turn = turn.lock();
        let fetched = match self.disk.size(&segment.path) {
            // Whoever was before us has fetched it.
            Ok(_) => Ok(()),
            Err(_) => self
                .download(segment)
                .and_then(|bytes| publish(self.disk.as_ref(), &segment.path, |file| file.write_all(&bytes))),
        };
        let mut state = self.state.lock();
        state.fetching.remove(&segment.id);
        if fetched.is_ok() {
            state.fetched_count += u64::from(state.absent.remove(&segment.id));
            state.fetched.insert(segment.id, self.clock.monotonic());
        }
        fetched
    }

    fn download(&self, segment: &SegmentFile) -> io::Result<Bytes> {
        let (answer, answered) = mpsc::sync_channel(1);
        let (config, root, segment) = (self.config.clone(), self.root.clone(), segment.clone());
        self.runtime.spawn(async move {
            // Nobody waits any more once the node stops.
            let _ = answer.send(config.read(&segment, &root).await);
        });
        answered.recv().unwrap_or_else(|_| Err(io::Error::other("the node stops")))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.config.name).finish()
    }
}

impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Remote {}
