//! The one integration-test binary of this crate.

#[path = "all/memory.rs"]
mod memory;
