//! One binary for the integration tests of the crate.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

#[path = "slo/budgets.rs"]
mod budgets;
#[path = "slo/documents.rs"]
mod documents;
#[path = "slo/evidence.rs"]
mod evidence;
#[path = "slo/readings.rs"]
mod readings;
#[path = "slo/references.rs"]
mod references;
#[path = "slo/replay.rs"]
mod replay;
#[path = "slo/rings.rs"]
mod rings;
#[path = "slo/stream.rs"]
mod stream;
