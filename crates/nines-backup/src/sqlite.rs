//! SQLite files, read while a node writes them.

use std::path::Path;

use nines_base::disk::Disk;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::BackupError;

async fn open(path: &Path) -> Result<SqliteConnection, BackupError> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(std::time::Duration::from_secs(10))
        .connect()
        .await
        .map_err(BackupError::database("open", path))
}

/// The content of the database at one moment, as the bytes of a file. `scratch` is written and removed again.
pub async fn snapshot(disk: &dyn Disk, path: &Path, scratch: &Path) -> Result<Vec<u8>, BackupError> {
    if disk.size(scratch).is_ok() {
        disk.remove(scratch).map_err(BackupError::io("remove", scratch))?;
    }
    let mut connection = open(path).await?;
    let copied = sqlx::query("VACUUM INTO ?")
        .bind(scratch.to_string_lossy().into_owned())
        .execute(&mut connection)
        .await
        .map_err(BackupError::database("copy", path));
    connection.close().await.map_err(BackupError::database("close", path))?;
    copied?;
    let bytes = disk.read(scratch).map_err(BackupError::io("read", scratch))?;
    disk.remove(scratch).map_err(BackupError::io("remove", scratch))?;
    Ok(bytes)
}

/// What SQLite finds wrong with the file; empty if nothing.
pub async fn faults(path: &Path) -> Result<Vec<String>, BackupError> {
    let mut connection = open(path).await?;
    let report: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
        .fetch_all(&mut connection)
        .await
        .map_err(BackupError::database("check", path))?;
    connection.close().await.map_err(BackupError::database("close", path))?;
    Ok(report.into_iter().filter(|line| line != "ok").collect())
}
