//! A cursor over JSON text that borrows from it. Source: RFC 8259.
//!
//! The decoders walk a body once and hand each value on as they meet it: no tree is built, a string without escapes is
//! a slice of the body, and nothing recurses, so depth costs nothing but the [`MAX_DEPTH`] that bounds it.
//! Stricter than many parsers in nothing: what RFC 8259 forbids is an error with its byte, except that a lone surrogate
//! escape becomes U+FFFD, because losing a log line over half a smiley helps nobody.

mod number;
mod text;

use std::borrow::Cow;

pub use number::Number;

/// Levels of arrays and objects within one value.
pub const MAX_DEPTH: u32 = 64;

/// What is wrong and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct JsonError {
    /// Byte of the text that the cursor was made from, counted from 0.
    pub at: usize,
    pub problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("JSON ends where {0} is expected")]
    End(&'static str),
    #[error("JSON has no {0}")]
    Expected(&'static str),
    #[error("JSON is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("JSON string has a bare control character")]
    Control,
    #[error("JSON string has an unknown escape")]
    Escape,
    #[error("JSON number is malformed")]
    Number,
    #[error("JSON is followed by something else")]
    Trailing,
}

/// What a value begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    Str,
    Number,
    Literal,
}

/// A value that is neither array nor object.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    Str(Cow<'a, str>),
}

