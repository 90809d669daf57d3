//! The store as its callers see it, on a disk that forgets what was not synced.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

mod cardinality;
mod crash;
mod damage;
mod decode;
mod exemplars;
mod harness;
mod model;
mod store;
