//! The one integration-test binary of this crate.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

#[path = "all/corpus.rs"]
mod corpus;
#[path = "all/limits.rs"]
mod limits;
#[path = "all/ssrf.rs"]
mod ssrf;
