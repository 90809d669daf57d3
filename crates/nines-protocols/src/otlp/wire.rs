//! Protobuf without generated types: a cursor over the fields of a message that borrows from the body.
//!
//! A record goes from bytes to an event in one step, so no intermediate tree of strings is built, nesting is
//! bounded where it happens (not by the parser's stack), and a mistake in one record can be told from a mistake in
//! the message. Unknown fields are skipped, as protobuf asks.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::error::{DecodeError, Problem};

/// Groups are long deprecated and OTLP has none; unknown ones are skipped, this deep at most.
const GROUP_DEPTH_MAX: u32 = 32;

/// An encoded message and where it lies in the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    at: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub number: u32,
    /// Byte of the body at which the value starts; after the length if it has one.
    at: usize,
    raw: Raw<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Delimited(&'a [u8]),
    Group,
}

impl<'a> Message<'a> {
    pub fn body(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn fields(self) -> Fields<'a> {
        Fields { rest: self.bytes, at: self.at }
    }
}

impl<'a> Fields<'a> {
    /// The next field; `None` at the end of the message.
    pub fn next(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let mut at = self.at;
        let raw = match wire_type {
            0 => Raw::Varint(self.varint()?),
            1 => Raw::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let bytes = self.delimited()?;
                at = self.at - bytes.len();
                Raw::Delimited(bytes)
            }
            3 => {
                self.skip_group(at)?;
                Raw::Group
            }
            _ => Raw::Fixed32(u32::from_le_bytes(self.array()?)),
        };
        Ok(Some(Field { number, at, raw }))
    }

    /// A field's number and a wire type out of 0, 1, 2, 3, 5.
    fn tag(&mut self) -> Result<(u32, u8), DecodeError> {
        let at = self.at;
        let tag = self.varint()?;
        let wire_type = (tag & 7) as u8;
        match u32::try_from(tag >> 3) {
            Ok(number) if number > 0 && number < 1 << 29 && matches!(wire_type, 0..=3 | 5) => {
                Ok((number, wire_type))
            }
            _ => Err(DecodeError::protobuf(Problem::Tag { at, number: tag >> 3, wire_type })),
        }
    }

    /// Most are one byte: tags, lengths of short texts, enums.
    #[inline]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.rest.first() {
            Some(&byte) if byte < 0x80 => {
                self.advance(1);
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().copied().enumerate().take(10) {
            // The tenth byte holds the 64th bit only.
            if index == 9 && byte > 1 {
                return Err(DecodeError::protobuf(Problem::Varint { at: start }));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.advance(index + 1);
                return Ok(value);
            }
        }
        Err(DecodeError::protobuf(Problem::Truncated { at: start }))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some(bytes) = self.rest.first_chunk::<N>() else {
            return Err(DecodeError::protobuf(Problem::Truncated { at: self.at }));
        };
        let bytes = *bytes;
        self.advance(N);
        Ok(bytes)
    }

    fn delimited(&mut self) -> Result<&'a [u8], DecodeError> {
        let at = self.at;
        let length = self.varint()?;
        let left = self.rest.len();
        match usize::try_from(length).ok().and_then(|length| self.rest.get(..length)) {
            Some(bytes) => {
                self.advance(bytes.len());
                Ok(bytes)
            }
            None => Err(DecodeError::protobuf(Problem::Length { at, length, left })),
        }
    }

    /// Skips to the end of the group that has just been opened, without recursion.
    fn skip_group(&mut self, at: usize) -> Result<(), DecodeError> {
        let unclosed = || DecodeError::protobuf(Problem::Group { at });
        let mut depth = 1;
        while depth > 0 {
            if self.rest.is_empty() || depth > GROUP_DEPTH_MAX {
                return Err(unclosed());
            }
            let tag = self.varint()?;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>()?),
                2 => drop(self.delimited()?),
                3 => depth += 1,
                4 => depth -= 1,
                5 => drop(self.array::<4>()?),
                _ => return Err(unclosed()),
            }
        }
        Ok(())
    }

    fn advance(&mut self, by: usize) {
        self.rest = &self.rest[by..];
        self.at += by;
    }
}

