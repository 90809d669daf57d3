//! Whole files by way of PostgreSQL: how a member begins, and how the log gets shorter.

use std::io;
use std::path::{Path, PathBuf};

use nines_base::disk::SharedDisk;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::store::{Line, PART_BYTES, StoreError};

/// Beyond these a snapshot is not fetched: 64 GiB.
const PARTS_MAX: i32 = 65_536;

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("cannot copy {}", path.display())]
    Copy { path: PathBuf, source: sqlx::Error },
    #[error("cannot {what} {}", path.display())]
    Disk { what: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot bring a snapshot to or from PostgreSQL")]
    Store(#[from] StoreError),
    #[error("snapshot {number} of `{file}` is not there")]
    Missing { number: i64, file: String },
}

fn disk_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Disk { what, path, source }
}

/// Puts the file, as it is at one moment, into PostgreSQL. It may be in use.
pub async fn send(
    disk: &SharedDisk,
    line: &Line,
    number: i64,
    path: &Path,
    file: &str,
) -> Result<(), SnapshotError> {
    let scratch = beside(path, "outgoing");
    if disk.size(&scratch).is_ok() {
        disk.remove(&scratch).map_err(disk_error("remove", &scratch))?;
    }
    let failed = |source| SnapshotError::Copy { path: path.to_owned(), source };
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await.map_err(failed)?;
    sqlx::query("VACUUM INTO ?")
        .bind(scratch.to_string_lossy().into_owned())
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    let reader = disk.open(&scratch).map_err(disk_error("open", &scratch))?;
    let size = reader.size().map_err(disk_error("read", &scratch))?;
    let (mut part, mut at) = (0, 0);
    while at < size {
        let length = usize::try_from(size - at).unwrap_or(usize::MAX).min(PART_BYTES);
        let mut bytes = vec![0; length];
        reader.read_exact_at(&mut bytes, at).map_err(disk_error("read", &scratch))?;
        line.put_part(number, file, part, &bytes).await?;
        (part, at) = (part + 1, at + length as u64);
    }
    disk.remove(&scratch).map_err(disk_error("remove", &scratch))
}

/// Replaces the file, which must be closed, by the snapshot. What was there is kept as `FILE.before-pair`, the last one
/// only.
pub async fn fetch(
    disk: &SharedDisk,
    line: &Line,
    number: i64,
    path: &Path,
    file: &str,
) -> Result<(), SnapshotError> {
    let incoming = beside(path, "incoming");
    let mut writer = disk.create(&incoming).map_err(disk_error("write", &incoming))?;
    let mut part = 0;
    while part < PARTS_MAX
        && let Some(bytes) = line.part(number, file, part).await?
    {
        writer.write_all(&bytes).map_err(disk_error("write", &incoming))?;
        part += 1;
    }
    if part == 0 {
        return Err(SnapshotError::Missing { number, file: file.to_owned() });
    }
    writer.sync_data().map_err(disk_error("write", &incoming))?;
    drop(writer);
    if disk.size(path).is_ok() {
        let kept = beside(path, "before-pair");
        disk.rename(path, &kept).map_err(disk_error("set aside", path))?;
        // They belong to what was set aside.
        for suffix in ["wal", "shm"] {
            let (from, to) = (with_suffix(path, suffix), with_suffix(&kept, suffix));
            if disk.size(&from).is_ok() {
                disk.rename(&from, &to).map_err(disk_error("set aside", &from))?;
            }
        }
    }
    disk.rename(&incoming, path).map_err(disk_error("put in place", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    disk.sync_dir(folder).map_err(disk_error("write", folder))
}

fn beside(path: &Path, word: &str) -> PathBuf {
    path.with_file_name(format!("{}.{word}", path.file_name().unwrap_or_default().to_string_lossy()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    path.with_file_name(format!("{}-{suffix}", path.file_name().unwrap_or_default().to_string_lossy()))
}
