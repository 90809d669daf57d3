//! Space that is kept so that it can be given back: when the disk is full, deleting the ballast lets the catalog and the
//! control databases (pages, audit) go on writing while ingest refuses. It is made when the disk runs short, and costs
//! nothing on a disk that does not.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use nines_base::MIB;
use nines_base::disk::{Disk, TEMPORARY_EXTENSION};

use crate::StoreError;

/// Hours of pages and audit entries: an entry is about a kilobyte, and SQLite's own files grow by some pages for each.
pub const BALLAST_BYTES: u64 = 64 * MIB;

const FILE_NAME: &str = "ballast";

/// Written at a time.
const BLOCK_BYTES: usize = MIB as usize;

/// Given back when less than this share of it is free besides: what a few seconds of other writers take.
const RELEASE_DIVISOR: u64 = 2;
/// Made again when this many times its size is free, so that twice its size stays free: it must not be what fills the disk.
const REMAKE_FACTOR: u64 = 3;
/// Not needed while this many times its size is free (8 GiB): other writers cannot take that between two rounds.
const PLENTY_FACTOR: u64 = 128;
/// Once made it stays until twice of that is free, so that it does not come and go.
const PLENTY_AGAIN_FACTOR: u64 = 2 * PLENTY_FACTOR;

#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    /// 0: none is kept.
    bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has looked yet.
    Unknown,
    /// Not there: the disk has plenty of space.
    NotNeeded,
    Held,
    /// Not there and wanted: given back, or never made for want of space.
    Released,
}

impl Ballast {
    pub fn new(root: &Path, bytes: u64) -> Self {
        Self { path: root.join(FILE_NAME), bytes, state: Mutex::new(State::Unknown) }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn is_released(&self) -> bool {
        *self.state.lock() == State::Released
    }

    pub fn is_held(&self) -> bool {
        *self.state.lock() == State::Held
    }

    /// Gives the space back, if it is held. `true` if there was something to give.
    pub fn release(&self, disk: &dyn Disk) -> bool {
        if self.bytes == 0 {
            return false;
        }
        *self.state.lock() = State::Released;
        self.remove(disk)
    }

    fn remove(&self, disk: &dyn Disk) -> bool {
        match disk.remove(&self.path) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    tracing::error!(file = %self.path.display(), %error, "ballast cannot be removed");
                }
                false
            }
        }
    }

    /// Gives it back if the disk is nearly full, makes it if space runs short and there is room. Blocks; writes
    /// [`Ballast::bytes`] when it is made.
    pub fn tend(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        if self.bytes == 0 {
            return Ok(());
        }
        let root = self.path.parent().unwrap_or(Path::new("."));
        let free = disk
            .free_bytes(root)
            .map_err(|source| StoreError::io("ask for the free space of", root, source))?;
        if *self.state.lock() == State::Unknown {
            // Of a start that was cut short.
            let _ = disk.remove(&self.path.with_extension(TEMPORARY_EXTENSION));
            let is_whole = disk.size(&self.path).is_ok_and(|size| size == self.bytes);
            *self.state.lock() = if is_whole { State::Held } else { State::Released };
        }
        let plenty = if self.is_held() { PLENTY_AGAIN_FACTOR } else { PLENTY_FACTOR };
        if free >= self.bytes.saturating_mul(plenty) {
            if std::mem::replace(&mut *self.state.lock(), State::NotNeeded) != State::NotNeeded {
                self.remove(disk);
            }
        } else if self.is_held() && free < self.bytes / RELEASE_DIVISOR {
            self.release(disk);
        } else if !self.is_held() && free >= self.bytes * REMAKE_FACTOR {
            self.make(disk).map_err(|source| StoreError::io("make", &self.path, source))?;
            *self.state.lock() = State::Held;
        } else if !self.is_held() {
            *self.state.lock() = State::Released;
        }
        Ok(())
    }

    fn make(&self, disk: &dyn Disk) -> std::io::Result<()> {
        let block = noise();
        nines_base::disk::publish(disk, &self.path, |file| {
            let mut left = self.bytes as usize;
            while left > 0 {
                let count = left.min(block.len());
                file.write_all(&block[..count])?;
                left -= count;
            }
            Ok(())
        })
    }
}

/// Bytes that no file system compresses away (SplitMix64 from a fixed seed).
fn noise() -> Vec<u8> {
    let mut state = 0_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    words.take(BLOCK_BYTES / 8).flat_map(u64::to_le_bytes).collect()
}
