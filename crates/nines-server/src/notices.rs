//! What people are told about an incident, beside the pages of its alerts.

use nines_incidents::{EffectKind, Incident, Language, Level, Origin, State, Update, notice};
use nines_model::Timestamp;
use nines_notify::{Draft, Priority};
use serde_json::json;

/// How urgent the effect is for people; `None` if it is not told, because the alert's own page tells it, or because the
/// policy of its team calls somebody (`escalates`).
pub fn priority(incident: &Incident, effect: &EffectKind, escalates: bool) -> Option<Priority> {
    if escalates && matches!(effect, EffectKind::Opened | EffectKind::LevelChanged) {
        return None;
    }
    let is_reported = matches!(incident.origin, Origin::Person(_)) || crate::oncall::is_foreign(incident);
    let of_level = Priority(match incident.level() {
        Level::P0 => 0,
        Level::P1 => 1,
        Level::P2 => 2,
    });
    match effect {
        EffectKind::Opened => is_reported.then_some(of_level),
        // A level that an alert raised is on the alert's page; one that a person confirmed is not.
        EffectKind::LevelChanged => (is_reported || incident.confirmation.is_some()).then_some(of_level),
        EffectKind::StateChanged { state } => {
            let is_news = matches!(state, State::Mitigated | State::Resolved | State::Cancelled);
            (is_reported && is_news).then_some(Priority(2))
        }
        EffectKind::UpdatePosted { .. } => Some(Priority(2)),
        EffectKind::Nudge { .. } | EffectKind::Overdue { .. } => Some(Priority(1)),
        EffectKind::Escalation { .. } => Some(Priority(0)),
    }
}

/// The notice, in words for people and as data for programs.
pub fn draft(
    incident: &Incident,
    effect: &EffectKind,
    update: Option<&Update>,
    public_url: &str,
    now: Timestamp,
) -> Draft {
    let notice = notice(incident, effect, update, Language::En);
    let url = format!("{public_url}/incident/{}", incident.id);
    let mut lines = vec![incident.title.clone()];
    if !notice.people.is_empty() {
        lines.push(format!("for {}", notice.people.join(", ")));
    }
    lines.push(notice.text.clone());
    if *effect == EffectKind::Opened {
        lines.push(format!("scope: {}", incident.intake.scope));
        lines.push(format!("progress: {}", incident.intake.progress));
    }
    if let Some(due_at) = incident.next_update_at() {
        lines.push(format!("next update promised for {due_at}"));
    }
    lines.push(url.clone());
    let payload = json!({
        "type": format!("incident.{}", effect.as_str()),
        "timestamp": now.to_string(),
        "data": {
            "incident": incident.id.to_string(),
            "title": incident.title,
            "service": incident.intake.service,
            "class": incident.class.as_str(),
            "level": incident.level().as_str(),
            "state": incident.state.as_str(),
            "text": notice.text,
            "people": notice.people,
            "next_update_at": incident.next_update_at().map(|at| at.to_string()),
            "url": url,
        },
    });
    Draft::plain(notice.title, lines.join("\n"), payload)
}
