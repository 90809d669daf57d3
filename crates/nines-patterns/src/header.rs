//! Where the message of a raw line begins: behind timestamp, severity, host, process and logger.
//!
//! Formats are not known, elements are. A line has a header only if a timestamp or a severity stands near its start
//! with nothing but header-like fields before it. From there on the header goes on over severity, process numbers,
//! brackets, and ends with the logger (`name:`, `name[12]:`, `a.b.Name`, `name -`) or where a plain word begins.
//! To err costs little: a constant word too many in the header, or in the pattern.

use crate::lexicon;
use crate::token::{DELIMITER, DIGIT, HEX, HIGH, LETTER, SPACE, class};

/// A header has at most so many fields; the longest known (BGL) has nine.
const FIELDS_MAX: usize = 16;
/// A header is found within so many bytes; OpenStack's, with three request ids, takes 220.
const BYTES_MAX: usize = 320;
/// A severity is looked for so many fields ahead of a plain word (`NODE <time> NODE RAS KERNEL INFO`).
const FIELDS_BEFORE_LEVEL_MAX: usize = 5;

/// The byte at which the message begins; 0 if there is no header, or nothing after it.
pub(crate) fn message_start(line: &str) -> usize {
    let bytes = line.as_bytes();
    if !may_begin(bytes) {
        return 0;
    }
    let end = walk(bytes, &mut Fields { bytes, list: Vec::with_capacity(FIELDS_MAX) });
    if end < bytes.len() && !bytes[end..].trim_ascii().is_empty() { end } else { 0 }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A date, a time of day, or both.
    Time,
    /// Seconds or milliseconds since 1970: a timestamp only where one may stand.
    Epoch,
    Level,
    Number,
    /// Has digits: a host, a thread, a node.
    Id,
    /// `[...]`, `(...)` or `<...>`.
    Bracket,
    /// The same with a timestamp in it.
    TimeBracket,
    /// `-`, `--`, `---`, `|`, `:`
    Separator,
    /// `name:`, `name[12]:`
    Component,
    /// A name with dots.
    Dotted,
    Word,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
    kind: Kind,
    /// Of a time: spelt with the name of a month, as syslog does.
    named_month: bool,
    /// Ends with `|`, as a column.
    piped: bool,
}

/// The fields of a line, read when they are asked for: of a line without a header only the first few are.
struct Fields<'a> {
    bytes: &'a [u8],
    list: Vec<Field>,
}

impl Fields<'_> {
    fn get(&mut self, index: usize) -> Option<Field> {
        while self.list.len() <= index {
            let mut at = self.list.last().map_or(0, |field| field.end + usize::from(field.piped));
            while self.bytes.get(at).is_some_and(|&byte| class(byte) == SPACE) {
                at += 1;
            }
            if at >= self.bytes.len().min(BYTES_MAX) || self.list.len() >= FIELDS_MAX {
                return None;
            }
            self.list.push(read_field(self.bytes, at));
        }
        self.list.get(index).copied()
    }
}

fn walk(bytes: &[u8], fields: &mut Fields) -> usize {
    let mut end = 0;
    let mut strong = false;
    let mut levelled = false;
    let mut syslog = false;
    let mut columns = false;
    let mut named = false;
    let mut held_words = 0;
    let mut index = 0;
    while let Some(field) = fields.get(index) {
        match field.kind {
            Kind::Time | Kind::TimeBracket => {
                if levelled && strong && index > 4 {
                    // A second time after the severity belongs to the message.
                    break;
                }
                strong = true;
                syslog |= field.named_month;
            }
            Kind::Epoch if !levelled => strong |= index > 0,
            Kind::Level => {
                let text = trimmed(&bytes[field.start..field.end]);
                let marked = field.end - field.start > text.len();
                if levelled || !(strong || held_words == 0 && (lexicon::is_level_loud(text) || marked)) {
                    break;
                }
                strong = true;
                levelled = true;
            }
            // `INFO [thread] - message`
            Kind::Separator if levelled && named => return field.end,
            Kind::Bracket => named |= levelled,
            Kind::Separator | Kind::Number | Kind::Epoch => {}
            // After the severity an id is rather the first word of the message.
            Kind::Id if levelled && !field.piped => break,
            Kind::Id => {}
            Kind::Component if strong && !columns => return field.end,
            Kind::Dotted if strong && levelled => {
                // `INFO a.b.Name message`, `INFO a.b.Name - message`
                named = true;
            }
            Kind::Dotted if held_words < 4 && !strong => held_words += 1,
            _ if strong && field.piped => {}
            _ if strong => {
                if let Some(level) = level_ahead(bytes, fields, index).filter(|_| !levelled) {
                    index = level;
                    continue;
                }
                if syslog
                    && !levelled
                    && fields.get(index + 1).is_some_and(|next| next.kind == Kind::Component)
                {
                    index += 1;
                    continue;
                }
                // `program - message`, `INFO logger : message`
                if let Some(separator) = fields.get(index + 1)
                    && separator.kind == Kind::Separator
                    && (levelled || bytes[separator.start] == b'-')
                    && !columns
                {
                    return separator.end;
                }
                break;
            }
            Kind::Word if index == 0 && starts_late(fields) => {}
            _ => break,
        }
        if strong {
            end = field.end + usize::from(field.piped);
            columns |= field.piped;
        }
        index += 1;
    }
    end
}

