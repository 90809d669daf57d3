//! Times of a job, as crontab(5) writes them: minute, hour, day of month, month, day of week.
//!
//! `*`, numbers, ranges, lists, steps and the English names of months and days; 7 is Sunday too. If day of month and day of
//! week are both restricted, either is enough, as in cron.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use nines_model::Timestamp;

#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    zone: TimeZone,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both are restricted: a day needs one of them only.
    either_day: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error("has {0} fields, not five")]
    Fields(usize),
    #[error("`{text}` is no {field}: it is from {min} to {max}")]
    Field { field: &'static str, text: String, min: u8, max: u8 },
    #[error("`{0}` is not a time zone")]
    Zone(String),
    #[error("never happens")]
    Never,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Days that are looked at for the next time: 29 February on a certain weekday comes every 28 years, 40 at the turn of
/// most centuries.
const DAYS_MAX: u32 = 366 * 40;

impl Cron {
    pub fn parse(text: &str, zone: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError::Fields(fields.len()));
        };
        let weekdays = field("day of week", weekday, 0, 7, &WEEKDAYS)?;
        let cron = Self {
            text: fields.join(" "),
            zone: TimeZone::get(zone).map_err(|_| CronError::Zone(zone.to_owned()))?,
            minutes: field("minute", minute, 0, 59, &[])?,
            hours: field("hour", hour, 0, 23, &[])?,
            days: field("day of month", day, 1, 31, &[])?,
            months: field("month", month, 1, 12, &MONTHS)?,
            // 7 is 0.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        match cron.after(Timestamp::EPOCH) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first time later than `at`. A local time that a change of clocks leaves out does not happen; one that happens
    /// twice counts the first time.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let mut date = at.to_jiff().to_zoned(self.zone.clone()).date();
        for _ in 0..DAYS_MAX {
            if self.is_day(date)
                && let Some(found) = self.on(date).find(|found| *found > at)
            {
                return Some(found);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn is_day(&self, date: jiff::civil::Date) -> bool {
        let has = |set: u64, number: i8| set >> number & 1 == 1;
        let weekday = match date.weekday() {
            Weekday::Sunday => 0,
            other => other.to_monday_one_offset(),
        };
        let (of_month, of_week) = (has(self.days, date.day()), has(self.weekdays, weekday));
        let is_day = if self.either_day { of_month || of_week } else { of_month && of_week };
        has(self.months, date.month()) && is_day
    }

    /// The times of a day, in order.
    fn on(&self, date: jiff::civil::Date) -> impl Iterator<Item = Timestamp> {
        let hours = (0..24_i8).filter(|hour| self.hours >> hour & 1 == 1);
        let times = hours.flat_map(|hour| {
            (0..60_i8).filter(|minute| self.minutes >> minute & 1 == 1).map(move |minute| (hour, minute))
        });
        times.filter_map(move |(hour, minute)| {
            let civil = date.at(hour, minute, 0, 0);
            let zoned = civil.to_zoned(self.zone.clone()).ok()?;
            // The clocks skip it: there is no such time.
            (zoned.datetime() == civil).then(|| Timestamp::from_secs(zoned.timestamp().as_second()))
        })
    }
}

/// The set of numbers as bits.
fn field(name: &'static str, text: &str, min: u8, max: u8, names: &[&str]) -> Result<u64, CronError> {
    let wrong = || CronError::Field { field: name, text: text.to_owned(), min, max };
    let first_name = if names.len() == 12 { 1 } else { 0 };
    let number = |text: &str| -> Option<u8> {
        let named = names.iter().position(|known| known.eq_ignore_ascii_case(text));
        let number = match named {
            Some(index) => u8::try_from(index).ok()? + first_name,
            None => text.parse().ok()?,
        };
        (min..=max).contains(&number).then_some(number)
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, step.parse::<u8>().ok().filter(|step| *step > 0).ok_or_else(wrong)?)
            }
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (min, max),
            Some((first, last)) => (number(first).ok_or_else(wrong)?, number(last).ok_or_else(wrong)?),
            None => {
                let first = number(range).ok_or_else(wrong)?;
                // `5/10` means from 5 on.
                (first, if part.contains('/') { max } else { first })
            }
        };
        if first > last {
            return Err(wrong());
        }
        (first..=last).step_by(usize::from(step)).for_each(|number| set |= 1 << number);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cron: &str, zone: &str, after: &str, expected: &str) {
        let cron = Cron::parse(cron, zone).unwrap();
        let next = cron.after(Timestamp::parse_rfc3339(after).unwrap()).unwrap();
        assert_eq!(next, Timestamp::parse_rfc3339(expected).unwrap(), "{next}");
    }

    #[test]
    fn the_next_time_is_found_in_its_zone() {
        check("*/15 * * * *", "UTC", "2026-11-22T10:14:59Z", "2026-11-22T10:15:00Z");
        check("*/15 * * * *", "UTC", "2026-11-22T10:15:00Z", "2026-11-22T10:30:00Z");
        check("0 3 * * *", "Asia/Taipei", "2026-11-22T10:00:00Z", "2026-11-22T19:00:00Z");
        check("30 4 1,15 * fri", "UTC", "2026-11-22T00:00:00Z", "2026-11-27T04:30:00Z");
        check("0 0 29 feb *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
        check("0 12 * * 7", "UTC", "2026-11-22T12:00:00Z", "2026-11-29T12:00:00Z");
        check("5/20 22-23 * jan-mar mon", "UTC", "2026-12-31T00:00:00Z", "2027-01-04T22:05:00Z");
        // The clocks of Berlin skip from 2 to 3 on 29 March 2026, and repeat 2 to 3 on 25 October.
        check("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z");
        check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "x * * * *",
        ] {
            assert!(Cron::parse(text, "UTC").is_err(), "{text}");
        }
        assert_eq!(Cron::parse("0 0 30 2 *", "UTC").unwrap_err(), CronError::Never);
        assert!(matches!(Cron::parse("* * * * *", "Moon/Base"), Err(CronError::Zone(_))));
    }

    /// The slow and obvious way: minute by minute.
    #[test]
    fn it_equals_a_walk_through_all_minutes() {
        for (text, minute_mod, hours) in [("*/7 5-6 * * *", 7, 5..=6), ("*/10 * * * *", 10, 0..=23)] {
            let cron = Cron::parse(text, "UTC").unwrap();
            let start = Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap().as_secs();
            let mut found = Vec::new();
            let mut at = Timestamp::from_secs(start - 1);
            while let Some(next) = cron.after(at).filter(|next| next.as_secs() < start + 2 * 86_400) {
                found.push(next.as_secs());
                at = next;
            }
            let walked: Vec<i64> = (0..2 * 1440)
                .filter(|minute| minute % 60 % minute_mod == 0 && hours.contains(&(minute / 60 % 24)))
                .map(|minute| start + minute * 60)
                .collect();
            assert_eq!(found, walked, "{text}");
        }
    }
}
