//! What a person reads who is called.

use nines_incidents::{Incident, Level};
use nines_model::Timestamp;
use nines_notify::{ANSWERED, Draft, Priority};
use nines_oncall::PersonId;
use nines_oncall::escalation::{Over, Phase};
use nines_oncall::noise::Digest;
use serde_json::{Value, json};

/// Fields of an alert's message that a caller needs at night, in this order.
const FIELDS: [&str; 3] = ["explanation", "observed", "ideal"];

/// One call: who, by which channel, and why.
pub struct Call<'a> {
    pub incident: &'a Incident,
    /// The message of the alert behind it, as it was stored; null if there is none.
    pub alert: &'a Value,
    pub person: Option<&'a PersonId>,
    /// The step of the policy that calls.
    pub step: Option<&'a str>,
    pub reason: &'a str,
    pub public_url: &'a str,
    pub now: Timestamp,
}

impl Call<'_> {
    pub fn draft(&self) -> Draft {
        let incident = self.incident;
        let url = format!("{}/incident/{}", self.public_url, incident.id);
        let acknowledge = format!("{url}?do=acknowledge");
        let mut lines = Vec::new();
        let step = self.step.map(|step| format!(" (step {step})")).unwrap_or_default();
        lines.push(format!("{}{step}", self.reason));
        let data = &self.alert["data"];
        let told: Vec<&str> = FIELDS.iter().filter_map(|field| data[*field].as_str()).collect();
        if told.is_empty() {
            lines.push(incident.intake.status.clone());
            lines.push(format!("scope: {}", incident.intake.scope));
        }
        lines.extend(told.into_iter().map(str::to_owned));
        if let Some(runbook) = data["links"]["runbook"].as_str() {
            lines.push(format!("runbook: {runbook}"));
        }
        lines.push(format!("acknowledge: {acknowledge}"));
        let payload = json!({
            "type": "oncall.call",
            "timestamp": self.now.to_string(),
            "data": {
                "incident": incident.id.to_string(),
                "title": incident.title,
                "service": incident.intake.service,
                "level": incident.level().as_str(),
                "state": incident.state.as_str(),
                "person": self.person.map(PersonId::as_str),
                "step": self.step,
                "reason": self.reason,
                "url": url,
                "acknowledge_url": acknowledge,
                "alert": data,
            },
        });
        Draft::plain(title(incident), lines.join("\n"), payload)
    }
}

/// What takes the place of a call in a browser that shows it.
pub fn answered(incident: &Incident, phase: &Phase, public_url: &str, now: Timestamp) -> Draft {
    let text = match phase {
        Phase::Acked { by, .. } => format!("{by} has it in hand"),
        Phase::Over { how: Over::Resolved, .. } => "it is resolved".to_owned(),
        Phase::Over { how: Over::Cancelled, .. } => "it was cancelled".to_owned(),
        Phase::Over { how: Over::MergedInto(other), .. } => format!("it is part of {other} now"),
        _ => "nobody is called any more".to_owned(),
    };
    let payload = json!({
        "type": ANSWERED,
        "timestamp": now.to_string(),
        "data": {
            "incident": incident.id.to_string(),
            "title": incident.title,
            "level": incident.level().as_str(),
            "url": format!("{public_url}/incident/{}", incident.id),
        },
    });
    Draft::plain(title(incident), text, payload)
}

/// Several calls that were too many for one person.
pub fn digest(digest: &Digest, public_url: &str, now: Timestamp) -> Draft {
    let counted: Vec<String> =
        digest.by_level.iter().map(|(level, count)| format!("{count} × {level}")).collect();
    let title = format!("{} more calls since {}: {}", digest.count, digest.since, counted.join(", "));
    let mut lines = vec![format!("{}, these are too many to be sent one by one:", digest.person)];
    lines.extend(digest.titles.iter().map(|title| format!("- {title}")));
    lines.push(format!("{public_url}/incidents"));
    let by_level: serde_json::Map<String, Value> =
        digest.by_level.iter().map(|(level, count)| (level.to_string(), json!(count))).collect();
    let payload = json!({
        "type": "oncall.digest",
        "timestamp": now.to_string(),
        "data": {
            "person": digest.person.as_str(),
            "count": digest.count,
            "by_level": by_level,
            "titles": digest.titles,
            "since": digest.since.to_string(),
            "url": format!("{public_url}/incidents"),
        },
    });
    Draft::plain(title, lines.join("\n"), payload)
}

pub fn title(incident: &Incident) -> String {
    format!("[{}] {}: {}", incident.level(), incident.id, incident.title).replace(['\r', '\n'], " ")
}

/// As everywhere in the outbox: P0 goes first.
pub fn priority(level: Level) -> Priority {
    Priority(match level {
        Level::P0 => 0,
        Level::P1 => 1,
        Level::P2 => 2,
    })
}
