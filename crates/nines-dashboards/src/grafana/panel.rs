use serde_json::Value;

use super::{
    clipped, color, list, mapping, overrides, report, text_of, transformations, unfitting, unit::unit,
};
use crate::model::{
    Calculation, Cell, Dashboard, LINKS_MAX, Legend, Link, Mapped, Mapping, Panel, QUERIES_MAX, Query,
    Source, TEXT_BYTES_MAX, THRESHOLDS_MAX, Threshold, Tone, View, WORD_BYTES_MAX,
};
use crate::read::is_link;
use crate::report::PanelReport;

pub fn id(source: &Value, word: &str) -> String {
    source.get("id").and_then(Value::as_u64).map_or_else(|| word.to_owned(), |id| format!("{word}-{id}"))
}

/// A panel at its place, and what became of it.
pub fn import(source: &Value, cell: Cell, dashboard: &Dashboard) -> (Option<Panel>, PanelReport) {
    let kind = text_of(source, "type");
    let title = clipped(text_of(source, "title"), WORD_BYTES_MAX);
    let mut reasons = Vec::new();
    let left_out = |reason: String| (None, report(&title, kind, vec![reason], true));
    if source.get("libraryPanel").is_some() && source.get("targets").is_none() {
        return left_out("it is a library panel, and its content is not in this file".to_owned());
    }
    let view = match kind {
        "graph" | "timeseries" => View::TimeSeries,
        "gauge" => View::Gauge,
        "singlestat" if source.pointer("/gauge/show").and_then(Value::as_bool) == Some(true) => View::Gauge,
        "stat" | "singlestat" => View::Stat,
        "bargauge" => View::Bars,
        "table" | "table-old" => View::Table,
        "heatmap" => View::Heatmap,
        "logs" => View::Logs,
        "text" => View::Text,
        "barchart" | "piechart" | "grafana-piechart-panel" => {
            reasons.push(format!("shown as bars instead of a {kind}"));
            View::Bars
        }
        "state-timeline" => View::StateTimeline,
        "status-history" => {
            reasons.push("shown as bands that last instead of a cell for each sample".to_owned());
            View::StateTimeline
        }
        other => return left_out(format!("there is no panel of kind `{other}` here")),
    };
    let mut panel = Panel::new(&id(source, "panel"), &title, view, cell);
    panel.description = clipped(text_of(source, "description"), TEXT_BYTES_MAX);
    if view == View::Text {
        panel.text = written(source, &mut reasons);
        return (Some(panel), report(&title, kind, reasons, false));
    }
    panel.queries = queries(source, &mut reasons);
    if panel.queries.is_empty() {
        let reason = reasons.pop().unwrap_or_else(|| "it asks nothing".to_owned());
        return left_out(reason);
    }
    // Heatmaps of today take their buckets from the query's format.
    let is_heat = list(source.get("targets")).iter().any(|it| text_of(it, "format") == "heatmap");
    if is_heat && panel.view == View::TimeSeries {
        panel.view = View::Heatmap;
    }
    fields(source, &mut panel, &mut reasons);
    old_fields(source, &mut panel, &mut reasons);
    legend(source, &mut panel);
    overrides::import(source, &mut panel, &mut reasons);
    let repeat = text_of(source, "repeat");
    if !repeat.is_empty() {
        if dashboard.variables.iter().any(|variable| variable.name == repeat) {
            panel.repeat = Some(repeat.to_owned());
        } else {
            reasons.push(format!("not repeated: there is no variable `{repeat}`"));
        }
    }
    links(source, &mut panel, &mut reasons);
    transformations::import(source, &mut panel, &mut reasons);
    unfitting::find(source, &panel, dashboard, &mut reasons);
    if source.get("alert").is_some_and(Value::is_object) {
        reasons.push("its alert is not kept: write a rule or a promise".to_owned());
    }
    let mut said = std::collections::BTreeSet::new();
    reasons.retain(|reason| said.insert(reason.clone()));
    let report = report(&title, kind, reasons, false);
    (Some(panel), report)
}

