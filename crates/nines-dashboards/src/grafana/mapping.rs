//! Values with words of their own, as they were written in panels of each generation.

use serde_json::Value;

use super::{clipped, color, list, text_of};
use crate::model::{MAPPINGS_MAX, Mapped, Mapping, Panel, WORD_BYTES_MAX};

/// Those of `fieldConfig.defaults.mappings`: since version 8 by `options`, before it by `op`.
pub fn import(mappings: Option<&Value>, panel: &mut Panel, reasons: &mut Vec<String>) {
    for one in list(mappings) {
        match text_of(one, "type") {
            "value" => {
                let Some(options) = one.get("options").and_then(Value::as_object) else { continue };
                let mut listed: Vec<_> = options.iter().collect();
                listed.sort_by_key(|(_, result)| result.get("index").and_then(Value::as_i64).unwrap_or(0));
                for (value, result) in listed {
                    put(of_value(value), result, panel, reasons);
                }
            }
            "range" => {
                let Some(options) = one.get("options") else { continue };
                put(range(options), options.get("result").unwrap_or(&Value::Null), panel, reasons);
            }
            "regex" => {
                let Some(options) = one.get("options") else { continue };
                let pattern = text_of(options, "pattern");
                let pattern =
                    pattern.strip_prefix('/').and_then(|it| it.strip_suffix('/')).unwrap_or(pattern);
                let of = Mapped::Regex(clipped(pattern, WORD_BYTES_MAX));
                put(of, options.get("result").unwrap_or(&Value::Null), panel, reasons);
            }
            "special" => special(one.get("options").unwrap_or(&Value::Null), panel, reasons),
            _ => of_old(one, panel, reasons),
        }
    }
}

/// `valueMaps` and `rangeMaps` of a single number before version 7; one kind of them counts.
pub fn import_singlestat(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let by_range = source.get("mappingType").and_then(Value::as_u64) == Some(2);
    for one in list(source.get(if by_range { "rangeMaps" } else { "valueMaps" })) {
        of_old(one, panel, reasons);
    }
    let null = text_of(source, "nullText");
    if !null.is_empty() {
        missing(null, panel);
    }
}

/// What is said where there is no value.
pub fn missing(text: &str, panel: &mut Panel) {
    let text = Some(clipped(text, WORD_BYTES_MAX));
    if panel.mappings.len() < MAPPINGS_MAX && !panel.mappings.iter().any(|it| it.of == Mapped::Missing) {
        panel.mappings.push(Mapping { of: Mapped::Missing, text, tone: None });
    }
}

fn of_value(value: &str) -> Mapped {
    if value == "null" { Mapped::Missing } else { Mapped::Value(clipped(value, WORD_BYTES_MAX)) }
}

fn special(options: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let result = options.get("result").unwrap_or(&Value::Null);
    match text_of(options, "match") {
        "null" | "nan" | "null+nan" | "empty" => put(Mapped::Missing, result, panel, reasons),
        // Series have numbers: true is one, false is nought.
        "true" => put(Mapped::Value("1".to_owned()), result, panel, reasons),
        "false" => put(Mapped::Value("0".to_owned()), result, panel, reasons),
        other => reasons.push(format!("a mapping of the special value `{}` is not kept", clipped(other, 40))),
    }
}

fn of_old(one: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let of = match one.get("value").map(as_text) {
        Some(value) if !value.is_empty() => of_value(&value),
        _ => match range(one) {
            Mapped::Range { from: None, to: None } => Mapped::Missing,
            range => range,
        },
    };
    put(of, one, panel, reasons);
}

fn range(options: &Value) -> Mapped {
    let end = |key: &str| options.get(key).map(as_text).and_then(|text| text.parse::<f64>().ok());
    let finite = |key: &str| end(key).filter(|it| it.is_finite());
    Mapped::Range { from: finite("from"), to: finite("to") }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn put(of: Mapped, result: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let text = result.get("text").map(as_text).filter(|text| !text.is_empty());
    let text = text.map(|text| clipped(&text, WORD_BYTES_MAX));
    let tone = result.get("color").and_then(Value::as_str).map(color::tone);
    if !text_of(result, "icon").is_empty() {
        reasons.push("a mapping has a picture, which is not shown".to_owned());
    }
    let is_empty = match &of {
        Mapped::Value(text) | Mapped::Regex(text) => text.is_empty(),
        Mapped::Range { from, to } => from.is_none() && to.is_none(),
        Mapped::Missing => false,
    };
    if is_empty || (text.is_none() && tone.is_none()) {
        reasons.push("a mapping of no value, or to nothing, is not kept".to_owned());
    } else if panel.mappings.len() >= MAPPINGS_MAX {
        reasons.push(format!("more than {MAPPINGS_MAX} mappings: the rest is not kept"));
    } else {
        panel.mappings.push(Mapping { of, text, tone });
    }
}
