//! Reading the segments of earlier processes.

use std::io;
use std::path::{Path, PathBuf};

use nines_base::disk::Disk;

use crate::JournalError;
use crate::record::{DamageReason, FORMAT_VERSION, Found, SEGMENT_HEADER_BYTES, Scan, segment_version};

/// Bytes of a segment that are lost, with a copy in `quarantine/` under the journal's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub file: PathBuf,
    pub offset: u64,
    pub bytes: u64,
    pub reason: DamageReason,
    /// The last whole record before it, if any: the lost records came after this sequence number.
    pub after_sequence: Option<u64>,
}

/// What [`crate::Journal::open`] found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JournalRecovery {
    pub segments: u64,
    pub bytes: u64,
    pub records: u64,
    /// Of the newest record; 0 if there is none.
    pub last_sequence: u64,
    pub damaged: Vec<Damage>,
}

/// A segment that is no longer written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedSegment {
    pub path: PathBuf,
    /// 0 if it holds no whole record.
    pub last_sequence: u64,
    pub bytes: u64,
}

pub const SEGMENT_EXTENSION: &str = "journal";
const QUARANTINE_FOLDER: &str = "quarantine";

/// In place of a segment's last sequence number: it holds bytes that exist nowhere else.
const NEVER_TRUNCATED: u64 = u64::MAX;

/// The name repeats what the header says, so that a damaged header costs nothing.
pub fn segment_name(first_sequence: u64, marker: u64) -> String {
    format!("{first_sequence:020}-{marker:016x}.{SEGMENT_EXTENSION}")
}

fn parse_segment_name(name: &str) -> Option<(u64, u64)> {
    let stem = name.strip_suffix(SEGMENT_EXTENSION)?.strip_suffix('.')?;
    let (sequence, marker) = stem.split_once('-')?;
    Some((sequence.parse().ok()?, u64::from_str_radix(marker, 16).ok()?))
}

/// Reads every segment and counts what is whole and what is not, without changing anything: for checks beside a running
/// node, whose last record may look torn.
pub fn inspect(disk: &dyn Disk, folder: &Path) -> Result<JournalRecovery, JournalError> {
    Ok(scan(disk, folder, &mut |_, _| {})?.1)
}

/// Reads every segment in order and hands each whole record to `replay`. What is damaged is copied to `quarantine/`.
pub fn recover(
    disk: &dyn Disk,
    folder: &Path,
    replay: &mut dyn FnMut(u64, &[u8]),
) -> Result<(Vec<ClosedSegment>, JournalRecovery), JournalError> {
    let (mut segments, recovery) = scan(disk, folder, replay)?;
    for damage in &recovery.damaged {
        tracing::error!(
            file = %damage.file.display(), offset = damage.offset, bytes = damage.bytes,
            reason = damage.reason.as_str(), after_sequence = damage.after_sequence,
            "journal damage"
        );
        if let Err(error) = quarantine(disk, folder, damage) {
            // The disk that refuses the copy must not keep the journal from starting; but then the original stays.
            tracing::error!(file = %damage.file.display(), %error, "journal damage cannot be copied to quarantine");
            for segment in segments.iter_mut().filter(|segment| segment.path == damage.file) {
                segment.last_sequence = NEVER_TRUNCATED;
            }
        }
    }
    Ok((segments, recovery))
}

fn scan(
    disk: &dyn Disk,
    folder: &Path,
    replay: &mut dyn FnMut(u64, &[u8]),
) -> Result<(Vec<ClosedSegment>, JournalRecovery), JournalError> {
    let names = disk.list(folder).map_err(|error| JournalError::io("list", folder, error))?;
    let mut recovery = JournalRecovery::default();
    let mut segments = Vec::new();
    // The zero-padded sequence number comes first in a name, so the order of names is the order of records.
    for (name, (first_sequence, marker)) in
        names.into_iter().filter_map(|name| parse_segment_name(&name).map(|parsed| (name, parsed)))
    {
        let path = folder.join(name);
        recovery.last_sequence = recovery.last_sequence.max(first_sequence.saturating_sub(1));
        let segment = recover_segment(disk, path, marker, &mut recovery, replay)?;
        recovery.segments += 1;
        recovery.bytes += segment.bytes;
        segments.push(segment);
    }
    Ok((segments, recovery))
}

fn recover_segment(
    disk: &dyn Disk,
    path: PathBuf,
    marker: u64,
    recovery: &mut JournalRecovery,
    replay: &mut dyn FnMut(u64, &[u8]),
) -> Result<ClosedSegment, JournalError> {
    let mut damage = |offset: usize, bytes: usize, reason, after_sequence| {
        let (offset, bytes) = (offset as u64, bytes as u64);
        recovery.damaged.push(Damage { file: path.clone(), offset, bytes, reason, after_sequence });
    };
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "journal segment cannot be read");
            let size = disk.size(&path).unwrap_or(0);
            damage(0, size as usize, DamageReason::Unreadable, None);
            return Ok(ClosedSegment { path, last_sequence: NEVER_TRUNCATED, bytes: size });
        }
    };
    match segment_version(&bytes) {
        Ok(FORMAT_VERSION) => {}
        Ok(version) => return Err(JournalError::Version { path, version }),
        // Created but never written: no commit got this far.
        Err(_) if bytes.is_empty() => {}
        Err(reason) => damage(0, bytes.len().min(SEGMENT_HEADER_BYTES), reason, None),
    }
    let mut last = None;
    let mut records = 0;
    for found in Scan::new(&bytes, marker) {
        match found {
            Found::Record { sequence, payload } => {
                replay(sequence, &bytes[payload]);
                last = Some(sequence);
                records += 1;
            }
            Found::Damaged { range, reason } => damage(range.start, range.len(), reason, last),
        }
    }
    recovery.records += records;
    recovery.last_sequence = recovery.last_sequence.max(last.unwrap_or(0));
    Ok(ClosedSegment { path, last_sequence: last.unwrap_or(0), bytes: bytes.len() as u64 })
}

/// Copies damaged bytes aside before truncation can delete their segment.
fn quarantine(disk: &dyn Disk, folder: &Path, damage: &Damage) -> io::Result<()> {
    let folder = folder.join(QUARANTINE_FOLDER);
    disk.create_dir(&folder)?;
    let stem = damage.file.file_stem().unwrap_or_default().to_string_lossy();
    let path = folder.join(format!("{stem}-{}-{}.damaged", damage.offset, damage.bytes));
    if disk.size(&path).is_ok() {
        return Ok(());
    }
    let bytes = disk.read(&damage.file)?;
    let end = damage.offset.saturating_add(damage.bytes).min(bytes.len() as u64);
    let range = damage.offset as usize..end as usize;
    nines_base::disk::publish(disk, &path, |file| file.write_all(&bytes[range]))
}
