//! Tests of the crate as its users see it.

#[path = "promql/conformance.rs"]
mod conformance;
