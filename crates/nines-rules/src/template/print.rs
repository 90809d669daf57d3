//! `fmt`: values as texts, and `printf`.

use super::Value;
use super::number::{fixed, format_shortest, go_duration, go_time, scientific, significant};

/// Widths and precisions beyond this are a mistake; Go stops at a million.
const WIDTH_MAX: usize = 1_000;

/// As `%v`, and as an action writes it.
pub(super) fn plain(value: &Value, out: &mut String) {
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&format_shortest(*number)),
        Value::Text(text) | Value::Histogram(text) => out.push_str(text),
        Value::Duration(nanos) => out.push_str(&go_duration(*nanos)),
        Value::Time(millis) => out.push_str(&go_time(*millis)),
        Value::Map(map) => {
            out.push_str("map[");
            for (position, (key, value)) in map.iter().enumerate() {
                if position > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                plain(value, out);
            }
            out.push(']');
        }
        Value::List(list) => joined(list.iter(), '[', ']', out),
        Value::Record(fields) => joined(fields.iter().map(|(_, value)| value), '{', '}', out),
    }
}

fn joined<'v>(values: impl Iterator<Item = &'v Value>, open: char, close: char, out: &mut String) {
    out.push(open);
    for (position, value) in values.enumerate() {
        if position > 0 {
            out.push(' ');
        }
        plain(value, out);
    }
    out.push(close);
}

pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    plain(value, &mut out);
    out
}

/// As Go's `Sprint`: blanks between two neighbours of which neither is a text.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    for (position, value) in values.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if position > 0 && !is_text(value) && !is_text(&values[position - 1]) {
            out.push(' ');
        }
        plain(value, &mut out);
    }
    out
}

#[derive(Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `Sprintf`. Mistakes are in the text, as Go has them: `%!d(float64=1.5)`, `%!s(MISSING)`, `%!(EXTRA int=1)`.
pub(super) fn sprintf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut next = 0;
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = characters.peek() {
            match flag {
                '+' => flags.plus = true,
                '-' => flags.minus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                '0' => flags.zero = true,
                _ => break,
            }
            characters.next();
        }
        let mut number = |characters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            if characters.next_if_eq(&'*').is_some() {
                let width = match values.get(next) {
                    Some(Value::Int(width)) => usize::try_from(*width).ok(),
                    _ => None,
                };
                next += 1;
                return width.map(|width| width.min(WIDTH_MAX));
            }
            let mut number: Option<usize> = None;
            while let Some(digit) =
                characters.next_if(char::is_ascii_digit).and_then(|digit| digit.to_digit(10))
            {
                number = Some((number.unwrap_or(0) * 10 + digit as usize).min(WIDTH_MAX));
            }
            number
        };
        flags.width = number(&mut characters);
        if characters.next_if_eq(&'.').is_some() {
            flags.precision = Some(number(&mut characters).unwrap_or(0));
        }
        match characters.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match values.get(next) {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => {
                    next += 1;
                    one(verb, value, &flags, &mut out);
                }
            },
        }
    }
    if next < values.len() {
        out.push_str("%!(EXTRA ");
        for (position, value) in values[next..].iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            out.push_str(&format!("{comma}{}={}", value.type_name(), text(value)));
        }
        out.push(')');
    }
    out
}

fn one(verb: char, value: &Value, flags: &Flags, out: &mut String) {
    let bad = || format!("%!{verb}({}={})", value.type_name(), text(value));
    let written = match (verb, value) {
        ('T', value) => value.type_name().to_owned(),
        ('v', Value::Text(written)) if flags.sharp => quoted(written),
        ('v', Value::Float(number)) => signed(float('g', *number, flags), flags),
        ('v', Value::Int(number)) => signed(number.to_string(), flags),
        ('v', value) => text(value),
        ('d', Value::Int(number) | Value::Duration(number)) => signed(number.to_string(), flags),
        ('d', Value::Nil) => bad(),
        ('b', Value::Int(number)) => radix(*number, &|n| format!("{n:b}")),
        ('o', Value::Int(number)) => radix(*number, &|n| format!("{n:o}")),
        ('x', Value::Int(number)) => radix(*number, &|n| format!("{n:x}")),
        ('X', Value::Int(number)) => radix(*number, &|n| format!("{n:X}")),
        ('c', Value::Int(number)) => {
            let code = u32::try_from(*number).ok().and_then(char::from_u32);
            code.unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
        }
        ('q', Value::Int(number)) => {
            let code = u32::try_from(*number).ok().and_then(char::from_u32);
            format!("'{}'", code.unwrap_or(char::REPLACEMENT_CHARACTER))
        }
        ('f' | 'F' | 'e' | 'E' | 'g' | 'G', Value::Float(number)) => {
            signed(float(verb, *number, flags), flags)
        }
        ('t', Value::Bool(flag)) => flag.to_string(),
        ('s', Value::Text(written)) => cut(written, flags).to_owned(),
        ('q', Value::Text(written)) => quoted(cut(written, flags)),
        ('x', Value::Text(written)) => written.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(written)) => written.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('s', Value::Duration(_) | Value::Time(_) | Value::Histogram(_)) => text(value),
        // Go goes into lists and maps with the verb.
        ('s', Value::Map(map)) => {
            let parts = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", sprintf("%s", std::slice::from_ref(value))));
            format!("map[{}]", parts.collect::<Vec<_>>().join(" "))
        }
        _ => bad(),
    };
    let length = written.chars().count();
    let fill = flags.width.unwrap_or(0).saturating_sub(length);
    if flags.minus {
        out.push_str(&written);
        out.extend(std::iter::repeat_n(' ', fill));
    } else if flags.zero && matches!(value, Value::Int(_) | Value::Float(_)) && !written.ends_with(['f', 'N'])
    {
        let (sign, digits) = match written.strip_prefix(['-', '+']) {
            Some(digits) => written.split_at(written.len() - digits.len()),
            None => ("", written.as_str()),
        };
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', fill));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', fill));
        out.push_str(&written);
    }
}

fn radix(number: i64, write: &dyn Fn(u64) -> String) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, write(number.unsigned_abs()))
}

fn float(verb: char, number: f64, flags: &Flags) -> String {
    let text = match (verb, flags.precision) {
        ('f' | 'F', precision) => fixed(number, precision),
        ('e' | 'E', precision) => scientific(number, precision),
        (_, Some(precision)) => significant(number, precision),
        (_, None) => format_shortest(number),
    };
    if verb.is_ascii_uppercase() && verb != 'F' { text.replace('e', "E") } else { text }
}

fn signed(text: String, flags: &Flags) -> String {
    if text.starts_with(['-', '+']) {
        return text;
    }
    match (flags.plus, flags.space) {
        (true, _) => format!("+{text}"),
        (false, true) => format!(" {text}"),
        _ => text,
    }
}

fn cut<'t>(text: &'t str, flags: &Flags) -> &'t str {
    match flags.precision {
        None => text,
        Some(limit) => text.char_indices().nth(limit).map_or(text, |(at, _)| &text[..at]),
    }
}

/// As Go's `strconv.Quote`.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                out.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            control if control.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
