//! Where decoders put what they read: one row at a time, field by field, borrowed text in.
//!
//! A row is begun by its first field, ended by [`RowWriter::end`] or taken back by [`RowWriter::abandon`], so that a
//! mistake in the middle of a record leaves nothing of it behind.

use std::sync::Arc;

use nines_model::{Batch, Dataset, Event, Name, Resource, Timestamp, Value, field};

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
    batch: Batch,
    resource: Arc<Resource>,
    fields: Vec<(Name, Value)>,
    at: Option<Timestamp>,
    /// Fields of the row before: how much room the next one needs.
    width: usize,
}

impl RowWriter {
    pub fn new(dataset: Dataset, received_at: Timestamp) -> Self {
        Self {
            batch: Batch { dataset, received_at, events: Vec::new() },
            resource: Arc::default(),
            fields: Vec::new(),
            at: None,
            width: 0,
        }
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
        self.resource = Arc::new(Resource { attributes: unique });
    }

    pub fn received_at(&self) -> Timestamp {
        self.batch.received_at
    }

    /// When the row happened; otherwise when it was received.
    pub fn set_time(&mut self, at: Timestamp) {
        self.at = Some(at);
    }

    /// Whether the row has this field already, its resource aside.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(taken, _)| taken == name)
    }

    pub fn str(&mut self, name: &str, value: &str) -> Result<(), IntakeError> {
        self.put(name, || Value::str(value))
    }

    pub fn int(&mut self, name: &str, value: i64) -> Result<(), IntakeError> {
        self.put(name, || Value::Int(value))
    }

    pub fn float(&mut self, name: &str, value: f64) -> Result<(), IntakeError> {
        self.put(name, || Value::Float(value))
    }

    pub fn bool(&mut self, name: &str, value: bool) -> Result<(), IntakeError> {
        self.put(name, || Value::Bool(value))
    }

    /// `text` is one array or object in JSON.
    pub fn json(&mut self, name: &str, text: &str) -> Result<(), IntakeError> {
        self.put(name, || Value::Json(text.into()))
    }

    /// Of two fields with one name the first stays; a field without a name is left out.
    fn put(&mut self, name: &str, value: impl FnOnce() -> Value) -> Result<(), IntakeError> {
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
        if self.has(name) {
            return Ok(());
        }
        if self.fields.len() >= MAX_FIELDS_PER_ROW {
            return Err(IntakeError::TooManyFields);
        }
        if self.fields.is_empty() {
            self.fields.reserve(self.width);
        }
        self.fields.push((Name::new(name), value()));
        Ok(())
    }

    /// Keeps the row. A row without fields and time is none.
    pub fn end(&mut self) -> Result<(), IntakeError> {
        let at = self.at.take();
        if self.fields.is_empty() && at.is_none() {
            return Ok(());
        }
        if self.batch.events.len() >= MAX_ROWS_PER_REQUEST {
            self.fields.clear();
            return Err(IntakeError::TooManyRows);
        }
        self.width = self.fields.len();
        self.batch.events.push(Event {
            timestamp: at.unwrap_or(self.batch.received_at),
            resource: Arc::clone(&self.resource),
            fields: std::mem::take(&mut self.fields),
        });
        Ok(())
    }

    /// Takes back what has been written since the last [`RowWriter::end`].
    pub fn abandon(&mut self) {
        self.fields.clear();
        self.at = None;
    }

    /// Rows ended so far.
    pub fn len(&self) -> usize {
        self.batch.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.batch.events.is_empty()
    }

    /// The ended rows, in order.
    pub fn finish(self) -> Batch {
        self.batch
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && name != field::TIMESTAMP && name != field::OVERFLOW
}
