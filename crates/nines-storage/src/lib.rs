//! Where telemetry rests: rows in memory, sealed Parquet segments, and the catalog that says which segments exist.
//!
//! Words introduced here
//! - **Hot rows**: in memory, already durable in the journal. They live in **chunks**: Arrow record batches of
//!   at most 16 384 rows.
//! - **Segment**: one sorted Parquet file of one dataset. Immutable.
//! - **Seal**: hot rows become a segment. **Compact**: small segments become a larger one. **Retain**: old segments go.
//! - **Catalog**: `catalog.db`, the only truth about which segments exist and up to which sequence number each
//!   dataset is sealed.
//!
//! Promises
//! - A row that was appended is in every later [`Snapshot`] of its dataset exactly once, whether hot, being sealed,
//!   sealed or compacted, until retention removes its segment.
//! - After a crash at any point, catalog and journal together hold every acknowledged row exactly once: replay skips
//!   what the catalog says is sealed, and files that the catalog does not know are removed.
//! - Column types are the same hot and cold, for the life of a dataset. A value that does not fit its column is kept
//!   in `overflow`; nothing is dropped.
//! - Removal for age or for the disk budget is bounded, and a stricter policy that would cost much is refused until it is
//!   confirmed ([`Limits`], [`Notice`]). What is on legal hold stays.
//! - With an object store ([`RemoteConfig`]) the disk budget costs no data: files that are there leave, and are fetched back.
//! - A damaged segment is named in [`Snapshot::damaged`], never silently skipped. Reading a part of one through
//!   [`SegmentFile::read`] finds the damage before a wrong answer is made of it.
//!
//! Arrow types: `timestamp` is `Timestamp(ns, "UTC")`, not null; strings and JSON text are `Utf8View`, bytes are
//! `BinaryView`, the rest `Int64`, `Float64`, `Boolean`, nullable. Views rather than dictionaries because the query engine
//! reads Parquet strings as views anyway, compares short ones without leaving the 16 bytes, and needs no
//! casts between a hot batch's dictionary and a cold one's; repeated long strings share their bytes inside a chunk, and
//! Parquet does its own dictionary encoding on disk.
//!
//! The format of segments and of the catalog is described in `docs/formats/segment.md`, that of journal payloads in
//! `docs/formats/batch.md`.

mod ballast;
mod blocks;
mod catalog;
mod column;
mod error;
pub mod format;
pub mod index;
mod inventory;
mod limits;
mod maintain;
mod memtable;
mod merge;
mod overflow;
mod remote;
mod repetition;
mod schema;
mod segment;
mod snapshot;
mod store;

pub use ballast::BALLAST_BYTES;
pub use blocks::{BLOCK_BYTES, BlockChecksums};
pub use error::StoreError;
pub use inventory::{Inventory, inventory};
pub use limits::{Limit, Limits, Notice};
pub use maintain::{MaintenanceReport, OffloadReport};
pub use remote::{RemoteConfig, RemoteStats, UNDELETE};
pub use schema::{COLUMNS_MAX, Column, arrow_type};
pub use segment::read_segment;
pub use snapshot::{DamagedSegment, SegmentFile, Snapshot};
pub use store::{DatasetStats, Store, StoreConfig, StoreRecovery, StoreStats};
