//! Questions that need no planner: search, histograms, facets, suggestions, traces, summaries and counts.
//!
//! It reads [`nines_storage::Store`] and changes nothing. SQL is `nines-query`'s.
//!
//! Words introduced here
//! - **Scanner**: runs questions on threads of its own, within bounds of time and number.
//! - **Question**: one call on the scanner. It sees one snapshot per dataset, taken when it starts.
//! - **Part**: what is read at a time: a chunk of hot rows, or one row group of a segment.
//! - **Selection**: the rows of a part that a filter and a time range choose, a bit per row.
//! - **Sketch**: how quantiles are counted, see [`sketch`].
//!
//! How a question is answered
//! 1. What a footer tells (statistics, bloom filters) settles the filter for a part, wholly or in part; what is left is
//!    asked of the rows.
//! 2. Columns that are cheap to read are tested first, long texts only for the rows that are left.
//! 3. Only the columns that the answer shows are read, for the selected rows alone.
//!
//! Promises
//! - A row is selected exactly if `Filter::matches` is true of the event that it was made from, hot or stored; a
//!   property test holds us to it.
//! - Pages of a search neither repeat nor lose rows while rows become segments.
//! - A question that is dropped stops within one row group.
//! - What is missing, because a segment is damaged, is said in [`QueryStats::partial`].
//!
//! Memory: per thread one batch of 16 384 rows of what is read and one page per column, and what the answer holds, whose
//! bounds are named beside each question; for all questions together the footers, pages, rows, selections and tallies that
//! are kept, each with its bound.
//!
//! How values become JSON: times are RFC 3339 in UTC, integers are numbers even beyond 2^53, NaN and the infinities are
//! null, bytes are base64.

mod buckets;
mod cache;
mod coded;
mod counts;
mod cursor;
mod error;
mod evaluate;
mod facets;
mod facts;
mod histogram;
mod objects;
mod overflow;
mod pages;
mod part;
mod predicate;
mod question;
mod render;
mod rows;
mod scan;
mod scanner;
mod search;
mod segment;
mod select;
mod services;
pub mod sketch;
mod stats;
mod suggest;
mod tally;
mod trace;

pub use error::ScanError;
pub use facets::{Facet, FacetsRequest, FacetsResult};
pub use histogram::{
    BUCKETS_MAX, CountBucket, HistogramRequest, HistogramResult, SPLIT_VALUES_MAX, Series, SeriesOf,
};
pub use render::{cell, kind_of};
pub use scan::ScanRequest;
pub use scanner::{Asked, FieldInfo, Limits, Scanner, ScannerConfig};
pub use search::{Order, PAGE_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX, SearchRequest, SearchResult};
pub use services::{OPERATIONS_MAX, OperationSummary, OperationsResult};
pub use sketch::RELATIVE_ERROR;
pub use stats::QueryStats;
pub use suggest::{SuggestRequest, Suggestion, SuggestionKind, Suggestions};
pub use trace::{TRACE_ROWS_MAX, TraceResult};
