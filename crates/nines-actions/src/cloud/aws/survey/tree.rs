//! Answers of the XML protocols in the shape of the JSON ones, so that one standard is written for both.

use serde_json::{Map, Value};

use super::super::xml::Element;

/// Lists of EC2 are named otherwise on its wire than in its documentation.
const RENAMED: [(&str, &str); 4] = [
    ("TagSet", "Tags"),
    ("GroupSet", "SecurityGroups"),
    ("IpAddress", "PublicIpAddress"),
    ("BlockDeviceMapping", "BlockDeviceMappings"),
];

/// An element as a value: a list if its children are items, a map if it has others, else its text. An empty element is
/// `null`: the provider said that there is nothing.
pub fn value_of(element: &Element) -> Value {
    let is_item = |child: &Element| child.name == "item" || child.name == "member";
    if element.children.is_empty() {
        let text = element.text.trim();
        return if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
    }
    if element.children.iter().all(is_item) || element.name == "Items" {
        return element.children.iter().map(value_of).collect();
    }
    let mut map = Map::new();
    for child in &element.children {
        let name = named(&child.name);
        let value = value_of(child);
        match map.get_mut(&name) {
            // REST services repeat an element where others have a list.
            Some(Value::Array(items)) => items.push(value),
            Some(first) => {
                let items = vec![first.take(), value];
                *first = Value::Array(items);
            }
            None => {
                map.insert(name, value);
            }
        }
    }
    // `{Quantity, Items}` is how one service writes a list.
    if map.contains_key("Quantity") && map.keys().all(|key| matches!(key.as_str(), "Quantity" | "Items")) {
        return map.remove("Items").filter(Value::is_array).unwrap_or_else(|| Value::Array(Vec::new()));
    }
    Value::Object(map)
}

fn named(name: &str) -> String {
    let mut chars = name.chars();
    let up =
        chars.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + chars.as_str());
    RENAMED.iter().find(|(from, _)| *from == up).map_or(up, |(_, to)| (*to).to_owned())
}

/// Under a key that is a list however often it is repeated.
pub fn as_list(value: &mut Value, key: &str, list: &str) {
    let Some(map) = value.as_object_mut() else { return };
    let found = map.remove(key).unwrap_or(Value::Null);
    let items = match found {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    map.insert(list.to_owned(), Value::Array(items));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_have_the_shape_of_their_documentation() {
        let text = "<r><tagSet><item><key>Name</key><value>web</value></item></tagSet><alarmActions/><rule><a>1</a></rule><rule><a>2</a></rule><origins><Quantity>1</Quantity><Items><Origin><id>x</id></Origin></Items></origins></r>";
        let found = value_of(&Element::parse(text).unwrap());
        let wanted = json!({"Tags": [{"Key": "Name", "Value": "web"}], "AlarmActions": null, "Rule": [{"A": "1"}, {"A": "2"}], "Origins": [{"Id": "x"}]});
        assert_eq!(found, wanted);
    }
}
