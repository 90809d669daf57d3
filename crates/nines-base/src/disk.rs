//! The disk seam: the few operations that durable files need, so that a test can lose power, tear a write or fill
//! the disk at any of them.
//!
//! What a caller may rely on, on [`RealDisk`] and on [`SimDisk`] alike:
//! - bytes are durable once `sync_data` of their file **and**, for a new or renamed file, `sync_dir` of its
//!   directory have returned without error;
//! - after a failed `sync_data` nothing is known about the bytes written since the last good one, and a second
//!   `sync_data` on the same handle proves nothing (the kernel has dropped the dirty pages): abandon the file;
//! - after a failed `write_all` any prefix of the bytes may be in the file.
//!
//! All calls block; an async task goes through `spawn_blocking` or a thread of its own.

use std::fmt::Debug;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

mod sim;

pub use sim::{Fault, SimDisk};

pub type SharedDisk = Arc<dyn Disk>;

pub trait Disk: Send + Sync + Debug {
    /// A new, empty file for writing. `AlreadyExists` if there is one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// The whole content.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The file for reading parts of it. What was opened stays readable after the file has been removed or replaced.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskReader>>;

    /// The size in bytes.
    fn size(&self, path: &Path) -> io::Result<u64>;

    /// Names of the files and folders in `dir`, sorted. `NotFound` if there is no such folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Replaces `to` if it exists. Durable after `sync_dir` of both folders.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Durable after `sync_dir`; until then the file may come back.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the folder and its parents, durably. No error if it exists.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that an unprivileged writer can still write below `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// A file that only grows. Dropping it closes it without syncing.
pub trait DiskFile: Send {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written so far durable (`fdatasync`).
    fn sync_data(&mut self) -> io::Result<()>;
}

/// A finished file, read in parts. Readers may share it.
pub trait DiskReader: Send + Sync + Debug {
    /// Fills `buffer` from `offset` on; `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// In bytes.
    fn size(&self) -> io::Result<u64>;
}

/// Writes `path` so that after a crash it is either absent (or its old self) or whole: temporary name, sync, rename,
/// sync of the folder. `fill` writes the content.
pub fn publish<E: From<io::Error>>(
    disk: &dyn Disk,
    path: &Path,
    fill: impl FnOnce(&mut dyn DiskFile) -> Result<(), E>,
) -> Result<(), E> {
    let temporary = path.with_extension(TEMPORARY_EXTENSION);
    let written = write_temporary(disk, &temporary, fill);
    if written.is_err() {
        // Give the space back; what is left over is removed at the next start.
        let _ = disk.remove(&temporary);
        return written;
    }
    disk.rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        disk.sync_dir(folder)?;
    }
    Ok(())
}

/// Files with this extension are unfinished and belong to nobody after a restart.
pub const TEMPORARY_EXTENSION: &str = "tmp";

fn write_temporary<E: From<io::Error>>(
    disk: &dyn Disk,
    temporary: &Path,
    fill: impl FnOnce(&mut dyn DiskFile) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = match disk.create(temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(temporary)?;
            disk.create(temporary)?
        }
        created => created?,
    };
    fill(file.as_mut())?;
    file.sync_data()?;
    Ok(())
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl RealDisk {
    pub fn shared() -> SharedDisk {
        Arc::new(Self)
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = fs::OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Box::new(file))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let mut content = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or(0));
        file.read_to_end(&mut content)?;
        Ok(content)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskReader>> {
        Ok(Box::new(fs::File::open(path)?))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is not UTF-8 is not one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir(parent)?;
        }
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_dir(parent.unwrap_or(Path::new(".")))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let space = rustix::fs::statvfs(dir)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

impl DiskFile for fs::File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        fs::File::sync_data(self)
    }
}

impl DiskReader for fs::File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

#[cfg(test)]
mod tests;
