//! A backup of a data directory, in use or not.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nines_base::SharedClock;
use nines_base::disk::Disk;
use nines_model::Timestamp;
use nines_storage::{RemoteConfig, SegmentFile};

use crate::layout::{CATALOG, CONTROL, JOURNAL, RESPONSE, TELEMETRY};
use crate::manifest::{Manifest, Missing, Repository, StoredFile, put, sha256};
use crate::{BackupError, Progress, sqlite};

/// How often a copy begins anew because compaction took away a segment that it had still to read. A removed file stays for ten
/// minutes, and what was copied is not copied again, so each try needs less time than the one before.
const TRIES_MAX: u32 = 5;
const SEGMENTS: &str = "segments";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    pub manifest: Manifest,
    /// Written now; the rest was in the repository.
    pub new_bytes: u64,
    /// Backups that were removed because newer ones are kept.
    pub pruned: Vec<String>,
}

/// Copies the data directory into the repository, and keeps the newest `keep` backups (all, if `None`). Costs a read of
/// every segment that the repository does not have, and of the journal. What is only in an object store is copied from
/// there if that is given, and else left there: the catalog names it, and it stays for a week after it went here.
///
/// # Errors
/// Nothing is offered for restoring until it is complete, so after an error it can simply be tried again.
pub async fn backup(
    disk: &dyn Disk,
    clock: &SharedClock,
    data: &Path,
    object_store: Option<&RemoteConfig>,
    repository: &Path,
    keep: Option<usize>,
    mut progress: impl FnMut(Progress),
) -> Result<BackupReport, BackupError> {
    for needed in [CONTROL, CATALOG] {
        if disk.size(&data.join(needed)).is_err() {
            return Err(BackupError::NotData { path: data.to_owned(), missing: needed });
        }
    }
    let repository = Repository::create(disk, repository)?;
    let mut tries = 0;
    let (manifest, new_bytes) = loop {
        tries += 1;
        match attempt(disk, clock, data, object_store, &repository, &mut progress).await? {
            Some(done) => break done,
            None if tries >= TRIES_MAX => return Err(BackupError::Moving { tries }),
            None => tracing::info!("a segment was replaced while it was to be copied; beginning anew"),
        }
    };
    let pruned = keep.map_or(Ok(Vec::new()), |keep| repository.prune(keep))?;
    Ok(BackupReport { manifest, new_bytes, pruned })
}

/// When the backup begins, to the millisecond: the folder's name, which no other backup in this repository has.
fn unused_name(began: Timestamp, repository: &Repository<'_>) -> Result<(String, PathBuf), BackupError> {
    let taken = repository.disk.list(&repository.root).map_err(BackupError::io("list", &repository.root))?;
    let mut began = began.to_jiff();
    loop {
        let name = began.strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
        if !taken.contains(&name) {
            let folder = repository.root.join(&name);
            return Ok((name, folder));
        }
        began += jiff::SignedDuration::from_millis(1);
    }
}

/// One try; `None` if a segment went away before it was read.
async fn attempt(
    disk: &dyn Disk,
    clock: &SharedClock,
    data: &Path,
    object_store: Option<&RemoteConfig>,
    repository: &Repository<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<(Manifest, u64)>, BackupError> {
    let (name, folder) = unused_name(clock.now(), repository)?;
    let manifest = Manifest {
        name: name.clone(),
        nines: env!("CARGO_PKG_VERSION").to_owned(),
        files: Vec::new(),
        missing: Vec::new(),
    };
    let mut copy = Copy::new(disk, &repository.root, manifest);
    disk.create_dir(&folder).map_err(BackupError::io("make", &folder))?;

    // The order is the promise: journal, then catalog, then what the catalog names.
    copy.journal(data, JOURNAL)?;
    for path in [CATALOG, CONTROL, RESPONSE] {
        let scratch = folder.join("scratch.db");
        let source = data.join(path);
        // The page path's file is made by the first node that runs; a directory may be older.
        if disk.size(&source).is_err() {
            continue;
        }
        let bytes = sqlite::snapshot(disk, &source, &scratch).await?;
        let file = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        copy.put(path.to_owned(), format!("{name}/{file}"), &bytes)?;
    }

    let root = data.join(TELEMETRY);
    let live = nines_storage::inventory(&folder.join("catalog.db"), &root).await?;
    let elsewhere = if object_store.is_some() { live.elsewhere } else { Vec::new() };
    let here = live.here.len();
    let total_bytes = live.here.iter().chain(&elsewhere).map(|segment| segment.bytes).sum();
    let mut done_bytes = 0;
    for (number, segment) in live.here.iter().chain(&elsewhere).enumerate() {
        if !copy.segment(data, segment)? {
            // Away from here: to the object store, or for ever.
            let bytes = match object_store {
                Some(object_store) => object_store.read(segment, &root).await,
                None => return Ok(None),
            };
            match bytes {
                Ok(bytes) => copy.segment_from_elsewhere(segment, &bytes)?,
                Err(_) if number < here => return Ok(None),
                Err(error) => copy.miss(segment, error.to_string()),
            }
        }
        done_bytes += segment.bytes;
        progress(Progress { part: "segments", done_bytes, total_bytes });
    }
    if !copy.series(data, progress)? {
        return Ok(None);
    }
    copy.manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
    copy.manifest.write(disk, &repository.root)?;
    let new_bytes = copy.new_bytes();
    Ok(Some((copy.manifest, new_bytes)))
}

pub(crate) struct Copy<'a> {
    pub disk: &'a dyn Disk,
    pub root: &'a Path,
    pub manifest: Manifest,
    new_bytes: u64,
}

