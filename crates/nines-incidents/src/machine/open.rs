//! How an incident begins: somebody reports it, or an alert opens it.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_model::Timestamp;

use super::{
    FIELD_BYTES_MAX, NAME_BYTES_MAX, Writer, bounded, checked_next_update, clipped, person, required,
};
use crate::{
    Actor, AlertLink, AlertSignal, Cadence, EffectKind, EntryKind, Incident, IncidentId, Intake, Marks,
    Origin, PromiseRecord, Refusal, Report, Source, State, Step, Text,
};

/// A reporter's clock may run ahead of ours by this much before a start time counts as "in the future".
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// Opens an incident from the six fields. It is detected when it is reported.
pub fn open_by_report(
    id: IncidentId,
    report: &Report,
    actor: &Actor,
    cadence: &Cadence,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let who = person(actor, "report an incident by hand")?.to_owned();
    if report.started_at > now + CLOCK_SKEW_MAX {
        return Err(Refusal::StartsInFuture { at: report.started_at });
    }
    let next_update_at = checked_next_update(report.next_update_at, now)?;
    let intake = Intake {
        service: required("service", &report.service, NAME_BYTES_MAX, "name the impacted service")?,
        scope: required("scope", &report.scope, FIELD_BYTES_MAX, "say who and what is affected")?,
        status: required("status", &report.status, FIELD_BYTES_MAX, "say what users see now")?,
        // Skew is forgiven by taking the report's own time, so that no fault starts after it was noticed.
        started_at: report.started_at.min(now),
        progress: required("progress", &report.progress, FIELD_BYTES_MAX, "say what has been done so far")?,
    };
    let title = match report.title.as_deref().map(str::trim) {
        Some(title) if !title.is_empty() => bounded("title", title, NAME_BYTES_MAX)?,
        _ => clipped(&format!("{}: {}", intake.service, first_line(&intake.status)), NAME_BYTES_MAX),
    };
    let marks = Marks { fault_start: intake.started_at, detected: now, ..Marks::default() };
    let mut incident = blank(id, title, intake, marks, Origin::Person(who.clone()), now);
    incident.class = report.class;
    incident.preliminary_level = report.level;
    incident.is_drill = report.is_drill;

    let mut writer = Writer::without_settling(incident, cadence, now);
    let status = writer.incident.intake.status.clone();
    writer.entry(actor, EntryKind::Opened, Text::phrase("opened.person", [("who", who), ("status", status)]));
    writer.effect(EffectKind::Opened);
    writer.arm(next_update_at);
    let mut step = writer.finish();
    step.idempotency_key.clone_from(&report.idempotency_key);
    Ok(step)
}

/// Opens an incident from an alert. Never refuses: text that is too long is cut, text that is missing is filled.
pub fn open_by_alert(id: IncidentId, signal: &AlertSignal, cadence: &Cadence, now: Timestamp) -> Step {
    let intake = Intake {
        service: clipped(&signal.service, NAME_BYTES_MAX),
        scope: clipped(&signal.scope, FIELD_BYTES_MAX),
        status: clipped(&signal.summary, FIELD_BYTES_MAX),
        started_at: signal.started_at.min(signal.detected_at).min(now),
        progress: String::new(),
    };
    let title = clipped(first_line(&signal.summary), NAME_BYTES_MAX);
    let marks =
        Marks { fault_start: intake.started_at, detected: signal.detected_at.min(now), ..Marks::default() };
    let mut incident = blank(id, title, intake, marks, Origin::Alert(signal.alert_id.clone()), now);
    incident.class = signal.class;
    incident.preliminary_level = signal.level;
    incident.alerts.push(link(signal, now));

    let mut writer = Writer::without_settling(incident, cadence, now);
    let text = Text::phrase(
        "opened.alert",
        [("rule", signal.rule.clone()), ("summary", clipped(&signal.summary, FIELD_BYTES_MAX))],
    );
    writer.entry(&alert_actor(signal), EntryKind::Opened, text).link.clone_from(&signal.link);
    writer.effect(EffectKind::Opened);
    writer.arm(None);
    writer.finish()
}

pub(super) fn alert_actor(signal: &AlertSignal) -> Actor {
    Actor { name: signal.rule.clone(), source: Source::Alert }
}

pub(super) fn link(signal: &AlertSignal, now: Timestamp) -> AlertLink {
    AlertLink {
        alert_id: signal.alert_id.clone(),
        rule: signal.rule.clone(),
        service: clipped(&signal.service, NAME_BYTES_MAX),
        level: signal.level,
        joined_at: now,
        resolved_at: None,
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn blank(
    id: IncidentId,
    title: String,
    intake: Intake,
    marks: Marks,
    origin: Origin,
    now: Timestamp,
) -> Incident {
    Incident {
        id,
        version: 1,
        revision: 0,
        entries: 0,
        title,
        state: State::Reported,
        class: crate::Class::S2,
        preliminary_level: crate::Level::P0,
        confirmation: None,
        proposal: None,
        services: vec![intake.service.clone()],
        intake,
        origin,
        reported_at: now,
        marks,
        roles: BTreeMap::new(),
        alerts: Vec::new(),
        alerts_unlinked: 0,
        promise: None,
        promises: PromiseRecord::default(),
        updates: 0,
        last_update_at: None,
        merged_into: None,
        is_drill: false,
    }
}