fn queries(source: &Value, reasons: &mut Vec<String>) -> Vec<Query> {
    let of_panel = source.get("datasource");
    let mut queries = Vec::new();
    for target in list(source.get("targets")) {
        let refid = text_of(target, "refId");
        let foreign = language(target.get("datasource")).or_else(|| language(of_panel));
        let expr = text_of(target, "expr");
        if let Some(foreign) = foreign {
            reasons.push(format!("query {refid} is for {foreign}"));
            continue;
        }
        if expr.trim().is_empty() {
            if target.get("expression").is_some() {
                reasons.push(format!("query {refid} reckons with others, which is not done"));
            } else {
                reasons.push(format!("query {refid} is not PromQL"));
            }
            continue;
        }
        if expr.len() > TEXT_BYTES_MAX || queries.len() >= QUERIES_MAX {
            reasons.push(format!("query {refid} is one too many or too long"));
            continue;
        }
        let smallest = text_of(target, "interval");
        if !smallest.is_empty() {
            reasons.push(format!("the smallest step `{smallest}` is not kept"));
        }
        let legend = text_of(target, "legendFormat");
        let legend = if legend == "__auto" { "" } else { legend };
        let is = |key: &str| target.get(key).and_then(Value::as_bool) == Some(true);
        queries.push(Query {
            source: Source::Promql(current_names(expr)),
            legend: clipped(&current_names(legend), WORD_BYTES_MAX),
            instant: is("instant"),
            hidden: is("hide"),
        });
    }
    queries
}

/// The system that is asked, if it speaks another language than PromQL.
fn language(datasource: Option<&Value>) -> Option<String> {
    let kind = match datasource? {
        Value::Object(object) => object.get("type")?.as_str()?,
        // A name: that of the system, as Grafana calls it at first, or one of the owner's own.
        Value::String(name) => name.as_str(),
        _ => return None,
    };
    const FOREIGN: [&str; 14] = [
        "loki",
        "elasticsearch",
        "influxdb",
        "graphite",
        "cloudwatch",
        "mysql",
        "postgres",
        "mssql",
        "tempo",
        "jaeger",
        "zipkin",
        "opentsdb",
        "testdata",
        "stackdriver",
    ];
    let lower = kind.to_lowercase();
    let lower = lower.strip_prefix("grafana-").unwrap_or(&lower);
    let lower = lower.strip_suffix("-datasource").unwrap_or(lower);
    FOREIGN.into_iter().find(|foreign| *foreign == lower).map(str::to_owned)
}

/// `[[name]]`, as variables were written once, as `${name}`.
pub fn current_names(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("[[") {
        let after = &rest[start + 2..];
        let Some(end) = after.find("]]") else { break };
        let inside = &after[..end];
        let is_name = !inside.is_empty()
            && inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
        made.push_str(&rest[..start]);
        if is_name {
            made.push_str("${");
            made.push_str(inside);
            made.push('}');
        } else {
            made.push_str(&rest[start..start + 2 + end + 2]);
        }
        rest = &after[end + 2..];
    }
    made.push_str(rest);
    made
}

fn written(source: &Value, reasons: &mut Vec<String>) -> String {
    let part = |key: &str| {
        let text = source.pointer(&format!("/options/{key}")).and_then(Value::as_str);
        text.unwrap_or_else(|| text_of(source, key))
    };
    let content = part("content");
    if part("mode") != "html" {
        return clipped(content, TEXT_BYTES_MAX);
    }
    reasons.push("its HTML is shown as text".to_owned());
    let mut text = String::new();
    let mut is_inside = false;
    for c in content.chars() {
        match c {
            '<' => is_inside = true,
            '>' if is_inside => is_inside = false,
            c if !is_inside => text.push(c),
            _ => {}
        }
    }
    clipped(text.trim(), TEXT_BYTES_MAX)
}

