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

/// Names of segments, sorted; `None` where there are no metrics at all. A journal alone is what a copy has of a node that
/// has not sealed yet.
fn segments(disk: &dyn Disk, data: &Path) -> Result<Option<Vec<String>>, BackupError> {
    if disk.list(&data.join(SERIES_JOURNAL)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let folder = data.join(SERIES_SEGMENTS);
    let mut names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nines_base::disk::{RealDisk, SharedDisk};
    use nines_base::{ManualClock, Random, SharedClock};
    use nines_model::Timestamp;
    use nines_series::{MatchOp, Matcher, Select, SeriesStore, StoreConfig, WriteRequest};

    use super::*;
    use crate::manifest::Manifest;

    const NOW_SECS: i64 = 1_795_334_400;

    fn open(folder: &Path, clock: &SharedClock) -> SeriesStore {
        let config = StoreConfig { free_bytes_min: 0, ..StoreConfig::new(folder.join("series")) };
        SeriesStore::open(config, RealDisk::shared(), Arc::clone(clock), Random::from_seed(7)).unwrap().0
    }

    /// One sample of `size`, so many minutes before now.
    fn write(store: &SeriesStore, minutes_ago: i64) {
        let mut request = WriteRequest::default();
        request.label(b"__name__", b"size");
        request.sample((NOW_SECS - 60 * minutes_ago) * 1_000, minutes_ago as f64);
        request.end_series();
        assert!(store.write(request).unwrap().wait().unwrap().is_whole());
    }

    fn times(store: &SeriesStore) -> Vec<i64> {
        let matchers = [Matcher::new("__name__", MatchOp::Equal, "size").unwrap()];
        let select = Select {
            matchers: &matchers,
            start_ms: 0,
            end_ms: i64::MAX / 2,
            samples_max: u64::MAX,
            threads: 1,
            cancelled: &|| false,
        };
        store.select(&select).unwrap().series.first().map(|one| one.times_ms.clone()).unwrap_or_default()
    }

    fn copy<'a>(disk: &'a dyn Disk, repository: &'a Path, name: &str) -> Copy<'a> {
        let manifest =
            Manifest { name: name.to_owned(), nines: String::new(), files: Vec::new(), missing: Vec::new() };
        Copy::new(disk, repository, manifest)
    }

    /// Puts the files of a copy where they belong, as a restore does.
    fn restored(disk: &dyn Disk, copy: &Copy<'_>, folder: &Path) {
        for file in &copy.manifest.files {
            let bytes = disk.read(&copy.root.join(&file.stored)).unwrap();
            crate::manifest::put(disk, &folder.join(&file.path), &bytes).unwrap();
        }
    }

    #[test]
    fn copies_hold_what_is_sealed_what_is_not_and_what_was_merged() {
        let folder = tempfile::tempdir().unwrap();
        let (data, repository) = (folder.path().join("data"), folder.path().join("repository"));
        let clock: SharedClock = ManualClock::at(Timestamp::from_secs(NOW_SECS));
        let disk: SharedDisk = RealDisk::shared();
        let store = open(&data, &clock);
        write(&store, 50);
        store.seal().unwrap();
        write(&store, 40);
        store.seal().unwrap();
        write(&store, 30);
        let mut first = copy(disk.as_ref(), &repository, "first");
        assert!(first.series(&data, &mut |_| ()).unwrap());
        let segments = |copy: &Copy<'_>| {
            copy.manifest.files.iter().filter(|file| file.stored.starts_with("series/")).count()
        };
        assert_eq!(segments(&first), 2);

        // The two become one, and the head is sealed: a second copy takes what is there now.
        while store.compact().unwrap().is_some() {}
        store.seal().unwrap();
        write(&store, 20);
        let mut second = copy(disk.as_ref(), &repository, "second");
        assert!(second.series(&data, &mut |_| ()).unwrap());
        let mut third = copy(disk.as_ref(), &repository, "third");
        assert!(third.series(&data, &mut |_| ()).unwrap());
        assert!(third.new_bytes() < second.new_bytes(), "sealed segments are copied once");

        for (copy, minutes) in [(&first, vec![50, 40, 30]), (&third, vec![50, 40, 30, 20])] {
            let back = folder.path().join(&copy.manifest.name);
            restored(disk.as_ref(), copy, &back);
            let expected: Vec<i64> = minutes.iter().map(|ago| (NOW_SECS - 60 * ago) * 1_000).collect();
            assert_eq!(times(&open(&back, &clock)), expected);
        }
    }

    #[test]
    fn damage_is_named_and_not_copied_as_if_it_were_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (data, repository) = (folder.path().join("data"), folder.path().join("repository"));
        let clock: SharedClock = ManualClock::at(Timestamp::from_secs(NOW_SECS));
        let disk: SharedDisk = RealDisk::shared();
        let store = open(&data, &clock);
        write(&store, 50);
        store.seal().unwrap();
        let name = segments(disk.as_ref(), &data).unwrap().unwrap().remove(0);
        let path = data.join(SERIES_SEGMENTS).join(&name);
        let mut bytes = disk.read(&path).unwrap();
        let middle = bytes.len() / 3;
        bytes[middle] ^= 0x10;
        #[expect(clippy::disallowed_methods, reason = "damage is not a durable write")]
        std::fs::write(&path, bytes).unwrap();
        let mut report = VerifyReport { parts: Vec::new(), faults: Vec::new() };
        verify(disk.as_ref(), &data, &mut report, &mut |_| ()).unwrap();
        assert!(report.faults.len() == 1 && report.faults[0].file.ends_with(&name), "{report:?}");
        let mut copied = copy(disk.as_ref(), &repository, "first");
        assert!(copied.series(&data, &mut |_| ()).unwrap());
        assert_eq!(copied.manifest.missing.len(), 1);
        assert!(copied.manifest.files.iter().all(|file| !file.path.ends_with(&name)));
    }
}
