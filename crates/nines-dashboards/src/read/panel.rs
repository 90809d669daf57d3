use nines_yaml::{Fields, Node, Reader, suggest};

use super::{bounded, is_word, line, sized, whole};
use crate::model::{
    COLUMNS, Calculation, Cell, HEIGHT_MAX, LINKS_MAX, Legend, Link, MAPPINGS_MAX, Mapped, Mapping,
    OVERRIDES_MAX, Override, Panel, QUERIES_MAX, Query, ROWS_MAX, Source, TEXT_BYTES_MAX, THRESHOLDS_MAX,
    Threshold, Tone, UNITS, View,
};

/// What a panel is that says nothing of its size: half the width, a third of a screen.
const SIZE: (u32, u32) = (12, 8);
/// The tables that a filter can be put to.
const DATASETS: [&str; 6] = ["logs", "spans", "metrics", "probes", "beacons", "changes"];

/// `placed` is what lies on the grid already.
pub fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &str,
    number: usize,
    placed: &[(Cell, String)],
) -> Option<Panel> {
    let mut fields = reader.fields(node, path)?;
    let view = fields.required(reader, "view");
    let view = view.and_then(|view| reader.choice(view, &fields.path_of("view"), View::WORDS));
    let cell = cell(reader, &mut fields, view, placed);
    let id = line(reader, &mut fields, "id", false).unwrap_or_default();
    if !id.is_empty() && !is_word(&id) {
        let hint = "letters, digits, `-`, `_` and `.`".to_owned();
        reader.error(
            fields.mark_of("id"),
            &fields.path_of("id"),
            format!("`{id}` is not a name"),
            Some(hint),
        );
    }
    let mut panel = Panel::new(&id, "", view.unwrap_or(View::Text), cell);
    panel.title = line(reader, &mut fields, "title", false).unwrap_or_default();
    panel.description = sized(reader, &mut fields, "description", false, TEXT_BYTES_MAX).unwrap_or_default();
    panel.unit = unit(reader, &mut fields).unwrap_or_default();
    panel.decimals = whole(reader, &mut fields, "decimals", (0.0, 10.0)).map(|it| it as u32);
    panel.min = fields.number(reader, "min");
    panel.max = fields.number(reader, "max");
    panel.stack = fields.boolean(reader, "stack").unwrap_or(false);
    panel.collapsed = fields.boolean(reader, "collapsed").unwrap_or(false);
    panel.repeat = line(reader, &mut fields, "repeat", false);
    panel.legend = choice(reader, &mut fields, "legend", Legend::WORDS).unwrap_or(Legend::Bottom);
    panel.calculation =
        choice(reader, &mut fields, "calculation", Calculation::WORDS).unwrap_or(Calculation::Last);
    panel.text = sized(reader, &mut fields, "text", false, TEXT_BYTES_MAX).unwrap_or_default();
    for (path, node) in bounded(reader, &mut fields, "queries", QUERIES_MAX) {
        panel.queries.extend(query(reader, node, &path));
    }
    for (path, node) in bounded(reader, &mut fields, "thresholds", THRESHOLDS_MAX) {
        panel.thresholds.extend(threshold(reader, node, &path));
    }
    panel.thresholds.sort_by(|a, b| a.from.total_cmp(&b.from));
    for (path, node) in bounded(reader, &mut fields, "mappings", MAPPINGS_MAX) {
        panel.mappings.extend(mapping(reader, node, &path));
    }
    for (path, node) in bounded(reader, &mut fields, "overrides", OVERRIDES_MAX) {
        panel.overrides.extend(read_override(reader, node, &path));
    }
    for (path, node) in bounded(reader, &mut fields, "links", LINKS_MAX) {
        panel.links.extend(link(reader, node, &path));
    }
    if view.is_some_and(|view| !matches!(view, View::Text | View::Row)) && !fields.has("queries") {
        let message = format!("panel {number} asks nothing");
        let hint = "give it `queries`, or make it a `text` or a `row`".to_owned();
        reader.error(node.mark, path, message, Some(hint));
    }
    fields.finish(reader);
    view.map(|_| panel)
}

