use std::collections::{HashMap, HashSet};

use super::column::{Column, Values};
use super::presence::Presence;
use super::{COLUMNS_PER_BATCH_MAX, Extra, Rows};
use crate::event::Resource;
use crate::time::Timestamp;
use crate::value::{Name, ValueRef, ValueType};

/// Names that are tried, from the one after the last, before the name is hashed. Rows of one sender have the same names
/// in the same order, with one or two left out now and then.
const NAMES_TRIED: usize = 4;

/// Up to here a linear search for a name is quicker than hashing, and a request of one event needs no table of names.
const NAMES_SEARCHED: usize = 16;

/// Columns of a usual event.
const COLUMNS_EXPECTED: usize = 8;

/// Up to here a linear search for an extra's name is quicker than hashing.
const EXTRAS_SEARCHED: usize = 32;

/// Builds [`Rows`] from borrowed values, without an allocation per field.
///
/// ```
/// use nines_model::{Resource, RowsBuilder, Timestamp, Value};
///
/// let mut rows = RowsBuilder::new();
/// let shop = rows.add_resource(Resource { attributes: vec![("service.name".into(), Value::str("shop"))] });
/// rows.begin(shop);
/// rows.str("body", "paid");
/// rows.int("amount", 12);
/// rows.commit(Timestamp::from_secs(1));
/// rows.begin(shop);
/// rows.str("body", "never mind");
/// rows.cancel();
///
/// let rows = rows.finish();
/// assert_eq!(rows.len(), 1);
/// assert_eq!(rows.row(0).get_str("service.name"), Some("shop"));
/// assert_eq!(rows.row(0).get("amount").and_then(|value| value.as_int()), Some(12));
/// ```
#[derive(Debug, Default)]
pub struct RowsBuilder {
    timestamps: Vec<i64>,
    resource_of: Vec<u32>,
    resources: Vec<Resource>,
    /// The resource without attributes, once it is asked for.
    empty: Option<ResourceId>,
    columns: Vec<GrowingColumn>,
    names: Vec<KnownName>,
    /// Where each name is in `names`, once they are more than [`NAMES_SEARCHED`].
    ids: HashMap<Name, u32>,
    extras: Vec<Extra>,
    /// Names of the current row's extras, when they are many.
    extra_names: HashSet<Name>,
    /// Where in `names` the next name is looked for first.
    cursor: usize,
    /// The resource of the row that is open.
    open: Option<ResourceId>,
    /// How many rows were begun.
    begun: u64,
    /// Columns that the open row has a value in.
    touched: Vec<u32>,
    extras_before: usize,
}

/// A resource of the builder that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceId(u32);

/// A name of the builder that gave it, found once: see [`RowsBuilder::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnKey(u32);

#[derive(Debug)]
struct KnownName {
    name: Name,
    /// By type, the column's index, or `NONE`.
    columns: [u16; KINDS],
    /// The last row, by number of [`RowsBuilder::begin`], that got a value under this name.
    set_in: u64,
}

const KINDS: usize = 6;
const NONE: u16 = u16::MAX;

#[derive(Debug)]
struct GrowingColumn {
    name: u32,
    rows: GrowingRows,
    values: Values,
}

/// The rows that have a value so far: a run as long as there is no gap.
#[derive(Debug)]
enum GrowingRows {
    Run { start: u32, len: u32 },
    List(Vec<u32>),
}

