//! Time zones and the clock on the wall.
//!
//! A rotation hands over when *the wall clock of its zone first shows* a time. That one rule answers every question that
//! daylight saving asks: a time that is skipped is first reached at the instant of the jump; a time that comes twice is
//! reached the first time; a lost day (Apia, 30 December 2011) is passed in one instant, and whoever's turn lay wholly
//! within it has a turn of no length.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use nines_model::{SmolStr, TimeRange, Timestamp};

pub(crate) const DAY_SECS: i64 = 86_400;

/// What the clock on the wall shows, as seconds since 1970-01-01T00:00:00 *on that wall*. Days are always 86 400 long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(pub i64);

impl Wall {
    pub fn of(date: Date, second_of_day: u32) -> Self {
        Self(day_number(date) * DAY_SECS + i64::from(second_of_day))
    }

    /// Days since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_SECS)
    }

    /// From 0 to 86 399.
    pub fn second_of_day(self) -> u32 {
        u32::try_from(self.0.rem_euclid(DAY_SECS)).expect("less than a day")
    }

    pub fn date(self) -> Date {
        self.datetime().date()
    }

    pub(crate) fn datetime(self) -> DateTime {
        // Outside jiff's years (±9999) nothing is scheduled; a wall time there can only come from a hostile document.
        let at = jiff::Timestamp::from_second(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Offset::UTC.to_datetime(at)
    }
}

/// Monday is 0. 1970-01-01 was a Thursday.
pub(crate) fn weekday_of(day: i64) -> u8 {
    u8::try_from((day + 3).rem_euclid(7)).expect("less than seven")
}

pub(crate) fn day_number(date: Date) -> i64 {
    let midnight = DateTime::from_parts(date, jiff::civil::Time::midnight());
    Offset::UTC.to_timestamp(midnight).map_or(0, |at| at.as_second().div_euclid(DAY_SECS))
}

/// A zone of the IANA database, by its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: SmolStr,
    zone: TimeZone,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{name}` is not a time zone{}", hint(.nearest))]
pub struct UnknownZone {
    pub name: String,
    pub nearest: Option<String>,
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; use a name of the IANA database, such as Asia/Taipei".to_owned(),
    }
}

impl Zone {
    /// By its IANA name, in any case.
    pub fn get(name: &str) -> Result<Self, UnknownZone> {
        match TimeZone::get(name.trim()) {
            Ok(zone) => {
                let name = zone.iana_name().unwrap_or(name.trim()).into();
                Ok(Self { name, zone })
            }
            Err(_) => Err(UnknownZone { name: name.chars().take(64).collect(), nearest: nearest_zone(name) }),
        }
    }

    pub fn utc() -> Self {
        Self { name: "UTC".into(), zone: TimeZone::UTC }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn wall(&self, at: Timestamp) -> Wall {
        let secs = at.as_secs();
        let instant = jiff::Timestamp::from_second(secs).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Wall(secs + i64::from(self.zone.to_offset(instant).seconds()))
    }

    /// The first instant at which the clock shows `wall` or later.
    pub fn reached(&self, wall: Wall) -> Timestamp {
        let before =
            |offset: Offset| Timestamp::from_secs(wall.0.saturating_sub(i64::from(offset.seconds())));
        match self.zone.to_ambiguous_timestamp(wall.datetime()).offset() {
            AmbiguousOffset::Unambiguous { offset } => before(offset),
            AmbiguousOffset::Fold { before: first, .. } => before(first),
            // Read with the later offset a skipped time lies before the jump; the jump is the next transition.
            AmbiguousOffset::Gap { after, .. } => {
                let earlier = before(after);
                self.zone
                    .following(earlier.to_jiff())
                    .next()
                    .map_or(earlier, |jump| Timestamp::from_secs(jump.timestamp().as_second()))
            }
        }
    }

    /// Every instant at which the clock begins to show `wall`: one, or two where the hour comes twice. For a skipped
    /// time, the jump over it.
    pub(crate) fn passes(&self, wall: Wall) -> (Timestamp, Option<Timestamp>) {
        let second = match self.zone.to_ambiguous_timestamp(wall.datetime()).offset() {
            AmbiguousOffset::Fold { after, .. } => {
                Some(Timestamp::from_secs(wall.0.saturating_sub(i64::from(after.seconds()))))
            }
            _ => None,
        };
        (self.reached(wall), second)
    }

    /// The instants within `range` at which the clock on the wall jumps.
    pub(crate) fn jumps(&self, range: TimeRange) -> Vec<Timestamp> {
        let from = (range.start - std::time::Duration::from_secs(1)).to_jiff();
        let jumps = self.zone.following(from);
        jumps
            .map(|jump| Timestamp::from_secs(jump.timestamp().as_second()))
            .skip_while(|at| *at < range.start)
            .take_while(|at| *at < range.end)
            .collect()
    }
}

fn nearest_zone(wanted: &str) -> Option<String> {
    /// As for keys of documents: lets a typing error or two through and keeps unrelated names out.
    const NEAR: f64 = 0.85;
    let wanted = wanted.to_lowercase();
    let known = jiff::tz::db().available().map(|name| name.as_str().to_owned());
    let last_part = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    // People write the city alone: `Taipei`.
    let score = |name: &str| {
        let whole = strsim::jaro_winkler(&wanted, &name.to_lowercase());
        whole.max(strsim::jaro_winkler(&wanted, &last_part(name)))
    };
    known
        .map(|name| (score(&name), name))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, wall: &str, expected: &str) {
        let zone = Zone::get(zone).unwrap();
        let wall: DateTime = wall.parse().unwrap();
        let second = u32::try_from(i32::from(wall.hour()) * 3600 + i32::from(wall.minute()) * 60).unwrap();
        assert_eq!(zone.reached(Wall::of(wall.date(), second)).to_string(), expected, "{zone} {wall}");
    }

    #[test]
    fn a_wall_time_is_reached_once_whatever_the_clocks_do() {
        check("Asia/Taipei", "2026-11-22T08:00", "2026-11-22T00:00:00Z");
        // Skipped: at the jump. Twice: the first time.
        check("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00:00Z");
        check("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z");
        // Half an hour only, from 02:00 to 02:30.
        check("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00Z");
        // The day that was not.
        check("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00:00Z");
        check("Pacific/Apia", "2011-12-31T00:00", "2011-12-30T10:00:00Z");
    }

    #[test]
    fn an_unknown_zone_names_the_nearest() {
        let error = Zone::get("Asia/Tapei").unwrap_err();
        assert_eq!(error.to_string(), "`Asia/Tapei` is not a time zone; did you mean `Asia/Taipei`?");
        assert_eq!(Zone::get("taipei").unwrap_err().nearest.as_deref(), Some("Asia/Taipei"));
        assert_eq!(Zone::get("europe/berlin").unwrap().name(), "Europe/Berlin");
    }
}
