use std::sync::Arc;

use super::Rows;
use crate::event::{Event, Resource};
use crate::field;
use crate::time::Timestamp;
use crate::value::{Name, ValueRef};

/// One row, borrowed. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    rows: &'a Rows,
    index: usize,
}

impl<'a> RowRef<'a> {
    pub(super) fn new(rows: &'a Rows, index: usize) -> Self {
        assert!(index < rows.len(), "row {index} of {}", rows.len());
        Self { rows, index }
    }

    pub fn index(self) -> usize {
        self.index
    }

    pub fn timestamp(self) -> Timestamp {
        self.rows.timestamp(self.index)
    }

    pub fn resource(self) -> &'a Resource {
        self.rows.resource(self.index)
    }

    /// The resource's index in [`Rows::resources`].
    pub fn resource_index(self) -> usize {
        self.rows.resource_of[self.index] as usize
    }

    /// The value under `name`, the row's own before the resource's. `timestamp` is not a field: read it directly. Costs
    /// a scan of the names, of which there are tens; whoever asks many rows asks [`Rows::columns_named`] once.
    pub fn get(self, name: &str) -> Option<ValueRef<'a>> {
        self.own(name).or_else(|| self.resource().get(name).map(ValueRef::from))
    }

    /// The row's own value under `name`.
    pub fn own(self, name: &str) -> Option<ValueRef<'a>> {
        let columns = self.rows.columns.iter().filter(|column| column.name == name);
        let in_column = columns.filter_map(|column| column.get(self.index)).next();
        in_column.or_else(|| {
            let extra = self.rows.extras_of(self.index).iter().find(|extra| extra.name == name)?;
            Some(ValueRef::from(&extra.value))
        })
    }

    /// The text of a string or JSON value.
    pub fn get_str(self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(ValueRef::as_str)
    }

    pub fn service(self) -> Option<&'a str> {
        self.get_str(field::SERVICE_NAME)
    }

    /// The row's own fields, in order of columns, extras last.
    pub fn own_fields(self) -> impl Iterator<Item = (&'a Name, ValueRef<'a>)> {
        let columns = self.rows.columns.iter();
        let own = columns.filter_map(move |column| Some((column.name(), column.get(self.index)?)));
        let extras = self.rows.extras_of(self.index).iter();
        own.chain(extras.map(|extra| (&extra.name, ValueRef::from(&extra.value))))
    }

    /// Every field: the row's own, then those of the resource that no own one hides.
    pub fn fields(self) -> impl Iterator<Item = (&'a Name, ValueRef<'a>)> {
        let inherited = self.resource().attributes.iter();
        let inherited = inherited.filter(move |(name, _)| self.own(name).is_none());
        self.own_fields().chain(inherited.map(|(name, value)| (name, value.into())))
    }

    /// The row written out, with `resource` as what it shares.
    pub(super) fn to_event(self, resource: &Arc<Resource>) -> Event {
        let fields = self.own_fields().map(|(name, value)| (name.clone(), value.to_value()));
        Event { timestamp: self.timestamp(), resource: Arc::clone(resource), fields: fields.collect() }
    }
}
