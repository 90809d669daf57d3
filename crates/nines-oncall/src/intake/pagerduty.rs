//! PagerDuty's Events API v2, as its senders speak it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{Answer, At, parse};
use super::{IntakeError, LABELS_MAX, TITLE_BYTES_MAX, clipped, level_of};
use crate::alert::{AlertStatus, Fingerprint, IncomingAlert, Link, Source};

/// As PagerDuty documents it.
const DEDUP_KEY_CHARS_MAX: usize = 255;

#[derive(Debug, Clone, PartialEq)]
pub struct PagerDutyEvent {
    /// The integration key: which of our keys the sender has.
    pub routing_key: String,
    /// What the answer repeats; made from the labels if the sender has none.
    pub dedup_key: String,
    pub alert: IncomingAlert,
}

/// One event: `trigger`, `acknowledge` or `resolve`.
pub fn pagerduty(body: &[u8]) -> Result<PagerDutyEvent, IntakeError> {
    let value = parse(body)?;
    let root = At::root(&value);
    let routing_key = root.required_text("routing_key")?.to_owned();
    let status = root.required("event_action")?.word(&[
        ("trigger", AlertStatus::Firing),
        ("acknowledge", AlertStatus::Acknowledged),
        ("resolve", AlertStatus::Resolved),
    ])?;
    let dedup_key = root.text("dedup_key")?;
    if let Some(key) = dedup_key.filter(|key| key.chars().count() > DEDUP_KEY_CHARS_MAX) {
        let at = root.required("dedup_key")?;
        let message = format!("has {} characters, more than {DEDUP_KEY_CHARS_MAX}", key.chars().count());
        return Err(at.wrong(message, None));
    }
    if status != AlertStatus::Firing && dedup_key.is_none() {
        let message = "/dedup_key is needed to say which alert is meant";
        return Err(root.wrong(message, Some("repeat the one that the trigger was answered with")));
    }
    let payload = match root.get("payload") {
        Some(payload) => Some(payload),
        None if status == AlertStatus::Firing => Some(root.required("payload")?),
        None => None,
    };
    let alert = read(&root, payload, status, dedup_key)?;
    let dedup_key = dedup_key.map_or_else(|| alert.fingerprint.id.clone(), str::to_owned);
    Ok(PagerDutyEvent { routing_key, dedup_key, alert })
}

fn read(
    root: &At<'_>,
    payload: Option<At<'_>>,
    status: AlertStatus,
    dedup_key: Option<&str>,
) -> Answer<IncomingAlert> {
    let mut labels = BTreeMap::new();
    let mut annotations = BTreeMap::new();
    let (mut title, mut level, mut starts_at) = (String::new(), None, None);
    if let Some(payload) = &payload {
        title = clipped(payload.required_text("summary")?, TITLE_BYTES_MAX);
        let severity = payload.required("severity")?;
        let words = ["critical", "error", "warning", "info"];
        level = level_of(severity.word(&words.map(|word| (word, word)))?);
        starts_at = payload.time("timestamp")?;
        labels.insert("source".to_owned(), payload.required_text("source")?.to_owned());
        for key in ["component", "group", "class"] {
            labels.extend(payload.text(key)?.map(|text| (key.to_owned(), text.to_owned())));
        }
        if let Some(details) = payload.get("custom_details") {
            annotations = flat(&details);
        }
    }
    let client = root.text("client")?;
    labels.extend(client.map(|client| ("client".to_owned(), client.to_owned())));
    let mut links = Vec::new();
    for link in root.list("links")? {
        let url = link.required_text("href")?;
        let url = super::native::web_address(&link, "href", url)?;
        links.push(Link { title: link.text("text")?.unwrap_or(&url).to_owned(), url });
    }
    let fingerprint = match dedup_key {
        Some(key) => Fingerprint::given(Source::PagerDuty, "dedup_key", key),
        None => {
            let mut all = labels.clone();
            all.insert("summary".to_owned(), title.clone());
            Fingerprint::of_labels(Source::PagerDuty, &all)
        }
    };
    let service =
        annotations.get("service").or_else(|| labels.get("component")).or_else(|| labels.get("source"));
    Ok(IncomingAlert {
        fingerprint,
        source: Source::PagerDuty,
        status,
        level,
        service: service.cloned(),
        title,
        labels,
        annotations,
        links,
        starts_at,
        ends_at: None,
    })
}

/// Details may be anything: what is deeper than one level is kept as its JSON text, what is too much is left out.
fn flat(details: &At<'_>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match details.value {
        Value::Object(map) => map
            .iter()
            .take(LABELS_MAX)
            .map(|(name, value)| (name.clone(), clipped(&text(value), super::TEXT_BYTES_MAX)))
            .collect(),
        other => BTreeMap::from([("details".to_owned(), clipped(&text(other), super::TEXT_BYTES_MAX))]),
    }
}
