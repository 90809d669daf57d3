//! `name=value` words as what an action's parameters take, names of the inventory put in place of ids.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use nines_api::{ActionArguments, ActionInfo, ActionParameter, CloudInventory};
use serde_json::{Map, Value};

/// Whether a parameter names something that the inventory knows.
pub fn need_inventory(action: &ActionInfo) -> bool {
    let kinds = ["instance", "instances", "target-group", "listener", "weights"];
    action.parameters.iter().any(|parameter| kinds.contains(&parameter.kind.as_str()))
}

/// Reads the words. A parameter that the action does not have goes out as it is: the node says what is near.
pub fn read(
    action: &ActionInfo,
    words: &[String],
    inventory: Option<&CloudInventory>,
) -> anyhow::Result<ActionArguments> {
    let mut values = Map::new();
    for word in words {
        let (name, text) = word.split_once('=').with_context(|| format!("`{word}` is not `name=value`"))?;
        let parameter = action.parameters.iter().find(|parameter| parameter.name == name);
        let value = match parameter {
            Some(parameter) => value(parameter, text, inventory)?,
            None => Value::from(text),
        };
        if values.insert(name.to_owned(), value).is_some() {
            bail!("`{name}` stands there twice");
        }
    }
    Ok(values)
}

fn value(
    parameter: &ActionParameter,
    text: &str,
    inventory: Option<&CloudInventory>,
) -> anyhow::Result<Value> {
    let instance = |text: &str| {
        id(text, inventory, |all| all.instances.iter().map(|one| (&one.name, &one.id)).collect())
    };
    let group = |text: &str| {
        id(text, inventory, |all| all.target_groups.iter().map(|one| (&one.name, &one.id)).collect())
    };
    let listener = |text: &str| {
        id(text, inventory, |all| all.listeners.iter().map(|one| (&one.name, &one.id)).collect())
    };
    Ok(match parameter.kind.as_str() {
        // What is no number goes out as it is: the node says what it wants.
        "number" => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        "instance" => Value::from(instance(text)?),
        "target-group" => Value::from(group(text)?),
        "listener" => Value::from(listener(text)?),
        "instances" => text.split(',').map(|one| instance(one).map(Value::from)).collect::<Result<_, _>>()?,
        "networks" => text.split(',').map(Value::from).collect(),
        "weights" => {
            let mut weights = Map::new();
            for pair in text.split(',') {
                // The last colon counts: an ARN has some.
                let parsed = pair
                    .rsplit_once(':')
                    .and_then(|(name, weight)| Some((name, weight.parse::<u16>().ok()?)));
                let (name, weight) = parsed.with_context(|| format!("`{pair}` is not `group:weight`"))?;
                weights.insert(group(name)?, Value::from(weight));
            }
            Value::Object(weights)
        }
        _ => Value::from(text),
    })
}

/// The one id that goes by a name; anything that is no name is taken to be an id.
fn id<'a>(
    text: &str,
    inventory: Option<&'a CloudInventory>,
    pairs: impl Fn(&'a CloudInventory) -> Vec<(&'a String, &'a String)>,
) -> anyhow::Result<String> {
    let Some(inventory) = inventory else { return Ok(text.to_owned()) };
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, id) in pairs(inventory) {
        if id == text {
            return Ok(text.to_owned());
        }
        by_name.entry(name).or_default().push(id);
    }
    match by_name.get(text).map(Vec::as_slice) {
        None => Ok(text.to_owned()),
        Some([id]) => Ok((*id).to_owned()),
        Some(ids) => {
            bail!("{} things are called `{text}`: write one of the ids {}", ids.len(), ids.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nines_api::{CloudInstance, CloudTargetGroup};
    use serde_json::json;

    fn inventory() -> CloudInventory {
        let instance = |name: &str, id: &str| CloudInstance {
            id: id.to_owned(),
            name: name.to_owned(),
            state: "running".to_owned(),
            zone: String::new(),
        };
        CloudInventory {
            cloud: "simulated".to_owned(),
            instances: vec![instance("web-1", "i-1"), instance("twin", "i-2"), instance("twin", "i-3")],
            target_groups: vec![CloudTargetGroup {
                id: "arn:aws:x:1:group/blue".to_owned(),
                name: "blue".to_owned(),
                targets: Vec::new(),
            }],
            listeners: Vec::new(),
            scaling_groups: Vec::new(),
            templates: Vec::new(),
            block_lists: Vec::new(),
            is_partial: false,
        }
    }

    fn action(parameters: &[(&str, &str)]) -> ActionInfo {
        ActionInfo {
            name: "x".to_owned(),
            summary: String::new(),
            level: "protected".to_owned(),
            four_eyes: false,
            reads: false,
            path: None,
            parameters: parameters
                .iter()
                .map(|(name, kind)| ActionParameter {
                    name: (*name).to_owned(),
                    kind: (*kind).to_owned(),
                    required: true,
                    about: String::new(),
                    min: None,
                    max: None,
                    length_max: None,
                })
                .collect(),
            outline: Vec::new(),
        }
    }

    fn check(parameters: &[(&str, &str)], words: &[&str]) -> Result<Value, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let read = read(&action(parameters), &words, Some(&inventory()));
        read.map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn names_become_ids_and_ids_stay() {
        let parameters = [("instanceIds", "instances"), ("targetGroup", "target-group"), ("n", "number")];
        assert_eq!(
            check(&parameters, &["instanceIds=web-1,i-9", "targetGroup=blue", "n=3"]),
            Ok(json!({"instanceIds": ["i-1", "i-9"], "targetGroup": "arn:aws:x:1:group/blue", "n": 3}))
        );
        assert_eq!(
            check(&[("weights", "weights")], &["weights=blue:90,arn:aws:x:1:group/blue2:10"]),
            Ok(json!({"weights": {"arn:aws:x:1:group/blue": 90, "arn:aws:x:1:group/blue2": 10}}))
        );
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        let parameters = [("instanceId", "instance")];
        assert!(check(&parameters, &["instanceId=twin"]).unwrap_err().contains("i-2, i-3"));
        assert!(check(&parameters, &["instanceId"]).unwrap_err().contains("name=value"));
        assert!(check(&parameters, &["instanceId=i-1", "instanceId=i-2"]).unwrap_err().contains("twice"));
    }
}
