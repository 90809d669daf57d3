//! OTLP/JSON rewritten as protobuf, streaming, by the table in [`super::schema`].
//!
//! The rules are those of proto3's JSON mapping with OTLP's deviations: keys in lowerCamelCase only, unknown ones
//! ignored whatever they hold; trace and span ids are hex in any case; enums are integers, never names; 64-bit integers
//! are numbers or strings; bytes are base64, standard or URL-safe; `null` is an absent field.
//!
//! The JSON parser's stack is bounded twice over: values deeper than [`MAX_DEPTH`] are skipped without recursion (the
//! decoder then rejects their record, which is one level too deep), and those on the way are parsed in sections of
//! [`LEVELS_PER_PARSER`] levels, because one parser stops at 128 levels of JSON, which is fewer than 64 of ours.

use std::fmt;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::value::RawValue;

use super::error::{DecodeError, Step};
use super::schema::{self, FieldType, Kind, MessageType};
use super::{MAX_DEPTH, Signal};

/// One level of ours is at most four of JSON (`{"kvlistValue":{"values":[{"value":`), and fifteen lead to the first.
const LEVELS_PER_PARSER: u32 = 16;

/// Lengths are written before what they measure is known, as varints padded to this size: up to 256 MiB.
const LENGTH_BYTES: usize = 4;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// The protobuf form of a JSON request.
pub(super) fn to_protobuf(signal: Signal, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut writer = Writer { out: Vec::with_capacity(body.len()), path: Vec::new(), depth: 0 };
    let mut parser = serde_json::Deserializer::from_slice(body);
    let members = Members { writer: &mut writer, message: schema::request(signal) };
    match parser.deserialize_map(members).and_then(|()| parser.end()) {
        Ok(()) => Ok(writer.out),
        Err(error) => Err(DecodeError::json(writer.path, &error.to_string())),
    }
}

struct Writer {
    out: Vec<u8>,
    /// Where we are, outermost first. Left as it is when an error passes, to tell where it was.
    path: Vec<Step>,
    /// How many nested values are open.
    depth: u32,
}

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn tag(&mut self, field: &FieldType, wire_type: u32) {
        self.varint(u64::from(field.number << 3 | wire_type));
    }

    fn delimited(&mut self, field: &FieldType, bytes: &[u8]) {
        self.tag(field, 2);
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn varint_field(&mut self, field: &FieldType, value: u64) {
        self.tag(field, 0);
        self.varint(value);
    }

    fn fixed64(&mut self, field: &FieldType, value: u64) {
        self.tag(field, 1);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn fixed32(&mut self, field: &FieldType, value: u32) {
        self.tag(field, 5);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A message field whose content `write` adds.
    fn message<T, E: Error>(
        &mut self,
        field: &FieldType,
        write: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.tag(field, 2);
        let start = self.out.len() + LENGTH_BYTES;
        self.out.extend_from_slice(&[0; LENGTH_BYTES]);
        let written = write(self)?;
        let length = self.out.len() - start;
        if length >> (7 * LENGTH_BYTES) != 0 {
            return Err(E::custom("a message is larger than 256 MiB"));
        }
        for index in 0..LENGTH_BYTES {
            let more = if index + 1 < LENGTH_BYTES { 0x80 } else { 0 };
            self.out[start - LENGTH_BYTES + index] = (length >> (7 * index)) as u8 & 0x7f | more;
        }
        Ok(written)
    }
}

/// Reads the members of a JSON object as the fields of a message.
struct Members<'w> {
    writer: &'w mut Writer,
    message: &'static MessageType,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Key(self.message))? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.writer.path.push(Step { name: field.name, index: None });
            if field.repeated {
                map.next_value_seed(Repeated { writer: self.writer, field })?;
            } else {
                map.next_value_seed(Single { writer: self.writer, field, is_element: false })?;
            }
            self.writer.path.pop();
        }
        Ok(())
    }
}

/// A key of an object: the field it names, if it is known.
struct Key(&'static MessageType);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static FieldType>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<&'static FieldType>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().find(|field| field.name == key))
    }
}

struct Repeated<'w> {
    writer: &'w mut Writer,
    field: &'static FieldType,
}

impl<'de> DeserializeSeed<'de> for Repeated<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Repeated<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        for index in 0.. {
            if let Some(step) = self.writer.path.last_mut() {
                step.index = Some(index);
            }
            let element = Single { writer: self.writer, field: self.field, is_element: true };
            if elements.next_element_seed(element)?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// One value: of a singular field, or an element of a repeated one.
struct Single<'w> {
    writer: &'w mut Writer,
    field: &'static FieldType,
    is_element: bool,
}

