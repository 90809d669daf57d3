//! A node as users meet it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

mod access;
mod backups;
mod durability;
mod explore;
mod guides;
mod malformed;
mod reports;
mod sdks;
mod stories;
