//! What teams declare: policies, and how each person wants to be called.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use nines_base::ErrorKind;
use nines_incidents::Level;
use nines_model::{TimeRange, Timestamp};

use super::{Directory, Reach};
use crate::schedule::{PersonId, Schedule, Weekdays, Window};
use crate::zone::Zone;

/// Steps of one policy: beyond the tenth person nobody reads on, and a step each for day and night.
pub const STEPS_MAX: usize = 20;
/// Targets of one step.
pub const TARGETS_MAX: usize = 20;
/// As PagerDuty allows.
pub const REPEAT_MAX: u8 = 9;
/// A step of machines alone (a webhook that mends things) is answered within seconds; what people need, they say.
pub const TIMEOUT_MIN: Duration = Duration::from_secs(5);
pub const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3_600);
/// What the option of an acknowledgement that runs out is set to.
pub const UNACK_AFTER_DEFAULT: Duration = Duration::from_secs(30 * 60);
/// Contacts of one person for one urgency.
pub const CONTACTS_MAX: usize = 20;
/// Text of the values of one action, which is kept with each escalation: a list of a hundred machines fits.
pub const WITH_BYTES_MAX: usize = 8 * 1024;
/// The last contact of a person: later ones belong into another step.
const CONTACT_AFTER_MAX: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, PartialEq)]
pub struct EscalationPolicy {
    pub name: String,
    /// Grows with each edit.
    pub version: u64,
    pub steps: Vec<Step>,
    /// How often all steps are taken again, at most [`REPEAT_MAX`].
    pub repeat: u8,
    /// An acknowledgement runs out if no update follows within this time.
    pub unack_after: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Unique within the policy; by it an edited policy finds the step that is running.
    pub name: String,
    pub targets: Vec<Target>,
    /// How long an answer is waited for; [`Step::timeout`] has the default.
    pub timeout: Option<Duration>,
    pub condition: Condition,
    /// One person of those found has the step, another the next time.
    pub round_robin: bool,
}

/// When a step is taken; what is not said does not matter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition {
    pub levels: Vec<Level>,
    pub daily: Option<DailyTime>,
    /// At least so many alerts have joined.
    pub alerts_min: Option<u32>,
}

/// A time of day on some weekdays, on the wall of a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyTime {
    pub zone: Zone,
    pub window: Window,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    pub kind: TargetKind,
    pub name: String,
    /// The values of an action: a JSON object as text, in the order in which they were written. Empty for none.
    pub with: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    Person,
    Team,
    Schedule,
    /// A role of the incident, such as its commander.
    Role,
    Webhook,
    Action,
}

/// How a person wants to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalRules {
    pub person: PersonId,
    pub high: Vec<Contact>,
    /// Empty: a ticket only.
    pub low: Vec<Contact>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Since the step called the person.
    pub after: Duration,
    /// Name of a channel.
    pub channel: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Urgency {
    High,
    Low,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("escalation policy `{policy}` has no steps; add one that calls a person, a team or a schedule")]
    NoSteps { policy: String },
    #[error("escalation policy `{policy}` has {count} {what}, more than {limit}")]
    TooMany { policy: String, what: &'static str, count: usize, limit: usize },
    #[error("step `{step}` of escalation policy `{policy}` calls nobody; name at least one target")]
    NoTargets { policy: String, step: String },
    #[error("step `{step}` of escalation policy `{policy}` is there twice; give each step a name of its own")]
    SameName { policy: String, step: String },
    #[error(
        "the last step `{step}` of escalation policy `{policy}` only calls {found}, so an incident could end without a human knowing; add a person, a team or a schedule to it"
    )]
    LastNotHuman { policy: String, step: String, found: String },
    #[error(
        "the last step `{step}` of escalation policy `{policy}` has a condition ({condition}), so an incident could pass it by; drop the condition or add a step without one"
    )]
    LastConditional { policy: String, step: String, condition: &'static str },
    #[error("step `{step}` of escalation policy `{policy}` waits {secs} s; use 5 s to 24 h")]
    Timeout { policy: String, step: String, secs: u64 },
    #[error("personal rules of {person} {problem}")]
    Rules { person: PersonId, problem: String },
}

impl PolicyError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Something that is wrong with a policy only as things are now: worth telling, not worth refusing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    Unknown { step: String, target: Target },
    Nobody { step: String, target: Target },
    NoContacts { step: String, person: PersonId },
    Gap { step: String, schedule: String, gap: TimeRange },
}

impl EscalationPolicy {
    /// Whether it may be kept at all.
    ///
    /// # Errors
    /// The first thing that is wrong, naming the step.
    pub fn check(&self) -> Result<(), PolicyError> {
        let policy = || self.name.clone();
        let bound = |what, count: usize, limit: usize| {
            if count > limit {
                Err(PolicyError::TooMany { policy: policy(), what, count, limit })
            } else {
                Ok(())
            }
        };
        bound("steps", self.steps.len(), STEPS_MAX)?;
        bound("repeats", usize::from(self.repeat), usize::from(REPEAT_MAX))?;
        let mut names = BTreeSet::new();
        for step in &self.steps {
            let name = || step.name.clone();
            bound("targets in one step", step.targets.len(), TARGETS_MAX)?;
            if step.targets.is_empty() {
                return Err(PolicyError::NoTargets { policy: policy(), step: name() });
            }
            if !names.insert(&step.name) {
                return Err(PolicyError::SameName { policy: policy(), step: name() });
            }
            if let Some(timeout) =
                step.timeout.filter(|timeout| !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(timeout))
            {
                let secs = timeout.as_secs();
                return Err(PolicyError::Timeout { policy: policy(), step: name(), secs });
            }
        }
        let last = self.steps.last().ok_or_else(|| PolicyError::NoSteps { policy: policy() })?;
        if !last.targets.iter().any(|target| target.kind.is_human()) {
            let found: BTreeSet<_> = last.targets.iter().map(|target| target.kind.plural()).collect();
            let found = found.into_iter().collect::<Vec<_>>().join(" and ");
            return Err(PolicyError::LastNotHuman { policy: policy(), step: last.name.clone(), found });
        }
        if let Some(condition) = last.condition.describe() {
            return Err(PolicyError::LastConditional {
                policy: policy(),
                step: last.name.clone(),
                condition,
            });
        }
        Ok(())
    }

