use nines_yaml::{Node, Reader};

use super::{line, sized};
use crate::model::{OPTIONS_MAX, TEXT_BYTES_MAX, Variable, VariableKind, WORD_BYTES_MAX};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Label,
    Query,
    List,
    Interval,
    Constant,
    Text,
}

const KINDS: [(&str, Kind); 6] = [
    ("label", Kind::Label),
    ("query", Kind::Query),
    ("list", Kind::List),
    ("interval", Kind::Interval),
    ("constant", Kind::Constant),
    ("text", Kind::Text),
];

pub fn read(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Variable> {
    let mut fields = reader.fields(node, path)?;
    let name = line(reader, &mut fields, "name", true);
    if let Some(name) = &name
        && !is_variable(name)
    {
        let hint = "letters, digits and `_`; names that begin with `__` are taken";
        let message = format!("`{name}` is not the name of a variable");
        reader.error(fields.mark_of("name"), &fields.path_of("name"), message, Some(hint.to_owned()));
    }
    let title = line(reader, &mut fields, "title", false).unwrap_or_default();
    let kind = fields.required(reader, "kind");
    let kind = kind.and_then(|kind| reader.choice(kind, &fields.path_of("kind"), &KINDS))?;
    let regex = match kind {
        Kind::Label | Kind::Query => sized(reader, &mut fields, "regex", false, TEXT_BYTES_MAX),
        _ => None,
    };
    let mut options = Vec::new();
    if matches!(kind, Kind::List | Kind::Interval) {
        fields.required(reader, "options");
        options = words(reader, &mut fields, "options");
        if kind == Kind::Interval {
            for wrong in options.iter().filter(|option| !is_duration(option)) {
                let message = format!("`{wrong}` is not a duration");
                let hint = Some("such as 30s, 5m or 1h".to_owned());
                reader.error(fields.mark_of("options"), &fields.path_of("options"), message, hint);
            }
        }
    }
    let kind = match kind {
        Kind::Label => VariableKind::Label {
            label: line(reader, &mut fields, "label", true).unwrap_or_default(),
            of: sized(reader, &mut fields, "of", false, TEXT_BYTES_MAX).unwrap_or_default(),
            regex,
        },
        Kind::Query => VariableKind::Query {
            promql: sized(reader, &mut fields, "promql", true, TEXT_BYTES_MAX).unwrap_or_default(),
            regex,
        },
        Kind::List => VariableKind::List(options),
        Kind::Interval => VariableKind::Interval(options),
        Kind::Constant => {
            fields.required(reader, "value");
            VariableKind::Constant(line(reader, &mut fields, "value", false).unwrap_or_default())
        }
        Kind::Text => VariableKind::Text,
    };
    let variable = Variable {
        name: name.unwrap_or_default(),
        title,
        kind,
        default: words(reader, &mut fields, "default"),
        multiple: fields.boolean(reader, "multiple").unwrap_or(false),
        all: fields.boolean(reader, "all").unwrap_or(false),
        all_value: line(reader, &mut fields, "allValue", false),
        hidden: fields.boolean(reader, "hidden").unwrap_or(false),
    };
    fields.finish(reader);
    Some(variable)
}

fn words(reader: &mut Reader<'_>, fields: &mut nines_yaml::Fields<'_>, key: &'static str) -> Vec<String> {
    let texts = fields.texts(reader, key);
    let wrong = if texts.len() > OPTIONS_MAX {
        Some(format!("{} values are more than {OPTIONS_MAX}", texts.len()))
    } else {
        let long = texts.iter().find(|text| text.len() > WORD_BYTES_MAX);
        long.map(|text| format!("a value has {} bytes, more than {WORD_BYTES_MAX}", text.len()))
    };
    if let Some(message) = wrong {
        reader.error(fields.mark_of(key), &fields.path_of(key), message, None);
    }
    texts
}

pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with("__")
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// As PromQL writes them, such as `1h30m`.
pub(crate) fn is_duration(text: &str) -> bool {
    let mut digits = 0;
    let mut parts = 0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            digits += 1;
            rest = &rest[1..];
            continue;
        }
        let unit = ["ms", "s", "m", "h", "d", "w", "y"].into_iter().find(|unit| rest.starts_with(unit));
        let Some(unit) = unit.filter(|_| digits > 0) else { return false };
        (digits, parts) = (0, parts + 1);
        rest = &rest[unit.len()..];
    }
    parts > 0 && digits == 0
}
