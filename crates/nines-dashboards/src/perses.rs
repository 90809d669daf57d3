//! Dashboards of Perses: what both systems have, read and written. Follows the data model of Perses 0.5x
//! (`docs/api/dashboard.md` and the schemas of its plugins): panels by key, a layout of grids of 24 columns that refer to
//! them, PromQL as `PrometheusTimeSeriesQuery`.

mod export;

use serde_json::Value;

use crate::grafana::{clipped, list, slug, text_of, unique_ids};
use crate::model::{
    COLUMNS, Calculation, Cell, DOCUMENT_BYTES_MAX, Dashboard, HEIGHT_MAX, Legend, OPTIONS_MAX, PANELS_MAX,
    Panel, QUERIES_MAX, Query, Source, TEXT_BYTES_MAX, THRESHOLDS_MAX, Threshold, Tone, VARIABLES_MAX,
    Variable, VariableKind, View, WORD_BYTES_MAX,
};
use crate::read::is_variable;
use crate::report::{Import, ImportError, Outcome, PanelReport};

pub use export::{Export, export};

const SYSTEM: &str = "Perses";

/// Ours and theirs, the ones that say the same.
const UNITS: [(&str, &str); 12] = [
    ("", "decimal"),
    ("seconds", "seconds"),
    ("milliseconds", "milliseconds"),
    ("microseconds", "microseconds"),
    ("nanoseconds", "nanoseconds"),
    ("bytes", "bytes"),
    ("bits", "bits"),
    ("ratio", "percent-decimal"),
    ("percent", "percent"),
    ("bytesPerSecond", "bytes/sec"),
    ("requestsPerSecond", "requests/sec"),
    ("operationsPerSecond", "ops/sec"),
];

/// Their plugins by our views. Where several of theirs are one of ours, the first is written.
const VIEWS: [(View, &str); 9] = [
    (View::TimeSeries, "TimeSeriesChart"),
    (View::Stat, "StatChart"),
    (View::Gauge, "GaugeChart"),
    (View::Bars, "BarChart"),
    (View::Table, "TimeSeriesTable"),
    (View::Table, "Table"),
    (View::Heatmap, "HeatMapChart"),
    (View::StateTimeline, "StatusHistoryChart"),
    (View::Text, "Markdown"),
];

const CALCULATIONS: [(Calculation, &str); 6] = [
    (Calculation::Last, "last"),
    (Calculation::Last, "last-number"),
    (Calculation::Mean, "mean"),
    (Calculation::Max, "max"),
    (Calculation::Min, "min"),
    (Calculation::Sum, "sum"),
];

