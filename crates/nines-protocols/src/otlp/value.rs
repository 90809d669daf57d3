//! Single values: `AnyValue` to a field or to JSON text, ids to hex, nanoseconds to instants.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nines_model::{Name, SmolStr, Timestamp, Value};

use super::error::DecodeError;
use super::request::ItemError;
use super::wire::{Field, Message};
use super::{MAX_DEPTH, Reason};

/// `KeyValue`: `key = 1`, `value = 2`. The value is `None` if it was not sent.
pub(super) fn key_value(message: Message<'_>) -> Result<(&str, Option<Message<'_>>), DecodeError> {
    let (mut key, mut value) = ("", None);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => key = field.text("key")?,
            2 => value = Some(field.message("value")?),
            _ => {}
        }
    }
    Ok((key, value))
}

/// An `AnyValue` as a field's value; `None` for null.
pub(super) fn any_value(message: Message<'_>) -> Result<Option<Value>, ItemError> {
    let Some(field) = chosen(message)? else { return Ok(None) };
    Ok(Some(match field.number {
        1 => Value::str(field.text("string_value")?),
        2 => Value::Bool(field.bool("bool_value")?),
        3 => Value::Int(field.int64("int_value")?),
        4 => Value::Float(field.double("double_value")?),
        7 => Value::Bytes(bytes::Bytes::copy_from_slice(field.bytes("bytes_value")?)),
        _ => {
            let mut json = String::new();
            write_json_field(field, 1, &mut json)?;
            Value::Json(json.into())
        }
    }))
}

/// The body of a log record: text stays text, and so do the other plain values, because the column is one of text;
/// arrays and maps are JSON.
pub(super) fn body(message: Message<'_>) -> Result<Option<Value>, ItemError> {
    Ok(any_value(message)?.map(|value| match value {
        Value::Int(number) => Value::Str(number.to_string().into()),
        Value::Bool(flag) => Value::Str(flag.to_string().into()),
        Value::Bytes(bytes) => Value::Str(STANDARD.encode(bytes).into()),
        Value::Float(number) => {
            let mut text = String::new();
            push_number(&mut text, number);
            Value::Str(text.trim_matches('"').into())
        }
        other => other,
    }))
}

/// The member of the `oneof` that counts: the last one on the wire, as protobuf has it.
fn chosen(message: Message<'_>) -> Result<Option<Field<'_>>, DecodeError> {
    let mut chosen = None;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        if (1..=7).contains(&field.number) {
            chosen = Some(field);
        }
    }
    Ok(chosen)
}

/// Writes the `repeated KeyValue` in field `number` of `message` as a JSON object.
pub(super) fn write_attributes(message: Message<'_>, number: u32, out: &mut String) -> Result<(), ItemError> {
    write_object(message, number, 0, out)
}

fn write_json(message: Message<'_>, depth: u32, out: &mut String) -> Result<(), ItemError> {
    match chosen(message)? {
        None => out.push_str("null"),
        Some(field) => write_json_field(field, depth, out)?,
    }
    Ok(())
}

/// Recursion ends at [`MAX_DEPTH`] with a rejection of the item.
fn write_json_field(field: Field<'_>, depth: u32, out: &mut String) -> Result<(), ItemError> {
    match field.number {
        1 => push_text(out, field.text("string_value")?),
        2 => out.push_str(if field.bool("bool_value")? { "true" } else { "false" }),
        3 => push_display(out, field.int64("int_value")?),
        4 => push_number(out, field.double("double_value")?),
        7 => push_text(out, &STANDARD.encode(field.bytes("bytes_value")?)),
        _ if depth >= MAX_DEPTH => return Err(Reason::NestedTooDeep.into()),
        5 => write_array(field.message("array_value")?, depth, out)
            .map_err(|error| error.within("array_value", None))?,
        _ => write_object(field.message("kvlist_value")?, 1, depth, out)
            .map_err(|error| error.within("kvlist_value", None))?,
    }
    Ok(())
}

/// `ArrayValue`: `values = 1`.
fn write_array(message: Message<'_>, depth: u32, out: &mut String) -> Result<(), ItemError> {
    let mut index = 0;
    let mut fields = message.fields();
    out.push('[');
    while let Some(field) = fields.next()? {
        if field.number == 1 {
            separate(out, index);
            write_json(field.message("values")?, depth + 1, out)
                .map_err(|error| error.within("values", index))?;
            index += 1;
        }
    }
    out.push(']');
    Ok(())
}

fn write_object(message: Message<'_>, number: u32, depth: u32, out: &mut String) -> Result<(), ItemError> {
    let mut index = 0;
    let mut fields = message.fields();
    out.push('{');
    while let Some(field) = fields.next()? {
        if field.number == number {
            separate(out, index);
            let (key, value) =
                key_value(field.message("values")?).map_err(|error| error.within("values", index))?;
            push_text(out, key);
            out.push(':');
            match value {
                None => out.push_str("null"),
                Some(value) => {
                    write_json(value, depth + 1, out).map_err(|error| error.within("values", index))?;
                }
            }
            index += 1;
        }
    }
    out.push('}');
    Ok(())
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

/// A JSON string.
pub(super) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    let mut clean_from = 0;
    for (index, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[clean_from..index]);
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "\\u{byte:04x}")),
        }
        clean_from = index + 1;
    }
    out.push_str(&text[clean_from..]);
    out.push('"');
}

/// A JSON number with all digits needed to read it back; `"NaN"`, `"Infinity"`, `"-Infinity"` as OTLP/JSON has them.
pub(super) fn push_number(out: &mut String, number: f64) {
    if number.is_finite() {
        push_display(out, format_args!("{number:?}"));
    } else if number.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

pub(super) fn push_display(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

/// A JSON array of what `push` writes for each item.
pub(super) fn push_array<T>(out: &mut String, items: &[T], push: impl Fn(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        separate(out, index);
        push(out, item);
    }
    out.push(']');
}

/// Lower-case hex. Ids are 8 or 16 bytes; others are only ever shown inside links.
pub(super) fn hex(id: &[u8]) -> SmolStr {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(id.len() * 2);
    for byte in id {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.into()
}

pub(super) fn is_zero(id: &[u8]) -> bool {
    id.iter().all(|byte| *byte == 0)
}

/// `None` for 0, which OTLP uses for unknown.
pub(super) fn timestamp(nanos: u64) -> Result<Option<Timestamp>, Reason> {
    match i64::try_from(nanos) {
        Ok(0) => Ok(None),
        Ok(nanos) => Ok(Some(Timestamp::from_nanos(nanos))),
        Err(_) => Err(Reason::TimeOutOfRange),
    }
}

/// The fields of an event while they are gathered.
#[derive(Debug)]
pub(super) struct Columns(pub Vec<(Name, Value)>);

impl Columns {
    pub fn push(&mut self, column: &'static str, value: impl Into<Value>) {
        self.0.push((Name::new_static(column), value.into()));
    }

    pub fn push_text(&mut self, column: &'static str, text: &str) {
        if !text.is_empty() {
            self.push(column, text);
        }
    }

    pub fn push_count(&mut self, column: &'static str, count: u32) {
        if count > 0 {
            self.push(column, i64::from(count));
        }
    }

    pub fn push_json(&mut self, column: &'static str, json: String) {
        self.push(column, Value::Json(json.into()));
    }

    pub fn push_id(&mut self, column: &'static str, id: &[u8]) {
        self.push(column, Value::Str(hex(id)));
    }
}
