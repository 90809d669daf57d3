//! A line as tokens: words, punctuation, and variables, which are recognised by what they look like.
//!
//! One pass over the bytes, no allocation once the buffer has grown. What looks like a value in any program's log
//! is a variable: whatever holds a digit, paths, addresses, hosts, `true` and `null`, long hexadecimal. What
//! variables do in a row is of no interest (`17:01:02`, `3, 4, 5`, `Jun 14 2005`, `12 KB`, `1190 bytes (1.2 KB)`),
//! so runs of them, with the separators and units between, count as one.

use crate::hash;
use crate::lexicon;

/// A line longer than this is cut here for its shape; 4 KiB holds any statement's constant words.
pub(crate) const LINE_BYTES_MAX: usize = 4096;
/// A line's shape is made of at most so many tokens, ten times what log statements have.
pub(crate) const TOKENS_MAX: usize = 128;
/// A name before `=` longer than this is taken for a value (a base64 text with padding).
const KEY_BYTES_MAX: usize = 40;
/// Letters alone are a hexadecimal number from this length on: no English word of only a to f is so long.
const HEX_LETTERS_MIN: usize = 8;

/// So many words within quotes may be a name; more are a sentence.
const QUOTED_WORDS_MAX: usize = 3;

/// The hash of every variable.
pub(crate) const VARIABLE: u64 = 0;
/// Hashes of punctuation are below this, hashes of words are not.
pub(crate) const WORDS_FROM: u64 = 1 << 16;

pub(crate) const SPACE: u16 = 1;
pub(crate) const DELIMITER: u16 = 2;
pub(crate) const DIGIT: u16 = 4;
pub(crate) const HEX: u16 = 8;
pub(crate) const LETTER: u16 = 16;
const SLASH: u16 = 32;
const BACKSLASH: u16 = 64;
const AT: u16 = 128;
const DOT: u16 = 256;
pub(crate) const HIGH: u16 = 512;
const OTHER: u16 = 1024;

const CLASS: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            0..=b' ' | 0x7f => SPACE,
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'"' | b'\'' | b'`' | b'|' | b','
            | b';' | b'=' | b':' | b'#' => DELIMITER,
            b'/' => SLASH,
            b'\\' => BACKSLASH,
            b'@' => AT,
            b'.' => DOT,
            0x80..=0xff => HIGH,
            _ => OTHER,
        };
        byte += 1;
    }
    table
}

/// What a byte is, as one of the bits above.
pub(crate) fn class(byte: u8) -> u16 {
    CLASS[usize::from(byte)]
}

/// A piece of a line: `line[start..end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// [`VARIABLE`], a byte of punctuation, or the hash of a word.
    pub hash: u64,
    pub start: u32,
    pub end: u32,
}

impl Token {
    pub fn is_variable(self) -> bool {
        self.hash == VARIABLE
    }

    pub fn is_word(self) -> bool {
        self.hash >= WORDS_FROM
    }
}

/// The hash of a constant word.
pub(crate) fn word_hash(word: &[u8]) -> u64 {
    hash::bytes(word) | WORDS_FROM
}

/// Turns lines into tokens. Keeps its buffer between lines.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    tokens: Vec<Token>,
}

impl Scanner {
    /// The tokens of the last line scanned.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Reads the first line of `text` that has a word in it, from byte `from` on. Returns the hash of its shape:
    /// equal for lines that differ in variables only.
    pub fn scan(&mut self, text: &str, from: usize) -> u64 {
        let whole = text.as_bytes();
        let bytes = &whole[..whole.len().min(LINE_BYTES_MAX)];
        self.tokens.clear();
        let mut has_word = false;
        let mut at = from.min(bytes.len());
        while at < bytes.len() && self.tokens.len() < TOKENS_MAX {
            let byte = bytes[at];
            let kind = class(byte);
            if kind & SPACE != 0 {
                if byte == b'\n' && has_word {
                    break;
                }
                at = if byte == 0x1b { skip_escape(bytes, at) } else { at + 1 };
            } else if kind & DELIMITER != 0 {
                let end = if byte == b'#' { run_end(bytes, at, b'#') } else { at + 1 };
                self.push_punctuation(byte, at, end);
                at = end;
            } else if byte == b'.' && bytes.get(at + 1) == Some(&b'.') {
                let end = run_end(bytes, at, b'.');
                self.push_punctuation(b'.', at, end);
                at = end;
            } else {
                has_word = true;
                at = self.chunk(bytes, at);
            }
        }
        hash::sequence(self.tokens.iter().map(|token| token.hash))
    }

