//! A backup put back.

use std::path::Path;

use nines_base::disk::Disk;

use crate::layout::JOURNAL;
use crate::manifest::{Manifest, Repository, StoredFile, put, sha256};
use crate::{BackupError, Progress};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    pub manifest: Manifest,
    pub bytes: u64,
}

/// What is done with a file that was found to be as it should.
type Act<'a> = dyn Fn(&StoredFile, &[u8]) -> Result<(), BackupError> + 'a;

/// Writes the backup `name` (the newest, if `None`) into `data`, which must not exist or be empty. Everything is read
/// and checked once before anything is written, so a damaged backup leaves no half of a data directory behind.
pub fn restore(
    disk: &dyn Disk,
    repository: &Path,
    name: Option<&str>,
    data: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<RestoreReport, BackupError> {
    let repository = Repository::open(disk, repository)?;
    let manifest = repository.find(name)?;
    if disk.list(data).is_ok_and(|names| !names.is_empty()) {
        return Err(BackupError::NotEmpty { path: data.to_owned() });
    }
    let total_bytes = manifest.bytes();
    let mut pass = |part, act: &Act<'_>| {
        let mut done_bytes = 0;
        for file in &manifest.files {
            let bytes = checked(disk, &repository.root, file)?;
            act(file, &bytes)?;
            done_bytes += file.bytes;
            progress(Progress { part, done_bytes, total_bytes });
        }
        Ok::<_, BackupError>(())
    };
    pass("checking", &|_, _| Ok(()))?;
    pass("writing", &|file, bytes| put(disk, &data.join(&file.path), bytes))?;
    // A node that was never written to has no journal file; it still looks for the folder.
    let journal = data.join(JOURNAL);
    disk.create_dir(&journal).map_err(BackupError::io("make", &journal))?;
    disk.sync_dir(data).map_err(BackupError::io("sync", data))?;
    Ok(RestoreReport { bytes: total_bytes, manifest })
}

fn checked(disk: &dyn Disk, root: &Path, file: &StoredFile) -> Result<Vec<u8>, BackupError> {
    let path = root.join(&file.stored);
    let damaged = |what: String| BackupError::Damaged { path: path.clone(), what };
    // A manifest is data from elsewhere: it may only name what lies inside.
    let inside = |name: &str| {
        !name.starts_with('/') && name.split('/').all(|part| !part.is_empty() && part != ".." && part != ".")
    };
    if !inside(&file.path) || !inside(&file.stored) {
        return Err(damaged(format!("has a name that leads outside: `{}`", file.path)));
    }
    let bytes = disk.read(&path).map_err(|error| damaged(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 != file.bytes {
        return Err(damaged(format!("has {} bytes instead of {}", bytes.len(), file.bytes)));
    }
    if sha256(&bytes) != file.sha256 {
        return Err(damaged("does not fit its checksum".to_owned()));
    }
    Ok(bytes)
}