/// Whether a timestamp comes second, behind a mark of the collector.
fn starts_late(fields: &mut Fields) -> bool {
    match fields.get(1).map(|field| field.kind) {
        Some(Kind::Time) => true,
        Some(Kind::Epoch) => fields.get(2).is_some_and(|field| field.kind == Kind::Time),
        _ => false,
    }
}

/// A quick no for most messages: a header begins with a digit, a bracket, a dash, a month or a severity, or else its
/// second field is a timestamp and begins with a digit.
fn may_begin(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let Some(&first) = bytes.first() else { return false };
    if !first.is_ascii_alphabetic() {
        return first.is_ascii_digit() || matches!(first, b'[' | b'(' | b'<' | b'-' | b'|');
    }
    let end = bytes.iter().take(BYTES_MAX).position(|&byte| byte == b' ' || byte == b'|').unwrap_or(0);
    let after = &bytes[end..];
    after.get(1).is_some_and(u8::is_ascii_digit)
        || lexicon::is_level(trimmed(&bytes[..end]))
        || lexicon::is_month(&bytes[..end])
        || bytes[..end].iter().any(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// The index of a severity within the next few fields, if nothing that reads like a sentence stands before it.
fn level_ahead(bytes: &[u8], fields: &mut Fields, index: usize) -> Option<usize> {
    let mut small_words = 0;
    for ahead in index..=index + FIELDS_BEFORE_LEVEL_MAX {
        let field = fields.get(ahead)?;
        match field.kind {
            Kind::Level => return Some(ahead),
            Kind::Word | Kind::Dotted | Kind::Component => {
                small_words += usize::from(bytes[field.start..field.end].iter().any(u8::is_ascii_lowercase));
            }
            Kind::Id | Kind::Time | Kind::Number => {}
            _ => return None,
        }
        if small_words > 1 {
            return None;
        }
    }
    None
}

fn read_field(bytes: &[u8], start: usize) -> Field {
    let mut field = Field { start, end: start, kind: Kind::Word, named_month: false, piped: false };
    if let Some(close) = closing(bytes[start])
        && let Some(length) = bracket_length(&bytes[start..], close)
    {
        let inner = &bytes[start + 1..start + length];
        field.end = start + length + 1;
        // `<34>May 1`: the priority of syslog stands without a blank.
        let is_priority = start == 0 && close == b'>' && inner.iter().all(u8::is_ascii_digit);
        let ends = is_priority
            || bytes
                .get(field.end)
                .is_none_or(|&byte| byte.is_ascii_whitespace() || matches!(byte, b':' | b'[' | b'|'));
        if ends {
            field.end += usize::from(bytes.get(field.end) == Some(&b':'));
            field.kind = bracket_kind(inner);
            field.named_month =
                inner.split(|&byte| byte == b' ').any(lexicon::is_month) && field.kind == Kind::TimeBracket;
            return field;
        }
    }
    let mut end = start;
    let mut flags = 0;
    let mut digits = 0;
    for &byte in &bytes[start..] {
        let kind = class(byte);
        if kind == SPACE || byte == b'|' {
            break;
        }
        flags |= kind;
        digits += usize::from(kind == DIGIT);
        end += 1;
    }
    if end == start {
        // A lone `|`.
        field.end = start + 1;
        field.kind = Kind::Separator;
        return field;
    }
    field.end = end;
    field.piped = bytes.get(end) == Some(&b'|');
    let text = &bytes[start..end];
    if text.len() >= 3
        && flags & !(HEX | LETTER) == 0
        && lexicon::is_month(text)
        && let Some(day) = number_after(bytes, end)
    {
        // `Jun 14`; the time of day follows as a field of its own.
        field.end = day;
        field.kind = Kind::Time;
        field.named_month = true;
        return field;
    }
    field.kind = kind_of(text, flags, digits);
    field
}

fn closing(byte: u8) -> Option<u8> {
    match byte {
        b'[' => Some(b']'),
        b'(' => Some(b')'),
        b'<' => Some(b'>'),
        _ => None,
    }
}

/// The offset of the bracket that closes the one `text` begins with; brackets of the same kind nest.
fn bracket_length(text: &[u8], close: u8) -> Option<usize> {
    let mut depth = 0;
    for (offset, &byte) in text.iter().take(BYTES_MAX).enumerate() {
        if byte == text[0] {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return Some(offset);
            }
        }
    }
    None
}

fn bracket_kind(inner: &[u8]) -> Kind {
    let mut words = inner.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    if lexicon::is_level(inner.trim_ascii()) {
        return Kind::Level;
    }
    if words.any(is_time) { Kind::TimeBracket } else { Kind::Bracket }
}

fn number_after(bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = at;
    while bytes.get(start) == Some(&b' ') {
        start += 1;
    }
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = start + digits;
    (digits > 0 && digits <= 2 && bytes.get(end).is_none_or(|&byte| byte == b' ' || byte == b','))
        .then_some(end)
}

/// `flags` are the classes of the bytes of `text`, `digits` is how many digits there are.
fn kind_of(text: &[u8], flags: u16, digits: usize) -> Kind {
    if flags & (DIGIT | HEX | LETTER | HIGH) == 0 {
        let is_rule = text.iter().all(|byte| matches!(byte, b'-' | b':' | b'|'));
        return if is_rule { Kind::Separator } else { Kind::Word };
    }
    if digits == 0 {
        let bare = if flags & DELIMITER == 0 { text } else { trimmed(text) };
        if lexicon::is_level(bare) || (bare.len() == 1 && b"DIWEFVT".contains(&bare[0])) {
            return Kind::Level;
        }
    } else if digits == text.len() {
        let is_epoch = matches!(digits, 10 | 13) && matches!(text[0], b'1' | b'2');
        return if is_epoch { Kind::Epoch } else { Kind::Number };
    } else if is_time(text) {
        return Kind::Time;
    }
    if text.len() > 1 && text[text.len() - 1] == b':' && is_name(&text[..text.len() - 1]) {
        return Kind::Component;
    }
    if digits > 0 {
        return Kind::Id;
    }
    let has_dot = text[1..].contains(&b'.') && text[text.len() - 1] != b'.';
    if has_dot && is_name(text) { Kind::Dotted } else { Kind::Word }
}

/// A severity without what loggers put around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let start = text.iter().take_while(|byte| matches!(byte, b'[' | b'<' | b'(')).count();
    let end = text.iter().rev().take_while(|byte| matches!(byte, b']' | b'>' | b')' | b':' | b',')).count();
    if start + end < text.len() { &text[start..text.len() - end] } else { text }
}

