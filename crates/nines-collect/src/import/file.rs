//! A file, decompressed while it is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nines_base::decompress::{Encoding, reader};

use crate::CollectError;
use crate::fingerprint::HEAD_BYTES;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

pub(super) struct OpenFile {
    pub source: Box<dyn Read + Send>,
    /// On disk.
    pub bytes_total: u64,
    read: Arc<AtomicU64>,
}

/// Counts what is read from the disk.
struct Counting {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

impl OpenFile {
    /// The first bytes as they are on disk.
    pub fn head(path: &Path) -> Result<Vec<u8>, CollectError> {
        let read = || {
            let mut head = Vec::new();
            File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
            Ok(head)
        };
        read().map_err(|source| CollectError::Read { path: path.to_owned(), source })
    }

    /// From the start; `head` says how it is compressed.
    pub fn open(path: &Path, head: &[u8]) -> Result<Self, CollectError> {
        let open = || {
            let file = File::open(path)?;
            let bytes_total = file.metadata()?.len();
            let read = Arc::new(AtomicU64::new(0));
            let encoding = if head.starts_with(GZIP_MAGIC) {
                Encoding::Gzip
            } else if head.starts_with(ZSTD_MAGIC) {
                Encoding::Zstd
            } else {
                Encoding::Identity
            };
            let counting = Counting { file, read: Arc::clone(&read) };
            Ok(Self { source: reader(encoding, io::BufReader::new(counting))?, bytes_total, read })
        };
        open().map_err(|source| CollectError::Read { path: path.to_owned(), source })
    }

    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}