/// Panels since version 7.
fn fields(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let Some(defaults) = source.pointer("/fieldConfig/defaults") else { return };
    let number = |key: &str| defaults.get(key).and_then(Value::as_f64);
    panel.decimals = number("decimals").map(|it| it.clamp(0.0, 10.0) as u32);
    (panel.min, panel.max) = (number("min"), number("max"));
    thresholds(defaults, panel);
    match defaults.pointer("/custom/stacking/mode").and_then(Value::as_str) {
        Some("normal") => panel.stack = true,
        Some("percent") => {
            panel.stack = true;
            reasons.push("stacked by value, not to 100 %".to_owned());
        }
        _ => {}
    }
    mapping::import(defaults.get("mappings"), panel, reasons);
    // After the words that somebody chose: those of a unit come last.
    set_unit(text_of(defaults, "unit"), panel, reasons);
    let none = text_of(defaults, "noValue");
    if !none.is_empty() {
        mapping::missing(none, panel);
    }
    let called = text_of(defaults, "displayName");
    if !called.is_empty() {
        match panel.queries.as_mut_slice() {
            [only] if only.legend.is_empty() && !called.contains("${") => {
                only.legend = clipped(called, WORD_BYTES_MAX);
            }
            _ => reasons.push(format!("lines are not called `{}`", clipped(called, 60))),
        }
    }
    if let Some(calc) = source.pointer("/options/reduceOptions/calcs/0").and_then(Value::as_str) {
        set_calculation(calc, panel, reasons);
    }
}

/// Lines have thresholds only where they are drawn; each is born with two that mean nothing.
fn thresholds(defaults: &Value, panel: &mut Panel) {
    let drawn = defaults.pointer("/custom/thresholdsStyle/mode").and_then(Value::as_str).unwrap_or("off");
    let is_lines = panel.view == View::TimeSeries;
    if is_lines && drawn == "off" {
        return;
    }
    // Bands are born with thresholds too, and coloured by something else unless this says so.
    let by = defaults.pointer("/color/mode").and_then(Value::as_str).unwrap_or("thresholds");
    if panel.view == View::StateTimeline && by != "thresholds" {
        return;
    }
    let is_percentage = defaults.pointer("/thresholds/mode").and_then(Value::as_str) == Some("percentage");
    let (least, most) = (panel.min.unwrap_or(0.0), panel.max.unwrap_or(100.0));
    let value_of = |step: &Value| {
        let value = step.get("value").and_then(Value::as_f64)?;
        Some(if is_percentage { least + (most - least) * value / 100.0 } else { value })
    };
    let steps = list(defaults.pointer("/thresholds/steps"));
    for (index, step) in steps.iter().take(THRESHOLDS_MAX).enumerate() {
        let tone = color::tone(text_of(step, "color"));
        let from = match value_of(step) {
            Some(value) => value,
            // The first holds from below: from the lowest that there can be, and no line is drawn at it.
            None if !is_lines && tone != Tone::None => {
                let next = steps.get(index + 1).and_then(value_of);
                next.map_or(least, |next| least.min(next - 1.0))
            }
            None => continue,
        };
        panel.thresholds.push(Threshold { from, tone });
    }
    panel.thresholds.sort_by(|a, b| a.from.total_cmp(&b.from));
}

