//! A JSON value that knows where it stands, so that every mistake names its place.

use std::collections::BTreeMap;

use nines_model::Timestamp;
use serde_json::{Map, Value};

use super::{IntakeError, LABELS_MAX, TEXT_BYTES_MAX};

pub(crate) type Answer<T> = Result<T, IntakeError>;

#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub value: &'a Value,
    pub pointer: String,
}

pub(crate) fn parse(body: &[u8]) -> Answer<Value> {
    serde_json::from_slice(body).map_err(|error| IntakeError::NotJson { reason: error.to_string() })
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'a> At<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self { value, pointer: String::new() }
    }

    pub fn wrong(&self, message: impl Into<String>, hint: Option<&str>) -> IntakeError {
        let pointer = if self.pointer.is_empty() { "/".to_owned() } else { self.pointer.clone() };
        IntakeError::Wrong { pointer, message: message.into(), hint: hint.map(str::to_owned) }
    }

    fn must_be(&self, what: &str) -> IntakeError {
        self.wrong(format!("must be {what}, not {}", describe(self.value)), None)
    }

    pub fn object(&self) -> Answer<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.must_be("an object"))
    }

    pub fn items(&self) -> Answer<Vec<At<'a>>> {
        let items = self.value.as_array().ok_or_else(|| self.must_be("a list"))?;
        let at = |(index, value)| At { value, pointer: format!("{}/{index}", self.pointer) };
        Ok(items.iter().enumerate().map(at).collect())
    }

    /// Absent and null are the same.
    pub fn get(&self, key: &str) -> Option<At<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(At { value, pointer: self.child(key) })
    }

    fn child(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"))
    }

    pub fn required(&self, key: &str) -> Answer<At<'a>> {
        self.object()?;
        self.get(key).ok_or_else(|| IntakeError::Wrong {
            pointer: self.child(key),
            message: "is missing".to_owned(),
            hint: None,
        })
    }

    pub fn as_text(&self) -> Answer<&'a str> {
        self.value.as_str().ok_or_else(|| self.must_be("a string"))
    }

    /// Empty text counts as absent.
    pub fn text(&self, key: &str) -> Answer<Option<&'a str>> {
        match self.get(key) {
            Some(found) => found.as_text().map(|text| Some(text).filter(|text| !text.trim().is_empty())),
            None => Ok(None),
        }
    }

    pub fn required_text(&self, key: &str) -> Answer<&'a str> {
        let found = self.required(key)?;
        let text = found.as_text()?;
        if text.trim().is_empty() { Err(found.wrong("is empty", None)) } else { Ok(text) }
    }

    pub fn list(&self, key: &str) -> Answer<Vec<At<'a>>> {
        self.get(key).map_or(Ok(Vec::new()), |found| found.items())
    }

    pub fn number(&self, key: &str) -> Answer<Option<i64>> {
        let Some(found) = self.get(key) else { return Ok(None) };
        found.value.as_i64().map(Some).ok_or_else(|| found.must_be("a whole number"))
    }

    /// RFC 3339, also with an offset without a colon as CloudWatch writes it. The year 1 of Go means none.
    pub fn time(&self, key: &str) -> Answer<Option<Timestamp>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if text.starts_with("0001-01-01T") {
            return Ok(None);
        }
        let with_colon = match text.len().checked_sub(5).and_then(|cut| text.split_at_checked(cut)) {
            Some((time, offset))
                if offset.starts_with(['+', '-']) && offset[1..].bytes().all(|b| b.is_ascii_digit()) =>
            {
                format!("{time}{}:{}", &offset[..3], &offset[3..])
            }
            _ => text.to_owned(),
        };
        let at = At { value: self.value, pointer: self.child(key) };
        Timestamp::parse_rfc3339(&with_colon).map(Some).map_err(|error| at.wrong(error.to_string(), None))
    }

    /// A map of texts. Numbers and booleans are taken by their text; what is deeper is an error.
    pub fn texts(&self, key: &str) -> Answer<BTreeMap<String, String>> {
        let Some(found) = self.get(key) else { return Ok(BTreeMap::new()) };
        let map = found.object()?;
        if map.len() > LABELS_MAX {
            return Err(found.wrong(format!("has {} entries, more than {LABELS_MAX}", map.len()), None));
        }
        let mut texts = BTreeMap::new();
        for (name, value) in map {
            let at = At { value, pointer: found.child(name) };
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Null => continue,
                _ => return Err(at.must_be("a string")),
            };
            if text.len() > TEXT_BYTES_MAX {
                return Err(at.wrong(format!("has {} bytes, more than {TEXT_BYTES_MAX}", text.len()), None));
            }
            texts.insert(name.clone(), text);
        }
        Ok(texts)
    }

    /// Refuses keys that are not known, naming the nearest.
    pub fn only(&self, known: &[&str]) -> Answer<()> {
        for (key, value) in self.object()? {
            if !known.contains(&key.as_str()) {
                let at = At { value, pointer: self.child(key) };
                let near = nines_filter::nearest(key, known.iter().copied());
                let hint = near.map_or_else(
                    || format!("known are {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(at.wrong("is not known", Some(&hint)));
            }
        }
        Ok(())
    }

    /// One of `words`, or the error that names them.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Answer<T> {
        let text = self.as_text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            return Ok(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let shown: String = text.chars().take(64).collect();
        Err(self.wrong(format!("`{shown}` is not known"), Some(&format!("use {}", names.join(", ")))))
    }
}
