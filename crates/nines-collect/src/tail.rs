//! Files that are written, as they grow.
//!
//! A file is known by its device and inode while it is open and by how it begins: a rename changes neither, so a rotated
//! file is read to its end under its new name; an inode that is given to another file is found out by its beginning; a file
//! that is truncated begins anew.

mod follow;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nines_base::disk::SharedDisk;
use nines_base::{Random, SharedClock, Shutdown};
use nines_protocols::file::Format;

use crate::fingerprint::digest;
use crate::import::{chunk_key, last_directive, with_directive};
use crate::send::send_patiently;
use crate::{Chunk, CollectError, Sender};
use table::Table;

#[derive(Debug, Clone)]
pub struct TailOptions {
    /// Patterns of file names, such as `/var/log/app/*.log`.
    pub patterns: Vec<String>,
    /// `None` to look at the first lines of each file.
    pub format: Option<Format>,
    /// The folder of the file that says how far each file is sent.
    pub state: PathBuf,
    /// Files that are there at the very first start are followed from their end.
    pub from_end: bool,
    /// Between two looks at the files.
    pub interval: Duration,
}

/// What a tail has done since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TailStats {
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Rotations and truncations seen.
    pub rotations: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    files: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    pub rotations: AtomicU64,
}

/// Follows files until it is told to stop.
pub struct Tail {
    sender: Arc<dyn Sender>,
    disk: SharedDisk,
    clock: SharedClock,
    random: Random,
    options: TailOptions,
    counters: Arc<Counters>,
}

/// Names are looked up anew every so many looks at the open files.
const LOOKS_PER_SCAN: u32 = 4;

impl Tail {
    pub fn new(
        sender: Arc<dyn Sender>,
        disk: SharedDisk,
        clock: SharedClock,
        random: Random,
        options: TailOptions,
    ) -> Self {
        Self { sender, disk, clock, random, options, counters: Arc::default() }
    }

    pub fn stats(&self) -> TailStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TailStats {
            files: read(&self.counters.files),
            rows: read(&self.counters.rows),
            bytes: read(&self.counters.bytes),
            rotations: read(&self.counters.rotations),
        }
    }

    /// Returns once `shutdown` has begun; what was sent by then is written down. A node that is down or busy is waited for.
    ///
    /// # Errors
    /// A pattern that is none, a state file that cannot be read or written, a node that refuses for good.
    pub async fn run(&self, shutdown: &Shutdown) -> Result<(), CollectError> {
        let mut table = Table::open(&self.disk, &self.options, Arc::clone(&self.counters))?;
        let mut looks = 0;
        while !shutdown.has_begun() {
            if looks % LOOKS_PER_SCAN == 0 {
                table.scan()?;
                self.counters.files.store(table.len() as u64, Ordering::Relaxed);
            }
            looks = looks.wrapping_add(1);
            // One chunk of each file in turn, so that a busy one does not starve the others.
            let mut has_more = true;
            while has_more && !shutdown.has_begun() {
                has_more = false;
                for index in 0..table.len() {
                    if shutdown.has_begun() {
                        break;
                    }
                    has_more |= self.step(&mut table, index, shutdown).await?;
                }
            }
            table.forget_finished()?;
            tokio::select! {
                () = self.clock.sleep(self.options.interval) => {}
                () = shutdown.begun() => {}
            }
        }
        Ok(())
    }

    /// Sends the next chunk of one file, if it has one. `true` if it may have another.
    async fn step(&self, table: &mut Table, index: usize, shutdown: &Shutdown) -> Result<bool, CollectError> {
        let Some(lines) = table.next_chunk(index)? else { return Ok(false) };
        let file = table.file(index);
        let chunk = Chunk {
            key: chunk_key(&file.place, &lines, &digest(b"tail")[..8]),
            may_be_repeat: file.may_be_repeat,
            format: file.format,
            path: file.path.display().to_string(),
            body: with_directive(&file.place, &lines),
        };
        let (path, format) = (file.path.clone(), file.format);
        let sent =
            send_patiently(self.sender.as_ref(), chunk, None, &self.clock, &self.random, shutdown).await;
        let sent = match sent {
            Ok(sent) => sent,
            // Told to stop while the node is away: the lines are where they were.
            Err(error) if error.kind.is_retryable() => return Ok(false),
            Err(source) => return Err(CollectError::Send { path, source }),
        };
        if !sent.is_repeat {
            self.counters.rows.fetch_add(sent.rows, Ordering::Relaxed);
        }
        self.counters.bytes.fetch_add(lines.len() as u64, Ordering::Relaxed);
        table.done(index, &lines, last_directive(format, &lines))?;
        Ok(true)
    }
}
