//! Which file it is, by what is in it: names change when files are rotated, and numbers of inodes are given again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of the start of a file that tell it from others. Log files begin with a time or a directive.
pub(crate) const HEAD_BYTES: usize = 4096;

/// The start of a file, as far as it was there when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub bytes: usize,
    /// Hex.
    pub hash: String,
}

impl Head {
    /// Of the first bytes of a file, of which there may be more than are looked at.
    pub fn of(start: &[u8]) -> Self {
        let bytes = start.len().min(HEAD_BYTES);
        Self { bytes, hash: digest(&start[..bytes]) }
    }

    /// Whether a file that begins with `start` is this one, maybe grown.
    pub fn fits(&self, start: &[u8]) -> bool {
        start.get(..self.bytes).is_some_and(|start| digest(start) == self.hash)
    }
}

/// The end of a piece of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    pub bytes: usize,
    /// Hex.
    pub hash: String,
}

impl Tail {
    pub fn of(piece: &[u8]) -> Self {
        let bytes = piece.len().min(HEAD_BYTES);
        Self { bytes, hash: digest(&piece[piece.len() - bytes..]) }
    }

    pub fn is_end_of(&self, piece: &[u8]) -> bool {
        piece.len() >= self.bytes && digest(&piece[piece.len() - self.bytes..]) == self.hash
    }
}

/// Half of SHA-256 in hex: nobody attacks one's own log files, and 128 bits do not meet by chance.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
