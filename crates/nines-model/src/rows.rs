//! Rows by column: how telemetry travels from the decoders to the journal, the store and the indicators.
//!
//! Words introduced here
//! - **Rows**: the events of one batch. Each has a time, a resource and fields, as an [`Event`] has, but they lie by
//!   column: all texts of a column in one run of bytes, all its numbers in one array.
//! - **Column**: the values of one name and one type that rows have as their own, packed: a row without a value takes
//!   no room. A name that is sent with two types has two columns, so nothing is converted on the way.
//! - **Resource**: attributes that many rows share; they are held once, and each row says which resource it is of.
//! - **Extra**: a field of a name that came when [`COLUMNS_PER_BATCH_MAX`] columns were there already.
//!
//! Promises
//! - A row has at most one own value under a name; [`RowsBuilder`] keeps the first.
//! - Memory is proportional to the values (and 4 bytes a row for the resource, 8 for the time), whatever the names are:
//!   a hostile batch cannot multiply rows by columns.
//! - What was put in comes out: [`Rows::events`] gives back every row, and two batches that were built by the same
//!   calls are equal.

mod builder;
mod column;
mod presence;
mod row;
mod row_set;
#[cfg(test)]
mod tests;

pub use builder::{ColumnKey, ResourceId, RowsBuilder};
pub use column::{BytesColumn, Column, TextColumn, Values};
pub use presence::{Presence, PresentRows};
pub use row::RowRef;
pub use row_set::RowSet;

use crate::event::{Event, Resource};
use crate::time::Timestamp;
use crate::value::{Name, Value, ValueRef};

/// Columns that the rows of one batch can have. A dataset has at most a thousand, and a batch of one sender has tens; a
/// column costs some hundred bytes, so this bounds what a batch of many names can cost beyond its values.
pub const COLUMNS_PER_BATCH_MAX: usize = 1_024;

/// Rows by column. See the module documentation. Equality is that of the layout: equal batches hold equal rows, and
/// rows that were put in another order of names are equal only as [`Rows::events`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// Nanoseconds since the epoch.
    timestamps: Vec<i64>,
    /// Per row the index of its resource.
    resource_of: Vec<u32>,
    resources: Vec<Resource>,
    columns: Vec<Column>,
    /// In order of row.
    extras: Vec<Extra>,
}

/// A field beyond the columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Extra {
    pub row: u32,
    pub name: Name,
    pub value: Value,
}

/// What becomes of a value: see [`Rows::rewrite`].
#[derive(Debug, Clone, PartialEq)]
pub enum Rewrite {
    Keep,
    /// By another of the same type.
    Replace(Value),
    Drop,
}

