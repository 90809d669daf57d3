//! One binary for the integration tests of the crate.

#[path = "slo/documents.rs"]
mod documents;
