//! What alerts do to an incident that exists.

use std::time::Duration;

use nines_model::Timestamp;

use super::open::{alert_actor, link};
use super::{FIELD_BYTES_MAX, NAME_BYTES_MAX, Writer, clipped};
use crate::incident::{LINKED_ALERTS_MAX, SERVICES_MAX};
use crate::{
    Actor, AlertSignal, Cadence, EffectKind, EntryKind, Incident, Proposal, Source, State, Step, Text,
};

/// An alert of the same service this soon after the incident was resolved means that it was not: the incident is
/// reopened. Later, it is a new one.
pub const REOPEN_WITHIN: Duration = Duration::from_secs(30 * 60);

/// The alert joins, or fires again; a resolved incident is reopened. `None` if the incident has it firing already
/// and it is no graver than known, or if it is closed for good.
pub fn alert_fired(
    incident: &Incident,
    signal: &AlertSignal,
    cadence: &Cadence,
    now: Timestamp,
) -> Option<Step> {
    let known = incident.alerts.iter().position(|alert| alert.alert_id == signal.alert_id);
    let is_firing = known.is_some_and(|index| incident.alerts[index].resolved_at.is_none());
    let is_graver = known.is_some_and(|index| signal.level.is_graver_than(incident.alerts[index].level));
    let may_join = incident.state.is_open() || incident.state == State::Resolved;
    if !may_join || (is_firing && !is_graver && incident.state.is_open()) {
        return None;
    }
    let mut writer = Writer::begin(incident, cadence, now);
    if writer.incident.state == State::Resolved {
        writer.reopen_for(signal);
    } else if !is_firing {
        let key = if known.is_some() { "joined.again" } else { "joined.service" };
        let mut params =
            vec![("rule", signal.rule.clone()), ("summary", clipped(&signal.summary, FIELD_BYTES_MAX))];
        if known.is_none() {
            params.push(("service", clipped(&signal.service, NAME_BYTES_MAX)));
        }
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let text = Text::Phrase { key: key.to_owned(), params };
        writer.entry(&alert_actor(signal), EntryKind::AlertJoined, text).link.clone_from(&signal.link);
    }
    match known {
        Some(index) => {
            let alert = &mut writer.incident.alerts[index];
            alert.resolved_at = None;
            alert.level = alert.level.min(signal.level);
        }
        None if writer.incident.alerts.len() < LINKED_ALERTS_MAX => {
            writer.incident.alerts.push(link(signal, now))
        }
        None => writer.incident.alerts_unlinked = writer.incident.alerts_unlinked.saturating_add(1),
    }
    let service = clipped(&signal.service, NAME_BYTES_MAX);
    if !writer.incident.services.contains(&service) && writer.incident.services.len() < SERVICES_MAX {
        writer.incident.services.push(service);
    }
    writer.weigh(signal);
    Some(writer.finish())
}

/// The alert stopped firing. The incident stays as it is: only a person says that it is over. `None` if the alert
/// is not linked or has stopped already.
pub fn alert_resolved(
    incident: &Incident,
    alert_id: &str,
    cadence: &Cadence,
    now: Timestamp,
) -> Option<Step> {
    let index =
        incident.alerts.iter().position(|alert| alert.alert_id == alert_id && alert.resolved_at.is_none())?;
    let mut writer = Writer::begin(incident, cadence, now);
    writer.incident.alerts[index].resolved_at = Some(now);
    let rule = writer.incident.alerts[index].rule.clone();
    let left = writer.incident.firing_alerts();
    let text = if left == 0 {
        Text::phrase("alert.all_quiet", [("rule", rule.clone())])
    } else {
        Text::phrase("alert.resolved", [("rule", rule.clone()), ("left", left.to_string())])
    };
    writer.entry(&Actor { name: rule, source: Source::Alert }, EntryKind::AlertResolved, text);
    Some(writer.finish())
}

impl Writer<'_> {
    fn reopen_for(&mut self, signal: &AlertSignal) {
        let resolved_at = self.incident.marks.resolved.unwrap_or(self.now);
        self.incident.state = State::Responding;
        self.incident.marks.mitigated = None;
        self.incident.marks.resolved = None;
        let text = Text::phrase(
            "reopened.alert",
            [
                ("rule", signal.rule.clone()),
                ("since_secs", self.now.since(resolved_at).as_secs().to_string()),
                ("summary", clipped(&signal.summary, FIELD_BYTES_MAX)),
            ],
        );
        self.entry(&alert_actor(signal), EntryKind::Reopened, text).link.clone_from(&signal.link);
        self.effect(EffectKind::StateChanged { state: State::Responding });
        self.arm(None);
    }

    /// A graver alert raises a level that nobody has confirmed (unsure means: treat as the graver), and proposes to
    /// raise one that somebody has.
    fn weigh(&mut self, signal: &AlertSignal) {
        let from = self.incident.level();
        if !signal.level.is_graver_than(from) {
            return;
        }
        let params =
            [("from", from.to_string()), ("to", signal.level.to_string()), ("rule", signal.rule.clone())];
        if self.incident.confirmation.is_none() {
            self.incident.preliminary_level = signal.level;
            self.entry(&alert_actor(signal), EntryKind::LevelRaised, Text::phrase("level.raised", params));
            self.effect(EffectKind::LevelChanged);
            self.arm(None);
        } else if self
            .incident
            .proposal
            .as_ref()
            .is_none_or(|proposal| signal.level.is_graver_than(proposal.level))
        {
            self.incident.proposal =
                Some(Proposal { level: signal.level, alert_id: signal.alert_id.clone(), at: self.now });
            self.entry(
                &alert_actor(signal),
                EntryKind::LevelProposed,
                Text::phrase("level.proposed", params),
            );
        }
    }
}
