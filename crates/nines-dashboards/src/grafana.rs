//! Dashboards of Grafana: the subset that most published ones keep to, from the layout of rows (`schemaVersion` below 16)
//! to that of today. Follows the JSON model of Grafana 11, classic schema (`docs/sources/dashboards/build-dashboards/view-
//! dashboard-json-model` and the panel schemas beside the plugins in its repository).
//!
//! What cannot be had is named in the report, panel by panel: queries in languages that are not ours, plugins, most
//! transformations. Colours that somebody chose, value mappings and thresholds come along; line widths, fills and palettes are
//! those of this application, and are not reported one by one.

mod color;
mod mapping;
mod overrides;
mod panel;
mod transformations;
mod unfitting;
mod unit;
mod variable;

use serde_json::Value;

use crate::model::{
    COLUMNS, Cell, DOCUMENT_BYTES_MAX, Dashboard, HEIGHT_MAX, PANELS_MAX, Panel, REFRESH_SECS_MAX,
    REFRESH_SECS_MIN, VARIABLES_MAX, View, WORD_BYTES_MAX,
};
use crate::read::{is_time, is_word};
use crate::report::{Import, ImportError, Outcome, PanelReport};

/// Published dashboards carry defaults, colours and whole lists of options along: "Node Exporter Full" has 0.5 MB of JSON,
/// and becomes a tenth of it here.
pub const SOURCE_BYTES_MAX: usize = 4 * DOCUMENT_BYTES_MAX;
const SYSTEM: &str = "Grafana";

/// Reads a dashboard as Grafana exports it, as its API answers it, or as its operator keeps it.
///
/// # Errors
/// [`ImportError`]: what is no such dashboard, or too large to be one here.
pub fn import(text: &str) -> Result<Import, ImportError> {
    if text.len() > SOURCE_BYTES_MAX {
        return Err(ImportError::TooLarge { bytes: text.len(), limit: SOURCE_BYTES_MAX });
    }
    let json = |text: &str| serde_json::from_str(text).map_err(|error| ImportError::Json(error.to_string()));
    let mut root: Value = json(text)?;
    if let Some(filled) = with_constants(text, &root) {
        root = json(&filled)?;
    }
    let library = root.get("__elements").cloned().unwrap_or(Value::Null);
    let source = root.get("dashboard").or_else(|| root.get("spec")).unwrap_or(&root);
    if source.get("elements").is_some() {
        let reason = "it is in the schema of version 2: export it in the classic one";
        return Err(ImportError::Shape { system: SYSTEM, reason: reason.to_owned() });
    }
    if !source.get("panels").is_some_and(Value::is_array) && !source.get("rows").is_some_and(Value::is_array)
    {
        let reason = "it has neither `panels` nor `rows`".to_owned();
        return Err(ImportError::Shape { system: SYSTEM, reason });
    }
    let title = text_of(source, "title");
    let title =
        if title.is_empty() { "Imported dashboard".to_owned() } else { clipped(title, WORD_BYTES_MAX) };
    let mut dashboard = Dashboard::new(&name_of(source, &title), &title);
    let mut notes = Vec::new();
    dashboard.description = clipped(text_of(source, "description"), WORD_BYTES_MAX);
    times(source, &mut dashboard, &mut notes);
    variables(source, &mut dashboard, &mut notes)?;
    let mut reports = Vec::new();
    let sections = sections(source)?;
    let mut top = 0;
    for section in &sections {
        top = place(section, &library, top, &mut dashboard, &mut reports, &mut notes);
    }
    for annotation in list(source.pointer("/annotations/list")) {
        let name = text_of(annotation, "name");
        let is_built_in = annotation.get("builtIn").and_then(Value::as_u64) == Some(1);
        if !is_built_in && name != "Annotations & Alerts" {
            notes.push(format!("annotation `{name}` is not kept: changes are drawn on every chart"));
        }
    }
    for link in list(source.get("links")) {
        let title = text_of(link, "title");
        let tags: Vec<&str> = list(link.get("tags")).iter().filter_map(Value::as_str).collect();
        let what = if title.is_empty() {
            format!("to dashboards of {}", tags.join(", "))
        } else {
            format!("`{title}`")
        };
        notes.push(format!("link {what} of the dashboard is not kept"));
    }
    let coarser = coarser_queries(source);
    if coarser > 0 {
        notes.push(format!(
            "{coarser} queries ask for fewer points than their panels are wide: points are as many as fit"
        ));
    }
    unique_ids(&mut dashboard.panels);
    dashboard.settle();
    Ok(Import { dashboard, panels: reports, notes })
}