#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Byte of the text that is next.
    pub fn at(&self) -> usize {
        self.at
    }

    fn fail<T>(&self, problem: Problem) -> Result<T, JsonError> {
        let problem = match problem {
            Problem::Expected(what) if self.at >= self.text.len() => Problem::End(what),
            problem => problem,
        };
        Err(JsonError { at: self.at, problem })
    }

    /// The next byte that is not white space, without taking it.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        let bytes = self.bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Whether nothing but white space is left.
    pub fn is_at_end(&mut self) -> bool {
        self.next_byte().is_none()
    }

    /// An error if anything but white space is left.
    pub fn end(&mut self) -> Result<(), JsonError> {
        if self.is_at_end() { Ok(()) } else { self.fail(Problem::Trailing) }
    }

    /// What comes next, without taking it.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind, JsonError> {
        match self.next_byte() {
            Some(b'"') => Ok(Kind::Str),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f' | b'n') => Ok(Kind::Literal),
            _ => self.fail(Problem::Expected("value")),
        }
    }

    #[inline]
    fn take(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.next_byte() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.fail(Problem::Expected(what))
        }
    }

    /// Steps into an object; [`Cursor::next_key`] follows.
    pub fn enter_object(&mut self) -> Result<(), JsonError> {
        self.take(b'{', "object")
    }

    /// The next key, after which its value must be taken; `None` at the object's end. `is_first` is whether the object
    /// has just been entered.
    #[inline]
    pub fn next_key(&mut self, is_first: bool) -> Result<Option<Cow<'a, str>>, JsonError> {
        match self.next_byte() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !is_first => self.at += 1,
            Some(b'"') if is_first => {}
            _ => return self.fail(Problem::Expected(if is_first { "key or `}`" } else { "`,` or `}`" })),
        }
        if self.next_byte() != Some(b'"') {
            return self.fail(Problem::Expected("key"));
        }
        let key = self.string()?;
        self.take(b':', "`:`")?;
        Ok(Some(key))
    }

    /// Steps into an array; [`Cursor::next_element`] follows.
    pub fn enter_array(&mut self) -> Result<(), JsonError> {
        self.take(b'[', "array")
    }

    /// Whether another element follows, which must then be taken.
    #[inline]
    pub fn next_element(&mut self, is_first: bool) -> Result<bool, JsonError> {
        match self.next_byte() {
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.at += 1;
                self.kind().map(|_| true)
            }
            Some(_) if is_first => self.kind().map(|_| true),
            _ => self.fail(Problem::Expected("`,` or `]`")),
        }
    }

    /// A string, borrowed unless it has escapes.
    #[inline]
    pub fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.take(b'"', "string")?;
        let start = self.at;
        let end = start + text::plain_run(&self.bytes()[start..]);
        if self.bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.at = start;
        self.escaped_string().map(Cow::Owned)
    }

    /// From behind the opening quote.
    fn escaped_string(&mut self) -> Result<String, JsonError> {
        let mut out = String::new();
        loop {
            let start = self.at;
            self.at += text::plain_run(&self.bytes()[start..]);
            out.push_str(&self.text[start..self.at]);
            match self.bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let (character, length) = match text::escape(&self.bytes()[self.at..]) {
                        Some(found) => found,
                        None => return self.fail(Problem::Escape),
                    };
                    out.push(character);
                    self.at += length;
                }
                Some(_) => return self.fail(Problem::Control),
                None => return self.fail(Problem::Expected("end of a string")),
            }
        }
    }

    #[inline]
    pub fn number(&mut self) -> Result<Number<'a>, JsonError> {
        self.next_byte();
        match number::scan(&self.text[self.at..]) {
            Some((number, length)) => {
                self.at += length;
                Ok(number)
            }
            None => self.fail(Problem::Number),
        }
    }

    /// `true`, `false` or `null`.
    fn literal(&mut self) -> Result<Scalar<'a>, JsonError> {
        let rest = &self.bytes()[self.at..];
        let (word, value) = match rest.first() {
            Some(b't') => ("true", Scalar::Bool(true)),
            Some(b'f') => ("false", Scalar::Bool(false)),
            _ => ("null", Scalar::Null),
        };
        if !rest.starts_with(word.as_bytes()) {
            return self.fail(Problem::Expected("value"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// The next value if it is neither array nor object; an error if it is.
    #[inline]
    pub fn scalar(&mut self) -> Result<Scalar<'a>, JsonError> {
        match self.kind()? {
            Kind::Str => self.string().map(Scalar::Str),
            Kind::Number => self.number().map(Scalar::Number),
            Kind::Literal => self.literal(),
            Kind::Object | Kind::Array => self.fail(Problem::Expected("plain value")),
        }
    }

    /// Takes any value, checked, and gives its text as it stands.
    pub fn raw(&mut self) -> Result<&'a str, JsonError> {
        self.kind()?;
        let start = self.at;
        // One bit for each open level: 1 for an object.
        let (mut objects, mut depth) = (0_u64, 0_u32);
        let mut is_first = false;
        loop {
            if depth > 0 {
                let more =
                    if objects & 1 == 1 { self.skip_key(is_first)? } else { self.next_element(is_first)? };
                is_first = false;
                if !more {
                    depth -= 1;
                    objects >>= 1;
                    if depth == 0 {
                        break;
                    }
                    continue;
                }
            }
            match self.kind()? {
                kind @ (Kind::Object | Kind::Array) => {
                    if depth == MAX_DEPTH {
                        return self.fail(Problem::TooDeep);
                    }
                    self.at += 1;
                    depth += 1;
                    objects = objects << 1 | u64::from(kind == Kind::Object);
                    is_first = true;
                }
                Kind::Str => self.skip_string()?,
                Kind::Number => drop(self.number()?),
                Kind::Literal => drop(self.literal()?),
            }
            if depth == 0 {
                break;
            }
        }
        Ok(&self.text[start..self.at])
    }

    /// As [`Cursor::next_key`] for a key that nobody wants.
    fn skip_key(&mut self, is_first: bool) -> Result<bool, JsonError> {
        match self.next_byte() {
            Some(b'}') => {
                self.at += 1;
                return Ok(false);
            }
            Some(b',') if !is_first => self.at += 1,
            Some(b'"') if is_first => {}
            _ => return self.fail(Problem::Expected(if is_first { "key or `}`" } else { "`,` or `}`" })),
        }
        if self.next_byte() != Some(b'"') {
            return self.fail(Problem::Expected("key"));
        }
        self.skip_string()?;
        self.take(b':', "`:`")?;
        Ok(true)
    }

    fn skip_string(&mut self) -> Result<(), JsonError> {
        self.take(b'"', "string")?;
        loop {
            self.at += text::plain_run(&self.bytes()[self.at..]);
            match self.bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => match text::escape(&self.bytes()[self.at..]) {
                    Some((_, length)) => self.at += length,
                    None => return self.fail(Problem::Escape),
                },
                Some(_) => return self.fail(Problem::Control),
                None => return self.fail(Problem::Expected("end of a string")),
            }
        }
    }
}

/// `raw` without white space between its parts; borrowed if it has none.
pub fn compact(raw: &str) -> Cow<'_, str> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    if !raw.as_bytes().iter().any(is_space) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let (mut in_string, mut is_escaped, mut clean_from) = (false, false, 0);
    for (index, byte) in raw.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if !in_string && is_space(&byte) => {
                out.push_str(&raw[clean_from..index]);
                clean_from = index + 1;
            }
            _ => {}
        }
    }
    out.push_str(&raw[clean_from..]);
    Cow::Owned(out)
}

/// Appends `text` as a JSON string.
pub fn write_string(out: &mut String, text: &str) {
    text::write(out, text);
}

#[cfg(test)]
mod tests;