impl<'a> Copy<'a> {
    pub fn new(disk: &'a dyn Disk, root: &'a Path, manifest: Manifest) -> Self {
        Self { disk, root, manifest, new_bytes: 0 }
    }

    /// Written now.
    pub fn new_bytes(&self) -> u64 {
        self.new_bytes
    }

    /// The files of a journal that are there.
    pub fn journal(&mut self, data: &Path, folder: &str) -> Result<(), BackupError> {
        let journal = data.join(folder);
        let segments = self.disk.list(&journal).map_err(BackupError::io("list", &journal))?;
        for file in segments.iter().filter(|name| name.ends_with(".journal")) {
            let path = format!("{folder}/{file}");
            match self.disk.read(&data.join(&path)) {
                Ok(bytes) => {
                    let stored = format!("{}/{path}", self.manifest.name);
                    self.put(path, stored, &bytes)?;
                }
                // Cut off because all of it was sealed meanwhile: what is copied later names it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(BackupError::io("read", &data.join(&path))(error)),
            }
        }
        Ok(())
    }

    pub fn put(&mut self, path: String, stored: String, bytes: &[u8]) -> Result<(), BackupError> {
        put(self.disk, &self.root.join(&stored), bytes)?;
        self.new_bytes += bytes.len() as u64;
        self.list(path, stored, bytes);
        Ok(())
    }

    pub fn list(&mut self, path: String, stored: String, bytes: &[u8]) {
        let (bytes, sha256) = (bytes.len() as u64, sha256(bytes));
        self.manifest.files.push(StoredFile { path, stored, bytes, sha256 });
    }

    /// `false` if the file went away.
    fn segment(&mut self, data: &Path, segment: &Arc<SegmentFile>) -> Result<bool, BackupError> {
        let (path, stored) = places(segment);
        let whole =
            |bytes: &[u8]| bytes.len() as u64 == segment.bytes && crc32c::crc32c(bytes) == segment.checksum;
        if let Ok(known) = self.disk.read(&self.root.join(&stored))
            && whole(&known)
        {
            self.list(path, stored, &known);
            return Ok(true);
        }
        let source = data.join(&path);
        match self.disk.read(&source) {
            Ok(bytes) if whole(&bytes) => self.put(path, stored, &bytes)?,
            Ok(bytes) => {
                let reason = format!(
                    "it has {} bytes with checksum {:08x}, the catalog says {} with {:08x}",
                    bytes.len(),
                    crc32c::crc32c(&bytes),
                    segment.bytes,
                    segment.checksum
                );
                self.miss(segment, reason);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => self.miss(segment, error.to_string()),
        }
        Ok(true)
    }

    fn segment_from_elsewhere(&mut self, segment: &SegmentFile, bytes: &[u8]) -> Result<(), BackupError> {
        let (path, stored) = places(segment);
        self.put(path, stored, bytes)
    }

    fn miss(&mut self, segment: &SegmentFile, reason: String) {
        self.manifest.missing.push(Missing { path: places(segment).0, reason });
    }
}

/// Of a segment: in the data directory, and in the repository.
fn places(segment: &SegmentFile) -> (String, String) {
    let file = segment.path.file_name().unwrap_or_default().to_string_lossy();
    let path = format!("{TELEMETRY}/{SEGMENTS}/{}/{file}", segment.dataset);
    // The checksum is in the name: two data directories may use one repository.
    let stored = format!("{SEGMENTS}/{}/{:08x}-{file}", segment.dataset, segment.checksum);
    (path, stored)
}
