//! A stream of bytes to chunks of whole lines.

use std::io::{self, Read};

/// Bytes of one request: a tenth of what the node takes at once.
pub const CHUNK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Lines of one request: a quarter of what the node takes at once.
pub const CHUNK_LINES_MAX: usize = 50_000;

/// Where the next chunk of `filled` ends: behind the last line end within the bounds. A line that is longer than a chunk is
/// cut there, for there is no other place. `None` if no line ends and there is room for more of it; at the end of a file
/// (`is_last`) what is left is a line.
pub(crate) fn end(filled: &[u8], is_last: bool) -> Option<usize> {
    let within = &filled[..filled.len().min(CHUNK_BYTES_MAX)];
    let mut ends = memchr::memchr_iter(b'\n', within);
    if let Some(end) = ends.nth(CHUNK_LINES_MAX - 1) {
        return Some(end + 1);
    }
    if is_last && within.len() == filled.len() {
        return (!filled.is_empty()).then_some(filled.len());
    }
    match memchr::memrchr(b'\n', within) {
        Some(end) => Some(end + 1),
        None => (within.len() == CHUNK_BYTES_MAX).then_some(CHUNK_BYTES_MAX),
    }
}

/// Reads until `buffer` holds a whole chunk or the source has nothing more for now. `true` if it has nothing more.
pub(crate) fn fill(source: &mut (impl Read + ?Sized), buffer: &mut Vec<u8>) -> io::Result<bool> {
    let missing = CHUNK_BYTES_MAX.saturating_sub(buffer.len());
    let mut limited = source.take(missing as u64);
    let read = limited.read_to_end(buffer)?;
    Ok(read < missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_behind_lines_and_within_bounds() {
        assert_eq!(end(b"", true), None);
        assert_eq!(end(b"a\nb", false), Some(2));
        assert_eq!(end(b"a\nb", true), Some(3));
        assert_eq!(end(b"ab", false), None);
        let long = vec![b'x'; CHUNK_BYTES_MAX + 10];
        assert_eq!(end(&long, false), Some(CHUNK_BYTES_MAX));
        let many = b"\n".repeat(CHUNK_LINES_MAX + 10);
        assert_eq!(end(&many, true), Some(CHUNK_LINES_MAX));
    }
}
