//! Reading the overflow column: one JSON object a row with the values that found no column.

use std::borrow::Cow;
use std::fmt;

use nines_filter::ValueRef;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of one overflow object in their order; values are still text.
pub(crate) struct OverflowFields<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> OverflowFields<'a> {
    /// `None` if the text is not a JSON object, which a sound segment never holds.
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Calls `see` with the last value under `name`, if it is there and not null.
    pub fn with_value<T>(&self, name: &str, see: impl FnOnce(ValueRef<'_>) -> T) -> Option<T> {
        let (_, raw) = self.0.iter().rfind(|(candidate, _)| candidate == name)?;
        with_value(raw.get(), see)
    }
}

/// The value that a piece of JSON text stands for: arrays and objects are their own text.
fn with_value<T>(raw: &str, see: impl FnOnce(ValueRef<'_>) -> T) -> Option<T> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text>(raw).ok().map(|text| see(ValueRef::Str(&text.0))),
        b't' => Some(see(ValueRef::Bool(true))),
        b'f' => Some(see(ValueRef::Bool(false))),
        b'[' | b'{' => Some(see(ValueRef::Str(raw))),
        // The standard library reads floats exactly; `serde_json` may be off by one unit in the last place.
        b'-' | b'0'..=b'9' => match raw.parse() {
            Ok(number) => Some(see(ValueRef::Int(number))),
            Err(_) => raw.parse().ok().map(|number| see(ValueRef::Float(number))),
        },
        _ => None,
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for OverflowFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = OverflowFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(4));
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    fields.push((name.0, value));
                }
                Ok(OverflowFields(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_type() {
        let text = r#"{"a":"x\ny","b":503,"c":1.5,"d":true,"e":{"k":[1]},"f":null,"é":"z"}"#;
        let fields = OverflowFields::parse(text).unwrap();
        let check = |name: &str, expected: Option<ValueRef<'_>>| {
            let same = fields.with_value(name, |value| Some(value) == expected);
            assert!(same.unwrap_or(expected.is_none()), "{name}");
        };
        check("a", Some(ValueRef::Str("x\ny")));
        check("b", Some(ValueRef::Int(503)));
        check("c", Some(ValueRef::Float(1.5)));
        check("d", Some(ValueRef::Bool(true)));
        check("e", Some(ValueRef::Str(r#"{"k":[1]}"#)));
        check("f", None);
        check("é", Some(ValueRef::Str("z")));
        check("gone", None);
        assert!(OverflowFields::parse("[1]").is_none());
    }
}
