//! The one integration-test binary of this crate.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests do")]

#[path = "all/database.rs"]
mod database;

#[path = "all/access.rs"]
mod access;
#[path = "all/actions.rs"]
mod actions;
#[path = "all/browsers.rs"]
mod browsers;
#[path = "all/dashboards.rs"]
mod dashboards;
#[path = "all/incidents.rs"]
mod incidents;
#[path = "all/intake.rs"]
mod intake;
#[path = "all/learning.rs"]
mod learning;
#[path = "all/objects.rs"]
mod objects;
#[path = "all/oncall.rs"]
mod oncall;
#[path = "all/policies.rs"]
mod policies;
#[path = "all/replication.rs"]
mod replication;
#[path = "all/response.rs"]
mod response;
#[path = "all/rules.rs"]
mod rules;
#[path = "all/saved.rs"]
mod saved;
#[path = "all/secrets.rs"]
mod secrets;
#[path = "all/subscribers.rs"]
mod subscribers;
#[path = "all/watch.rs"]
mod watch;
