//! Whether people have said that they do not want to hear of something now, or need not: an incident of a service that this
//! one needs explains it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nines_incidents::{Incident, Origin};
use nines_model::Timestamp;
use nines_oncall::Roster;
use nines_oncall::alert::{AlertStatus, Fingerprint, IncomingAlert, Source};
use nines_oncall::escalation::Hold;
use nines_oncall::noise::{Dependencies, Inhibitor, OpenIncident, Suppression};

use super::{Shared, is_foreign};

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

/// How long an incident is held for its cause at most. One that outlives it calls somebody, once a day.
const EXPLAINED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Which incidents of our own promises are explained by which others, as things are now.
pub struct Explainer(Inhibitor);

impl Explainer {
    /// `None`: nobody is known to need anybody.
    pub fn new(shared: &Shared, roster: &Roster, open: impl IntoIterator<Item = Incident>) -> Option<Self> {
        let seen = Arc::clone(&shared.dependencies.lock());
        if seen.is_empty() && roster.needs.is_empty() {
            return None;
        }
        let mut inhibitor = Inhibitor::new(Vec::new(), Dependencies::clone(&seen).with(&roster.needs));
        inhibitor.follow_incidents(open.into_iter().filter(|incident| !incident.is_drill).map(explaining));
        Some(Self(inhibitor))
    }

    /// What holds the calls about an incident back, and until when. Only those that promises opened: alerts of other systems
    /// are held before they have an incident, and whoever reports one wants somebody to come.
    pub fn explains(&self, incident: &Incident, now: Timestamp) -> Option<(Timestamp, Hold)> {
        let is_of_promise = matches!(incident.origin, Origin::Alert(_)) && !is_foreign(incident);
        if !is_of_promise || incident.is_drill {
            return None;
        }
        let why = self.0.inhibits(&of_incident(incident), incident.marks.fault_start)?;
        Some((now + EXPLAINED_FOR, Hold::Explained(Suppression::Inhibition(why).to_string())))
    }
}

/// An incident as a cause of others.
pub(super) fn explaining(incident: Incident) -> OpenIncident {
    OpenIncident {
        id: incident.id.to_string(),
        level: incident.level(),
        since: incident.marks.fault_start,
        services: incident.services,
    }
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