impl RowsBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects about so many rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            timestamps: Vec::with_capacity(rows),
            resource_of: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Rows that were committed.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Attributes that rows will share. The same attributes twice are held twice: ask once for all rows of a resource.
    pub fn add_resource(&mut self, resource: Resource) -> ResourceId {
        let id = u32::try_from(self.resources.len()).expect("a request is bounded far below 2^32 resources");
        self.resources.push(resource);
        ResourceId(id)
    }

    /// The resource of rows that share nothing.
    pub fn no_resource(&mut self) -> ResourceId {
        match self.empty {
            Some(id) => id,
            None => {
                let id = self.add_resource(Resource::default());
                self.empty = Some(id);
                id
            }
        }
    }

    /// Opens a row. Fields follow, then [`RowsBuilder::commit`] or [`RowsBuilder::cancel`]; an open row is cancelled.
    pub fn begin(&mut self, resource: ResourceId) {
        self.cancel();
        self.open = Some(resource);
        self.begun += 1;
        self.cursor = 0;
        self.extras_before = self.extras.len();
    }

    /// Makes the open row, if there is one, a row of another resource.
    pub fn set_resource(&mut self, resource: ResourceId) {
        if let Some(open) = &mut self.open {
            *open = resource;
        }
    }

    /// Keeps the open row.
    ///
    /// # Panics
    /// If no row is open.
    pub fn commit(&mut self, timestamp: Timestamp) {
        let resource = self.open.take().expect("a row was begun");
        self.touched.clear();
        self.extra_names.clear();
        self.timestamps.push(timestamp.as_nanos());
        self.resource_of.push(resource.0);
    }

    /// Forgets the open row, if there is one.
    pub fn cancel(&mut self) {
        if self.open.take().is_none() {
            return;
        }
        for column in self.touched.drain(..) {
            let column = &mut self.columns[column as usize];
            column.values.pop();
            column.rows.pop();
        }
        self.extras.truncate(self.extras_before);
        self.extra_names.clear();
    }

    /// Sets a field of the open row. `false`, and no change, if it has a value under this name already.
    ///
    /// # Panics
    /// If no row is open, or one column's text passes 4 GiB (requests are bounded far below).
    pub fn put(&mut self, name: &str, value: ValueRef<'_>) -> bool {
        match self.find(name) {
            Some(key) => self.put_at(key, value),
            None => self.put_extra(name, value),
        }
    }

    pub fn str(&mut self, name: &str, text: &str) -> bool {
        self.put(name, ValueRef::Str(text))
    }

    pub fn int(&mut self, name: &str, number: i64) -> bool {
        self.put(name, ValueRef::Int(number))
    }

    pub fn float(&mut self, name: &str, number: f64) -> bool {
        self.put(name, ValueRef::Float(number))
    }

    pub fn bool(&mut self, name: &str, flag: bool) -> bool {
        self.put(name, ValueRef::Bool(flag))
    }

    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> bool {
        self.put(name, ValueRef::Bytes(bytes))
    }

    /// Compact JSON text of an array or an object.
    pub fn json(&mut self, name: &str, text: &str) -> bool {
        self.put(name, ValueRef::Json(text))
    }

    /// The key of a name that will be put in many rows, so that it is looked up once. `None` when there are too many
    /// names: then [`RowsBuilder::put`] it by name.
    pub fn key(&mut self, name: &str) -> Option<ColumnKey> {
        self.find(name)
    }

    /// As [`RowsBuilder::put`], of a name that was looked up before.
    pub fn put_at(&mut self, key: ColumnKey, value: ValueRef<'_>) -> bool {
        assert!(self.open.is_some(), "a row was begun");
        let row = self.timestamps.len() as u32;
        let known = &mut self.names[key.0 as usize];
        if known.set_in == self.begun {
            return false;
        }
        known.set_in = self.begun;
        let kind = kind_index(value.value_type());
        if known.columns[kind] == NONE {
            if self.columns.len() >= COLUMNS_PER_BATCH_MAX {
                let name = known.name.clone();
                return self.put_extra(&name, value);
            }
            known.columns[kind] = self.columns.len() as u16;
            self.columns.push(GrowingColumn {
                name: key.0,
                rows: GrowingRows::Run { start: row, len: 0 },
                values: Values::new(value.value_type()),
            });
        }
        let index = known.columns[kind];
        let column = &mut self.columns[usize::from(index)];
        column.values.push(value);
        column.rows.push(row);
        self.touched.push(u32::from(index));
        true
    }

    /// Whether the open row has a value of its own under `name`.
    pub fn has(&self, name: &str) -> bool {
        let known = self.id_of(name);
        known.is_some_and(|id| self.names[id as usize].set_in == self.begun) || self.has_extra(name)
    }

    /// What was committed. An open row is cancelled.
    pub fn finish(mut self) -> Rows {
        self.cancel();
        let rows = self.timestamps.len();
        let names = self.names;
        let columns = self.columns.into_iter().filter(|column| !column.values.is_empty());
        let columns = columns.map(|column| Column {
            name: names[column.name as usize].name.clone(),
            presence: match column.rows {
                GrowingRows::Run { start, len } => Presence::Run { start, len },
                GrowingRows::List(list) => Presence::of(rows, list),
            },
            values: column.values,
        });
        Rows {
            timestamps: self.timestamps,
            resource_of: self.resource_of,
            resources: self.resources,
            columns: columns.collect(),
            extras: self.extras,
        }
    }

    /// The key of `name`, made if there is room.
    fn find(&mut self, name: &str) -> Option<ColumnKey> {
        if let Some(id) = self.find_known(name) {
            return Some(ColumnKey(id));
        }
        // Names and columns are bounded alike; a name takes its place even if its row is cancelled.
        if self.names.len() >= COLUMNS_PER_BATCH_MAX {
            return None;
        }
        let id = self.names.len() as u32;
        if self.names.is_empty() {
            self.names.reserve(COLUMNS_EXPECTED);
            self.columns.reserve(COLUMNS_EXPECTED);
        }
        self.names.push(KnownName { name: Name::new(name), columns: [NONE; KINDS], set_in: 0 });
        if self.names.len() > NAMES_SEARCHED {
            let known = self.names[self.ids.len()..].iter().map(|known| known.name.clone());
            self.ids.extend(known.zip(self.ids.len() as u32..));
        }
        self.cursor = self.names.len();
        Some(ColumnKey(id))
    }

    fn find_known(&mut self, name: &str) -> Option<u32> {
        let count = self.names.len();
        for tried in 0..NAMES_TRIED.min(count) {
            let mut at = self.cursor + tried;
            if at >= count {
                at -= count;
            }
            if at < count && self.names[at].name == name {
                self.cursor = at + 1;
                return Some(at as u32);
            }
        }
        let id = self.id_of(name)?;
        self.cursor = id as usize + 1;
        Some(id)
    }

    fn id_of(&self, name: &str) -> Option<u32> {
        if self.names.len() > NAMES_SEARCHED {
            return self.ids.get(name).copied();
        }
        self.names.iter().position(|known| known.name == name).map(|at| at as u32)
    }

    #[cold]
    fn put_extra(&mut self, name: &str, value: ValueRef<'_>) -> bool {
        assert!(self.open.is_some(), "a row was begun");
        if self.has_extra(name) {
            return false;
        }
        let row = self.timestamps.len() as u32;
        let name = Name::new(name);
        if self.extras.len() - self.extras_before >= EXTRAS_SEARCHED {
            if self.extra_names.is_empty() {
                let known = self.extras[self.extras_before..].iter().map(|extra| extra.name.clone());
                self.extra_names.extend(known);
            }
            self.extra_names.insert(name.clone());
        }
        self.extras.push(Extra { row, name, value: value.to_value() });
        true
    }

    fn has_extra(&self, name: &str) -> bool {
        if self.extra_names.is_empty() {
            return self.extras[self.extras_before.min(self.extras.len())..]
                .iter()
                .any(|extra| extra.name == name);
        }
        self.extra_names.contains(name)
    }
}

fn kind_index(kind: ValueType) -> usize {
    match kind {
        ValueType::Str => 0,
        ValueType::Int | ValueType::Time => 1,
        ValueType::Float => 2,
        ValueType::Bool => 3,
        ValueType::Bytes => 4,
        ValueType::Json => 5,
    }
}

impl GrowingRows {
    fn push(&mut self, row: u32) {
        match self {
            Self::Run { start, len: len @ 0 } => {
                *start = row;
                *len = 1;
            }
            Self::Run { start, len } if *start + *len == row => *len += 1,
            Self::Run { start, len } => {
                let mut list = Vec::with_capacity(*len as usize * 2 + 2);
                list.extend(*start..*start + *len);
                list.push(row);
                *self = Self::List(list);
            }
            Self::List(list) => list.push(row),
        }
    }

    fn pop(&mut self) {
        match self {
            Self::Run { len, .. } => *len -= 1,
            Self::List(list) => drop(list.pop()),
        }
    }
}
