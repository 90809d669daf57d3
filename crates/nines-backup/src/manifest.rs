//! What a backup holds, and how a repository finds it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nines_base::disk::{Disk, publish};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::BackupError;

pub const VERSION: u32 = 1;
/// Says that a folder is a repository, and of which version.
const MARK: &str = "nines-backup";
const MANIFEST: &str = "manifest.json";
/// The manifest's SHA-256, written last: with it a backup is complete.
const SEAL: &str = "manifest.sha256";

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The folder of this backup in the repository, which is also when it began: `20261122T083000.125Z`.
    pub name: String,
    /// The version of nines that made it.
    pub nines: String,
    /// In order of path.
    pub files: Vec<StoredFile>,
    /// Segments that could not be copied as they should be. The rest is whole.
    pub missing: Vec<Missing>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// In the data directory.
    pub path: String,
    /// In the repository.
    pub stored: String,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// In the data directory.
    pub path: String,
    pub reason: String,
}

impl Manifest {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Makes the backup complete.
    pub fn write(&self, disk: &dyn Disk, repository: &Path) -> Result<(), BackupError> {
        let folder = repository.join(&self.name);
        let text = serde_json::to_vec_pretty(self).expect("a manifest is plain data");
        let seal = sha256(&text);
        for (name, bytes) in [(MANIFEST, &text), (SEAL, &seal.into_bytes())] {
            put(disk, &folder.join(name), bytes)?;
        }
        disk.sync_dir(repository).map_err(BackupError::io("sync", repository))
    }

    fn read(disk: &dyn Disk, repository: &Path, name: &str) -> Result<Self, BackupError> {
        let path = repository.join(name).join(MANIFEST);
        let damaged = |what: String| BackupError::Damaged { path: path.clone(), what };
        let text = disk.read(&path).map_err(BackupError::io("read", &path))?;
        let seal_path = repository.join(name).join(SEAL);
        let seal = disk.read(&seal_path).map_err(BackupError::io("read", &seal_path))?;
        if seal != sha256(&text).into_bytes() {
            return Err(damaged("does not fit its checksum".to_owned()));
        }
        serde_json::from_slice(&text).map_err(|error| damaged(format!("cannot be read: {error}")))
    }
}

/// A folder that holds backups.
pub struct Repository<'a> {
    pub disk: &'a dyn Disk,
    pub root: PathBuf,
}

impl<'a> Repository<'a> {
    /// Makes the folder a repository if it is empty or not there.
    pub fn create(disk: &'a dyn Disk, root: &Path) -> Result<Self, BackupError> {
        disk.create_dir(root).map_err(BackupError::io("make", root))?;
        let names = disk.list(root).map_err(BackupError::io("list", root))?;
        if names.is_empty() {
            put(disk, &root.join(MARK), format!("{VERSION}\n").as_bytes())?;
        }
        Self::open(disk, root)
    }

    pub fn open(disk: &'a dyn Disk, root: &Path) -> Result<Self, BackupError> {
        let not_one = |found: String| BackupError::NotARepository { path: root.to_owned(), found };
        let mark = disk
            .read(&root.join(MARK))
            .map_err(|error| not_one(format!("its file `{MARK}` cannot be read: {error}")))?;
        let version = String::from_utf8_lossy(&mark).trim().parse::<u32>();
        match version {
            Ok(VERSION) => Ok(Self { disk, root: root.to_owned() }),
            Ok(found) => Err(BackupError::Version { path: root.to_owned(), found, known: VERSION }),
            Err(_) => Err(not_one(format!("its file `{MARK}` does not hold a version"))),
        }
    }

    /// Names of complete backups, oldest first.
    pub fn names(&self) -> Result<Vec<String>, BackupError> {
        let names = self.disk.list(&self.root).map_err(BackupError::io("list", &self.root))?;
        let mut complete: Vec<String> = names
            .into_iter()
            .filter(|name| self.disk.size(&self.root.join(name).join(SEAL)).is_ok())
            .collect();
        complete.sort();
        Ok(complete)
    }

    /// The backup of that name, or the newest.
    pub fn find(&self, name: Option<&str>) -> Result<Manifest, BackupError> {
        let names = self.names()?;
        let found = match name {
            Some(name) => names.iter().find(|known| *known == name),
            None => names.last(),
        };
        let Some(found) = found else {
            let (at, known) = (name.map(str::to_owned), names.join(", "));
            return Err(BackupError::NoBackup { path: self.root.clone(), at, known });
        };
        Manifest::read(self.disk, &self.root, found)
    }

    /// Removes all but the newest `keep` backups and the segments that only those named. Gives the names removed.
    pub fn prune(&self, keep: usize) -> Result<Vec<String>, BackupError> {
        let names = self.names()?;
        let (gone, kept) = names.split_at(names.len().saturating_sub(keep.max(1)));
        let mut needed = BTreeSet::new();
        for name in kept {
            needed.extend(self.find(Some(name))?.files.into_iter().map(|file| file.stored));
        }
        for name in gone {
            let manifest = self.find(Some(name))?;
            // The seal first: from here on the backup is not offered any more, however far this gets.
            self.remove(&self.root.join(name).join(SEAL))?;
            self.remove(&self.root.join(name).join(MANIFEST))?;
            for file in manifest.files.iter().filter(|file| !needed.contains(&file.stored)) {
                self.remove(&self.root.join(&file.stored))?;
            }
            // Empty folders are left over; they are nobody's.
            for folder in ["series/journal", "series", "journal", ""] {
                let _ = std::fs::remove_dir(self.root.join(name).join(folder));
            }
        }
        Ok(gone.to_vec())
    }

    fn remove(&self, path: &Path) -> Result<(), BackupError> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(BackupError::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a file whole and durably, with the folders above it.
pub fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    if let Some(folder) = path.parent() {
        disk.create_dir(folder).map_err(BackupError::io("make", folder))?;
    }
    publish(disk, path, |file| file.write_all(bytes)).map_err(BackupError::io("write", path))
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
