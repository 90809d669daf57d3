use std::fmt;
use std::str::FromStr;

/// The readable name of an incident: `INC-2026-0042`, the UTC year of the report and a counter within it. Numbers
/// are unique and grow, but may have gaps (a number is drawn before the incident is stored). Sorts by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IncidentId {
    pub year: u16,
    /// From 1.
    pub number: u32,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not an incident id: it looks like INC-2026-0042")]
pub struct ParseIncidentIdError {
    pub text: String,
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{:04}-{:04}", self.year, self.number)
    }
}

impl FromStr for IncidentId {
    type Err = ParseIncidentIdError;

    /// Accepts any case and missing leading zeros of the number, because people type these.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (prefix, rest) = text.trim().split_once('-')?;
            let (year, number) = rest.split_once('-')?;
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if !prefix.eq_ignore_ascii_case("inc") || year.len() != 4 || !digits(year) || !digits(number) {
                return None;
            }
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Some(Self { year: year.parse().ok()?, number })
        };
        parse().ok_or_else(|| ParseIncidentIdError { text: text.chars().take(64).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_forgive_typing() {
        let id = IncidentId { year: 2026, number: 42 };
        assert_eq!(id.to_string(), "INC-2026-0042");
        for text in ["INC-2026-0042", "inc-2026-42", " INC-2026-0042 "] {
            assert_eq!(text.parse(), Ok(id), "{text}");
        }
        assert_eq!(
            IncidentId { year: 2026, number: 12_345 }.to_string().parse(),
            Ok(IncidentId { year: 2026, number: 12_345 })
        );
        for text in [
            "",
            "42",
            "INC-26-42",
            "INC-2026-0",
            "INC-2026-",
            "INC-2026-+4",
            "INC-2026-4294967296",
            "INX-2026-1",
        ] {
            assert!(text.parse::<IncidentId>().is_err(), "{text}");
        }
    }
}
