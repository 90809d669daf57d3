//! One rotation and the times at which it counts.

use std::collections::BTreeSet;

use jiff::civil::Date;
use nines_model::{TimeRange, Timestamp};

use super::PersonId;
use crate::zone::{DAY_SECS, Wall, Zone, weekday_of};

#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub name: String,
    /// Whose wall clock hands over and opens the windows.
    pub zone: Zone,
    pub rotation: Rotation,
    /// In the order of their turns.
    pub participants: Vec<Slot>,
    /// When the layer counts; always, if there is none.
    pub windows: Vec<Window>,
    pub holidays: Holidays,
    /// The first date on which the layer counts no more, from the hour of the hand-over.
    pub ends_on: Option<Date>,
}

/// Turns of equal length on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    pub unit: Unit,
    /// Units in one turn, at least 1.
    pub length: u32,
    /// Second of the day at which turns begin.
    pub hand_over_secs: u32,
    /// Only for weeks: the weekday on which turns begin (Monday is 0); that of `starts_on` if there is none.
    pub weekday: Option<u8>,
    /// The layer counts from this date on, from the hour of the hand-over; the first participant has the first turn.
    pub starts_on: Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Hour,
    Day,
    Week,
}

/// Who has one turn: a person, a group that is paged together, or nobody (the layers below decide).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slot {
    pub people: Vec<PersonId>,
    pub shadows: Vec<PersonId>,
}

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

/// From a time of day to another on some weekdays; one that ends at or before its start ends on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub weekdays: Weekdays,
    /// Second of the day, below 86 400.
    pub from_secs: u32,
    /// Exclusive; 86 400 is the end of the day.
    pub to_secs: u32,
}

/// What a layer does on the dates of [`super::Schedule::holidays`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holidays {
    /// A day like any other.
    #[default]
    Ignore,
    /// The layer does not count then.
    Off,
    /// The layer counts only then.
    Only,
}

impl Unit {
    pub fn secs(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => DAY_SECS,
            Self::Week => 7 * DAY_SECS,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

impl Slot {
    pub fn person(name: &str) -> Self {
        Self { people: vec![PersonId::new(name)], shadows: Vec::new() }
    }
}

impl Weekdays {
    pub const ALL: Self = Self(0b111_1111);
    pub const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// Monday is 0; numbers above 6 wrap round.
    pub fn of(days: impl IntoIterator<Item = u8>) -> Self {
        Self(days.into_iter().fold(0, |bits, day| bits | 1 << (day % 7)))
    }

    pub fn has(self, weekday: u8) -> bool {
        self.0 & 1 << (weekday % 7) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..7).filter(move |day| self.has(*day))
    }
}

impl Window {
    pub fn contains(&self, wall: Wall) -> bool {
        let (second, weekday) = (wall.second_of_day(), weekday_of(wall.day()));
        if self.from_secs < self.to_secs {
            return self.weekdays.has(weekday) && (self.from_secs..self.to_secs).contains(&second);
        }
        let begun_today = self.weekdays.has(weekday) && second >= self.from_secs;
        let begun_yesterday = self.weekdays.has(weekday_of(wall.day() - 1)) && second < self.to_secs;
        begun_today || begun_yesterday
    }
}

impl Rotation {
    fn turn_secs(&self) -> i64 {
        self.unit.secs() * i64::from(self.length.max(1))
    }

    fn begin(&self) -> Wall {
        Wall::of(self.starts_on, self.hand_over_secs)
    }

    /// Where turn 0 begins: at the start, or on the hand-over weekday before it, so that the first turn may be short
    /// but nothing is uncovered.
    fn anchor(&self) -> Wall {
        let begin = self.begin();
        match (self.unit, self.weekday) {
            (Unit::Week, Some(weekday)) => {
                let since = (7 + i64::from(weekday_of(begin.day())) - i64::from(weekday)).rem_euclid(7);
                Wall(begin.0 - since * DAY_SECS)
            }
            _ => begin,
        }
    }

    fn wall_of(&self, turn: i64) -> Wall {
        Wall(self.anchor().0.saturating_add(turn.saturating_mul(self.turn_secs())))
    }