    /// Who could not be reached as things stand, over `ahead`. `schedules` are asked for their gaps.
    pub fn findings(
        &self,
        directory: &impl Directory,
        schedules: &[Schedule],
        ahead: TimeRange,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for step in &self.steps {
            for target in step.targets.iter().filter(|target| target.kind.is_human()) {
                let (step, target) = (step.name.clone(), target.clone());
                let schedule = (target.kind == TargetKind::Schedule)
                    .then(|| schedules.iter().find(|schedule| schedule.name == target.name))
                    .flatten();
                if let Some(schedule) = schedule {
                    let gap = schedule.gaps(ahead).ok().and_then(|gaps| gaps.first().copied());
                    findings.extend(gap.map(|gap| Finding::Gap { step, schedule: target.name, gap }));
                    continue;
                }
                match directory.reach(&target, ahead.start) {
                    // Who has a role is known when there is an incident.
                    Reach::Nobody if target.kind == TargetKind::Role => {}
                    Reach::Nobody => findings.push(Finding::Nobody { step, target }),
                    Reach::Unknown => findings.push(Finding::Unknown { step, target }),
                    Reach::People(people) => findings.extend(
                        people
                            .into_iter()
                            .filter(|person| directory.contacts(person, Urgency::High).is_empty())
                            .map(|person| Finding::NoContacts { step: step.clone(), person }),
                    ),
                }
            }
        }
        findings
    }
}

impl Step {
    /// 5 minutes for a P0 and 30 otherwise, unless the step says.
    pub fn timeout(&self, level: Level) -> Duration {
        let minutes = if level == Level::P0 { 5 } else { 30 };
        self.timeout.unwrap_or(Duration::from_secs(60 * minutes))
    }
}

impl Condition {
    pub fn is_always(&self) -> bool {
        self.describe().is_none()
    }

    /// What it depends on, first of all.
    fn describe(&self) -> Option<&'static str> {
        match self {
            Self { levels, .. } if !levels.is_empty() => Some("level"),
            Self { daily: Some(_), .. } => Some("time of day"),
            Self { alerts_min: Some(_), .. } => Some("number of alerts"),
            _ => None,
        }
    }

    /// What does not hold, if anything.
    pub(super) fn unmet(&self, level: Level, alerts: u32, at: Timestamp) -> Option<&'static str> {
        if !self.levels.is_empty() && !self.levels.contains(&level) {
            return Some("level");
        }
        if self.daily.as_ref().is_some_and(|daily| !daily.contains(at)) {
            return Some("time of day");
        }
        if self.alerts_min.is_some_and(|min| alerts < min) {
            return Some("number of alerts");
        }
        None
    }
}

impl DailyTime {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.window.contains(self.zone.wall(at))
    }

    /// Every day of the week.
    pub fn every_day(zone: Zone, from_secs: u32, to_secs: u32) -> Self {
        Self { zone, window: Window { weekdays: Weekdays::ALL, from_secs, to_secs } }
    }
}

impl TargetKind {
    pub const ALL: [Self; 6] =
        [Self::Person, Self::Team, Self::Schedule, Self::Role, Self::Webhook, Self::Action];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Team => "team",
            Self::Schedule => "schedule",
            Self::Role => "role",
            Self::Webhook => "webhook",
            Self::Action => "action",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Webhook => "webhooks",
            Self::Action => "actions",
            Self::Role => "roles, which nobody may have",
            Self::Person | Self::Team | Self::Schedule => "people",
        }
    }

    /// Whether somebody is behind it.
    pub fn is_person(self) -> bool {
        !matches!(self, Self::Webhook | Self::Action)
    }

    /// Whether somebody is behind it whatever the incident: a role may have nobody.
    fn is_human(self) -> bool {
        self.is_person() && self != Self::Role
    }
}

impl Target {
    pub fn new(kind: TargetKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), with: String::new() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

impl Urgency {
    /// P0 and P1 call people; P2 can wait for a ticket.
    pub fn of(level: Level) -> Self {
        if level == Level::P2 { Self::Low } else { Self::High }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

impl PersonalRules {
    pub fn check(&self) -> Result<(), PolicyError> {
        let wrong = |problem: String| Err(PolicyError::Rules { person: self.person.clone(), problem });
        if self.high.is_empty() {
            return wrong("have no contact for high urgency; name at least one channel".to_owned());
        }
        for contacts in [&self.high, &self.low] {
            if contacts.len() > CONTACTS_MAX {
                return wrong(format!(
                    "have {} contacts for one urgency, more than {CONTACTS_MAX}",
                    contacts.len()
                ));
            }
            if let Some(late) = contacts.iter().find(|contact| contact.after > CONTACT_AFTER_MAX) {
                let after = late.after.as_secs();
                return wrong(format!("call `{}` only after {after} s; use at most 1 h", late.channel));
            }
        }
        Ok(())
    }

    /// By time; equal times in the order in which they were written.
    pub fn contacts(&self, urgency: Urgency) -> Vec<Contact> {
        let mut contacts = match urgency {
            Urgency::High => self.high.clone(),
            Urgency::Low => self.low.clone(),
        };
        contacts.sort_by_key(|contact| contact.after);
        contacts
    }
}
