//! Files on a real disk, and a node that does as it is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod import;
mod support;
mod tail;