impl<'a> Field<'a> {
    pub fn message(self, name: &'static str) -> Result<Message<'a>, DecodeError> {
        let bytes = self.delimited(name, "a message")?;
        Ok(Message { bytes, at: self.at })
    }

    pub fn bytes(self, name: &'static str) -> Result<&'a [u8], DecodeError> {
        self.delimited(name, "bytes")
    }

    pub fn text(self, name: &'static str) -> Result<&'a str, DecodeError> {
        let bytes = self.delimited(name, "a string")?;
        std::str::from_utf8(bytes)
            .map_err(|_| DecodeError::protobuf(Problem::Utf8 { at: self.at }).within(name, None))
    }

    pub fn varint(self, name: &'static str) -> Result<u64, DecodeError> {
        match self.raw {
            Raw::Varint(value) => Ok(value),
            _ => Err(self.wrong_type(name, "a varint")),
        }
    }

    /// `int64`.
    pub fn int64(self, name: &'static str) -> Result<i64, DecodeError> {
        self.varint(name).map(u64::cast_signed)
    }

    /// `uint32`; protobuf truncates longer numbers.
    pub fn uint32(self, name: &'static str) -> Result<u32, DecodeError> {
        self.varint(name).map(|value| value as u32)
    }

    /// `int32` and enums; protobuf truncates longer numbers.
    pub fn int32(self, name: &'static str) -> Result<i32, DecodeError> {
        self.varint(name).map(|value| value as i32)
    }

    /// `sint32`, zigzag.
    pub fn sint32(self, name: &'static str) -> Result<i32, DecodeError> {
        let value = self.uint32(name)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub fn bool(self, name: &'static str) -> Result<bool, DecodeError> {
        self.varint(name).map(|value| value != 0)
    }

    pub fn fixed32(self, name: &'static str) -> Result<u32, DecodeError> {
        match self.raw {
            Raw::Fixed32(value) => Ok(value),
            _ => Err(self.wrong_type(name, "a 32-bit number")),
        }
    }

    pub fn fixed64(self, name: &'static str) -> Result<u64, DecodeError> {
        match self.raw {
            Raw::Fixed64(value) => Ok(value),
            _ => Err(self.wrong_type(name, "a 64-bit number")),
        }
    }

    pub fn sfixed64(self, name: &'static str) -> Result<i64, DecodeError> {
        self.fixed64(name).map(u64::cast_signed)
    }

    pub fn double(self, name: &'static str) -> Result<f64, DecodeError> {
        self.fixed64(name).map(f64::from_bits)
    }

    /// Adds one element, or a packed run of them, of a `repeated fixed64` or `repeated double` (as bits).
    pub fn repeated_fixed64(self, name: &'static str, into: &mut Vec<u64>) -> Result<(), DecodeError> {
        let Raw::Delimited(bytes) = self.raw else {
            into.push(self.fixed64(name)?);
            return Ok(());
        };
        let mut packed = Fields { rest: bytes, at: self.at };
        while !packed.rest.is_empty() {
            into.push(u64::from_le_bytes(packed.array().map_err(|error| error.within(name, None))?));
        }
        Ok(())
    }

    /// Adds one element, or a packed run of them, of a `repeated uint64`.
    pub fn repeated_varint(self, name: &'static str, into: &mut Vec<u64>) -> Result<(), DecodeError> {
        let Raw::Delimited(bytes) = self.raw else {
            into.push(self.varint(name)?);
            return Ok(());
        };
        let mut packed = Fields { rest: bytes, at: self.at };
        while !packed.rest.is_empty() {
            into.push(packed.varint().map_err(|error| error.within(name, None))?);
        }
        Ok(())
    }

    fn delimited(self, name: &'static str, expected: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.raw {
            Raw::Delimited(bytes) => Ok(bytes),
            _ => Err(self.wrong_type(name, expected)),
        }
    }

    #[cold]
    fn wrong_type(self, name: &'static str, expected: &'static str) -> DecodeError {
        let found = match self.raw {
            Raw::Varint(_) => "a varint",
            Raw::Fixed64(_) => "a 64-bit number",
            Raw::Fixed32(_) => "a 32-bit number",
            Raw::Delimited(_) => "a length-delimited field",
            Raw::Group => "a group",
        };
        DecodeError::protobuf(Problem::WireType { at: self.at, expected, found }).within(name, None)
    }
}
