//! Single values: `AnyValue` to a field or to JSON text, ids to hex, nanoseconds to instants.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nines_model::{Timestamp, ValueRef};

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

/// An `AnyValue` as a field's value; `None` for null. Text of arrays and maps is written to `scratch`.
pub(super) fn any_value<'a>(
    message: Message<'a>,
    scratch: &'a mut String,
) -> Result<Option<ValueRef<'a>>, ItemError> {
    let Some(field) = chosen(message)? else { return Ok(None) };
    Ok(Some(match field.number {
        1 => ValueRef::Str(field.text("string_value")?),
        2 => ValueRef::Bool(field.bool("bool_value")?),
        3 => ValueRef::Int(field.int64("int_value")?),
        4 => ValueRef::Float(field.double("double_value")?),
        7 => ValueRef::Bytes(field.bytes("bytes_value")?),
        _ => {
            scratch.clear();
            write_json_field(field, 1, scratch)?;
            ValueRef::Json(scratch)
        }
    }))
}

/// The body of a log record: text stays text, and so do the other plain values, because the column is one of text;
/// arrays and maps are JSON.
pub(super) fn body<'a>(
    message: Message<'a>,
    scratch: &'a mut String,
) -> Result<Option<ValueRef<'a>>, ItemError> {
    let Some(field) = chosen(message)? else { return Ok(None) };
    if !matches!(field.number, 2..=4 | 7) {
        return any_value(message, scratch);
    }
    scratch.clear();
    match field.number {
        2 => push_display(scratch, field.bool("bool_value")?),
        3 => push_display(scratch, field.int64("int_value")?),
        4 => push_number(scratch, field.double("double_value")?),
        _ => STANDARD.encode_string(field.bytes("bytes_value")?, scratch),
    }
    // Numbers that JSON does not have are quoted there.
    Ok(Some(ValueRef::Str(scratch.trim_matches('"'))))
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

/// Bytes of the longest id, a trace's.
const ID_BYTES_MAX: usize = 16;

/// Lower-case hex of an id of at most 16 bytes, in a buffer of its own.
pub(super) struct HexId {
    digits: [u8; 2 * ID_BYTES_MAX],
    length: usize,
}

impl HexId {
    /// # Panics
    /// If the id is longer: whoever calls has checked.
    pub fn new(id: &[u8]) -> Self {
        let mut digits = [0; 2 * ID_BYTES_MAX];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(id) {
            pair[0] = HEX_DIGITS[usize::from(byte >> 4)];
            pair[1] = HEX_DIGITS[usize::from(byte & 15)];
        }
        assert!(id.len() <= ID_BYTES_MAX, "an id of {} bytes", id.len());
        Self { digits, length: 2 * id.len() }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..self.length]).expect("hex digits are ASCII")
    }
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Adds lower-case hex of bytes of any length.
pub(super) fn push_hex(out: &mut String, id: &[u8]) {
    for byte in id {
        out.push(char::from(HEX_DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(HEX_DIGITS[usize::from(byte & 15)]));
    }
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
