use serde_json::{Map, Value, json};

use super::{CALCULATIONS, UNITS, VIEWS};
use crate::model::{COLUMNS, Dashboard, Legend, Panel, Source, Variable, VariableKind, View};

/// A dashboard as Perses reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub json: String,
    /// What it has no place for, in sentences.
    pub left_out: Vec<String>,
}

pub fn export(dashboard: &Dashboard) -> Export {
    let mut left_out = Vec::new();
    let mut panels = Map::new();
    // A grid for what is before the first heading, and one for each heading.
    let mut layouts: Vec<Value> = Vec::new();
    let mut top = 0;
    for panel in &dashboard.panels {
        if panel.view == View::Row {
            top = panel.cell.y + 1;
            layouts.push(grid(Some(panel)));
            continue;
        }
        let Some(made) = one(panel, &mut left_out) else { continue };
        panels.insert(panel.id.clone(), made);
        if layouts.is_empty() {
            layouts.push(grid(None));
        }
        let item = json!({
            "x": panel.cell.x,
            "y": panel.cell.y.saturating_sub(top),
            "width": panel.cell.w.min(COLUMNS),
            "height": panel.cell.h,
            "content": { "$ref": format!("#/spec/panels/{}", panel.id) },
        });
        if let Some(Value::Array(items)) = layouts.last_mut().and_then(|it| it.pointer_mut("/spec/items")) {
            items.push(item);
        }
    }
    let variables: Vec<Value> = dashboard.variables.iter().map(variable).collect();
    let mut spec = json!({
        "display": { "name": dashboard.title, "description": dashboard.description },
        "duration": dashboard.from.strip_prefix("now-").unwrap_or("1h"),
        "variables": variables,
        "panels": panels,
        "layouts": layouts,
    });
    if !dashboard.from.starts_with("now-") || dashboard.to != "now" {
        left_out.push("the time is the last hour there: it has no fixed times".to_owned());
    }
    if let (Some(secs), Value::Object(spec)) = (dashboard.refresh_secs, &mut spec) {
        spec.insert("refreshInterval".to_owned(), Value::String(format!("{secs}s")));
    }
    let whole = json!({
        "kind": "Dashboard",
        "metadata": { "name": dashboard.name, "project": dashboard.team.as_deref().unwrap_or("default") },
        "spec": spec,
    });
    let json = serde_json::to_string_pretty(&whole).expect("a tree of text and numbers can be written");
    Export { json, left_out }
}

fn grid(row: Option<&Panel>) -> Value {
    match row {
        Some(row) => {
            let mut spec = json!({
                "display": { "title": row.title, "collapse": { "open": !row.collapsed } },
                "items": [],
            });
            if let (Some(repeat), Value::Object(spec)) = (&row.repeat, &mut spec) {
                spec.insert("repeatVariable".to_owned(), json!(repeat));
            }
            json!({ "kind": "Grid", "spec": spec })
        }
        None => json!({"kind": "Grid", "spec": { "items": [] }}),
    }
}

fn one(panel: &Panel, left_out: &mut Vec<String>) -> Option<Value> {
    let Some((_, kind)) = VIEWS.iter().find(|(view, _)| *view == panel.view) else {
        left_out.push(format!("panel `{}`: no view of `{}` there", panel.id, panel.view.as_str()));
        return None;
    };
    let mut queries = Vec::new();
    for query in &panel.queries {
        let Source::Promql(text) = &query.source else {
            left_out.push(format!("panel `{}`: a query that is not PromQL", panel.id));
            continue;
        };
        queries.push(json!({"kind": "TimeSeriesQuery", "spec": { "plugin": {
            "kind": "PrometheusTimeSeriesQuery",
            "spec": { "query": text, "seriesNameFormat": query.legend },
        }}}));
    }
    if queries.is_empty() && panel.view != View::Text {
        return None;
    }
    if panel.repeat.is_some() {
        left_out.push(format!("panel `{}` is not repeated", panel.id));
    }
    Some(json!({"kind": "Panel", "spec": {
        "display": { "name": panel.title, "description": panel.description },
        "plugin": { "kind": kind, "spec": looks(panel, left_out) },
        "queries": queries,
    }}))
}

