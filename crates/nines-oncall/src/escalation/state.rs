//! Where one escalation stands, what can happen to it, and what it asks for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nines_incidents::Level;
use nines_model::Timestamp;

use super::{Contact, EscalationPolicy, Target, Urgency};
use crate::PersonId;

/// The escalation of one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Escalation {
    pub incident: String,
    /// The copy that was taken when the incident started, or adopted since.
    pub policy: Arc<EscalationPolicy>,
    /// Adopted when the running step is over.
    pub adopted: Option<Arc<EscalationPolicy>>,
    pub level: Level,
    pub alerts: u32,
    pub phase: Phase,
    /// How often all steps have been taken.
    pub round: u8,
    /// The step taken last.
    pub step: usize,
    /// The step to be taken next; the number of steps, if the round ends then.
    pub next: usize,
    /// Whether anybody could be called in this round.
    pub reached: bool,
    /// Whose turn it is in round-robin steps.
    pub turn: u64,
    /// People who have been called and may be called by further channels.
    pub calls: Vec<Call>,
    /// Orders given so far.
    pub orders: u64,
    /// The newest entry of the incident's timeline that has been taken into account: what an entry says is decided once,
    /// whoever is killed when.
    pub seen: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Created and not started: [`Event::Started`] is due at once.
    New {
        since: Timestamp,
    },
    /// Somebody has been called; the next step is due at `until` if nobody answers.
    Waiting {
        since: Timestamp,
        until: Timestamp,
    },
    Acked {
        by: String,
        at: Timestamp,
        unack_at: Option<Timestamp>,
    },
    /// Not escalated for a time; begins anew at `until`.
    Held {
        until: Timestamp,
        why: Hold,
    },
    /// All rounds are over and nobody answered. Visible, and told to the first line.
    Exhausted {
        at: Timestamp,
        alerts: u32,
    },
    Over {
        at: Timestamp,
        how: Over,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    Maintenance(String),
    Silence(String),
    /// An open incident of a service that this one needs, in words.
    Explained(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    Resolved,
    Cancelled,
    MergedInto(String),
}

/// One person being called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub person: PersonId,
    pub since: Timestamp,
    pub contacts: Vec<Contact>,
    /// The first contact that has not been used.
    pub next: usize,
    /// Contacts whose delivery has failed for good.
    pub failed: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The incident has been opened.
    Started,
    /// Time has passed.
    Tick,
    Acked {
        by: String,
    },
    /// Somebody withdraws an acknowledgement.
    Unacked {
        by: String,
    },
    /// An update was posted: an acknowledgement that would run out begins anew.
    Progress,
    /// Somebody wants the next step now.
    Escalated {
        by: String,
    },
    Reassigned {
        to: Target,
        by: String,
    },
    LevelChanged {
        level: Level,
    },
    /// How many alerts have joined so far.
    AlertsJoined {
        alerts: u32,
    },
    /// A provider refused for good, or took too long.
    DeliveryFailed {
        person: PersonId,
        channel: String,
    },
    Held {
        until: Timestamp,
        why: Hold,
    },
    HoldEnded,
    PolicyAdopted(Arc<EscalationPolicy>),
    Resolved,
    Cancelled,
    Merged {
        into: String,
    },
    Reopened,
}

/// Something that somebody else must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Unique for ever, and the same if the decision is made again from the same stored state.
    pub key: String,
    pub what: What,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Call a person by a channel.
    Send {
        person: PersonId,
        channel: String,
        urgency: Urgency,
    },
    /// Low urgency: the person has it in their list.
    Ticket {
        person: PersonId,
    },
    Webhook {
        name: String,
    },
    Action {
        name: String,
        /// Its values, as in [`Target::with`].
        with: String,
        /// The step that asks for it.
        step: String,
        /// The same whenever the step is taken again in the same round: what is done once is not done twice.
        once: String,
        /// The version of the policy that asks: whoever wrote it is who asks.
        policy_version: u64,
    },
    /// Tell the first line, by whatever channels it has: nobody else can be reached, or nobody answered.
    FirstLine,
}

