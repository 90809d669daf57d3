//! Pyrra: `ServiceLevelObjective` of `pyrra.dev/v1alpha1`.
//!
//! Pyrra's alerts multiply the budget's even spending by 14, 7, 2 and 1 in windows that scale with the objective's; ours
//! spend 2, 5, 10 and 10 % of the budget in windows that scale likewise, which over 28 days is 13.4, 5.6, 2.8 and 0.9.

use super::{Draft, Yaml, get, items, name_of, pairs, ratio, source, text};
use crate::document::parse_latency;

pub fn is_its(document: &Yaml) -> bool {
    matches!(document.get("apiVersion"), Some(Yaml::Str(text)) if text.starts_with("pyrra.dev/"))
}

pub fn draft(document: &Yaml) -> Draft {
    let (meta, spec) =
        (document.get("metadata").unwrap_or(&Yaml::Null), document.get("spec").unwrap_or(&Yaml::Null));
    let title = text(meta, &["name"]).unwrap_or_else(|| "slo".to_owned());
    let labels = pairs(get(meta, &["labels"]));
    let service = labels.iter().find(|(name, _)| name == "pyrra.dev/service" || name == "service");
    let service = service.map_or_else(|| title.clone(), |(_, value)| value.clone());
    let mut draft = Draft {
        name: name_of(&[&title]),
        service,
        description: text(spec, &["description"]),
        target: text(spec, &["target"]).unwrap_or_default(),
        window: text(spec, &["window"]).unwrap_or_else(|| "4w".to_owned()),
        title,
        ..Draft::default()
    };
    // Labels that only say which Prometheus loads the generated rules mean nothing here.
    draft.labels =
        labels.into_iter().filter(|(name, _)| !["prometheus", "role"].contains(&&**name)).collect();
    let indicator = spec.get("indicator").unwrap_or(&Yaml::Null);
    let metric = |holder: &Yaml, part: &str| get(holder, &[part]).and_then(|part| text(part, &["metric"]));
    let mut grouping = Vec::new();
    if let Some(holder) = get(indicator, &["ratio"]) {
        match (metric(holder, "errors"), metric(holder, "total")) {
            (Some(errors), Some(total)) => draft.metric = Some(ratio("bad", &errors, &total)),
            _ => draft.missing = Some("its ratio has no errors or no total".to_owned()),
        }
        grouping = words(get(holder, &["grouping"]));
    } else if let Some(holder) = get(indicator, &["latency"]) {
        match (metric(holder, "success"), metric(holder, "total")) {
            (Some(success), Some(total)) => draft.metric = Some(ratio("good", &success, &total)),
            _ => draft.missing = Some("its latency has no success or no total".to_owned()),
        }
        grouping = words(get(holder, &["grouping"]));
    } else if let Some(holder) = get(indicator, &["latencyNative"]) {
        let limit = text(holder, &["latency"]);
        match (metric(holder, "total"), limit.as_deref().and_then(parse_latency)) {
            (Some(total), Some(nanos)) => {
                draft.metric = Some(Yaml::Map(vec![("thresholdMetric".to_owned(), source(&total))]));
                draft.objective = vec![
                    ("op".to_owned(), Yaml::Str("lte".to_owned())),
                    ("value".to_owned(), Yaml::Float(nanos / 1e9)),
                ];
            }
            _ => draft.missing = Some("its latency or its total cannot be read".to_owned()),
        }
        grouping = words(get(holder, &["grouping"]));
    } else if let Some(holder) = get(indicator, &["bool_gauge", "boolGauge"]) {
        match text(holder, &["metric"]) {
            Some(gauge) => {
                draft.metric = Some(Yaml::Map(vec![("thresholdMetric".to_owned(), source(&gauge))]));
                draft.objective =
                    vec![("op".to_owned(), Yaml::Str("gte".to_owned())), ("value".to_owned(), Yaml::Int(1))];
                draft.notes.push(
                    "it counted samples; here the gauge is asked every 15 s, and each series counts once"
                        .to_owned(),
                );
            }
            None => draft.missing = Some("its gauge has no metric".to_owned()),
        }
        grouping = words(get(holder, &["grouping"]));
    } else {
        draft.missing = Some("it has no indicator that is known here".to_owned());
    }
    if !grouping.is_empty() {
        draft.notes.push(format!(
            "it had a budget for each {}; here one budget is over all of them: declare one SLO for each that matters, with a matcher",
            grouping.join(" and ")
        ));
    }
    if let Some(alerting) = get(spec, &["alerting"])
        && (text(alerting, &["disabled"]).as_deref() == Some("true")
            || text(alerting, &["burnrates"]).as_deref() == Some("false"))
    {
        draft.notes.push("its alerts are off; here every promise has them".to_owned());
    }
    draft
}

fn words(list: Option<&Yaml>) -> Vec<String> {
    let word = |item: &Yaml| match item {
        Yaml::Str(text) => Some(text.clone()),
        _ => None,
    };
    items(list).iter().filter_map(word).collect()
}
