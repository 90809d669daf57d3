//! Whether people have said that they do not want to hear of something now.

use std::collections::BTreeMap;

use nines_incidents::Incident;
use nines_model::Timestamp;
use nines_oncall::Roster;
use nines_oncall::alert::{AlertStatus, Fingerprint, IncomingAlert, Source};
use nines_oncall::escalation::Hold;

/// What holds the alert back now, and until when: a maintenance window, else a silence.
pub fn held(roster: &Roster, alert: &IncomingAlert, now: Timestamp) -> Option<(Timestamp, Hold)> {
    let window = roster.windows.iter().find_map(|window| {
        window.holds(alert, now).map(|until| (until, Hold::Maintenance(window.name.clone())))
    });
    let silence = || {
        let silence = roster.silences.iter().find(|silence| silence.holds(alert, now))?;
        Some((silence.range.end, Hold::Silence(silence.id.to_string())))
    };
    window.or_else(silence)
}

/// An incident as silences and maintenance windows see it: its service, title and level, and the rule of its first alert
/// as `alertname`.
pub fn of_incident(incident: &Incident) -> IncomingAlert {
    let rule = incident.alerts.first().map(|alert| alert.rule.clone());
    record(&incident.intake.service, &incident.title, incident.level(), rule)
}

/// The same for an alert of one of our own promises, before it has an incident.
pub fn of_promise(service: &str, title: &str, level: nines_incidents::Level, promise: &str) -> IncomingAlert {
    record(service, title, level, Some(promise.to_owned()))
}

fn record(service: &str, title: &str, level: nines_incidents::Level, rule: Option<String>) -> IncomingAlert {
    let mut labels = BTreeMap::from([("service".to_owned(), service.to_owned())]);
    labels.extend(rule.map(|rule| ("alertname".to_owned(), rule)));
    IncomingAlert {
        fingerprint: Fingerprint::of_labels(Source::Nines, &labels),
        source: Source::Nines,
        status: AlertStatus::Firing,
        title: title.to_owned(),
        level: Some(level),
        service: Some(service.to_owned()),
        labels,
        annotations: BTreeMap::new(),
        links: Vec::new(),
        starts_at: None,
        ends_at: None,
    }
}
