//! A disk in memory that forgets what was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, DiskReader};
use crate::Random;

/// Linux `EIO` and `ENOSPC`; the numbers are the same on every architecture that we build for.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// A disk in memory for tests. Cloning shares it.
///
/// It keeps two truths: what a running process sees and what would survive a loss of power. [`SimDisk::crash`] makes
/// the second the first. Every operation that changes something has a number, so that a test can enumerate all
/// points at which a crash can happen ([`SimDisk::crash_at_operation`]).
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

/// What to break, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next write stores a part of its bytes and reports `EIO`.
    WriteError,
    /// The next write stores a part of its bytes and reports `ENOSPC`.
    WriteFull,
    /// The next `sync_data` reports `EIO`. As on Linux, later syncs of that file report success and do nothing.
    SyncError,
    /// The next creation of a file reports `EIO`.
    CreateError,
}

#[derive(Debug)]
struct State {
    seen: Entries,
    durable: Entries,
    contents: Vec<Content>,
    faults: Vec<Fault>,
    operations: u64,
    crash_at: Option<u64>,
    /// Handles of an earlier boot are dead.
    boot: u64,
    capacity: u64,
    random: Random,
}

/// Folders, and files by index into `contents`.
#[derive(Debug, Default, Clone)]
struct Entries {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, usize>,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// Files only grow, so what is durable is a prefix.
    synced: usize,
    sync_failed: bool,
}

struct SimFile {
    disk: SimDisk,
    content: usize,
    boot: u64,
}

/// Reading changes nothing, so what an earlier boot has opened can still be read.
#[derive(Debug)]
struct SimReader {
    disk: SimDisk,
    content: usize,
}

impl SimDisk {
    /// The seed decides what a crash leaves of unsynced work.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            seen: Entries::default(),
            durable: Entries::default(),
            contents: Vec::new(),
            faults: Vec::new(),
            operations: 0,
            crash_at: None,
            boot: 0,
            capacity: u64::MAX,
            random: Random::from_seed(seed),
        })))
    }

    pub fn shared(&self) -> super::SharedDisk {
        Arc::new(self.clone())
    }

    /// How many changing operations have been attempted.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Lets operation number `operation` (counted from 0) and everything after it fail, as if power were lost in the
    /// middle of it. [`SimDisk::crash`] brings the machine back.
    pub fn crash_at_operation(&self, operation: u64) {
        self.0.lock().crash_at = Some(operation);
    }

    pub fn inject(&self, fault: Fault) {
        self.0.lock().faults.push(fault);
    }

    /// Writes beyond this many bytes in all files report `ENOSPC`.
    pub fn set_capacity(&self, bytes: u64) {
        self.0.lock().capacity = bytes;
    }

    /// Loses power and boots again. Synced bytes and folder entries survive; of the rest, each file keeps nothing,
    /// everything or a random part of its unsynced tail, and each unsynced folder change survives or not.
    pub fn crash(&self) {
        let mut state = self.0.lock();
        let state = &mut *state;
        let random = state.random.clone();
        for content in &mut state.contents {
            let unsynced = (content.bytes.len() - content.synced) as u64;
            let kept = match random.below(3) {
                0 => 0,
                1 => unsynced,
                _ => random.below(unsynced + 1),
            };
            let kept = if content.sync_failed { 0 } else { kept };
            content.bytes.truncate(content.synced + kept as usize);
            content.synced = content.bytes.len();
            content.sync_failed = false;
        }
        let lucky = |random: &Random| random.below(2) == 0;
        let paths: BTreeSet<PathBuf> =
            state.seen.files.keys().chain(state.durable.files.keys()).cloned().collect();
        for path in paths {
            let seen = state.seen.files.get(&path).copied();
            let reachable = path.parent().is_none_or(|folder| state.durable.folders.contains(folder));
            if seen != state.durable.files.get(&path).copied() && reachable && lucky(&random) {
                match seen {
                    Some(content) => state.durable.files.insert(path, content),
                    None => state.durable.files.remove(&path),
                };
            }
        }
        state.seen = state.durable.clone();
        state.crash_at = None;
        state.faults.clear();
        state.boot += 1;
    }

    /// Flips one bit of a stored file.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        let mut state = self.0.lock();
        if let Some(&content) = state.seen.files.get(path) {
            state.contents[content].bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
    }

    /// Cuts a stored file, as a damaged file system might.
    pub fn truncate(&self, path: &Path, size: usize) {
        let mut state = self.0.lock();
        if let Some(&content) = state.seen.files.get(path) {
            let content = &mut state.contents[content];
            content.bytes.truncate(size);
            content.synced = content.synced.min(size);
        }
    }
}

