//! Alerts and pages as they cross the wire.

use nines_alerting::{Phase, TransitionKind};
use nines_api as api;
use nines_notify::{Page, PageState, SubjectKind};
use nines_state::alerts::{StoredAlert, StoredTransition};
use serde_json::Value;

/// An alert with what was told about it. The message is that of the newest transition that called somebody: a resolve
/// says that it is over, not what it was.
pub fn alert(alert: &StoredAlert, transitions: &[StoredTransition], pages: Vec<api::Page>) -> api::Alert {
    let newest = transitions.last();
    let told =
        transitions.iter().rev().find(|transition| transition.kind != TransitionKind::Resolved).or(newest);
    let state = if alert.alert.resolved_at.is_some() { Phase::Resolved } else { Phase::Firing };
    api::Alert {
        id: alert.alert.id.0.clone(),
        fingerprint: alert.fingerprint.clone(),
        slo: alert.slo.clone(),
        service: alert.service.clone(),
        state: state.as_str().to_owned(),
        severity: alert.alert.severity.as_str().to_owned(),
        reason: newest.map(|transition| transition.reason.clone()).unwrap_or_default(),
        started_at: alert.alert.started_at.to_string(),
        detected_at: alert.alert.detected_at.to_string(),
        resolved_at: alert.alert.resolved_at.map(|at| at.to_string()),
        incident_id: alert.incident.clone(),
        message: message(told, alert),
        pages,
    }
}

/// The message as it was stored: the JSON that `nines_alerting::render::webhook` makes.
fn message(told: Option<&StoredTransition>, alert: &StoredAlert) -> api::AlertMessage {
    let payload: Value =
        told.and_then(|transition| serde_json::from_str(&transition.message).ok()).unwrap_or_default();
    let data = &payload["data"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    api::AlertMessage {
        title: alert.title.clone(),
        severity: alert.level.clone(),
        explanation: text(&data["explanation"]),
        observed: text(&data["observed"]),
        ideal: text(&data["ideal"]),
        context: list(&data["context"])
            .iter()
            .map(|fact| api::ContextItem { label: text(&fact["label"]), value: text(&fact["text"]) })
            .collect(),
        links: data["links"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(rel, url)| api::Link { rel: rel.clone(), label: rel.clone(), url: text(url) })
            .collect(),
        incomplete: list(&data["incomplete"]).iter().map(text).collect(),
        users_hit: data["users_hit"].as_u64(),
        exhausted_in_secs: data["exhaustion_in_seconds"].as_f64(),
        suspects: list(&data["suspects"]).iter().filter_map(suspect).collect(),
        last_change: last_change(&data["last_change"]),
        sample_trace_ids: list(&data["sample_traces"]).iter().map(text).collect(),
    }
}

fn suspect(value: &Value) -> Option<api::Suspect> {
    let number = |name: &str| value[name].as_f64().unwrap_or(0.0);
    let (bad, total) = (value["bad"].as_u64().unwrap_or(0), value["total"].as_u64().unwrap_or(0));
    let (share_of_bad, share_of_total) = (number("share_of_bad"), number("share_of_all"));
    Some(api::Suspect {
        field: value["field"].as_str()?.to_owned(),
        value: value["value"].as_str()?.to_owned(),
        bad,
        total,
        share_of_bad,
        share_of_total,
        lift: if share_of_total > 0.0 { share_of_bad / share_of_total } else { 0.0 },
        rate: if total > 0 { bad as f64 / total as f64 } else { 0.0 },
    })
}

fn last_change(value: &Value) -> Option<api::Change> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Some(api::Change {
        id: text("id").unwrap_or_default(),
        at: text("at")?,
        title: text("summary")?,
        kind: text("kind").unwrap_or_default(),
        service: text("service").unwrap_or_default(),
        version: text("version"),
        by: text("by"),
        undo: text("undo"),
    })
}

/// `channel_type` is empty for a target that is no longer configured.
pub fn page(page: &Page, channel_type: &str) -> api::Page {
    let alert_id =
        if page.new.subject.kind == SubjectKind::Alert { page.new.subject.id.clone() } else { String::new() };
    let waits = page.state == PageState::Queued;
    api::Page {
        id: page.new.id.to_string(),
        alert_id,
        purpose: page.new.event.as_str().to_owned(),
        channel: page.new.target.to_string(),
        channel_type: channel_type.to_owned(),
        state: page.state.as_str().to_owned(),
        attempts: page.attempts,
        queued_at: page.new.created_at.to_string(),
        delivered_at: (page.state == PageState::Delivered).then(|| page.changed_at.to_string()),
        next_attempt_at: waits.then(|| page.next_attempt_at.to_string()),
        last_error: page.detail.clone().filter(|_| page.state != PageState::Delivered),
    }
}
