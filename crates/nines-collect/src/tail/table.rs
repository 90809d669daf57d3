//! The files that are followed, and the file that says how far.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nines_base::disk::SharedDisk;
use serde::{Deserialize, Serialize};

use super::follow::{FileId, Followed, head};
use super::{Counters, TailOptions};
use crate::CollectError;
use crate::checkpoint::{Place, StateFile};
use crate::fingerprint::Head;

/// Files followed at once: each is open. More wait until others are done.
const FILES_MAX: usize = 2_000;

/// Places that are remembered of files that are not there, so that one on a volume that comes back is not sent again.
const ABSENT_MAX: usize = 1_000;

/// An orphan is let go after so many looks without anything new: whoever rotated it may still have it open for a moment.
const ORPHAN_LOOKS: u32 = 8;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// What is kept of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    id: FileId,
    path: PathBuf,
    place: Place,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// Whether any file was ever followed: the first start is told from the others by this.
    has_begun: bool,
    files: Vec<Kept>,
}

pub(super) struct Table {
    state: StateFile,
    options: TailOptions,
    patterns: Vec<glob::Pattern>,
    followed: Vec<Followed>,
    /// Known from an earlier run and not found yet, newest last.
    absent: Vec<Kept>,
    is_first_scan: bool,
    counters: Arc<Counters>,
}

impl Table {
    pub fn open(
        disk: &SharedDisk,
        options: &TailOptions,
        counters: Arc<Counters>,
    ) -> Result<Self, CollectError> {
        let mut patterns = Vec::new();
        for pattern in &options.patterns {
            patterns.push(glob::Pattern::new(pattern).map_err(|error| CollectError::Pattern {
                pattern: pattern.clone(),
                reason: error.msg.to_owned(),
            })?);
        }
        let state = StateFile::new(disk.clone(), options.state.join("tail.json"));
        let State { has_begun, files } = state.read()?;
        Ok(Self {
            state,
            options: options.clone(),
            patterns,
            followed: Vec::new(),
            absent: files,
            is_first_scan: !has_begun,
            counters,
        })
    }

    pub fn len(&self) -> usize {
        self.followed.len()
    }

    pub fn file(&self, index: usize) -> &Followed {
        &self.followed[index]
    }

    /// Finds files by the patterns, and under other names those that were rotated away.
    pub fn scan(&mut self) -> Result<(), CollectError> {
        let mut named = HashSet::new();
        for path in self.matching()? {
            let Ok(file) = File::open(&path) else { continue };
            let Ok(id) = FileId::of(&file) else { continue };
            if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            named.insert(id);
            let has_room = self.followed.len() < FILES_MAX;
            match self.followed.iter_mut().find(|followed| followed.id == id) {
                Some(known) => {
                    if known.path != path {
                        tracing::info!(from = %known.path.display(), to = %path.display(), "file was renamed");
                        self.counters.rotations.fetch_add(1, Ordering::Relaxed);
                        known.path = path;
                    }
                    known.is_orphan = false;
                }
                None if has_room => self.follow(&path, file, id),
                None => tracing::warn!(path = %path.display(), limit = FILES_MAX, "too many files to follow"),
            }
        }
        for followed in &mut self.followed {
            if !named.contains(&followed.id) && !followed.is_orphan {
                followed.is_orphan = true;
                self.counters.rotations.fetch_add(1, Ordering::Relaxed);
                tracing::info!(path = %followed.path.display(), "file was rotated away or removed");
            }
        }
        self.find_rotated();
        if self.is_first_scan {
            self.is_first_scan = false;
            self.write()?;
        }
        Ok(())
    }

