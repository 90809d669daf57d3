//! The one integration-test binary of this crate.

#[path = "all/channels.rs"]
mod channels;
#[path = "all/crashes.rs"]
mod crashes;
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
