//! Everything that a data directory holds, read and checked.

use std::path::Path;

use nines_access::{AuditError, AuditLog as _};
use nines_base::disk::Disk;
use nines_state::Database;
use nines_state::audit::SqliteAudit;
use nines_storage::{RemoteConfig, SegmentFile};
use nines_wal::DamageReason;

use crate::layout::{CATALOG, CONTROL, JOURNAL, RESPONSE, TELEMETRY};
use crate::{BackupError, Progress, sqlite};

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    pub parts: Vec<Part>,
    pub faults: Vec<Fault>,
}

/// One part of the directory: how much of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: &'static str,
    /// Records, segments, entries or tables' files, as the name says.
    pub count: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub part: &'static str,
    /// In the data directory.
    pub file: String,
    pub what: String,
}

/// Reads everything: the journal record by record, each database, the chain of the audit log, and each segment against
/// the checksum that the catalog has of it. Changes nothing; a node may be running. Costs a read of all bytes, of those that
/// are only in the object store too if it is given.
///
/// # Errors
/// If it is not a data directory. What is damaged in it is a [`Fault`], not an error.
pub async fn verify(
    disk: &dyn Disk,
    data: &Path,
    object_store: Option<&RemoteConfig>,
    mut progress: impl FnMut(Progress),
) -> Result<VerifyReport, BackupError> {
    for needed in [CONTROL, CATALOG] {
        if disk.size(&data.join(needed)).is_err() {
            return Err(BackupError::NotData { path: data.to_owned(), missing: needed });
        }
    }
    let mut report = VerifyReport { parts: Vec::new(), faults: Vec::new() };
    journal(disk, data, "journal records", JOURNAL, &mut report)?;
    for file in [CATALOG, CONTROL, RESPONSE] {
        database(disk, data, file, &mut report).await;
    }
    audit(data, &mut report).await;
    segments(disk, data, object_store, &mut report, &mut progress).await?;
    crate::series::verify(disk, data, &mut report, &mut progress)?;
    Ok(report)
}

pub(crate) fn journal(
    disk: &dyn Disk,
    data: &Path,
    part: &'static str,
    folder: &str,
    report: &mut VerifyReport,
) -> Result<(), BackupError> {
    let found = nines_wal::inspect(disk, &data.join(folder))?;
    // An incomplete record at the end is the ordinary trace of a crash, or of a node that writes right now.
    for damage in found.damaged.iter().filter(|damage| damage.reason != DamageReason::Torn) {
        let name = damage.file.file_name().unwrap_or_default().to_string_lossy();
        report.faults.push(Fault {
            part,
            file: format!("{folder}/{name}"),
            what: format!("{} bytes at {} are lost: {}", damage.bytes, damage.offset, damage.reason.as_str()),
        });
    }
    report.parts.push(Part { name: part, count: found.records, bytes: found.bytes });
    Ok(())
}

async fn database(disk: &dyn Disk, data: &Path, file: &'static str, report: &mut VerifyReport) {
    let path = data.join(file);
    let Ok(bytes) = disk.size(&path) else { return };
    let faults = match sqlite::faults(&path).await {
        Ok(faults) => faults,
        Err(error) => vec![error.to_string()],
    };
    let fault = |what| Fault { part: "databases", file: file.to_owned(), what };
    report.faults.extend(faults.into_iter().map(fault));
    match report.parts.iter_mut().find(|part| part.name == "databases") {
        Some(part) => {
            part.count += 1;
            part.bytes += bytes;
        }
        None => report.parts.push(Part { name: "databases", count: 1, bytes }),
    }
}

async fn audit(data: &Path, report: &mut VerifyReport) {
    let outcome = match Database::open_read_only(&data.join(CONTROL)).await {
        Ok(database) => {
            let outcome = SqliteAudit::new(database.clone()).verify().await;
            database.close().await;
            outcome.map_err(|error| match error {
                AuditError::Unavailable { source, .. } => source.to_string(),
                broken @ AuditError::Broken { .. } => broken.to_string(),
            })
        }
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(count) => report.parts.push(Part { name: "audit entries", count, bytes: 0 }),
        Err(what) => {
            report.faults.push(Fault { part: "audit entries", file: CONTROL.to_owned(), what });
        }
    }
}

async fn segments(
    disk: &dyn Disk,
    data: &Path,
    object_store: Option<&RemoteConfig>,
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let (catalog, root) = (data.join(CATALOG), data.join(TELEMETRY));
    let live = match nines_storage::inventory(&catalog, &root).await {
        Ok(live) => live,
        Err(error) => {
            let (file, what) = (CATALOG.to_owned(), error.to_string());
            report.faults.push(Fault { part: "segments", file, what });
            return Ok(());
        }
    };
    let total_bytes = live.here.iter().map(|segment| segment.bytes).sum();
    let mut part = Part { name: "segments", count: 0, bytes: 0 };
    for segment in &live.here {
        let what = match disk.read(&segment.path) {
            Err(error) => Some(format!("cannot be read: {error}")),
            Ok(bytes) if bytes.len() as u64 != segment.bytes => {
                Some(format!("has {} bytes instead of {}", bytes.len(), segment.bytes))
            }
            Ok(bytes) if crc32c::crc32c(&bytes) != segment.checksum => {
                Some("does not fit its checksum".to_owned())
            }
            Ok(_) => None,
        };
        part.count += 1;
        part.bytes += segment.bytes;
        progress(Progress { part: "segments", done_bytes: part.bytes, total_bytes });
        let Some(what) = what else { continue };
        if still_counts(&catalog, &root, segment).await? {
            let file = segment.path.strip_prefix(data).unwrap_or(&segment.path).display().to_string();
            report.faults.push(Fault { part: "segments", file, what });
        }
    }
    report.parts.push(part);
    if live.elsewhere.is_empty() {
        return Ok(());
    }
    let total_bytes = live.elsewhere.iter().map(|segment| segment.bytes).sum();
    let Some(object_store) = object_store else {
        let name = "segments in the object store, not read";
        report.parts.push(Part { name, count: live.elsewhere.len() as u64, bytes: total_bytes });
        return Ok(());
    };
    let mut part = Part { name: "segments in the object store", count: 0, bytes: 0 };
    for segment in &live.elsewhere {
        let outcome = object_store.read(segment, &root).await;
        part.count += 1;
        part.bytes += segment.bytes;
        progress(Progress { part: part.name, done_bytes: part.bytes, total_bytes });
        let Err(error) = outcome else { continue };
        if still_counts(&catalog, &root, segment).await? {
            let file = segment.path.strip_prefix(&root).unwrap_or(&segment.path).display().to_string();
            report.faults.push(Fault { part: part.name, file, what: error.to_string() });
        }
    }
    report.parts.push(part);
    Ok(())
}

/// Not if compaction or retention took it away while we read: then it is not part of the data any more.
async fn still_counts(catalog: &Path, root: &Path, segment: &SegmentFile) -> Result<bool, BackupError> {
    let live = nines_storage::inventory(catalog, root).await?;
    let mut known = live.here.iter().chain(&live.elsewhere);
    Ok(known.any(|known| known.id == segment.id && known.dataset == segment.dataset))
}
