//! What an action takes, typed, and the one door through which values from outside come in.
//!
//! A value that passes is exactly the value that was sent: nothing is trimmed, folded or expanded, so that what a plan
//! shows is what a provider receives. A value that does not pass is refused with its name and the form that is wanted.
//! Whether the thing so named exists is for the plan to find out, by asking the provider for exactly that id.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ActionError;
use crate::error::{nearest, shown};

/// Machines that one request can name: what people read in a plan. The blast radius sets narrower bounds.
pub const INSTANCES_MAX: usize = 50;
/// Networks of one request to a block list; WAFv2 itself takes 10 000 in a set.
pub const ADDRESSES_MAX: usize = 1_000;
/// Source networks of a listener rule: ELBv2 takes five condition values in a rule.
pub const RULE_SOURCES_MAX: usize = 4;
/// The service that target groups and listeners belong to, in an ARN.
const ELB: &str = "elasticloadbalancing";
/// Target groups of a weighted forward: ELBv2 takes five.
pub const WEIGHTED_GROUPS_MAX: usize = 5;

#[derive(Debug, Clone, Copy)]
pub struct Parameter<'a> {
    pub name: &'a str,
    pub kind: Kind,
    pub required: bool,
    /// For forms, docs and error messages.
    pub about: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `i-` and 8 or 17 hex digits.
    Instance,
    /// 1 to [`INSTANCES_MAX`] of them, each once.
    Instances,
    /// An ARN of ELBv2, or a name of letters, digits and dashes (a cloud that knows no ARNs).
    TargetGroup,
    /// As a target group.
    Listener,
    /// A name as [`Kind::Name`] takes it; Auto Scaling's limit is 255.
    ScalingGroup,
    /// The name of an address set; WAFv2's limit is 128.
    BlockList,
    /// Letters, digits and `-_./()`, at most this many; does not begin with a dash.
    Name {
        chars_max: usize,
    },
    /// A host name, `*` and `?` as wildcards.
    Host,
    /// One line of at most this many characters.
    Text {
        chars_max: usize,
    },
    Number {
        min: i64,
        max: i64,
    },
    /// Networks in CIDR form, or addresses; each is canonical in the result's order, but kept as it was written.
    Networks {
        count_max: usize,
    },
    /// Target group to weight 0 to 999.
    Weights,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    Number(i64),
    Text(String),
    List(Vec<String>),
    Weights(BTreeMap<String, u16>),
}

/// Checked values by parameter name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arguments(pub BTreeMap<String, Argument>);

impl Arguments {
    /// Reads values against their parameters.
    ///
    /// # Errors
    /// The first fault, by name: an unknown parameter, a missing one, or a value of the wrong form.
    pub fn read(
        action: &str,
        parameters: &[Parameter<'_>],
        values: &serde_json::Map<String, Value>,
    ) -> Result<Self, ActionError> {
        for name in values.keys() {
            if !parameters.iter().any(|parameter| parameter.name == name) {
                return Err(ActionError::UnknownParameter {
                    action: action.to_owned(),
                    name: shown(name),
                    nearest: nearest(name, parameters.iter().map(|parameter| parameter.name)),
                });
            }
        }
        let mut read = BTreeMap::new();
        for parameter in parameters {
            match values.get(parameter.name) {
                None | Some(Value::Null) if parameter.required => {
                    return Err(ActionError::MissingParameter {
                        action: action.to_owned(),
                        name: parameter.name.to_owned(),
                        about: parameter.about.to_owned(),
                    });
                }
                None | Some(Value::Null) => {}
                Some(value) => {
                    let argument = parameter.kind.read(value).map_err(|reason| {
                        ActionError::BadParameter { name: parameter.name.to_owned(), reason }
                    })?;
                    read.insert(parameter.name.to_owned(), argument);
                }
            }
        }
        Ok(Self(read))
    }

    /// Empty if absent: parameters are checked before, so an action asks only for what it declared.
    pub fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Argument::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    pub fn optional_text(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub fn number(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Argument::Number(number)) => *number,
            _ => 0,
        }
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Argument::List(list)) => list.clone(),
            _ => Vec::new(),
        }
    }

    pub fn set(&self, name: &str) -> BTreeSet<String> {
        self.list(name).into_iter().collect()
    }

    pub fn weights(&self, name: &str) -> BTreeMap<String, u16> {
        match self.0.get(name) {
            Some(Argument::Weights(weights)) => weights.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// As JSON, for plans and forms.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("strings and numbers always print")
    }
}

