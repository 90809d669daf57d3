//! Dashboards as documents.
//!
//! Words
//! - **Dashboard**: panels on a grid of 24 columns, with variables and a time ([`Dashboard`]).
//! - **Panel**: queries and the view that shows what they answer ([`Panel`]). A **row** is a panel that is a heading; it
//!   holds what stands below it until the next row.
//! - **Variable**: a word that queries use as `$name`, which whoever looks chooses ([`Variable`]).
//! - **Report**: what became of each panel of another system's dashboard ([`Import`]).
//!
//! Promises
//! - Pure but for the [`DashboardStore`]: no query is run, and none is parsed.
//! - What is written reads back as the same dashboard, as YAML and as JSON ([`yaml`], [`json`], [`parse`]).
//! - Everything is bounded: see the constants of [`model`].
//! - Nothing of an imported dashboard goes missing silently: what is left out or taken for something else is named.

pub mod contract;
pub mod grafana;
pub mod memory;
pub mod model;
pub mod perses;
mod read;
mod report;
mod service;
mod store;
mod write;

pub use model::{
    Calculation, Cell, Dashboard, Legend, Link, Override, Panel, Query, Source, Threshold, Tone, UNITS,
    Variable, VariableKind, View,
};
pub use read::{Parsed, parse};
pub use report::{Import, ImportError, Outcome, PanelReport};
pub use service::{ServiceFacts, of_service};
pub use store::{
    DASHBOARDS_MAX, DashboardError, DashboardStore, Expected, Put, Revision, Stored, Summary, VERSIONS_KEPT,
    decode, encode,
};
pub use write::{document, json, yaml};

/// As written under `kind:`.
pub const KIND: &str = "Dashboard";
