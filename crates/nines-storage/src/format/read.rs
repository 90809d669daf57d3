use nines_model::rows::{BytesColumn, Extra, Presence, RowsParts, TextColumn, Values};
use nines_model::{Batch, Column, Dataset, Name, Resource, RowSet, Rows, SmolStr, Timestamp, Value};

use super::{FormatError, VERSION, dataset_code, presence, tag};

/// The batch that [`super::encode_batch`] wrote, equal to the last detail. Any bytes give an answer; memory is in
/// proportion to them.
pub fn decode_batch(bytes: &[u8]) -> Result<Batch, FormatError> {
    let mut reader = Reader { bytes, at: 0 };
    match reader.byte()? {
        VERSION => {}
        version => return Err(FormatError::Version(version)),
    }
    let code = reader.byte()?;
    let dataset = Dataset::ALL.into_iter().find(|dataset| dataset_code(*dataset) == code);
    let dataset = dataset.ok_or_else(|| reader.malformed("unknown dataset"))?;
    let received_at = Timestamp::from_nanos(i64::from_le_bytes(reader.array()?));
    let rows = reader.count()?;
    let timestamps = reader.numbers(rows)?;
    let resources = reader.list(|reader| {
        let attributes = reader.list(|reader| Ok((reader.text()?, reader.value()?)))?;
        Ok(Resource { attributes })
    })?;
    let resource_of = reader.resource_of(rows)?;
    let columns = reader.list(|reader| reader.column(rows))?;
    let mut row = 0_u64;
    let extras = reader.list(|reader| {
        row = row.saturating_add(reader.varint()?);
        let row = u32::try_from(row).map_err(|_| reader.malformed("row is out of range"))?;
        Ok(Extra { row, name: reader.text()?, value: reader.value()? })
    })?;
    if reader.at != bytes.len() {
        return Err(reader.malformed("bytes after the last field"));
    }
    let parts = RowsParts { timestamps, resource_of, resources, columns, extras };
    let rows = Rows::from_parts(parts).map_err(|what| reader.malformed(what))?;
    Ok(Batch { dataset, received_at, rows })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn malformed(&self, what: &'static str) -> FormatError {
        FormatError::Malformed { at: self.at, what }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.malformed("ends early"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        Ok(*self.take(N)?.first_chunk().expect("took N bytes"))
    }

    fn varint(&mut self) -> Result<u64, FormatError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.malformed("number is too long"))
    }

    /// A number of things that take at least a byte each, and so is bounded by what is left.
    fn count(&mut self) -> Result<usize, FormatError> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > self.bytes.len() - self.at {
            return Err(self.malformed("count is larger than the rest"));
        }
        Ok(count)
    }

    /// A count and that many items.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, FormatError>,
    ) -> Result<Vec<T>, FormatError> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(4 * 1024));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `count` fixed numbers of 8 bytes.
    fn words<T>(&mut self, count: usize, from: impl Fn([u8; 8]) -> T) -> Result<Vec<T>, FormatError> {
        let bytes = self.take(count.saturating_mul(8))?;
        let (words, _) = bytes.as_chunks::<8>();
        Ok(words.iter().map(|word| from(*word)).collect())
    }

    fn numbers(&mut self, count: usize) -> Result<Vec<i64>, FormatError> {
        self.words(count, i64::from_le_bytes)
    }

    fn text(&mut self) -> Result<Name, FormatError> {
        let length = self.count()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(SmolStr::new).map_err(|_| self.malformed("text is not UTF-8"))
    }

    fn value(&mut self) -> Result<Value, FormatError> {
        Ok(match self.byte()? {
            tag::STR => Value::Str(self.text()?),
            tag::JSON => Value::Json(self.text()?),
            tag::BYTES => {
                let length = self.count()?;
                Value::Bytes(self.take(length)?.to_vec().into())
            }
            tag::INT => Value::Int(i64::from_le_bytes(self.array()?)),
            tag::FLOAT => Value::Float(f64::from_bits(u64::from_le_bytes(self.array()?))),
            tag::BOOL => Value::Bool(self.flag()?),
            _ => return Err(self.malformed("unknown type of value")),
        })
    }

    fn flag(&mut self) -> Result<bool, FormatError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed("neither true nor false")),
        }
    }

    /// Runs of rows of one resource, until every row has one.
    fn resource_of(&mut self, rows: usize) -> Result<Vec<u32>, FormatError> {
        let mut resource_of = Vec::with_capacity(rows);
        while resource_of.len() < rows {
            let index = u32::try_from(self.varint()?).map_err(|_| self.malformed("index is out of range"))?;
            let run = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
            if run == 0 || run > rows - resource_of.len() {
                return Err(self.malformed("a run of rows has the wrong length"));
            }
            resource_of.extend(std::iter::repeat_n(index, run));
        }
        Ok(resource_of)
    }

    fn column(&mut self, rows: usize) -> Result<Column, FormatError> {
        let name = self.text()?;
        let presence = self.presence(rows)?;
        let count = presence.len();
        let values = match self.byte()? {
            tag::STR => Values::Str(self.texts(count)?),
            tag::JSON => Values::Json(self.texts(count)?),
            tag::BYTES => {
                let (ends, bytes) = self.packed(count)?;
                Values::Bytes(BytesColumn::new(bytes.to_vec(), ends).map_err(|what| self.malformed(what))?)
            }
            tag::INT => Values::Int(self.numbers(count)?),
            tag::FLOAT => Values::Float(self.words(count, |bits| f64::from_bits(u64::from_le_bytes(bits)))?),
            tag::BOOL => Values::Bool((0..count).map(|_| self.flag()).collect::<Result<_, _>>()?),
            _ => return Err(self.malformed("unknown type of value")),
        };
        Column::new(name, presence, values).map_err(|what| self.malformed(what))
    }

    fn presence(&mut self, rows: usize) -> Result<Presence, FormatError> {
        Ok(match self.byte()? {
            presence::RUN => {
                let (start, len) = (self.varint()?, self.varint()?);
                let end = start.checked_add(len).filter(|end| *end <= rows as u64);
                let end = end.ok_or_else(|| self.malformed("a column is longer than the batch"))?;
                // Rows are counted in 32 bits: a batch of more would be 32 GiB of times alone.
                let narrow = |number: u64| u32::try_from(number).map_err(|_| self.malformed("too many rows"));
                let (start, end) = (narrow(start)?, narrow(end)?);
                Presence::Run { start, len: end - start }
            }
            presence::LIST => {
                let mut row = 0_u64;
                let mut is_first = true;
                let list = self.list(|reader| {
                    let step = reader.varint()?;
                    if step == 0 && !is_first {
                        return Err(reader.malformed("a row twice"));
                    }
                    is_first = false;
                    row = row.saturating_add(step);
                    u32::try_from(row).map_err(|_| reader.malformed("row is out of range"))
                })?;
                Presence::List(list)
            }
            presence::MASK => {
                let words = self.words(rows.div_ceil(64), u64::from_le_bytes)?;
                Presence::of_set(RowSet::from_words(rows, words))
            }
            _ => return Err(self.malformed("unknown form of presence")),
        })
    }

    /// `count` lengths, and the bytes of so many texts.
    fn packed(&mut self, count: usize) -> Result<(Vec<u32>, &'a [u8]), FormatError> {
        if count > self.bytes.len() - self.at {
            return Err(self.malformed("count is larger than the rest"));
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = 0_u64;
        for _ in 0..count {
            end = end.saturating_add(self.varint()?);
            ends.push(u32::try_from(end).map_err(|_| self.malformed("texts are too long"))?);
        }
        Ok((ends, self.take(usize::try_from(end).unwrap_or(usize::MAX))?))
    }

    fn texts(&mut self, count: usize) -> Result<TextColumn, FormatError> {
        let (ends, bytes) = self.packed(count)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.malformed("text is not UTF-8"))?;
        TextColumn::new(text.to_owned(), ends).map_err(|what| self.malformed(what))
    }
}
