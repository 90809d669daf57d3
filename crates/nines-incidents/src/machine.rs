//! The rules of incidents: what may happen next, and what it leaves on the timeline. Pure: `now` is an argument, and
//! an answer is a [`Step`] that a repository stores whole.
//!
//! Whatever happens to an incident first settles its clock ([`Writer::begin`]), so that misses are in the record
//! before anything can re-arm or stop the promise.

mod alerts;
mod clock;
mod commands;
mod open;

use nines_model::Timestamp;

use crate::{
    Actor, Cadence, Effect, EffectKind, Entry, EntryKind, Incident, Promise, Refusal, Source, State, Step,
    Text, Update,
};

pub use alerts::{REOPEN_WITHIN, alert_fired, alert_resolved};
pub use clock::tick;
pub use commands::{apply, merge};
pub use open::{open_by_alert, open_by_report};

/// Longest text of one of the six fields: a paragraph, as a mail or a chat message shows it whole.
pub const FIELD_BYTES_MAX: usize = 4 * 1024;
/// Longest note or update: a few screens; a longer paste belongs behind a link.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Longest name of a service, person, rule or link target.
pub const NAME_BYTES_MAX: usize = 512;
/// Entries of one incident after which people may not add more. A week at one entry a minute.
pub const TIMELINE_ENTRIES_MAX: u64 = 10_000;

/// Builds the next version of an incident.
struct Writer<'a> {
    incident: Incident,
    entries: Vec<Entry>,
    updates: Vec<Update>,
    effects: Vec<EffectKind>,
    cadence: &'a Cadence,
    now: Timestamp,
}

impl<'a> Writer<'a> {
    /// The next version, with all promises settled that fell due before `now`.
    fn begin(incident: &Incident, cadence: &'a Cadence, now: Timestamp) -> Self {
        let mut writer = Self::without_settling(incident.clone(), cadence, now);
        writer.incident.version += 1;
        writer.settle();
        writer
    }

    fn without_settling(incident: Incident, cadence: &'a Cadence, now: Timestamp) -> Self {
        Self { incident, entries: Vec::new(), updates: Vec::new(), effects: Vec::new(), cadence, now }
    }

    fn entry(&mut self, actor: &Actor, kind: EntryKind, text: Text) -> &mut Entry {
        self.incident.entries += 1;
        self.entries.push(Entry {
            incident: self.incident.id,
            sequence: self.incident.entries,
            at: self.now,
            recorded_at: self.now,
            source: actor.source,
            actor: actor.name.clone(),
            kind,
            text,
            link: None,
            refers_to: None,
        });
        self.entries.last_mut().expect("an entry was just pushed")
    }

    fn system_entry(&mut self, kind: EntryKind, text: Text) -> &mut Entry {
        self.entry(&Actor::system(), kind, text)
    }

    fn effect(&mut self, kind: EffectKind) {
        self.effects.push(kind);
    }

    /// Makes the move, or says why it is not legal and what could be done instead.
    fn go(&mut self, next: State, wanted: &'static str) -> Result<(), Refusal> {
        if !self.incident.state.may_become(next) {
            return Err(self.illegal(wanted));
        }
        self.incident.state = next;
        if !next.is_open() {
            self.incident.promise = None;
        }
        self.effect(EffectKind::StateChanged { state: next });
        Ok(())
    }

    fn illegal(&self, wanted: &'static str) -> Refusal {
        let id = self.incident.id;
        let hint = match self.incident.state {
            State::Reported => {
                format!("confirm its level first (nines incident confirm {id} --level …), or cancel it")
            }
            State::Confirmed | State::Responding | State::Mitigated => {
                let next: Vec<_> = self.incident.state.next().iter().map(|state| state.as_str()).collect();
                format!("from here it can become {}", next.join(", "))
            }
            State::Resolved => format!("reopen it first (nines incident reopen {id} --reason …)"),
            State::Merged => match self.incident.merged_into {
                Some(target) => format!("work goes on in {target}"),
                None => "work goes on in another incident".to_owned(),
            },
            State::Reviewed | State::Cancelled => {
                "it is final, so report a new incident and link to this one".to_owned()
            }
        };
        Refusal::IllegalMove { id, state: self.incident.state, wanted, hint }
    }

    fn require_open(&self, wanted: &'static str) -> Result<(), Refusal> {
        if self.incident.state.is_open() { Ok(()) } else { Err(self.illegal(wanted)) }
    }

    /// Starts the promise anew: due at `due_at`, else one cadence of the level in force from now.
    fn arm(&mut self, due_at: Option<Timestamp>) {
        let level = self.incident.level();
        let cadence = self.cadence.of(level);
        let due_at = due_at.unwrap_or(self.now + cadence);
        self.incident.promise = Some(Promise::new(level, self.now, due_at, cadence));
        let text = if due_at > self.now + cadence {
            Text::phrase(
                "promise.longer",
                [
                    ("due_at", due_at.to_string()),
                    ("cadence_secs", cadence.as_secs().to_string()),
                    ("level", level.to_string()),
                ],
            )
        } else {
            Text::phrase("promise.armed", [("due_at", due_at.to_string())])
        };
        self.system_entry(EntryKind::PromiseArmed, text);
    }

    fn finish(self) -> Step {
        let Self { incident, entries, updates, effects, now, .. } = self;
        assert_eq!(
            incident.promise.is_some(),
            incident.state.is_open(),
            "{}: open incidents have a promise and closed ones have none",
            incident.id
        );
        let effects = effects
            .into_iter()
            .enumerate()
            .map(|(index, kind)| Effect {
                key: format!("{}/{}/{index}-{}", incident.id, incident.version, kind.as_str()),
                incident: incident.id,
                at: now,
                kind,
            })
            .collect();
        Step { incident, entries, updates, effects, idempotency_key: None }
    }
}

/// The person behind the actor, or a refusal: some things a machine must not do in somebody's place.
fn person<'a>(actor: &'a Actor, what: &'static str) -> Result<&'a str, Refusal> {
    if actor.source == Source::Human && !actor.name.trim().is_empty() {
        Ok(&actor.name)
    } else {
        Err(Refusal::NotAPerson { what })
    }
}

/// Text that must be there and must not be too long, without surrounding space.
fn required(field: &'static str, text: &str, limit: usize, hint: &'static str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Missing { field, hint });
    }
    bounded(field, text, limit)
}

fn bounded(field: &'static str, text: &str, limit: usize) -> Result<String, Refusal> {
    if text.len() > limit {
        return Err(Refusal::TooLong { field, bytes: text.len(), limit });
    }
    Ok(text.to_owned())
}

fn checked_next_update(at: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    match at {
        Some(at) if at <= now => Err(Refusal::NextUpdatePast { at }),
        Some(at) if at > now + crate::promise::NEXT_UPDATE_MAX => Err(Refusal::NextUpdateTooFar { at }),
        other => Ok(other),
    }
}

/// The first `limit` bytes, cut between characters: for text from machines, which cannot be asked to shorten it.
fn clipped(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
