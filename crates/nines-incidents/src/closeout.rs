//! The mail that explains, after the handling, what went wrong and what was done.

use std::collections::BTreeSet;

use crate::{Audience, Entry, Incident, Language, Text, Update};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseoutMail {
    /// Everybody who had been told something during the incident; responders always.
    pub audiences: Vec<Audience>,
    pub subject: String,
    pub body: String,
}

/// Entries quoted in the mail: what a manager reads; the rest is behind the link to the incident.
const MAIL_ENTRIES_MAX: usize = 40;

/// The draft of the close-out mail; `None` until the incident is resolved.
pub fn closeout_mail(
    incident: &Incident,
    updates: &[Update],
    entries: &[Entry],
    language: Language,
) -> Option<CloseoutMail> {
    let resolved_at = incident.marks.resolved?;
    let audiences: BTreeSet<Audience> = updates
        .iter()
        .flat_map(|update| update.audiences.iter().copied())
        .chain([Audience::Responder])
        .collect();
    let service = ("service", incident.intake.service.clone());
    let subject = Text::phrase(
        "close.subject",
        [
            ("incident", incident.id.to_string()),
            service.clone(),
            ("title", incident.title.replace(['\r', '\n'], " ")),
        ],
    );
    let durations = incident.marks.durations();
    let impact = Text::phrase(
        "close.impact",
        [
            ("from_at", incident.marks.fault_start.to_string()),
            ("to_at", resolved_at.to_string()),
            ("lasted_secs", durations.to_resolve.unwrap_or_default().as_secs().to_string()),
            ("scope", incident.intake.scope.clone()),
        ],
    );
    let detected =
        Text::phrase("close.detected", [("detect_secs", durations.to_detect.as_secs().to_string())]);
    let state = Text::phrase("close.state", [("value", incident.intake.status.clone())]);
    let mut lines = vec![Text::phrase("close.opening", [service]).render(language)];
    lines.extend([impact, detected].map(|text| text.render(language)));
    lines.push(Text::phrase("close.handling", []).render(language));
    let news: Vec<_> = entries.iter().filter(|entry| entry.kind.is_news()).collect();
    let skipped = news.len().saturating_sub(MAIL_ENTRIES_MAX);
    if skipped > 0 {
        lines.push(Text::phrase("draft.more", [("count", skipped.to_string())]).render(language));
    }
    lines.extend(news[skipped..].iter().map(|entry| {
        format!(
            "- {} {}",
            crate::phrases::show_time(entry.at),
            entry.text.render(language).replace('\n', " ")
        )
    }));
    lines.push(state.render(language));
    Some(CloseoutMail {
        audiences: audiences.into_iter().collect(),
        subject: subject.render(language),
        body: lines.join("\n"),
    })
}