impl Kind {
    /// The word in documentation and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Instances => "instances",
            Self::TargetGroup => "target-group",
            Self::Listener => "listener",
            Self::ScalingGroup => "scaling-group",
            Self::BlockList => "block-list",
            Self::Name { .. } => "name",
            Self::Host => "host",
            Self::Text { .. } => "text",
            Self::Number { .. } => "number",
            Self::Networks { .. } => "networks",
            Self::Weights => "weights",
        }
    }

    /// The value, or what is wrong with it as the end of a sentence that begins with its name.
    fn read(self, value: &Value) -> Result<Argument, String> {
        match self {
            Self::Number { min, max } => {
                let number = value.as_i64().ok_or_else(|| {
                    format!("must be a whole number from {min} to {max}, not {}", kind_of(value))
                })?;
                if !(min..=max).contains(&number) {
                    return Err(format!("must be from {min} to {max}, not {number}"));
                }
                Ok(Argument::Number(number))
            }
            Self::Instances => list(value, INSTANCES_MAX, check_instance),
            Self::Networks { count_max } => list(value, count_max, check_network),
            Self::Weights => weights(value),
            _ => {
                let text = text(value)?;
                self.check_text(text)?;
                Ok(Argument::Text(text.to_owned()))
            }
        }
    }

    fn check_text(self, text: &str) -> Result<(), String> {
        match self {
            Self::Instance => check_instance(text),
            Self::TargetGroup | Self::Listener => check_arn(ELB, text),
            Self::ScalingGroup => check_name(text, 255),
            Self::BlockList => check_name(text, 128),
            Self::Name { chars_max } => check_name(text, chars_max),
            Self::Host => check_host(text),
            Self::Text { chars_max } => check_line(text, chars_max),
            Self::Number { .. } | Self::Instances | Self::Networks { .. } | Self::Weights => Ok(()),
        }
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("must be a string, not {}", kind_of(value)))
}

fn list(
    value: &Value,
    count_max: usize,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Argument, String> {
    let items = value.as_array().ok_or_else(|| format!("must be a list, not {}", kind_of(value)))?;
    if items.is_empty() || items.len() > count_max {
        return Err(format!("must have 1 to {count_max} items, not {}", items.len()));
    }
    let mut read: Vec<String> = Vec::with_capacity(items.len());
    let mut known = BTreeSet::new();
    for item in items {
        let item = text(item)?;
        check(item)?;
        if !known.insert(item) {
            return Err(format!("names `{}` twice", shown(item)));
        }
        read.push(item.to_owned());
    }
    Ok(Argument::List(read))
}

fn weights(value: &Value) -> Result<Argument, String> {
    const WEIGHT_MAX: u64 = 999;
    let map = value
        .as_object()
        .ok_or_else(|| format!("must map target groups to weights, not be {}", kind_of(value)))?;
    if map.is_empty() || map.len() > WEIGHTED_GROUPS_MAX {
        return Err(format!("must name 1 to {WEIGHTED_GROUPS_MAX} target groups, not {}", map.len()));
    }
    let mut read = BTreeMap::new();
    for (group, weight) in map {
        check_arn(ELB, group)?;
        let weight = weight.as_u64().filter(|weight| *weight <= WEIGHT_MAX).ok_or_else(|| {
            format!("must give `{}` a whole weight from 0 to {WEIGHT_MAX}, not {weight}", shown(group))
        })?;
        read.insert(group.clone(), u16::try_from(weight).expect("checked to be below 1000"));
    }
    if read.values().all(|weight| *weight == 0) {
        return Err("must leave at least one target group a weight above 0".to_owned());
    }
    Ok(Argument::Weights(read))
}

fn check_instance(text: &str) -> Result<(), String> {
    let is_id = text.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    if is_id {
        return Ok(());
    }
    Err(format!("must be instance ids such as i-0abcd1234abcd1234, not `{}`", shown(text)))
}

/// An ARN's form is in the IAM user guide: `arn:partition:service:region:account:resource`.
fn check_arn(service: &str, text: &str) -> Result<(), String> {
    let wrong = || format!("must be an arn of {service} or a name, not `{}`", shown(text));
    let Some(rest) = text.strip_prefix("arn:") else {
        return check_name(text, 64).map_err(|_| wrong());
    };
    let parts: Vec<_> = rest.splitn(5, ':').collect();
    let word = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let fits = text.len() <= 256
        && parts.len() == 5
        && parts[0].starts_with("aws")
        && parts[1] == service
        && parts[..4].iter().all(|part| word(part))
        && !parts[4].is_empty()
        && parts[4].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/:.".contains(&byte));
    if fits { Ok(()) } else { Err(wrong()) }
}

fn check_name(text: &str, chars_max: usize) -> Result<(), String> {
    let fits = !text.is_empty()
        && text.len() <= chars_max
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./()".contains(&byte));
    if fits {
        return Ok(());
    }
    Err(format!(
        "must have 1 to {chars_max} letters, digits or -_./(), not begin with a dash; it is `{}`",
        shown(text)
    ))
}

fn check_host(text: &str) -> Result<(), String> {
    let fits = !text.is_empty()
        && text.len() <= 128
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.*?".contains(&byte));
    if fits { Ok(()) } else { Err(format!("must be a host name, not `{}`", shown(text))) }
}

fn check_line(text: &str, chars_max: usize) -> Result<(), String> {
    let count = text.chars().count();
    if count == 0 || count > chars_max {
        return Err(format!("must have 1 to {chars_max} characters, not {count}"));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(wrong) => Err(format!("must be one line, but holds {wrong:?}")),
        None => Ok(()),
    }
}

/// A network in the canonical form that providers store, so that what is read back compares equal.
fn check_network(text: &str) -> Result<(), String> {
    let wrong = |wanted: String| format!("must be networks such as {wanted}, not `{}`", shown(text));
    let network: ipnet::IpNet = text.parse().map_err(|_| wrong("203.0.113.7/32".to_owned()))?;
    if network.trunc().to_string() != text {
        return Err(wrong(network.trunc().to_string()));
    }
    if network.prefix_len() == 0 {
        return Err("must not be the whole internet".to_owned());
    }
    Ok(())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
