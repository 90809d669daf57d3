//! Rules over promises: from a burn rate to an alert and its message.
//!
//! Words
//! - **Reading**: what is known about one SLO at one instant, cheap to make each second ([`Reading`]).
//! - **Track**: the memory of the rule of one SLO ([`Track`]). One track holds at most one open alert, with the highest
//!   severity that holds now: inactive → pending → firing → resolved.
//! - **Condition**: what broke the promise: a burn tier, traffic that stopped, data that stopped.
//! - **Transition**: a step of an alert that somebody may have to hear of ([`Transition`]).
//! - **Evidence**: what is gathered once, at a transition, to explain it: users hit, suspects, the last change
//!   ([`Evidence`]).
//! - **Message**: the seven fields of an alert, filled by the product ([`AlertMessage`]), and its renderings
//!   ([`render`]).
//!
//! Promises
//! - Everything here is a pure function: [`decide`] takes a track and a reading and returns the next track, the
//!   transition if there is one, and the reason in words. Persist the track and a restart resumes exactly.
//! - Missing data never resolves anything: pending and firing are held until measured data says otherwise.
//! - A message has all seven fields. One that cannot be filled says what is missing and is listed in
//!   [`AlertMessage::incomplete`].

mod evidence;
pub mod figures;
mod language;
mod machine;
mod message;
mod policy;
mod reading;
pub mod render;
mod track;

pub use evidence::{Change, Evidence, Links, LogPattern, Suspect, UsersHit};
pub use language::Language;
pub use machine::decide;
pub use message::{AlertMessage, Fact, Level, Link, LinkKind, Missing, Status};
pub use policy::Policy;
pub use reading::{Burn, Failing, Measurement, Reading, Severity, Subject, Traffic};
pub use track::{
    AlertId, Condition, ConditionKind, Decision, OpenAlert, Phase, Reason, Track, Transition, TransitionKind,
};