/// Panels before version 7: `graph` and `singlestat`.
fn old_fields(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    if panel.unit.is_empty() {
        let axis = source.pointer("/yaxes/0/format").and_then(Value::as_str);
        set_unit(axis.unwrap_or_else(|| text_of(source, "format")), panel, reasons);
    }
    let number = |value: Option<&Value>| match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let is_number = |it: &f64| it.is_finite();
    panel.decimals = panel.decimals.or(number(source.get("decimals")).map(|it| it.clamp(0.0, 10.0) as u32));
    if panel.view == View::Gauge {
        panel.min = panel.min.or(number(source.pointer("/gauge/minValue")).filter(is_number));
        panel.max = panel.max.or(number(source.pointer("/gauge/maxValue")).filter(is_number));
    }
    panel.min = panel.min.or(number(source.pointer("/yaxes/0/min")).filter(is_number));
    panel.max = panel.max.or(number(source.pointer("/yaxes/0/max")).filter(is_number));
    if text_of(source, "type") == "graph" {
        panel.stack |= source.get("stack").and_then(Value::as_bool) == Some(true);
    }
    if text_of(source, "type") == "graph" {
        for one in list(source.get("thresholds")).iter().take(THRESHOLDS_MAX) {
            let Some(from) = one.get("value").and_then(Value::as_f64) else { continue };
            let tone = match text_of(one, "colorMode") {
                "ok" => Tone::Good,
                "warning" => Tone::Warn,
                "critical" => Tone::Bad,
                _ => color::tone(text_of(one, "lineColor")),
            };
            if text_of(one, "op") == "lt" {
                reasons.push(format!("its threshold below {from} is drawn as one from {from} on"));
            }
            panel.thresholds.push(Threshold { from, tone });
        }
    }
    if text_of(source, "type") == "singlestat" {
        set_calculation(text_of(source, "valueName"), panel, reasons);
        mapping::import_singlestat(source, panel, reasons);
        let is_coloured = ["colorValue", "colorBackground"]
            .iter()
            .any(|key| source.get(*key).and_then(Value::as_bool) == Some(true));
        let is_gauge = panel.view == View::Gauge;
        let tones = list(source.get("colors")).iter().map(|it| color::tone(it.as_str().unwrap_or_default()));
        let tones: Vec<Tone> = tones.collect();
        let limits = text_of(source, "thresholds").split(',').map(|part| part.trim().parse::<f64>());
        let limits: Vec<f64> = limits.filter_map(Result::ok).filter(|it| it.is_finite()).collect();
        if let (Some(first), Some(tone)) = (limits.first(), tones.first())
            && (is_coloured || is_gauge)
        {
            let from = panel.min.unwrap_or(0.0).min(first - 1.0);
            panel.thresholds.push(Threshold { from, tone: *tone });
            for (from, tone) in limits.iter().zip(&tones[1..]).take(THRESHOLDS_MAX - 1) {
                panel.thresholds.push(Threshold { from: *from, tone: *tone });
            }
        }
    }
    panel.thresholds.sort_by(|a, b| a.from.total_cmp(&b.from));
}

fn set_unit(id: &str, panel: &mut Panel, reasons: &mut Vec<String>) {
    let words = match id {
        "bool" => Some(["False", "True"]),
        "bool_yes_no" => Some(["No", "Yes"]),
        "bool_on_off" => Some(["Off", "On"]),
        _ => None,
    };
    for (value, word) in words.iter().flatten().enumerate() {
        let (of, text) = (Mapped::Value(value.to_string()), Some((*word).to_owned()));
        panel.mappings.push(Mapping { of, text, tone: None });
    }
    match unit(id) {
        Some(unit) => unit.clone_into(&mut panel.unit),
        None => reasons.push(format!("unit `{}` is shown as a plain number", clipped(id, 40))),
    }
}

fn set_calculation(word: &str, panel: &mut Panel, reasons: &mut Vec<String>) {
    panel.calculation = match word {
        "" | "last" | "lastNotNull" | "current" => Calculation::Last,
        "mean" | "avg" => Calculation::Mean,
        "max" => Calculation::Max,
        "min" => Calculation::Min,
        "sum" | "total" => Calculation::Sum,
        other => {
            reasons.push(format!("shows the last value instead of `{other}`"));
            Calculation::Last
        }
    };
}

fn legend(source: &Value, panel: &mut Panel) {
    let new = source.pointer("/options/legend");
    let old = source.get("legend");
    let flag = |from: Option<&Value>, key: &str| from.and_then(|it| it.get(key)).and_then(Value::as_bool);
    let word = |key: &str| new.map(|it| text_of(it, key)).unwrap_or_default();
    panel.legend = if flag(new, "showLegend") == Some(false)
        || word("displayMode") == "hidden"
        || flag(old, "show") == Some(false)
    {
        Legend::Hidden
    } else if word("displayMode") == "table" || flag(old, "alignAsTable") == Some(true) {
        Legend::Table
    } else if word("placement") == "right" || flag(old, "rightSide") == Some(true) {
        Legend::Right
    } else {
        Legend::Bottom
    };
}

fn links(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    for link in list(source.get("links")).iter().take(LINKS_MAX) {
        let (title, url) = (text_of(link, "title"), text_of(link, "url"));
        let fits = !title.is_empty() && title.len() <= WORD_BYTES_MAX && url.len() <= WORD_BYTES_MAX;
        if fits && is_link(url) && !url.contains("${__") && !url.starts_with("/d/") {
            panel.links.push(Link { title: title.to_owned(), url: url.to_owned() });
        } else {
            reasons.push(format!("link `{}` is not kept", clipped(title, 60)));
        }
    }
}