/// The parts of [`Rows`], for whoever writes them down and reads them back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowsParts {
    /// Nanoseconds since the epoch.
    pub timestamps: Vec<i64>,
    /// As long as `timestamps`; each an index into `resources`.
    pub resource_of: Vec<u32>,
    pub resources: Vec<Resource>,
    /// No two of the same name and type, and no row with a value in two of the same name.
    pub columns: Vec<Column>,
    /// In order of row.
    pub extras: Vec<Extra>,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Nanoseconds since the epoch, by row.
    pub fn timestamps(&self) -> &[i64] {
        &self.timestamps
    }

    /// For mending times that are missing.
    pub fn timestamps_mut(&mut self) -> &mut [i64] {
        &mut self.timestamps
    }

    pub fn timestamp(&self, row: usize) -> Timestamp {
        Timestamp::from_nanos(self.timestamps[row])
    }

    /// By row, the index of its resource in [`Rows::resources`].
    pub fn resource_of(&self) -> &[u32] {
        &self.resource_of
    }

    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    pub fn resource(&self, row: usize) -> &Resource {
        &self.resources[self.resource_of[row] as usize]
    }

    /// Every column, in the order in which their names were first put.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns of one name, one for each type that it came with. Costs a scan of the names.
    pub fn columns_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Column> {
        self.columns.iter().filter(move |column| column.name() == name)
    }

    /// Fields that found no column, in order of row. Nearly always empty.
    pub fn extras(&self) -> &[Extra] {
        &self.extras
    }

    /// The extras of one row.
    pub fn extras_of(&self, row: usize) -> &[Extra] {
        if self.extras.is_empty() {
            return &[];
        }
        let from = self.extras.partition_point(|extra| (extra.row as usize) < row);
        let to = self.extras.partition_point(|extra| extra.row as usize <= row);
        &self.extras[from..to]
    }

    pub fn row(&self, row: usize) -> RowRef<'_> {
        RowRef::new(self, row)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = RowRef<'_>> {
        (0..self.len()).map(|row| self.row(row))
    }

    /// Every row written out: for tests, and for who wants few rows as they are.
    pub fn events(&self) -> Vec<Event> {
        let resources: Vec<_> = self.resources.iter().cloned().map(std::sync::Arc::new).collect();
        self.iter().map(|row| row.to_event(&resources[row.resource_index()])).collect()
    }

    /// The rows of `events`, in their order. Events that share a resource (the same [`std::sync::Arc`]) share it here.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut rows = RowsBuilder::new();
        let mut last: Option<(*const Resource, ResourceId)> = None;
        for event in events {
            let pointer = std::sync::Arc::as_ptr(&event.resource);
            let resource = match last {
                Some((known, id)) if known == pointer => id,
                _ => rows.add_resource((*event.resource).clone()),
            };
            last = Some((pointer, resource));
            rows.begin(resource);
            for (name, value) in &event.fields {
                rows.put(name, value.into());
            }
            rows.commit(event.timestamp);
        }
        rows.finish()
    }

    /// # Errors
    /// What is wrong, if the parts do not fit together.
    pub fn from_parts(parts: RowsParts) -> Result<Self, &'static str> {
        let RowsParts { timestamps, resource_of, resources, columns, extras } = parts;
        let rows = timestamps.len();
        if resource_of.len() != rows {
            return Err("a resource for each row is missing");
        }
        if resource_of.iter().any(|&index| index as usize >= resources.len()) {
            return Err("resource index is out of range");
        }
        let masks_fit = columns.iter().all(|column| match column.presence() {
            Presence::Mask { set, .. } => set.rows() == rows,
            _ => true,
        });
        if !masks_fit || columns.iter().any(|column| column.end() > rows) {
            return Err("a column is longer than the batch");
        }
        let ordered = extras.windows(2).all(|pair| pair[0].row <= pair[1].row);
        if !ordered || extras.last().is_some_and(|extra| extra.row as usize >= rows) {
            return Err("a field is of no row");
        }
        Ok(Self { timestamps, resource_of, resources, columns, extras })
    }

    /// Gives every value to `rewrite`, those of resources once, and does what it says. Returns whether anything changed.
    ///
    /// # Panics
    /// If a value is replaced by one of another type.
    pub fn rewrite(&mut self, mut rewrite: impl FnMut(&Name, ValueRef<'_>) -> Rewrite) -> bool {
        let mut changed = false;
        let rows = self.len();
        for column in &mut self.columns {
            changed |= column.rewrite(rows, &mut rewrite);
        }
        self.columns.retain(|column| !column.is_empty());
        let mut keep = |name: &Name, value: &mut Value| match rewrite(name, ValueRef::from(&*value)) {
            Rewrite::Keep => true,
            Rewrite::Replace(new) => {
                changed = true;
                *value = new;
                true
            }
            Rewrite::Drop => {
                changed = true;
                false
            }
        };
        for resource in &mut self.resources {
            resource.attributes.retain_mut(|(name, value)| keep(name, value));
        }
        self.extras.retain_mut(|extra| keep(&extra.name, &mut extra.value));
        changed
    }

    /// Gives the rows of `within` the number under `name`, but for those that have a value of their own under it.
    ///
    /// Costs a copy of the name's column where there is one.
    pub fn fill_int(&mut self, name: &str, mut within: RowSet, number: i64) {
        for row in self.columns_named(name).flat_map(Column::rows) {
            within.remove(row);
        }
        for extra in self.extras.iter().filter(|extra| extra.name == name) {
            within.remove(extra.row as usize);
        }
        if within.is_empty() {
            return;
        }
        let rows = self.len();
        let known = |column: &&mut Column| column.name == name && matches!(column.values, Values::Int(_));
        if let Some(column) = self.columns.iter_mut().find(known) {
            column.fill_int(rows, &within, number);
        } else if self.columns.len() < COLUMNS_PER_BATCH_MAX {
            let present: Vec<u32> = within.iter().map(|row| row as u32).collect();
            let values = Values::Int(vec![number; present.len()]);
            self.columns.push(Column { name: name.into(), presence: Presence::of(rows, present), values });
        } else {
            let filled = |row| Extra { row: row as u32, name: name.into(), value: Value::Int(number) };
            self.extras.extend(within.iter().map(filled));
            self.extras.sort_by_key(|extra| extra.row);
        }
    }

    /// Bytes of all values, without what it takes to find them.
    pub fn value_bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|column| column.values().bytes()).sum();
        self.timestamps.len() * 8 + columns
    }
}

impl<'a> FromIterator<&'a Event> for Rows {
    fn from_iter<I: IntoIterator<Item = &'a Event>>(events: I) -> Self {
        Self::from_events(events)
    }
}

impl From<Vec<Event>> for Rows {
    fn from(events: Vec<Event>) -> Self {
        Self::from_events(&events)
    }
}
