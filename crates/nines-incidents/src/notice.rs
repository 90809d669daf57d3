//! What an effect says to people: a title for a chat line or a subject, the text, and for whom it is.

use crate::{Channel, EffectKind, Incident, Language, Role, Text, Update};

/// Ready to be queued. Who receives it in the end is for the side that knows schedules and addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The channel of the level in force.
    pub channel: Channel,
    /// One line: id, level, service and what it is about.
    pub title: String,
    pub text: String,
    /// Named people it is for, the first being the one who should act; empty means whoever is on duty.
    pub people: Vec<String>,
}

/// Says an effect in words. `update` is the update of that number, for [`EffectKind::UpdatePosted`]; without it the
/// incident's own status is told.
pub fn notice(
    incident: &Incident,
    effect: &EffectKind,
    update: Option<&Update>,
    language: Language,
) -> Notice {
    let due = |due_at: &nines_model::Timestamp| ("due_at", due_at.to_string());
    let (about, roles): (Text, &[Role]) = match effect {
        EffectKind::Opened => (Text::phrase("notice.opened", []), &[]),
        EffectKind::LevelChanged => {
            (Text::phrase("notice.level", [("level", incident.level().to_string())]), &[Role::Commander])
        }
        EffectKind::StateChanged { state } => {
            (Text::phrase(&format!("notice.state.{state}"), []), &[Role::Commander, Role::Scribe])
        }
        EffectKind::UpdatePosted { number } => {
            (Text::phrase("notice.update", [("number", number.to_string())]), &[])
        }
        EffectKind::Nudge { due_at } => {
            (Text::phrase("notice.nudge", [due(due_at)]), &[Role::Scribe, Role::Commander])
        }
        EffectKind::Overdue { due_at, .. } => {
            (Text::phrase("notice.overdue", [due(due_at)]), &[Role::Scribe, Role::Commander])
        }
        EffectKind::Escalation { streak } => (
            Text::phrase("notice.escalation", [("streak", streak.to_string())]),
            &[Role::Deputy, Role::Commander],
        ),
    };
    let title = Text::phrase(
        "notice.title",
        [
            ("incident", incident.id.to_string()),
            ("level", incident.level().to_string()),
            ("service", incident.intake.service.clone()),
            ("about", about.render(language)),
        ],
    );
    let mut people: Vec<String> = Vec::new();
    for name in roles.iter().filter_map(|role| incident.roles.get(role)) {
        if !people.contains(name) {
            people.push(name.clone());
        }
    }
    Notice {
        channel: incident.level().channel(),
        title: title.render(language).replace(['\r', '\n'], " "),
        text: update.map_or_else(|| incident.intake.status.clone(), |update| update.text.clone()),
        people,
    }
}

#[cfg(test)]
mod tests {
    use crate::State;
    use crate::phrases::PHRASES;

    #[test]
    fn every_state_has_its_words() {
        for state in State::ALL.into_iter().filter(|state| *state != State::Reported) {
            let key = format!("notice.state.{state}");
            assert!(PHRASES.iter().any(|phrase| phrase.key == key), "{key}");
        }
    }
}
