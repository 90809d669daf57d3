//! What is different for some lines or columns, in panels of each generation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{clipped, color, list, text_of, unit::unit};
use crate::model::{OVERRIDES_MAX, Override, Panel, View, WORD_BYTES_MAX};

pub fn import(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    of_today(source, panel, reasons);
    of_lines(source, panel, reasons);
    of_columns(source, panel, reasons);
    fixed_color(source, panel, reasons);
}

/// Hides a column or line, or calls it otherwise.
pub fn put(made: Override, panel: &mut Panel, reasons: &mut Vec<String>) {
    if !made.says() {
        return;
    }
    let fits = !made.series.is_empty() && made.series.len() <= WORD_BYTES_MAX;
    if fits && panel.overrides.len() < OVERRIDES_MAX {
        panel.overrides.push(made);
    } else {
        let name = clipped(&made.series, 60);
        reasons.push(format!("an override of `{name}` is one too many, or its name too long"));
    }
}

/// The name that a column of Grafana's has here: `value` of the only query, `value A`, `value B` of several, by their order
/// among those that are asked.
pub fn column(name: &str, source: &Value) -> String {
    let asked: Vec<&str> = list(source.get("targets"))
        .iter()
        .filter(|it| !text_of(it, "expr").trim().is_empty())
        .filter(|it| it.get("hide").and_then(Value::as_bool) != Some(true))
        .map(|it| text_of(it, "refId"))
        .collect();
    let of_query = name.strip_prefix("Value #");
    if name != "Value" && of_query.is_none() {
        return name.to_owned();
    }
    let at = of_query.and_then(|refid| asked.iter().position(|known| *known == refid));
    match (asked.len(), at) {
        (0 | 1, _) => "value".to_owned(),
        (_, at) => format!("value {}", letter(at.unwrap_or(0))),
    }
}

/// `A` for the first query, as the table calls its column.
fn letter(index: usize) -> char {
    u8::try_from(index % 26).map_or('A', |index| char::from(b'A' + index))
}

fn of_today(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    for one in list(source.pointer("/fieldConfig/overrides")) {
        let matcher = one.pointer("/matcher/id").and_then(Value::as_str).unwrap_or_default();
        let of = one.pointer("/matcher/options").and_then(Value::as_str).unwrap_or_default();
        let series = match matcher {
            "byName" if panel.view == View::Table => column(of, source),
            "byName" => of.to_owned(),
            "byRegexp" if of.starts_with('/') => of.to_owned(),
            "byRegexp" => format!("/{of}/"),
            "byFrameRefID" => of_query(source, of).unwrap_or_default(),
            _ => String::new(),
        };
        let mut made = Override::of(&series);
        for property in list(one.get("properties")) {
            of_property(property, &mut made, reasons);
        }
        if series.is_empty() && made.says() {
            reasons.push(format!("an override by `{matcher}` is not kept"));
        } else {
            put(made, panel, reasons);
        }
    }
}

/// The lines of one query, as a regular expression for its legend. `None` if the legend does not tell them from those of the
/// other queries.
fn of_query(source: &Value, refid: &str) -> Option<String> {
    let targets = list(source.get("targets"));
    if targets.len() == 1 {
        return Some("/.*/".to_owned());
    }
    let target = targets.iter().find(|target| text_of(target, "refId") == refid)?;
    let legend = super::panel::current_names(text_of(target, "legendFormat"));
    let (mut made, mut rest, mut has_words) = ("/^".to_owned(), legend.as_str(), false);
    while !rest.is_empty() {
        if let Some((_, after)) = rest.strip_prefix("{{").and_then(|inside| inside.split_once("}}")) {
            made.push_str(".*");
            rest = after;
            continue;
        }
        let c = rest.chars().next()?;
        has_words |= c.is_alphanumeric();
        if c.is_ascii_punctuation() {
            made.push('\\');
        }
        made.push(c);
        rest = &rest[c.len_utf8()..];
    }
    made.push_str("$/");
    // A variable in it has another text each time, and `__auto` is none of its own.
    (has_words && !legend.contains('$') && legend != "__auto").then_some(made)
}

