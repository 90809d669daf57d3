//! OTLP decoding, against hand-made messages and against the types generated from the `.proto` files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod equivalence;
mod golden;
mod json_rules;
mod limits;
mod malformed;
mod responses;
mod support;