/// # Errors
/// [`ImportError`]: what is no such dashboard, or too large to be one here.
pub fn import(text: &str) -> Result<Import, ImportError> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(ImportError::TooLarge { bytes: text.len(), limit: DOCUMENT_BYTES_MAX });
    }
    let root: Value = serde_json::from_str(text).map_err(|error| ImportError::Json(error.to_string()))?;
    let shape = |reason: &str| ImportError::Shape { system: SYSTEM, reason: reason.to_owned() };
    let spec = root.get("spec").ok_or_else(|| shape("it has no `spec`"))?;
    let panels = spec.get("panels").and_then(Value::as_object);
    let panels = panels.ok_or_else(|| shape("it has no `spec.panels`"))?;
    let layouts = list(spec.get("layouts"));
    if panels.len() + layouts.len() > PANELS_MAX {
        return Err(ImportError::TooMany { what: "panels", count: panels.len(), limit: PANELS_MAX });
    }
    let name = root.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let title = spec.pointer("/display/name").and_then(Value::as_str).unwrap_or(name);
    let title = if title.is_empty() { "Imported dashboard" } else { title };
    let slugged = [slug(name), slug(title)].into_iter().find(|it| !it.is_empty());
    let mut dashboard =
        Dashboard::new(&slugged.unwrap_or_else(|| "imported".to_owned()), &clipped(title, WORD_BYTES_MAX));
    let described = spec.pointer("/display/description").and_then(Value::as_str);
    dashboard.description = clipped(described.unwrap_or_default(), WORD_BYTES_MAX);
    let back = format!("now-{}", text_of(spec, "duration"));
    if crate::read::is_time(&back) {
        dashboard.from = back;
    }
    let refresh = text_of(spec, "refreshInterval").strip_suffix('s').and_then(|it| it.parse::<u64>().ok());
    let allowed = crate::model::REFRESH_SECS_MIN..=crate::model::REFRESH_SECS_MAX;
    dashboard.refresh_secs = refresh.filter(|secs| allowed.contains(secs));
    let mut notes = variables(spec, &mut dashboard)?;
    let mut reports = Vec::new();
    let mut placed = std::collections::BTreeSet::new();
    let mut top = 0;
    for layout in layouts {
        top = place(layout, top, panels, &mut dashboard, &mut reports, &mut placed);
    }
    for key in panels.keys().filter(|key| !placed.contains(*key)) {
        notes.push(format!("panel `{}` is in no layout", clipped(key, 80)));
    }
    unique_ids(&mut dashboard.panels);
    if dashboard.panels.len() > PANELS_MAX {
        return Err(ImportError::TooMany {
            what: "panels",
            count: dashboard.panels.len(),
            limit: PANELS_MAX,
        });
    }
    dashboard.settle();
    Ok(Import { dashboard, panels: reports, notes })
}

fn place(
    layout: &Value,
    mut top: u32,
    panels: &serde_json::Map<String, Value>,
    dashboard: &mut Dashboard,
    reports: &mut Vec<PanelReport>,
    placed: &mut std::collections::BTreeSet<String>,
) -> u32 {
    let title = layout.pointer("/spec/display/title").and_then(Value::as_str).unwrap_or_default();
    if !title.is_empty() {
        let cell = Cell { x: 0, y: top, w: COLUMNS, h: 1 };
        let mut row = Panel::new("row", &clipped(title, WORD_BYTES_MAX), View::Row, cell);
        let open = layout.pointer("/spec/display/collapse/open").and_then(Value::as_bool);
        row.collapsed = open == Some(false);
        let repeat = layout.pointer("/spec/repeatVariable").and_then(Value::as_str);
        let is_known = |name: &&str| dashboard.variables.iter().any(|variable| variable.name == *name);
        row.repeat = repeat.filter(is_known).map(str::to_owned);
        dashboard.panels.push(row);
        top += 1;
    }
    let mut end = top;
    for item in list(layout.pointer("/spec/items")).iter().take(PANELS_MAX) {
        let key = item.pointer("/content/$ref").and_then(Value::as_str).unwrap_or_default();
        let key = key.strip_prefix("#/spec/panels/").unwrap_or_default();
        let Some(source) = panels.get(key) else { continue };
        placed.insert(key.to_owned());
        let number = |key: &str, default: u64| item.get(key).and_then(Value::as_u64).unwrap_or(default);
        let w = number("width", 12).clamp(1, u64::from(COLUMNS)) as u32;
        let cell = Cell {
            x: number("x", 0).min(u64::from(COLUMNS - w)) as u32,
            y: top + number("y", 0).min(u64::from(HEIGHT_MAX) * 20) as u32,
            w,
            h: number("height", 8).clamp(1, u64::from(HEIGHT_MAX)) as u32,
        };
        let (made, report) = panel(key, source, cell);
        if let Some(made) = made {
            end = end.max(cell.y + cell.h);
            dashboard.panels.push(made);
        }
        reports.push(report);
    }
    end
}

