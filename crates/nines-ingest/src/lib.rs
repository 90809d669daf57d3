//! From decoded batches to durable, visible rows: limits, journal, publication, acknowledgement.
//!
//! Words introduced here
//! - **Submit**: hand over the batches of one request. It resolves when they are durable *and* visible, or refused.
//! - **Publisher**: the one thread that makes batches visible, in order of sequence number: first in the
//!   store, then to the observers.
//! - **Observer**: something that sees every batch while it flows, such as live SLIs.
//! - **Scrubber**: something that changes batches before anything is written: masking.
//! - **Source**: a service on a host, by whose stamps its clock is judged.
//! - **Cut**: a moment between two batches, at which a snapshot of the store and the stream of
//!   batches fit together without a gap or an overlap.
//!
//! Promises
//! - `Ok` means: fsynced, in every later snapshot, and seen by every observer.
//! - An error means: not acknowledged. The rows may still have been stored (a sync can fail after the bytes arrived), so
//!   a client that retries may store them twice; it never loses them.
//! - Dropping the future of a submit (the client went away) does not take the batches back.
//! - Memory is bounded: what is in flight by [`IngestConfig::inflight_bytes_max`], what is hot by the store's limit.

mod clocks;
mod error;
mod ingest;
mod publisher;
mod queue;
mod stats;
mod tenants;

pub use clocks::{AHEAD_MIN, BEHIND_MIN, Clocks, Differing, SOURCES_MAX, SourceClock, WINDOW};
pub use error::IngestError;
pub use ingest::{Ack, FAR_MIN, Ingest, IngestConfig, IngestRecovery};
pub use publisher::{Observer, Scrubber};
pub use stats::IngestStats;
pub use tenants::{
    Amounts, BURST, Charge, LimitKind, OverLimit, Scope, ScopeStats, StoredDataset, TENANTS_MAX, Tenant,
    TenantLimits, Tenants,
};
