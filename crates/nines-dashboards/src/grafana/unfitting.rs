//! What of a panel has no place here, and would go missing unnamed otherwise.

use serde_json::Value;

use super::{clipped, list, text_of};
use crate::model::{Dashboard, Panel, Source, View};

/// What a panel of Grafana can be told, and one of ours cannot.
pub fn find(source: &Value, panel: &Panel, dashboard: &Dashboard, reasons: &mut Vec<String>) {
    unknown_names(panel, dashboard, reasons);
    for (key, what) in
        [("timeFrom", "its own time"), ("timeShift", "its shift in time"), ("interval", "its smallest step")]
    {
        let value = text_of(source, key);
        if !value.is_empty() {
            reasons.push(format!("{what}, `{}`, is not kept", clipped(value, 40)));
        }
    }
    let at = |pointer: &str| source.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let is = |pointer: &str| source.pointer(pointer).and_then(Value::as_bool) == Some(true);
    let log_base = source.pointer("/yaxes/0/logBase").and_then(Value::as_f64).unwrap_or(1.0);
    if matches!(at("/fieldConfig/defaults/custom/scaleDistribution/type"), "log" | "symlog") || log_base > 1.0
    {
        reasons.push("its axis is linear, not logarithmic".to_owned());
    }
    if is("/options/reduceOptions/values") {
        reasons.push("shows one number of each line, not each row".to_owned());
    }
    if panel.view == View::Heatmap
        && (is("/options/calculate") || text_of(source, "dataFormat") == "timeseries")
    {
        reasons.push("buckets are those of the series, none are made of plain lines".to_owned());
    }
    if !list(source.pointer("/fieldConfig/defaults/links")).is_empty() {
        reasons.push("links at its values are not kept".to_owned());
    }
    for key in ["prefix", "postfix"] {
        let text = text_of(source, key);
        if !text.is_empty() {
            reasons.push(format!("the {key} `{}` is not shown", clipped(text, 40)));
        }
    }
    if source.get("percentage").and_then(Value::as_bool) == Some(true) {
        reasons.push("stacked by value, not to 100 %".to_owned());
    }
}

/// Words that stand for times, and are known to queries here.
const BUILT_IN: [&str; 9] = [
    "__interval",
    "__interval_ms",
    "__rate_interval",
    "__range",
    "__range_s",
    "__range_ms",
    "__from",
    "__to",
    "__timeFilter",
];

/// Queries with a `$name` that nothing stands behind would ask for the name itself.
fn unknown_names(panel: &Panel, dashboard: &Dashboard, reasons: &mut Vec<String>) {
    for query in &panel.queries {
        let Source::Promql(text) = &query.source else { continue };
        for name in references(text) {
            let is_known = BUILT_IN.contains(&name) || dashboard.variables.iter().any(|it| it.name == name);
            if !is_known {
                reasons.push(format!("nothing stands behind `${}`", clipped(name, 60)));
            }
        }
    }
}

/// Names after `$` and within `${…}`. `$1` is one of a regular expression.
fn references(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('$') {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if rest[..end].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            found.push(&rest[..end]);
        }
    }
    found
}
