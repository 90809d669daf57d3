//! Rule files as a whole: packs as they are published, groups over a store, unit tests, and upstream's own `promtool`
//! beside them where it is installed.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

mod evaluation;
mod hostile;
mod packs;
mod peer;
mod units;

use std::path::PathBuf;

/// Where the data lies that all parts of the project test with, if it is here.
fn shared() -> PathBuf {
    std::env::var_os("NINES_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}
