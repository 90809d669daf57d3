//! Rules made ready, and their use on texts, events and rows.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use nines_model::rows::Rewrite;
use nines_model::{Batch, Event, SmolStr, Value, ValueRef, field};
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use sha2::Sha256;

use crate::find::{BuiltIns, find};
use crate::rules::{Action, BuiltIn, MaskingError, PATTERN_BYTES_MAX, RULES_MAX, Rule, Rules, What};
use crate::{glob, secret};

/// Memory of one compiled expression.
const REGEX_BYTES_MAX: usize = 100 * PATTERN_BYTES_MAX;
/// Fields that only Nines and tracers write: ids in hexadecimal, which people join by.
const NEVER: [&str; 4] = [field::TRACE_ID, field::SPAN_ID, "parent_span_id", "severity_text"];

/// The key of hashes: 32 bytes that stay on the node. With another key the same text has another hash.
#[derive(Clone)]
pub struct HashKey([u8; 32]);

impl HashKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first 64 bits of the HMAC of a rule's name and a text, as hexadecimal digits.
    fn hash(&self, rule: &str, text: &str) -> String {
        // A key of any length is accepted by HMAC (RFC 2104).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(rule.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Masked<'a> {
    Text(Cow<'a, str>),
    /// The field goes.
    Dropped,
}

/// Rules made ready. Sharing it is cheap; counts are its only state.
#[derive(Debug)]
pub struct Masker {
    key: HashKey,
    rules: Vec<Ready>,
    /// The expressions of all rules with one, for a single look at whether any matches.
    expressions: RegexSet,
    /// The rules of `expressions`, in its order.
    expression_rules: Vec<usize>,
}

#[derive(Debug)]
struct Ready {
    rule: Rule,
    regex: Option<Regex>,
    /// How often it found something.
    count: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    rule: usize,
    start: usize,
    end: usize,
}

impl Masker {
    /// # Errors
    /// The first rule that cannot be used, and why.
    pub fn new(rules: Rules, key: HashKey) -> Result<Self, MaskingError> {
        if rules.rules.len() > RULES_MAX {
            return Err(MaskingError::TooMany { count: rules.rules.len() });
        }
        let mut ready = Vec::with_capacity(rules.rules.len());
        let mut patterns = Vec::new();
        let mut expression_rules = Vec::new();
        for rule in rules.rules {
            let regex = match &rule.what {
                What::Pattern(pattern) => {
                    patterns.push(pattern.clone());
                    expression_rules.push(ready.len());
                    Some(compile(&rule.name, pattern)?)
                }
                What::Everything if rule.fields.is_empty() => {
                    return Err(MaskingError::Everything { rule: rule.name });
                }
                _ => None,
            };
            ready.push(Ready { rule, regex, count: AtomicU64::new(0) });
        }
        let expressions = RegexSetBuilder::new(&patterns)
            .size_limit(REGEX_BYTES_MAX * patterns.len().max(1))
            .build()
            .map_err(|error| MaskingError::Pattern {
                rule: "all together".to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Self { key, rules: ready, expressions, expression_rules })
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty()
    }

    /// By rule, how often it found something since the start.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.iter().map(|ready| (ready.rule.name.as_str(), ready.count.load(Ordering::Relaxed)))
    }

    /// The text of a field as it may be written down.
    pub fn mask_text<'a>(&self, field: &str, text: &'a str) -> Masked<'a> {
        self.mask(field, text, false)
    }

    /// The same for JSON, which stays JSON: what was a number becomes a string.
    pub fn mask_json<'a>(&self, field: &str, text: &'a str) -> Masked<'a> {
        self.mask(field, text, true)
    }

    fn mask<'a>(&self, field: &str, text: &'a str, is_json: bool) -> Masked<'a> {
        if text.is_empty() || NEVER.contains(&field) {
            return Masked::Text(Cow::Borrowed(text));
        }
        let found = self.findings(field, text);
        if found.is_empty() {
            return Masked::Text(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for Found { rule, start, end } in found {
            let ready = &self.rules[rule];
            ready.count.fetch_add(1, Ordering::Relaxed);
            out.push_str(&text[copied..start]);
            let is_bare = is_json && is_bare_json(text.as_bytes(), start, end);
            let quote = if is_bare { "\"" } else { "" };
            match ready.rule.action {
                Action::Drop => return Masked::Dropped,
                Action::Mask => out.push_str(&format!("{quote}[{}]{quote}", ready.rule.name)),
                Action::Hash => {
                    let hash = self.key.hash(&ready.rule.name, &text[start..end]);
                    out.push_str(&format!("{quote}[{}:{hash}]{quote}", ready.rule.name));
                }
            }
            copied = end;
        }
        out.push_str(&text[copied..]);
        Masked::Text(Cow::Owned(out))
    }

    /// What is to be masked, in order and not overlapping. An earlier rule wins over a later one at the same place.
    fn findings(&self, field: &str, text: &str) -> Vec<Found> {
        let applies =
            |rule: &Rule| rule.fields.is_empty() || rule.fields.iter().any(|glob| glob::matches(glob, field));
        let mut wanted = BuiltIns::default();
        let mut by_built_in = [usize::MAX; BuiltIn::ALL.len()];
        for (index, ready) in self.rules.iter().enumerate() {
            match ready.rule.what {
                What::BuiltIn(what) if applies(&ready.rule) => {
                    let is_whole =
                        what == BuiltIn::Secret && secret::is_secret_name(field) && !is_masked(text);
                    if is_whole {
                        return vec![Found { rule: index, start: 0, end: text.len() }];
                    }
                    if !wanted.has(what) {
                        wanted = wanted.with(what);
                        by_built_in[what as usize] = index;
                    }
                }
                What::Everything if applies(&ready.rule) && !is_masked(text) => {
                    return vec![Found { rule: index, start: 0, end: text.len() }];
                }
                _ => {}
            }
        }
        let mut found: Vec<Found> = Vec::new();
        if !wanted.is_empty() {
            found.extend(find(text, wanted).iter().map(|finding| Found {
                rule: by_built_in[finding.what as usize],
                start: finding.start,
                end: finding.end,
            }));
        }
        if !self.expression_rules.is_empty() {
            for matched in self.expressions.matches(text) {
                let rule = self.expression_rules[matched];
                let ready = &self.rules[rule];
                if let Some(regex) = ready.regex.as_ref().filter(|_| applies(&ready.rule)) {
                    let matches = regex.find_iter(text).filter(|matched| !matched.is_empty());
                    found.extend(matches.map(|matched| Found {
                        rule,
                        start: matched.start(),
                        end: matched.end(),
                    }));
                }
            }
            join(&mut found);
        }
        found
    }

    /// Masks every field of every event, the shared ones included. Returns whether anything changed.
    pub fn mask_batch(&self, batch: &mut Batch) -> bool {
        if self.is_idle() {
            return false;
        }
        batch.rows.rewrite(|name, value| self.mask_value(name, value))
    }

    /// One event; see [`Masker::mask_batch`].
    pub fn mask_event(&self, event: &mut Event) -> bool {
        self.mask_fields(&mut event.fields)
    }

    fn mask_fields(&self, fields: &mut Vec<(SmolStr, Value)>) -> bool {
        let mut changed = false;
        fields.retain_mut(|(name, value)| match self.mask_value(name, ValueRef::from(&*value)) {
            Rewrite::Keep => true,
            Rewrite::Replace(masked) => {
                changed = true;
                *value = masked;
                true
            }
            Rewrite::Drop => {
                changed = true;
                false
            }
        });
        changed
    }

    /// What becomes of one value. Numbers and flags cannot hold a mask: what is found in them goes.
    fn mask_value(&self, name: &str, value: ValueRef<'_>) -> Rewrite {
        let text = |masked: Masked<'_>, make: fn(SmolStr) -> Value| match masked {
            Masked::Text(Cow::Borrowed(_)) => Rewrite::Keep,
            Masked::Text(Cow::Owned(text)) => Rewrite::Replace(make(SmolStr::from(text))),
            Masked::Dropped => Rewrite::Drop,
        };
        match value {
            ValueRef::Str(found) => text(self.mask_text(name, found), Value::Str),
            ValueRef::Json(found) => text(self.mask_json(name, found), Value::Json),
            ValueRef::Int(number) => self.mask_number(name, number),
            ValueRef::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(found) => match self.mask_text(name, found) {
                    Masked::Text(Cow::Borrowed(_)) => Rewrite::Keep,
                    Masked::Text(Cow::Owned(masked)) => {
                        Rewrite::Replace(Value::Bytes(masked.into_bytes().into()))
                    }
                    Masked::Dropped => Rewrite::Drop,
                },
                Err(_) => Rewrite::Keep,
            },
            ValueRef::Float(_) | ValueRef::Bool(_) => Rewrite::Keep,
        }
    }

    fn mask_number(&self, name: &str, number: i64) -> Rewrite {
        let found = self.findings(name, &number.to_string());
        let whole_secret =
            |found: &Found| !matches!(self.rules[found.rule].rule.what, What::BuiltIn(BuiltIn::Phone));
        match found.iter().find(|found| whole_secret(found)) {
            Some(found) => {
                self.rules[found.rule].count.fetch_add(1, Ordering::Relaxed);
                Rewrite::Drop
            }
            None => Rewrite::Keep,
        }
    }
}

