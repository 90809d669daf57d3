//! Remote write: decompressed protobuf bytes in, a [`WriteRequest`] that borrows from them out.
//!
//! The walk is written by hand: it allocates for the request, never for a series, and looks at every byte once. Strings
//! stay bytes here; they are checked when a label set is seen for the first time, because one that equals a known series
//! was checked before.
//!
//! Bytes that are not the message at all are an error of the whole request. A series that is wrong in itself is put aside
//! with its reason, and the rest goes on, as remote write asks.

mod v1;
mod v2;
mod wire;

pub use v1::decode_v1;
pub use v2::decode_v2;

use nines_base::ErrorKind;

/// The body is not the message that its content type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("remote write body ends inside {field} at byte {offset}: send the whole message")]
    Truncated { field: &'static str, offset: usize },
    #[error("remote write body has a number of more than 64 bits in {field} at byte {offset}")]
    Varint { field: &'static str, offset: usize },
    #[error(
        "remote write body has wire type {found} for {field} at byte {offset}: check that the content type names the version that is sent"
    )]
    WireType { field: &'static str, found: u8, offset: usize },
    #[error("remote write body has {what} above {limit}: send smaller requests")]
    TooMany { what: &'static str, limit: usize },
    #[error("remote write 2.0 symbols do not start with the empty string")]
    FirstSymbol,
}

impl DecodeError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooMany { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::InvalidInput,
        }
    }
}
