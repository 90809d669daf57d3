//! Which files have been sent how far.
//!
//! Places of files that begin alike lie in one state file, named after their first bytes, so that a step writes little
//! however many files were ever imported.

use std::io::Read;
use std::path::Path;

use nines_base::disk::SharedDisk;

use super::file::OpenFile;
use crate::CollectError;
use crate::checkpoint::{Place, StateFile};
use crate::fingerprint::{HEAD_BYTES, Head, digest};

/// Bytes by which state files are told apart. A shorter file may grow into any, so all of those share one.
const BUCKET_BYTES: usize = 64;

/// Files that begin alike; the oldest are forgotten beyond this.
const PLACES_MAX: usize = 10_000;

pub(super) struct Ledger {
    state: StateFile,
    places: Vec<Place>,
}

impl Ledger {
    pub fn open(disk: &SharedDisk, folder: &Path, head: &[u8]) -> Result<Self, CollectError> {
        let file = |name: &str| StateFile::new(disk.clone(), folder.join(format!("{name}.json")));
        let small = file("small");
        let bucket = head.get(..BUCKET_BYTES);
        let Some(bucket) = bucket else {
            let places = small.read()?;
            return Ok(Self { state: small, places });
        };
        let state = file(&digest(bucket));
        let mut places: Vec<Place> = state.read()?;
        // It may have been small when it was seen last.
        let grown: Vec<Place> = small.read()?;
        places.extend(grown.into_iter().filter(|place| place.head.fits(head) && place.offset > 0));
        Ok(Self { state, places })
    }

    pub fn place(&self, index: usize) -> &Place {
        &self.places[index]
    }

    /// Opens the file behind what has been sent of it, and says whose place that is.
    pub fn resume(&mut self, path: &Path, head: &[u8]) -> Result<(OpenFile, usize), CollectError> {
        let mut candidates: Vec<usize> =
            (0..self.places.len()).filter(|index| self.places[*index].head.fits(head)).collect();
        candidates.sort_by_key(|index| std::cmp::Reverse(self.places[*index].offset));
        for index in candidates {
            let place = &self.places[index];
            let mut file = OpenFile::open(path, head)?;
            if skip(&mut file, place)
                .map_err(|source| CollectError::Read { path: path.to_owned(), source })?
            {
                return Ok((file, index));
            }
        }
        if self.places.len() >= PLACES_MAX {
            self.places.remove(0);
        }
        self.places.push(Place::at_start(Head::of(head)));
        Ok((OpenFile::open(path, head)?, self.places.len() - 1))
    }

    /// Writes down that so many bytes are about to be sent.
    pub fn begin(&mut self, index: usize, bytes: u64) -> Result<(), CollectError> {
        self.places[index].pending_bytes = Some(bytes);
        self.state.write(&self.places)
    }

    /// Writes down that they are stored.
    pub fn done(
        &mut self,
        index: usize,
        lines: &[u8],
        directive: Option<String>,
    ) -> Result<(), CollectError> {
        self.places[index].advance(lines, directive);
        self.state.write(&self.places)
    }
}

/// Reads to the place; `false` if the file is too short, or another one before it.
fn skip(file: &mut OpenFile, place: &Place) -> std::io::Result<bool> {
    let mut window: Vec<u8> = Vec::new();
    let mut left = place.offset;
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let length = file.source.read(&mut buffer[..wanted])?;
        if length == 0 {
            return Ok(false);
        }
        left -= length as u64;
        window.extend_from_slice(&buffer[..length]);
        let surplus = window.len().saturating_sub(HEAD_BYTES);
        window.drain(..surplus);
    }
    if place.offset == 0 {
        return Ok(true);
    }
    let is_same = place.before.as_ref().is_some_and(|before| before.is_end_of(&window));
    Ok(is_same)
}
