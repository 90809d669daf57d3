use serde_json::{Map, Value, json};

use crate::AlertMessage;

/// The payload of a webhook, as Standard Webhooks shapes one: `type`, `timestamp`, `data`. Field names are part of our
/// API: they are added to, never renamed.
pub fn webhook(message: &AlertMessage) -> Value {
    let context: Vec<Value> =
        message.context.iter().map(|fact| json!({"label": fact.label, "text": fact.text})).collect();
    let links: Map<String, Value> =
        message.links.iter().map(|link| (link.kind.as_str().to_owned(), json!(link.url))).collect();
    let suspects: Vec<Value> = message
        .suspects
        .iter()
        .map(|suspect| {
            json!({
                "field": suspect.field,
                "value": suspect.value,
                "bad": suspect.bad,
                "total": suspect.total,
                "share_of_bad": suspect.share_of_bad,
                "share_of_all": suspect.share_of_all,
            })
        })
        .collect();
    let last_change = message.last_change.as_ref().map(|change| {
        json!({
            "at": change.at.to_string(),
            "kind": change.kind,
            "summary": change.summary,
            "by": change.by,
            "undo": change.undo,
        })
    });
    let incomplete: Vec<&str> = message.incomplete.iter().map(|missing| missing.as_str()).collect();
    json!({
        "type": format!("alert.{}", message.kind.as_str()),
        "timestamp": message.at.to_string(),
        "data": {
            "alert": message.alert.0,
            "number": message.number,
            "fingerprint": message.fingerprint,
            "status": message.status.as_str(),
            "slo": message.slo,
            "service": message.service,
            "owner": message.owner,
            "incident": message.incident,
            "title": message.title,
            "severity": message.severity.as_str(),
            "level": message.level.as_str(),
            "explanation": message.explanation,
            "observed": message.observed,
            "ideal": message.ideal,
            "context": context,
            "links": links,
            "budget": message.budget,
            "started_at": message.started_at.to_string(),
            "detected_at": message.detected_at.to_string(),
            "ended_at": message.ended_at.map(|at| at.to_string()),
            "incomplete": incomplete,
            "error_rate": message.error_rate,
            "normal_rate": message.normal_rate,
            "objective": message.objective,
            "budget_left": message.budget_left,
            "exhaustion_in_seconds": message.exhaustion_in.map(|left| left.as_secs()),
            "users_hit": message.users_hit,
            "suspects": suspects,
            "last_change": last_change,
            "sample_traces": message.sample_traces,
            "language": message.language.tag(),
        },
    })
}
