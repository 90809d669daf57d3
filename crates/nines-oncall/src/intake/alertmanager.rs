//! Alertmanager and Grafana: the list that Prometheus posts to `/api/v2/alerts`, and the webhooks of both.
//! Follows `api/v2/openapi.yaml` of Alertmanager 0.28 and Grafana's webhook notifier (version 1 of its payload).

use std::collections::BTreeMap;

use nines_model::Timestamp;

use super::json::{Answer, At, parse};
use super::{
    Intake, IntakeError, LABELS_MAX, REQUEST_ALERTS_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX, clipped,
    level_among, service_among,
};
use crate::alert::{AlertStatus, Fingerprint, IncomingAlert, Link, Source};

/// A list of alerts, or the object of the webhook.
pub fn alertmanager(body: &[u8]) -> Result<Intake, IntakeError> {
    read(body, Source::Alertmanager)
}

/// The webhook of Grafana's unified alerting, which is Alertmanager's with links.
pub fn grafana(body: &[u8]) -> Result<Intake, IntakeError> {
    read(body, Source::Grafana)
}

fn read(body: &[u8], source: Source) -> Result<Intake, IntakeError> {
    let value = parse(body)?;
    let root = At::root(&value);
    let items = match value.is_array() {
        true => root.items()?,
        false => root.required("alerts")?.items()?,
    };
    if items.len() > REQUEST_ALERTS_MAX {
        return Err(IntakeError::TooMany { count: items.len() });
    }
    let mut intake = Intake::default();
    for item in items {
        match alert(&item, source) {
            Ok(alert) => intake.alerts.push(alert),
            Err(mistake) => intake.mistakes.push(mistake),
        }
    }
    Ok(intake)
}

fn alert(item: &At<'_>, source: Source) -> Answer<IncomingAlert> {
    let labels_at = item.required("labels")?;
    let labels = item.texts("labels")?;
    if labels.values().all(String::is_empty) {
        return Err(labels_at.wrong("has no labels", Some("at least `alertname` is needed")));
    }
    let annotations = item.texts("annotations")?;
    let status = match item.get("status") {
        // The webhook has a word, the API of Alertmanager itself an object.
        Some(status) if status.value.is_string() => {
            status.word(&[("firing", AlertStatus::Firing), ("resolved", AlertStatus::Resolved)])?
        }
        _ => AlertStatus::Firing,
    };
    let fingerprint = match item.text("fingerprint")? {
        Some(given) => Fingerprint::given(source, "fingerprint", given),
        None => Fingerprint::of_labels(source, &labels),
    };
    let title = title(&labels, &annotations);
    let mut links = Vec::new();
    for (key, title) in [
        ("generatorURL", "source"),
        ("dashboardURL", "dashboard"),
        ("panelURL", "panel"),
        ("silenceURL", "silence"),
        ("imageURL", "image"),
    ] {
        links.extend(item.text(key)?.and_then(|url| link(title, url)));
    }
    links.extend(annotations.get("runbook_url").and_then(|url| link("runbook", url)));
    Ok(IncomingAlert {
        fingerprint,
        source,
        status,
        title: clipped(&title, TITLE_BYTES_MAX),
        level: level_among(&labels),
        service: service_among(&labels),
        starts_at: item.time("startsAt")?,
        ends_at: item.time("endsAt")?,
        labels,
        annotations,
        links,
    })
}

fn title(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> String {
    let name = labels.get("alertname").map_or("alert", String::as_str);
    let said =
        annotations.get("summary").or_else(|| annotations.get("title")).filter(|text| !text.is_empty());
    said.map_or_else(|| name.to_owned(), |said| format!("{name}: {said}"))
}

/// An alert of a rule that this node evaluates itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleAlert {
    pub status: AlertStatus,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: Timestamp,
    /// As [`IncomingAlert::ends_at`].
    pub ends_at: Timestamp,
    /// The page that shows the expression.
    pub generator_url: String,
}

/// As if a Prometheus had sent it here, but for its source.
pub fn of_rule(alert: RuleAlert) -> IncomingAlert {
    let RuleAlert { status, labels, annotations, starts_at, ends_at, generator_url } = alert;
    let mut links: Vec<Link> = link("source", &generator_url).into_iter().collect();
    links.extend(annotations.get("runbook_url").and_then(|url| link("runbook", url)));
    // What others send has bounds; what templates make has the same.
    let within = |texts: BTreeMap<String, String>| -> BTreeMap<String, String> {
        let clip = |(name, text): (String, String)| (name, clipped(&text, TEXT_BYTES_MAX));
        texts.into_iter().take(LABELS_MAX).map(clip).collect()
    };
    IncomingAlert {
        fingerprint: Fingerprint::of_labels(Source::Nines, &labels),
        source: Source::Nines,
        status,
        title: clipped(&title(&labels, &annotations), TITLE_BYTES_MAX),
        level: level_among(&labels),
        service: service_among(&labels),
        labels: within(labels),
        annotations: within(annotations),
        links,
        starts_at: Some(starts_at),
        ends_at: Some(ends_at),
    }
}

/// What is no web address is left out: templates often leave half of one.
fn link(title: &str, url: &str) -> Option<Link> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then(|| Link { title: title.to_owned(), url: url.to_owned() })
}
