//! Which stretch of time a promise is about, at a given instant.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Span, civil};
use nines_model::{TimeRange, Timestamp};

use crate::document::{Period, PeriodUnit, Window};

/// The longest rolling window: the longest that the workbook's table (and CAPABILITIES' defaults) know.
pub const ROLLING_MAX: Duration = Duration::from_secs(90 * 86_400);
/// The longest calendar window, a leap year.
pub const CALENDAR_MAX: Duration = Duration::from_secs(366 * 86_400);

impl Window {
    /// The window that `now` is in. A rolling one ends at `now`. A calendar one is the whole period, so its end lies in
    /// the future, and it is as long as the calendar says: a day of 23, 24 or 25 hours, a month of 28 to 31 days.
    ///
    /// ```
    /// use nines_model::Timestamp;
    /// use nines_slo::{Period, PeriodUnit, Window};
    /// let month = Window::Calendar {
    ///     period: Period::new(1, PeriodUnit::Month),
    ///     start: "2026-01-01T00:00:00".parse().unwrap(),
    ///     zone: "America/New_York".to_owned(),
    /// };
    /// // March 2026 loses an hour to summer time.
    /// let range = month.range_at(Timestamp::parse_rfc3339("2026-03-20T12:00:00Z").unwrap());
    /// assert_eq!(range.start.to_string(), "2026-03-01T05:00:00Z");
    /// assert_eq!(range.end.to_string(), "2026-04-01T04:00:00Z");
    /// ```
    pub fn range_at(&self, now: Timestamp) -> TimeRange {
        match self {
            Self::Rolling(period) => TimeRange::new(now - period.nominal(), now),
            Self::Calendar { period, start, zone } => {
                // Documents are checked when they are read; a zone that vanished since is read as UTC.
                let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
                calendar_range(*period, *start, &zone, now)
            }
        }
    }

    /// The usual length, by which burn rates are scaled: a month has 30 days here.
    pub fn nominal(&self) -> Duration {
        match self {
            Self::Rolling(period) | Self::Calendar { period, .. } => period.nominal(),
        }
    }

    pub fn is_rolling(&self) -> bool {
        matches!(self, Self::Rolling(_))
    }
}

/// Boundaries are counted from `start` each time, never from the boundary before, so that a month that begins on the
/// 31st does not slide to the 28th for good.
fn calendar_range(period: Period, start: civil::DateTime, zone: &TimeZone, now: Timestamp) -> TimeRange {
    let boundary = |index: i64| boundary(period, start, zone, index);
    let nominal = i64::try_from(period.nominal().as_secs()).unwrap_or(i64::MAX).max(1);
    let since = now.as_secs().saturating_sub(boundary(0).as_secs());
    let mut index = since.div_euclid(nominal);
    // Months differ from 30 days by two days at most, so a century is a few dozen steps off.
    while boundary(index) > now {
        index -= 1;
    }
    while boundary(index + 1) <= now {
        index += 1;
    }
    TimeRange::new(boundary(index), boundary(index + 1))
}

fn boundary(period: Period, start: civil::DateTime, zone: &TimeZone, index: i64) -> Timestamp {
    let count = index.saturating_mul(i64::from(period.count));
    let none = Span::new();
    let span = match period.unit {
        PeriodUnit::Second => none.try_seconds(count),
        PeriodUnit::Minute => none.try_minutes(count),
        PeriodUnit::Hour => none.try_hours(count),
        PeriodUnit::Day => none.try_days(count),
        PeriodUnit::Week => none.try_weeks(count),
        PeriodUnit::Month => none.try_months(count),
        PeriodUnit::Quarter => none.try_months(count.saturating_mul(3)),
        PeriodUnit::Year => none.try_years(count),
    };
    let beyond = if index < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let Ok(local) = span.and_then(|span| start.checked_add(span)) else { return beyond };
    // A local time that summer time skips becomes the instant after the gap, one that occurs twice its first.
    match zone.to_ambiguous_timestamp(local).compatible() {
        Ok(instant) => i64::try_from(instant.as_nanosecond()).map_or(beyond, Timestamp::from_nanos),
        Err(_) => beyond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(period: &str, start: &str, zone: &str) -> Window {
        Window::Calendar {
            period: Period::parse(period).unwrap(),
            start: start.parse().unwrap(),
            zone: zone.to_owned(),
        }
    }

    fn check(window: &Window, now: &str, start: &str, end: &str) {
        let range = window.range_at(Timestamp::parse_rfc3339(now).unwrap());
        assert_eq!(
            (range.start.to_string().as_str(), range.end.to_string().as_str()),
            (start, end),
            "at {now}"
        );
    }

    #[test]
    fn calendar_windows_follow_the_calendar_of_their_zone() {
        let day = calendar("1d", "2026-01-01T00:00:00", "Europe/Berlin");
        check(&day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"); // 23 h
        check(&day, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"); // 25 h
        let week = calendar("1w", "2022-01-03T00:00:00", "Asia/Taipei");
        check(&week, "2026-11-21T08:00:00Z", "2026-11-15T16:00:00Z", "2026-11-22T16:00:00Z");
        let quarter = calendar("1Q", "2026-01-01T00:00:00", "UTC");
        check(&quarter, "2026-06-30T23:59:59Z", "2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z");
        let year = calendar("1Y", "2024-02-29T00:00:00", "UTC");
        check(&year, "2025-03-01T00:00:00Z", "2025-02-28T00:00:00Z", "2026-02-28T00:00:00Z");
        let month_end = calendar("1M", "2026-01-31T00:00:00", "UTC");
        check(&month_end, "2026-03-30T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z");
        check(&month_end, "2026-03-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z");
        // Before the first period, the calendar goes on backwards.
        check(
            &calendar("1M", "2030-01-01T00:00:00", "UTC"),
            "2026-05-05T00:00:00Z",
            "2026-05-01T00:00:00Z",
            "2026-06-01T00:00:00Z",
        );
    }

    #[test]
    fn a_rolling_window_ends_now() {
        let now = Timestamp::from_secs(1_000_000_000);
        let range = Window::Rolling(Period::days(30)).range_at(now);
        assert_eq!((range.end, range.duration()), (now, Duration::from_secs(30 * 86_400)));
    }
}
