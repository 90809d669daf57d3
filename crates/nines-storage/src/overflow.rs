//! The text of the `overflow` column: one JSON object per row.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use nines_model::{Name, ValueRef};

/// Bytes become base64 text; numbers that JSON does not have become text (`"NaN"`); JSON text that is not JSON
/// becomes text. If a name occurs twice, both are there, and readers take the last.
pub fn overflow_text<'a>(fields: impl Iterator<Item = (&'a Name, ValueRef<'a>)>) -> String {
    let mut text = String::from("{");
    for (name, value) in fields {
        if text.len() > 1 {
            text.push(',');
        }
        push_string(&mut text, name);
        text.push(':');
        push_value(&mut text, value);
    }
    text.push('}');
    text
}

fn push_value(text: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Str(string) => push_string(text, string),
        ValueRef::Int(number) => text.push_str(&number.to_string()),
        ValueRef::Float(number) if number.is_finite() => text.push_str(&Json::from(number).to_string()),
        ValueRef::Float(number) => push_string(text, &number.to_string()),
        ValueRef::Bool(flag) => text.push_str(if flag { "true" } else { "false" }),
        ValueRef::Bytes(bytes) => push_string(text, &BASE64_STANDARD.encode(bytes)),
        ValueRef::Json(json) if serde_json::from_str::<&RawValue>(json).is_ok() => text.push_str(json),
        ValueRef::Json(json) => push_string(text, json),
    }
}

fn push_string(text: &mut String, string: &str) {
    text.push_str(&Json::from(string).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use nines_model::Value;

    #[test]
    fn every_value_becomes_valid_json() {
        let fields = [
            ("a\"b", Value::str("line\n")),
            ("i", Value::Int(-1)),
            ("f", Value::Float(1.5)),
            ("nan", Value::Float(f64::NAN)),
            ("bytes", Value::Bytes(vec![1, 2, 3].into())),
            ("good", Value::Json("[1,2]".into())),
            ("bad", Value::Json("[1,".into())),
        ];
        let names: Vec<Name> = fields.iter().map(|(name, _)| Name::new(name)).collect();
        let values = fields.iter().map(|(_, value)| ValueRef::from(value));
        let text = overflow_text(names.iter().zip(values));
        let parsed: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["a\"b"], "line\n");
        assert_eq!(parsed["good"][1], 2);
        assert_eq!(
            (&parsed["nan"], &parsed["bytes"], &parsed["bad"]),
            (&"NaN".into(), &"AQID".into(), &"[1,".into())
        );
    }
}
