//! One open file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nines_protocols::file::Format;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Place;
use crate::chunk;
use crate::fingerprint::{HEAD_BYTES, Head};

/// What the kernel knows a file by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl FileId {
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// A file that is followed.
pub(super) struct Followed {
    pub id: FileId,
    pub path: PathBuf,
    pub format: Format,
    pub place: Place,
    /// Whether a process before this one may have sent what comes next.
    pub may_be_repeat: bool,
    /// No name leads to it any more, or to another file: it is read to its end and then forgotten.
    pub is_orphan: bool,
    /// At its end with nothing new, so many times in a row.
    pub idle_looks: u32,
    file: File,
    /// Bytes behind `place.offset`.
    buffer: Vec<u8>,
}

/// The first bytes of a file.
pub(super) fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

impl Followed {
    pub fn open(
        path: &Path,
        mut file: File,
        place: Place,
        format: Option<Format>,
        is_resumed: bool,
    ) -> io::Result<Self> {
        let id = FileId::of(&file)?;
        let start = head(&mut file)?;
        let format = format.unwrap_or_else(|| Format::detect(&String::from_utf8_lossy(&start)));
        Ok(Self {
            id,
            path: path.to_owned(),
            format,
            place,
            may_be_repeat: is_resumed,
            is_orphan: false,
            idle_looks: 0,
            file,
            buffer: Vec::new(),
        })
    }

    /// Whole lines behind the place, as many as fit a chunk. A file that was truncated is begun anew; `true` then.
    pub fn read(&mut self) -> io::Result<(Option<Vec<u8>>, bool)> {
        let size = self.file.metadata()?.len();
        let is_truncated =
            size < self.place.offset + self.buffer.len() as u64 || !self.is_still_itself(size)?;
        if is_truncated {
            self.begin_anew()?;
        }
        self.file.seek(SeekFrom::Start(self.place.offset + self.buffer.len() as u64))?;
        let is_end = chunk::fill(&mut self.file, &mut self.buffer)?;
        // The last line of a file that is still written may not be whole; that of an orphan will not get longer.
        let is_last = is_end && self.is_orphan && self.idle_looks > 0;
        let end = chunk::end(&self.buffer, is_last);
        self.idle_looks = if end.is_some() { 0 } else { self.idle_looks.saturating_add(1) };
        Ok((end.map(|end| self.buffer.drain(..end).collect()), is_truncated))
    }

    /// Whether it begins as it did. Copying a log away and truncating it may go unseen by its size alone, when it has grown
    /// again since the last look.
    fn is_still_itself(&mut self, size: u64) -> io::Result<bool> {
        if self.place.offset == 0 || size == self.place.offset {
            return Ok(true);
        }
        let start = head(&mut self.file)?;
        Ok(self.place.head.fits(&start))
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.place = Place::at_start(Head::of(&head(&mut self.file)?));
        Ok(())
    }

    /// Moves the place behind `lines`.
    pub fn advance(&mut self, lines: &[u8], directive: Option<String>) -> io::Result<()> {
        if self.place.offset == 0 {
            // When it was opened there may have been less of it to know it by.
            self.place.head = Head::of(&head(&mut self.file)?);
        }
        self.place.advance(lines, directive);
        self.may_be_repeat = false;
        Ok(())
    }
}
