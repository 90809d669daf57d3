//! The journal payload: one [`Batch`] as bytes. Written once per request and read only at recovery, so it is made
//! to be cheap to write: names are numbered once per batch, resources are written once, numbers are varints.
//!
//! Version 1, described byte by byte in `docs/formats/batch.md`. A sample of each version is kept in `tests/formats/`.

use std::collections::HashMap;
use std::sync::Arc;

use nines_model::{Batch, Dataset, Event, Name, Resource, SmolStr, Timestamp, Value};

const VERSION: u8 = 1;

mod tag {
    pub const STR: u8 = 0;
    pub const INT: u8 = 1;
    pub const FLOAT: u8 = 2;
    pub const FALSE: u8 = 3;
    pub const TRUE: u8 = 4;
    pub const BYTES: u8 = 5;
    pub const JSON: u8 = 6;
}

/// The bytes are not a batch. Since the journal checks its checksums first, this is a defect or a newer version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    #[error("batch has format version {0}, this build reads version 1: use a newer nines")]
    Version(u8),
    #[error("batch is malformed at byte {at}: {what}")]
    Malformed { at: usize, what: &'static str },
}

/// Costs about one pass over the batch. Never fails: every batch has an encoding.
pub fn encode_batch(batch: &Batch) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut events = Vec::with_capacity(batch.events.len() * 64);
    let mut previous = 0_i64;
    for event in &batch.events {
        let at = event.timestamp.as_nanos();
        put_varint(&mut events, zigzag(at.wrapping_sub(previous)));
        previous = at;
        let resource = encoder.resource(&event.resource);
        put_varint(&mut events, resource);
        put_varint(&mut events, event.fields.len() as u64);
        for (position, (name, value)) in event.fields.iter().enumerate() {
            let name = encoder.name_at(position, name);
            put_varint(&mut events, name);
            put_value(&mut events, value);
        }
    }
    let mut out = Vec::with_capacity(events.len() + encoder.resources.len() + encoder.names.len() * 24 + 32);
    out.push(VERSION);
    out.push(dataset_code(batch.dataset));
    out.extend_from_slice(&batch.received_at.as_nanos().to_le_bytes());
    put_varint(&mut out, encoder.names.len() as u64);
    for name in &encoder.names {
        put_text(&mut out, name.as_bytes());
    }
    put_varint(&mut out, encoder.resource_count);
    out.extend_from_slice(&encoder.resources);
    put_varint(&mut out, batch.events.len() as u64);
    out.extend_from_slice(&events);
    out
}

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
    let names = reader.list(|reader| reader.text())?;
    let resources = reader.list(|reader| {
        let attributes = reader.list(|reader| reader.field(&names))?;
        Ok(Arc::new(Resource { attributes }))
    })?;
    let mut previous = 0_i64;
    let events = reader.list(|reader| {
        previous = previous.wrapping_add(unzigzag(reader.varint()?));
        let resource = reader.index(&resources)?;
        let fields = reader.list(|reader| reader.field(&names))?;
        Ok(Event { timestamp: Timestamp::from_nanos(previous), resource, fields })
    })?;
    if reader.at != bytes.len() {
        return Err(reader.malformed("bytes after the last event"));
    }
    Ok(Batch { dataset, received_at, events })
}

/// Numbers on disk: never reuse one.
fn dataset_code(dataset: Dataset) -> u8 {
    match dataset {
        Dataset::Logs => 1,
        Dataset::Spans => 2,
        Dataset::Metrics => 3,
        Dataset::Probes => 4,
        Dataset::Beacons => 5,
        Dataset::Changes => 6,
    }
}

#[derive(Default)]
struct Encoder<'a> {
    names: Vec<&'a Name>,
    name_ids: HashMap<&'a str, u32>,
    /// The name that the previous event had at each position: nearly always the one that this event has there, and
    /// comparing is much cheaper than hashing.
    expected: Vec<u32>,
    resources: Vec<u8>,
    resource_count: u64,
    resource_ids: HashMap<*const Resource, u64>,
    last_resource: Option<(*const Resource, u64)>,
}

impl<'a> Encoder<'a> {
    fn name(&mut self, name: &'a Name) -> u32 {
        if let Some(&id) = self.name_ids.get(name.as_str()) {
            return id;
        }
        let id = u32::try_from(self.names.len()).expect("a batch is bounded far below 2^32 names");
        self.names.push(name);
        self.name_ids.insert(name.as_str(), id);
        id
    }

    fn name_at(&mut self, position: usize, name: &'a Name) -> u64 {
        if let Some(&id) = self.expected.get(position)
            && self.names[id as usize] == name
        {
            return u64::from(id);
        }
        let id = self.name(name);
        match self.expected.get_mut(position) {
            Some(expected) => *expected = id,
            None => self.expected.push(id),
        }
        u64::from(id)
    }

    fn resource(&mut self, resource: &'a Arc<Resource>) -> u64 {
        let pointer = Arc::as_ptr(resource);
        if let Some((last, id)) = self.last_resource
            && last == pointer
        {
            return id;
        }
        let id = match self.resource_ids.get(&pointer) {
            Some(&id) => id,
            None => {
                let id = self.resource_count;
                put_varint(&mut self.resources, resource.attributes.len() as u64);
                for (name, value) in &resource.attributes {
                    let name = self.name(name);
                    put_varint(&mut self.resources, u64::from(name));
                    put_value(&mut self.resources, value);
                }
                self.resource_count += 1;
                self.resource_ids.insert(pointer, id);
                id
            }
        };
        self.last_resource = Some((pointer, id));
        id
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Str(text) => put_tagged(out, tag::STR, text.as_bytes()),
        Value::Int(number) => {
            out.push(tag::INT);
            put_varint(out, zigzag(*number));
        }
        Value::Float(number) => {
            out.push(tag::FLOAT);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Bytes(bytes) => put_tagged(out, tag::BYTES, bytes),
        Value::Json(text) => put_tagged(out, tag::JSON, text.as_bytes()),
    }
}

fn put_tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_text(out, bytes);
}

fn put_text(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// LEB128.
fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
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

    /// A count and that many items. Every item takes at least a byte, so the count is bounded by what is left.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, FormatError>,
    ) -> Result<Vec<T>, FormatError> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > self.bytes.len() - self.at {
            return Err(self.malformed("count is larger than the rest"));
        }
        let mut items = Vec::with_capacity(count.min(64 * 1024));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn index<T: Clone>(&mut self, table: &[T]) -> Result<T, FormatError> {
        let index = usize::try_from(self.varint()?).ok();
        index
            .and_then(|index| table.get(index).cloned())
            .ok_or_else(|| self.malformed("index is out of range"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], FormatError> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        self.take(length)
    }

    fn text(&mut self) -> Result<SmolStr, FormatError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(SmolStr::new).map_err(|_| self.malformed("text is not UTF-8"))
    }

    fn field(&mut self, names: &[Name]) -> Result<(Name, Value), FormatError> {
        let name = self.index(names)?;
        let value = match self.byte()? {
            tag::STR => Value::Str(self.text()?),
            tag::INT => Value::Int(unzigzag(self.varint()?)),
            tag::FLOAT => Value::Float(f64::from_bits(u64::from_le_bytes(self.array()?))),
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::BYTES => Value::Bytes(self.bytes()?.to_vec().into()),
            tag::JSON => Value::Json(self.text()?),
            _ => return Err(self.malformed("unknown type of value")),
        };
        Ok((name, value))
    }
}
