use serde_json::Value;

use super::{clipped, list, text_of};
use crate::model::{OPTIONS_MAX, TEXT_BYTES_MAX, Variable, VariableKind, WORD_BYTES_MAX};
use crate::read::{is_duration, is_variable};

/// A variable with what is different about it, or why there is none.
pub fn import(source: &Value) -> Result<(Variable, Vec<String>), String> {
    let name = text_of(source, "name");
    let kind = text_of(source, "type");
    if !is_variable(name) || name.len() > WORD_BYTES_MAX {
        return Err(format!("variable `{}` is not kept: its name cannot be one here", clipped(name, 80)));
    }
    let mut notes = Vec::new();
    let kind = match kind {
        "query" => query(source, name)?,
        "custom" => {
            let (options, renamed) = options(source);
            if renamed {
                notes.push(format!("the values of variable `{name}` are shown without their labels"));
            }
            VariableKind::List(options)
        }
        "interval" => {
            let (options, _) = options(source);
            if options.iter().any(|option| option.starts_with("auto") || option.starts_with('$')) {
                notes.push(format!("variable `{name}` has no `auto` here: queries can use $__interval"));
            }
            VariableKind::Interval(options.into_iter().filter(|option| is_duration(option)).collect())
        }
        "constant" => VariableKind::Constant(clipped(text_of(source, "query"), WORD_BYTES_MAX)),
        "textbox" => VariableKind::Text,
        "datasource" => return Err(format!("variable `{name}` is not kept: there is one source of data")),
        "adhoc" => return Err(format!("variable `{name}` is not kept: filters by any label are not made")),
        other => return Err(format!("variable `{name}` is not kept: its kind `{other}` is not known")),
    };
    let is = |key: &str| source.get(key).and_then(Value::as_bool) == Some(true);
    let all_value = Some(text_of(source, "allValue")).filter(|it| !it.is_empty());
    let mut default = chosen(source);
    if matches!(kind, VariableKind::Text) && default.is_empty() {
        default.extend(Some(text_of(source, "query").to_owned()).filter(|it| !it.is_empty()));
    }
    let variable = Variable {
        name: name.to_owned(),
        title: clipped(text_of(source, "label"), WORD_BYTES_MAX),
        kind,
        default,
        multiple: is("multi"),
        all: is("includeAll"),
        all_value: all_value.map(|it| clipped(it, WORD_BYTES_MAX)),
        hidden: source.get("hide").and_then(Value::as_u64) == Some(2),
    };
    Ok((variable, notes))
}

/// What is chosen at first; "all" is nothing in particular.
fn chosen(source: &Value) -> Vec<String> {
    let texts: Vec<String> = match source.pointer("/current/value") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    if texts.iter().any(|text| text == "$__all") {
        return Vec::new();
    }
    let fits = |text: &String| !text.is_empty() && text.len() <= WORD_BYTES_MAX;
    texts.into_iter().filter(fits).take(OPTIONS_MAX).collect()
}

/// Listed values, and whether they had labels of their own.
fn options(source: &Value) -> (Vec<String>, bool) {
    let written = text_of(source, "query");
    let mut renamed = false;
    let mut values: Vec<String> = written
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once(" : ") {
            Some((_, value)) => {
                renamed = true;
                value.trim().to_owned()
            }
            None => part.to_owned(),
        })
        .collect();
    if values.is_empty() {
        let listed = list(source.get("options")).iter().map(|option| text_of(option, "value"));
        values = listed.filter(|it| !it.is_empty() && *it != "$__all").map(str::to_owned).collect();
    }
    values.retain(|value| value.len() <= WORD_BYTES_MAX);
    values.truncate(OPTIONS_MAX);
    (values, renamed)
}

fn query(source: &Value, name: &str) -> Result<VariableKind, String> {
    let written = match source.get("query") {
        Some(Value::String(text)) => text.as_str(),
        Some(Value::Object(object)) => object.get("query").and_then(Value::as_str).unwrap_or_default(),
        _ => text_of(source, "definition"),
    };
    let written = if written.is_empty() { text_of(source, "definition") } else { written };
    let written = crate::grafana::panel::current_names(written.trim());
    if written.len() > TEXT_BYTES_MAX {
        return Err(format!("variable `{name}` is not kept: its query is too long"));
    }
    let regex = text_of(source, "regex").trim();
    let regex = regex.strip_prefix('/').and_then(|it| it.strip_suffix('/')).unwrap_or(regex);
    let regex = Some(regex.to_owned()).filter(|it| !it.is_empty() && it.len() <= WORD_BYTES_MAX);
    if let Some(inside) = called(&written, "label_values") {
        let (of, label) = match inside.rsplit_once(',') {
            Some((of, label)) => (of.trim(), label.trim()),
            None => ("", inside.trim()),
        };
        let label = label.trim_matches(['"', '\'']);
        return Ok(VariableKind::Label { label: clipped(label, WORD_BYTES_MAX), of: of.to_owned(), regex });
    }
    if let Some(inside) = called(&written, "query_result") {
        return Ok(VariableKind::Query { promql: inside.trim().to_owned(), regex });
    }
    if let Some(inside) = called(&written, "metrics") {
        let of = format!("{{__name__=~\".*({}).*\"}}", inside.trim().replace('"', "\\\""));
        return Ok(VariableKind::Label { label: "__name__".to_owned(), of, regex });
    }
    Err(format!("variable `{name}` is not kept: its query `{}` is not understood", clipped(&written, 120)))
}

/// What stands between the parentheses of a call that is the whole text.
fn called<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    text.strip_prefix(function)?.trim_start().strip_prefix('(')?.trim_end().strip_suffix(')')
}
