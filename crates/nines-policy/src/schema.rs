//! The Cedar schema of a vocabulary, as text: what is validated against is what people read.

use std::fmt::Write as _;

use crate::vocabulary::{ActionWord, AppliesTo, ValueKind, Vocabulary};

/// Who, and on what. `Role` and `Team` are groups: `principal in Role::"editor"` is an editor or more.
const ENTITIES: &str = r#"// Who calls. A person signed in is a User, whoever shows a key is a Key; `name` is what the audit log says.
entity Role, Team, Environment;
entity User in [Role, Team] { name: String, role: String };
entity Key in [Role, Team] { name: String, role: String };

// On what. A service is in the team that owns it; a target is in its environment and its service, if tags say so.
entity Node;
entity Service in [Team];
entity Incident in [Service, Team] {
  level: String,   // "P0" to "P4"
  open: Bool,
  people: Long,    // who have done something on it, the caller not counted
};
entity Target in [Environment, Service];

// The time in a zone that a policy names, such as context.at["Asia/Taipei"].hour.
type Clock = { hour: Long, minute: Long, weekday: String, date: String };
"#;

/// What is known at every question.
fn common(zones: &[String]) -> String {
    let clocks: Vec<_> = zones.iter().map(|zone| format!("{zone:?}: Clock")).collect();
    format!(
        "    secondFactor: Bool,\n    via: String,   // \"session\", \"key\" or \"chat\"\n    from?: ipaddr,\n    at: {{ {} }},\n",
        clocks.join(", ")
    )
}

/// The schema, with a clock for each zone.
pub(crate) fn text(vocabulary: &Vocabulary, zones: &[String]) -> String {
    let mut text = ENTITIES.to_owned();
    let _ = write!(text, "\ntype Call = {{\n{}}};\n\n// Groups of actions.\n", common(zones));
    for group in vocabulary.groups() {
        let _ = writeln!(text, "action {group:?};");
    }
    text.push_str("\n// Actions.\n");
    for action in vocabulary.actions() {
        let _ = writeln!(text, "// {}", action.about.replace(['\n', '\r'], " "));
        let groups: Vec<_> = action.groups.iter().map(|group| format!("{group:?}")).collect();
        let within = match groups.is_empty() {
            true => String::new(),
            false => format!(" in [{}]", groups.join(", ")),
        };
        let (resources, context) = match action.applies_to {
            AppliesTo::Node => ("Node", "Call".to_owned()),
            AppliesTo::NodeAndServices => ("Node, Service", "Call".to_owned()),
            AppliesTo::Incident => ("Incident", "Call".to_owned()),
            AppliesTo::Target => ("Target", operation(action, zones)),
        };
        let _ = writeln!(
            text,
            "action {:?}{within} appliesTo {{ principal: [User, Key], resource: [{resources}], context: {context} }};",
            action.name
        );
    }
    text
}

/// The situation of an operation: that of a call, where it stands, and what it was given.
fn operation(action: &ActionWord, zones: &[String]) -> String {
    let mut text = format!("{{\n{}", common(zones));
    text.push_str("    phase: String,   // \"plan\", \"start\" or \"approve\"\n    runbook?: String,\n");
    text.push_str(
        "    incident?: { id: String, level: String, open: Bool },\n    machines: Long,\n    parameters: {",
    );
    for parameter in &action.parameters {
        let kind = match parameter.kind {
            ValueKind::Text => "String",
            ValueKind::Number => "Long",
            ValueKind::Texts => "Set<String>",
            ValueKind::Weights => "{ names: Set<String>, max: Long }",
        };
        let _ = write!(text, " {:?}?: {kind},", parameter.name);
    }
    text.push_str(" },\n}");
    text
}
