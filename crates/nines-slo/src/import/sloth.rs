//! Sloth: `version: prometheus/v1` as files, `PrometheusServiceLevel` in Kubernetes.
//!
//! Sloth's alerts are the workbook's four pairs of windows over 30 days; ours are the same ones.

use super::{Draft, Yaml, get, items, name_of, pairs, ratio, source, text};

/// Sloth's, unless its command line says otherwise, which a document cannot.
const WINDOW: &str = "30d";

pub fn is_its(document: &Yaml) -> bool {
    let is = |key, start: &str| matches!(document.get(key), Some(Yaml::Str(text)) if text.starts_with(start));
    is("version", "prometheus/v") || is("apiVersion", "sloth.slok.dev/")
}

pub fn drafts(document: &Yaml) -> Vec<Draft> {
    let spec = document.get("spec").unwrap_or(document);
    let service = text(spec, &["service"]).unwrap_or_else(|| "unknown".to_owned());
    let labels = pairs(get(spec, &["labels"]));
    items(get(spec, &["slos"])).iter().map(|slo| draft(&service, &labels, slo)).collect()
}

fn draft(service: &str, labels: &[(String, String)], slo: &Yaml) -> Draft {
    let title = text(slo, &["name"]).unwrap_or_else(|| "slo".to_owned());
    let mut draft = Draft {
        name: name_of(&[service, &title]),
        title,
        service: service.to_owned(),
        description: text(slo, &["description"]),
        target: text(slo, &["objective"]).unwrap_or_default(),
        window: WINDOW.to_owned(),
        labels: labels.iter().cloned().chain(pairs(get(slo, &["labels"]))).collect(),
        ..Draft::default()
    };
    draft.labels.dedup_by(|a, b| a.0 == b.0);
    let sli = slo.get("sli").unwrap_or(&Yaml::Null);
    if let Some(events) = get(sli, &["events"]) {
        let bad = text(events, &["error_query", "errorQuery"]);
        let total = text(events, &["total_query", "totalQuery"]);
        match (bad, total) {
            (Some(bad), Some(total)) => draft.metric = Some(ratio("bad", &bad, &total)),
            _ => draft.missing = Some("its SLI has no error query or no total query".to_owned()),
        }
    } else if let Some(raw) = get(sli, &["raw"]) {
        match text(raw, &["error_ratio_query", "errorRatioQuery"]) {
            Some(query) => {
                let raw = vec![
                    ("raw".to_owned(), source(&query)),
                    ("rawType".to_owned(), Yaml::Str("failure".to_owned())),
                ];
                draft.metric = Some(Yaml::Map(vec![("ratioMetric".to_owned(), Yaml::Map(raw))]));
            }
            None => draft.missing = Some("its raw SLI has no query".to_owned()),
        }
    } else if let Some(plugin) = get(sli, &["plugin"]) {
        let id = text(plugin, &["id"]).unwrap_or_default();
        draft.missing = Some(format!(
            "its SLI comes from the plugin `{id}`, which is a program: let sloth write the query out and put it under `sli.events`"
        ));
    } else {
        draft.missing = Some("it has no SLI".to_owned());
    }
    if let Some(alerting) = get(slo, &["alerting"]) {
        alerts(&mut draft, alerting);
    }
    draft
}

fn alerts(draft: &mut Draft, alerting: &Yaml) {
    let annotations = pairs(get(alerting, &["annotations"]));
    draft.runbook = annotations
        .iter()
        .find(|(name, _)| name == "runbook" || name == "runbook_url")
        .map(|(_, value)| value.clone());
    let disabled = |keys: &[&str]| {
        get(alerting, keys).and_then(|alert| text(alert, &["disable"])).as_deref() == Some("true")
    };
    let page = disabled(&["page_alert", "pageAlert"]);
    let ticket = disabled(&["ticket_alert", "ticketAlert"]);
    match (page, ticket) {
        (true, true) => draft.notes.push(
            "its alerts are off; here every promise has them: leave it without a team and channels, or set the annotation nines/paused".to_owned(),
        ),
        (true, false) => draft.notes.push(
            "its page alert is off; here a fast burn pages: give it channels that only take tickets".to_owned(),
        ),
        (false, true) => draft.notes.push("its ticket alert is off; here a slow burn makes a ticket".to_owned()),
        (false, false) => {}
    }
    let routes: Vec<String> = [&["page_alert", "pageAlert"], &["ticket_alert", "ticketAlert"]]
        .iter()
        .filter_map(|keys| get(alerting, &keys[..]))
        .flat_map(|alert| pairs(get(alert, &["labels"])))
        .filter(|(name, _)| name != "severity")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !routes.is_empty() {
        draft.notes.push(format!(
            "its alerts were routed by {}; name an owner (nines/owner) or channels (nines/channels) here",
            routes.join(", ")
        ));
    }
}
