//! Probes and heartbeats: services looked at from outside, and jobs that say of themselves that they ran.
//!
//! Words introduced here
//! - **Probe**: a declared check of one target ([`Probe`]): HTTP, TCP, TLS, DNS, ICMP or gRPC health, at an interval, from
//!   one or more locations.
//! - **Runner**: whoever carries checks out at one location: the node itself (`local`), or `nines probe --join` elsewhere.
//! - **Measurement**: what one run of a check saw ([`Measurement`]): outcome, phases, facts, assertions.
//! - **Self-check**: what a runner does when a check fails, before it blames the target: it looks at references that are
//!   known to be good ([`self_check`]). A runner that reaches none of them is *at fault*.
//! - **Verdict**: up, degraded, down or unknown, from the measurements of all locations by quorum ([`Watch`]).
//! - **Heartbeat**: a dead man's switch ([`Heartbeat`]): a job pings, and silence raises the alert.
//!
//! Promises
//! - The verdict is pure: times and measurements in, standing out. It equals a count over the whole history, by test.
//! - What a runner that is at fault, cut off or not permitted saw never makes a target down.
//! - A check reaches only addresses that the egress policy allows, and dials the address that was checked.
//! - Documents hold no secrets: a header's secret is the name of a variable in the runner's environment.
//! - Everything that a target answers is read within named bounds.

pub mod check;
mod cron;
mod document;
mod heartbeat;
mod measurement;
mod probe;
mod runner;
mod schedule;
pub mod self_check;
mod verdict;

pub use cron::{Cron, CronError};
pub use document::{HEARTBEAT_KIND, KINDS, PROBE_KIND, Parsed, parse};
pub use heartbeat::{Heartbeat, HeartbeatPeriod, HeartbeatStanding, HeartbeatState, PingKind};
pub use measurement::{Assertion, CertificateFacts, Facts, FailureKind, Measurement, Outcome, Phases};
pub use probe::*;
pub use runner::{Runner, RunnerParts, Taken, Taker};
pub use schedule::Schedule;
pub use verdict::{LocationStanding, LocationView, Standing, Thresholds, Verdict, Watch};
