//! YAML as a tree in which every node knows where it stands, so that each mistake is told at its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{Mark, RunbookError};

/// A runbook of 200 steps with long texts has some 100 kB.
const BYTES_MAX: usize = 256 * 1024;
/// The deepest path (`spec.steps[0].with.weights.x`) has seven levels.
const DEPTH_MAX: usize = 16;
const NODES_MAX: usize = 50_000;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub raw: Raw,
    pub mark: Mark,
}

#[derive(Debug, Clone)]
pub(super) enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Seq(Vec<Node>),
    /// Keys with their places, in order, repeated ones included.
    Map(Vec<(String, Mark, Node)>),
}

pub(super) fn parse(text: &str) -> Result<Node, RunbookError> {
    let start = Mark { line: 1, column: 1 };
    if text.len() > BYTES_MAX {
        return Err(RunbookError::new(start, format!("the file has more than {BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_anchors: 100,
            max_aliases: 100,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES_MAX,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let mark = error.location().map_or(start, mark_of);
        let rendered = error.without_snippet().to_string();
        let line = rendered.lines().next().unwrap_or_default();
        let message = line.split(" at line ").next().unwrap_or(line).trim_end_matches('.');
        RunbookError::new(mark, format!("not valid YAML: {message}"))
    })
}

fn mark_of(location: Location) -> Mark {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Mark { line: number(location.line()), column: number(location.column()) }
}

impl Node {
    pub fn wrong(&self, message: impl Into<String>) -> RunbookError {
        RunbookError::new(self.mark, message.into())
    }

    pub fn text(&self, what: &str) -> Result<&str, RunbookError> {
        match &self.raw {
            Raw::Str(text) => Ok(text),
            other => Err(self.wrong(format!("`{what}` must be a string, not {}", other.describe()))),
        }
    }

    pub fn items(&self, what: &str) -> Result<&[Node], RunbookError> {
        match &self.raw {
            Raw::Seq(items) => Ok(items),
            other => Err(self.wrong(format!("`{what}` must be a list, not {}", other.describe()))),
        }
    }

    /// The entries of a map whose keys must be among `known`, each once.
    pub fn entries<'a>(
        &'a self,
        what: &str,
        known: &[&str],
    ) -> Result<Vec<(&'a str, &'a Node)>, RunbookError> {
        let entries = self.any_entries(what)?;
        if let Raw::Map(all) = &self.raw {
            for (key, mark, _) in all {
                if !known.contains(&key.as_str()) {
                    let hint =
                        crate::error::hint(crate::error::nearest(key, known.iter().copied()).as_deref());
                    let shown = crate::error::shown(key);
                    return Err(RunbookError::new(*mark, format!("`{what}` has no `{shown}`{hint}")));
                }
            }
        }
        Ok(entries)
    }

    /// The entries of a map with keys of its own choosing, each once.
    pub fn any_entries<'a>(&'a self, what: &str) -> Result<Vec<(&'a str, &'a Node)>, RunbookError> {
        let Raw::Map(entries) = &self.raw else {
            return Err(self.wrong(format!("`{what}` must be a map, not {}", self.raw.describe())));
        };
        let mut known = std::collections::BTreeSet::new();
        for (key, mark, _) in entries {
            if !known.insert(key) {
                let shown = crate::error::shown(key);
                return Err(RunbookError::new(*mark, format!("`{shown}` stands here twice")));
            }
        }
        Ok(entries.iter().map(|(key, _, node)| (key.as_str(), node)).collect())
    }

    /// The value as JSON, a text that `replace` knows replaced whole.
    pub fn to_json(
        &self,
        replace: &dyn Fn(&str, &Node) -> Result<Value, RunbookError>,
    ) -> Result<Value, RunbookError> {
        Ok(match &self.raw {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::from(*value),
            Raw::Int(value) => Value::from(*value),
            Raw::Float(value) => Value::from(*value),
            Raw::Str(text) => replace(text, self)?,
            Raw::Seq(items) => {
                Value::Array(items.iter().map(|item| item.to_json(replace)).collect::<Result<_, _>>()?)
            }
            Raw::Map(_) => {
                let mut map = serde_json::Map::new();
                for (key, node) in self.any_entries("with")? {
                    map.insert(key.to_owned(), node.to_json(replace)?);
                }
                Value::Object(map)
            }
        })
    }
}

impl Raw {
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Str(_) => "a string",
            Self::Seq(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Raw>::deserialize(deserializer)?;
        Ok(Self { mark: mark_of(spanned.referenced), raw: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(i64::try_from(value).map_or(Raw::Float(value as f64), Raw::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Str(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Raw::Seq(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let mark = mark_of(key.referenced);
            all.push((key.value, mark, entries.next_value()?));
        }
        Ok(Raw::Map(all))
    }
}
