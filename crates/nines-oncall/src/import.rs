//! Schedules and escalation policies of Grafana OnCall, PagerDuty and GoAlert, from the JSON that their APIs export.
//!
//! Nothing is guessed silently: the answer says of each object whether it was translated, translated with a difference,
//! or left out, and why. What comes out has passed the same checks as a document that somebody wrote.

mod goalert;
mod grafana;
mod pagerduty;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use nines_model::Timestamp;

use crate::PersonId;
use crate::escalation::EscalationPolicy;
use crate::intake::IntakeError;
use crate::intake::json::{Answer, At, parse};
use crate::schedule::Schedule;
use crate::zone::{Wall, Zone};

pub use goalert::goalert;
pub use grafana::grafana;
pub use pagerduty::pagerduty;

/// What an export became.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    pub schedules: Vec<Schedule>,
    pub policies: Vec<EscalationPolicy>,
    /// One for each object, and for each difference.
    pub notes: Vec<Note>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `schedule Primary`.
    pub object: String,
    /// Where it stands in the export.
    pub pointer: String,
    pub outcome: Outcome,
    /// Empty where all is said.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Translated,
    /// It is here and does not do quite the same.
    Differs,
    Left,
}

impl Imported {
    fn note(&mut self, object: impl Into<String>, at: &At<'_>, outcome: Outcome, why: impl Into<String>) {
        let (object, pointer) = (object.into(), at.pointer.clone());
        self.notes.push(Note { object, pointer, outcome, why: why.into() });
    }

    /// Keeps a schedule that passes its own checks.
    fn add_schedule(&mut self, schedule: Schedule, title: &str, at: &At<'_>) {
        match schedule.check() {
            Ok(()) => {
                self.note(format!("schedule {title}"), at, Outcome::Translated, "");
                self.schedules.push(schedule);
            }
            Err(error) => self.note(format!("schedule {title}"), at, Outcome::Left, error.to_string()),
        }
    }

    fn add_policy(&mut self, policy: EscalationPolicy, title: &str, at: &At<'_>) {
        match policy.check() {
            Ok(()) => {
                self.note(format!("escalation policy {title}"), at, Outcome::Translated, "");
                self.policies.push(policy);
            }
            Err(error) => {
                self.note(format!("escalation policy {title}"), at, Outcome::Left, error.to_string())
            }
        }
    }
}

/// Ids of the other system, with the names that they have here.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// A person is called by mail address, else by name.
    fn people(list: &[At<'_>]) -> Answer<Self> {
        let mut names = BTreeMap::new();
        for user in list {
            let id = user.required_text("id")?;
            let name = match user.text("email")? {
                Some(email) => email,
                None => user.text("username")?.or(user.text("name")?).unwrap_or(id),
            };
            names.insert(id.to_owned(), name.to_owned());
        }
        Ok(Self(names))
    }

    fn person(&self, id: &str, otherwise: Option<&str>) -> PersonId {
        PersonId::new(self.0.get(id).map(String::as_str).or(otherwise).unwrap_or(id))
    }
}

/// The items under `key`: a list, or a page of one (`results`, `nodes`). Absent is empty.
fn listed<'a>(root: &At<'a>, key: &str) -> Answer<Vec<At<'a>>> {
    let Some(found) = root.get(key) else { return Ok(Vec::new()) };
    for page in ["results", "nodes", key] {
        if let Some(list) = found.get(page) {
            return list.items();
        }
    }
    found.items()
}

/// A DNS label, as names of documents are: `Primary (EU)` becomes `primary-eu`.
fn label(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    name.truncate(63);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "imported".to_owned() } else { name.to_owned() }
}

fn zone_of(at: &At<'_>, key: &str) -> Answer<Option<Zone>> {
    let Some(name) = at.text(key)? else { return Ok(None) };
    let wrong = |error: crate::zone::UnknownZone| {
        at.required(key).map_or_else(|e| e, |at| at.wrong(error.to_string(), None))
    };
    Zone::get(name).map(Some).map_err(wrong)
}

/// Date and second of the day on the wall of `zone`, whole minutes.
fn on_wall(zone: &Zone, at: Timestamp) -> (Date, u32) {
    let wall: Wall = zone.wall(at);
    (wall.date(), wall.second_of_day() / 60 * 60)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Translated => "translated",
            Self::Differs => "differs",
            Self::Left => "left out",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.outcome)?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

fn root_of(body: &[u8]) -> Result<serde_json::Value, IntakeError> {
    parse(body)
}
