//! The drafted update: what changed since people were last told, ready to be read over and posted.

use nines_model::Timestamp;

use crate::{Cadence, Entry, Incident, Intake, Language, Text, Update};

/// Entries quoted in a draft. More than this is not read within a ten-minute cadence.
const DRAFT_ENTRIES_MAX: usize = 8;

/// Something measured, as a sentence in the reader's language: "error rate 4.1 % (normal 0.2 %)". Comes from the
/// service-level side; incidents do not know how it was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact(pub String);

/// A proposal for the next update, in the six fields and as one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The number that the update will have.
    pub number: u32,
    pub intake: Intake,
    /// What the level's cadence gives if the update is posted at the time of drafting.
    pub next_update_at: Timestamp,
    /// What is new, line by line; the text of the update.
    pub text: String,
    /// Headline, six fields and news together, for a mail or a chat message.
    pub message: String,
}

/// Drafts the next update. `entries` are those of the timeline, in order; what was told in `last` is not repeated.
pub fn draft_update(
    incident: &Incident,
    last: Option<&Update>,
    entries: &[Entry],
    facts: &[Fact],
    cadence: &Cadence,
    language: Language,
    now: Timestamp,
) -> Draft {
    let since = last.map_or(incident.reported_at, |update| update.posted_at);
    let news: Vec<_> =
        entries.iter().filter(|entry| entry.recorded_at > since && entry.kind.is_news()).collect();
    let line = |key: &str, value: &str| Text::phrase(key, [("value", value.to_owned())]).render(language);
    let timed = |key: &str| Text::phrase(key, [("since_at", since.to_string())]).render(language);

    let mut lines = Vec::new();
    if news.is_empty() {
        lines.push(timed("draft.nothing"));
    } else {
        lines.push(timed("draft.since"));
        // The newest matter most, and are told in the order in which they happened.
        let skipped = news.len().saturating_sub(DRAFT_ENTRIES_MAX);
        lines.extend(news[skipped..].iter().map(|entry| {
            format!("- {} {}", clock_time(entry.at), entry.text.render(language).replace('\n', " "))
        }));
        if skipped > 0 {
            lines.push(Text::phrase("draft.more", [("count", skipped.to_string())]).render(language));
        }
    }
    if !facts.is_empty() {
        lines.push(Text::phrase("draft.facts", []).render(language));
        lines.extend(facts.iter().map(|Fact(fact)| format!("- {fact}")));
    }
    let text = lines.join("\n");

    let number = incident.updates + 1;
    let next_update_at = now + cadence.of(incident.level());
    let headline = Text::phrase(
        "draft.headline",
        [
            ("incident", incident.id.to_string()),
            ("level", incident.level().to_string()),
            ("service", incident.intake.service.clone()),
            ("number", number.to_string()),
        ],
    );
    let started = Text::phrase(
        "draft.started",
        [
            ("value_at", incident.intake.started_at.to_string()),
            ("ago_secs", now.since(incident.intake.started_at).as_secs().to_string()),
        ],
    );
    let mut message = vec![headline.render(language), line("draft.scope", &incident.intake.scope)];
    message.push(line("draft.status", &incident.intake.status));
    message.push(started.render(language));
    if !incident.intake.progress.is_empty() {
        message.push(line("draft.progress", &incident.intake.progress));
    }
    message.push(text.clone());
    message.push(Text::phrase("draft.next", [("next_at", next_update_at.to_string())]).render(language));

    Draft { number, intake: incident.intake.clone(), next_update_at, text, message: message.join("\n") }
}

/// `08:30:15Z`, the second within the day that the headline's times name.
fn clock_time(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..19).map_or_else(|| text.clone(), |time| format!("{time}Z"))
}
