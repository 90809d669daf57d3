//! Conditions as they are written in YAML.
//!
//! `all: […]`, `any: […]`, `not: …`, or a place (`attribute: A.B`, `tag: team`, `name: true`) with one test.

use std::time::Duration;

use ipnet::IpNet;
use nines_yaml::{Fields, Node, Raw, Reader};
use regex::{Regex, RegexBuilder};

use super::{Condition, Place, Test};

/// Conditions inside one another; what a person writes has four.
const DEPTH_MAX: usize = 16;
/// A pattern that compiles to more is no pattern that a person wrote.
const REGEX_BYTES_MAX: usize = 1 << 18;
/// Ages are of keys and certificates.
const AGE_DAYS_MAX: u64 = 3_650;

const TESTS: [&str; 12] = [
    "exists",
    "equals",
    "in",
    "matches",
    "contains",
    "atLeast",
    "atMost",
    "inside",
    "covers",
    "olderThan",
    "youngerThan",
    "every",
];

/// Reads one condition. Mistakes go to the reader.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Condition> {
    nested(reader, node, path, 0)
}

fn nested(reader: &mut Reader<'_>, node: &Node, path: &str, depth: usize) -> Option<Condition> {
    if depth > DEPTH_MAX {
        reader.error(
            node.mark,
            path,
            format!("has more than {DEPTH_MAX} conditions inside one another"),
            None,
        );
        return None;
    }
    let mut fields = reader.fields(node, path)?;
    let composed = ["all", "any", "not"].into_iter().filter(|key| fields.has(key)).count();
    let condition = if composed > 0 {
        if composed > 1 || fields.entries().len() > 1 {
            let hint = "put it into the list under `all`".to_owned();
            reader.error(fields.mark, path, "says more than one thing", Some(hint));
            return None;
        }
        composition(reader, &mut fields, depth)
    } else {
        let place = place(reader, &mut fields);
        let test = test(reader, &mut fields, depth);
        place.zip(test).map(|(place, test)| Condition::Is(place, test))
    };
    fields.finish(reader);
    condition
}

fn composition(reader: &mut Reader<'_>, fields: &mut Fields<'_>, depth: usize) -> Option<Condition> {
    if let Some(node) = fields.get(reader, "not") {
        let path = fields.path_of("not");
        return nested(reader, node, &path, depth + 1).map(|part| Condition::Not(Box::new(part)));
    }
    let is_all = fields.has("all");
    let key = if is_all { "all" } else { "any" };
    let items = fields.items(reader, key);
    if items.is_empty() {
        reader.error(fields.mark_of(key), &fields.path_of(key), "needs at least one condition", None);
    }
    let count = items.len();
    let parts: Vec<_> =
        items.into_iter().filter_map(|(path, node)| nested(reader, node, &path, depth + 1)).collect();
    // One that could not be read must not make the rest mean something else.
    let is_whole = parts.len() == count && count > 0;
    is_whole.then(|| if is_all { Condition::All(parts) } else { Condition::Any(parts) })
}