impl<'de> DeserializeSeed<'de> for Single<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field.kind {
            Kind::Nested(_) if self.writer.depth >= MAX_DEPTH => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(drop)
            }
            Kind::Nested(_)
                if self.writer.depth > 0 && self.writer.depth.is_multiple_of(LEVELS_PER_PARSER) =>
            {
                let section = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                serde_json::Deserializer::from_str(section.get())
                    .deserialize_any(self)
                    .map_err(D::Error::custom)
            }
            // The parser's own floats may be off by one in the last digit; the standard library's are not.
            Kind::Double => {
                let number = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                self.double(number.get())
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Single<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.field.kind {
            Kind::Text => "a string",
            Kind::Bytes => "a string of base64",
            Kind::Id => "a string of hex digits, two for each byte (ids are not base64 in OTLP/JSON)",
            Kind::Bool => "true or false",
            Kind::Enum => "an integer (OTLP/JSON has enums as integers, not names)",
            Kind::Uint32 | Kind::Fixed32 => "an integer from 0 to 2^32-1",
            Kind::Sint32 => "a 32-bit integer",
            Kind::Int64 | Kind::Sfixed64 => "a 64-bit integer, as a number or a string",
            Kind::Uint64 | Kind::Fixed64 => "an integer from 0 to 2^64-1, as a number or a string",
            Kind::Double => "a number, or \"NaN\", \"Infinity\" or \"-Infinity\"",
            Kind::Message(_) | Kind::Nested(_) => "an object",
        })
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.is_element { Err(E::invalid_type(Unexpected::Unit, &self)) } else { Ok(()) }
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        if !matches!(self.field.kind, Kind::Bool) {
            return Err(E::invalid_type(Unexpected::Bool(flag), &self));
        }
        self.writer.varint_field(self.field, u64::from(flag));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.integer(i128::from(number), Unexpected::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.integer(i128::from(number), Unexpected::Signed(number))
    }

    /// Integers may be written with a point or an exponent.
    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        let unexpected = Unexpected::Float(number);
        if number.fract() == 0.0 {
            self.integer(number as i128, unexpected)
        } else {
            Err(E::invalid_type(unexpected, &self))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            Kind::Text => self.writer.delimited(self.field, text.as_bytes()),
            Kind::Bytes => {
                let engine = if text.contains(['-', '_']) { &BASE64_URL } else { &BASE64 };
                let bytes =
                    engine.decode(text).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
                self.writer.delimited(self.field, &bytes);
            }
            Kind::Id => {
                let bytes = unhex(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))?;
                self.writer.delimited(self.field, &bytes);
            }
            Kind::Uint32
            | Kind::Fixed32
            | Kind::Sint32
            | Kind::Int64
            | Kind::Uint64
            | Kind::Fixed64
            | Kind::Sfixed64 => {
                let number = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
                return self.integer(number, Unexpected::Str(text));
            }
            Kind::Bool | Kind::Enum | Kind::Double | Kind::Message(_) | Kind::Nested(_) => {
                return Err(E::invalid_type(Unexpected::Str(text), &self));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::invalid_type(Unexpected::Seq, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let (Kind::Message(message) | Kind::Nested(message)) = self.field.kind else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        let level = u32::from(matches!(self.field.kind, Kind::Nested(_)));
        self.writer.message(self.field, |writer| {
            writer.depth += level;
            Members { writer, message }.visit_map(map)?;
            writer.depth -= level;
            Ok(())
        })
    }
}

impl Single<'_> {
    fn integer<E: Error>(self, number: i128, unexpected: Unexpected<'_>) -> Result<(), E> {
        let fits = match self.field.kind {
            Kind::Enum | Kind::Sint32 => i32::try_from(number).is_ok(),
            Kind::Uint32 | Kind::Fixed32 => u32::try_from(number).is_ok(),
            Kind::Int64 | Kind::Sfixed64 => i64::try_from(number).is_ok(),
            Kind::Uint64 | Kind::Fixed64 => u64::try_from(number).is_ok(),
            _ => return Err(E::invalid_type(unexpected, &self)),
        };
        if !fits {
            return Err(E::invalid_value(unexpected, &self));
        }
        let Self { writer, field, .. } = self;
        // In range, so that the low 64 (or 32) bits are the number, in two's complement if it is negative.
        let bits = number as u64;
        match field.kind {
            Kind::Sint32 => {
                let number = number as i32;
                writer.varint_field(field, u64::from((number << 1 ^ number >> 31).cast_unsigned()));
            }
            Kind::Fixed32 => writer.fixed32(field, bits as u32),
            Kind::Fixed64 | Kind::Sfixed64 => writer.fixed64(field, bits),
            _ => writer.varint_field(field, bits),
        }
        Ok(())
    }

    /// `json` is any JSON value, verbatim.
    fn double<E: Error>(self, json: &str) -> Result<(), E> {
        let number = match json {
            "null" if !self.is_element => return Ok(()),
            "\"NaN\"" => Some(f64::NAN),
            "\"Infinity\"" => Some(f64::INFINITY),
            "\"-Infinity\"" => Some(f64::NEG_INFINITY),
            _ => {
                let unquoted = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json);
                // The standard library also reads words, such as `inf`.
                let is_number =
                    unquoted.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                unquoted.parse::<f64>().ok().filter(|number| is_number && number.is_finite())
            }
        };
        let Some(number) = number else {
            // A hostile value may be megabytes long; its beginning is enough.
            let shown = json.char_indices().nth(40).map_or(json, |(end, _)| &json[..end]);
            return Err(E::invalid_value(Unexpected::Other(shown), &self));
        };
        self.writer.fixed64(self.field, number.to_bits());
        Ok(())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits.chunks_exact(2).map(|pair| u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok()).collect()
}
