//! Prometheus rule files: recording rules, alerting rules, their templates, their state and their unit tests.
//!
//! Words introduced here
//! - **Rule**: an expression that is evaluated again and again; a recording rule writes its result as series, an
//!   alerting rule makes an **alert** of each label set in it.
//! - **Group**: rules that are evaluated one after the other at the same instants.
//! - **Slot**: an instant at which a group is evaluated; its **place** in the interval never changes.
//! - **Notice**: an alert as those who page people hear of it.
//!
//! Where to start: [`document::parse`] reads files, [`Evaluator`] runs groups, [`alert`] is the state machine,
//! [`template`] the language of labels and annotations, [`testing`] what `promtool test rules` does.
//!
//! Promises
//! - Files, evaluation, series and texts are upstream's (version 3). Better than upstream: alerts survive any downtime
//!   ([`format`]), not an hour of it.
//! - A rule that fails leaves the others alone, keeps its alerts and ends no series.
//! - Pure but for the [`RuleStore`] that it reads and writes: time is an argument, nothing is sent from here.

pub mod alert;
pub mod document;
mod evaluator;
pub mod format;
mod group;
mod memory;
pub mod schedule;
pub mod template;
pub mod testing;

pub use evaluator::{Evaluator, GroupKey, GroupStatus, Ran, RuleStatus};
pub use group::{
    Context, GroupState, Health, Notice, RuleError, RuleState, RuleStore, StoreError, evaluate, notices,
};
pub use memory::MemoryStore;
