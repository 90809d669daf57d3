//! Inventories in files: our own documents and lines, what `aws … describe-*` prints, AWS Config snapshots and the state
//! of Terraform.

mod foreign;

use std::collections::BTreeMap;

use nines_yaml::{DocumentError, Fields, Marks, Node, Raw, Reader};
use serde_json::{Map, Value};

use crate::InventoryError;
use crate::listing::{Listing, Seen};
use crate::resource::ResourceKey;
use crate::shape::shaped;

/// Resources of one file.
const RESOURCES_MAX: usize = 20_000;
const ID_BYTES_MAX: usize = 1_024;
const TAGS_MAX: usize = 100;

/// What a file does not say of itself.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub account: String,
    pub region: String,
    /// The file holds everything of each kind that is in it, so what it does not hold is gone.
    pub is_complete: bool,
}

#[derive(Debug, Default)]
pub struct Imported {
    /// One for each kind, account and region.
    pub listings: Vec<Listing>,
    /// What the file was taken for.
    pub format: &'static str,
    /// Things of the file that no kind of ours is for, by their own name, with their count.
    pub skipped: BTreeMap<String, usize>,
}

/// Reads a file.
///
/// # Errors
/// [`InventoryError::Document`] with every mistake and its place; [`InventoryError::Invalid`] for a file of no known form.
pub fn read(file: Option<&str>, text: &str, defaults: &Defaults) -> Result<Imported, InventoryError> {
    let mut imported = Imported::default();
    let mut seen = Vec::new();
    if is_lines(text) {
        imported.format = "lines of JSON";
        lines(file, text, defaults, &mut seen)?;
    } else if text.trim_start().starts_with(['{', '[']) && !text.contains("\"nines/v1\"") {
        let value: Value = serde_json::from_str(text).map_err(|error| syntax(file, 0, &error))?;
        imported.format = foreign::read(&value, defaults, &mut seen, &mut imported.skipped)?;
    } else {
        imported.format = "documents";
        documents(file, text, defaults, &mut seen)?;
    }
    if seen.len() > RESOURCES_MAX {
        let message = format!("the file has {} resources, more than {RESOURCES_MAX}: cut it", seen.len());
        return Err(InventoryError::Invalid(message));
    }
    imported.listings = grouped(seen, defaults);
    Ok(imported)
}

/// A resource with whether its source says that it lists everything of its kind.
struct Read {
    seen: Seen,
    is_complete: bool,
}

fn grouped(read: Vec<Read>, defaults: &Defaults) -> Vec<Listing> {
    let mut groups: BTreeMap<[String; 4], (Vec<Seen>, bool)> = BTreeMap::new();
    for Read { mut seen, is_complete } in read {
        seen.attributes = shaped(&seen.key.kind, seen.attributes);
        let key = &seen.key;
        let group = [&key.provider, &key.account, &key.region, &key.kind].map(String::clone);
        let (list, complete) = groups.entry(group).or_insert((Vec::new(), true));
        *complete &= is_complete || defaults.is_complete;
        list.push(seen);
    }
    groups
        .into_iter()
        .map(|([provider, account, region, kind], (seen, is_complete))| Listing {
            provider,
            account,
            region,
            kind,
            seen,
            incomplete: (!is_complete).then(|| "a file that does not say that it is complete".to_owned()),
        })
        .collect()
}

fn is_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_object = |line: &str| line.starts_with('{') && line.trim_end().ends_with('}');
    let first = lines.next().is_some_and(|line| is_object(line) && line.contains("\"kind\""));
    first && lines.next().is_none_or(is_object)
}

fn syntax(file: Option<&str>, line: usize, error: &serde_json::Error) -> InventoryError {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    InventoryError::Document(vec![DocumentError {
        file: file.map(std::sync::Arc::from),
        line: u32::try_from(line + error.line()).unwrap_or(u32::MAX),
        column: u32::try_from(error.column()).unwrap_or(u32::MAX),
        path: String::new(),
        message: format!("is no JSON: {message}"),
        hint: None,
    }])
}

/// One resource a line, as `{"kind": …, "id": …}`.
fn lines(
    file: Option<&str>,
    text: &str,
    defaults: &Defaults,
    seen: &mut Vec<Read>,
) -> Result<(), InventoryError> {
    let mut errors = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let nodes = match nines_yaml::parse(line) {
            Ok(nodes) => nodes,
            Err(error) => {
                let mut reader = Reader::new(file, line);
                reader.error(error.mark, "", error.message, error.hint);
                errors.extend(moved(reader.errors, index));
                continue;
            }
        };
        let mut reader = Reader::new(file, line);
        for node in &nodes {
            let found = resource(&mut reader, node, "", &Context::of(defaults));
            seen.extend(found.map(|seen| Read { seen, is_complete: false }));
        }
        errors.extend(moved(reader.errors, index));
    }
    if errors.is_empty() { Ok(()) } else { Err(InventoryError::Document(errors)) }
}

/// Errors of one line as errors of the file.
fn moved(errors: Vec<DocumentError>, lines: usize) -> impl Iterator<Item = DocumentError> {
    let lines = u32::try_from(lines).unwrap_or(u32::MAX);
    errors.into_iter().map(move |error| DocumentError { line: error.line.saturating_add(lines), ..error })
}

