//! Tests of the crate as its users see it.

#[path = "promql/bench.rs"]
mod bench;
#[path = "promql/conformance.rs"]
mod conformance;
#[path = "promql/generate.rs"]
mod generate;
#[path = "promql/peer.rs"]
mod peer;
#[path = "promql/robust.rs"]
mod robust;
