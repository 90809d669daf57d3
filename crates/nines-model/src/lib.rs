//! The words that every other crate speaks: instants and ranges, values, wide events and the datasets that
//! they live in.
//!
//! Words introduced here
//! - **Event**: one row of telemetry that is not a series sample: a log record, a span, a metric point (until
//!   the series store exists), a probe result, a beacon, a change. It has a time, a shared [`Resource`] and
//!   its own fields.
//! - **Field**: a name and a typed [`Value`]. Names follow OpenTelemetry (`service.name`); the fixed ones are in
//!   [`field`].
//! - **Dataset**: the table that an event is stored in. Users see the same name in SQL.
//! - **Rows**: events by column, as they travel from decoder to disk: see [`rows`].
//! - **Batch**: events that arrived together, are made durable together and become visible together.
//!
//! Nothing here does IO, knows Arrow or is serialised: persisted and wire forms mirror these types elsewhere.

mod event;
pub mod field;
pub mod rows;
mod time;
mod value;

pub use event::{Batch, Dataset, Event, Resource};
pub use rows::{Column, RowRef, RowSet, Rows, RowsBuilder};
pub use smol_str::SmolStr;
pub use time::{ParseTimeError, TimeRange, Timestamp};
pub use value::{Name, Value, ValueRef, ValueType};
