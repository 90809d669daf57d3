//! What must hold of a resource: a small language that always has an answer.
//!
//! Three-valued, as Kleene has it: what is not known stays unknown unless the rest decides. So `any` of a true and an
//! unknown part is true, `all` of a false and an unknown part is false, and `not` of unknown is unknown. A condition in
//! which no attribute is named twice is unknown exactly if what is not known could turn it either way.

mod read;

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use nines_model::Timestamp;
use regex::Regex;
use serde_json::Value;

use crate::resource::Resource;

pub(crate) use read::read;

/// The key of an object that stands for what could not be found out.
pub const UNKNOWN_KEY: &str = "$unknown";
/// Characters of a value in a finding.
const SHOWN_CHARS_MAX: usize = 80;

#[derive(Debug, Clone)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Is(Place, Test),
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Keys from the resource's attributes down, or inside `every` and `some` from the item down; none is the item itself.
    Attribute(Vec<String>),
    /// Upper and lower case of the key are one.
    Tag(String),
    Name,
}

#[derive(Debug, Clone)]
pub enum Test {
    Exists(bool),
    /// By their text: `"80"` is 80, and `"true"` is true, as one provider writes them in two ways.
    Equals(String),
    In(Vec<String>),
    Matches(Regex),
    /// A list with this item, or a text with this part.
    Contains(String),
    AtLeast(f64),
    AtMost(f64),
    /// An address or network that lies whole inside one of these.
    Inside(Vec<IpNet>),
    /// A network with all of this one in it.
    Covers(IpNet),
    OlderThan(Duration),
    YoungerThan(Duration),
    /// Of every item; true of none. A value that is no list is its own only item.
    Every(Box<Condition>),
    Some(Box<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

/// The answer, and the fact that decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub truth: Truth,
    pub because: String,
}

enum Found<'a> {
    Value(&'a Value),
    Text(&'a str),
    /// Known not to be there.
    Absent,
    Unknown(String),
}

impl Condition {
    /// Whether it holds of a resource. `now` is for ages.
    pub fn holds(&self, resource: &Resource, now: Timestamp) -> Finding {
        self.holds_of(resource, &resource.attributes, now)
    }

    fn holds_of(&self, resource: &Resource, item: &Value, now: Timestamp) -> Finding {
        match self {
            Self::All(parts) => decided(parts, Truth::False, resource, item, now),
            Self::Any(parts) => decided(parts, Truth::True, resource, item, now),
            Self::Not(part) => {
                let found = part.holds_of(resource, item, now);
                Finding { truth: found.truth.negated(), ..found }
            }
            Self::Is(place, test) => {
                let found = place.find(resource, item);
                test.holds(place, found, resource, now)
            }
        }
    }
}

/// `all` and `any`: one part with the deciding truth decides, else one unknown part, else the last fact speaks for all.
fn decided(
    parts: &[Condition],
    deciding: Truth,
    resource: &Resource,
    item: &Value,
    now: Timestamp,
) -> Finding {
    let mut unknown = None;
    let mut facts = Vec::new();
    for part in parts {
        let found = part.holds_of(resource, item, now);
        if found.truth == deciding {
            return found;
        }
        if found.truth == Truth::Unknown {
            unknown.get_or_insert(found);
        } else {
            facts.push(found.because);
        }
    }
    // Two facts say enough; a page of them says nothing.
    facts.truncate(2);
    unknown.unwrap_or_else(|| Finding { truth: deciding.negated(), because: facts.join("; ") })
}

impl Truth {
    fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(is: bool) -> Self {
        if is { Self::True } else { Self::False }
    }
}

impl Place {
    fn describe(&self) -> String {
        match self {
            Self::Attribute(path) if path.is_empty() => "the item".to_owned(),
            Self::Attribute(path) => format!("`{}`", path.join(".")),
            Self::Tag(key) => format!("tag `{key}`"),
            Self::Name => "the name".to_owned(),
        }
    }

    fn find<'a>(&self, resource: &'a Resource, item: &'a Value) -> Found<'a> {
        match self {
            Self::Name => Found::Text(&resource.name),
            Self::Tag(wanted) => {
                // Whoever could not read the tags leaves this mark.
                if let Some(reason) = unknown_reason(&resource.attributes["$tags"]) {
                    return Found::Unknown(reason);
                }
                let tag = resource.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted));
                tag.map_or(Found::Absent, |(_, value)| Found::Text(value))
            }
            Self::Attribute(path) => {
                let mut at = item;
                for (depth, key) in path.iter().enumerate() {
                    if let Some(reason) = unknown_reason(at) {
                        return Found::Unknown(reason);
                    }
                    at = match at {
                        Value::Null => return Found::Absent,
                        Value::Object(map) => match map.get(key) {
                            Some(value) => value,
                            None => {
                                return Found::Unknown(format!(
                                    "`{}` was not collected",
                                    path[..=depth].join(".")
                                ));
                            }
                        },
                        _ => {
                            return Found::Unknown(format!(
                                "`{}` is no map, so it has no `{key}`",
                                path[..depth].join(".")
                            ));
                        }
                    };
                }
                match at {
                    Value::Null => Found::Absent,
                    value => match unknown_reason(value) {
                        Some(reason) => Found::Unknown(reason),
                        None => Found::Value(value),
                    },
                }
            }
        }
    }
}

