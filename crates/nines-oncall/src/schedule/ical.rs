//! The schedule as an iCalendar feed (RFC 5545), for the calendar that people look at anyway.
//!
//! Instants are UTC, so that no calendar needs our idea of a zone. A UID belongs to the person and to the true start of
//! the shift, so that a feed fetched later changes events instead of adding them. Lines end in CRLF and are folded at 75
//! octets, between characters; text is escaped (§3.3.11).

use std::time::Duration;

use nines_model::{TimeRange, Timestamp};

use super::{Because, PersonId, Schedule, ScheduleError};

/// What a feed holds of the past: calendars drop what has vanished, and last month is asked for.
pub const FEED_BEHIND: Duration = Duration::from_secs(35 * 86_400);
/// And of the future: half a year of plans.
pub const FEED_AHEAD: Duration = Duration::from_secs(180 * 86_400);

/// §3.1: lines should not be longer than 75 octets, the break aside.
const LINE_OCTETS_MAX: usize = 75;

impl Schedule {
    /// The feed of everybody, or of one person, around `now`. `host` makes UIDs unique in the world: the node's public
    /// name.
    pub fn ical(
        &self,
        person: Option<&PersonId>,
        host: &str,
        now: Timestamp,
    ) -> Result<String, ScheduleError> {
        let range = TimeRange::new(now - FEED_BEHIND, now + FEED_AHEAD);
        let title = match person {
            Some(person) => format!("{}: {person} on call", self.name),
            None => format!("{}: on call", self.name),
        };
        let mut feed = Lines::default();
        feed.line("BEGIN", "VCALENDAR");
        feed.line("VERSION", "2.0");
        feed.line("PRODID", "-//Nines//On call//EN");
        feed.line("CALSCALE", "GREGORIAN");
        feed.line("METHOD", "PUBLISH");
        feed.text("X-WR-CALNAME", &title);
        feed.text("X-WR-TIMEZONE", self.zone.name());
        feed.line("REFRESH-INTERVAL;VALUE=DURATION", "PT15M");
        for shift in self.shifts(range)? {
            for of in &shift.on_call.people {
                if person.is_none_or(|person| person == of) {
                    self.event(&mut feed, of, shift.range, range, &shift.on_call.because, host, now);
                }
            }
        }
        feed.line("END", "VCALENDAR");
        Ok(feed.0)
    }

    #[expect(clippy::too_many_arguments, reason = "one call, whose arguments are all parts of one event")]
    fn event(
        &self,
        feed: &mut Lines,
        person: &PersonId,
        shift: TimeRange,
        feed_range: TimeRange,
        because: &Because,
        host: &str,
        now: Timestamp,
    ) {
        let source = match because {
            Because::Layer { layer, turn } => format!("{layer}-{turn}"),
            Because::Override(id) => format!("o-{id}"),
            Because::Nobody => "nobody".to_owned(),
        };
        // What was cut at the start of the feed has no start of its own to be known by.
        let start = match shift.start == feed_range.start {
            true => "open".to_owned(),
            false => shift.start.as_secs().to_string(),
        };
        let description = match because {
            Because::Layer { layer, .. } => format!("layer {}", self.layers[*layer].name),
            Because::Override(id) => {
                let known = self.overrides.iter().find(|change| change.id == *id);
                known.map_or_else(String::new, |change| {
                    format!("override by {}: {}", change.author, change.reason)
                })
            }
            Because::Nobody => String::new(),
        };
        feed.line("BEGIN", "VEVENT");
        feed.text("UID", &format!("{}.{source}.{start}.{person}@{host}", self.name));
        feed.line("DTSTAMP", &utc(now));
        feed.line("DTSTART", &utc(shift.start));
        feed.line("DTEND", &utc(shift.end));
        feed.text("SUMMARY", &format!("{person} on call: {}", self.name));
        if !description.is_empty() {
            feed.text("DESCRIPTION", &description);
        }
        feed.line("TRANSP", "TRANSPARENT");
        feed.line("END", "VEVENT");
    }
}

fn utc(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn text(&mut self, name: &str, value: &str) {
        let mut escaped = String::with_capacity(value.len());
        for c in value.chars() {
            match c {
                '\\' | ';' | ',' => escaped.extend(['\\', c]),
                '\n' => escaped.push_str("\\n"),
                c if c.is_control() => {}
                c => escaped.push(c),
            }
        }
        self.line(name, &escaped);
    }

    fn line(&mut self, name: &str, value: &str) {
        let mut octets = 0;
        for c in name.chars().chain([':']).chain(value.chars()) {
            if octets + c.len_utf8() > LINE_OCTETS_MAX {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(c);
            octets += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}
