//! Our own form: `POST /api/v1/alerts`.

use nines_incidents::Level;

use super::json::{Answer, At, parse};
use super::{Intake, IntakeError, REQUEST_ALERTS_MAX, TITLE_BYTES_MAX, clipped, level_among, service_among};
use crate::alert::{AlertStatus, Fingerprint, IncomingAlert, Link, Source};

const KEYS: [&str; 10] = [
    "title",
    "status",
    "level",
    "service",
    "dedup_key",
    "labels",
    "annotations",
    "links",
    "starts_at",
    "ends_at",
];

/// One alert or a list of them. Only `title` is needed; without `dedup_key` alerts with the same labels are one, and
/// without labels those with the same title.
pub fn native(body: &[u8]) -> Result<Intake, IntakeError> {
    let value = parse(body)?;
    let root = At::root(&value);
    let items = if value.is_array() { root.items()? } else { vec![root] };
    if items.len() > REQUEST_ALERTS_MAX {
        return Err(IntakeError::TooMany { count: items.len() });
    }
    let mut intake = Intake::default();
    for item in items {
        match read(&item) {
            Ok(alert) => intake.alerts.push(alert),
            Err(mistake) => intake.mistakes.push(mistake),
        }
    }
    Ok(intake)
}

fn read(item: &At<'_>) -> Answer<IncomingAlert> {
    item.only(&KEYS)?;
    let title = clipped(item.required_text("title")?, TITLE_BYTES_MAX);
    let status = match item.get("status") {
        Some(status) => status.word(&[
            ("firing", AlertStatus::Firing),
            ("acknowledged", AlertStatus::Acknowledged),
            ("resolved", AlertStatus::Resolved),
        ])?,
        None => AlertStatus::Firing,
    };
    let level = match item.get("level") {
        Some(level) => Some(level.word(&Level::ALL.map(|level| (level.as_str(), level)))?),
        None => None,
    };
    let labels = item.texts("labels")?;
    let fingerprint = match item.text("dedup_key")? {
        Some(key) => Fingerprint::given(Source::Nines, "dedup_key", key),
        None if labels.is_empty() => Fingerprint::of_title(Source::Nines, &title),
        None => Fingerprint::of_labels(Source::Nines, &labels),
    };
    let links = item.list("links")?.iter().map(link).collect::<Answer<_>>()?;
    Ok(IncomingAlert {
        fingerprint,
        source: Source::Nines,
        status,
        level: level.or_else(|| level_among(&labels)),
        service: item.text("service")?.map(str::to_owned).or_else(|| service_among(&labels)),
        annotations: item.texts("annotations")?,
        starts_at: item.time("starts_at")?,
        ends_at: item.time("ends_at")?,
        title,
        labels,
        links,
    })
}

fn link(item: &At<'_>) -> Answer<Link> {
    let url = item.required_text("url")?;
    Ok(Link { title: item.text("title")?.unwrap_or(url).to_owned(), url: web_address(item, "url", url)? })
}

/// Only addresses that a browser may follow: a `javascript:` link would run in ours.
pub(super) fn web_address(item: &At<'_>, key: &str, url: &str) -> Answer<String> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url.to_owned());
    }
    let at = item.required(key)?;
    Err(at.wrong("is not a web address", Some("it begins with https:// or http://")))
}