impl State {
    /// Counts a changing operation. The error once power is gone; `Ok(true)` if it goes in this very operation.
    fn begin(&mut self) -> io::Result<bool> {
        let number = self.operations;
        self.operations += 1;
        match self.crash_at {
            Some(at) if number > at => Err(power_lost()),
            Some(at) => Ok(number == at),
            None => Ok(false),
        }
    }

    /// As `begin`, for operations that happen wholly or not at all: the one at which power goes, does not.
    fn begin_atomic(&mut self) -> io::Result<()> {
        if self.begin()? { Err(power_lost()) } else { Ok(()) }
    }

    fn take(&mut self, fault: Fault) -> bool {
        let position = self.faults.iter().position(|&planned| planned == fault);
        position.map(|position| self.faults.remove(position)).is_some()
    }

    fn used(&self) -> u64 {
        self.seen.files.values().map(|&content| self.contents[content].bytes.len() as u64).sum()
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.seen.files.get(path).copied().ok_or_else(|| not_found(path))
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.begin_atomic()?;
        if state.take(Fault::CreateError) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if state.seen.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if path.parent().is_some_and(|folder| !state.seen.folders.contains(folder)) {
            return Err(not_found(path));
        }
        let content = state.contents.len();
        state.contents.push(Content::default());
        state.seen.files.insert(path.to_owned(), content);
        Ok(Box::new(SimFile { disk: self.clone(), content, boot: state.boot }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.0.lock();
        Ok(state.contents[state.file(path)?].bytes.clone())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskReader>> {
        let content = self.0.lock().file(path)?;
        Ok(Box::new(SimReader { disk: self.clone(), content }))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        let state = self.0.lock();
        Ok(state.contents[state.file(path)?].bytes.len() as u64)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock();
        if !state.seen.folders.contains(dir) {
            return Err(not_found(dir));
        }
        let files = state.seen.files.keys();
        let children = files.chain(&state.seen.folders).filter(|path| path.parent() == Some(dir));
        let mut names: Vec<String> =
            children.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin_atomic()?;
        let content = state.file(from)?;
        state.seen.files.remove(from);
        state.seen.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin_atomic()?;
        state.file(path)?;
        state.seen.files.remove(path);
        Ok(())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin_atomic()?;
        for folder in dir.ancestors() {
            state.seen.folders.insert(folder.to_owned());
            state.durable.folders.insert(folder.to_owned());
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin_atomic()?;
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        let now: Vec<_> = state.seen.files.iter().filter(|(path, _)| inside(path)).collect();
        let now: Vec<_> = now.into_iter().map(|(path, content)| (path.clone(), *content)).collect();
        state.durable.files.retain(|path, _| !inside(path));
        state.durable.files.extend(now);
        Ok(())
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.0.lock();
        Ok(state.capacity.saturating_sub(state.used()))
    }
}

impl DiskFile for SimFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        if state.boot != self.boot {
            return Err(power_lost());
        }
        let power_goes = state.begin()?;
        let room = usize::try_from(state.capacity.saturating_sub(state.used())).unwrap_or(usize::MAX);
        let failure = if power_goes {
            Some(power_lost())
        } else if state.take(Fault::WriteError) {
            Some(io::Error::from_raw_os_error(EIO))
        } else if state.take(Fault::WriteFull) || room < bytes.len() {
            Some(io::Error::from_raw_os_error(ENOSPC))
        } else {
            None
        };
        let part = state.random.below(bytes.len() as u64 + 1) as usize;
        let stored = if failure.is_some() { part.min(room) } else { bytes.len() };
        state.contents[self.content].bytes.extend_from_slice(&bytes[..stored]);
        failure.map_or(Ok(()), Err)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        if state.boot != self.boot {
            return Err(power_lost());
        }
        state.begin_atomic()?;
        let fails = state.take(Fault::SyncError);
        let content = &mut state.contents[self.content];
        if fails {
            content.sync_failed = true;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if !content.sync_failed {
            content.synced = content.bytes.len();
        }
        Ok(())
    }
}

impl DiskReader for SimReader {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.0.lock();
        let bytes = &state.contents[self.content].bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = start.checked_add(buffer.len()).and_then(|end| bytes.get(start..end));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().contents[self.content].bytes.len() as u64)
    }
}

fn power_lost() -> io::Error {
    io::Error::other("the simulated machine has lost power")
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no `{}` on the simulated disk", path.display()))
}
