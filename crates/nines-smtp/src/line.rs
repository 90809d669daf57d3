//! Lines of a connection, each bounded.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What was read of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Bytes of it, with its end; more than were kept if it was too long.
    pub bytes: usize,
    /// Whether it ended with CRLF, and not with a line feed alone.
    pub has_crlf: bool,
}

/// Reads to the next line feed and appends what fits into `max` bytes to `line`. `None` if the connection has ended.
pub async fn read(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    max: usize,
) -> io::Result<Option<Read>> {
    let (mut bytes, mut last) = (0, 0);
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(None);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.map_or(available.len(), |end| end + 1)];
        let before = if part.len() > 1 { part[part.len() - 2] } else { last };
        last = part[part.len() - 1];
        let fits = max.saturating_sub(bytes).min(part.len());
        line.extend_from_slice(&part[..fits]);
        bytes += part.len();
        let used = part.len();
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(Read { bytes, has_crlf: before == b'\r' }));
        }
    }
}
