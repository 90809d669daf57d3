//! Protobuf's wire format, as far as remote write uses it.

use super::DecodeError;

/// A message, or a part of one, being read from front to back.
#[derive(Debug, Clone, Copy)]
pub struct Wire<'a> {
    rest: &'a [u8],
    /// Of the end of `rest` in the body.
    end: usize,
    /// What errors name.
    field: &'static str,
}

pub const VARINT: u8 = 0;
pub const FIXED64: u8 = 1;
pub const BYTES: u8 = 2;
pub const FIXED32: u8 = 5;

impl<'a> Wire<'a> {
    pub fn new(body: &'a [u8], field: &'static str) -> Self {
        Self { rest: body, end: body.len(), field }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[cold]
    fn truncated(&self) -> DecodeError {
        DecodeError::Truncated { field: self.field, offset: self.offset() }
    }

    #[cold]
    pub fn wrong_type(&self, field: &'static str, found: u8) -> DecodeError {
        DecodeError::WireType { field, found, offset: self.offset() }
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index as u32);
            if byte < 0x80 {
                if index == 9 && byte > 1 {
                    break;
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        if self.rest.len() >= 10 {
            return Err(DecodeError::Varint { field: self.field, offset: self.offset() });
        }
        Err(self.truncated())
    }

    /// Field number and wire type of what follows.
    #[inline]
    pub fn tag(&mut self) -> Result<(u32, u8), DecodeError> {
        let tag = self.varint()?;
        Ok(((tag >> 3) as u32, (tag & 7) as u8))
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*head))
    }

    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let (head, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(head)
    }

    /// The message inside a field of bytes.
    #[inline]
    pub fn message(&mut self, field: &'static str) -> Result<Self, DecodeError> {
        let rest = self.bytes()?;
        Ok(Self { rest, end: self.offset(), field })
    }

    /// Passes over a field that is not known here.
    pub fn skip(&mut self, wire_type: u8) -> Result<(), DecodeError> {
        match wire_type {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            BYTES => self.bytes().map(drop),
            FIXED32 => {
                self.rest = self.rest.get(4..).ok_or_else(|| self.truncated())?;
                Ok(())
            }
            other => Err(self.wrong_type("a field", other)),
        }
    }

    pub fn expect(&self, field: &'static str, found: u8, wanted: u8) -> Result<(), DecodeError> {
        if found == wanted { Ok(()) } else { Err(self.wrong_type(field, found)) }
    }

    pub fn take_double(&mut self, field: &'static str, wire_type: u8) -> Result<f64, DecodeError> {
        self.expect(field, wire_type, FIXED64)?;
        self.fixed64().map(f64::from_bits)
    }

    pub fn take_varint(&mut self, field: &'static str, wire_type: u8) -> Result<u64, DecodeError> {
        self.expect(field, wire_type, VARINT)?;
        self.varint()
    }

    pub fn take_bytes(&mut self, field: &'static str, wire_type: u8) -> Result<&'a [u8], DecodeError> {
        self.expect(field, wire_type, BYTES)?;
        self.bytes()
    }

    pub fn take_message(&mut self, field: &'static str, wire_type: u8) -> Result<Self, DecodeError> {
        self.expect(field, wire_type, BYTES)?;
        self.message(field)
    }

    /// A repeated number: packed, or one of many single ones.
    pub fn take_varints(
        &mut self,
        field: &'static str,
        wire_type: u8,
        mut each: impl FnMut(u64) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if wire_type == VARINT {
            return each(self.varint()?);
        }
        let mut packed = self.take_message(field, wire_type)?;
        while !packed.is_empty() {
            each(packed.varint()?)?;
        }
        Ok(())
    }

    pub fn take_doubles(
        &mut self,
        field: &'static str,
        wire_type: u8,
        mut each: impl FnMut(f64) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if wire_type == FIXED64 {
            return each(f64::from_bits(self.fixed64()?));
        }
        let mut packed = self.take_message(field, wire_type)?;
        while !packed.is_empty() {
            each(f64::from_bits(packed.fixed64()?))?;
        }
        Ok(())
    }
}