/// Queries with a resolution of their own, wherever they stand.
fn coarser_queries(source: &Value) -> usize {
    let of = |it: &Value| it.get("intervalFactor").and_then(Value::as_f64).is_some_and(|factor| factor > 1.0);
    let below = ["panels", "rows"].iter().flat_map(|key| list(source.get(key)));
    list(source.get("targets")).iter().filter(|it| of(it)).count() + below.map(coarser_queries).sum::<usize>()
}

/// The text with the constants put in that whoever imports it would be asked for, if it has any.
fn with_constants(text: &str, root: &Value) -> Option<String> {
    let mut filled = None;
    for input in list(root.get("__inputs")).iter().filter(|input| text_of(input, "type") == "constant") {
        let (name, value) = (text_of(input, "name"), text_of(input, "value"));
        if name.is_empty() {
            continue;
        }
        // As JSON writes it, without the quotes: it stands within texts.
        let value = Value::String(value.to_owned()).to_string();
        let inside = value.get(1..value.len() - 1).unwrap_or_default();
        let known = filled.as_deref().unwrap_or(text);
        filled = Some(known.replace(&format!("${{{name}}}"), inside));
    }
    filled
}

/// A panel of the library with what is kept of it in the file; as it is, if it is none.
fn from_library(panel: &Value, library: &Value) -> Value {
    let uid = panel.pointer("/libraryPanel/uid").and_then(Value::as_str).unwrap_or_default();
    let model = library.get(uid).and_then(|element| element.get("model")).and_then(Value::as_object);
    let Some(model) = model.filter(|_| panel.get("targets").is_none()) else { return panel.clone() };
    let mut whole = model.clone();
    for key in ["id", "title", "gridPos"] {
        if let Some(own) = panel.get(key).filter(|own| !own.as_str().is_some_and(str::is_empty)) {
            whole.insert(key.to_owned(), own.clone());
        }
    }
    Value::Object(whole)
}

/// A heading and what is below it.
struct Section<'a> {
    row: Option<&'a Value>,
    panels: Vec<(&'a Value, Cell)>,
}

/// Grafana keeps the panels of a folded row inside it, at places that those after it use too.
fn sections(source: &Value) -> Result<Vec<Section<'_>>, ImportError> {
    let mut sections = vec![Section { row: None, panels: Vec::new() }];
    if let Some(rows) = source.get("rows").and_then(Value::as_array).filter(|rows| !rows.is_empty()) {
        for row in rows {
            let heading = Some(row).filter(|_| row.get("showTitle").and_then(Value::as_bool) != Some(false));
            sections.push(Section { row: heading, panels: flowed(row) });
        }
    }
    let mut panels: Vec<(&Value, Cell)> =
        list(source.get("panels")).iter().map(|it| (it, cell(it))).collect();
    panels.sort_by_key(|(_, cell)| (cell.y, cell.x));
    for (panel, cell) in panels {
        if text_of(panel, "type") == "row" {
            let inside = list(panel.get("panels")).iter().map(|it| (it, self::cell(it))).collect();
            sections.push(Section { row: Some(panel), panels: inside });
        } else if let Some(section) = sections.last_mut() {
            section.panels.push((panel, cell));
        }
    }
    let count = sections.iter().map(|it| it.panels.len() + usize::from(it.row.is_some())).sum();
    if count > PANELS_MAX {
        return Err(ImportError::TooMany { what: "panels", count, limit: PANELS_MAX });
    }
    Ok(sections)
}

fn cell(panel: &Value) -> Cell {
    let number = |key: &str, default: u32| {
        let number = panel.pointer(&format!("/gridPos/{key}")).and_then(Value::as_f64);
        number.map_or(default, |number| number.clamp(0.0, 1e6) as u32)
    };
    let w = number("w", 12).clamp(1, COLUMNS);
    Cell { x: number("x", 0).min(COLUMNS - w), y: number("y", 0), w, h: number("h", 8).clamp(1, HEIGHT_MAX) }
}

/// The panels of a row of old: side by side by their span of twelve, as high as the row.
fn flowed(row: &Value) -> Vec<(&Value, Cell)> {
    let height = match row.get("height") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim_end_matches("px").parse().ok(),
        _ => None,
    };
    // A row of the grid is 30 pixels in Grafana.
    let h = (height.unwrap_or(250.0) / 30.0).ceil().clamp(1.0, f64::from(HEIGHT_MAX)) as u32;
    let (mut x, mut y) = (0, 0);
    let mut placed = Vec::new();
    for panel in list(row.get("panels")) {
        let w = panel.get("span").and_then(Value::as_f64).unwrap_or(12.0).clamp(1.0, 12.0) as u32 * 2;
        if x + w > COLUMNS {
            (x, y) = (0, y + h);
        }
        placed.push((panel, Cell { x, y, w, h }));
        x += w;
    }
    placed
}

