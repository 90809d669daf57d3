//! Little-endian numbers and varints in bytes that may be damaged: every read can fail, none can panic.

/// The bytes do not hold what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} is damaged")]
pub struct Damaged {
    pub what: &'static str,
}

#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Cursor<'a> {
    /// `what` is the object that errors name.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn damaged(&self) -> Damaged {
        Damaged { what: self.what }
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (head, tail) = self.bytes.split_at_checked(count).ok_or(self.damaged())?;
        self.bytes = tail;
        Ok(head)
    }

    pub fn u8(&mut self) -> Result<u8, Damaged> {
        let (&first, rest) = self.bytes.split_first().ok_or(self.damaged())?;
        self.bytes = rest;
        Ok(first)
    }

    pub fn u32(&mut self) -> Result<u32, Damaged> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or(self.damaged())?;
        self.bytes = tail;
        Ok(u32::from_le_bytes(*head))
    }

    pub fn u64(&mut self) -> Result<u64, Damaged> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or(self.damaged())?;
        self.bytes = tail;
        Ok(u64::from_le_bytes(*head))
    }

    pub fn f64(&mut self) -> Result<f64, Damaged> {
        self.u64().map(f64::from_bits)
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0u64;
        for (index, &byte) in self.bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index as u32);
            if byte < 0x80 {
                self.bytes = &self.bytes[index + 1..];
                return Ok(value);
            }
        }
        Err(self.damaged())
    }

    pub fn zigzag(&mut self) -> Result<i64, Damaged> {
        self.varint().map(unzigzag)
    }

    /// A varint that counts things of at least `item_bytes_min` bytes each that still follow, so that a damaged count
    /// cannot ask for more memory than the bytes could fill.
    pub fn count(&mut self, item_bytes_min: usize) -> Result<usize, Damaged> {
        let count = usize::try_from(self.varint()?).map_err(|_| self.damaged())?;
        if count.saturating_mul(item_bytes_min.max(1)) > self.bytes.len() {
            return Err(self.damaged());
        }
        Ok(count)
    }

    pub fn varint_u32(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.varint()?).map_err(|_| self.damaged())
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let length = usize::try_from(self.varint()?).map_err(|_| self.damaged())?;
        self.take(length)
    }

    pub fn str(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.damaged())
    }
}

/// ⌈64 / 7⌉.
const VARINT_BYTES_MAX: usize = 10;

#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
