//! Traces, and what they say of services: where a request spent its time, which endpoint hurts, who calls whom, which
//! errors there are, and whether a new version is worse than the one before.
//!
//! Words introduced here
//! - **Entry**: a span with which a request enters a service: kind `server` or `consumer`, or a root of any kind.
//! - **Endpoint**: the entries of one service under one span name.
//! - **Impact**: the time that callers spent waiting for an endpoint, all durations together.
//! - **Critical path**: for each instant of a trace the one span that the trace was waiting for.
//! - **Error group**: occurrences of what is very likely one defect, told by its [`Fingerprint`](errors::Fingerprint).
//! - **Side**: one of two sets of requests that are compared, the *baseline* or the *candidate*.
//!
//! What can be computed without reading is pure and takes plain values: [`trace`], [`stats`], [`errors`], the tallies.
//! [`Apm`] reads: each of its questions is one or two scans of `spans` (and `logs`) that fold into a tally.
//!
//! Promises
//! - Quantiles come from [`nines_query::sketch`] and sums are integers, so no figure depends on the order of the rows.
//! - Every tally is bounded by a named constant; what it left out is said in its answer.
//! - "Worse" and "better" are said only where an interval excludes "the same" with 95 % confidence for all of the table
//!   together; with too few requests the verdict is [`Verdict::TooFew`](compare::Verdict), never a guess.
//!
//! Attributes are read from their columns. A value that lies in the overflow column (because the dataset has a thousand
//! columns, or the name holds another type there) is not seen.

mod apm;
mod columns;
pub mod compare;
pub mod entries;
pub mod errors;
mod figures;
pub mod map;
pub mod stats;
pub mod trace;

pub use apm::{Apm, Scope, TRACES_MAX};
pub use figures::{Figures, Grid, Point};