fn unknown_reason(value: &Value) -> Option<String> {
    let reason = value.as_object()?.get(UNKNOWN_KEY)?;
    Some(reason.as_str().unwrap_or("not known").to_owned())
}

impl Test {
    fn holds(&self, place: &Place, found: Found<'_>, resource: &Resource, now: Timestamp) -> Finding {
        let name = place.describe();
        let value = match found {
            Found::Unknown(because) => return Finding { truth: Truth::Unknown, because },
            Found::Absent => {
                // Nothing is no value at all, and a list without items.
                let is = matches!(self, Self::Exists(false) | Self::Every(_));
                return Finding { truth: is.into(), because: format!("{name} is not set") };
            }
            Found::Text(text) => &Value::String(text.to_owned()),
            Found::Value(value) => value,
        };
        let fact = || format!("{name} is `{}`", shown(value));
        let known = |is: bool| Finding { truth: is.into(), because: fact() };
        let unfit = |wanted: &str| Finding {
            truth: Truth::Unknown,
            because: format!("{name} is `{}`, which is not {wanted}", shown(value)),
        };
        match self {
            Self::Exists(wanted) => known(*wanted),
            Self::Equals(wanted) => match text_of(value) {
                Some(text) => known(text == *wanted),
                None => known(false),
            },
            Self::In(wanted) => known(text_of(value).is_some_and(|text| wanted.contains(&text))),
            Self::Matches(pattern) => match text_of(value) {
                Some(text) => known(pattern.is_match(&text)),
                None => unfit("a text"),
            },
            Self::Contains(part) => match value {
                Value::Array(items) => known(items.iter().any(|item| text_of(item).as_ref() == Some(part))),
                Value::Object(map) => known(map.contains_key(part)),
                value => known(text_of(value).is_some_and(|text| text.contains(part.as_str()))),
            },
            Self::AtLeast(bound) => {
                number_of(value).map_or_else(|| unfit("a number"), |n| known(n >= *bound))
            }
            Self::AtMost(bound) => number_of(value).map_or_else(|| unfit("a number"), |n| known(n <= *bound)),
            Self::Inside(networks) => match network_of(value) {
                Some(found) => known(networks.iter().any(|network| network.contains(&found))),
                None => unfit("a network"),
            },
            Self::Covers(network) => match network_of(value) {
                Some(found) => known(found.contains(network)),
                None => unfit("a network"),
            },
            Self::OlderThan(age) => match time_of(value) {
                Some(at) => known(at < now - *age),
                None => unfit("a time"),
            },
            Self::YoungerThan(age) => match time_of(value) {
                Some(at) => known(at > now - *age),
                None => unfit("a time"),
            },
            Self::Every(part) => of_items(&name, value, part, Truth::False, resource, now),
            Self::Some(part) => of_items(&name, value, part, Truth::True, resource, now),
        }
    }
}

fn of_items(
    name: &str,
    value: &Value,
    part: &Condition,
    deciding: Truth,
    resource: &Resource,
    now: Timestamp,
) -> Finding {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut unknown = None;
    for (index, item) in items.iter().enumerate() {
        let found = part.holds_of(resource, item, now);
        let located = |found: Finding| Finding {
            because: format!("{name}, item {}: {}", index + 1, found.because),
            ..found
        };
        if found.truth == deciding {
            return located(found);
        }
        if found.truth == Truth::Unknown && unknown.is_none() {
            unknown = Some(located(found));
        }
    }
    unknown.unwrap_or_else(|| Finding {
        truth: deciding.negated(),
        because: format!("{name} has {} items", items.len()),
    })
}

fn shown(value: &Value) -> String {
    let text = text_of(value).unwrap_or_else(|| value.to_string());
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A scalar's text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => match number.as_f64() {
            // 80.0 is 80.
            Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => Some(format!("{float:.0}")),
            _ => Some(number.to_string()),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn network_of(value: &Value) -> Option<IpNet> {
    let text = value.as_str()?.trim();
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// RFC 3339, or seconds since the epoch.
fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => {
            let at: jiff::Timestamp = text.trim().parse().ok()?;
            i64::try_from(at.as_nanosecond()).ok().map(Timestamp::from_nanos)
        }
        Value::Number(_) => {
            let secs = number_of(value).filter(|secs| (0.0..9e9).contains(secs))?;
            Some(Timestamp::from_secs(secs as i64))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
