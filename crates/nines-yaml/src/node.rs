//! YAML as a tree in which every node knows where it stands, so that all mistakes of a file can be reported at
//! once and each at its place. A derived `Deserialize` would stop at the first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

/// A file of documents is written by a person or a generator for one team; the largest public SLO sets are below
/// 200 kB. 1 MiB leaves room and keeps the tree below some tens of megabytes.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;
/// The deepest legal path (`spec.alertPolicies[0].spec.conditions[0].spec.condition.kind`) has 11 levels; foreign
/// metric sources may nest a few more.
pub const DOCUMENT_DEPTH_MAX: usize = 32;
/// Nodes of a file after aliases are expanded: 1 MiB of `- a` lines stays below it, an alias bomb does not.
pub const DOCUMENT_NODES_MAX: usize = 200_000;
/// Documents in one file.
pub const DOCUMENTS_MAX: usize = 1_000;

/// A position in the text, from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    pub line: u32,
    pub column: u32,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub value: Raw,
    pub mark: Mark,
    /// Bytes of the scalar in the source, quotes included; empty when unknown.
    pub source: std::ops::Range<usize>,
}

/// What was written, before anything is asked of it.
#[derive(Debug, Clone)]
pub enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_mark: Mark,
    pub value: Node,
}

/// What is wrong with the YAML itself.
#[derive(Debug)]
pub struct SyntaxError {
    pub mark: Mark,
    pub message: String,
    pub hint: Option<String>,
}

impl Raw {
    /// With its article, for "must be a string, not a list".
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

/// All documents of a text, empty ones left out.
pub fn parse(text: &str) -> Result<Vec<Node>, SyntaxError> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(SyntaxError {
            mark: Mark { line: 1, column: 1 },
            message: format!(
                "the file has {} bytes, more than the {DOCUMENT_BYTES_MAX} that are read",
                text.len()
            ),
            hint: Some("split it into several files".to_owned()),
        });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DOCUMENT_DEPTH_MAX,
            max_nodes: DOCUMENT_NODES_MAX,
            max_documents: DOCUMENTS_MAX,
            max_anchors: 1_000,
            max_aliases: 1_000,
        },
        // Duplicates are reported by the reader, with every other mistake of the file.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: DOCUMENT_NODES_MAX,
        },
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options::<Node>(text, options).map_err(|error| syntax_error(&error))
}

fn syntax_error(error: &serde_saphyr::Error) -> SyntaxError {
    let mark = error.location().map(mark_of).unwrap_or_default();
    let rendered = error.without_snippet().to_string();
    let first_line = rendered.lines().next().unwrap_or_default();
    // The library appends "at line 3, column 5"; the place is a field of ours.
    let text = first_line.split(" at line ").next().unwrap_or(first_line).trim_end_matches('.');
    let hint = text.contains("tab").then(|| "indent with spaces".to_owned()).or_else(|| {
        text.contains("budget").then(|| "the file nests or repeats more than documents may".to_owned())
    });
    SyntaxError { mark, message: format!("not valid YAML: {text}"), hint }
}

fn mark_of(location: Location) -> Mark {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Mark { line: number(location.line()), column: number(location.column()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Raw>::deserialize(deserializer)?;
        let span = spanned.defined.span();
        let source = match (span.byte_offset(), span.byte_len()) {
            (Some(start), Some(len)) => {
                let start = usize::try_from(start).unwrap_or(usize::MAX);
                start..start.saturating_add(usize::try_from(len).unwrap_or(0))
            }
            _ => 0..0,
        };
        Ok(Self { value: spanned.value, mark: mark_of(spanned.referenced), source })
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
        f.write_str("any YAML")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(i64::try_from(number).map_or(Raw::Float(number as f64), Raw::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Str(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Str(text))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let value = access.next_value()?;
            entries.push(Entry { key: key.value, key_mark: mark_of(key.referenced), value });
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_and_key_knows_its_place() {
        let text = "a: 1\nb:\n  - x\n  - 'y': [0.990, ~]\n---\n# empty\n---\nc: *no\n";
        let error = parse(text).unwrap_err();
        assert_eq!((error.mark.line, error.mark.column), (8, 4), "{}", error.message);

        let nodes = parse(&text[..text.find("c:").unwrap()]).unwrap();
        assert_eq!(nodes.len(), 1);
        let Raw::Map(entries) = &nodes[0].value else { panic!() };
        assert_eq!(entries[1].key_mark, Mark { line: 2, column: 1 });
        let Raw::Seq(items) = &entries[1].value.value else { panic!() };
        assert_eq!(items[0].mark, Mark { line: 3, column: 5 });
        let Raw::Map(inner) = &items[1].value else { panic!() };
        assert_eq!(inner[0].key_mark, Mark { line: 4, column: 5 });
        let Raw::Seq(numbers) = &inner[0].value.value else { panic!() };
        assert_eq!(&text[numbers[0].source.clone()], "0.990");
        assert!(matches!(numbers[1].value, Raw::Null));
    }

    #[test]
    fn an_alias_bomb_and_a_deep_nest_are_refused() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n");
        for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
            bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(",")));
        }
        assert!(parse(&bomb).is_err());
        assert!(parse(&"[".repeat(40)).is_err());
        let nest = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert!(parse(&nest).is_err());
        assert!(parse(&"x".repeat(DOCUMENT_BYTES_MAX + 1)).is_err());
    }
}
