//! What entries of a timeline mean for an escalation, and what an escalation leaves there.

use nines_incidents::{Entry, EntryKind, Incident, IncidentId, Record, State, Text};
use nines_model::Timestamp;
use nines_oncall::escalation::{Event, Reason};

/// What an entry of the timeline means for the escalation. Entries that the escalator writes mean nothing.
pub(super) fn event_of(entry: &Entry, incident: &Incident) -> Option<Event> {
    let by = || entry.actor.clone();
    Some(match entry.kind {
        EntryKind::Opened => Event::Started,
        // Whoever mends it has it in hand.
        EntryKind::Acknowledged | EntryKind::Mitigated => Event::Acked { by: by() },
        EntryKind::Update => Event::Progress,
        EntryKind::LevelRaised | EntryKind::LevelConfirmed => Event::LevelChanged { level: incident.level() },
        EntryKind::Escalation => Event::Escalated { by: by() },
        EntryKind::Resolved | EntryKind::Reviewed => Event::Resolved,
        EntryKind::Cancelled => Event::Cancelled,
        EntryKind::Merged => match (incident.state, incident.merged_into) {
            (State::Merged, Some(into)) => Event::Merged { into: into.to_string() },
            _ => return None,
        },
        EntryKind::Reopened => Event::Reopened,
        _ => return None,
    })
}

/// Reasons that are news: not what the timeline says already, and not what changes nothing.
pub(super) fn told(reasons: &[Reason]) -> impl Iterator<Item = String> {
    let is_news = |reason: &&Reason| {
        !matches!(
            reason,
            Reason::Nothing(_)
                | Reason::Started
                | Reason::Acked { .. }
                | Reason::AckedAlready { .. }
                | Reason::AckRenewed
                | Reason::Over(_)
                | Reason::Reopened
                | Reason::AskedFor { .. }
                | Reason::NextContact { .. }
                | Reason::LevelLowered { .. }
        )
    };
    reasons.iter().filter(is_news).map(ToString::to_string)
}

pub(super) fn note(incident: IncidentId, text: String, at: Timestamp) -> (IncidentId, Record) {
    (incident, Record { at, kind: EntryKind::Page, text: Text::Plain(text), link: None })
}