    /// Every file that a pattern fits, sorted, each once.
    fn matching(&self) -> Result<Vec<PathBuf>, CollectError> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for pattern in &self.options.patterns {
            let found = glob::glob(pattern).map_err(|error| CollectError::Pattern {
                pattern: pattern.clone(),
                reason: error.msg.to_owned(),
            })?;
            // A folder that may not be read holds nothing for us.
            paths.extend(found.flatten());
        }
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    fn follow(&mut self, path: &Path, mut file: File, id: FileId) {
        let Ok(start) = head(&mut file) else { return };
        // What was compressed after its rotation has been read before it.
        if start.starts_with(GZIP_MAGIC) {
            return;
        }
        let known = self.absent.iter().rposition(|kept| kept.id == id && kept.place.head.fits(&start));
        let (place, is_resumed) = match known {
            Some(index) => (self.absent.remove(index).place, true),
            None => (Place::at_start(Head::of(&start)), false),
        };
        let place = match (is_resumed, self.is_first_scan && self.options.from_end) {
            (false, true) => Place { offset: file.metadata().map_or(0, |metadata| metadata.len()), ..place },
            _ => place,
        };
        match Followed::open(path, file, place, self.options.format, is_resumed) {
            Ok(followed) => {
                tracing::info!(path = %path.display(), format = followed.format.as_str(), offset = followed.place.offset, "following");
                self.followed.push(followed);
            }
            Err(error) => tracing::warn!(path = %path.display(), %error, "cannot follow"),
        }
    }

    /// Files that an earlier run knew and that were renamed to a name that no pattern fits, while nobody looked: they are
    /// looked for by inode in the folder where they were.
    fn find_rotated(&mut self) {
        let missing: Vec<Kept> = std::mem::take(&mut self.absent);
        for kept in missing {
            let found = kept.path.parent().and_then(|folder| find_inode(folder, &kept));
            match found {
                Some((path, file)) if self.followed.iter().all(|followed| followed.id != kept.id) => {
                    match Followed::open(&path, file, kept.place.clone(), self.options.format, true) {
                        Ok(mut followed) => {
                            followed.is_orphan =
                                !self.patterns.iter().any(|pattern| pattern.matches_path(&path));
                            self.followed.push(followed);
                        }
                        Err(_) => self.absent.push(kept),
                    }
                }
                Some(_) => {}
                None => self.absent.push(kept),
            }
        }
        let surplus = self.absent.len().saturating_sub(ABSENT_MAX);
        self.absent.drain(..surplus);
    }

    /// The next whole lines of a file, if there are any.
    pub fn next_chunk(&mut self, index: usize) -> Result<Option<Vec<u8>>, CollectError> {
        let followed = &mut self.followed[index];
        match followed.read() {
            Ok((lines, is_truncated)) => {
                if is_truncated {
                    tracing::info!(path = %followed.path.display(), "file was truncated");
                    self.counters.rotations.fetch_add(1, Ordering::Relaxed);
                }
                Ok(lines)
            }
            Err(source) => {
                // A file that cannot be read now is tried again at the next look.
                tracing::warn!(path = %followed.path.display(), error = %source, "cannot read");
                Ok(None)
            }
        }
    }

    /// Writes down that `lines` are stored.
    pub fn done(
        &mut self,
        index: usize,
        lines: &[u8],
        directive: Option<String>,
    ) -> Result<(), CollectError> {
        let followed = &mut self.followed[index];
        followed
            .advance(lines, directive)
            .map_err(|source| CollectError::Read { path: followed.path.clone(), source })?;
        self.write()
    }

    /// Lets go of orphans that have nothing more to say.
    pub fn forget_finished(&mut self) -> Result<(), CollectError> {
        let before = self.followed.len();
        self.followed.retain(|followed| !(followed.is_orphan && followed.idle_looks >= ORPHAN_LOOKS));
        if self.followed.len() < before { self.write() } else { Ok(()) }
    }

    fn write(&self) -> Result<(), CollectError> {
        let followed = self.followed.iter().map(|followed| Kept {
            id: followed.id,
            path: followed.path.clone(),
            place: followed.place.clone(),
        });
        let files = self.absent.iter().cloned().chain(followed).collect();
        self.state.write(&State { has_begun: true, files })
    }
}

/// The file that was known as `kept`, under whatever name it has in `folder` now.
fn find_inode(folder: &Path, kept: &Kept) -> Option<(PathBuf, File)> {
    use std::os::unix::fs::DirEntryExt;

    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        if entry.ino() != kept.id.inode {
            continue;
        }
        let mut file = File::open(entry.path()).ok()?;
        let is_it = FileId::of(&file).is_ok_and(|id| id == kept.id);
        let start = head(&mut file).ok()?;
        return (is_it && kept.place.head.fits(&start)).then(|| (entry.path(), file));
    }
    None
}
