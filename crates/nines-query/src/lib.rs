//! Questions over hot and cold telemetry: SQL, and the filter language lowered to the same plans.
//!
//! The only crate that knows DataFusion. It reads [`nines_storage::Store`] and changes nothing.
//!
//! Words introduced here
//! - **Engine**: runs questions on threads of its own, within bounds of memory, time and number.
//! - **Question**: one call on the engine. It sees one snapshot per dataset, taken when it starts.
//! - **Lowering**: turning a [`nines_filter::Filter`] into a DataFusion expression. A row is selected exactly if
//!   `Filter::matches` is true of the event it was made from; a property test holds us to it.
//! - **Sketch**: how `quantile` counts, see [`sketch`].
//!
//! How values become JSON: times are RFC 3339 in UTC, integers are numbers even beyond 2^53, NaN and the infinities are
//! null, bytes are base64.
//!
//! Nothing here can write: statements that change things are refused by their kind, tables cannot be made from files or
//! addresses, and nothing spills to disk.

mod cooperate;
mod engine;
mod error;
mod facets;
mod functions;
mod histogram;
mod lower;
mod overflow;
mod render;
mod rows;
mod scan;
mod search;
mod services;
pub mod sketch;
mod sql;
mod stats;
mod suggest;
mod table;
mod trace;

pub use engine::{Engine, EngineConfig, Limits};
pub use error::QueryError;
pub use facets::{Facet, FacetsRequest, FacetsResult};
pub use histogram::{
    BUCKETS_MAX, CountBucket, HistogramRequest, HistogramResult, SPLIT_VALUES_MAX, Series, SeriesOf,
};
pub use scan::ScanRequest;
pub use search::{Order, PAGE_DEFAULT, PAGE_MAX, SearchRequest, SearchResult};
pub use services::{OPERATIONS_MAX, OperationSummary, OperationsResult};
pub use sketch::RELATIVE_ERROR;
pub use sql::{Column, ROWS_DEFAULT, ROWS_MAX, SQL_BYTES_MAX, SqlRequest, SqlResult};
pub use stats::QueryStats;
pub use suggest::{SuggestRequest, Suggestion, SuggestionKind, Suggestions};
pub use trace::{TRACE_ROWS_MAX, TraceResult};
