//! Files that lie there, once.

mod file;
mod ledger;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nines_base::disk::SharedDisk;
use nines_base::{Random, SharedClock, Shutdown};
use nines_protocols::file::{Format, fields_directive};

use crate::checkpoint::Place;
use crate::fingerprint::digest;
use crate::send::send_patiently;
use crate::{Chunk, CollectError, Sender, Sent, chunk};
use file::OpenFile;
use ledger::Ledger;

#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// `None` to look at the first lines.
    pub format: Option<Format>,
    /// Where it is written down what has been sent. One folder for each node and set of attributes.
    pub state: PathBuf,
    /// What else makes two imports of one file two: the attributes that its rows get.
    pub attributes: String,
    /// How long a node that is down or busy is waited for, at each chunk.
    pub patience: Duration,
}

/// How far an import is, for a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Of the file on disk, before decompression.
    pub bytes_read: u64,
    pub bytes_total: u64,
    pub rows: u64,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    pub path: PathBuf,
    pub format: Format,
    /// Stored by this run.
    pub rows: u64,
    /// Sent by this run and found stored already.
    pub rows_repeated: u64,
    /// Bytes after decompression that this run sent.
    pub bytes: u64,
    /// Bytes that an earlier run had sent.
    pub bytes_before: u64,
}

/// Sends files, each once.
pub struct Import {
    pub sender: Arc<dyn Sender>,
    pub disk: SharedDisk,
    pub clock: SharedClock,
    pub random: Random,
    pub options: ImportOptions,
}

impl Import {
    /// Sends what of the file has not been sent. Reads and decompresses on the caller's thread: a command does nothing else
    /// meanwhile.
    ///
    /// # Errors
    /// A file that cannot be read, a node that refuses or stays away; what was sent until then stays sent.
    pub async fn file(
        &self,
        path: &Path,
        shutdown: &Shutdown,
        mut progress: impl FnMut(Progress),
    ) -> Result<FileReport, CollectError> {
        let read_error = |source| CollectError::Read { path: path.to_owned(), source };
        let start = OpenFile::head(path)?;
        let mut ledger = Ledger::open(&self.disk, &self.options.state, &start)?;
        let (mut file, index) = ledger.resume(path, &start)?;
        let mut buffer = Vec::new();
        let mut is_end = chunk::fill(&mut file.source, &mut buffer).map_err(read_error)?;
        let format = match self.options.format {
            Some(format) => format,
            None => Format::detect(&detected_part(ledger.place(index), &buffer)),
        };
        let bytes_before = ledger.place(index).offset;
        let (mut rows, mut rows_repeated, mut bytes) = (0, 0, 0);
        // Until the node says otherwise, an earlier run may have sent what this one has no record of.
        let mut may_be_repeat = true;
        loop {
            let pending = ledger.place(index).pending_bytes.map(|bytes| bytes as usize);
            let end = match pending.filter(|pending| (1..=buffer.len()).contains(pending)) {
                Some(pending) => Some(pending),
                None => chunk::end(&buffer, is_end),
            };
            let Some(end) = end else { break };
            ledger.begin(index, end as u64)?;
            let place = ledger.place(index);
            let sent = self.send(path, format, place, &buffer[..end], may_be_repeat, shutdown).await?;
            may_be_repeat = sent.is_repeat;
            if sent.is_repeat {
                rows_repeated += sent.rows;
            } else {
                rows += sent.rows;
            }
            bytes += end as u64;
            ledger.done(index, &buffer[..end], last_directive(format, &buffer[..end]))?;
            buffer.drain(..end);
            is_end = chunk::fill(&mut file.source, &mut buffer).map_err(read_error)?;
            progress(Progress { bytes_read: file.bytes_read(), bytes_total: file.bytes_total, rows });
        }
        Ok(FileReport { path: path.to_owned(), format, rows, rows_repeated, bytes, bytes_before })
    }

    async fn send(
        &self,
        path: &Path,
        format: Format,
        place: &Place,
        lines: &[u8],
        may_be_repeat: bool,
        shutdown: &Shutdown,
    ) -> Result<Sent, CollectError> {
        let attributes = digest(self.options.attributes.as_bytes());
        let key = chunk_key(place, lines, &attributes[..8]);
        let chunk = Chunk {
            key,
            may_be_repeat,
            format,
            path: path.display().to_string(),
            body: with_directive(place, lines),
        };
        let patience = Some(self.options.patience);
        send_patiently(self.sender.as_ref(), chunk, patience, &self.clock, &self.random, shutdown)
            .await
            .map_err(|source| CollectError::Send { path: path.to_owned(), source })
    }
}

/// Which file, from where, which bytes, under which attributes.
pub(crate) fn chunk_key(place: &Place, lines: &[u8], attributes: &str) -> String {
    format!("{}-{}-{}-{attributes}", &place.head.hash[..16], place.offset, &digest(lines)[..16])
}

/// The lines behind the directive that says what their columns are, if that was in an earlier chunk.
pub(crate) fn with_directive(place: &Place, lines: &[u8]) -> Vec<u8> {
    match &place.directive {
        Some(directive) if place.offset > 0 => [directive.as_bytes(), b"\n", lines].concat(),
        _ => lines.to_vec(),
    }
}

pub(crate) fn last_directive(format: Format, lines: &[u8]) -> Option<String> {
    if format != Format::Iis {
        return None;
    }
    let text = String::from_utf8_lossy(lines);
    text.lines().rfind(|line| fields_directive(line).is_some()).map(str::to_owned)
}

/// What the format is told from: the first lines that are at hand, behind their directive.
fn detected_part(place: &Place, buffer: &[u8]) -> String {
    /// Twenty lines of any access log.
    const LOOKED_AT: usize = 64 * 1024;
    let start = &buffer[..buffer.len().min(LOOKED_AT)];
    String::from_utf8_lossy(&with_directive(place, start)).into_owned()
}
