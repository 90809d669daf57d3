//! The promises of ingest. The disk is simulated; the catalog is SQLite in a real folder.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "ingest/crashes.rs"]
mod crashes;
#[path = "ingest/cuts.rs"]
mod cuts;
#[path = "ingest/everything.rs"]
mod everything;
#[path = "ingest/full.rs"]
mod full;
#[path = "ingest/limits.rs"]
mod limits;
#[path = "ingest/node.rs"]
mod node;
#[path = "ingest/tenants.rs"]
mod tenants;
