//! Where decoders put what they read: one row at a time, field by field, borrowed text in.
//!
//! A row is begun by its first field, ended by [`RowWriter::end`] or taken back by [`RowWriter::abandon`], so that a
//! mistake in the middle of a record leaves nothing of it behind.

use nines_model::rows::ResourceId;
use nines_model::{Batch, Dataset, Name, Resource, RowsBuilder, Timestamp, Value, ValueRef, field};

use crate::intake::IntakeError;

/// Fields of one row, those of its resource aside. SDKs stop at 128 by default; a record wider than this is a mistake
/// or an attack, and is refused whole rather than cut.
pub const MAX_FIELDS_PER_ROW: usize = 1000;

/// Bytes of a field's name. It becomes a column name.
pub const MAX_NAME_BYTES: usize = 256;

/// Rows of one request. Ten times the largest batch that agents send by default, with room for those who raised it.
pub const MAX_ROWS_PER_REQUEST: usize = 200_000;

/// Rows of one dataset while they are decoded.
#[derive(Debug)]
pub struct RowWriter {
    dataset: Dataset,
    received_at: Timestamp,
    rows: RowsBuilder,
    resource: ResourceId,
    /// Fields of the row that is open; none is if there are none.
    fields: usize,
    at: Option<Timestamp>,
}

impl RowWriter {
    pub fn new(dataset: Dataset, received_at: Timestamp) -> Self {
        let mut rows = RowsBuilder::new();
        let resource = rows.no_resource();
        Self { dataset, received_at, rows, resource, fields: 0, at: None }
    }

    /// What the rows from here on share. A row's own field wins over one of these; of two with one name the first stays,
    /// and names that are none, or not the sender's to write, are left out.
    pub fn set_resource<N: AsRef<str>>(&mut self, attributes: impl IntoIterator<Item = (N, Value)>) {
        let mut unique: Vec<(Name, Value)> = Vec::new();
        for (name, value) in attributes.into_iter().take(MAX_FIELDS_PER_ROW) {
            let name = name.as_ref();
            if is_name(name) && unique.iter().all(|(taken, _)| taken != name) {
                unique.push((Name::new(name), value));
            }
        }
        self.resource = self.rows.add_resource(Resource { attributes: unique });
        self.rows.set_resource(self.resource);
    }

    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// When the row happened; otherwise when it was received.
    pub fn set_time(&mut self, at: Timestamp) {
        self.at = Some(at);
    }

    /// Whether the row has this field already, its resource aside.
    pub fn has(&self, name: &str) -> bool {
        self.fields > 0 && self.rows.has(name)
    }

    pub fn str(&mut self, name: &str, value: &str) -> Result<(), IntakeError> {
        self.put(name, ValueRef::Str(value))
    }

    pub fn int(&mut self, name: &str, value: i64) -> Result<(), IntakeError> {
        self.put(name, ValueRef::Int(value))
    }

    pub fn float(&mut self, name: &str, value: f64) -> Result<(), IntakeError> {
        self.put(name, ValueRef::Float(value))
    }

    pub fn bool(&mut self, name: &str, value: bool) -> Result<(), IntakeError> {
        self.put(name, ValueRef::Bool(value))
    }

    /// `text` is one array or object in JSON.
    pub fn json(&mut self, name: &str, text: &str) -> Result<(), IntakeError> {
        self.put(name, ValueRef::Json(text))
    }

    /// Of two fields with one name the first stays; a field without a name is left out.
    fn put(&mut self, name: &str, value: ValueRef<'_>) -> Result<(), IntakeError> {
        if name.len() > MAX_NAME_BYTES {
            return Err(IntakeError::NameTooLong { bytes: name.len() });
        }
        if name.is_empty() {
            return Ok(());
        }
        // The two columns that are not the sender's to write.
        if name == field::TIMESTAMP || name == field::OVERFLOW {
            let name = format!("attributes.{name}");
            return self.put(&name, value);
        }
        if self.fields >= MAX_FIELDS_PER_ROW {
            return if self.has(name) { Ok(()) } else { Err(IntakeError::TooManyFields) };
        }
        if self.fields == 0 {
            self.rows.begin(self.resource);
        }
        self.fields += usize::from(self.rows.put(name, value));
        Ok(())
    }

    /// Keeps the row. A row without fields and time is none.
    pub fn end(&mut self) -> Result<(), IntakeError> {
        let at = self.at.take();
        if self.fields == 0 {
            if at.is_none() {
                return Ok(());
            }
            self.rows.begin(self.resource);
        }
        self.fields = 0;
        if self.rows.len() >= MAX_ROWS_PER_REQUEST {
            self.rows.cancel();
            return Err(IntakeError::TooManyRows);
        }
        self.rows.commit(at.unwrap_or(self.received_at));
        Ok(())
    }

    /// Takes back what has been written since the last [`RowWriter::end`].
    pub fn abandon(&mut self) {
        self.rows.cancel();
        self.fields = 0;
        self.at = None;
    }

    /// Rows ended so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The ended rows, in order.
    pub fn finish(self) -> Batch {
        Batch { dataset: self.dataset, received_at: self.received_at, rows: self.rows.finish() }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && name != field::TIMESTAMP && name != field::OVERFLOW
}