impl What {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Send { .. } => "send",
            Self::Ticket { .. } => "ticket",
            Self::Webhook { .. } => "webhook",
            Self::Action { .. } => "action",
            Self::FirstLine => "first_line",
        }
    }
}

/// Why, in the terms of the policy. `Display` is the line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    StepTaken {
        step: String,
        round: u8,
        people: Vec<PersonId>,
        timeout: Duration,
    },
    StepOfMachines {
        step: String,
        timeout: Duration,
    },
    Skipped {
        step: String,
        unmet: &'static str,
    },
    NobodyBehind {
        step: String,
        target: Target,
    },
    UnknownTarget {
        step: String,
        target: Target,
    },
    NoContacts {
        person: PersonId,
    },
    NobodyReachable {
        again_in: Duration,
    },
    NextContact {
        person: PersonId,
        channel: String,
        after: Duration,
    },
    ChannelFailed {
        person: PersonId,
        failed: String,
        next: Option<String>,
    },
    AllChannelsFailed {
        step: String,
    },
    NobodyAnswered {
        step: String,
    },
    Exhausted {
        rounds: u8,
    },
    Acked {
        by: String,
    },
    AckedAlready {
        by: String,
    },
    AckRanOut {
        by: String,
        after: Duration,
    },
    Unacked {
        by: String,
    },
    AckRenewed,
    AskedFor {
        by: String,
    },
    Reassigned {
        to: Target,
        by: String,
    },
    LevelRaised {
        from: Level,
        to: Level,
    },
    LevelLowered {
        from: Level,
        to: Level,
    },
    MoreAlerts {
        alerts: u32,
    },
    Held {
        until: Timestamp,
        why: Hold,
    },
    HoldEnded,
    PolicyAdopted {
        version: u64,
        at_once: bool,
    },
    PolicyRefused {
        why: String,
    },
    Over(Over),
    Reopened,
    Started,
    ClockSetBack,
    /// The event changes nothing, and why.
    Nothing(&'static str),
}

impl Escalation {
    /// For an incident that has just been opened. `turn` counts the incidents of the policy, for round-robin steps.
    pub fn new(
        incident: impl Into<String>,
        policy: impl Into<Arc<EscalationPolicy>>,
        level: Level,
        turn: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            incident: incident.into(),
            policy: policy.into(),
            adopted: None,
            level,
            alerts: 1,
            phase: Phase::New { since: now },
            round: 0,
            step: 0,
            next: 0,
            reached: false,
            turn,
            calls: Vec::new(),
            orders: 0,
            seen: 0,
        }
    }

    /// When [`Event::Tick`] is due; `None` if only an event can change anything.
    pub fn next_at(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::New { since } => Some(*since),
            Phase::Waiting { until, .. } => {
                let contacts = self.calls.iter().filter_map(Call::next_at);
                Some(contacts.min().map_or(*until, |contact| contact.min(*until)))
            }
            Phase::Acked { unack_at, .. } => *unack_at,
            Phase::Held { until, .. } => Some(*until),
            Phase::Exhausted { .. } | Phase::Over { .. } => None,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    pub fn is_acked(&self) -> bool {
        matches!(self.phase, Phase::Acked { .. })
    }
}

impl Call {
    fn next_at(&self) -> Option<Timestamp> {
        self.contacts.get(self.next).map(|contact| self.since + contact.after)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed >= self.contacts.len() && !self.contacts.is_empty()
    }
}