fn choice<T: Copy>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    words: &[(&str, T)],
) -> Option<T> {
    let node = fields.get(reader, key)?;
    reader.choice(node, &fields.path_of(key), words)
}

/// Where it lies; without `x` and `y`, the first place in the last line that it fits into.
fn cell(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    view: Option<View>,
    placed: &[(Cell, String)],
) -> Cell {
    let is_row = view == Some(View::Row);
    let columns = f64::from(COLUMNS);
    let (w, h) = if is_row { (COLUMNS, 1) } else { SIZE };
    let w = whole(reader, fields, "w", (1.0, columns)).map_or(w, |it| it as u32);
    let h = whole(reader, fields, "h", (1.0, f64::from(HEIGHT_MAX))).map_or(h, |it| it as u32);
    let x = whole(reader, fields, "x", (0.0, columns - 1.0)).map(|it| it as u32);
    let y = whole(reader, fields, "y", (0.0, f64::from(ROWS_MAX))).map(|it| it as u32);
    if let Some(x) = x
        && x + w > COLUMNS
    {
        let message = format!("ends in column {}, and there are {COLUMNS}", x + w);
        reader.error(fields.mark_of("x"), &fields.path_of("x"), message, None);
        return Cell { x: COLUMNS - w, y: y.unwrap_or(0), w, h };
    }
    if let (Some(x), Some(y)) = (x, y) {
        return Cell { x, y, w, h };
    }
    let bottom = placed.iter().map(|(cell, _)| cell.y + cell.h).max().unwrap_or(0);
    if let Some((last, _)) = placed.last() {
        let beside = Cell { x: last.x + last.w, y: last.y, w, h };
        let is_free = beside.x + w <= COLUMNS && !placed.iter().any(|(cell, _)| cell.overlaps(beside));
        if is_free && x.is_none() && y.is_none() {
            return beside;
        }
    }
    Cell { x: x.unwrap_or(0), y: y.unwrap_or(bottom), w, h }
}

fn unit(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let text = line(reader, fields, "unit", false)?;
    if UNITS.contains(&text.as_str()) {
        return Some(text);
    }
    let hint = suggest(&text, &UNITS);
    reader.error(fields.mark_of("unit"), &fields.path_of("unit"), format!("there is no unit `{text}`"), hint);
    None
}

