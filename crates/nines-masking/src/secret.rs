//! Secrets that their names give away: `password=…`, `"api_key": "…"`, `https://user:…@host`.

/// What stands under these names is a secret whatever it looks like.
const ALWAYS: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "client_secret",
    "api_key",
    "apikey",
    "access_key",
    "secret_key",
    "private_key",
    "secret_access_key",
    "authorization",
    "credentials",
    "app_secret",
    "webhook_secret",
];
/// What stands under these may also be a number, a word of prose or a state.
const PERHAPS: [&str; 7] =
    ["token", "access_token", "refresh_token", "id_token", "auth_token", "session_token", "cookie"];
/// Such a value is not shorter.
const PERHAPS_BYTES_MIN: usize = 8;
/// Names are looked at back to here; longer ones are text.
const NAME_BYTES_MAX: usize = 64;
/// A password in a URL is looked for back to here.
const URL_BYTES_MAX: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Always,
    Perhaps,
}

/// Whether the value of a field with this name is a secret.
pub(crate) fn is_secret_name(field: &str) -> bool {
    sort(field.as_bytes()).is_some_and(|sort| sort == Sort::Always)
}

/// The last part of a name with dots decides, with `-` for `_` and in any case; a prefix does not matter
/// (`db_password`, `http.request.header.x-api-key`).
fn sort(name: &[u8]) -> Option<Sort> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    // The ends of all the names above; most names of fields do not end so.
    let &[.., before, end] = name else { return None };
    if !matches!(
        &[before | 0x20, end | 0x20],
        b"rd" | b"wd" | b"se" | b"et" | b"ey" | b"on" | b"ls" | b"en" | b"ie"
    ) {
        return None;
    }
    let last = name.rsplit(|&byte| byte == b'.').next()?;
    let mut plain = [0_u8; NAME_BYTES_MAX];
    let plain = &mut plain[..last.len()];
    for (target, &byte) in plain.iter_mut().zip(last) {
        *target = if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
    }
    let is = |known: &&str| {
        let known = known.as_bytes();
        plain == known
            || plain.ends_with(known) && plain[plain.len() - known.len() - 1] == b'_'
            // camelCase: `apiKey`, `dbPassword`
            || same_without_underscores(plain, known)
            || plain.ends_with(known) && last[last.len() - known.len()].is_ascii_uppercase()
    };
    if ALWAYS.iter().any(is) {
        Some(Sort::Always)
    } else if PERHAPS.iter().any(is) {
        Some(Sort::Perhaps)
    } else {
        None
    }
}

fn same_without_underscores(plain: &[u8], known: &[u8]) -> bool {
    let mut left = plain.iter().filter(|&&byte| byte != b'_');
    let mut right = known.iter().filter(|&&byte| byte != b'_');
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (left, right) if left == right => {}
            _ => return false,
        }
    }
}

/// Whether a name that means a secret can end with this byte, or with a quote or blank behind it.
pub(crate) fn may_end(byte: u8) -> bool {
    matches!(byte | 0x20, b'd' | b'e' | b't' | b'y' | b'n' | b's')
        || matches!(byte, b'"' | b'\'' | b' ' | b'\\' | b'`')
}

/// The value given by the `=` or `:` at `at`, if the name before it means a secret.
pub(crate) fn given(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut name_end = at;
    // `"name": `, `\"name\": ` and `name : `
    while name_end > 0
        && matches!(bytes[name_end - 1], b'"' | b'\'' | b' ' | b'\\' | b'`')
        && at - name_end < 3
    {
        name_end -= 1;
    }
    // Every known name ends with one of these letters, and most words do not.
    if name_end < 3 || !matches!(bytes[name_end - 1] | 0x20, b'd' | b'e' | b't' | b'y' | b'n' | b's') {
        return None;
    }
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = bytes[..name_end].iter().rev().take(NAME_BYTES_MAX + 1).take_while(is_name).count();
    let sort = sort(&bytes[name_end - length..name_end])?;
    let is_quoted_name = name_end < at && matches!(bytes[name_end], b'"' | b'\'' | b'\\' | b'`');

    let mut start = at + 1;
    // `:=`, `=>`
    while matches!(bytes.get(start), Some(b'=' | b'>')) {
        start += 1;
    }
    let blanks = bytes[start..].iter().take_while(|&&byte| byte == b' ').count();
    start += blanks;
    let (start, end, is_quoted) = value(bytes, start);
    // `password: wrong` may be prose; `password=wrong` and `"password": "wrong"` are not.
    let is_prose = bytes[at] == b':' && blanks > 0 && !is_quoted_name && !is_quoted;
    let text = &bytes[start..end];
    (is_worth_hiding(text, sort, is_prose)).then_some((start, end))
}

