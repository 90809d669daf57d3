//! Patterns end to end.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]
mod foreign;
mod loghub;
mod properties;
