//! One node: configuration, wiring, control loops, start and stop.
//!
//! [`start`] opens the stores, recovers, connects the telemetry column to the operations column through small traits, and
//! starts the loops. [`node`] is the place to read how it is put together:
//!
//! - the *main* runtime (the caller's) serves HTTP and OTLP, and runs maintenance;
//! - the *page* runtime (threads of its own) evaluates promises, records alerts, opens incidents and delivers pages. It
//!   reads live counters without locks and opens only `response.db`, so nothing above can hold it up.

mod channels;
mod config;
mod first_run;
mod gate;
mod health;
mod masking;
mod memory;
mod node;
mod notices;
mod object_store;
mod oncall;
mod operations;
mod paging;
mod patterns;
mod promises;
mod receipts;
mod replay;
mod runbooks;
mod series;
mod syslog;
mod translate;

pub use config::{
    AwsSettings, Config, ConfigError, ConfigFile, OperationsConfig, parse_retention, terminated_table,
};
pub use node::{Node, start};