/// The value at `start`, without its quotes: its beginning, its end, whether it has quotes.
fn value(bytes: &[u8], start: usize) -> (usize, usize, bool) {
    let escaped = usize::from(bytes.get(start) == Some(&b'\\'));
    let quote = bytes.get(start + escaped).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    if let Some(quote) = quote {
        let from = start + escaped + 1;
        let mut end = from;
        while end < bytes.len() {
            if escaped == 0 && bytes[end] == b'\\' {
                end = (end + 2).min(bytes.len());
                continue;
            }
            if bytes[end] == quote {
                break;
            }
            end += 1;
        }
        // `\"value\"`: the backslash before the closing quote belongs to the quote.
        let kept = end.saturating_sub(usize::from(escaped == 1 && end > from && bytes[end - 1] == b'\\'));
        return (from, kept.max(from), true);
    }
    let mut end = word_end(bytes, start);
    // `Authorization: Bearer abc`
    let scheme = &bytes[start..end];
    if [b"bearer".as_slice(), b"basic", b"token", b"digest"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        && bytes.get(end) == Some(&b' ')
    {
        end = word_end(bytes, end + 1);
    }
    (start, end, false)
}

fn word_end(bytes: &[u8], start: usize) -> usize {
    let is_inside = |byte: &&u8| {
        !byte.is_ascii_whitespace()
            && !matches!(byte, b',' | b';' | b'&' | b'"' | b'\'' | b')' | b'}' | b']' | b'<' | b'\\')
    };
    start + bytes[start..].iter().take_while(is_inside).count()
}

fn is_worth_hiding(text: &[u8], sort: Sort, is_prose: bool) -> bool {
    let is_nothing = text.is_empty()
        // Masked before, by us or by the sender.
        || text[0] == b'[' || text.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'#'))
        // A variable of a shell or a template, which is only the secret's name.
        || matches!(text, [b'$' | b'{' | b'%' | b'<', ..])
        || [b"null".as_slice(), b"none", b"nil", b"true", b"false", b"undefined", b"empty", b"redacted", b"hidden"]
            .iter()
            .any(|known| text.eq_ignore_ascii_case(known));
    if is_nothing {
        return false;
    }
    let has_digit = text.iter().any(u8::is_ascii_digit);
    match sort {
        Sort::Always => !is_prose || has_digit || text.len() >= 20,
        Sort::Perhaps => {
            let is_number = text.iter().all(u8::is_ascii_digit);
            text.len() >= PERHAPS_BYTES_MIN && has_digit && !is_number
        }
    }
}

/// The password in `scheme://user:password@host`, given the place of its `@`.
pub(crate) fn in_url(bytes: &[u8], free_from: usize, at: usize) -> Option<(usize, usize)> {
    let from = free_from.max(at.saturating_sub(URL_BYTES_MAX));
    let mut colon = None;
    let mut index = at;
    while index > from {
        index -= 1;
        match bytes[index] {
            b':' => colon = Some(index),
            b'/' => break,
            byte if byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'@') => {
                return None;
            }
            _ => {}
        }
    }
    let colon = colon?;
    let is_url = index >= 2 && bytes[index] == b'/' && bytes[index - 1] == b'/' && bytes[index - 2] == b':';
    let password = &bytes[colon + 1..at];
    (is_url && !password.is_empty() && password[0] != b'[').then_some((colon + 1, at))
}
