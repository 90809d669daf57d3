//! Parameters of requests, as Prometheus reads them.

use std::fmt::Display;

use nines_promql::ast::Selector;
use nines_promql::{Matcher, parse_duration, parse_selector};

use crate::api::Refused;

/// What a client may name as the earliest and latest time of all, as upstream writes them.
const TIME_MIN: &str = "-292273086-05-16T16:47:06Z";
const TIME_MAX: &str = "+292277025-08-18T07:12:54.999999999Z";

/// About 292 million years: as far as upstream's times reach. What is beyond cannot be added to without overflow.
pub const TIME_MS_MAX: i64 = i64::MAX / 1_000;

/// Of the query string and of the form together, decoded, in the order sent. The first of a name counts.
#[derive(Debug, Clone, Default)]
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// Empty is absent, as upstream has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// In milliseconds.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, Refused> {
        self.get(name)
            .map(|text| {
                parse_time(text)
                    .ok_or_else(|| invalid(name, format!("cannot parse {text:?} to a valid timestamp")))
            })
            .transpose()
    }

    pub(crate) fn required_time(&self, name: &str) -> Result<i64, Refused> {
        self.time(name)?.ok_or_else(|| invalid(name, "cannot parse \"\" to a valid timestamp"))
    }

    /// In milliseconds.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<i64>, Refused> {
        self.get(name)
            .map(|text| {
                duration_ms(text)
                    .ok_or_else(|| invalid(name, format!("cannot parse {text:?} to a valid duration")))
            })
            .transpose()
    }

    /// How many results are wanted at most; 0 and absent are "all".
    pub(crate) fn limit(&self, name: &str) -> Result<usize, Refused> {
        let Some(text) = self.get(name) else { return Ok(usize::MAX) };
        match text.parse::<i64>() {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) if limit > 0 => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
            Ok(_) => Err(invalid(name, "limit must be non-negative")),
            Err(_) => Err(invalid(name, format!("strconv.Atoi: parsing {text:?}: invalid syntax"))),
        }
    }

    /// The selectors of `match[]`. Each must say something, as one that matches everything would read the whole store.
    pub(crate) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, Refused> {
        self.all("match[]").map(selector).collect()
    }
}

fn selector(text: &str) -> Result<Vec<Matcher>, Refused> {
    let Selector { matchers, .. } = parse_selector(text).map_err(|error| invalid("match[]", error))?;
    if matchers.iter().all(|matcher| matcher.matches("")) {
        return Err(invalid("match[]", "match[] must contain at least one non-empty matcher"));
    }
    Ok(matchers)
}

pub(crate) fn invalid(parameter: &str, error: impl Display) -> Refused {
    Refused::bad_data(format!("invalid parameter {parameter:?}: {error}"))
}

/// Seconds as a float, or RFC 3339; in milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    match text {
        TIME_MIN => return Some(-TIME_MS_MAX),
        TIME_MAX => return Some(TIME_MS_MAX),
        _ => {}
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let millis = (seconds * 1_000.0).round();
        // A NaN fails the comparison, too.
        return (millis.abs() <= TIME_MS_MAX as f64).then_some(millis as i64);
    }
    text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond())
}

/// Seconds as a float, or `1h30m`; in milliseconds.
fn duration_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let millis = (seconds * 1_000.0).round();
        return (millis.abs() <= TIME_MS_MAX as f64).then_some(millis as i64);
    }
    parse_duration(text)
}

/// A name that was escaped for a URL (`U__http_2e_method` is `http.method`), as clients of Prometheus 3 write it.
pub(crate) fn unescape_name(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else { return name.to_owned() };
    let mut out = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(more) = rest.strip_prefix('_') {
            out.push('_');
            rest = more;
            continue;
        }
        let Some((code, more)) = rest.split_once('_') else { return name.to_owned() };
        match u32::from_str_radix(code, 16).ok().and_then(char::from_u32) {
            Some(character) if code.len() <= 6 => out.push(character),
            _ => return name.to_owned(),
        }
        rest = more;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_read_as_upstream_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1543578564.705", Some(1_543_578_564_705)),
            ("-1", Some(-1_000)),
            ("2015-06-03T13:21:58.555Z", Some(1_433_337_718_555)),
            ("2015-06-03T14:21:58.555+01:00", Some(1_433_337_718_555)),
            (TIME_MIN, Some(-TIME_MS_MAX)),
            ("30s", None),
            ("NaN", None),
            ("1e300", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
        for (text, expected) in
            [("15", Some(15_000)), ("0.5", Some(500)), ("1h30m", Some(5_400_000)), ("x", None)]
        {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn escaped_names_come_back() {
        for (escaped, name) in [
            ("job", "job"),
            ("U__http_2e_method", "http.method"),
            ("U__a__b", "a_b"),
            ("U___1f600_", "😀"),
            ("U__broken_2e", "U__broken_2e"),
        ] {
            assert_eq!(unescape_name(escaped), name);
        }
    }

    #[test]
    fn a_selector_of_everything_is_refused() {
        for text in ["{}", "{job=\"\"}", "{job=~\".*\"}"] {
            assert!(selector(text).is_err(), "{text}");
        }
        assert_eq!(selector("up{job!=\"x\"}").map(|matchers| matchers.len()).ok(), Some(2));
    }
}
