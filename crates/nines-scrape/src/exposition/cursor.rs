//! What both text formats share: a place in the text, names, quoted texts, label sets and numbers.

use std::borrow::Cow;

use nines_series::{METRIC_NAME, MetricType};

use super::{ExposedLabel, ExpositionError, LABELS_MAX, number_label};

/// The bits of an ordinary NaN, as upstream writes them: not those of a stale marker, whatever the target's are.
const NORMAL_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// Longest piece of the body that an error repeats.
const QUOTED_BYTES_MAX: usize = 40;

/// What may stand between the parts of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// Spaces and tabs, as many as one likes.
    Any,
    /// None but the single spaces that the grammar has.
    None,
}

#[derive(Debug, Clone)]
pub(super) struct Cursor<'b> {
    pub text: &'b str,
    pub at: usize,
    pub blanks: Blanks,
}

/// A label set in braces, with the name of the metric if it stands inside of them.
pub(super) type Labels<'b> = Vec<ExposedLabel<'b>>;

pub(super) fn utf8(body: &[u8]) -> Result<&str, ExpositionError> {
    std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
        let message = "body is not valid UTF-8".to_owned();
        ExpositionError { line, column, message, hint: Some("escape or replace the bytes in the exporter") }
    })
}

impl<'b> Cursor<'b> {
    pub fn new(text: &'b str, blanks: Blanks) -> Self {
        Self { text, at: 0, blanks }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Blanks inside of a label set, where the format allows them.
    fn skip_inner(&mut self) {
        if self.blanks == Blanks::Any {
            self.skip_blanks();
        }
    }

    pub fn fail<T>(&self, message: impl Into<String>, hint: &'static str) -> Result<T, ExpositionError> {
        self.fail_at(self.at, message, Some(hint))
    }

    pub fn fail_at<T>(
        &self,
        at: usize,
        message: impl Into<String>,
        hint: Option<&'static str>,
    ) -> Result<T, ExpositionError> {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
        Err(ExpositionError { line, column, message: message.into(), hint })
    }

    /// What stands here, for messages.
    pub fn found(&self) -> String {
        let rest = &self.text[self.at.min(self.text.len())..];
        let end = rest.find(['\n', ' ', '\t']).unwrap_or(rest.len());
        match rest.chars().next() {
            None => "the end of the body".to_owned(),
            Some('\n') => "the end of the line".to_owned(),
            Some(' ' | '\t') => "a blank".to_owned(),
            Some(_) if end > QUOTED_BYTES_MAX => {
                format!("`{}…`", &rest[..rest.floor_char_boundary(QUOTED_BYTES_MAX)])
            }
            Some(_) => format!("`{}`", &rest[..end]),
        }
    }

    /// A name without quotes; empty if none stands here.
    pub fn name(&mut self, colons: bool) -> &'b str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let first = byte.is_ascii_alphabetic() || byte == b'_' || (colons && byte == b':');
            if !(first || (self.at > start && byte.is_ascii_digit())) {
                break;
            }
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// A text in double quotes. `\\`, `\"` and `\n` are escapes; another backslash stands for itself.
    pub fn quoted(&mut self) -> Result<Cow<'b, str>, ExpositionError> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            let Some(step) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[self.at..]) else {
                return self.fail_at(open, "text in quotes has no end", Some("close it with `\"`"));
            };
            self.at += step;
            match bytes[self.at] {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                    // The escaped character may have several bytes; the next search goes on behind its first.
                    match bytes.get(self.at) {
                        Some(b'\n') | None => {
                            let hint = Some("write a line break as `\\n`");
                            return self.fail_at(open, "text in quotes has no end on its line", hint);
                        }
                        Some(_) => self.at += 1,
                    }
                }
                _ => {
                    let hint = Some("write a line break as `\\n`");
                    return self.fail_at(open, "text in quotes has no end on its line", hint);
                }
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(if escaped { Cow::Owned(unescape(raw, true)) } else { Cow::Borrowed(raw) })
    }

    /// From `{` to `}`. Appends to `labels`; a quoted text without a value is the name of the metric.
    pub fn label_set(&mut self, labels: &mut Labels<'b>, kind: MetricType) -> Result<(), ExpositionError> {
        self.at += 1;
        let number = number_label(kind);
        loop {
            self.skip_inner();
            if self.eat(b'}') {
                return Ok(());
            }
            self.one_label(labels, number)?;
            self.skip_inner();
            if self.eat(b'}') {
                return Ok(());
            }
            if !self.eat(b',') {
                let found = self.found();
                return self.fail(
                    format!("expected `,` or `}}` after a label, found {found}"),
                    "separate labels with commas and escape quotes inside of values as `\\\"`",
                );
            }
        }
    }

    fn one_label(
        &mut self,
        labels: &mut Labels<'b>,
        number: Option<&'static str>,
    ) -> Result<(), ExpositionError> {
        let start = self.at;
        let in_quotes = self.peek() == Some(b'"');
        let name = if in_quotes { self.quoted()? } else { Cow::Borrowed(self.name(false)) };
        if name.is_empty() {
            let found = self.found();
            return self.fail(
                format!("expected a label name, found {found}"),
                "names begin with a letter or `_`; put other names into quotes",
            );
        }
        self.skip_inner();
        if in_quotes && self.peek() != Some(b'=') {
            return match labels.first() {
                Some((label, _)) if label == METRIC_NAME => {
                    let hint = Some("name the metric before the braces or inside of them, not both");
                    self.fail_at(start, format!("metric has a second name `{name}`"), hint)
                }
                _ => {
                    labels.insert(0, (Cow::Borrowed(METRIC_NAME), name));
                    Ok(())
                }
            };
        }
        if !self.eat(b'=') {
            let found = self.found();
            return self.fail(
                format!("expected `=` after label `{name}`, found {found}"),
                "write labels as `name=\"value\"`",
            );
        }
        self.skip_inner();
        if self.peek() != Some(b'"') {
            let found = self.found();
            return self.fail(
                format!("value of label `{name}` is not in quotes, found {found}"),
                "write labels as `name=\"value\"`",
            );
        }
        let mut value = self.quoted()?;
        if number == Some(&*name)
            && let Some(written) = parse_float(&value)
        {
            let normal = format_open_metrics(written);
            if *normal != *value {
                value = Cow::Owned(normal);
            }
        }
        if labels.len() >= LABELS_MAX {
            return self.fail_at(start, format!("sample has more than {LABELS_MAX} labels"), None);
        }
        if labels.iter().any(|(label, _)| *label == name) {
            let hint = Some("give each label once");
            return self.fail_at(start, format!("label `{name}` is given twice"), hint);
        }
        labels.push((name, value));
        Ok(())
    }

    /// Up to the next blank or line end.
    pub fn word(&mut self) -> &'b str {
        let rest = &self.text.as_bytes()[self.at..];
        let length = memchr::memchr3(b' ', b'\t', b'\n', rest).unwrap_or(rest.len());
        let word = &self.text[self.at..self.at + length];
        self.at += length;
        word
    }

    /// The number here.
    pub fn float(&mut self, what: &str) -> Result<f64, ExpositionError> {
        let start = self.at;
        let word = self.word();
        match parse_float(word) {
            Some(value) => Ok(value),
            None => {
                let short = &word[..word.floor_char_boundary(QUOTED_BYTES_MAX)];
                let message = match word {
                    "" => format!("{what} is missing"),
                    _ => format!("{what} `{short}` is no number"),
                };
                self.fail_at(start, message, Some("write a decimal number, `NaN`, `+Inf` or `-Inf`"))
            }
        }
    }
}

/// As upstream's `parseFloat`: decimal, `NaN`, `Inf`; no hexadecimal digits, no underscores.
pub(crate) fn parse_float(word: &str) -> Option<f64> {
    let bytes = word.as_bytes();
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    // Rust takes a sign before NaN, Go does not.
    if unsigned.len() < bytes.len() && unsigned.eq_ignore_ascii_case("nan") {
        return None;
    }
    let value: f64 = word.parse().ok()?;
    Some(if value.is_nan() { f64::from_bits(NORMAL_NAN_BITS) } else { value })
}

/// As upstream's `formatOpenMetricsFloat`: shortest, with an exponent below 1e-4 and from a million on, else with a point.
pub(crate) fn format_open_metrics(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-4..1e6).contains(&magnitude) {
        let text = format!("{value}");
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// With `quotes` also `\"` is an escape.
pub(super) fn unescape(raw: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (written, length) = match rest.as_bytes().get(1) {
            Some(b'\\') => ('\\', 2),
            Some(b'n') => ('\n', 2),
            Some(b'"') if quotes => ('"', 2),
            _ => ('\\', 1),
        };
        out.push(written);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}
