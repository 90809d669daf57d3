use serde_json::Value;

use super::{clipped, list, report, text_of, unit::unit};
use crate::model::{
    Calculation, Cell, Dashboard, LINKS_MAX, Legend, Link, OVERRIDES_MAX, Override, Panel, QUERIES_MAX,
    Query, Source, TEXT_BYTES_MAX, THRESHOLDS_MAX, Threshold, Tone, View, WORD_BYTES_MAX,
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
        "state-timeline" | "status-history" => {
            reasons.push(format!("shown as lines instead of a {kind}"));
            View::TimeSeries
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
    overrides(source, &mut panel, &mut reasons);
    let repeat = text_of(source, "repeat");
    if !repeat.is_empty() {
        if dashboard.variables.iter().any(|variable| variable.name == repeat) {
            panel.repeat = Some(repeat.to_owned());
        } else {
            reasons.push(format!("not repeated: there is no variable `{repeat}`"));
        }
    }
    links(source, &mut panel, &mut reasons);
    for one in list(source.get("transformations")) {
        let id = text_of(one, "id");
        // Tables here have a line for each series with all its labels, which is what these two make.
        let is_so_anyway = panel.view == View::Table && matches!(id, "merge" | "labelsToFields");
        if !is_so_anyway {
            reasons.push(format!("its transformation `{id}` is not made"));
        }
    }
    if source.get("alert").is_some_and(Value::is_object) {
        reasons.push("its alert is not kept: write a rule or a promise".to_owned());
    }
    reasons.dedup();
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
    set_unit(text_of(defaults, "unit"), panel, reasons);
    let number = |key: &str| defaults.get(key).and_then(Value::as_f64);
    panel.decimals = number("decimals").map(|it| it.clamp(0.0, 10.0) as u32);
    (panel.min, panel.max) = (number("min"), number("max"));
    let is_percentage = defaults.pointer("/thresholds/mode").and_then(Value::as_str) == Some("percentage");
    let (least, most) = (panel.min.unwrap_or(0.0), panel.max.unwrap_or(100.0));
    for step in list(defaults.pointer("/thresholds/steps")).iter().take(THRESHOLDS_MAX) {
        let Some(tone) = tone(text_of(step, "color")) else { continue };
        // The first has no value: it holds from below.
        let Some(value) = step.get("value").and_then(Value::as_f64) else { continue };
        let from = if is_percentage { least + (most - least) * value / 100.0 } else { value };
        panel.thresholds.push(Threshold { from, tone });
    }
    panel.thresholds.sort_by(|a, b| a.from.total_cmp(&b.from));
    match defaults.pointer("/custom/stacking/mode").and_then(Value::as_str) {
        Some("normal") => panel.stack = true,
        Some("percent") => {
            panel.stack = true;
            reasons.push("stacked by value, not to 100 %".to_owned());
        }
        _ => {}
    }
    if !list(defaults.get("mappings")).is_empty() {
        reasons.push("values are shown as numbers, without its mappings".to_owned());
    }
    if let Some(calc) = source.pointer("/options/reduceOptions/calcs/0").and_then(Value::as_str) {
        set_calculation(calc, panel, reasons);
    }
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
    panel.min = panel.min.or(number(source.pointer("/yaxes/0/min")).filter(is_number));
    panel.max = panel.max.or(number(source.pointer("/yaxes/0/max")).filter(is_number));
    if text_of(source, "type") == "graph" {
        panel.stack |= source.get("stack").and_then(Value::as_bool) == Some(true);
    }
    if text_of(source, "type") == "singlestat" {
        set_calculation(text_of(source, "valueName"), panel, reasons);
        let tones: Vec<Option<Tone>> =
            list(source.get("colors")).iter().map(|it| tone(it.as_str().unwrap_or_default())).collect();
        for (index, part) in text_of(source, "thresholds").split(',').enumerate().take(THRESHOLDS_MAX) {
            let Ok(from) = part.trim().parse::<f64>() else { continue };
            if let Some(Some(tone)) = tones.get(index + 1).filter(|_| from.is_finite()) {
                panel.thresholds.push(Threshold { from, tone: *tone });
            }
        }
        panel.thresholds.sort_by(|a, b| a.from.total_cmp(&b.from));
    }
}

fn set_unit(id: &str, panel: &mut Panel, reasons: &mut Vec<String>) {
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

/// Thresholds mean something; colours that mean nothing set none.
fn tone(color: &str) -> Option<Tone> {
    let lower = color.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["green", "#299c46", "#73bf69", "50, 172, 45", "#37872d", "#56a64b"]) {
        Some(Tone::Good)
    } else if has(&["orange", "yellow", "237, 129, 40", "#eab839", "#ff9830", "#fade2a", "#ef843c"]) {
        Some(Tone::Warn)
    } else if has(&["red", "#d44a3a", "#f2495c", "245, 54, 54", "#e02f44", "#c4162a", "#bf1b00"]) {
        Some(Tone::Bad)
    } else if has(&["blue", "#5794f2", "purple"]) {
        Some(Tone::Info)
    } else {
        None
    }
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

fn overrides(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    for one in list(source.pointer("/fieldConfig/overrides")) {
        let matcher = one.pointer("/matcher/id").and_then(Value::as_str).unwrap_or_default();
        let of = one.pointer("/matcher/options").and_then(Value::as_str).unwrap_or_default();
        let series = match matcher {
            "byName" => of.to_owned(),
            "byRegexp" if of.starts_with('/') => of.to_owned(),
            "byRegexp" => format!("/{of}/"),
            _ => String::new(),
        };
        let mut made = Override { series, unit: None, name: None, hidden: false, negative: false };
        for property in list(one.get("properties")) {
            let value = property.get("value");
            let word = value.and_then(Value::as_str).unwrap_or_default();
            match text_of(property, "id") {
                "unit" => made.unit = unit(word).filter(|it| !it.is_empty()).map(str::to_owned),
                "displayName" => made.name = Some(clipped(word, WORD_BYTES_MAX)),
                "custom.hidden" => made.hidden = value.and_then(Value::as_bool) == Some(true),
                "custom.hideFrom" => {
                    made.hidden = value.and_then(|it| it.get("viz")).and_then(Value::as_bool) == Some(true);
                }
                "custom.transform" => made.negative = word == "negative-Y",
                "custom.stacking"
                | "custom.axisPlacement"
                | "max"
                | "min"
                | "decimals"
                | "mappings"
                | "thresholds"
                | "links" => {
                    let property = text_of(property, "id");
                    reasons.push(format!("`{property}` is the same for all lines"));
                }
                // How it looks: colour, width, fill, the width of a column.
                _ => {}
            }
        }
        made.name = made.name.filter(|name| !name.is_empty());
        let says = made.unit.is_some() || made.name.is_some() || made.hidden || made.negative;
        let fits = !made.series.is_empty() && made.series.len() <= WORD_BYTES_MAX;
        if says && fits && panel.overrides.len() < OVERRIDES_MAX {
            panel.overrides.push(made);
        } else if says {
            reasons.push(format!("an override by `{matcher}` is not kept"));
        }
    }
    for one in list(source.get("seriesOverrides")) {
        let alias = text_of(one, "alias");
        if text_of(one, "transform") == "negative-Y" && !alias.is_empty() && alias.len() <= WORD_BYTES_MAX {
            if panel.overrides.len() < OVERRIDES_MAX {
                let series = alias.to_owned();
                panel.overrides.push(Override {
                    series,
                    unit: None,
                    name: None,
                    hidden: false,
                    negative: true,
                });
            }
        } else if one.get("yaxis").and_then(Value::as_u64) == Some(2) {
            reasons.push("all lines have one axis".to_owned());
        }
    }
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
