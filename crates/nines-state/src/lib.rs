//! Durable control state in SQLite behind the traits that the operations crates declare.
//!
//! Words
//! - **Database**: one SQLite file with one writer and a few readers ([`Database`]). There are three files in a node,
//!   so that the page path shares nothing with the rest: `catalog.db` (telemetry catalog, not ours), `control.db`
//!   (objects, access, policies, audit, secrets, saved questions, dashboards, runs of actions, rules, the inventory) and `response.db` (alerts, outbox, incidents, on-call).
//! - **Domain**: a set of tables that belong together, with its own numbered migrations ([`Domain`]). A file holds one
//!   domain or several; each module here exports its `DOMAIN` and opens nothing by itself.
//! - **Write**: one transaction ([`Write`]). At a node of a pair it goes to a log before it is committed ([`replication`]).
//!
//! Promises
//! - A write that returned `Ok` survives the loss of power: `journal_mode=WAL` with `synchronous=FULL`, checked when
//!   the file is opened.
//! - A migration is applied whole or not at all, once, in order; a file that was written by a newer version is refused,
//!   and so is one whose applied migrations are not those that this binary knows.

pub mod access;
pub mod actions;
pub mod alerts;
pub mod audit;
pub mod browsers;
pub mod credit;
pub mod dashboards;
mod database;
mod error;
pub mod fleet;
pub mod incidents;
pub mod intake;
pub mod inventory;
pub mod learning;
mod migration;
pub mod objects;
pub mod oncall;
pub mod outbox;
pub mod policies;
pub mod replication;
pub mod response;
pub mod rules;
pub mod saved;
pub mod sealed;
pub mod secrets;
pub mod statuspage;
pub mod watch;

pub use database::{Database, Settings};
pub use error::StateError;
pub use migration::{Domain, Migration};
pub use replication::{Journal, Write};