/// Puts a section below `top` and says where it ends.
fn place(
    section: &Section<'_>,
    library: &Value,
    mut top: u32,
    dashboard: &mut Dashboard,
    reports: &mut Vec<PanelReport>,
    notes: &mut Vec<String>,
) -> u32 {
    if let Some(row) = section.row {
        let title = clipped(text_of(row, "title"), WORD_BYTES_MAX);
        let cell = Cell { x: 0, y: top, w: COLUMNS, h: 1 };
        let mut panel = Panel::new(&panel::id(row, "row"), &title, View::Row, cell);
        let is_folded = |key: &str| row.get(key).and_then(Value::as_bool) == Some(true);
        panel.collapsed = is_folded("collapsed") || is_folded("collapse");
        let repeat = text_of(row, "repeat");
        if dashboard.variables.iter().any(|variable| variable.name == repeat) {
            panel.repeat = Some(repeat.to_owned());
        } else if !repeat.is_empty() {
            notes.push(format!("row `{title}` is not repeated: there is no variable `{repeat}`"));
        }
        dashboard.panels.push(panel);
        top += 1;
    }
    let first = section.panels.iter().map(|(_, cell)| cell.y).min().unwrap_or(0);
    let mut end = top;
    for (source, cell) in &section.panels {
        let cell = Cell { y: top + (cell.y - first).min(HEIGHT_MAX * 20), ..*cell };
        let source = from_library(source, library);
        let (panel, report) = panel::import(&source, cell, dashboard);
        if let Some(panel) = panel {
            end = end.max(cell.y + cell.h);
            dashboard.panels.push(panel);
        }
        reports.push(report);
    }
    end
}

fn variables(source: &Value, dashboard: &mut Dashboard, notes: &mut Vec<String>) -> Result<(), ImportError> {
    let listed = list(source.pointer("/templating/list"));
    if listed.len() > VARIABLES_MAX {
        return Err(ImportError::TooMany { what: "variables", count: listed.len(), limit: VARIABLES_MAX });
    }
    for one in listed {
        match variable::import(one) {
            Ok((variable, more)) => {
                if dashboard.variables.iter().all(|other| other.name != variable.name) {
                    dashboard.variables.push(variable);
                }
                notes.extend(more);
            }
            Err(reason) => notes.push(reason),
        }
    }
    Ok(())
}

fn times(source: &Value, dashboard: &mut Dashboard, notes: &mut Vec<String>) {
    let at = |key: &str| source.pointer(&format!("/time/{key}")).and_then(Value::as_str);
    if let (Some(from), Some(to)) = (at("from"), at("to")) {
        if is_time(from) && is_time(to) {
            (dashboard.from, dashboard.to) = (from.to_owned(), to.to_owned());
        } else {
            notes.push(format!("the time `{from}` to `{to}` is not understood: the last hour is shown"));
        }
    }
    let refresh = source.get("refresh").and_then(Value::as_str).unwrap_or_default();
    if let Some(secs) = seconds(refresh) {
        dashboard.refresh_secs = Some(secs.clamp(REFRESH_SECS_MIN, REFRESH_SECS_MAX));
    } else if !refresh.is_empty() {
        notes.push(format!(
            "the refresh `{}` is not kept: it is not asked again by itself",
            clipped(refresh, 40)
        ));
    }
}

/// Of `30s`, `5m`, `1h`, `1d`.
fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(unit)
}

fn name_of(source: &Value, title: &str) -> String {
    let slug = slug(title);
    if !slug.is_empty() {
        return slug;
    }
    let uid = text_of(source, "uid");
    if is_word(uid) { uid.to_owned() } else { "imported".to_owned() }
}

/// A title as a name: letters and digits, the rest as dashes.
pub(crate) fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().take(80) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

pub(crate) fn unique_ids(panels: &mut [Panel]) {
    let mut seen = std::collections::BTreeSet::new();
    for panel in panels {
        let mut id = panel.id.clone();
        let mut number = 2;
        while !seen.insert(id.clone()) {
            id = format!("{}-{number}", panel.id);
            number += 1;
        }
        panel.id = id;
    }
}

pub(crate) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// At most so many bytes, cut between characters.
pub(crate) fn clipped(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}

/// Notes reasons and the outcome that follows from them.
fn report(title: &str, kind: &str, reasons: Vec<String>, is_left_out: bool) -> PanelReport {
    let outcome = match (is_left_out, reasons.is_empty()) {
        (true, _) => Outcome::LeftOut,
        (false, true) => Outcome::Taken,
        (false, false) => Outcome::Approximated,
    };
    PanelReport { title: title.to_owned(), kind: kind.to_owned(), outcome, reasons }
}

#[cfg(test)]
mod tests;
