//! On call in a node: who is called about an incident, and what comes in from other systems.
//!
//! - [`Escalator`] walks the policy of each open incident and gives its orders to the outbox.
//! - [`actions`] runs the actions that policies ask for, beside the page path and not on it.
//! - [`Desk`] takes alerts of other systems in: stored first, answered second, told third.
//! - [`Auditor`] proves once a minute that none of it forgets a page.
//! - [`dependencies`] tells the desk which services need which.
//! - [`declared`] reads on-call documents beside all others.
//!
//! All else runs on the page runtime, over that runtime's own handle of `response.db`. Whom to call is asked of the
//! [`nines_oncall::Roster`] in memory.

pub mod actions;
mod auditor;
mod calls;
pub mod declared;
pub mod dependencies;
mod desk;
mod escalator;
mod holds;
mod opener;

pub use auditor::Auditor;
pub use desk::{Desk, DeskParts};
pub use escalator::{Escalator, EscalatorParts};
pub use holds::{Explainer, held, of_incident, of_promise};
pub use opener::is_foreign;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use nines_model::Timestamp;
use nines_oncall::escalation::Hold;
use nines_oncall::noise::Dependencies;
use parking_lot::Mutex;

/// What desk and escalator tell each other, and the status page. Locks are held for a lookup.
#[derive(Debug, Default)]
pub struct Shared {
    /// Incidents of which every alert of other systems is held back now.
    pub(crate) holds: Mutex<HashMap<String, (Timestamp, Hold)>>,
    /// Alerts of other systems that fire, by incident.
    pub(crate) firing: Mutex<HashMap<String, u32>>,
    /// Which services need which, as far as traces show it.
    pub(crate) dependencies: Mutex<Arc<Dependencies>>,
    /// Open incidents that escalate by a policy.
    pub escalating: AtomicU64,
    /// Escalations of which the auditor says that they would be forgotten. 0 in a sound node.
    pub defects: AtomicU64,
    /// Messages that wait for a digest because somebody has had too many.
    pub digesting: AtomicU64,
}