/// What a resource of a document does not have to say again.
struct Context {
    provider: Option<String>,
    account: String,
    region: String,
}

impl Context {
    fn of(defaults: &Defaults) -> Self {
        Self { provider: None, account: defaults.account.clone(), region: defaults.region.clone() }
    }
}

fn documents(
    file: Option<&str>,
    text: &str,
    defaults: &Defaults,
    seen: &mut Vec<Read>,
) -> Result<(), InventoryError> {
    let mut reader = Reader::new(file, text);
    match nines_yaml::parse(text) {
        Ok(nodes) => {
            for node in nodes.iter().filter(|node| !matches!(node.value, Raw::Null)) {
                reader.marks = Marks::default();
                document(&mut reader, node, defaults, seen);
            }
        }
        Err(error) => reader.error(error.mark, "", error.message, error.hint),
    }
    if reader.errors.is_empty() {
        return Ok(());
    }
    reader.errors.sort_by_key(|error| (error.line, error.column));
    Err(InventoryError::Document(reader.errors))
}

fn document(reader: &mut Reader<'_>, node: &Node, defaults: &Defaults, seen: &mut Vec<Read>) {
    let Some(mut fields) = reader.fields(node, "") else { return };
    if let Some(version) = fields.required(reader, "apiVersion") {
        reader.choice(version, "apiVersion", &[("nines/v1", ())]);
    }
    if let Some(kind) = fields.required(reader, "kind") {
        reader.choice(kind, "kind", &[("Resources", ())]);
    }
    if let Some(mut metadata) = fields.fields(reader, "metadata") {
        metadata.text(reader, "name");
        metadata.finish(reader);
    }
    if let Some(mut spec) = fields.required_fields(reader, "spec") {
        let mut context = Context::of(defaults);
        context.provider = spec.text(reader, "provider");
        context.account = spec.text(reader, "account").unwrap_or(context.account);
        context.region = spec.text(reader, "region").unwrap_or(context.region);
        let complete = spec.texts(reader, "complete");
        for (path, node) in spec.items(reader, "resources") {
            let Some(found) = resource(reader, node, &path, &context) else { continue };
            let is_complete = complete.contains(&found.key.kind);
            seen.push(Read { seen: found, is_complete });
        }
        spec.finish(reader);
    }
    fields.finish(reader);
}

fn resource(reader: &mut Reader<'_>, node: &Node, path: &str, context: &Context) -> Option<Seen> {
    let mut fields = reader.fields(node, path)?;
    let kind = word(reader, &mut fields, "kind");
    let id = fields.required_text(reader, "id");
    if let Some(id) = id.as_ref().filter(|id| id.len() > ID_BYTES_MAX) {
        let message = format!("has {} bytes, more than {ID_BYTES_MAX}", id.len());
        reader.error(fields.mark_of("id"), &fields.path_of("id"), message, None);
    }
    let provider = fields.text(reader, "provider").or_else(|| context.provider.clone());
    let account = fields.text(reader, "account").unwrap_or_else(|| context.account.clone());
    let region = fields.text(reader, "region").unwrap_or_else(|| context.region.clone());
    let name = fields.text(reader, "name");
    let mut tags = BTreeMap::new();
    if let Some(found) = fields.fields(reader, "tags") {
        for entry in found.entries() {
            let value = match entry.value.value {
                Raw::Null => Some(String::new()),
                _ => reader.text(&entry.value, &found.path_of(&entry.key)),
            };
            tags.extend(value.map(|value| (entry.key.clone(), value)));
        }
        if tags.len() > TAGS_MAX {
            reader.error(found.mark, &found.path, format!("has more than {TAGS_MAX} tags"), None);
        }
        found.finish_free(reader);
    }
    let attributes = fields.get(reader, "attributes").map_or_else(|| Value::Object(Map::new()), plain);
    for (key, text) in [("account", &account), ("region", &region)] {
        if text.contains('/') {
            reader.error(fields.mark_of(key), &fields.path_of(key), "may hold no slash", None);
        }
    }
    fields.finish(reader);
    let (kind, id) = (kind?, id?);
    // `aws.s3.bucket` is of `aws`.
    let provider = provider.unwrap_or_else(|| kind.split('.').next().unwrap_or_default().to_owned());
    let name = name.unwrap_or_else(|| id.clone());
    Some(Seen { key: ResourceKey { provider, account, region, kind, id }, name, tags, attributes })
}

fn word(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let text = fields.required_text(reader, key)?;
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_word && text.len() <= 100 {
        return Some(text);
    }
    let hint = "letters, digits, `-`, `_` and `.`, such as onprem.switch".to_owned();
    reader.error(fields.mark_of(key), &fields.path_of(key), format!("`{text}` is no kind"), Some(hint));
    None
}

/// A node as a value; its depth is bounded by whoever parsed it.
fn plain(node: &Node) -> Value {
    match &node.value {
        Raw::Null => Value::Null,
        Raw::Bool(flag) => Value::Bool(*flag),
        Raw::Int(number) => Value::from(*number),
        Raw::Float(number) => Value::from(*number),
        Raw::Str(text) => Value::String(text.clone()),
        Raw::Seq(items) => items.iter().map(plain).collect(),
        Raw::Map(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.key.clone(), plain(&entry.value))).collect())
        }
    }
}

#[cfg(test)]
mod tests;
