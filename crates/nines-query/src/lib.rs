//! Questions over hot and cold telemetry: SQL here, everything else by [`nines_scan`].
//!
//! The only crate that knows DataFusion. It reads [`nines_storage::Store`] and changes nothing.
//!
//! Words introduced here
//! - **Engine**: runs queries on threads of its own, within bounds of memory, time and number, and hands
//!   other questions to its scanner. One type, one error, for whoever asks.
//! - **Query**: one SQL text while it is answered. It sees one snapshot per dataset, taken when it starts.
//!
//! How values become JSON: see [`nines_scan`].
//!
//! Nothing here can write: statements that change things are refused by their kind, tables cannot be made from files or
//! addresses, and nothing spills to disk.

mod accesses;
mod cooperate;
mod engine;
mod error;
mod functions;
mod lines;
mod questions;
mod segments;
mod shape;
mod sql;
mod stats;
mod table;

pub use accesses::AccessLine;
pub use engine::{Engine, EngineConfig};
pub use error::QueryError;
pub use lines::LogLine;
pub use nines_scan::{
    BUCKETS_MAX, CountBucket, Facet, FacetsRequest, FacetsResult, HistogramRequest, HistogramResult, Limits,
    OPERATIONS_MAX, OperationSummary, OperationsResult, Order, PAGE_DEFAULT, PAGE_MAX, QueryStats,
    RELATIVE_ERROR, SPLIT_VALUES_MAX, ScanRequest, SearchRequest, SearchResult, Series, SeriesOf,
    SuggestRequest, Suggestion, SuggestionKind, Suggestions, TRACE_ROWS_MAX, TraceResult, sketch,
};
pub use sql::{Column, ROWS_DEFAULT, ROWS_MAX, SQL_BYTES_MAX, SqlRequest, SqlResult};
