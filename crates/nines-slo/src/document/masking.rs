//! `MaskingRules`: what is made unreadable in telemetry before it is written. Only the document; the work is done by the
//! telemetry column, which the server configures from it.

use super::Meta;
use super::yaml::{MapBuilder, Yaml};
use nines_yaml::{Fields, Reader};

/// What can be found without being described, as `find` names it.
pub const MASKING_BUILT_INS: [&str; 8] =
    ["payment_card", "token", "secret", "email", "phone", "national_id_tw", "national_id_cn", "ssn_us"];

/// Rules of masking. `apiVersion: nines/v1`. Several documents hold together.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskingRules {
    pub meta: Meta,
    pub description: Option<String>,
    /// Whether the rules that hold without any document go on to hold.
    pub defaults: bool,
    pub rules: Vec<MaskingRule>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MaskingRule {
    /// Left in place of what was found.
    pub name: String,
    pub what: MaskingWhat,
    pub action: MaskingAction,
    /// Names of fields with `*`; empty means every field.
    pub fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MaskingWhat {
    /// One of [`MASKING_BUILT_INS`].
    BuiltIn(String),
    /// A regular expression.
    Pattern(String),
    /// Every value of the fields.
    Everything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskingAction {
    Mask,
    Hash,
    Drop,
}

const ACTIONS: [(&str, MaskingAction); 3] =
    [("mask", MaskingAction::Mask), ("hash", MaskingAction::Hash), ("drop", MaskingAction::Drop)];

impl MaskingAction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Drop => "drop",
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<MaskingRules> {
    let description = spec.text(reader, "description");
    let defaults = spec.boolean(reader, "defaults").unwrap_or(true);
    let mut rules = Vec::new();
    for (path, node) in spec.items(reader, "rules") {
        if let Some(fields) = reader.fields(node, &path)
            && let Some(rule) = read_rule(reader, fields)
        {
            rules.push(rule);
        }
    }
    spec.finish(reader);
    Some(MaskingRules { meta, description, defaults, rules })
}

fn read_rule(reader: &mut Reader<'_>, mut rule: Fields<'_>) -> Option<MaskingRule> {
    let choices = MASKING_BUILT_INS.map(|name| (name, name));
    let find_path = rule.path_of("find");
    let find = rule.get(reader, "find").and_then(|node| reader.choice(node, &find_path, &choices));
    let pattern = rule.text(reader, "pattern");
    let everything = rule.boolean(reader, "everything").unwrap_or(false);
    let name = rule.text(reader, "name");
    let action_path = rule.path_of("action");
    let action = rule.get(reader, "action").and_then(|node| reader.choice(node, &action_path, &ACTIONS));
    let fields = rule.texts(reader, "fields");
    let has_find = rule.has("find");
    let (mark, path) = (rule.mark, rule.path.clone());
    rule.finish(reader);

    let what = match (find, pattern, everything) {
        (Some(found), None, false) => MaskingWhat::BuiltIn(found.to_owned()),
        (None, Some(pattern), false) if !has_find => MaskingWhat::Pattern(pattern),
        (None, None, true) if !has_find => MaskingWhat::Everything,
        // The wrong word under `find` has been reported.
        (None, None, false) if has_find => return None,
        _ => {
            let hint =
                "write one of `find` (a built-in), `pattern` (a regular expression) or `everything: true`";
            reader.error(mark, &path, "the rule does not say one thing to mask", Some(hint.to_owned()));
            return None;
        }
    };
    let name = match (&what, name) {
        (_, Some(name)) => name,
        (MaskingWhat::BuiltIn(found), None) => found.clone(),
        _ => {
            let hint = Some("it is left in place of what was found: `customer_number`".to_owned());
            reader.error(mark, &path, "the rule has no `name`", hint);
            return None;
        }
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > 40 || !name.chars().all(legal) {
        let hint = Some("letters, digits, `_` and `-`, at most 40".to_owned());
        reader.error(mark, &path, format!("`{name}` cannot be the name of a rule"), hint);
        return None;
    }
    Some(MaskingRule { name, what, action: action.unwrap_or(MaskingAction::Mask), fields })
}

pub(super) fn spec(rules: &MaskingRules) -> Yaml {
    let list = rules.rules.iter().map(|rule| {
        let (find, pattern) = match &rule.what {
            MaskingWhat::BuiltIn(name) => (Some(name.as_str()), None),
            MaskingWhat::Pattern(pattern) => (None, Some(pattern.as_str())),
            MaskingWhat::Everything => (None, None),
        };
        MapBuilder::default()
            .text("find", find)
            .text("pattern", pattern)
            .maybe("everything", (rule.what == MaskingWhat::Everything).then_some(Yaml::Bool(true)))
            .text("name", Some(&rule.name))
            .text("action", Some(rule.action.as_str()))
            .list("fields", rule.fields.iter().map(Yaml::str).collect())
            .build()
    });
    MapBuilder::default()
        .text("description", rules.description.as_deref())
        .maybe("defaults", (!rules.defaults).then_some(Yaml::Bool(false)))
        .list("rules", list.collect())
        .build()
}
