//! Incidents run by the clock: the record, its append-only timeline and the promised next update.
//!
//! Words introduced here
//! - **Incident**: one disturbance of a service, from the first report to the review. It has a [`Class`] (who
//!   handles it first) and a [`Level`] (how grave it is), which are two separate fields; a level is *preliminary*
//!   until a named person confirms it.
//! - **Intake**: the six fields that a report must have (service, scope, status, start, progress, next update).
//! - **Mark**: an instant that counts (fault start, detected, acknowledged, confirmed, mitigated, resolved).
//!   Durations such as the time to detect are computed from marks and never typed in.
//! - **Promise**: the next update that somebody has been told to expect. The level sets the cadence. A promise is
//!   kept by an update at or before it is due; every cadence that passes without an update is one miss.
//! - **Timeline entry**: what happened, when, and who says so. Entries are never changed: a correction is a new
//!   entry that refers to the old one.
//! - **Effect**: something that the rest of the system must do because of a change (send a nudge, post an update).
//!   Effects are stored with the change that caused them and stay pending until they are marked done, so they are
//!   performed at least once.
//! - **Revision**: a counter over all incidents, one step per committed change; a reader who knows a revision can
//!   ask for what came after it.
//!
//! Layers: [`machine`] decides, without IO and with `now` as an argument; [`Repository`] is what a store must do;
//! [`Incidents`] joins the two, and its [`Incidents::tick`] is the control loop of the promise clock. The record of
//! kept and missed promises does not depend on when or how often the loop ran: whatever touches an incident first
//! settles the promises that have fallen due.
//!
//! Nothing here sends a message, and nothing here is serialised.

mod closeout;
mod command;
mod draft;
mod error;
mod feed;
mod id;
mod incident;
mod language;
mod level;
pub mod machine;
mod notice;
mod open;
mod phrases;
mod promise;
mod query;
mod repository;
mod service;
mod state;
mod statistics;
mod timeline;
mod update;

pub mod contract;
mod memory;

pub use closeout::{CloseoutMail, closeout_mail};
pub use command::{Actor, AlertSignal, Command, NewUpdate, Record, Report};
pub use draft::{Draft, Fact, draft_update};
pub use error::{IncidentError, Refusal, RepositoryError};
pub use feed::{Change, Watch};
pub use id::{IncidentId, ParseIncidentIdError};
pub use incident::{AlertLink, Confirmation, Durations, Incident, Intake, Marks, Origin, Proposal, Role};
pub use language::Language;
pub use level::{Channel, Class, Level, UnknownWord};
pub use memory::MemoryRepository;
pub use notice::{Notice, notice};
pub use phrases::{PHRASES, Phrase, Text};
pub use promise::{Cadence, Promise, PromiseRecord};
pub use query::Query;
pub use repository::{Effect, EffectKind, PendingEffect, Repository, Step};
pub use service::{AlertOutcome, Incidents, JoinKind, TickReport};
pub use state::State;
pub use statistics::{Mean, Statistics};
pub use timeline::{Entry, EntryKind, Source};
pub use update::{Approval, ApprovalRole, Audience, Update};
