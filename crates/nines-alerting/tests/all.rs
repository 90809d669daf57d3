//! The one integration-test binary of this crate.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

#[path = "all/machine.rs"]
mod machine;
#[path = "all/messages.rs"]
mod messages;
#[path = "all/scene.rs"]
mod scene;
