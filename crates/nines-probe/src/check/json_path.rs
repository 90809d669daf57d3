//! A path into JSON: `$.data.items[0].state`. Enough for a health page; no filters, no wildcards.

use serde_json::Value;

use crate::probe::{JsonExpect, JsonStep, JsonValue};

/// Deeper is no health page.
const STEPS_MAX: usize = 64;

/// `None` if it is no path.
pub fn parse(text: &str) -> Option<Vec<JsonStep>> {
    let mut rest = text.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() && steps.len() <= STEPS_MAX {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let key = &after[..end];
            if key.is_empty() {
                return None;
            }
            steps.push(JsonStep::Key(key.to_owned()));
            rest = &after[end..];
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            let quoted = ['\'', '"']
                .iter()
                .find_map(|quote| inside.strip_prefix(*quote).and_then(|inside| inside.strip_suffix(*quote)));
            steps.push(match quoted {
                Some(key) => JsonStep::Key(key.to_owned()),
                None => JsonStep::Index(inside.parse().ok()?),
            });
            rest = after;
        }
    }
    (steps.len() <= STEPS_MAX).then_some(steps)
}

/// Whether what is there is what is expected, and what it is.
pub fn check(expect: &JsonExpect, root: &Value) -> (bool, String) {
    let found = expect.steps.iter().try_fold(root, |value, step| match step {
        JsonStep::Key(key) => value.get(key),
        JsonStep::Index(index) => value.get(index),
    });
    let Some(found) = found else { return (false, "nothing there".to_owned()) };
    let text = match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let passed = match &expect.expect {
        JsonValue::Exists => true,
        JsonValue::Equals(wanted) => {
            let is_same_number = || Some(found.as_f64()? == wanted.parse::<f64>().ok()?);
            text == *wanted || (found.is_number() && is_same_number().unwrap_or(false))
        }
        JsonValue::Matches(pattern) => pattern.is_match(&text),
    };
    (passed, text)
}

/// As it is told.
pub fn describe(expect: &JsonExpect) -> String {
    match &expect.expect {
        JsonValue::Exists => format!("{} is there", expect.path),
        JsonValue::Equals(wanted) => format!("{} is {wanted}", expect.path),
        JsonValue::Matches(pattern) => format!("{} matches {}", expect.path, pattern.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn passes(path: &str, expect: JsonValue, expected: bool) {
        let root = serde_json::json!({"a": {"b.c": [1, {"ok": true}], "n": 1.0, "s": "up"}});
        let expect = JsonExpect { path: path.to_owned(), steps: parse(path).unwrap(), expect };
        assert_eq!(check(&expect, &root).0, expected, "{path}");
    }

    #[test]
    fn paths_lead_to_values() {
        let equals = |text: &str| JsonValue::Equals(text.to_owned());
        passes("$", JsonValue::Exists, true);
        passes("$.a['b.c'][1].ok", equals("true"), true);
        passes("$.a[\"b.c\"][0]", equals("1"), true);
        passes("$.a.n", equals("1"), true);
        passes("$.a.s", equals("down"), false);
        passes("$.a.s", JsonValue::Matches(regex::Regex::new("^u").unwrap()), true);
        passes("$.a.none", JsonValue::Exists, false);
        for wrong in ["a.b", "$.", "$..a", "$[x]", "$[0", "$a", &format!("${}", "[0]".repeat(70))] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
