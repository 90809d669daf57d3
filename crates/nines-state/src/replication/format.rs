//! The bytes of a write in the log: `docs/formats/pair-log.md`.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// The version that is written. A newer one is refused, so that a node is brought up to date before it follows.
const VERSION: u32 = 1;

/// A value as SQLite stores it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// Columns by name, with their values.
pub(crate) type Columns = Vec<(String, Value)>;

/// One row that changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Insert { table: String, row: Columns },
    Update { table: String, key: Columns, row: Columns },
    Delete { table: String, key: Columns },
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    changes: Vec<StoredChange>,
}

#[derive(Serialize, Deserialize)]
struct StoredChange {
    table: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    key: Vec<(String, Json)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    row: Vec<(String, Json)>,
}

pub(crate) fn encode(changes: Vec<Change>) -> Vec<u8> {
    let store = |columns: Columns| columns.into_iter().map(|(name, value)| (name, value.stored())).collect();
    let changes = changes.into_iter().map(|change| match change {
        Change::Insert { table, row } => StoredChange { table, key: Vec::new(), row: store(row) },
        Change::Update { table, key, row } => StoredChange { table, key: store(key), row: store(row) },
        Change::Delete { table, key } => StoredChange { table, key: store(key), row: Vec::new() },
    });
    serde_json::to_vec(&Stored { version: VERSION, changes: changes.collect() })
        .expect("names and values are JSON")
}

/// # Errors
/// What is wrong, for people.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Change>, String> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if stored.version != VERSION {
        return Err(format!("it has version {} and this node knows {VERSION}", stored.version));
    }
    let read = |columns: Vec<(String, Json)>| {
        columns
            .into_iter()
            .map(|(name, value)| Value::read(value).map(|value| (name, value)))
            .collect::<Result<Columns, _>>()
    };
    let change = |StoredChange { table, key, row }: StoredChange| {
        Ok(match (read(key)?, read(row)?) {
            (key, row) if key.is_empty() => Change::Insert { table, row },
            (key, row) if row.is_empty() => Change::Delete { table, key },
            (key, row) => Change::Update { table, key, row },
        })
    };
    stored.changes.into_iter().map(change).collect()
}

impl Value {
    /// Integers and texts as they are; the bits of a real, and the bytes of a blob in hexadecimal, so that nothing is
    /// rounded on the way.
    fn stored(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Integer(value) => json!(value),
            Self::Text(value) => Json::String(value),
            Self::Real(value) => json!({ "real": value.to_bits() }),
            Self::Blob(bytes) => {
                let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                json!({ "blob": text })
            }
        }
    }

    fn read(stored: Json) -> Result<Self, String> {
        let wrong = |stored: &Json| format!("`{stored}` is no value");
        Ok(match &stored {
            Json::Null => Self::Null,
            Json::Number(number) => Self::Integer(number.as_i64().ok_or_else(|| wrong(&stored))?),
            Json::String(text) => Self::Text(text.clone()),
            Json::Object(object) => match (object.get("real"), object.get("blob")) {
                (Some(bits), None) => {
                    Self::Real(f64::from_bits(bits.as_u64().ok_or_else(|| wrong(&stored))?))
                }
                (None, Some(Json::String(text))) => Self::Blob(bytes(text).ok_or_else(|| wrong(&stored))?),
                _ => return Err(wrong(&stored)),
            },
            _ => return Err(wrong(&stored)),
        })
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_back_bit_for_bit() {
        let row: Columns = [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Integer(i64::MAX),
            Value::Real(0.1 + 0.2),
            Value::Real(-0.0),
            Value::Text("it's \"quoted\", 中文, and a\0nul".to_owned()),
            Value::Blob(vec![0, 1, 0xff]),
            Value::Blob(Vec::new()),
        ]
        .into_iter()
        .enumerate()
        .map(|(index, value)| (format!("c{index}"), value))
        .collect();
        let key = vec![("id".to_owned(), Value::Integer(7))];
        let table = "t".to_owned();
        let changes = vec![
            Change::Insert { table: table.clone(), row: row.clone() },
            Change::Update { table: table.clone(), key: key.clone(), row },
            Change::Delete { table, key },
        ];
        assert_eq!(decode(&encode(changes.clone())).unwrap(), changes);
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let error = decode(br#"{"version":2,"changes":[]}"#).unwrap_err();
        assert!(error.contains("version 2"), "{error}");
        assert!(decode(b"{").is_err());
    }
}
