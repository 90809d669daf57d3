//! PromQL: a parser, an evaluator over columns of samples, and upstream's conformance scripts.
//!
//! # Where to start
//!
//! [`Engine::instant`] and [`Engine::range`] answer a query from a [`Source`]. A store implements [`Source`]; it gets
//! label matchers and a time range and hands out series one after the other, as slices of times and values.
//!
//! # Words
//!
//! A **series** has labels and samples. A **sample** is a float or a native histogram at a millisecond. A **look** is an
//! instant at which a selector looks for samples: the step of the query, moved by `offset` or fixed by `@`. A **window**
//! is the range of a range selector that ends at a look, open at its begin.
//!
//! # Promises
//!
//! - The language is that of Prometheus 3.14 with everything that is experimental there: native histograms, `info`,
//!   `limitk`, duration expressions, `anchored` and `smoothed`, `fill`, start timestamps. [`conformance`] runs upstream's
//!   own scripts unchanged.
//! - A query reads each series that it selects once and keeps a row of one float per step for what it must keep. Rates,
//!   sums, averages, extremes and counts over ranges cost O(samples + steps) per series, whatever the range.
//! - Parsing refuses early what is too long or too deep; evaluation ends with an error when a budget is used up, the deadline
//!   has passed or the query was cancelled ([`Limits`], [`Control`]). Regular expressions run in linear time. No
//!   text and no data panics.
//! - Pure: no IO, no clock but the one in [`Control`], no storage, no Arrow.
//!
//! After upstream's `promql`, `promql/parser` and `model/histogram` of version 3.14; where a rule is not obvious the
//! code names the file it follows.

#![allow(clippy::needless_range_loop, reason = "a step is a place in several columns at once")]

mod annotations;
pub mod ast;
pub mod conformance;
mod display;
mod engine;
mod error;
mod eval;
pub mod functions;
pub mod histogram;
mod labels;
mod lexer;
mod matcher;
mod number;
mod parser;
mod row;
mod source;
mod value;

pub use annotations::Annotations;
pub use engine::{
    Control, Engine, LOOKBACK_MS, Limits, Options, POINTS_MAX, SAMPLES_MAX, SERIES_MAX, SUBQUERY_STEP_MS,
};
pub use error::{ParseError, QueryError};
pub use histogram::Histogram;
pub use labels::{Label, Labels, METRIC_NAME};
pub use lexer::{format_duration, parse_duration};
pub use matcher::{MatchOp, Matcher};
pub use number::{STALE_BITS, format_float, is_stale, stale_marker};
pub use parser::{HEIGHT_MAX, NESTING_MAX, QUERY_BYTES_MAX, parse, parse_selector};
pub use source::{
    HistogramPoint, Lent, MemorySource, Selection, SeriesData, SeriesReader, SeriesSet, SeriesView,
    SharedSeries, Source, SourceError,
};
pub use value::{Answer, Sample, SampleValue, Series, Stats, Value};