fn of_property(property: &Value, made: &mut Override, reasons: &mut Vec<String>) {
    let value = property.get("value");
    let word = value.and_then(Value::as_str).unwrap_or_default();
    match text_of(property, "id") {
        "unit" => match unit(word) {
            Some(ours) => made.unit = Some(ours.to_owned()).filter(|it| !it.is_empty()),
            None => reasons.push(format!("unit `{}` is shown as a plain number", clipped(word, 40))),
        },
        "displayName" => made.name = Some(clipped(word, WORD_BYTES_MAX)).filter(|name| !name.is_empty()),
        "custom.hidden" => made.hidden = value.and_then(Value::as_bool) == Some(true),
        "custom.hideFrom" => {
            made.hidden = value.and_then(|it| it.get("viz")).and_then(Value::as_bool) == Some(true);
        }
        "custom.transform" => made.negative = word == "negative-Y",
        "color" => {
            let fixed = value.map(|it| text_of(it, "fixedColor")).unwrap_or_default();
            made.color = color::hex(fixed);
        }
        // How it looks otherwise: width, fill, dashes, points, the width of a column.
        "custom.lineWidth"
        | "custom.fillOpacity"
        | "custom.lineStyle"
        | "custom.pointSize"
        | "custom.showPoints"
        | "custom.lineInterpolation"
        | "custom.gradientMode"
        | "custom.width"
        | "custom.align"
        | "custom.fillBelowTo"
        | "custom.spanNulls"
        | "custom.axisLabel"
        | "custom.axisColorMode"
        | "custom.minWidth"
        | "custom.filterable"
        | "custom.inspect" => {}
        "" => {}
        property => reasons.push(format!("`{property}` is the same for all lines")),
    }
}

/// Lines of panels before version 7.
fn of_lines(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    if let Some(aliases) = source.get("aliasColors").and_then(Value::as_object) {
        // By name: nothing depends on whether the reader of JSON keeps the order of keys.
        for (series, color) in aliases.iter().collect::<BTreeMap<_, _>>() {
            let color = color::hex(color.as_str().unwrap_or_default());
            put(Override { color, ..Override::of(series) }, panel, reasons);
        }
    }
    for one in list(source.get("seriesOverrides")) {
        let mut made = Override::of(text_of(one, "alias"));
        made.negative = text_of(one, "transform") == "negative-Y";
        made.color = color::hex(text_of(one, "color"));
        made.hidden = ["lines", "bars", "points"].iter().all(|key| {
            let is = one.get(*key).and_then(Value::as_bool);
            is == Some(false) || (*key != "lines" && is.is_none())
        });
        put(made, panel, reasons);
        if one.get("yaxis").and_then(Value::as_u64) == Some(2) {
            reasons.push("all lines have one axis".to_owned());
        }
        if one.get("stack").is_some() {
            reasons.push("`stack` is the same for all lines".to_owned());
        }
    }
}

/// Columns of tables before version 7.
fn of_columns(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    for style in list(source.get("styles")) {
        let pattern = text_of(style, "pattern");
        let mut made = Override::of(&column(pattern, source));
        made.hidden = text_of(style, "type") == "hidden";
        made.name = Some(clipped(text_of(style, "alias"), WORD_BYTES_MAX)).filter(|name| !name.is_empty());
        if text_of(style, "type") == "number" {
            match unit(text_of(style, "unit")) {
                Some(ours) => made.unit = Some(ours.to_owned()).filter(|it| !it.is_empty()),
                None => reasons.push(format!(
                    "unit `{}` is shown as a plain number",
                    clipped(text_of(style, "unit"), 40)
                )),
            }
        }
        // Times are no column here.
        if pattern == "Time" {
            continue;
        }
        for (key, what) in [("linkUrl", "link"), ("valueMaps", "mapping"), ("rangeMaps", "mapping")] {
            let has = style
                .get(key)
                .is_some_and(|it| it.as_str() != Some("") && it.as_array().is_none_or(|it| !it.is_empty()));
            if has && !style.get(key).is_some_and(Value::is_null) {
                reasons.push(format!("the {what} of column `{}` is not kept", clipped(pattern, 60)));
            }
        }
        if list(style.get("thresholds")).iter().any(|it| it.as_str() != Some("")) {
            reasons.push(format!("the thresholds of column `{}` are not kept", clipped(pattern, 60)));
        }
        put(made, panel, reasons);
    }
}

/// One colour for all lines of a panel.
fn fixed_color(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let Some(color) = source.pointer("/fieldConfig/defaults/color") else { return };
    match text_of(color, "mode") {
        "fixed" | "shades" => {
            let color = color::hex(text_of(color, "fixedColor"));
            put(Override { color, ..Override::of("/.*/") }, panel, reasons);
        }
        mode if mode.starts_with("continuous-") => {
            reasons.push(format!("colours are those of thresholds instead of the scale `{mode}`"));
        }
        _ => {}
    }
}
