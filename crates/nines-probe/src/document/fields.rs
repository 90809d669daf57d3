//! Values that both kinds are written in.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_yaml::{Fields, Node, Raw, Reader};
use regex::Regex;

/// Names and labels end up in addresses, file names and series.
const NAME_BYTES_MAX: usize = 100;
const LABELS_MAX: usize = 20;
const LABEL_BYTES_MAX: usize = 200;
/// A pattern that compiles to more is no pattern that a person wrote.
const REGEX_BYTES_MAX: usize = 1 << 20;

pub fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub fn name(reader: &mut Reader<'_>, metadata: &mut Fields<'_>) -> Option<String> {
    let name = metadata.required_text(reader, "name")?;
    if is_word(&name) {
        return Some(name);
    }
    let hint = format!("letters, digits, `-`, `_` and `.`, at most {NAME_BYTES_MAX}");
    reader.error(
        metadata.mark_of("name"),
        &metadata.path_of("name"),
        format!("`{name}` is not a name"),
        Some(hint),
    );
    None
}

pub fn labels(reader: &mut Reader<'_>, metadata: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(fields) = metadata.fields(reader, "labels") else { return labels };
    for entry in fields.entries() {
        let path = fields.path_of(&entry.key);
        let Some(value) = reader.text(&entry.value, &path) else { continue };
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !entry.key.bytes().all(is_label) || entry.key.starts_with(|c: char| c.is_ascii_digit()) {
            let hint = "letters, digits and `_`, as labels of metrics are written";
            let message = format!("`{}` is not a name of a label", entry.key);
            reader.error(entry.key_mark, &path, message, Some(hint.to_owned()));
        } else if value.len() > LABEL_BYTES_MAX {
            reader.error(entry.value.mark, &path, format!("is longer than {LABEL_BYTES_MAX} bytes"), None);
        } else {
            labels.insert(entry.key.clone(), value);
        }
    }
    if labels.len() > LABELS_MAX {
        reader.error(fields.mark, &fields.path, format!("has more than {LABELS_MAX} labels"), None);
    }
    fields.finish_free(reader);
    labels
}

/// `500ms`, `30s`, `5m`, `2h`, `14d`, and sums of them from large to small: `1h30m`. `0` too.
pub fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        let end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let millis: u64 = match &rest[digits..end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if millis >= last {
            return None;
        }
        last = millis;
        sum = sum.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = &rest[end..];
    }
    (last != u64::MAX).then_some(sum)
}

/// A duration within bounds; an absent one is `None`.
pub fn length(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    min: Duration,
    max: Duration,
) -> Option<Duration> {
    let node = fields.get(reader, key)?;
    let path = fields.path_of(key);
    // A bare 0 is as good as `0s`.
    let text = match node.value {
        Raw::Int(0) => "0".to_owned(),
        _ => reader.text(node, &path)?,
    };
    match duration(&text) {
        Some(length) if (min..=max).contains(&length) => Some(length),
        Some(_) => {
            let message = format!("`{text}` is not between {min:?} and {max:?}");
            reader.error(node.mark, &path, message, None);
            None
        }
        None => {
            let hint = "write a number and a unit: `500ms`, `30s`, `5m`, `1h30m`, `14d`";
            reader.error(node.mark, &path, format!("`{text}` is not a duration"), Some(hint.to_owned()));
            None
        }
    }
}

pub fn pattern(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Regex> {
    let text = reader.text(node, path)?;
    match regex::RegexBuilder::new(&text).size_limit(REGEX_BYTES_MAX).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            let shown = error.to_string();
            let line = shown.lines().last().unwrap_or_default().trim_start_matches("error: ");
            reader.error(node.mark, path, format!("is not a regular expression: {line}"), None);
            None
        }
    }
}
