//! The store of metric series: samples come in, are durable, can be selected by their labels.
//!
//! Words introduced here
//! - **Series**: the samples of one label set. The label set is its identity; nothing else names it outside of this crate.
//! - **Head**: what is in memory: the index of active series and their newest samples, compressed.
//! - **Segment**: an immutable file of sealed samples of one span of time (its *partition*).
//! - **Seal**: write what the head holds into segments, then cut the journal behind it.
//! - **Window**: how far behind the newest sample of its series a sample may still come.
//!
//! Promises
//! - A write that resolves to `Ok` is fsynced in the journal *and* visible to every later selection.
//! - Of two samples of one series at one time the one whose write was journalled later counts, wherever they lie; a
//!   selection never returns two. Sending again what was sent before changes nothing.
//! - What was acknowledged survives a crash at any point, including in the middle of a seal, a merge or a cut.
//! - Damage loses only the record, block or segment that it is in, and names it.
//! - Exemplars live as long as the samples that they came with: at least one of each series and minute that had any, within
//!   [`SEGMENT_EXEMPLARS_MAX`].
//! - Memory is bounded: by the budgets of series, by [`StoreConfig::head_bytes_max`], by the limits of requests and
//!   selections. A series that a budget refuses leaves no trace; those that exist flow on.
//!
//! The way of a sample: [`decode`] → [`SeriesStore::write`] (resolve, journal, fsync, append) → [`SeriesStore::seal`] →
//! [`SeriesStore::compact`] → [`SeriesStore::select`]. Everything here blocks or computes; an async caller goes through
//! `spawn_blocking`, but may await a [`PendingWrite`].
//!
//! The bytes are described in `docs/formats/series.md`, the choice of them in `docs/decisions/0010-series-store.md`.

mod codec;
pub mod decode;
mod error;
mod exemplars;
mod head;
mod join;
mod matcher;
mod model;
mod postings;
mod record;
mod request;
mod segment;
mod select;
mod selected;
mod store;
mod thin;

pub use codec::cursor::Damaged;
pub use error::{BudgetExceeded, Reason, Rejection, SeriesError};
pub use exemplars::{EXEMPLAR_SLOT_MS, SEGMENT_EXEMPLARS_MAX};
pub use head::index::Budgets;
pub use matcher::{MatchOp, Matcher};
pub use model::{
    CUSTOM_BUCKETS_SCHEMA, Counts, Exemplar, Histogram, HistogramFault, Labels, METRIC_NAME, Metadata,
    MetricType, ResetHint, STALE_NAN_BITS, Sample, Span, is_stale,
};
pub use request::{RawLabel, RawMetadata, WriteRequest};
pub use segment::{FILE_EXTENSION as SEGMENT_EXTENSION, check_file as check_segment};
pub use select::{Cardinality, EXEMPLARS_ANSWERED_MAX, ExemplarSelection, LabelCount, Select};
pub use selected::{DamagedPart, Reader, Selected, Selection, SeriesData, SeriesSlices};
pub use store::{
    CompactReport, PendingWrite, RefusedMetric, RetentionPlan, SealReport, SeriesRecovery, SeriesStats,
    SeriesStore, StoreConfig, WriteOutcome,
};
