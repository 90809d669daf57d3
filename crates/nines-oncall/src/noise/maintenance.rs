//! Maintenance windows: work that is known, during which its alerts are not told and its escalations are held.

use std::time::Duration;

use jiff::civil::Date;
use nines_base::ErrorKind;
use nines_filter::Filter;
use nines_model::{TimeRange, Timestamp};

use crate::alert::IncomingAlert;
use crate::schedule::Weekdays;
use crate::zone::{DAY_SECS, Wall, Zone, day_number, weekday_of};

/// The longest window, unless the node's owner allows more.
pub const MAINTENANCE_DEFAULT_MAX: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug, Clone, PartialEq)]
pub struct MaintenanceWindow {
    pub name: String,
    pub filter: Filter,
    pub when: When,
    pub author: String,
    pub reason: String,
    /// Whether the status page announces it.
    pub is_public: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum When {
    Once(TimeRange),
    /// From a time of day on some weekdays, on the wall of a zone. Lasts the same real time whatever the clocks do.
    Weekly {
        zone: Zone,
        weekdays: Weekdays,
        from_secs: u32,
        length: Duration,
        /// Every so many weeks, counted from the week of `starts_on`.
        every_weeks: u32,
        starts_on: Date,
        /// The first date without it.
        ends_on: Option<Date>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("maintenance window `{name}` has no {what}; {hint}")]
    Missing { name: String, what: &'static str, hint: &'static str },
    #[error("maintenance window `{name}` lasts {hours} h, more than the {max} h that are allowed")]
    TooLong { name: String, hours: u64, max: u64 },
    #[error("maintenance window `{name}` is empty; its end must be after its start")]
    Empty { name: String },
}

impl WindowError {
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

impl MaintenanceWindow {
    pub fn check(&self, longest: Duration) -> Result<(), WindowError> {
        let name = || self.name.clone();
        if self.author.trim().is_empty() {
            return Err(WindowError::Missing {
                name: name(),
                what: "author",
                hint: "say who answers for it",
            });
        }
        let length = match &self.when {
            When::Once(range) => range.duration(),
            When::Weekly { weekdays, .. } if weekdays.is_empty() => {
                let hint = "name at least one, such as sun";
                return Err(WindowError::Missing { name: name(), what: "weekday", hint });
            }
            When::Weekly { length, .. } => *length,
        };
        if length.is_zero() {
            return Err(WindowError::Empty { name: name() });
        }
        if length > longest {
            let hours = length.as_secs().div_ceil(3_600);
            return Err(WindowError::TooLong { name: name(), hours, max: longest.as_secs() / 3_600 });
        }
        Ok(())
    }

    /// The run of the window that `at` is in. What it holds back, it holds until its end.
    pub fn active_at(&self, at: Timestamp) -> Option<TimeRange> {
        match &self.when {
            When::Once(range) => range.contains(at).then_some(*range),
            When::Weekly { zone, length, .. } => {
                let today = zone.wall(at).day();
                let back = i64::try_from(length.as_secs()).unwrap_or(0) / DAY_SECS + 2;
                // The earliest run that is still on decides when two overlap; its end is the later told first.
                let runs = (today - back..=today).rev().filter_map(|day| self.when.run_on(day));
                runs.filter(|run| run.contains(at)).max_by_key(|run| run.end)
            }
        }
    }

    /// The first run that begins after `at`, within five weeks' worth of its own rhythm.
    pub fn next_after(&self, at: Timestamp) -> Option<TimeRange> {
        match &self.when {
            When::Once(range) => (range.start > at).then_some(*range),
            When::Weekly { zone, every_weeks, .. } => {
                let today = zone.wall(at).day();
                let ahead = 7 * (i64::from(*every_weeks) + 1);
                (today..=today + ahead).filter_map(|day| self.when.run_on(day)).find(|run| run.start > at)
            }
        }
    }

    /// The end of the run that holds this alert back.
    pub fn holds(&self, alert: &IncomingAlert, now: Timestamp) -> Option<Timestamp> {
        let run = self.active_at(now)?;
        self.filter.accepts(alert).then_some(run.end)
    }
}

impl When {
    fn run_on(&self, day: i64) -> Option<TimeRange> {
        let Self::Weekly { zone, weekdays, from_secs, length, every_weeks, starts_on, ends_on } = self else {
            return None;
        };
        let first = day_number(*starts_on);
        // Weeks begin on Monday.
        let monday = |day: i64| day - i64::from(weekday_of(day));
        let weeks = (monday(day) - monday(first)) / 7;
        let is_on = day >= first
            && ends_on.is_none_or(|ends_on| day < day_number(ends_on))
            && weekdays.has(weekday_of(day))
            && weeks % i64::from((*every_weeks).max(1)) == 0;
        if !is_on {
            return None;
        }
        let start = zone.reached(Wall(day * DAY_SECS + i64::from(*from_secs)));
        Some(TimeRange::new(start, start + *length))
    }
}
