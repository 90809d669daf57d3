//! Schedules: who is on call, at any instant, and why.
//!
//! A schedule has [`Layer`]s, each a rotation of participants within restrictions. The last layer that has somebody at
//! an instant decides; [`Override`]s come on top of that, in the order in which they were made.
//!
//! Promises
//! - [`Schedule::on_call_at`] is a closed form of the instant: it costs the same for tomorrow and in twenty years.
//! - [`Schedule::shifts`] says the same as `on_call_at` for every instant of its range, without holes or overlaps: it
//!   asks `on_call_at` at every instant at which an answer can change.
//! - Hand-overs follow the wall clock of the layer's zone; see [`crate::zone`] for what daylight saving does.
//! - Restrictions and holidays hold exactly while the wall clock shows their times: an hour that comes twice is within
//!   a window twice, and one that is skipped never.

mod calendar;
mod fairness;
mod ical;
mod layer;
mod notices;
mod overrides;

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;
use nines_base::ErrorKind;
use nines_model::{SmolStr, TimeRange, Timestamp};

pub use calendar::{CALENDAR_DAYS_MAX, Shift};
pub use fairness::{Load, NIGHT_FROM_SECS, NIGHT_TO_SECS};
pub use ical::{FEED_AHEAD, FEED_BEHIND};
pub use layer::{Holidays, Layer, Rotation, Slot, Unit, Weekdays, Window};
pub use notices::{HandOverNotice, NOTICE_LEADS};
pub use overrides::{Authored, Change, Override, OverrideId, Swap};

use crate::zone::{Zone, day_number};

/// Layers of one schedule: the largest published examples have six (follow the sun in three zones, days and nights).
pub const LAYERS_MAX: usize = 20;
/// Turns in one rotation: a participant a day for a quarter of a year.
pub const PARTICIPANTS_MAX: usize = 100;
/// Restrictions of one layer: four windows on each day of the week.
pub const WINDOWS_MAX: usize = 28;
/// Overrides of one schedule that have not ended a year ago: five a day.
pub const OVERRIDES_MAX: usize = 2_000;
/// Holidays of one schedule: fifty years of twenty.
pub const HOLIDAYS_MAX: usize = 1_000;

/// The account name of somebody who can be paged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonId(pub SmolStr);

impl PersonId {
    pub fn new(name: impl Into<SmolStr>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub name: String,
    /// In which days, nights and weekends are counted, and in which people see the calendar.
    pub zone: Zone,
    /// From the bottom to the top.
    pub layers: Vec<Layer>,
    /// Dates that a layer may keep free, or that it alone covers; on the wall of the layer's zone.
    pub holidays: BTreeSet<Date>,
    /// In the order in which they were made.
    pub overrides: Vec<Override>,
}

/// The answer for one instant. Nobody is on call if `people` is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCall {
    pub people: Vec<PersonId>,
    /// They learn: they see what happens and are never paged.
    pub shadows: Vec<PersonId>,
    pub because: Because,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// The layer, from 0 at the bottom, and the number of its turn since it began.
    Layer {
        layer: usize,
        turn: i64,
    },
    Override(OverrideId),
    /// No layer has anybody: a gap.
    Nobody,
}

impl OnCall {
    pub fn is_gap(&self) -> bool {
        self.people.is_empty()
    }
}

#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ScheduleError {
    #[error("schedule `{schedule}` has no layer; add one with participants")]
    NoLayers { schedule: String },
    #[error("schedule `{schedule}` has {count} {what}, more than the {limit} that are kept")]
    TooMany { schedule: String, what: &'static str, count: usize, limit: usize },
    #[error("layer `{layer}` of schedule `{schedule}` {problem}")]
    Layer { schedule: String, layer: String, problem: &'static str },
    #[error(
        "a calendar of {days} days is longer than the {CALENDAR_DAYS_MAX} that are drawn at once; ask for less"
    )]
    RangeTooLong { days: u64 },
    #[error("{person} is not on call in `{schedule}` during all of {range}; {hint}")]
    NotTheirs { schedule: String, person: PersonId, range: String, hint: String },
    #[error("the time from {from} to {to} is empty; the end must be after the start")]
    EmptyRange { from: Timestamp, to: Timestamp },
    #[error("the time has ended at {at} already; choose one that has not")]
    Past { at: Timestamp },
}

impl ScheduleError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotTheirs { .. } | Self::Past { .. } => ErrorKind::Conflict,
            Self::TooMany { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::InvalidInput,
        }
    }
}

impl Schedule {
    pub fn new(name: impl Into<String>, zone: Zone) -> Self {
        Self { name: name.into(), zone, layers: Vec::new(), holidays: BTreeSet::new(), overrides: Vec::new() }
    }

    /// Whether it can be used at all. That somebody is always on call is another question: see [`Schedule::gaps`].
    pub fn check(&self) -> Result<(), ScheduleError> {
        let schedule = || self.name.clone();
        let bound = |what, count, limit| {
            if count > limit {
                return Err(ScheduleError::TooMany { schedule: schedule(), what, count, limit });
            }
            Ok(())
        };
        if self.layers.is_empty() {
            return Err(ScheduleError::NoLayers { schedule: schedule() });
        }
        bound("layers", self.layers.len(), LAYERS_MAX)?;
        bound("overrides", self.overrides.len(), OVERRIDES_MAX)?;
        bound("holidays", self.holidays.len(), HOLIDAYS_MAX)?;
        for layer in &self.layers {
            bound("participants in one layer", layer.participants.len(), PARTICIPANTS_MAX)?;
            bound("restrictions in one layer", layer.windows.len(), WINDOWS_MAX)?;
            if let Err(problem) = layer.check() {
                return Err(ScheduleError::Layer {
                    schedule: schedule(),
                    layer: layer.name.clone(),
                    problem,
                });
            }
        }
        Ok(())
    }

    /// Who is on call at `at`. Costs a few lookups for each layer and one comparison for each override.
    pub fn on_call_at(&self, at: Timestamp) -> OnCall {
        let mut found = self.by_layers(at);
        for change in self.overrides.iter().filter(|change| change.range.contains(at)) {
            change.apply(&mut found);
        }
        found
    }

    fn by_layers(&self, at: Timestamp) -> OnCall {
        for (index, layer) in self.layers.iter().enumerate().rev() {
            if let Some((turn, slot)) = layer.turn_at(at, &self.holidays) {
                return OnCall {
                    people: slot.people.clone(),
                    shadows: slot.shadows.clone(),
                    because: Because::Layer { layer: index, turn },
                };
            }
        }
        OnCall { people: Vec::new(), shadows: Vec::new(), because: Because::Nobody }
    }

    fn is_holiday(&self, day: i64) -> bool {
        self.holidays.iter().any(|date| day_number(*date) == day)
    }

    /// Everybody who can ever be on call, each once, in alphabetical order.
    pub fn people(&self) -> BTreeSet<PersonId> {
        let in_layers = self.layers.iter().flat_map(|layer| &layer.participants);
        let mut people: BTreeSet<_> = in_layers.flat_map(|slot| slot.people.iter().cloned()).collect();
        for change in &self.overrides {
            match &change.change {
                Change::Everyone(with) => people.extend(with.iter().cloned()),
                Change::Instead { by, .. } => drop(people.insert(by.clone())),
            }
        }
        people
    }
}

/// Non-empty and half open, or the error that says so.
fn checked_range(from: Timestamp, to: Timestamp) -> Result<TimeRange, ScheduleError> {
    if to <= from { Err(ScheduleError::EmptyRange { from, to }) } else { Ok(TimeRange::new(from, to)) }
}