fn query(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Query> {
    const LANGUAGES: [&str; 5] = ["promql", "sql", "search", "slo", "uptime"];
    let mut fields = reader.fields(node, path)?;
    let mut found: Vec<(&str, String)> = Vec::new();
    for key in LANGUAGES {
        // An empty filter is all rows, which can be meant; an empty query of the others cannot.
        let text = sized(reader, &mut fields, key, false, TEXT_BYTES_MAX);
        if let Some(text) = text.or_else(|| (key == "search" && fields.has(key)).then(String::new)) {
            found.push((key, text));
        }
    }
    let is_search = found.iter().any(|(key, _)| *key == "search");
    let (mut dataset, mut split_by) = ("logs".to_owned(), None);
    if is_search {
        let choices: Vec<(&str, &str)> = DATASETS.iter().map(|it| (*it, *it)).collect();
        if let Some(word) = choice(reader, &mut fields, "dataset", &choices) {
            word.clone_into(&mut dataset);
        }
        split_by = line(reader, &mut fields, "splitBy", false);
    }
    let legend = line(reader, &mut fields, "legend", false).unwrap_or_default();
    let instant = fields.boolean(reader, "instant").unwrap_or(false);
    let hidden = fields.boolean(reader, "hidden").unwrap_or(false);
    if found.len() != 1 && !fields.entries().iter().any(|it| !known(&it.key)) {
        let message = match found.len() {
            0 => "the query is empty".to_owned(),
            _ => format!("has {} and {}, and can be one of them", found[0].0, found[1].0),
        };
        reader.error(node.mark, path, message, Some(format!("write one of {}", LANGUAGES.join(", "))));
    }
    fields.finish(reader);
    let (key, text) = found.pop()?;
    let source = match key {
        "promql" => Source::Promql(text),
        "sql" => Source::Sql(text),
        "search" => Source::Search { filter: text, dataset, split_by },
        "slo" => Source::Slo(text),
        _ => Source::Uptime(text),
    };
    Some(Query { source, legend, instant, hidden })
}

/// Keys of a query; another is reported as such, and not also as an empty query.
fn known(key: &str) -> bool {
    let all =
        ["promql", "sql", "search", "slo", "uptime", "dataset", "splitBy", "legend", "instant", "hidden"];
    all.contains(&key)
}

fn threshold(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Threshold> {
    let mut fields = reader.fields(node, path)?;
    fields.required(reader, "from");
    let from = fields.number(reader, "from");
    let tone = fields.required(reader, "tone");
    let tone = tone.and_then(|tone| reader.choice(tone, &fields.path_of("tone"), Tone::WORDS));
    fields.finish(reader);
    Some(Threshold { from: from?, tone: tone? })
}

fn read_override(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Override> {
    let mut fields = reader.fields(node, path)?;
    let series = line(reader, &mut fields, "series", true);
    let unit = unit(reader, &mut fields);
    let name = line(reader, &mut fields, "name", false);
    let hidden = fields.boolean(reader, "hidden").unwrap_or(false);
    let negative = fields.boolean(reader, "negative").unwrap_or(false);
    let color = line(reader, &mut fields, "color", false);
    if let Some(color) = color.as_deref().filter(|color| !is_color(color)) {
        let hint = Some("six hexadecimal digits, such as '#5794f2'".to_owned());
        let message = format!("`{color}` is not a colour");
        reader.error(fields.mark_of("color"), &fields.path_of("color"), message, hint);
    }
    fields.finish(reader);
    Some(Override { series: series?, unit, name, hidden, negative, color })
}

/// `#rrggbb`: it is written into a page as it is.
pub(crate) fn is_color(text: &str) -> bool {
    text.len() == 7
        && text.strip_prefix('#').is_some_and(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()))
}

fn mapping(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Mapping> {
    let mut fields = reader.fields(node, path)?;
    let value = line(reader, &mut fields, "value", false);
    let regex = line(reader, &mut fields, "regex", false);
    let (has_from, has_to) = (fields.has("from"), fields.has("to"));
    let (from, to) = (fields.number(reader, "from"), fields.number(reader, "to"));
    let missing = fields.boolean(reader, "missing") == Some(true);
    let text = line(reader, &mut fields, "text", false);
    let tone = choice(reader, &mut fields, "tone", Tone::WORDS);
    let ways = [value.is_some(), regex.is_some(), has_from || has_to, missing];
    if ways.iter().filter(|is| **is).count() != 1 {
        let hint = Some("one of `value`, `from` with `to`, `regex`, `missing: true`".to_owned());
        reader.error(node.mark, path, "the mapping has to say of which values it is".to_owned(), hint);
    } else if text.is_none() && tone.is_none() {
        let hint = Some("`text`, `tone`, or both".to_owned());
        reader.error(node.mark, path, "the mapping says nothing of its values".to_owned(), hint);
    }
    fields.finish(reader);
    let of = match (value, regex) {
        (Some(value), _) => Mapped::Value(value),
        (None, Some(regex)) => Mapped::Regex(regex),
        (None, None) if missing => Mapped::Missing,
        (None, None) => Mapped::Range { from, to },
    };
    Some(Mapping { of, text, tone })
}

fn link(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Link> {
    let mut fields = reader.fields(node, path)?;
    let title = line(reader, &mut fields, "title", true);
    let url = line(reader, &mut fields, "url", true);
    if let Some(url) = &url
        && !is_link(url)
    {
        let hint = "a path such as /service/checkout, or https://…".to_owned();
        let message = format!("`{url}` is not a link");
        reader.error(fields.mark_of("url"), &fields.path_of("url"), message, Some(hint));
    }
    fields.finish(reader);
    Some(Link { title: title?, url: url? })
}

/// Nothing that runs: no `javascript:`, no address of another host without a scheme.
pub(crate) fn is_link(url: &str) -> bool {
    let is_path = url.starts_with('/') && !url.starts_with("//") && !url.contains('\\');
    (is_path || url.starts_with("https://") || url.starts_with("http://"))
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}
