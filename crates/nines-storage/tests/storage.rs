//! The promises of the store: one binary, a module per promise.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "storage/batches.rs"]
mod batches;
#[path = "storage/blocks.rs"]
mod blocks;
#[path = "storage/columns.rs"]
mod columns;
#[path = "storage/damage.rs"]
mod damage;
#[path = "storage/format.rs"]
mod format;
#[path = "storage/index.rs"]
mod index;
#[path = "storage/lifecycle.rs"]
mod lifecycle;
#[path = "storage/limits.rs"]
mod limits;
#[path = "storage/remote.rs"]
mod remote;
#[path = "storage/retention.rs"]
mod retention;
