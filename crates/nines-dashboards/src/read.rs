//! `kind: Dashboard`, read. JSON is YAML, so the wire is read by the same code. Every mistake of a text in one pass, each
//! with its place and a hint.

mod panel;
mod variable;

use nines_yaml::{DocumentError, DocumentWarning, Fields, Node, Raw, Reader};

use crate::KIND;
use crate::model::{
    Cell, DOCUMENT_BYTES_MAX, Dashboard, PANELS_MAX, REFRESH_SECS_MAX, REFRESH_SECS_MIN, VARIABLES_MAX,
    WORD_BYTES_MAX,
};

pub(crate) use panel::is_link;
pub(crate) use variable::{is_duration, is_variable};

const API_VERSION: &str = "nines/v1";
/// A name ends up in addresses and file names.
const NAME_BYTES_MAX: usize = 100;

/// What a text declares.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    pub dashboards: Vec<Dashboard>,
    pub warnings: Vec<DocumentWarning>,
}

/// Reads all dashboards of a text.
///
/// # Errors
/// All mistakes of the text, in order.
pub fn parse(file: Option<&str>, text: &str) -> Result<Parsed, Vec<DocumentError>> {
    let mut reader = Reader::new(file, text);
    let nodes = match nines_yaml::parse(text) {
        Ok(nodes) => nodes,
        Err(error) => {
            reader.error(error.mark, "", error.message, error.hint);
            return Err(reader.errors);
        }
    };
    let mut dashboards: Vec<Dashboard> = Vec::new();
    for node in nodes.iter().filter(|node| !matches!(node.value, Raw::Null)) {
        let Some(dashboard) = document(&mut reader, node) else { continue };
        if dashboards.iter().any(|other| other.name == dashboard.name) {
            reader.error(node.mark, "", format!("there are two dashboards `{}`", dashboard.name), None);
        }
        dashboards.push(dashboard);
    }
    if text.len() > DOCUMENT_BYTES_MAX && dashboards.len() == 1 {
        let message = format!("the dashboard has {} bytes, more than {DOCUMENT_BYTES_MAX}", text.len());
        reader.error(nodes[0].mark, "", message, Some("make two of it".to_owned()));
    }
    if reader.errors.is_empty() {
        return Ok(Parsed { dashboards, warnings: reader.warnings });
    }
    reader.errors.sort_by_key(|error| (error.line, error.column));
    Err(reader.errors)
}

fn document(reader: &mut Reader<'_>, node: &Node) -> Option<Dashboard> {
    let mut fields = reader.fields(node, "")?;
    if let Some(version) = fields.required(reader, "apiVersion") {
        reader.choice(version, "apiVersion", &[(API_VERSION, ())]);
    }
    if let Some(kind) = fields.required(reader, "kind") {
        reader.choice(kind, "kind", &[(KIND, ())]);
    }
    let mut name = None;
    if let Some(mut metadata) = fields.required_fields(reader, "metadata") {
        name = word(reader, &mut metadata, "name");
        metadata.finish(reader);
    }
    let mut dashboard = None;
    if let Some(mut spec) = fields.required_fields(reader, "spec") {
        dashboard = read_spec(reader, &mut spec);
        spec.finish(reader);
    }
    fields.finish(reader);
    let mut dashboard = dashboard?;
    dashboard.name = name?;
    Some(dashboard)
}