/// What loggers, processes and hosts are named with. Starts with a letter.
fn is_name(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.iter().all(|&byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'.' | b'_' | b'-' | b'$' | b'/' | b'@' | b'[' | b']' | b'(' | b')' | b'#' | b'*'
                )
        })
}

/// Two or more groups of digits that are laid out as a date or a time of day: `12:30:01`, `2015-10-18`, `17/06/09`,
/// `2005.06.03`, `2015-10-18T12:30:01.5Z`, `20171223-22:15:29`, `10.30` only within brackets beside a time.
fn is_time(text: &[u8]) -> bool {
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let mut groups = [0_usize; 3];
    let mut separators = [0_u8; 2];
    let mut group = 0;
    for &byte in text {
        if byte.is_ascii_digit() {
            groups[group] += 1;
        } else if matches!(byte, b':' | b'-' | b'/' | b'.') && group < 2 {
            separators[group] = byte;
            group += 1;
        } else {
            break;
        }
    }
    let short = |digits: usize| (1..=2).contains(&digits);
    match (separators, groups) {
        // 12:30:01
        ([b':', b':'], [hour, minute, second]) => short(hour) && minute == 2 && short(second),
        // 20171223-22:15
        ([b'-', b':'], [8, hour, _]) => short(hour),
        // 2015-10-18, 2005.06.03
        ([b'-', b'-'] | [b'/', b'/'] | [b'.', b'.'], [4, month, day]) => short(month) && short(day),
        // 17/06/09, 18/10/2015
        ([b'/', b'/'], [month, day, year]) => short(month) && short(day) && matches!(year, 2 | 4),
        // 18-10-2015, 18.10.2015
        ([b'-', b'-'] | [b'.', b'.'], [day, month, 4]) => short(day) && short(month),
        // 03-17, beside a time of day
        ([b'-', 0], [2, 2, 0]) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