fn panel(key: &str, source: &Value, cell: Cell) -> (Option<Panel>, PanelReport) {
    let title = source.pointer("/spec/display/name").and_then(Value::as_str).unwrap_or_default();
    let kind = source.pointer("/spec/plugin/kind").and_then(Value::as_str).unwrap_or_default();
    let plugin = source.pointer("/spec/plugin/spec").unwrap_or(&Value::Null);
    let mut reasons = Vec::new();
    let told = |outcome, reasons| PanelReport {
        title: clipped(title, WORD_BYTES_MAX),
        kind: clipped(kind, 80),
        outcome,
        reasons,
    };
    let Some((view, _)) = VIEWS.iter().find(|(_, theirs)| *theirs == kind) else {
        let reason = format!("there is no panel of kind `{}` here", clipped(kind, 80));
        return (None, told(Outcome::LeftOut, vec![reason]));
    };
    let id = slug(key);
    let id = if id.is_empty() { "panel".to_owned() } else { id };
    let mut panel = Panel::new(&id, &clipped(title, WORD_BYTES_MAX), *view, cell);
    let described = source.pointer("/spec/display/description").and_then(Value::as_str);
    panel.description = clipped(described.unwrap_or_default(), TEXT_BYTES_MAX);
    if *view == View::Text {
        panel.text = clipped(text_of(plugin, "text"), TEXT_BYTES_MAX);
        return (Some(panel), told(Outcome::Taken, reasons));
    }
    for one in list(source.pointer("/spec/queries")).iter().take(QUERIES_MAX) {
        let language = one.pointer("/spec/plugin/kind").and_then(Value::as_str).unwrap_or_default();
        let asked = one.pointer("/spec/plugin/spec").unwrap_or(&Value::Null);
        let text = text_of(asked, "query");
        if language != "PrometheusTimeSeriesQuery" || text.is_empty() || text.len() > TEXT_BYTES_MAX {
            reasons.push(format!("a query of kind `{}` is not asked", clipped(language, 80)));
            continue;
        }
        panel.queries.push(Query {
            source: Source::Promql(text.to_owned()),
            legend: clipped(text_of(asked, "seriesNameFormat"), WORD_BYTES_MAX),
            instant: false,
            hidden: false,
        });
    }
    if panel.queries.is_empty() {
        reasons.push("it asks nothing".to_owned());
        return (None, told(Outcome::LeftOut, reasons));
    }
    looks(plugin, &mut panel, &mut reasons);
    let outcome = if reasons.is_empty() { Outcome::Taken } else { Outcome::Approximated };
    (Some(panel), told(outcome, reasons))
}

fn looks(plugin: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let format = plugin.get("format").or_else(|| plugin.pointer("/yAxis/format"));
    if let Some(format) = format {
        let unit = text_of(format, "unit");
        match UNITS.iter().find(|(_, theirs)| *theirs == unit) {
            Some((ours, _)) => (*ours).clone_into(&mut panel.unit),
            None if unit.is_empty() => {}
            None => reasons.push(format!("unit `{}` is shown as a plain number", clipped(unit, 40))),
        }
        panel.decimals = format.get("decimalPlaces").and_then(Value::as_u64).map(|it| it.min(10) as u32);
    }
    let calculation = text_of(plugin, "calculation");
    match CALCULATIONS.iter().find(|(_, theirs)| *theirs == calculation) {
        Some((ours, _)) => panel.calculation = *ours,
        None if calculation.is_empty() => {}
        None => reasons.push(format!("shows the last value instead of `{}`", clipped(calculation, 40))),
    }
    panel.legend = match plugin.pointer("/legend/position").and_then(Value::as_str) {
        _ if plugin.pointer("/legend/mode").and_then(Value::as_str) == Some("table") => Legend::Table,
        Some("right") => Legend::Right,
        Some(_) => Legend::Bottom,
        None if panel.view == View::TimeSeries => Legend::Hidden,
        None => Legend::Bottom,
    };
    panel.stack = plugin.pointer("/visual/stack").and_then(Value::as_str) == Some("all");
    let number = |path: &str| plugin.pointer(path).and_then(Value::as_f64);
    panel.min = number("/yAxis/min");
    panel.max = number("/yAxis/max").or_else(|| number("/max"));
    let steps = list(plugin.pointer("/thresholds/steps"));
    let most = steps.len().min(THRESHOLDS_MAX);
    for (index, step) in steps.iter().take(most).enumerate() {
        // Their colours grow worse from step to step: the last is the worst.
        let tone = if index + 1 == most { Tone::Bad } else { Tone::Warn };
        if let Some(from) = step.get("value").and_then(Value::as_f64) {
            panel.thresholds.push(Threshold { from, tone });
        }
    }
    panel.thresholds.sort_by(|a, b| a.from.total_cmp(&b.from));
}

