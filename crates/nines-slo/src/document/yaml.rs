//! YAML without places: what is kept of foreign specs, and what canonical text is printed from.

use serde::ser::{Serialize, SerializeMap, Serializer};

use nines_yaml::{Node, Raw};

/// A YAML value. Maps keep their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Seq(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Yaml {
    pub fn str(text: impl Into<String>) -> Self {
        Self::Str(text.into())
    }

    /// The value under `key` of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Block style, one document, with a final newline.
    pub fn render(&self) -> String {
        // A tree of plain values into a string: neither half can fail.
        serde_saphyr::to_string(self).expect("plain values always print")
    }
}

impl Serialize for Yaml {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Seq(items) => items.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl From<&Node> for Yaml {
    fn from(node: &Node) -> Self {
        match &node.value {
            Raw::Null => Self::Null,
            Raw::Bool(flag) => Self::Bool(*flag),
            Raw::Int(number) => Self::Int(*number),
            Raw::Float(number) => Self::Float(*number),
            Raw::Str(text) => Self::Str(text.clone()),
            Raw::Seq(items) => Self::Seq(items.iter().map(Self::from).collect()),
            Raw::Map(entries) => {
                Self::Map(entries.iter().map(|entry| (entry.key.clone(), Self::from(&entry.value))).collect())
            }
        }
    }
}

/// Builds a map, leaving out what is absent.
#[derive(Default)]
pub(crate) struct MapBuilder(Vec<(String, Yaml)>);

impl MapBuilder {
    pub fn put(mut self, key: &str, value: Yaml) -> Self {
        self.0.push((key.to_owned(), value));
        self
    }

    pub fn text(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(text) => self.put(key, Yaml::str(text)),
            None => self,
        }
    }

    pub fn maybe(self, key: &str, value: Option<Yaml>) -> Self {
        match value {
            Some(value) => self.put(key, value),
            None => self,
        }
    }

    pub fn list(self, key: &str, items: Vec<Yaml>) -> Self {
        if items.is_empty() { self } else { self.put(key, Yaml::Seq(items)) }
    }

    pub fn build(self) -> Yaml {
        Yaml::Map(self.0)
    }
}
