use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant: nanoseconds since the Unix epoch, UTC. Covers the years 1677 to 2262; arithmetic saturates at both
/// ends, so a hostile timestamp can never wrap round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a time: use RFC 3339, such as 2026-11-21T08:30:00Z")]
pub struct ParseTimeError {
    pub text: String,
}

impl Timestamp {
    pub const EPOCH: Self = Self(0);
    pub const MIN: Self = Self(i64::MIN);
    pub const MAX: Self = Self(i64::MAX);

    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds, rounded towards the past.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// RFC 3339 text with any offset.
    pub fn parse_rfc3339(text: &str) -> Result<Self, ParseTimeError> {
        let wrong = || ParseTimeError { text: text.to_owned() };
        let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        i64::try_from(parsed.as_nanosecond()).map(Self).map_err(|_| wrong())
    }

    /// Zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The start of the step of width `step` that this instant is in, counted from the epoch.
    pub fn floor_to(self, step: Duration) -> Self {
        let step = nanos_of(step).max(1);
        Self(self.0.div_euclid(step).saturating_mul(step))
    }

    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("all i64 nanoseconds are within jiff's range")
    }
}

fn nanos_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos_of(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos_of(duration)))
    }
}

/// RFC 3339, UTC, with as many digits of the second as are needed.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

/// Half open: `start <= t < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl TimeRange {
    pub const ALL: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// An end before the start gives an empty range at `start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end: end.max(start) }
    }

    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    pub fn duration(&self) -> Duration {
        self.end.since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_through_rfc3339_and_saturate() {
        let at = Timestamp::parse_rfc3339("2026-11-21T08:30:00.5+08:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-21T00:30:00.5Z");
        assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Ok(at));
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::from_nanos(-1).floor_to(Duration::from_secs(1)), Timestamp::from_secs(-1));
        assert!(Timestamp::parse_rfc3339("yesterday").is_err());
    }

    #[test]
    fn ranges_are_half_open() {
        let range = TimeRange::new(Timestamp::from_secs(1), Timestamp::from_secs(2));
        assert!(range.contains(Timestamp::from_secs(1)) && !range.contains(Timestamp::from_secs(2)));
        assert!(!range.overlaps(&TimeRange::new(Timestamp::from_secs(2), Timestamp::from_secs(3))));
    }
}
