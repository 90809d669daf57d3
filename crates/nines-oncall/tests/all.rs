//! What the crate promises, from outside.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

#[path = "all/escalation.rs"]
mod escalation;
#[path = "all/noise.rs"]
mod noise;
#[path = "all/oracle.rs"]
mod oracle;
#[path = "all/random.rs"]
mod random;
#[path = "all/schedules.rs"]
mod schedules;