fn variables(spec: &Value, dashboard: &mut Dashboard) -> Result<Vec<String>, ImportError> {
    let listed = list(spec.get("variables"));
    if listed.len() > VARIABLES_MAX {
        return Err(ImportError::TooMany { what: "variables", count: listed.len(), limit: VARIABLES_MAX });
    }
    let mut notes = Vec::new();
    for one in listed {
        let source = one.get("spec").unwrap_or(&Value::Null);
        let name = text_of(source, "name");
        let plugin = source.pointer("/plugin/spec").unwrap_or(&Value::Null);
        let plugin_kind = source.pointer("/plugin/kind").and_then(Value::as_str).unwrap_or_default();
        let is = |key: &str| source.get(key).and_then(Value::as_bool) == Some(true);
        let value = clipped(text_of(source, "value"), WORD_BYTES_MAX);
        let mut default = strings(source.get("defaultValue"));
        let kind = match (text_of(one, "kind"), plugin_kind) {
            ("TextVariable", _) if is("constant") => VariableKind::Constant(value),
            ("TextVariable", _) => {
                default = Some(value).into_iter().filter(|it| !it.is_empty()).collect();
                VariableKind::Text
            }
            (_, "PrometheusLabelValuesVariable") => VariableKind::Label {
                label: clipped(text_of(plugin, "labelName"), WORD_BYTES_MAX),
                of: clipped(strings(plugin.get("matchers")).first().map_or("", |it| it), TEXT_BYTES_MAX),
                regex: None,
            },
            (_, "PrometheusPromQLVariable") => {
                VariableKind::Query { promql: clipped(text_of(plugin, "expr"), TEXT_BYTES_MAX), regex: None }
            }
            (_, "StaticListVariable") => VariableKind::List(strings(plugin.get("values"))),
            _ => {
                notes.push(format!("variable `{}` is not kept: its kind is not known", clipped(name, 80)));
                continue;
            }
        };
        let is_empty = match &kind {
            VariableKind::Label { label, .. } => label.is_empty(),
            VariableKind::Query { promql, .. } => promql.is_empty(),
            _ => false,
        };
        if is_empty || !is_variable(name) || dashboard.variables.iter().any(|it| it.name == name) {
            notes.push(format!(
                "variable `{}` is not kept: its name or its query cannot be one here",
                clipped(name, 80)
            ));
            continue;
        }
        let title = source.pointer("/display/name").and_then(Value::as_str).unwrap_or_default();
        dashboard.variables.push(Variable {
            name: clipped(name, WORD_BYTES_MAX),
            title: clipped(title, WORD_BYTES_MAX),
            kind,
            default: default.into_iter().filter(|it| it != "$__all").collect(),
            multiple: is("allowMultiple"),
            all: is("allowAllValue"),
            all_value: Some(text_of(source, "customAllValue").to_owned())
                .filter(|it| !it.is_empty() && it.len() <= WORD_BYTES_MAX),
            hidden: source.pointer("/display/hidden").and_then(Value::as_bool) == Some(true),
        });
    }
    Ok(notes)
}