    /// The turn that is running at `at`; negative before the start.
    fn turn_at(&self, zone: &Zone, at: Timestamp) -> i64 {
        let shown = zone.wall(at);
        let mut turn = (shown.0 - self.anchor().0).div_euclid(self.turn_secs());
        // After clocks were put back they show less than they have shown before: hand-overs of the first pass stand.
        // No zone has put its clocks back by more than a day, so this is at most 24 turns of an hour.
        while zone.reached(self.wall_of(turn + 1)) <= at {
            turn += 1;
        }
        turn
    }
}

impl Layer {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        /// A turn of ten years is a mistake.
        const TURN_SECS_MAX: i64 = 10 * 366 * DAY_SECS;
        let rotation = &self.rotation;
        if self.participants.iter().all(|slot| slot.people.is_empty()) {
            return Err("has no participants; name at least one person");
        }
        if rotation.length == 0 || rotation.turn_secs() > TURN_SECS_MAX {
            return Err(
                "has turns of no length, or of more than ten years; give their length in hours, days or weeks",
            );
        }
        if i64::from(rotation.hand_over_secs) >= DAY_SECS {
            return Err("hands over at a time that no day has; use 00:00 to 23:59");
        }
        if rotation.weekday.is_some_and(|weekday| weekday > 6) {
            return Err("hands over on a weekday that no week has");
        }
        let is_wrong =
            |window: &Window| i64::from(window.from_secs) >= DAY_SECS || i64::from(window.to_secs) > DAY_SECS;
        if self.windows.iter().any(is_wrong) {
            return Err("has a restriction outside the day; use 00:00 to 24:00");
        }
        if self.windows.iter().any(|window| window.weekdays.is_empty()) {
            return Err("has a restriction to no weekday at all; name at least one");
        }
        if self.ends_on.is_some_and(|ends_on| ends_on <= rotation.starts_on) {
            return Err("ends before it starts");
        }
        Ok(())
    }

    /// The running turn and who has it; `None` if the layer does not count at `at` or nobody has the turn.
    pub(super) fn turn_at(&self, at: Timestamp, holidays: &BTreeSet<Date>) -> Option<(i64, &Slot)> {
        if at < self.zone.reached(self.rotation.begin()) || self.end().is_some_and(|end| at >= end) {
            return None;
        }
        let shown = self.zone.wall(at);
        if !self.windows.is_empty() && !self.windows.iter().any(|window| window.contains(shown)) {
            return None;
        }
        let counts = match self.holidays {
            Holidays::Ignore => true,
            Holidays::Off => !holidays.contains(&shown.date()),
            Holidays::Only => holidays.contains(&shown.date()),
        };
        if !counts {
            return None;
        }
        let turn = self.rotation.turn_at(&self.zone, at);
        let slot = self.slot(turn)?;
        (!slot.people.is_empty()).then_some((turn, slot))
    }

    fn slot(&self, turn: i64) -> Option<&Slot> {
        let count = i64::try_from(self.participants.len()).ok().filter(|count| *count > 0)?;
        self.participants.get(usize::try_from(turn.rem_euclid(count)).ok()?)
    }

    fn end(&self) -> Option<Timestamp> {
        self.ends_on.map(|date| self.zone.reached(Wall::of(date, self.rotation.hand_over_secs)))
    }

    /// Adds every instant within `range` at which [`Layer::turn_at`] may begin to answer differently.
    pub(super) fn changes(&self, range: TimeRange, holidays: &BTreeSet<Date>, into: &mut Vec<Timestamp>) {
        into.push(self.zone.reached(self.rotation.begin()));
        into.extend(self.end());
        into.extend(self.zone.jumps(range));
        let first = self.rotation.turn_at(&self.zone, range.start).max(0);
        let mut turn = first;
        loop {
            turn += 1;
            let at = self.zone.reached(self.rotation.wall_of(turn));
            if at >= range.end || turn - first > HAND_OVERS_MAX {
                break;
            }
            into.push(at);
        }
        let mut passes = |wall: Wall| {
            let (first, second) = self.zone.passes(wall);
            into.push(first);
            into.extend(second);
        };
        // A day to either side: the range may begin and end on another date on this wall.
        let days = self.zone.wall(range.start).day() - 1..=self.zone.wall(range.end).day() + 1;
        for day in days.clone() {
            for window in &self.windows {
                passes(Wall(day * DAY_SECS + i64::from(window.from_secs)));
                passes(Wall(day * DAY_SECS + i64::from(window.to_secs)));
            }
        }
        if self.holidays != Holidays::Ignore {
            let dates = Wall(days.start() * DAY_SECS).date()..=Wall(days.end() * DAY_SECS).date();
            for date in holidays.range(dates) {
                passes(Wall::of(*date, 0));
                passes(Wall(Wall::of(*date, 0).0 + DAY_SECS));
            }
        }
    }
}

/// Hand-overs of an hourly rotation in the longest calendar ([`super::CALENDAR_DAYS_MAX`] days).
const HAND_OVERS_MAX: i64 = 24 * (super::CALENDAR_DAYS_MAX as i64 + 3);
