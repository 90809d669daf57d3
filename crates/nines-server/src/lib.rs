//! One node: configuration, wiring, control loops, start and stop.
//!
//! [`start`] opens the stores, recovers, connects the telemetry column to the operations column through small traits, and
//! starts the loops. [`node`] is the place to read how it is put together:
//!
//! - the *main* runtime (the caller's) serves HTTP and OTLP, and runs maintenance;
//! - the *page* runtime (threads of its own) evaluates promises, records alerts, opens incidents and delivers pages. It
//!   reads live counters without locks and opens only `response.db`, so nothing above can hold it up.

mod audit_anchors;
mod browsers;
mod channels;
mod config;
mod credit;
mod dashboards;
mod first_run;
mod fleet;
mod gate;
mod health;
mod inventory;
mod learning;
mod listeners;
mod mail_door;
mod masking;
mod memory;
mod metric_slis;
mod node;
mod notices;
mod object_store;
mod oidc;
mod oncall;
mod operations;
mod paging;
mod pair;
mod patterns;
mod policies;
mod probes;
mod prometheus;
mod promises;
mod providers;
mod receipts;
mod replay;
mod runbooks;
mod secrets;
mod series;
mod statsd;
mod subscribers;
mod syslog;
mod tenants;
mod translate;

pub use config::{
    AwsSettings, Config, ConfigError, ConfigFile, DEFAULT, FileFault, OidcSettings, OperationsConfig,
    PairSettings, ProbesConfig, SecretsConfig, Setting, StatsdConfig, parse_retention, terminated_table,
};
pub use node::{Node, start};
pub use object_store::{RemoteConfig, open as open_object_store};
pub use pair::run as run_pair;
pub use policies::disable_all as disable_policies;
pub use probes::{environment as probe_environment, result_of as probe_result};