/// A text, or several; values may have labels of their own.
fn strings(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(object) => object.get("value").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let all: Vec<String> = match value {
        Some(Value::Array(all)) => all.iter().filter_map(text).collect(),
        Some(one) => text(one).into_iter().collect(),
        None => Vec::new(),
    };
    all.into_iter().filter(|it| it.len() <= TEXT_BYTES_MAX).take(OPTIONS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_have_comes_back_from_perses_as_it_was() {
        let text = r#"
apiVersion: nines/v1
kind: Dashboard
metadata: {name: shop}
spec:
  title: Shop
  time: {from: now-6h, to: now}
  refreshSecs: 30
  variables:
    - {name: job, kind: label, label: job, of: up, multiple: true, all: true}
    - {name: step, kind: list, options: [1m, 5m], default: [5m]}
    - {name: env, kind: constant, value: prod}
  panels:
    - {id: head, title: Traffic, view: row, collapsed: true, x: 0, y: 0, w: 24, h: 1}
    - id: rate
      title: Requests
      view: timeSeries
      x: 0
      y: 1
      w: 14
      h: 9
      unit: requestsPerSecond
      stack: true
      thresholds: [{from: 10, tone: warn}, {from: 20, tone: bad}]
      queries: [{promql: 'sum(rate(http_requests_total{job=~"$job"}[$step]))', legend: '{{code}}'}]
    - {id: note, title: Note, view: text, x: 14, y: 1, w: 10, h: 9, text: 'read **me**'}
"#;
        let dashboard = crate::parse(None, text).unwrap().dashboards.remove(0);
        let written = export(&dashboard);
        assert_eq!(written.left_out, [] as [String; 0]);
        let read = import(&written.json).unwrap();
        assert_eq!((read.count(Outcome::Taken), read.notes.len()), (2, 0), "{read:?}");
        let mut back = read.dashboard;
        // A heading has no name of its own there.
        back.panels[0].id = "head".to_owned();
        assert_eq!(crate::yaml(&back), crate::yaml(&dashboard));
    }

    #[test]
    fn what_perses_has_alone_is_named() {
        let text = r##"{"kind":"Dashboard","metadata":{"name":"Demo"},"spec":{"duration":"5m",
            "variables":[{"kind":"ListVariable","spec":{"name":"x","plugin":{"kind":"Other","spec":{}}}}],
            "panels":{"a":{"kind":"Panel","spec":{"display":{"name":"A"},"plugin":{"kind":"ScatterChart","spec":{}}}},
              "b":{"kind":"Panel","spec":{"display":{"name":"B"},"plugin":{"kind":"StatChart","spec":{"calculation":"first","format":{"unit":"temp"}}},
                "queries":[{"kind":"TimeSeriesQuery","spec":{"plugin":{"kind":"PrometheusTimeSeriesQuery","spec":{"query":"up"}}}}]}},
              "c":{}},
            "layouts":[{"kind":"Grid","spec":{"items":[
              {"x":0,"y":0,"width":6,"height":4,"content":{"$ref":"#/spec/panels/a"}},
              {"x":6,"y":0,"width":99,"height":4,"content":{"$ref":"#/spec/panels/b"}}]}}]}}"##;
        let read = import(text).unwrap();
        let told: Vec<_> = read.panels.iter().map(|it| (&*it.title, it.outcome, it.reasons.len())).collect();
        assert_eq!(told, [("A", Outcome::LeftOut, 1), ("B", Outcome::Approximated, 2)]);
        assert_eq!(
            read.notes,
            ["variable `x` is not kept: its kind is not known", "panel `c` is in no layout"]
        );
        assert_eq!((&*read.dashboard.from, read.dashboard.panels[0].cell.w), ("now-5m", 24));
        for wrong in ["", "[]", "{}", r#"{"spec":{}}"#] {
            assert!(import(wrong).is_err(), "{wrong}");
        }
    }
}
