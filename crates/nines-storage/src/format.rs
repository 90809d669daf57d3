//! The journal payload: one [`Batch`] as bytes. Written once per request and read only at recovery, so it is made
//! to be cheap to write: the columns go out as they lie in memory.
//!
//! Version 2, described byte by byte in `docs/formats/batch.md`. A sample of each version is kept in `tests/formats/`.
//! Version 1 wrote field by field; it was never released and is refused by name.

mod read;
mod write;

use nines_model::Dataset;

pub use read::decode_batch;
pub use write::encode_batch;

const VERSION: u8 = 2;

/// Types of values, on disk: never reuse one.
mod tag {
    pub const STR: u8 = 0;
    pub const INT: u8 = 1;
    pub const FLOAT: u8 = 2;
    pub const BOOL: u8 = 3;
    pub const BYTES: u8 = 5;
    pub const JSON: u8 = 6;
}

/// Forms of presence, on disk.
mod presence {
    pub const RUN: u8 = 0;
    pub const LIST: u8 = 1;
    pub const MASK: u8 = 2;
}

/// The bytes are not a batch. Since the journal checks its checksums first, this is a defect or another version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    #[error(
        "batch has format version {0}, this build reads version {VERSION}: {hint}",
        hint = version_hint(*.0)
    )]
    Version(u8),
    #[error("batch is malformed at byte {at}: {what}")]
    Malformed { at: usize, what: &'static str },
}

fn version_hint(version: u8) -> &'static str {
    if version < VERSION {
        "stop the older nines in the ordinary way, which empties its journal, then start this one"
    } else {
        "use a newer nines"
    }
}

/// Numbers on disk: never reuse one.
fn dataset_code(dataset: Dataset) -> u8 {
    match dataset {
        Dataset::Logs => 1,
        Dataset::Spans => 2,
        Dataset::Metrics => 3,
        Dataset::Probes => 4,
        Dataset::Beacons => 5,
        Dataset::Changes => 6,
    }
}
