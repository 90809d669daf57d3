//! HTTP: the web application and the API of one node.
//!
//! Every route is a row of [`nines_api::ROUTES`]. [`router`] walks that table, finds the handler by the row's operation
//! name and puts the guard of the row's access in front of it. A row without a handler stops the node from starting (and
//! fails a test); a handler without a row cannot be reached. So the authorisation matrix is whole by construction.
//!
//! Handlers do four things: authenticate (the guard), parse (extractors), one call, render. Conversions between domain
//! and wire types are pure functions in [`render`].

mod app;
mod audit;
mod chat;
mod credit;
mod desk;
mod difference;
mod extract;
mod feed;
mod fleet;
mod guard;
mod handlers;
mod inventory;
mod learning;
mod metric_questions;
mod operations;
mod policies;
mod problem;
mod promises;
pub mod render;
pub mod reports;
mod router;
mod secrets;
mod subscribers;
mod tail;
mod uptime;

pub use app::{App, Health, Oncall, SharedApp};
pub use audit::Auditor;
pub use chat::{Chat, ChatHooks, ChatPerson, DiscordChat, Hook, TeamsChat};
pub use credit::{AccessLog, AccessLogError, CreditDesk, Observed, StoredAccess};
pub use desk::{AlertDesk, DeskError, Receipt};
pub use difference::{Tally, differences};
pub use feed::Feed;
pub use fleet::{Fleet, FleetError, Histories, InfraQuestion, SaturationQuestion};
pub use handlers::patterns::SharedBook;
pub use inventory::{Collected, Collector, InventoryDesk};
pub use learning::{DraftError, drafted};
pub use metric_questions::MetricQuestions;
pub use operations::{Operations, RUNBOOK_KIND, Runbooks};
pub use policies::{PolicyDesk, operator};
pub use problem::status_of;
pub use promises::{
    AppliedDocument, ApplyError, FILE_MARK, PromiseView, Promises, RULES_KIND, Rehearsal, ReplayError,
    SCRAPE_KIND,
};
pub use router::router;
pub use secrets::{SecretFollower, Secrets};
pub use subscribers::Subscribers;
pub use tail::{TailReader, Tails};
pub use uptime::{Uptime, UptimeError};
