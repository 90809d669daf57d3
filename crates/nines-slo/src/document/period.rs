//! Lengths of time as OpenSLO writes them (`28d`, `1M`), and shares of a whole as objectives write them (`0.999`).

use std::fmt;
use std::time::Duration;

/// A count of one calendar unit. OpenSLO's shorthand: `m` minute, `h` hour, `d` day, `w` week, `M` month, `Q` quarter,
/// `Y` year; case matters. `s` for seconds is ours, for look-back windows and thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    /// From 1 to [`Period::COUNT_MAX`].
    pub count: u32,
    pub unit: PeriodUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PeriodUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl PeriodUnit {
    const ALL: [(Self, &'static str, u64); 8] = [
        (Self::Second, "s", 1),
        (Self::Minute, "m", 60),
        (Self::Hour, "h", 3_600),
        (Self::Day, "d", 86_400),
        (Self::Week, "w", 7 * 86_400),
        (Self::Month, "M", 30 * 86_400),
        (Self::Quarter, "Q", 90 * 86_400),
        (Self::Year, "Y", 365 * 86_400),
    ];

    fn row(self) -> (&'static str, u64) {
        let (_, letter, secs) = Self::ALL[self as usize];
        (letter, secs)
    }
}

impl Period {
    /// Ten years of days: more is a typing error.
    pub const COUNT_MAX: u32 = 3_660;

    pub const fn new(count: u32, unit: PeriodUnit) -> Self {
        Self { count, unit }
    }

    pub const fn days(count: u32) -> Self {
        Self::new(count, PeriodUnit::Day)
    }

    /// `Err` holds the hint.
    pub fn parse(text: &str) -> Result<Self, String> {
        const USAGE: &str = "write a number and one of m, h, d, w, M, Q, Y, such as 30d or 4w";
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = text.split_at(digits);
        let Some((unit, ..)) = PeriodUnit::ALL.iter().find(|(_, letter, _)| *letter == unit) else {
            return Err(match unit {
                "D" | "W" | "H" | "S" => {
                    format!("units are case-sensitive: write {count}{}", unit.to_lowercase())
                }
                "y" | "q" => format!("units are case-sensitive: write {count}{}", unit.to_uppercase()),
                "mo" | "month" | "months" => format!("write {count}M"),
                "min" | "minute" | "minutes" => format!("write {count}m"),
                "day" | "days" => format!("write {count}d"),
                "hour" | "hours" | "hr" => format!("write {count}h"),
                "week" | "weeks" => format!("write {count}w"),
                "year" | "years" => format!("write {count}Y"),
                _ => USAGE.to_owned(),
            });
        };
        match count.parse::<u32>() {
            Ok(count) if (1..=Self::COUNT_MAX).contains(&count) => Ok(Self { count, unit: *unit }),
            Ok(_) => Err(format!("the number must be from 1 to {}", Self::COUNT_MAX)),
            Err(_) => Err(USAGE.to_owned()),
        }
    }

    /// The length with a day of 24 h, a month of 30 days, a quarter of 90 and a year of 365. What a rolling window
    /// means; a calendar window uses the real calendar.
    pub fn nominal(self) -> Duration {
        Duration::from_secs(u64::from(self.count) * self.unit.row().1)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.row().0)
    }
}

/// A share of a whole, exact to one part in 10⁹ (`99.9999999 %`), so that budgets add up without binary noise.
///
/// ```
/// use nines_slo::Ratio;
/// let target = Ratio::from_f64(0.999).unwrap();
/// assert_eq!(target.complement().ppb(), 1_000_000);
/// assert_eq!(target.to_string(), "99.9%");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ratio(u32);

impl Ratio {
    pub const ZERO: Self = Self(0);
    pub const ONE: Self = Self(Self::PPB_ONE);
    const PPB_ONE: u32 = 1_000_000_000;

    /// Rounded to the nearest part in 10⁹. `None` outside `[0, 1]`.
    pub fn from_f64(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * f64::from(Self::PPB_ONE)).round() as u32))
    }

    /// Parts per 10⁹.
    pub fn ppb(self) -> u32 {
        self.0
    }

    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::PPB_ONE)
    }

    /// One minus this: the part that may go wrong.
    pub fn complement(self) -> Self {
        Self(Self::PPB_ONE - self.0)
    }

    /// `whole × self`, rounded to the nearest.
    pub fn of(self, whole: Duration) -> Duration {
        let nanos = (whole.as_nanos() * u128::from(self.0) + u128::from(Self::PPB_ONE / 2))
            / u128::from(Self::PPB_ONE);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// As a percentage with as many digits as are needed.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000_000, self.0 % 10_000_000);
        let digits = format!("{rest:07}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            digits => write!(f, "{whole}.{digits}%"),
        }
    }
}

/// A length of time with a decimal number and a unit from nanoseconds up: `300ms`, `1.5s`. In nanoseconds.
pub(crate) fn parse_latency(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_alphabetic() || c == 'µ')?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().ok()?;
    let nanos = number * unit_nanos(unit)?;
    (nanos.is_finite() && nanos >= 0.0).then_some(nanos)
}

/// Nanoseconds in a unit of latency.
pub(crate) fn unit_nanos(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_parse_print_and_explain() {
        for (text, secs) in [("1m", 60), ("5m", 300), ("1h", 3600), ("28d", 28 * 86_400), ("4w", 28 * 86_400)]
        {
            let period = Period::parse(text).unwrap();
            assert_eq!(period.nominal().as_secs(), secs);
            assert_eq!(period.to_string(), text);
        }
        assert_eq!(Period::parse("1M").unwrap().unit, PeriodUnit::Month);
        assert_eq!(Period::parse("2Q").unwrap().nominal(), Duration::from_secs(180 * 86_400));
        assert_eq!(Period::parse("30D").unwrap_err(), "units are case-sensitive: write 30d");
        assert_eq!(
            Period::parse("30 days").unwrap_err(),
            "write a number and one of m, h, d, w, M, Q, Y, such as 30d or 4w"
        );
        assert_eq!(Period::parse("30days").unwrap_err(), "write 30d");
        for wrong in ["", "d", "0d", "-1d", "1.5d", "99999d", "30"] {
            assert!(Period::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ratios_are_exact() {
        let target = Ratio::from_f64(0.9999).unwrap();
        assert_eq!(target.complement().of(Duration::from_secs(30 * 86_400)), Duration::from_millis(259_200));
        assert_eq!(Ratio::from_f64(0.995).unwrap().to_string(), "99.5%");
        assert_eq!(Ratio::ONE.to_string(), "100%");
        assert_eq!(Ratio::from_f64(0.0).unwrap().to_string(), "0%");
        assert!(Ratio::from_f64(1.5).is_none() && Ratio::from_f64(f64::NAN).is_none());
    }

    #[test]
    fn latencies_parse() {
        assert_eq!(parse_latency("300ms"), Some(3e8));
        assert_eq!(parse_latency("1.5s"), Some(1.5e9));
        assert_eq!(parse_latency("300"), None);
        assert_eq!(parse_latency("fast"), None);
    }
}
