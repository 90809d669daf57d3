//! One pass over a text that finds everything the built-ins look for.
//!
//! A table says for each byte whether something could begin, or be recognised, there: `@`, the first digit of a run, the
//! letter or sign by which a kind of token is known, `=` and `:` after a name. Only there is looked closer, backwards if need
//! be. Findings do not overlap; where two could, the one that reaches further to the left wins.

use crate::rules::BuiltIn;
use crate::{card, ids, phone, secret, token};

/// Something that was found: `text[start..end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding {
    pub what: BuiltIn,
    pub start: usize,
    pub end: usize,
}

/// A set of built-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BuiltIns(u16);

impl BuiltIns {
    pub fn with(self, what: BuiltIn) -> Self {
        Self(self.0 | 1 << what as u16)
    }

    pub fn has(self, what: BuiltIn) -> bool {
        self.0 & (1 << what as u16) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Sign {
    None,
    Digit,
    At,
    /// `=` and `:`
    Gives,
    /// A byte by which a kind of token is recognised.
    Token,
}

const SIGNS: [Sign; 256] = signs();

const fn signs() -> [Sign; 256] {
    let mut table = [Sign::None; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => Sign::Digit,
            b'@' => Sign::At,
            b'=' | b':' => Sign::Gives,
            byte if token::is_sign(byte) => Sign::Token,
            _ => Sign::None,
        };
        byte += 1;
    }
    table
}

/// What of `wanted` is in `text`, in order, not overlapping.
pub(crate) fn find(text: &str, wanted: BuiltIns) -> Vec<Finding> {
    let bytes = text.as_bytes();
    let mut found: Vec<Finding> = Vec::new();
    let mut free_from = 0;
    let mut at = 0;
    while at < bytes.len() {
        // Most bytes end here, and most others at the first look of their sign.
        let (finding, next) = match SIGNS[usize::from(bytes[at])] {
            Sign::None => (None, at + 1),
            Sign::Digit => {
                let end = digits_end(bytes, at);
                let may_be = !matches!(end - at, 1 | 5..=8) || at > 0 && matches!(bytes[at - 1], b'+' | b'(');
                (if may_be { number(bytes, free_from, at, end, wanted) } else { None }, end)
            }
            Sign::Token
                if at > 0 && token::may_end(bytes[at - 1], bytes[at]) && wanted.has(BuiltIn::Token) =>
            {
                let token = token::at(bytes, free_from, at);
                (token.map(|(start, end)| Finding { what: BuiltIn::Token, start, end }), at + 1)
            }
            Sign::Gives if at > 2 && secret::may_end(bytes[at - 1]) && wanted.has(BuiltIn::Secret) => {
                let secret = secret::given(bytes, at);
                (secret.map(|(start, end)| Finding { what: BuiltIn::Secret, start, end }), at + 1)
            }
            Sign::At => (at_sign(bytes, free_from, at, wanted), at + 1),
            Sign::Token | Sign::Gives => (None, at + 1),
        };
        match finding {
            Some(finding) if finding.start >= free_from && finding.end > finding.start => {
                at = finding.end.max(at + 1);
                free_from = finding.end;
                found.push(finding);
            }
            _ => at = next,
        }
    }
    found
}

fn digits_end(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// What the run of digits `bytes[start..end]` is the beginning of.
fn number(bytes: &[u8], free_from: usize, start: usize, end: usize, wanted: BuiltIns) -> Option<Finding> {
    let finding = |what, start, end| Some(Finding { what, start, end });
    let before = start.checked_sub(1).filter(|&at| at >= free_from).map(|at| bytes[at]);
    let length = end - start;
    if length == 9
        && wanted.has(BuiltIn::NationalIdTw)
        && before.is_some_and(|byte| byte.is_ascii_uppercase())
        && !(start >= 2 && is_word(bytes[start - 2]))
        && ends_word(bytes, end)
        && ids::is_tw(&bytes[start - 1..end])
    {
        return finding(BuiltIn::NationalIdTw, start - 1, end);
    }
    if before.is_some_and(is_word) {
        // Part of a name or of an id.
        return None;
    }
    // Neither the fraction of a number nor a part of an address.
    let second = start.checked_sub(2).map(|at| bytes[at]);
    let is_fraction = before == Some(b'.') && second.is_some_and(|byte| byte.is_ascii_digit());
    // `blk_-4980916519894289629`, `x=-4980916519894289629`
    let is_negative =
        before == Some(b'-') && length > 4 && !second.is_some_and(|byte| byte.is_ascii_alphanumeric());
    if is_fraction || is_negative {
        return None;
    }
    if wanted.has(BuiltIn::NationalIdCn)
        && let 17 | 18 = length
        && let Some(id) = bytes.get(start..start + 18)
        && ends_word(bytes, start + 18)
        && ids::is_cn(id)
    {
        return finding(BuiltIn::NationalIdCn, start, start + 18);
    }
    if wanted.has(BuiltIn::PaymentCard)
        && let Some(card_end) = card::end(bytes, start, length)
        && ends_number(bytes, card_end)
    {
        return finding(BuiltIn::PaymentCard, start, card_end);
    }
    if length == 3
        && wanted.has(BuiltIn::SsnUs)
        && before != Some(b'-')
        && let Some(ssn) = bytes.get(start..start + 11)
        && ends_number(bytes, start + 11)
        && ids::is_ssn(ssn)
    {
        return finding(BuiltIn::SsnUs, start, start + 11);
    }
    if wanted.has(BuiltIn::Phone)
        && let Some((start, end)) = phone::at(bytes, free_from, start, length)
    {
        return finding(BuiltIn::Phone, start, end);
    }
    None
}

fn at_sign(bytes: &[u8], free_from: usize, at: usize, wanted: BuiltIns) -> Option<Finding> {
    if wanted.has(BuiltIn::Secret)
        && let Some((start, end)) = secret::in_url(bytes, free_from, at)
    {
        return Some(Finding { what: BuiltIn::Secret, start, end });
    }
    if wanted.has(BuiltIn::Email)
        && let Some((start, end)) = email(bytes, free_from, at)
    {
        return Some(Finding { what: BuiltIn::Email, start, end });
    }
    None
}

/// The address around the `@`: RFC 5321 without quotes, which nobody has, and with a name that has a dot.
fn email(bytes: &[u8], free_from: usize, at: usize) -> Option<(usize, usize)> {
    let is_local = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
            || !byte.is_ascii()
    };
    let mut start = at - bytes[free_from..at].iter().rev().take_while(|byte| is_local(byte)).count();
    while start < at && matches!(bytes[start], b'.' | b'\'' | b'-') {
        start += 1;
    }
    let is_domain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || !byte.is_ascii();
    let mut end = at + 1 + bytes[at + 1..].iter().take_while(|byte| is_domain(byte)).count();
    while end > at + 1 && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let domain = &bytes[at + 1..end];
    let last_label = domain.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let has_dot = last_label.len() < domain.len();
    let is_name = last_label.len() >= 2 && !last_label.iter().any(u8::is_ascii_digit);
    (start < at && has_dot && is_name && domain[0] != b'.').then_some((start, end))
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(crate) fn ends_word(bytes: &[u8], end: usize) -> bool {
    !bytes.get(end).is_some_and(|&byte| is_word(byte))
}

/// After a number: no further digit or letter, and not a fraction.
pub(crate) fn ends_number(bytes: &[u8], end: usize) -> bool {
    let goes_on =
        matches!(bytes.get(end), Some(b'.' | b'-')) && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    ends_word(bytes, end) && !goes_on
}
