//! The words of this node: each route, each step of an incident and each operation is an action.

use nines_actions::catalog::{ACTIONS, Action as CatalogueAction, Work};
use nines_actions::parameter::Kind;
use nines_api::{Access, ROUTES, Reach, Route, topic};
use nines_policy::{ActionWord, AppliesTo, ParameterWord, ValueKind, Vocabulary};

use crate::handlers::incidents::STEPS;

/// Every action that policies may name.
pub fn vocabulary() -> Vocabulary {
    let routes = ROUTES.iter().filter(|route| matches!(route.access, Access::AtLeast(_))).map(of_route);
    let steps = STEPS.iter().map(|step| of_step(step));
    let operations = ACTIONS.iter().filter(|action| matches!(action.work, Work::Steps(_))).map(of_operation);
    Vocabulary::new(routes.chain(steps).chain(operations).collect())
}

/// The action of a step of an incident.
pub fn incident_action(step: &str) -> String {
    format!("incident.{step}")
}

fn word(name: &str, about: &str, groups: &[&str], applies_to: AppliesTo) -> ActionWord {
    ActionWord {
        name: name.to_owned(),
        about: about.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        applies_to,
        parameters: Vec::new(),
    }
}

/// What an action is about, as a group: with a prefix, for some of these words are actions too.
fn group(topic: &str) -> String {
    format!("topic.{topic}")
}

fn of_route(route: &Route) -> ActionWord {
    let topic = topic(route.operation);
    let kind = if route.audit.is_some() { "change" } else { "read" };
    // What answers telemetry may hold that of any service, whether or not it can be narrowed.
    let mixes = matches!(route.reach, Reach::Teams | Reach::Rows) || topic == "telemetry";
    let applies_to = if mixes { AppliesTo::NodeAndServices } else { AppliesTo::Node };
    word(route.operation, route.summary, &[kind, &group(topic)], applies_to)
}

fn of_step(step: &str) -> ActionWord {
    let about = format!("{step} an incident");
    word(&incident_action(step), &about, &["change", &group("response")], AppliesTo::Incident)
}

fn of_operation(action: &CatalogueAction) -> ActionWord {
    let parameters = action.parameters.iter().map(|parameter| ParameterWord {
        name: parameter.name.to_owned(),
        kind: match parameter.kind {
            Kind::Number { .. } => ValueKind::Number,
            Kind::Instances | Kind::Networks { .. } => ValueKind::Texts,
            Kind::Weights => ValueKind::Weights,
            _ => ValueKind::Text,
        },
    });
    ActionWord {
        parameters: parameters.collect(),
        ..word(action.name, action.summary, &["change", "operate", action.level.as_str()], AppliesTo::Target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_steps_and_operations_share_no_name_and_a_schema_can_be_made_of_them() {
        let routes = ROUTES.iter().filter(|route| matches!(route.access, Access::AtLeast(_))).count();
        let operations = ACTIONS.iter().filter(|action| matches!(action.work, Work::Steps(_))).count();
        let words = vocabulary();
        assert_eq!(words.actions().len(), routes + STEPS.len() + operations, "two actions have one name");
        let text = "@id(\"one\") forbid(principal, action in Action::\"operate\", resource);";
        nines_policy::Compiled::new(&words, &[("one", text)]).unwrap();
    }
}