    /// Takes what stands between two delimiters, and more where a delimiter is part of a value (a path, a URL).
    fn chunk(&mut self, bytes: &[u8], start: usize) -> usize {
        let first = class(bytes[start]);
        let mut flags = 0;
        let mut end = start;
        while end < bytes.len() {
            let kind = class(bytes[end]);
            // Text without blanks (Chinese) ends where letters and digits begin, else one digit would hide a sentence.
            if kind & (SPACE | DELIMITER) != 0 || (kind ^ first) & HIGH != 0 {
                break;
            }
            if kind & DOT != 0 && bytes.get(end + 1) == Some(&b'.') {
                break;
            }
            flags |= kind;
            end += 1;
        }
        if let Some(longer) = long_value(bytes, start, end, flags) {
            self.push_variable(bytes, start, longer);
            return longer;
        }
        let mut word_end = end;
        while word_end > start && bytes[word_end - 1] == b'.' {
            word_end -= 1;
        }
        let word = &bytes[start..word_end];
        if word.is_empty() {
            return end;
        }
        let is_key =
            bytes.get(end) == Some(&b'=') && first & (HEX | LETTER) != 0 && word.len() <= KEY_BYTES_MAX;
        if !is_key && is_value(word, flags) {
            self.push_variable(bytes, start, word_end);
        } else {
            self.push_word(bytes, start, word_end);
        }
        end
    }

    fn push_word(&mut self, bytes: &[u8], start: usize, end: usize) {
        let word = &bytes[start..end];
        if let Some(last) = self.tokens.last_mut()
            && last.is_variable()
            && lexicon::is_unit(word)
        {
            last.end = end as u32;
            return;
        }
        self.tokens.push(Token { hash: word_hash(word), start: start as u32, end: end as u32 });
    }

    fn push_variable(&mut self, bytes: &[u8], start: usize, end: usize) {
        let mut start = start as u32;
        loop {
            match *self.tokens.as_slice() {
                [.., last] if last.is_variable() => {
                    start = last.start;
                    self.tokens.pop();
                }
                [.., before, separator] if before.is_variable() && is_separator(bytes, separator) => {
                    start = before.start;
                    self.tokens.truncate(self.tokens.len() - 2);
                }
                // `Jun 14`, `Mon, 14`
                [.., name, comma] if comma.hash == u64::from(b',') && is_calendar(bytes, name) => {
                    start = name.start;
                    self.tokens.truncate(self.tokens.len() - 2);
                }
                [.., name] if is_calendar(bytes, name) => {
                    start = name.start;
                    self.tokens.pop();
                }
                _ => break,
            }
        }
        self.tokens.push(Token { hash: VARIABLE, start, end: end as u32 });
    }

    fn push_punctuation(&mut self, byte: u8, start: usize, end: usize) {
        if byte == b')' {
            // `10.0.0.1 (host)`, `1190 bytes (1.2 KB)` and `10.0.0.1 ()` are one value that is said twice, or not.
            let open = u64::from(b'(');
            let kept = match *self.tokens.as_slice() {
                [.., value, bracket] if value.is_variable() && bracket.hash == open => 1,
                [.., value, bracket, inner]
                    if value.is_variable() && bracket.hash == open && inner.is_variable() =>
                {
                    2
                }
                _ => 0,
            };
            if kept > 0 {
                self.tokens.truncate(self.tokens.len() - kept);
                if let Some(value) = self.tokens.last_mut() {
                    value.end = end as u32;
                }
                return;
            }
        }
        if byte == b'"' {
            self.close_quote();
        }
        self.tokens.push(Token { hash: u64::from(byte), start: start as u32, end: end as u32 });
    }

    /// A few plain words within quotes are one: a name that has blanks in it (`tag="View Lock"`).
    fn close_quote(&mut self) {
        let recent = self.tokens.len().saturating_sub(QUOTED_WORDS_MAX + 1);
        let words = self.tokens[recent..].iter().rev().take_while(|token| token.is_word()).count();
        let open = self.tokens.len() - words;
        if words < 2 || open == 0 || self.tokens[open - 1].hash != u64::from(b'"') {
            return;
        }
        let hash = hash::sequence(self.tokens[open..].iter().map(|token| token.hash)) | WORDS_FROM;
        let name =
            Token { hash, start: self.tokens[open].start, end: self.tokens[self.tokens.len() - 1].end };
        self.tokens.truncate(open);
        self.tokens.push(name);
    }
}

