use nines_model::SmolStr;

use super::counts::CountGroup;
use super::filter::contains;
use super::tokens::Token;
use super::{INDEX_KEY, MAGIC, VERSION};

/// The index of one segment. See [`crate::index`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentIndex {
    counts: Option<Vec<CountGroup>>,
    /// By row group.
    filters: Vec<Option<Vec<u64>>>,
}

/// The bytes are not an index. The segment is read without it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IndexError {
    #[error("index has version {0}, this build reads version {VERSION}")]
    Version(u8),
    #[error("index is damaged: {0}")]
    Damaged(&'static str),
}

/// Where the index lies in the file, as (offset, length), from the footer's pairs of keys and values. `None` if the file
/// has none.
pub fn index_location<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Option<(u64, u64)> {
    let (_, place) = pairs.into_iter().find(|(key, _)| *key == INDEX_KEY)?;
    let (offset, length) = place?.split_once(' ')?;
    Some((offset.parse().ok()?, length.parse().ok()?))
}

impl SegmentIndex {
    /// # Errors
    /// [`IndexError`]; any bytes give an answer, in memory in proportion to them.
    pub fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        const ENDS_EARLY: IndexError = IndexError::Damaged("ends early");
        let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(ENDS_EARLY)?;
        let rest = body.strip_prefix(&MAGIC).ok_or(IndexError::Damaged("does not begin as one"))?;
        match rest.first() {
            Some(&VERSION) => {}
            Some(&version) => return Err(IndexError::Version(version)),
            None => return Err(ENDS_EARLY),
        }
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return Err(IndexError::Damaged("checksum does not fit"));
        }
        let mut reader = Reader { rest: &rest[1..] };
        let index = reader.index().ok_or(ENDS_EARLY)?;
        if reader.rest.is_empty() { Ok(index) } else { Err(IndexError::Damaged("goes on after its end")) }
    }

    /// Whether a row of the row group may have the token in one of [`super::INDEXED_TEXT`].
    pub fn may_contain(&self, row_group: usize, token: Token) -> bool {
        match self.filters.get(row_group) {
            Some(Some(words)) => contains(words, token),
            _ => true,
        }
    }

    /// Every row of the segment, counted by service, severity and minute; `None` if it is not known.
    pub fn counts(&self) -> Option<&[CountGroup]> {
        self.counts.as_deref()
    }

    /// Memory that it takes, for caches.
    pub fn bytes(&self) -> usize {
        let filters = self.filters.iter().flatten().map(|words| words.len() * 8).sum::<usize>();
        let groups = self.counts.iter().flatten();
        filters + groups.map(|group| size_of::<CountGroup>() + group.minutes.len() * 16).sum::<usize>()
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn index(&mut self) -> Option<SegmentIndex> {
        let counts = match self.flag()? {
            false => None,
            true => {
                let count = self.count()?;
                Some((0..count).map(|_| self.group()).collect::<Option<_>>()?)
            }
        };
        let count = self.count()?;
        let filters = (0..count).map(|_| self.filter()).collect::<Option<_>>()?;
        Some(SegmentIndex { counts, filters })
    }

    fn group(&mut self) -> Option<CountGroup> {
        let service = self.optional_text()?;
        let severity_number = if self.flag()? { Some(self.zigzag()?) } else { None };
        let severity_text = self.optional_text()?;
        let count = self.count()?;
        let mut minute = 0_i64;
        let minutes = (0..count).map(|_| {
            minute = minute.wrapping_add(self.zigzag()?);
            Some((minute, self.varint()?))
        });
        let minutes = minutes.collect::<Option<_>>()?;
        Some(CountGroup { service, severity_number, severity_text, minutes })
    }

    fn filter(&mut self) -> Option<Option<Vec<u64>>> {
        let count = self.count()?;
        if count == 0 {
            return Some(None);
        }
        let (words, _) = self.take(count.checked_mul(8)?)?.as_chunks::<8>();
        count.is_power_of_two().then(|| Some(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.take(1)?[0] {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A number of things that take a byte each at least.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= self.rest.len())
    }

    fn optional_text(&mut self) -> Option<Option<SmolStr>> {
        if !self.flag()? {
            return Some(None);
        }
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok().map(|text| Some(SmolStr::new(text)))
    }
}
