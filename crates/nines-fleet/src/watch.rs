//! What somebody wants to be told of: units that fall silent, measures that will reach their limit.

use nines_base::ErrorKind;
use nines_filter::{Filter, Record};

use crate::unit::Kind;

/// Watches of one node: each team has a few.
pub const WATCHES_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 80;
/// Missed reports: one is a hiccup of the network, and more than a day's is not watching.
pub const INTERVALS_RANGE: std::ops::RangeInclusive<u32> = 2..=1_000;
/// Ahead: less than an hour is an alert on the measure itself.
const WITHIN_HOURS: std::ops::RangeInclusive<f64> = 1.0..=8_760.0;
const LEVELS: std::ops::RangeInclusive<f64> = 0.5..=0.99;
const SEVERITIES: [&str; 3] = ["P0", "P1", "P2"];

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum About {
    /// So many reports were missed.
    Absence { intervals: u32 },
    /// The limit is reached within so long, with this probability.
    Forecast { within_hours: f64, level: f64 },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    pub name: String,
    /// Of which units; all of them if it is not said.
    pub kind: Option<Kind>,
    pub filter: Filter,
    pub about: About,
    /// `P0`, `P1` or `P2`, which is a ticket.
    pub severity: String,
    /// Whose the alert is; otherwise what the unit's own labels say.
    pub service: Option<String>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WatchError {
    #[error(
        "the name of a watch has 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_` or `.`; `{0}` is not one"
    )]
    Name(String),
    #[error("filter of watch `{name}`: {source}")]
    Filter { name: String, source: nines_filter::FilterError },
    #[error("watch `{name}`: there is no kind `{kind}`; use host, pod, container, process or target")]
    Kind { name: String, kind: String },
    #[error("watch `{name}`: `{value}` missed reports are outside of 2 to 1000")]
    Intervals { name: String, value: u32 },
    #[error("watch `{name}`: {value} hours ahead are outside of 1 to 8760")]
    Within { name: String, value: f64 },
    #[error("watch `{name}`: a probability of {value} is outside of 0.5 to 0.99")]
    Level { name: String, value: f64 },
    #[error("watch `{name}`: there is no severity `{value}`; use P0, P1 or P2 (a ticket)")]
    Severity { name: String, value: String },
    #[error("there are {WATCHES_MAX} watches already: delete some first")]
    TooMany,
}

impl WatchError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooMany => ErrorKind::Exhausted,
            _ => ErrorKind::InvalidInput,
        }
    }
}

impl Watch {
    /// Checks everything that people write.
    ///
    /// # Errors
    /// The first part that cannot be.
    pub fn new(
        name: &str,
        kind: Option<&str>,
        filter: &str,
        about: About,
        severity: &str,
        service: Option<String>,
    ) -> Result<Self, WatchError> {
        let name = name.to_owned();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_plain) {
            return Err(WatchError::Name(name));
        }
        let kind = match kind.filter(|kind| !kind.is_empty()) {
            None => None,
            Some(text) => {
                let kind = Kind::parse(text);
                Some(kind.ok_or_else(|| WatchError::Kind { name: name.clone(), kind: text.to_owned() })?)
            }
        };
        let filter =
            Filter::parse(filter).map_err(|source| WatchError::Filter { name: name.clone(), source })?;
        match about {
            About::Absence { intervals } if !INTERVALS_RANGE.contains(&intervals) => {
                return Err(WatchError::Intervals { name, value: intervals });
            }
            About::Forecast { within_hours, .. } if !WITHIN_HOURS.contains(&within_hours) => {
                return Err(WatchError::Within { name, value: within_hours });
            }
            About::Forecast { level, .. } if !LEVELS.contains(&level) => {
                return Err(WatchError::Level { name, value: level });
            }
            _ => {}
        }
        if !SEVERITIES.contains(&severity) {
            return Err(WatchError::Severity { name, value: severity.to_owned() });
        }
        let service = service.filter(|service| !service.is_empty());
        Ok(Self { name, kind, filter, about, severity: severity.to_owned(), service })
    }

    pub fn is_about(&self, kind: Kind, record: &impl Record) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind) && self.filter.accepts(record)
    }
}

/// Labels, with a name that plain words of a filter are looked for in.
pub struct WithName<'a> {
    pub name: &'a str,
    pub labels: &'a std::collections::BTreeMap<String, String>,
}

impl Record for WithName<'_> {
    fn value(&self, name: &str) -> Option<nines_model::ValueRef<'_>> {
        if name == "name" || name == "body" {
            return Some(nines_model::ValueRef::Str(self.name));
        }
        let found = self.labels.get(name).or_else(|| self.labels.get(&name.replace('.', "_")));
        found.map(|value| nines_model::ValueRef::Str(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_checked() {
        let absence = About::Absence { intervals: 4 };
        let new = |name, kind, filter, about, severity| Watch::new(name, kind, filter, about, severity, None);
        let watch = new("hosts", Some("host"), "cloud.region: eu-1 web", absence, "P1").unwrap();
        let of =
            |region: &str| std::collections::BTreeMap::from([("cloud_region".to_owned(), region.to_owned())]);
        let is_about = |region, name| watch.is_about(Kind::Host, &WithName { name, labels: &of(region) });
        assert!(is_about("eu-1", "web-3"));
        assert!(!is_about("eu-2", "web-3") && !is_about("eu-1", "db-3"));
        assert!(!watch.is_about(Kind::Pod, &WithName { name: "web", labels: &of("eu-1") }));
        for (outcome, part) in [
            (new("a b", None, "", absence, "P1"), "name"),
            (new("a", Some("hots"), "", absence, "P1"), "hots"),
            (new("a", None, "a ==", absence, "P1"), "filter"),
            (new("a", None, "", About::Absence { intervals: 1 }, "P1"), "missed"),
            (new("a", None, "", About::Forecast { within_hours: 0.1, level: 0.9 }, "P1"), "hours"),
            (new("a", None, "", About::Forecast { within_hours: 9.0, level: 1.0 }, "P1"), "probability"),
            (new("a", None, "", absence, "P9"), "P9"),
        ] {
            let told = outcome.unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }
}
