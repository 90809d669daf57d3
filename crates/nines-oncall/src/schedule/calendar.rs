//! A schedule over time: shifts, gaps and the next hand-over.

use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use super::{OnCall, PersonId, Schedule, ScheduleError};

/// The longest range that is drawn at once: a year and what a calendar shows around it.
pub const CALENDAR_DAYS_MAX: u64 = 400;

/// How far ahead the next hand-over is looked for: the longest turns that people use are of a few weeks.
const NEXT_WITHIN_DAYS: u64 = 370;

const DAY: Duration = Duration::from_secs(86_400);

/// A time during which the answer is the same, cut at the ends of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    pub range: TimeRange,
    pub on_call: OnCall,
}

impl Schedule {
    /// What [`Schedule::on_call_at`] answers from the start of `range` to its end: consecutive, without holes; gaps are
    /// shifts of nobody. Costs a few microseconds for each hand-over, and for each window on each day.
    ///
    /// # Errors
    /// [`ScheduleError::RangeTooLong`].
    pub fn shifts(&self, range: TimeRange) -> Result<Vec<Shift>, ScheduleError> {
        let days = range.duration().as_secs() / DAY.as_secs();
        if days > CALENDAR_DAYS_MAX {
            return Err(ScheduleError::RangeTooLong { days });
        }
        let mut at: Vec<Timestamp> = vec![range.start];
        for layer in &self.layers {
            layer.changes(range, &self.holidays, &mut at);
        }
        at.extend(self.overrides.iter().flat_map(|change| [change.range.start, change.range.end]));
        at.retain(|at| range.contains(*at));
        at.sort_unstable();
        at.dedup();

        let mut shifts: Vec<Shift> = Vec::new();
        for start in at {
            let on_call = self.on_call_at(start);
            match shifts.last_mut() {
                Some(last) if last.on_call == on_call => {}
                last => {
                    if let Some(last) = last {
                        last.range.end = start;
                    }
                    shifts.push(Shift { range: TimeRange::new(start, range.end), on_call });
                }
            }
        }
        Ok(shifts)
    }

    /// When nobody is on call.
    pub fn gaps(&self, range: TimeRange) -> Result<Vec<TimeRange>, ScheduleError> {
        let mut gaps: Vec<TimeRange> = Vec::new();
        for shift in self.shifts(range)?.into_iter().filter(|shift| shift.on_call.is_gap()) {
            match gaps.last_mut() {
                Some(last) if last.end == shift.range.start => last.end = shift.range.end,
                _ => gaps.push(shift.range),
            }
        }
        Ok(gaps)
    }

    /// The next instant after `at` at which other people are on call, and who; `None` if none comes within a year.
    pub fn next_hand_over(&self, at: Timestamp) -> Option<(Timestamp, OnCall)> {
        let now = self.on_call_at(at);
        let mut start = at;
        // Most hand-overs are near: a day first, then a month, then the rest.
        for days in [1, 31, NEXT_WITHIN_DAYS] {
            let end = at + DAY * u32::try_from(days).unwrap_or(u32::MAX);
            let shifts = self.shifts(TimeRange::new(start, end)).ok()?;
            let other = shifts.into_iter().find(|shift| shift.on_call.people != now.people);
            if let Some(shift) = other {
                return Some((shift.range.start, shift.on_call));
            }
            start = end;
        }
        None
    }

    /// The shifts of one person within `range`, joined where one follows the other.
    pub fn shifts_of(&self, person: &PersonId, range: TimeRange) -> Result<Vec<TimeRange>, ScheduleError> {
        let mut theirs: Vec<TimeRange> = Vec::new();
        for shift in self.shifts(range)?.into_iter().filter(|shift| shift.on_call.people.contains(person)) {
            match theirs.last_mut() {
                Some(last) if last.end == shift.range.start => last.end = shift.range.end,
                _ => theirs.push(shift.range),
            }
        }
        Ok(theirs)
    }
}
