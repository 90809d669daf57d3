//! Incidents as they cross the wire.

use nines_api as api;
use nines_incidents::{Entry, Incident, Language, Mean, Origin, Role, Statistics};
use nines_model::Timestamp;

pub fn incident(incident: &Incident, updates_cadence_secs: u64, now: Timestamp) -> api::Incident {
    let marks = &incident.marks;
    let durations = marks.durations();
    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    api::Incident {
        id: incident.id.to_string(),
        title: incident.title.clone(),
        class: incident.class.to_string(),
        level: incident.level().to_string(),
        preliminary_level: incident.preliminary_level.to_string(),
        confirmed_level: incident.confirmation.as_ref().map(|confirmation| confirmation.level.to_string()),
        confirmed_by: incident.confirmation.as_ref().map(|confirmation| confirmation.by.clone()),
        state: incident.state.to_string(),
        source: match &incident.origin {
            Origin::Person(_) => "person".to_owned(),
            Origin::Alert(_) => "alert".to_owned(),
        },
        service: incident.intake.service.clone(),
        scope: incident.intake.scope.clone(),
        status: incident.intake.status.clone(),
        progress: incident.intake.progress.clone(),
        started_at: incident.intake.started_at.to_string(),
        reported_by: match &incident.origin {
            Origin::Person(name) => name.clone(),
            Origin::Alert(_) => "nines".to_owned(),
        },
        marks: api::IncidentMarks {
            fault_start_at: Some(marks.fault_start.to_string()),
            detected_at: Some(marks.detected.to_string()),
            acknowledged_at: marks.acked.map(|at| at.to_string()),
            confirmed_at: marks.confirmed.map(|at| at.to_string()),
            mitigated_at: marks.mitigated.map(|at| at.to_string()),
            resolved_at: marks.resolved.map(|at| at.to_string()),
        },
        times: api::IncidentTimes {
            mttd_secs: Some(seconds(durations.to_detect)),
            mtta_secs: durations.to_acknowledge.map(seconds),
            mttr_secs: durations.to_resolve.map(seconds),
        },
        clock: api::PromiseClock {
            cadence_secs: updates_cadence_secs,
            next_update_at: incident.next_update_at().map(|at| at.to_string()),
            last_update_at: None,
            overdue: incident.is_overdue(now),
            updates: incident.updates,
            late_updates: incident.promises.late_updates,
            late_secs: seconds(incident.promises.lateness_total),
        },
        alert_ids: incident.alerts.iter().map(|alert| alert.alert_id.clone()).collect(),
        commander: incident.roles.get(&Role::Commander).cloned(),
        is_drill: incident.is_drill,
        revision: incident.revision,
    }
}

pub fn entry(entry: &Entry, language: Language) -> api::TimelineEntry {
    api::TimelineEntry {
        sequence: entry.sequence,
        at: entry.at.to_string(),
        source: entry.source.as_str().to_owned(),
        actor: entry.actor.clone(),
        kind: entry.kind.as_str().to_owned(),
        text: entry.text.render(language),
        link: entry.link.clone(),
    }
}

pub fn mean(statistics: &Statistics) -> api::IncidentTimes {
    let seconds = |mean: &Mean| mean.value().map(|value| value.as_secs_f64());
    api::IncidentTimes {
        mttd_secs: seconds(&statistics.time_to_detect),
        mtta_secs: seconds(&statistics.time_to_acknowledge),
        mttr_secs: seconds(&statistics.time_to_resolve),
    }
}