fn read_spec(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Dashboard> {
    let title = line(reader, spec, "title", true)?;
    let mut dashboard = Dashboard::new("", &title);
    dashboard.description = line(reader, spec, "description", false).unwrap_or_default();
    dashboard.service = line(reader, spec, "service", false);
    dashboard.team = line(reader, spec, "team", false);
    if let Some(mut time) = spec.fields(reader, "time") {
        for (key, into) in [("from", &mut dashboard.from), ("to", &mut dashboard.to)] {
            if let Some(text) = line(reader, &mut time, key, false) {
                if is_time(&text) {
                    *into = text;
                } else {
                    let hint = "`now`, `now-6h`, or an instant such as 2026-11-21T08:30:00Z";
                    let message = format!("`{text}` is not a time");
                    reader.error(time.mark_of(key), &time.path_of(key), message, Some(hint.to_owned()));
                }
            }
        }
        time.finish(reader);
    }
    let bounds = (REFRESH_SECS_MIN as f64, REFRESH_SECS_MAX as f64);
    dashboard.refresh_secs = whole(reader, spec, "refreshSecs", bounds).map(|secs| secs as u64);
    for (path, node) in bounded(reader, spec, "variables", VARIABLES_MAX) {
        if let Some(variable) = variable::read(reader, node, &path) {
            if dashboard.variables.iter().any(|other| other.name == variable.name) {
                reader.error(node.mark, &path, format!("there are two variables `{}`", variable.name), None);
            }
            dashboard.variables.push(variable);
        }
    }
    spec.required(reader, "panels");
    let mut placed: Vec<(Cell, String)> = Vec::new();
    for (index, (path, node)) in bounded(reader, spec, "panels", PANELS_MAX).into_iter().enumerate() {
        let number = index + 1;
        let Some(mut panel) = panel::read(reader, node, &path, number, &placed) else { continue };
        if panel.id.is_empty() {
            panel.id = free_id(&dashboard, number);
        }
        if dashboard.panels.iter().any(|other| other.id == panel.id) {
            reader.error(node.mark, &path, format!("there are two panels `{}`", panel.id), None);
        }
        if let Some((_, other)) = placed.iter().find(|(cell, _)| cell.overlaps(panel.cell)) {
            let message = format!("panel `{}` lies on panel `{other}`", panel.id);
            let hint = "move one, or leave `x` and `y` out to have it placed";
            reader.error(node.mark, &path, message, Some(hint.to_owned()));
        }
        placed.push((panel.cell, panel.id.clone()));
        if let Some(repeat) = &panel.repeat
            && !dashboard.variables.iter().any(|variable| variable.name == *repeat)
        {
            let names: Vec<&str> = dashboard.variables.iter().map(|it| it.name.as_str()).collect();
            let hint = nines_yaml::suggest(repeat, &names);
            reader.error(
                node.mark,
                &format!("{path}.repeat"),
                format!("there is no variable `{repeat}`"),
                hint,
            );
        }
        dashboard.panels.push(panel);
    }
    dashboard.panels.sort_by_key(|panel| (panel.cell.y, panel.cell.x));
    Some(dashboard)
}

fn free_id(dashboard: &Dashboard, number: usize) -> String {
    (number..)
        .map(|number| format!("panel-{number}"))
        .find(|id| dashboard.panels.iter().all(|panel| panel.id != *id))
        .unwrap_or_default()
}

/// `now`, `now-90m`, or an instant.
pub(crate) fn is_time(text: &str) -> bool {
    if text == "now" || nines_model::Timestamp::parse_rfc3339(text).is_ok() {
        return true;
    }
    let Some(span) = text.strip_prefix("now-") else { return false };
    let number = span.trim_end_matches(['s', 'm', 'h', 'd', 'w']);
    number.len() + 1 == span.len() && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
}

/// The items of a list, with a fault if there are more than `limit`.
fn bounded<'n>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'n>,
    key: &'static str,
    limit: usize,
) -> Vec<(String, &'n Node)> {
    let items = fields.items(reader, key);
    if items.len() > limit {
        let message = format!("{} {key} are more than {limit}", items.len());
        reader.error(fields.mark_of(key), &fields.path_of(key), message, None);
        return Vec::new();
    }
    items
}

/// A text that has to be short.
fn line(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    is_required: bool,
) -> Option<String> {
    sized(reader, fields, key, is_required, WORD_BYTES_MAX)
}

fn sized(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    is_required: bool,
    limit: usize,
) -> Option<String> {
    let text = if is_required { fields.required_text(reader, key)? } else { fields.text(reader, key)? };
    if text.len() > limit {
        let message = format!("has {} bytes, more than {limit}", text.len());
        reader.error(fields.mark_of(key), &fields.path_of(key), message, None);
        return None;
    }
    Some(text).filter(|text| !text.is_empty())
}

/// A name in addresses: letters, digits, `-`, `_`, `.`.
fn word(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let text = fields.required_text(reader, key)?;
    if is_word(&text) {
        return Some(text);
    }
    let hint = format!("letters, digits, `-`, `_` and `.`, at most {NAME_BYTES_MAX}");
    let message = format!("`{text}` is not a name");
    reader.error(fields.mark_of(key), &fields.path_of(key), message, Some(hint));
    None
}

pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A whole number within bounds, both included.
fn whole(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    (least, most): (f64, f64),
) -> Option<f64> {
    let number = fields.number(reader, key)?;
    if number.fract() == 0.0 && (least..=most).contains(&number) {
        return Some(number);
    }
    let message = format!("{number} is not a whole number from {least} to {most}");
    reader.error(fields.mark_of(key), &fields.path_of(key), message, None);
    None
}

#[cfg(test)]
mod tests;
