//! Reports that go out by mail: over which time, when, and to whom. What stands in them is not known here.

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use nines_model::{TimeRange, Timestamp};

use crate::schedule::PersonId;
use crate::zone::{DAY_SECS, Wall, Zone, weekday_of};

/// How late a report may go out: whoever starts a node in the afternoon still gets the morning's, and one that was
/// declared in the middle of a week does not bring up an old one.
pub const REPORT_LATE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// People, teams and channels of one report.
pub const REPORT_READERS_MAX: usize = 100;

/// The figures of a time that is over, by mail.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewReport {
    pub name: String,
    pub every: Every,
    /// Since midnight on the wall of `zone`.
    pub at_secs: u32,
    /// Of a week: Monday is 0. A report of a month goes out on its first day.
    pub weekday: u8,
    pub zone: Zone,
    /// Each by the first mail channel of theirs.
    pub people: Vec<PersonId>,
    /// Each by its mail channels.
    pub teams: Vec<String>,
    /// Mail channels by name.
    pub channels: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    Week,
    Month,
}

/// A time that is reported on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// `2026-W47` or `2026-10`; a report goes out once for each.
    pub key: String,
    /// From midnight to midnight on the report's wall.
    pub range: TimeRange,
    pub due_at: Timestamp,
}

impl Every {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl ReviewReport {
    /// The newest period whose report is due at `now` or was before.
    pub fn last_due(&self, now: Timestamp) -> Period {
        let this = self.period(self.zone.wall(now), 0);
        if this.due_at <= now { this } else { self.period(self.zone.wall(now), -1) }
    }

    /// When the next report goes out.
    pub fn next_due(&self, now: Timestamp) -> Timestamp {
        let wall = self.zone.wall(now);
        let coming = (0..=1).map(|ahead| self.period(wall, ahead).due_at).find(|due| *due > now);
        coming.unwrap_or(now)
    }

    /// Whether that report is still to go out at `now`.
    pub fn is_due(&self, period: &Period, now: Timestamp) -> bool {
        period.due_at <= now && now.since(period.due_at) <= REPORT_LATE_MAX
    }

    /// What is reported on in the week or month of `wall`, or `ahead` of it: the one before.
    fn period(&self, wall: Wall, ahead: i64) -> Period {
        let midnight = |day: i64| self.zone.reached(Wall(day * DAY_SECS));
        match self.every {
            Every::Week => {
                let monday = wall.day() - i64::from(weekday_of(wall.day())) + 7 * ahead;
                let week = Wall((monday - 7) * DAY_SECS).date().iso_week_date();
                let due = Wall((monday + i64::from(self.weekday)) * DAY_SECS + i64::from(self.at_secs));
                Period {
                    key: format!("{:04}-W{:02}", week.year(), week.week()),
                    range: TimeRange::new(midnight(monday - 7), midnight(monday)),
                    due_at: self.zone.reached(due),
                }
            }
            Every::Month => {
                let first = wall.date().first_of_month();
                let moved = |date: Date, months: i64| date.checked_add(months.months()).unwrap_or(date);
                let first = moved(first, ahead);
                let before = moved(first, -1);
                let start = |date: Date| self.zone.reached(Wall::of(date, 0));
                Period {
                    key: format!("{:04}-{:02}", before.year(), before.month()),
                    range: TimeRange::new(start(before), start(first)),
                    due_at: self.zone.reached(Wall::of(first, self.at_secs)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn report(every: Every, zone: &str) -> ReviewReport {
        ReviewReport {
            name: "r".to_owned(),
            every,
            at_secs: 9 * 3_600,
            weekday: 0,
            zone: Zone::get(zone).unwrap(),
            people: Vec::new(),
            teams: Vec::new(),
            channels: Vec::new(),
        }
    }

    #[test]
    fn a_week_is_reported_on_after_its_end_by_the_wall() {
        let weekly = report(Every::Week, "Asia/Taipei");
        // Monday, 09:00 in Taipei.
        let due = at("2026-11-23T01:00:00Z");
        let period = weekly.last_due(due);
        assert_eq!((period.key.as_str(), period.due_at), ("2026-W47", due));
        assert_eq!(period.range, TimeRange::new(at("2026-11-15T16:00:00Z"), at("2026-11-22T16:00:00Z")));
        assert!(weekly.is_due(&period, due) && weekly.is_due(&period, at("2026-11-24T01:00:00Z")));
        assert!(!weekly.is_due(&period, at("2026-11-24T01:00:01Z")));
        let before = weekly.last_due(at("2026-11-23T00:59:59Z"));
        assert_eq!((before.key.as_str(), before.due_at), ("2026-W46", at("2026-11-16T01:00:00Z")));
        assert_eq!(weekly.next_due(at("2026-11-23T00:59:59Z")), due);
        assert_eq!(weekly.next_due(due), at("2026-11-30T01:00:00Z"));
        // The week in which a year begins, and the hour that daylight saving takes.
        assert_eq!(weekly.last_due(at("2027-01-04T02:00:00Z")).key, "2026-W53");
        let berlin = report(Every::Week, "Europe/Berlin").last_due(at("2026-10-26T12:00:00Z"));
        assert_eq!(berlin.range, TimeRange::new(at("2026-10-18T22:00:00Z"), at("2026-10-25T23:00:00Z")));
    }

    #[test]
    fn a_month_is_reported_on_at_its_first_day() {
        let monthly = report(Every::Month, "UTC");
        let period = monthly.last_due(at("2027-01-01T09:00:00Z"));
        assert_eq!(period.key, "2026-12");
        assert_eq!(period.range, TimeRange::new(at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z")));
        assert_eq!(monthly.last_due(at("2027-01-01T08:59:59Z")).key, "2026-11");
        assert_eq!(monthly.next_due(at("2027-01-31T10:00:00Z")), at("2027-02-01T09:00:00Z"));
    }
}
