//! Who is on call, how an incident escalates until a person answers, and how an alert storm becomes one page and a list.
//!
//! Words introduced here
//! - **Schedule**: layers of rotations with overrides on top; it answers who is on call at an instant ([`Schedule`]).
//!   A **shift** is a time during which the answer stays the same, a **gap** one in which it is nobody.
//! - **Noise control**: what becomes of alerts before anybody hears of them ([`noise`]); **intake** is how alerts of other
//!   systems come in ([`intake`]).
//! - **Roster**: all of what is declared, with what people changed by hand, as one value in memory ([`Roster`]); [`Rota`]
//!   keeps it.
//! - **Report** ([`report`]): figures of a time that is over, which go out by mail.
//! - **Escalation**: the way from an incident to a person who answers ([`escalation`]).
//!
//! Nothing here sends a message: what is to be done comes back as a value. But for [`Rota`], which asks its repository and
//! its clock, nothing does IO or reads a clock. Nothing here is serialised, except by a `format` module.

pub mod alert;
pub mod contract;
pub mod document;
pub mod escalation;
pub mod import;
pub mod intake;
mod memory;
pub mod noise;
pub mod report;
mod repository;
mod roster;
mod rota;
mod schedule;
pub mod zone;

pub use memory::MemoryOncall;
pub use repository::{Move, OncallError, OncallRepository, OrderRecord, PendingOrder, Stored};
pub use roster::{BROWSERS, Roster, TeamDuty, browsers_of};
pub use rota::{By, Rota, RotaError};
pub use schedule::*;
pub use zone::{UnknownZone, Zone};
