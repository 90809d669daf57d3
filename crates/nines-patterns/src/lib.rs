//! Log patterns: which statement of a program wrote a line, found from the lines alone, while they stream by.
//!
//! ```
//! use nines_patterns::{Config, Miner};
//!
//! let mut miner = Miner::new(Config::default());
//! let first = miner.learn("Connection from 10.0.0.7 closed after 12 ms");
//! let second = miner.learn("2024-05-01 12:30:01 INFO net.Server: Connection from 10.9.8.7 closed after 3 s");
//! assert_eq!(first, second);
//! assert_eq!(miner.template(first).unwrap().to_string(), "Connection from <ip> closed after <duration>");
//! ```
//!
//! Words introduced here
//! - **Shape**: a line after its header was left out and everything that looks like a value became a variable.
//!   Lines of one shape are recognised with one look-up.
//! - **Pattern**: one shape, or several that differ in words which proved to be variables (`user alice`, `user bob`, …).
//! - **Template**: the text of a pattern, constant words and the kinds of its variables.
//! - **Alias**: the id of a pattern that became part of a more general one; [`Miner::resolve`] leads to that.
//! - **Surge**: more lines of a pattern than its own past explains.
//!
//! Promises
//! - One pass, one configuration for all programs, nothing to train. The order of the lines alone decides, not how they
//!   are cut into batches.
//! - An id is a hash of the constant tokens: the same in every process, and after a restart.
//! - Memory is bounded whatever comes: see the constants. When there is no room the rarest and oldest are forgotten.
//! - Pure: no clock, no disk.
//!
//! Accuracy and speed, with the command that measures them, are in `docs/decisions/0006-log-patterns.md`; the method
//! draws on Drain (He et al., ICWS 2017) for the tree of layouts and on Brain (Yu et al., TSC 2023) for deciding
//! about places rather than about lines.

mod beta;
mod book;
mod generalise;
mod hash;
mod header;
mod lexicon;
mod miner;
mod state;
mod survey;
mod template;
mod token;
mod trend;

pub use book::{Book, Facts, Line, NEW_MINUTES, PatternView, SERVICES_MAX};
pub use miner::{ALIASES_MAX, Config, Merge, Miner, NEIGHBOURS_MAX, PATTERNS_MAX, PatternId, SHAPES_MAX};
pub use state::{STATE_VERSION, StateError};
pub use survey::{SURVEY_STEPS, SURVEYED_MAX, Survey, Surveyed};
pub use template::{Slot, Template};
pub use trend::{
    BASELINE_MINUTES_MIN, MINUTES_KEPT, RECENT_MINUTES, SURGE_CHANCE_MAX, SURGE_LINES_MIN, SURGE_RATIO_MIN,
    Surge, Trend, surge,
};
