//! What can be wrong with what other protocols than OTLP bring, and what they all share.

use nines_base::ErrorKind;
use nines_base::decompress::DecompressError;

use crate::json::JsonError;
use crate::rows::{MAX_FIELDS_PER_ROW, MAX_NAME_BYTES, MAX_ROWS_PER_REQUEST};

/// Why a request, or one record of it, cannot be kept. Sending it again will not help.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error("{0}")]
    Json(#[from] JsonError),
    #[error("record {record}: {source}")]
    Record {
        /// Counted from 1, as people count lines.
        record: usize,
        source: Box<IntakeError>,
    },
    #[error("a record has more than {MAX_FIELDS_PER_ROW} fields: send fewer, or the rest as one JSON array")]
    TooManyFields,
    #[error("a field name has {bytes} bytes: {MAX_NAME_BYTES} are the most")]
    NameTooLong { bytes: usize },
    #[error("request has more than {MAX_ROWS_PER_REQUEST} records: send smaller batches")]
    TooManyRows,
    #[error("text is not valid UTF-8 at byte {at}")]
    Utf8 { at: usize },
    #[error("`{what}` is missing: {hint}")]
    Missing { what: &'static str, hint: &'static str },
    #[error("`{what}` is {found}: {hint}")]
    Wrong { what: &'static str, found: String, hint: &'static str },
    #[error("protobuf message ends in the middle of a field at byte {at}")]
    Truncated { at: usize },
    #[error("protobuf field at byte {at} is not what a push request has there")]
    Protobuf { at: usize },
    #[error("{0}")]
    Compressed(#[from] DecompressError),
}

/// The longest piece of a sender's own text that an error repeats.
const SHOWN_CHARS_MAX: usize = 60;

impl IntakeError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooManyRows => ErrorKind::TooLarge,
            Self::Compressed(error) => error.kind(),
            Self::Record { source, .. } => source.kind(),
            _ => ErrorKind::InvalidInput,
        }
    }

    pub fn in_record(self, index: usize) -> Self {
        match self {
            // These are about the request.
            Self::TooManyRows | Self::Record { .. } => self,
            source => Self::Record { record: index + 1, source: Box::new(source) },
        }
    }

    pub(crate) fn wrong(what: &'static str, found: &str, hint: &'static str) -> Self {
        let mut shown: String = found.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < found.len() {
            shown.push('…');
        }
        Self::Wrong { what, found: format!("`{shown}`"), hint }
    }
}

/// The body as text.
pub(crate) fn text(body: &[u8]) -> Result<&str, IntakeError> {
    std::str::from_utf8(body).map_err(|error| IntakeError::Utf8 { at: error.valid_up_to() })
}

/// Lines without their ends (`\n` or `\r\n`), blank ones left out.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest.as_bytes());
            let (line, after) = match end {
                Some(end) => (&rest[..end], &rest[end + 1..]),
                None => (rest, ""),
            };
            rest = after;
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
        None
    })
}