fn compile(rule: &str, pattern: &str) -> Result<Regex, MaskingError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(MaskingError::TooLong { rule: rule.to_owned() });
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| MaskingError::Pattern { rule: rule.to_owned(), reason: reason(&error) })?;
    if regex.is_match("") {
        return Err(MaskingError::Empty { rule: rule.to_owned() });
    }
    Ok(regex)
}

/// The last line of the library's message says what is wrong; the others draw the place.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Sorts, and lets what overlaps become one, under the rule that came first.
fn join(found: &mut Vec<Found>) {
    found.sort_by_key(|found| (found.start, found.rule));
    let mut joined: Vec<Found> = Vec::with_capacity(found.len());
    for next in found.drain(..) {
        match joined.last_mut() {
            Some(last) if next.start < last.end => {
                last.end = last.end.max(next.end);
                last.rule = last.rule.min(next.rule);
            }
            _ => joined.push(next),
        }
    }
    *found = joined;
}

/// Whether the whole text is what a rule left: `[name]` or `[name:hash]`.
fn is_masked(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':'))
    })
}

/// Whether `start..end` is a JSON value of its own rather than a part of a string: a number.
fn is_bare_json(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = bytes[..start].iter().rev().find(|byte| !byte.is_ascii_whitespace());
    let after = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
    let is_number = bytes[start..end].iter().all(|byte| byte.is_ascii_digit());
    is_number
        && matches!(before, Some(b':' | b'[' | b',') | None)
        && matches!(after, Some(b',' | b'}' | b']') | None)
}

const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Masker>();
};

#[cfg(test)]
mod tests {
    use crate::card;

    #[test]
    fn a_card_in_an_integer_is_known() {
        let digits: Vec<u8> = "4111111111111111".bytes().map(|byte| byte - b'0').collect();
        assert!(card::is_number(&digits));
    }
}
