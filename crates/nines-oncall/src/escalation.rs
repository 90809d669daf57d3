//! Escalation: from an incident to a person who answers.
//!
//! Words
//! - **Policy** ([`EscalationPolicy`]): steps that are taken one after the other until somebody acknowledges, repeated a
//!   number of times. An incident takes a copy when it starts; an edit changes it only by [`Event::PolicyAdopted`].
//! - **Step**: who or what is called, and how long is waited for an answer.
//! - **Personal rules**: by which channels a person is called, and how long after the step began.
//! - **Escalation** ([`Escalation`]): where one incident stands. [`decide`] is its only way on: state, event and instant
//!   in, state and [`Order`]s out. Whoever stores the state with the orders in one transaction can be killed anywhere.
//! - **Order**: what somebody else must do. Its key is the same however often the decision is repeated.
//!
//! Promises, each checked by a test that takes a million random steps
//! - An incident that is open and not acknowledged has a next step at a known instant, or stands in a state that people
//!   can see (`exhausted`); [`audit`] says so of any stored state.
//! - Nobody is called after an acknowledgement until it is withdrawn or runs out.
//! - A step is never skipped because a policy was edited.
//! - A clock that was set back delays a step by at most its timeout; one that jumped ahead takes one step early, not all.

mod audit;
mod machine;
mod policy;
mod state;

pub use audit::{AUDIT_GRACE, Defect, Standing, audit};
pub use machine::{Decision, UNREACHABLE_PAUSE, decide};
pub use policy::{
    CONTACTS_MAX, Condition, Contact, DailyTime, EscalationPolicy, Finding, PersonalRules, PolicyError,
    REPEAT_MAX, STEPS_MAX, Step, TARGETS_MAX, TIMEOUT_MAX, TIMEOUT_MIN, Target, TargetKind,
    UNACK_AFTER_DEFAULT, Urgency, WITH_BYTES_MAX,
};
pub use state::{Call, Escalation, Event, Hold, Order, Over, Phase, Reason, What};

use nines_model::Timestamp;

use crate::PersonId;

/// What an escalation must know of people when a step is taken. Answers come from memory: it is asked while paging.
pub trait Directory {
    /// Whom `target` means at `at`. Only asked for targets that are people.
    fn reach(&self, target: &Target, at: Timestamp) -> Reach;

    /// How a person is called, by time. Empty under high urgency means that they cannot be; under low urgency, that
    /// they get a ticket.
    fn contacts(&self, person: &PersonId, urgency: Urgency) -> Vec<Contact>;
}

/// Who is behind a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    People(Vec<PersonId>),
    /// The schedule has a gap, the team no members, or nobody has the role.
    Nobody,
    /// No such object: deleted since, or never there.
    Unknown,
}
