//! The row that an item becomes, while its fields are read.

use std::collections::HashSet;

use nines_model::{Name, RowsBuilder, Timestamp, Value, ValueRef};

use super::request::Notes;
use super::value::HexId;

/// Where fields go: of two with the same name the first stays.
pub(super) trait Fields {
    /// `false` if there is a value under this name already.
    fn put(&mut self, name: &str, value: ValueRef<'_>) -> bool;
}

impl Fields for RowsBuilder {
    fn put(&mut self, name: &str, value: ValueRef<'_>) -> bool {
        Self::put(self, name, value)
    }
}

/// Up to here a linear search for a name used twice is quicker than hashing.
const LINEAR_SEARCH_MAX: usize = 32;

/// The attributes of a resource, which are few as a rule and held once.
#[derive(Debug, Default)]
pub(super) struct SharedFields {
    pub fields: Vec<(Name, Value)>,
    /// The names, once they are many.
    names: HashSet<Name>,
}

impl Fields for SharedFields {
    fn put(&mut self, name: &str, value: ValueRef<'_>) -> bool {
        let is_known = if self.fields.len() < LINEAR_SEARCH_MAX {
            self.fields.iter().any(|(taken, _)| taken == name)
        } else {
            if self.names.is_empty() {
                self.names.extend(self.fields.iter().map(|(name, _)| name.clone()));
            }
            !self.names.insert(Name::new(name))
        };
        if !is_known {
            self.fields.push((Name::new(name), value.to_value()));
        }
        !is_known
    }
}

/// An open row, and what is needed to fill it.
pub(super) struct RowWriter<'r> {
    pub rows: &'r mut RowsBuilder,
    pub notes: &'r mut Notes,
    /// For text that has to be made. Whoever uses it clears it first.
    pub scratch: &'r mut String,
    /// Stands in for a missing time.
    pub received_at: Timestamp,
}

impl RowWriter<'_> {
    pub fn str(&mut self, column: &'static str, text: &str) {
        self.rows.str(column, text);
    }

    /// An empty text is an absent one.
    pub fn text(&mut self, column: &'static str, text: &str) {
        if !text.is_empty() {
            self.rows.str(column, text);
        }
    }

    pub fn int(&mut self, column: &'static str, number: i64) {
        self.rows.int(column, number);
    }

    pub fn float(&mut self, column: &'static str, number: f64) {
        self.rows.float(column, number);
    }

    /// Zero is absent.
    pub fn count(&mut self, column: &'static str, count: u32) {
        if count > 0 {
            self.int(column, i64::from(count));
        }
    }

    /// An id of at most 16 bytes.
    pub fn id(&mut self, column: &'static str, id: &[u8]) {
        self.rows.str(column, HexId::new(id).as_str());
    }

    pub fn json(&mut self, column: &'static str, text: &str) {
        self.rows.json(column, text);
    }
}
