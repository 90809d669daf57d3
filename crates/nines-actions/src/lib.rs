//! Operations as stored state machines: what only the infrastructure team could do, safe to hand out.
//!
//! Words introduced here
//! - **Action**: a typed entry of the catalogue ([`catalog::ACTIONS`]), or a runbook composed of them.
//! - **Effect**: one change at a provider that sets a state, with the look that shows it and the effect that takes it back
//!   ([`Effect`]).
//! - **Plan**: the steps of an action with what they touch, and a hash ([`Plan`]). Making one is the dry run.
//! - **Approval**: a second person's yes to one plan hash, for an hour.
//! - **Run**: a plan on its way, stored after every transition ([`Run`]).
//! - **Compensation**: taking back what a run did, last first, when a step fails or somebody cancels.
//! - **Witness**: whoever writes down each transition; nothing is called while it refuses ([`Witness`]).
//! - **History**: the same transitions by run, for people who look ([`History`]).
//! - **Inventory**: what there is in a cloud, to pick from by name ([`inventory`]).
//! - **Cloud**: a provider: [`cloud::sim`] built in, [`cloud::aws`] over its wire protocols ([`Cloud`]).
//!
//! Promises
//! - At most one effect per effect id, whenever the process is killed: see [`machine`] for what that rests on.
//! - A started run ends `done`, `compensated` or `waiting_for_human` with a reason.
//! - What was approved is what is done: a plan that comes out differently at the start is refused.
//! - One run at a time on a target, and few in an hour.
//! - A value from outside arrives at the provider exactly, or is refused: no shell, no template, no trimming.

mod bar;
pub mod catalog;
pub mod cloud;
pub mod credit;
mod effect;
mod error;
mod event;
pub mod format;
pub mod infra;
pub mod inventory;
pub mod machine;
pub mod parameter;
mod plan;
mod radius;
mod run;
pub mod runbook;
mod runs;
mod seen;
mod service;

pub mod contract;
pub mod memory;

pub use bar::{Bar, Barred, Bars, Part, Phase};
pub use catalog::Level;
pub use cloud::{Cloud, CloudError};
pub use effect::{Effect, Standing};
pub use error::{ActionError, RunsError};
pub use event::{Event, EventKind, MACHINE};
pub use inventory::Inventory;
pub use machine::Answer;
pub use plan::{Draft, Intent, OnFailure, Plan, Step, StepWork, Wait, When};
pub use radius::{CapacityImpact, GroupImpact, Limits, Radius};
pub use run::{
    Approval, Attempt, Certainty, Helped, Person, Run, RunId, RunState, StepRun, StepState, Undo, Verdict,
};
pub use runs::{History, Judge, OPEN_RUNS_MAX, Recent, RunFilter, Runs, Stop, Witness};
pub use seen::{Checks, Health, InstanceState, Query, Rule, Seen, Template};
pub use service::{APPROVAL_TTL, Actions, Caller, DAMPING_WINDOW, Parts, Request, Rules, Tick, WAITING_MAX};
