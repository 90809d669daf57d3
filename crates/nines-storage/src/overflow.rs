//! The text of the `overflow` column: one JSON object per row.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use nines_model::{Name, Value};

/// Bytes become base64 text; numbers that JSON does not have become text (`"NaN"`); JSON text that is not JSON
/// becomes text. If a name occurs twice, both are there, and readers take the last.
pub fn overflow_text(fields: &[(&Name, &Value)]) -> String {
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

fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::Str(string) => push_string(text, string),
        Value::Int(number) => text.push_str(&number.to_string()),
        Value::Float(number) if number.is_finite() => text.push_str(&Json::from(*number).to_string()),
        Value::Float(number) => push_string(text, &number.to_string()),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Bytes(bytes) => push_string(text, &BASE64_STANDARD.encode(bytes)),
        Value::Json(json) if serde_json::from_str::<&RawValue>(json).is_ok() => text.push_str(json),
        Value::Json(json) => push_string(text, json),
    }
}

fn push_string(text: &mut String, string: &str) {
    text.push_str(&Json::from(string).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let fields: Vec<_> = names.iter().zip(fields.iter().map(|(_, value)| value)).collect();
        let text = overflow_text(&fields);
        let parsed: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["a\"b"], "line\n");
        assert_eq!(parsed["good"][1], 2);
        assert_eq!(
            (&parsed["nan"], &parsed["bytes"], &parsed["bad"]),
            (&"NaN".into(), &"AQID".into(), &"[1,".into())
        );
    }
}
