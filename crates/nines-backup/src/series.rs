//! Metrics: a journal, a state, segments. See `docs/formats/series.md` for why this order loses nothing.

use std::io;
use std::path::Path;

use nines_base::disk::Disk;
use nines_series::{SEGMENT_EXTENSION, check_segment};

use crate::copy::Copy;
use crate::layout::{SERIES_JOURNAL, SERIES_SEGMENTS, SERIES_STATE};
use crate::manifest::Missing;
use crate::verify::{Fault, Part, VerifyReport, journal};
use crate::{BackupError, Progress};

/// Names of segments, sorted; none where there are no metrics.
fn segments(disk: &dyn Disk, data: &Path) -> Result<Option<Vec<String>>, BackupError> {
    let folder = data.join(SERIES_SEGMENTS);
    let mut names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        listed => listed.map_err(BackupError::io("list", &folder))?,
    };
    let ending = format!(".{SEGMENT_EXTENSION}");
    names.retain(|name| name.ends_with(&ending));
    names.sort();
    Ok(Some(names))
}

impl Copy<'_> {
    /// `false` if a segment went away before it was read: it was merged with others, which have to be copied instead.
    pub fn series(&mut self, data: &Path, progress: &mut dyn FnMut(Progress)) -> Result<bool, BackupError> {
        if segments(self.disk, data)?.is_none() {
            return Ok(true);
        }
        self.journal(data, SERIES_JOURNAL)?;
        let state = data.join(SERIES_STATE);
        match self.disk.read(&state) {
            Ok(bytes) => {
                self.put(SERIES_STATE.to_owned(), format!("{}/{SERIES_STATE}", self.manifest.name), &bytes)?
            }
            // Nothing was sealed yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(BackupError::io("read", &state)(error)),
        }
        // Listed after the state was read, so that whatever the state speaks of is there.
        let names = segments(self.disk, data)?.unwrap_or_default();
        let mut done_bytes = 0;
        for name in &names {
            match self.series_segment(data, name)? {
                Some(bytes) => done_bytes += bytes,
                None => return Ok(false),
            }
            progress(Progress { part: "metric segments", done_bytes, total_bytes: done_bytes });
        }
        Ok(true)
    }

    /// Its bytes, or `None` if it went away. A segment's name is never given out twice, so one that the repository has
    /// whole is not copied again.
    fn series_segment(&mut self, data: &Path, name: &str) -> Result<Option<u64>, BackupError> {
        let path = format!("{SERIES_SEGMENTS}/{name}");
        let stored = format!("series/{name}");
        let (source, known) = (data.join(&path), self.root.join(&stored));
        let bytes = match self.disk.size(&source) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            size => size.map_err(BackupError::io("read", &source))?,
        };
        if self.disk.size(&known).is_ok_and(|size| size == bytes)
            && check_segment(self.disk, &known).is_empty()
            && let Ok(content) = self.disk.read(&known)
        {
            self.list(path, stored, &content);
            return Ok(Some(bytes));
        }
        match self.disk.read(&source) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                self.manifest.missing.push(Missing { path, reason: error.to_string() });
                Ok(Some(0))
            }
            Ok(content) => {
                // What is copied is what is checked: the file may be gone by now.
                self.put(path.clone(), stored, &content)?;
                if let Some(fault) = check_segment(self.disk, &known).first() {
                    self.manifest.files.pop();
                    self.manifest.missing.push(Missing { path, reason: fault.to_string() });
                }
                Ok(Some(bytes))
            }
        }
    }
}

pub fn verify(
    disk: &dyn Disk,
    data: &Path,
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let Some(names) = segments(disk, data)? else { return Ok(()) };
    journal(disk, data, "metric journal records", SERIES_JOURNAL, report)?;
    let mut part = Part { name: "metric segments", count: 0, bytes: 0 };
    for name in names {
        let path = data.join(SERIES_SEGMENTS).join(&name);
        let Ok(bytes) = disk.size(&path) else { continue };
        let faults = check_segment(disk, &path);
        part.count += 1;
        part.bytes += bytes;
        progress(Progress { part: "metric segments", done_bytes: part.bytes, total_bytes: part.bytes });
        // One that was merged or grew too old while it was read is not part of the data any more.
        if disk.size(&path).is_err() {
            continue;
        }
        let fault = |error: &nines_series::SeriesError| {
            let cause =
                std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let file = format!("{SERIES_SEGMENTS}/{name}");
            Fault { part: "metric segments", file, what: format!("{error}{cause}") }
        };
        report.faults.extend(faults.iter().map(fault));
    }
    report.parts.push(part);
    Ok(())
}