impl Phase {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::New { .. } => "new",
            Self::Waiting { .. } => "waiting",
            Self::Acked { .. } => "acknowledged",
            Self::Held { .. } => "held",
            Self::Exhausted { .. } => "exhausted",
            Self::Over { .. } => "over",
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maintenance(name) => write!(f, "maintenance window {name}"),
            Self::Silence(name) => write!(f, "silence {name}"),
            Self::Explained(why) => write!(f, "what it needs, {why}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepTaken { step, round, people, timeout } => {
                let names: Vec<&str> = people.iter().map(PersonId::as_str).collect();
                write!(f, "step {step}, round {}: {} called", round + 1, names.join(", "))?;
                write!(f, ", answer expected within {} s", timeout.as_secs())
            }
            Self::StepOfMachines { step, timeout } => {
                write!(
                    f,
                    "step {step}: no person is called; the next step follows in {} s",
                    timeout.as_secs()
                )
            }
            Self::Skipped { step, unmet } => write!(f, "step {step} skipped: its {unmet} does not hold"),
            Self::NobodyBehind { step, target } => {
                write!(f, "step {step}: nobody is behind {target} now, so the next is tried at once")
            }
            Self::UnknownTarget { step, target } => write!(f, "step {step}: {target} does not exist"),
            Self::NoContacts { person } => write!(f, "{person} has no channel by which to be called"),
            Self::NobodyReachable { again_in } => write!(
                f,
                "nobody in the policy can be reached: the first line is told, and all is tried again in {} s",
                again_in.as_secs()
            ),
            Self::NextContact { person, channel, after } if after.is_zero() => {
                write!(f, "{person} is called by {channel}")
            }
            Self::NextContact { person, channel, after } => {
                write!(f, "{person} has not answered for {} s: called by {channel}", after.as_secs())
            }
            Self::ChannelFailed { person, failed, next: Some(next) } => {
                write!(f, "{failed} could not reach {person}: {next} is tried at once")
            }
            Self::ChannelFailed { person, failed, next: None } => {
                write!(f, "{failed} could not reach {person}, who has no other channel left")
            }
            Self::AllChannelsFailed { step } => {
                write!(f, "nobody of step {step} could be reached: the next is taken at once")
            }
            Self::NobodyAnswered { step } => write!(f, "nobody answered step {step}"),
            Self::Exhausted { rounds } => {
                write!(f, "nobody answered in {rounds} rounds: the first line is told")
            }
            Self::Acked { by } => write!(f, "acknowledged by {by}"),
            Self::AckedAlready { by } => write!(f, "{by} has acknowledged already"),
            Self::AckRanOut { by, after } => {
                write!(f, "{by} acknowledged {} s ago and nothing came since", after.as_secs())
            }
            Self::Unacked { by } => write!(f, "acknowledgement withdrawn by {by}"),
            Self::AckRenewed => f.write_str("an update renews the acknowledgement"),
            Self::AskedFor { by } => write!(f, "{by} asked for the next step"),
            Self::Reassigned { to, by } => write!(f, "given to {to} by {by}"),
            Self::LevelRaised { from, to } => write!(f, "level raised from {from} to {to}: called anew"),
            Self::LevelLowered { from, to } => write!(f, "level lowered from {from} to {to}"),
            Self::MoreAlerts { alerts } => write!(f, "{alerts} alerts by now: called anew"),
            Self::Held { until, why } => write!(f, "held by {why} until {until}"),
            Self::HoldEnded => f.write_str("no longer held: called anew"),
            Self::PolicyAdopted { version, at_once: true } => {
                write!(f, "version {version} of the policy holds")
            }
            Self::PolicyAdopted { version, .. } => {
                write!(f, "version {version} of the policy holds once the running step is over")
            }
            Self::PolicyRefused { why } => write!(f, "the edited policy cannot be used: {why}"),
            Self::Over(Over::Resolved) => f.write_str("resolved"),
            Self::Over(Over::Cancelled) => f.write_str("cancelled"),
            Self::Over(Over::MergedInto(into)) => write!(f, "merged into {into}"),
            Self::Reopened => f.write_str("reopened: called anew"),
            Self::Started => f.write_str("started"),
            Self::ClockSetBack => f.write_str("the clock was set back: the step is timed from now"),
            Self::Nothing(why) => f.write_str(why),
        }
    }
}