fn looks(panel: &Panel, left_out: &mut Vec<String>) -> Value {
    if panel.view == View::Text {
        return json!({ "text": panel.text });
    }
    let mut format = Map::new();
    match UNITS.iter().find(|(ours, _)| *ours == panel.unit) {
        Some((_, theirs)) => _ = format.insert("unit".to_owned(), json!(theirs)),
        None => left_out.push(format!("panel `{}`: the unit {}", panel.id, panel.unit)),
    }
    if let Some(decimals) = panel.decimals {
        format.insert("decimalPlaces".to_owned(), json!(decimals));
    }
    let steps: Vec<Value> = panel.thresholds.iter().map(|it| json!({ "value": it.from })).collect();
    let mut spec = Map::new();
    if panel.view == View::TimeSeries {
        spec.insert("yAxis".to_owned(), json!({ "format": format, "min": panel.min, "max": panel.max }));
        match panel.legend {
            Legend::Hidden => {}
            Legend::Right => _ = spec.insert("legend".to_owned(), json!({ "position": "right" })),
            Legend::Bottom => _ = spec.insert("legend".to_owned(), json!({ "position": "bottom" })),
            Legend::Table => {
                spec.insert("legend".to_owned(), json!({ "position": "bottom", "mode": "table" }));
            }
        }
        if panel.stack {
            spec.insert("visual".to_owned(), json!({ "stack": "all" }));
        }
    } else {
        spec.insert("format".to_owned(), Value::Object(format));
        let calculation = CALCULATIONS.iter().find(|(ours, _)| *ours == panel.calculation);
        spec.insert("calculation".to_owned(), json!(calculation.map(|(_, theirs)| theirs)));
        if let Some(max) = panel.max {
            spec.insert("max".to_owned(), json!(max));
        }
    }
    if !panel.mappings.is_empty() {
        left_out.push(format!("panel `{}`: the words of its values", panel.id));
    }
    if panel.overrides.iter().any(|it| it.color.is_some()) {
        left_out.push(format!("panel `{}`: the colours of its lines", panel.id));
    }
    if !steps.is_empty() {
        spec.insert("thresholds".to_owned(), json!({ "steps": steps }));
    }
    Value::Object(spec)
}

fn variable(variable: &Variable) -> Value {
    let display = json!({ "name": variable.title, "hidden": variable.hidden });
    let plugin = match &variable.kind {
        VariableKind::Constant(value) => {
            let spec = json!({ "name": variable.name, "display": display, "value": value, "constant": true });
            return json!({ "kind": "TextVariable", "spec": spec });
        }
        VariableKind::Text => {
            let value = variable.default.first().cloned().unwrap_or_default();
            let spec = json!({ "name": variable.name, "display": display, "value": value });
            return json!({ "kind": "TextVariable", "spec": spec });
        }
        VariableKind::Label { label, of, .. } => {
            let matchers: Vec<&str> = Some(of.as_str()).into_iter().filter(|it| !it.is_empty()).collect();
            json!({ "kind": "PrometheusLabelValuesVariable", "spec": { "labelName": label, "matchers": matchers } })
        }
        VariableKind::Query { promql, .. } => {
            json!({ "kind": "PrometheusPromQLVariable", "spec": { "expr": promql } })
        }
        VariableKind::List(options) | VariableKind::Interval(options) => {
            json!({ "kind": "StaticListVariable", "spec": { "values": options } })
        }
    };
    let mut spec = json!({
        "name": variable.name,
        "display": display,
        "allowMultiple": variable.multiple,
        "allowAllValue": variable.all,
        "plugin": plugin,
    });
    if let Value::Object(spec) = &mut spec {
        if !variable.default.is_empty() {
            let many = json!(variable.default);
            let value = if variable.multiple { many } else { json!(variable.default[0]) };
            spec.insert("defaultValue".to_owned(), value);
        }
        if let Some(value) = &variable.all_value {
            spec.insert("customAllValue".to_owned(), json!(value));
        }
    }
    json!({ "kind": "ListVariable", "spec": spec })
}
