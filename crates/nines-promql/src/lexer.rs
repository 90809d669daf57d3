//! Text to tokens.

use crate::ast::Span;
use crate::error::ParseError;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Names, keywords and operators that are words. Colons belong to it outside of brackets.
    Word(String),
    Number(f64),
    /// In milliseconds.
    Duration(i64),
    /// The bytes between the quotes, escapes resolved.
    Text(Vec<u8>),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Longest first, so that `<=` is not `<` and `=`.
const SIGNS: [&str; 29] = [
    "==", "!=", "=~", "!~", "<=", ">=", "</", ">/", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")",
    "{", "}", "[", "]", ",", ":", "@", ";", "!", "~",
];

/// What a token looks like in a message.
impl Token {
    pub fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Number(_) => "a number".to_owned(),
            Self::Duration(_) => "a duration".to_owned(),
            Self::Text(_) => "a string".to_owned(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "end of input".to_owned(),
        }
    }
}

pub(crate) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, ParseError> {
    let mut lexer = Lexer { text, at: 0, in_brackets: false };
    let mut all = Vec::new();
    loop {
        let (token, span) = lexer.next()?;
        let done = token == Token::End;
        all.push((token, span));
        if done {
            return Ok(all);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Between `[` and `]` a colon stands between range and step.
    in_brackets: bool,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Result<(Token, Span), ParseError> {
        self.skip_blanks();
        let start = self.at;
        let Some(first) = self.peek() else {
            return Ok((Token::End, Span { start, end: start }));
        };
        let digit_follows = self.text.as_bytes().get(start + 1).is_some_and(u8::is_ascii_digit);
        let token = if first.is_ascii_digit() || (first == b'.' && digit_follows) {
            self.number()?
        } else if first.is_ascii_alphabetic() || first == b'_' || (first == b':' && !self.in_brackets) {
            let colons = !self.in_brackets;
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (colons && byte == b':');
            let length = self.rest().bytes().take_while(|byte| word(*byte)).count();
            let word = self.rest()[..length].to_owned();
            self.at += length;
            Token::Word(word)
        } else if matches!(first, b'"' | b'\'' | b'`') {
            Token::Text(self.quoted(first)?)
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| self.rest().starts_with(sign)) {
            self.at += sign.len();
            match sign {
                "[" => self.in_brackets = true,
                "]" => self.in_brackets = false,
                _ => {}
            }
            Token::Sign(sign)
        } else {
            let character = self.rest().chars().next().unwrap_or(' ');
            let end = start + character.len_utf8();
            return Err(ParseError::new(format!("unexpected character {character:?}"), Span { start, end }));
        };
        Ok((token, Span { start, end: self.at }))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blank;
            if self.peek() != Some(b'#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start;
        while end < bytes.len() && (bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'.' | b'_')) {
            let exponent = matches!(bytes[end], b'e' | b'E') && !self.text[start..].starts_with("0x");
            end += 1;
            if exponent && end < bytes.len() && matches!(bytes[end], b'+' | b'-') {
                end += 1;
            }
        }
        let text = &self.text[start..end];
        self.at = end;
        let span = Span { start, end };
        if let Some(millis) = parse_duration(text) {
            return Ok(Token::Duration(millis));
        }
        match parse_number(text) {
            Some(value) => Ok(Token::Number(value)),
            None => Err(ParseError::new(format!("bad number or duration syntax: \"{text}\""), span)),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Vec<u8>, ParseError> {
        let start = self.at;
        match unquote(self.rest(), quote) {
            Ok((bytes, length)) => {
                self.at += length;
                Ok(bytes)
            }
            Err((message, length)) => {
                Err(ParseError::new(message, Span { start, end: (start + length).min(self.text.len()) }))
            }
        }
    }
}

/// Decimal, hexadecimal, octal and binary, with underscores as Go allows them.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return u64::from_str_radix(&digits.replace('_', ""), radix).ok().map(|value| value as f64);
        }
    }
    let plain = text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain && text.bytes().all(|byte| byte < b'8') {
        return u64::from_str_radix(text, 8).ok().map(|value| value as f64);
    }
    if text.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        text.replace('_', "").parse().ok()
    } else {
        None
    }
}

const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// `1h30m` in milliseconds: units from the largest down, each at most once.
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut unit_at = 0;
    let mut total: i64 = 0;
    if text.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..digits + letters];
        let found = UNITS[unit_at..].iter().position(|(name, _)| *name == unit)? + unit_at;
        total = total.checked_add(number.checked_mul(UNITS[found].1)?)?;
        unit_at = found + 1;
        rest = &rest[digits + letters..];
    }
    Some(total)
}

/// Milliseconds as upstream prints them.
pub fn format_duration(millis: i64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut rest = millis.unsigned_abs();
    let mut text = if millis < 0 { "-".to_owned() } else { String::new() };
    for (unit, size) in UNITS {
        let size = size as u64;
        // Years and weeks only if nothing smaller follows, so that 61 minutes do not become a puzzle.
        let exact = matches!(unit, "y" | "w") && !rest.is_multiple_of(size);
        if rest >= size && !exact {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

/// Reads a quoted string at the start of `text`: its bytes and how long it was. Escapes as in Go; none in backticks.
pub(crate) fn unquote(text: &str, quote: u8) -> Result<(Vec<u8>, usize), (String, usize)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 1;
    let unterminated = |at: usize| ("unterminated quoted string".to_owned(), at);
    loop {
        let Some(&byte) = bytes.get(at) else { return Err(unterminated(at)) };
        at += 1;
        if byte == quote {
            return Ok((out, at));
        }
        if byte == b'\n' && quote != b'`' {
            return Err(unterminated(at - 1));
        }
        if byte != b'\\' || quote == b'`' {
            out.push(byte);
            continue;
        }
        let Some(&escape) = bytes.get(at) else { return Err(unterminated(at)) };
        at += 1;
        let simple = match escape {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' => b'\\',
            b'\'' | b'"' if escape == quote => escape,
            _ => 0,
        };
        if simple != 0 {
            out.push(simple);
            continue;
        }
        let (digits, radix) = match escape {
            b'x' => (2, 16),
            b'u' => (4, 16),
            b'U' => (8, 16),
            b'0'..=b'7' => {
                at -= 1;
                (3, 8)
            }
            _ => return Err(("unknown escape sequence in string".to_owned(), at)),
        };
        let code = text.get(at..at + digits).and_then(|code| u32::from_str_radix(code, radix).ok());
        let Some(code) = code else { return Err(("invalid escape sequence in string".to_owned(), at)) };
        at += digits;
        if matches!(escape, b'u' | b'U') {
            let Some(character) = char::from_u32(code) else {
                return Err(("escape sequence is an invalid Unicode code point".to_owned(), at));
            };
            out.extend(character.to_string().bytes());
        } else if let Ok(byte) = u8::try_from(code) {
            out.push(byte);
        } else {
            return Err(("escape sequence is larger than a byte".to_owned(), at));
        }
    }
}
