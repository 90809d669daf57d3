//! What people change by hand: overrides, swaps, and taking a shift.

use std::fmt;

use nines_model::{TimeRange, Timestamp};

use super::{Because, OnCall, PersonId, Schedule, ScheduleError, checked_range};

/// Unique within its schedule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OverrideId(pub String);

impl fmt::Display for OverrideId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A change of a schedule for some time. It comes on top of all layers, and of every override made before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub id: OverrideId,
    pub range: TimeRange,
    pub change: Change,
    pub author: String,
    pub reason: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These and no others, also where nobody was on call.
    Everyone(Vec<PersonId>),
    /// Where one was on call, the other is.
    Instead { of: PersonId, by: PersonId },
}

/// Two people give each other a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    pub first: PersonId,
    /// Belongs to `first` and goes to `second`.
    pub first_range: TimeRange,
    pub second: PersonId,
    /// Belongs to `second` and goes to `first`.
    pub second_range: TimeRange,
}

impl Override {
    pub(super) fn apply(&self, on_call: &mut OnCall) {
        match &self.change {
            Change::Everyone(people) => {
                on_call.people.clone_from(people);
                on_call.shadows.clear();
            }
            Change::Instead { of, by } => {
                if !on_call.people.contains(of) {
                    return;
                }
                // They may both be in the group already; nobody is paged twice.
                let others = on_call.people.iter().filter(|person| *person != of && *person != by);
                let mut people: Vec<PersonId> = others.cloned().collect();
                people.push(by.clone());
                on_call.people = people;
                on_call.shadows.retain(|shadow| shadow != by);
            }
        }
        on_call.because =
            if on_call.people.is_empty() { Because::Nobody } else { Because::Override(self.id.clone()) };
    }
}

impl Schedule {
    /// The override by which `person` takes over what belongs to `from` in all of `range`.
    ///
    /// # Errors
    /// `from` is not on call in all of it, or it has passed.
    pub fn take(
        &self,
        from: &PersonId,
        person: &PersonId,
        range: TimeRange,
        by: Authored,
    ) -> Result<Override, ScheduleError> {
        let range = checked_range(range.start, range.end)?;
        if range.end <= by.now {
            return Err(ScheduleError::Past { at: range.end });
        }
        self.require_theirs(from, range)?;
        Ok(by.make(range, Change::Instead { of: from.clone(), by: person.clone() }))
    }

    /// The two overrides of a swap, in the order in which they are to be kept. Each needs an id of its own.
    ///
    /// # Errors
    /// One of them is not on call in all of what they give, or a time has passed.
    pub fn swap(&self, swap: &Swap, by: [Authored; 2]) -> Result<[Override; 2], ScheduleError> {
        let [first, second] = by;
        Ok([
            self.take(&swap.first, &swap.second, swap.first_range, first)?,
            self.take(&swap.second, &swap.first, swap.second_range, second)?,
        ])
    }

    fn require_theirs(&self, person: &PersonId, range: TimeRange) -> Result<(), ScheduleError> {
        let theirs = self.shifts_of(person, range)?;
        if theirs == [range] {
            return Ok(());
        }
        let hint = match theirs.as_slice() {
            [] => format!("it belongs to {}", self.names_in(range)?),
            some => {
                let times: Vec<_> =
                    some.iter().take(3).map(|r| format!("{} to {}", r.start, r.end)).collect();
                format!("theirs is {}", times.join(", "))
            }
        };
        Err(ScheduleError::NotTheirs {
            schedule: self.name.clone(),
            person: person.clone(),
            range: format!("{} to {}", range.start, range.end),
            hint,
        })
    }

    fn names_in(&self, range: TimeRange) -> Result<String, ScheduleError> {
        let mut names: Vec<String> = Vec::new();
        for person in self.shifts(range)?.iter().flat_map(|shift| &shift.on_call.people) {
            if !names.iter().any(|name| *name == person.0) {
                names.push(person.to_string());
            }
        }
        Ok(if names.is_empty() { "nobody".to_owned() } else { names.join(", ") })
    }
}

/// Who makes an override, when and why, and under which id it is kept.
#[derive(Debug, Clone)]
pub struct Authored {
    pub id: OverrideId,
    pub author: String,
    pub reason: String,
    pub now: Timestamp,
}

impl Authored {
    pub fn make(self, range: TimeRange, change: Change) -> Override {
        Override {
            id: self.id,
            range,
            change,
            author: self.author,
            reason: self.reason,
            created_at: self.now,
        }
    }
}
