//! What there is, whose it is, and whether it keeps to the rules.
//!
//! Words introduced here
//! - **Resource**: one thing of a provider, such as a bucket, with its tags and its attributes as a tree ([`Resource`]).
//! - **Listing**: what a provider answered when it was asked for every thing of one kind ([`Listing`]). Only a complete
//!   one can say that something is gone.
//! - **Standard**: a rule as data: which kinds it applies to, what must hold, why, and how to mend it ([`Standard`]).
//! - **Verdict**: what a standard says of a resource: passed, failed, or unknown with the reason ([`Verdict`]).
//! - **Waiver**: a failure that somebody answers for until a day ([`Waiver`]).
//! - **Score**: passed of all that was judged, waived apart ([`Tally::score`]).
//!
//! Promises
//! - What is not known is never called compliant: an attribute that nobody collected makes a verdict unknown, and unknown
//!   lowers the score as a failure does.
//! - A condition always has an answer, whatever the attributes are; it costs time in proportion to what it looks at.
//! - Pure but for the [`Repository`]: nothing here calls a provider.

pub mod builtin;
mod condition;
mod error;
pub mod format;
mod import;
mod listing;
pub mod memory;
mod report;
mod resource;
mod service;
mod shape;
mod standard;
mod waiver;

pub use condition::{Condition, Finding, Truth};
pub use error::InventoryError;
pub use import::{Defaults, Imported, read};
pub use listing::{Change, Listing, ListingState, Merged, Seen, merge};
pub use report::{Day, Report, Tally, Verdict, Verdicts};
pub use resource::{OWNER_TAGS, Resource, ResourceKey};
pub use service::{
    By, DAYS_MAX, Inventory, NewWaiver, Query, RESOURCES_MAX, Repository, STANDARDS_MAX, Stored, WAIVERS_MAX,
};
pub use shape::shaped;
pub use standard::{Severity, Standard, parse};
pub use waiver::{Scope, WAIVER_DAYS_MAX, Waiver, WaiverState};
