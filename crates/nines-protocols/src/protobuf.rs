//! Protobuf messages field by field, borrowed. Source: <https://protobuf.dev/programming-guides/encoding/>.

use crate::intake::IntakeError;

/// The fields of one message. Unknown ones are the caller's to skip, which costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    /// Of `rest` in the whole body, for errors.
    at: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub number: u64,
    at: usize,
    value: Value<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// 32 or 64 bits: no message that is read here has one.
    Fixed,
}

impl<'a> Fields<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, at: 0 }
    }

    pub fn next(&mut self) -> Result<Option<Field<'a>>, IntakeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let start = self.at;
        let tag = self.varint()?;
        let (value, at) = match tag & 7 {
            0 => (Value::Varint(self.varint()?), start),
            1 => (self.skip(8)?, start),
            2 => {
                let length =
                    usize::try_from(self.varint()?).map_err(|_| IntakeError::Truncated { at: start })?;
                let at = self.at;
                (Value::Bytes(self.take(length)?), at)
            }
            5 => (self.skip(4)?, start),
            _ => return Err(IntakeError::Protobuf { at: start }),
        };
        if tag >> 3 == 0 {
            return Err(IntakeError::Protobuf { at: start });
        }
        Ok(Some(Field { number: tag >> 3, at, value }))
    }

    fn skip(&mut self, length: usize) -> Result<Value<'a>, IntakeError> {
        self.take(length).map(|_| Value::Fixed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], IntakeError> {
        let Some(bytes) = self.rest.get(..length) else {
            return Err(IntakeError::Truncated { at: self.at });
        };
        self.rest = &self.rest[length..];
        self.at += length;
        Ok(bytes)
    }

    fn varint(&mut self) -> Result<u64, IntakeError> {
        let mut value = 0_u64;
        for index in 0..10 {
            let Some(&byte) = self.rest.get(index) else { break };
            // The tenth byte holds the 64th bit only.
            if index == 9 && byte > 1 {
                return Err(IntakeError::Protobuf { at: self.at });
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.take(index + 1)?;
                return Ok(value);
            }
        }
        Err(IntakeError::Truncated { at: self.at })
    }
}

impl<'a> Field<'a> {
    pub fn varint(self) -> Result<u64, IntakeError> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(IntakeError::Protobuf { at: self.at }),
        }
    }

    pub fn message(self) -> Result<Fields<'a>, IntakeError> {
        match self.value {
            Value::Bytes(rest) => Ok(Fields { rest, at: self.at }),
            _ => Err(IntakeError::Protobuf { at: self.at }),
        }
    }

    pub fn text(self) -> Result<&'a str, IntakeError> {
        match self.value {
            Value::Bytes(bytes) => std::str::from_utf8(bytes)
                .map_err(|error| IntakeError::Utf8 { at: self.at + error.valid_up_to() }),
            _ => Err(IntakeError::Protobuf { at: self.at }),
        }
    }
}
