//! Who carried how much.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use super::{PersonId, Schedule, ScheduleError};
use crate::zone::{DAY_SECS, Wall, weekday_of};

/// Night begins at 22:00 on the wall of the schedule's zone, as in most labour law that counts it.
pub const NIGHT_FROM_SECS: u32 = 22 * 3_600;
/// And ends at 06:00.
pub const NIGHT_TO_SECS: u32 = 6 * 3_600;

/// Time on call of one person. Each instant counts once: as holiday, else as weekend (Saturday and Sunday), else as
/// night, else as day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    pub day: Duration,
    pub night: Duration,
    pub weekend: Duration,
    pub holiday: Duration,
    /// Times that they came on call.
    pub shifts: u32,
}

impl Load {
    pub fn total(&self) -> Duration {
        self.day + self.night + self.weekend + self.holiday
    }
}

impl Schedule {
    /// The load of everybody who can be on call, also of those who were not. The sum over people is the time during
    /// which somebody was on call, times the number who were at once. Shadows carry nothing.
    pub fn fairness(&self, range: TimeRange) -> Result<BTreeMap<PersonId, Load>, ScheduleError> {
        let mut loads: BTreeMap<PersonId, Load> =
            self.people().into_iter().map(|person| (person, Load::default())).collect();
        let mut before: Vec<PersonId> = Vec::new();
        for shift in self.shifts(range)? {
            for person in &shift.on_call.people {
                let load = loads.entry(person.clone()).or_default();
                load.shifts += u32::from(!before.contains(person));
                self.add(load, shift.range);
            }
            before = shift.on_call.people;
        }
        Ok(loads)
    }

    fn add(&self, load: &mut Load, range: TimeRange) {
        let mut start = range.start;
        while start < range.end {
            let wall = self.zone.wall(start);
            let end = self.end_of_kind(start).min(range.end);
            let length = end.since(start);
            let weekday = weekday_of(wall.day());
            let second = wall.second_of_day();
            if self.is_holiday(wall.day()) {
                load.holiday += length;
            } else if weekday >= 5 {
                load.weekend += length;
            } else if !(NIGHT_TO_SECS..NIGHT_FROM_SECS).contains(&second) {
                load.night += length;
            } else {
                load.day += length;
            }
            start = end;
        }
    }

    /// The next instant at which the kind of time may change: 06:00, 22:00, midnight, or the clocks are changed.
    fn end_of_kind(&self, at: Timestamp) -> Timestamp {
        let day = self.zone.wall(at).day();
        let marks = [i64::from(NIGHT_TO_SECS), i64::from(NIGHT_FROM_SECS), DAY_SECS, 2 * DAY_SECS];
        let on_wall = marks.map(|second| self.zone.passes(Wall(day * DAY_SECS + second)));
        let in_two_days = TimeRange::new(at, at + Duration::from_secs(2 * 86_400));
        on_wall
            .into_iter()
            .flat_map(|(first, second)| [Some(first), second])
            .flatten()
            .chain(self.zone.jumps(in_two_days))
            .filter(|mark| *mark > at)
            .min()
            .unwrap_or(at + Duration::from_secs(3_600))
    }
}
