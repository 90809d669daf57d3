//! Metrics as the node has them: questions to the series store in PromQL, by the HTTP API of Prometheus, and OTLP metrics
//! as series.
//!
//! # Where to start
//! - [`Questions::answer`] takes a request of Prometheus' HTTP API ([`Endpoint`], [`Parameters`]) and gives what Prometheus
//!   would: status and JSON, to the letter.
//! - [`statsd::Aggregator`] adds lines of StatsD up to series.
//! - [`SeriesRules`] is what rules of Prometheus read and write when they are evaluated over the store.
//! - [`Translator::translate`] makes of rows of the dataset `metrics` the series that Prometheus' own OTLP endpoint would
//!   make of the same points.
//!
//! # Promises
//! - Pure but for the store: no IO of its own, no clock but the one that it is given, no async. Everything here computes,
//!   so a caller goes through a blocking thread and says with a [`nines_promql::Control`] when nobody waits any more.
//! - Memory of a question is bounded by [`QuestionLimits`]; that of the translator by [`otlp::DELTA_SERIES_MAX`].
//! - What is damaged in the store and therefore missing from an answer is a warning in it.

mod api;
mod encode;
pub mod otlp;
mod parameters;
mod questions;
mod rules;
mod source;
pub mod statsd;
mod tree;

pub use api::{Answered, Endpoint};
pub use otlp::{Translated, TranslatedStats, Translator};
pub use parameters::Parameters;
pub use questions::{About, Around, QuestionLimits, Questions};
pub use rules::SeriesRules;
pub use source::StoreSource;