fn is_separator(bytes: &[u8], token: Token) -> bool {
    let text = &bytes[token.start as usize..token.end as usize];
    matches!(text, b"," | b";" | b":" | b"=" | b"|" | b"-" | b"--" | b"+" | b"_" | b"<" | b">")
        || token.hash == u64::from(b'#')
}

fn is_calendar(bytes: &[u8], token: Token) -> bool {
    token.is_word() && lexicon::is_calendar(&bytes[token.start as usize..token.end as usize])
}

fn run_end(bytes: &[u8], start: usize, byte: u8) -> usize {
    bytes[start..]
        .iter()
        .position(|&candidate| candidate != byte)
        .map_or(bytes.len(), |length| start + length)
}

/// Past a terminal's colour code (`ESC [ 31 m`).
fn skip_escape(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) != Some(&b'[') {
        return at + 1;
    }
    let mut end = at + 2;
    while end < bytes.len() && (bytes[end].is_ascii_digit() || bytes[end] == b';') {
        end += 1;
    }
    (end + 1).min(bytes.len())
}

/// The end of a value that reaches over delimiters: URL, path with a query, Windows path, MAC or IPv6 address.
fn long_value(bytes: &[u8], start: usize, end: usize, flags: u16) -> Option<usize> {
    let next = bytes.get(end).copied();
    if bytes[start] == b'/' {
        return Some(path_end(bytes, end));
    }
    if next != Some(b':') {
        return None;
    }
    let length = end - start;
    let after = &bytes[end + 1..];
    if after.starts_with(b"//") && flags & (HEX | LETTER) != 0 {
        return Some(path_end(bytes, end + 3));
    }
    if length == 1 && flags & (HEX | LETTER) != 0 && after.first() == Some(&b'\\') {
        return Some(path_end(bytes, end + 2));
    }
    if length <= 4 && flags & !(HEX | DIGIT) == 0 {
        return colon_hex_end(bytes, start);
    }
    None
}

/// Extends a path or URL from `at` to its end, without the punctuation of the sentence around it.
fn path_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while end < bytes.len() {
        let inside = match bytes[end] {
            // `?a=b`, `#part`
            b'=' | b'#' => true,
            // a port, a drive, a line number; but not `/path: message`
            b':' => {
                bytes.get(end + 1).is_some_and(|&byte| byte.is_ascii_digit() || byte == b'/' || byte == b'\\')
            }
            byte => class(byte) & (SPACE | DELIMITER) == 0,
        };
        if !inside {
            break;
        }
        end += 1;
    }
    while end > at && matches!(bytes[end - 1], b'.' | b'=' | b'#') {
        end -= 1;
    }
    end
}

/// `00:0D:60:E9:1D:DC`, `fe80::1`: at least four groups of up to four hexadecimal digits.
fn colon_hex_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut groups = 1;
    let mut digits = 0;
    let mut end = start;
    while end < bytes.len() {
        match bytes[end] {
            b':' => {
                groups += 1;
                digits = 0;
            }
            byte if byte.is_ascii_hexdigit() && digits < 4 => digits += 1,
            byte if class(byte) & (SPACE | DELIMITER) != 0 => break,
            _ => return None,
        }
        end += 1;
    }
    (groups >= 4).then_some(if bytes[end - 1] == b':' { end - 1 } else { end })
}

/// Whether a word without delimiters looks like a value. `flags` are the classes of its bytes.
fn is_value(word: &[u8], flags: u16) -> bool {
    if flags & DIGIT != 0 {
        return true;
    }
    if flags & !(HEX | LETTER | HIGH) == 0 {
        return lexicon::is_literal(word) || (word.len() >= HEX_LETTERS_MIN && flags & (LETTER | HIGH) == 0);
    }
    if flags & (HEX | LETTER) == 0 {
        return false;
    }
    if flags & AT != 0 && word[1..word.len() - 1].contains(&b'@') {
        return true;
    }
    if flags & BACKSLASH != 0 && word.len() > 1 {
        return true;
    }
    if flags & SLASH != 0 {
        let mut segments = word.split(|&byte| byte == b'/');
        let first = segments.next().unwrap_or_default();
        return matches!(first, b"." | b".." | b"~") || segments.count() >= 2 || lexicon::is_host(first);
    }
    flags & DOT != 0 && lexicon::is_host(word)
}

#[cfg(test)]
mod tests;
