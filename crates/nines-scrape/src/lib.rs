//! Scraping, as Prometheus does it: targets are found, fetched in their rhythm, read, relabelled and handed on.
//!
//! Words introduced here
//! - **Job**: one entry of `scrape_configs`; upstream's API calls it a scrape pool.
//! - **Target**: an address of a job with its labels, after relabelling.
//! - **Exposition**: the body that a target answers with.
//! - **Report**: the samples that a scrape writes about itself: `up`, `scrape_duration_seconds` and the others.
//! - **Stale marker**: the sample that says that a series has ended.
//!
//! Where to start: [`config::parse`] reads the configuration, [`Scraper`] runs it and answers what the targets do,
//! [`exposition`] reads bodies, [`Session`] turns a body into a [`Batch`] and knows what must be marked stale.
//!
//! Promises
//! - Configurations, relabelling, limits and staleness are upstream's (version 3); what is known there and not done here
//!   is an error of the configuration that says so.
//! - HTTP goes out through [`nines_egress`], time comes from a clock, names are looked up through a trait.
//! - Secrets are read where they are used and are in no message, no status and no `Debug`.
//! - A target costs what its body does: bodies, labels, series per target and targets have limits.

pub mod config;
pub mod exposition;
pub mod relabel;

mod batch;
mod discovery;
mod error;
mod fetch;
mod labels;
mod md5;
mod scraper;
mod session;
mod target;
mod target_loop;
mod units;

pub use batch::{AppendError, Appended, Appender, Batch, Point, PointValue, request_of};
pub use discovery::{DnsError, GROUP_TARGETS_MAX, NameServers, Names, Record};
pub use error::ScrapeError;
pub use fetch::{Fetch, FetchRequest, Fetched, HttpFetch};
pub use labels::LabelSet;
pub use scraper::{JobStatus, Parts, Scraper, TargetStatus};
pub use session::{Outcome, Session, Tally};
pub use target::{Relabelled, Target, TargetError, relabel_target};
pub use target_loop::{Health, TargetMetadata, TargetState};
pub use units::{format_duration, parse_bytes, parse_duration};
