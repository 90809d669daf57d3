//! The one integration-test binary of this crate.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

#[path = "all/channels.rs"]
mod channels;
#[path = "all/crashes.rs"]
mod crashes;
#[path = "all/dialects.rs"]
mod dialects;
#[path = "all/email.rs"]
mod email;
#[path = "all/lanes.rs"]
mod lanes;
#[path = "all/memory.rs"]
mod memory;
#[path = "all/outage.rs"]
mod outage;
#[path = "all/plan.rs"]
mod plan;
#[path = "all/provider.rs"]
mod provider;