fn place(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Place> {
    let attribute = fields.text(reader, "attribute");
    let tag = fields.text(reader, "tag");
    let name = fields.boolean(reader, "name").filter(|is| *is);
    match (attribute, tag, name) {
        (Some(path), None, None) => {
            if path == "." {
                return Some(Place::Attribute(Vec::new()));
            }
            let parts: Vec<_> = path.split('.').map(str::to_owned).collect();
            if parts.iter().any(String::is_empty) {
                let hint = "write keys with dots between them, such as MetadataOptions.HttpTokens, or `.` for the item itself";
                let message = format!("`{path}` is no path");
                reader.error(fields.mark_of("attribute"), &fields.path, message, Some(hint.to_owned()));
                return None;
            }
            Some(Place::Attribute(parts))
        }
        (None, Some(key), None) => Some(Place::Tag(key)),
        (None, None, Some(true)) => Some(Place::Name),
        _ => {
            let hint = "name one of `attribute`, `tag` and `name: true`".to_owned();
            reader.error(fields.mark, &fields.path, "says not of what it holds", Some(hint));
            None
        }
    }
}

fn test(reader: &mut Reader<'_>, fields: &mut Fields<'_>, depth: usize) -> Option<Test> {
    let mut tests = Vec::new();
    if let Some(wanted) = fields.boolean(reader, "exists") {
        tests.push(Test::Exists(wanted));
    }
    tests.extend(scalar(reader, fields, "equals").map(Test::Equals));
    if fields.has("in") {
        let items = fields.items(reader, "in");
        tests.push(Test::In(items.iter().filter_map(|(path, node)| plain(reader, node, path)).collect()));
    }
    if let Some(text) = fields.text(reader, "matches") {
        tests.extend(pattern(reader, fields, &text).map(Test::Matches));
    }
    tests.extend(scalar(reader, fields, "contains").map(Test::Contains));
    tests.extend(fields.number(reader, "atLeast").map(Test::AtLeast));
    tests.extend(fields.number(reader, "atMost").map(Test::AtMost));
    if fields.has("inside") {
        let texts = fields.texts(reader, "inside");
        let networks: Vec<_> =
            texts.iter().filter_map(|text| network(reader, fields, "inside", text)).collect();
        tests.push(Test::Inside(networks));
    }
    if let Some(text) = fields.text(reader, "covers") {
        tests.extend(network(reader, fields, "covers", &text).map(Test::Covers));
    }
    tests.extend(age(reader, fields, "olderThan").map(Test::OlderThan));
    tests.extend(age(reader, fields, "youngerThan").map(Test::YoungerThan));
    for (key, is_every) in [("every", true), ("some", false)] {
        let Some(node) = fields.get(reader, key) else { continue };
        let path = fields.path_of(key);
        let part = Box::new(nested(reader, node, &path, depth + 1)?);
        tests.push(if is_every { Test::Every(part) } else { Test::Some(part) });
    }
    if tests.len() > 1 {
        let hint = "write each as a condition of its own under `all`".to_owned();
        reader.error(fields.mark, &fields.path, "has more than one test", Some(hint));
        return None;
    }
    let found = tests.pop();
    let was_tried = TESTS.iter().chain(&["some"]).any(|key| fields.has(key));
    if found.is_none() && !was_tried {
        let hint = format!("use one of {} and some", TESTS.join(", "));
        reader.error(fields.mark, &fields.path, "has no test", Some(hint));
    }
    found
}

fn scalar(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let node = fields.get(reader, key)?;
    let path = fields.path_of(key);
    plain(reader, node, &path)
}

/// A text, number or boolean as its text: both sides of a comparison are texts, so nobody has to quote `true`.
fn plain(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<String> {
    match &node.value {
        Raw::Bool(flag) => Some(flag.to_string()),
        Raw::Int(number) => Some(number.to_string()),
        _ => reader.text(node, path),
    }
}

fn pattern(reader: &mut Reader<'_>, fields: &Fields<'_>, text: &str) -> Option<Regex> {
    match RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let message = format!("is no regular expression: {reason}");
            reader.error(fields.mark_of("matches"), &fields.path_of("matches"), message, None);
            None
        }
    }
}

fn network(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, text: &str) -> Option<IpNet> {
    let found = text.parse::<IpNet>().ok();
    if found.is_none() {
        let hint = Some("write a network such as 10.0.0.0/8 or ::/0".to_owned());
        reader.error(fields.mark_of(key), &fields.path_of(key), format!("`{text}` is no network"), hint);
    }
    found
}

/// `90d` or `36h`.
fn age(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
    let text = fields.text(reader, key)?;
    let secs = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => {
            days.parse::<u64>().ok().filter(|days| *days <= AGE_DAYS_MAX).map(|days| days * 86_400)
        }
        (_, Some(hours)) => {
            hours.parse::<u64>().ok().filter(|hours| *hours <= AGE_DAYS_MAX * 24).map(|hours| hours * 3_600)
        }
        _ => None,
    };
    if secs.is_none() {
        let hint = Some(format!("write days or hours, such as 90d, at most {AGE_DAYS_MAX}d"));
        reader.error(fields.mark_of(key), &fields.path_of(key), format!("`{text}` is no age"), hint);
    }
    secs.map(Duration::from_secs)
}
