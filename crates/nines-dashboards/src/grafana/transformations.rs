//! What is done to the answers before they are shown. Tables here have a line for each set of labels, with a column for the
//! value of each query, which is what the commonest of these make; columns are hidden and called otherwise; the rest is named and not done.

use serde_json::Value;

use super::overrides::{column, put};
use super::{clipped, list, text_of};
use crate::model::{Override, Panel, View, WORD_BYTES_MAX};

pub fn import(source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let is_table = panel.view == View::Table;
    for one in list(source.get("transformations")) {
        if one.get("disabled").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let options = one.get("options").unwrap_or(&Value::Null);
        match text_of(one, "id") {
            "merge" | "labelsToFields" | "seriesToRows" | "joinByField" | "seriesToColumns" if is_table => {}
            "organize" if is_table => organize(options, source, panel, reasons),
            "filterFieldsByName" if options.get("exclude").is_some() => {
                exclude(options, source, panel, reasons)
            }
            id => reasons.push(format!("its transformation `{id}` is not made")),
        }
    }
}

fn organize(options: &Value, source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    let entries = |key: &str| {
        options
            .get(key)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value))
    };
    for (name, excluded) in entries("excludeByName") {
        // Times are no column here, and what several queries share is one.
        if excluded.as_bool() == Some(true) && !name.starts_with("Time") && !is_repeated(name) {
            put(Override { hidden: true, ..Override::of(&column(name, source)) }, panel, reasons);
        }
    }
    for (name, called) in entries("renameByName") {
        let called = called.as_str().unwrap_or_default();
        if !called.is_empty() && called != name {
            let called = Some(clipped(called, WORD_BYTES_MAX));
            put(Override { name: called, ..Override::of(&column(name, source)) }, panel, reasons);
        }
    }
    if entries("indexByName").next().is_some() {
        reasons.push("columns are in the order of their names, the value last".to_owned());
    }
}

/// `instance 2`: how a join calls a label that another query has too.
fn is_repeated(name: &str) -> bool {
    name.rsplit_once(' ').is_some_and(|(_, number)| number.bytes().all(|it| it.is_ascii_digit()))
}

fn exclude(options: &Value, source: &Value, panel: &mut Panel, reasons: &mut Vec<String>) {
    for name in list(options.pointer("/exclude/names")).iter().filter_map(Value::as_str) {
        put(Override { hidden: true, ..Override::of(&column(name, source)) }, panel, reasons);
    }
    let pattern = options.pointer("/exclude/pattern").and_then(Value::as_str).unwrap_or_default();
    if !pattern.is_empty() {
        let series = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/{pattern}/") };
        put(Override { hidden: true, ..Override::of(&series) }, panel, reasons);
    }
}
