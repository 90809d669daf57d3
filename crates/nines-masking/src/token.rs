//! Tokens that are recognised by their own form, whatever stands before them.

use crate::find::is_word;

/// Tokens that begin with fixed letters: the byte by which they are noticed is the last of the prefix.
/// (prefix, bytes that follow at least). Sources: the secret formats that the issuers document for scanners.
const PREFIXED: [(&[u8], usize); 17] = [
    (b"ghp_", 30),
    (b"gho_", 30),
    (b"ghu_", 30),
    (b"ghs_", 30),
    (b"ghr_", 30),
    (b"github_pat_", 22),
    (b"glpat-", 20),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"xoxa-", 10),
    (b"xoxr-", 10),
    (b"xoxs-", 10),
    (b"xapp-", 10),
    (b"sk_live_", 16),
    (b"rk_live_", 16),
    (b"npm_", 30),
    (b"sk-", 32),
];
/// Of `Bearer`, so that `bearer of bad news` is left alone.
const BEARER_BYTES_MIN: usize = 16;
/// Of each part of a JSON web token; the head alone is longer.
const JWT_PART_BYTES_MIN: usize = 8;
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

/// Bytes by which [`at`] recognises something.
pub(crate) const fn is_sign(byte: u8) -> bool {
    // `_` and `-`: prefixes; `J`: eyJ; `I`: AKIA, ASIA; `z`: AIza; `r`: Bearer; `B`: BEGIN.
    matches!(byte, b'_' | b'-' | b'J' | b'I' | b'z' | b'r' | b'R' | b'B')
}

/// Whether a token can be recognised at `sign` behind `before`: a no for nearly every word.
pub(crate) fn may_end(before: u8, sign: u8) -> bool {
    match sign {
        b'_' | b'-' => {
            matches!(before, b'p' | b'o' | b'u' | b's' | b'r' | b't' | b'b' | b'a' | b'e' | b'm' | b'k')
        }
        b'J' => before == b'y',
        b'I' => matches!(before, b'K' | b'S'),
        b'z' => before == b'I',
        b'r' | b'R' => before | 0x20 == b'e',
        b'B' => before == b'-',
        _ => false,
    }
}

/// The token that is recognised by the byte at `at`.
pub(crate) fn at(bytes: &[u8], free_from: usize, at: usize) -> Option<(usize, usize)> {
    match bytes[at] {
        b'_' | b'-' => prefixed(bytes, free_from, at),
        b'J' => starts(bytes, free_from, at, b"eyJ").and_then(|start| jwt(bytes, start)),
        b'I' => aws_key(bytes, free_from, at),
        b'z' => {
            let start = starts(bytes, free_from, at, b"AIz")?;
            let end = token_end(bytes, start);
            (end - start == 39).then_some((start, end))
        }
        b'r' | b'R' => bearer(bytes, free_from, at),
        b'B' => private_key(bytes, free_from, at),
        _ => None,
    }
}

/// The start of `prefix` if it ends with the byte at `at`, and a word begins there.
fn starts(bytes: &[u8], free_from: usize, at: usize, prefix: &[u8]) -> Option<usize> {
    let start = (at + 1).checked_sub(prefix.len()).filter(|&start| start >= free_from)?;
    let begins = start == 0 || !is_word(bytes[start - 1]);
    (begins && bytes[start..=at] == *prefix).then_some(start)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn token_end(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take_while(|&&byte| is_token(byte)).count()
}

fn prefixed(bytes: &[u8], free_from: usize, at: usize) -> Option<(usize, usize)> {
    // The two bytes before the sign rule out nearly every word.
    let pair = &bytes[at.checked_sub(2)?..at];
    let may_be = matches!(
        pair,
        b"hp"
            | b"ho"
            | b"hu"
            | b"hs"
            | b"hr"
            | b"at"
            | b"xb"
            | b"xp"
            | b"xa"
            | b"xr"
            | b"xs"
            | b"pp"
            | b"ve"
            | b"pm"
            | b"sk"
    );
    if !may_be {
        return None;
    }
    PREFIXED.iter().find_map(|(prefix, follows)| {
        let start = starts(bytes, free_from, at, prefix)?;
        let end = token_end(bytes, at + 1);
        let has_digit = bytes[at..end].iter().any(u8::is_ascii_digit);
        (end - at > *follows && has_digit).then_some((start, end))
    })
}

/// Three parts in base64url with dots between, the first two being JSON (RFC 7519); the third is empty without a signature.
fn jwt(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let head = token_end(bytes, start);
    if head - start < JWT_PART_BYTES_MIN || bytes.get(head) != Some(&b'.') {
        return None;
    }
    let payload = token_end(bytes, head + 1);
    if payload - head <= JWT_PART_BYTES_MIN || bytes.get(payload) != Some(&b'.') {
        return None;
    }
    let mut end = token_end(bytes, payload + 1);
    // Encrypted ones (RFC 7516) have five parts.
    while bytes.get(end) == Some(&b'.')
        && bytes.get(end + 1).is_some_and(|&byte| is_token(byte))
        && end > payload + 1
    {
        end = token_end(bytes, end + 1);
    }
    Some((start, end))
}

/// `AKIA` or `ASIA` and sixteen capitals and digits.
fn aws_key(bytes: &[u8], free_from: usize, at: usize) -> Option<(usize, usize)> {
    let start = at.checked_sub(2).filter(|&start| start >= free_from)?;
    let is_prefix = matches!(&bytes[start..=at], b"AKI" | b"ASI") && bytes.get(at + 1) == Some(&b'A');
    let end = start + 20;
    let id = bytes.get(start..end)?;
    let begins = start == 0 || !is_word(bytes[start - 1]);
    let is_id = id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let ends = !bytes.get(end).is_some_and(|&byte| is_word(byte));
    (is_prefix && begins && is_id && ends).then_some((start, end))
}

/// What follows `Bearer ` (RFC 6750), and `Bearer%20`.
fn bearer(bytes: &[u8], free_from: usize, at: usize) -> Option<(usize, usize)> {
    let start = at.checked_sub(5).filter(|&start| start >= free_from)?;
    if !bytes[start..=at].eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    let rest = &bytes[at + 1..];
    let gap =
        if rest.starts_with(b"%20") { 3 } else { rest.iter().take_while(|&&byte| byte == b' ').count() };
    let from = at + 1 + gap;
    let is_token68 = |byte: &&u8| is_token(**byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=');
    let end = from + bytes[from..].iter().take_while(is_token68).count();
    let has_digit = bytes[from..end].iter().any(u8::is_ascii_digit);
    (gap > 0 && end - from >= BEARER_BYTES_MIN && has_digit).then_some((from, end))
}

/// From `-----BEGIN ... PRIVATE KEY-----` to its end, or to the end of the text if it was cut.
fn private_key(bytes: &[u8], free_from: usize, at: usize) -> Option<(usize, usize)> {
    let start = at.checked_sub(5).filter(|&start| start >= free_from)?;
    if !bytes[start..].starts_with(b"-----BEGIN ") {
        return None;
    }
    let head_end = start + 64.min(bytes.len() - start);
    let head = find(&bytes[start..head_end], PRIVATE_KEY)?;
    let body = start + head + PRIVATE_KEY.len();
    let end =
        find(&bytes[body..], PRIVATE_KEY).map_or(bytes.len(), |offset| body + offset + PRIVATE_KEY.len());
    Some((start, end))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
