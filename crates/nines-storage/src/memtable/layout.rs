//! Where the fields of a batch go, decided once for all of its rows.

use std::collections::{HashMap, HashSet};

use nines_model::{Column, Name, Rows};

use crate::schema::Registry;

/// Where the values of one name and type go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To this column; no other field of the batch has the name.
    Slot(usize),
    /// No column takes them.
    Overflow,
    /// Other fields of the batch have the same name (the resource says so too, or another type was sent), so that each
    /// row decides. With the column, if there is one.
    Contested(Option<usize>),
}

#[derive(Debug)]
pub struct Layout {
    /// As [`Rows::columns`].
    pub columns: Vec<Place>,
    /// As [`Rows::resources`] and their attributes.
    pub resources: Vec<Vec<Place>>,
    /// Whether rows have to be looked at one by one.
    pub has_contested: bool,
}

impl Layout {
    /// New names become columns of `registry`: the rows' own first, in order of appearance.
    pub fn new(registry: &mut Registry, rows: &Rows) -> Self {
        let contested = contested(rows);
        let mut place = |name: &Name, kind| match registry.slot(name, kind) {
            slot if !contested.is_empty() && contested.contains(name) => Place::Contested(slot),
            Some(slot) => Place::Slot(slot),
            None => Place::Overflow,
        };
        let columns = rows.columns().iter().map(|column| place(column.name(), column.kind())).collect();
        let resources = rows.resources().iter().map(|resource| {
            let attributes = resource.attributes.iter();
            attributes.map(|(name, value)| place(name, value.value_type())).collect()
        });
        Self { columns, resources: resources.collect(), has_contested: !contested.is_empty() }
    }
}

/// Names that more than one field of a row may have, and those that the resource's are renamed to then.
fn contested(rows: &Rows) -> HashSet<Name> {
    /// Up to here comparing all names with each other is quicker than hashing them.
    const COMPARED_MAX: usize = 16;
    let columns = rows.columns();
    if columns.len() <= COMPARED_MAX && rows.extras().is_empty() && rows.resources().len() == 1 {
        let mut others = rows.resources()[0].attributes.iter().map(|(name, _)| name);
        let is_alone =
            |(at, column): (usize, &Column)| columns[..at].iter().all(|it| it.name() != column.name());
        let are_distinct = columns.iter().enumerate().all(is_alone);
        if are_distinct && others.all(|name| columns.iter().all(|column| column.name() != name)) {
            return HashSet::new();
        }
    }
    let mut contested = HashSet::new();
    let mut own: HashMap<&Name, ()> = HashMap::with_capacity(rows.columns().len());
    for column in rows.columns() {
        if own.insert(column.name(), ()).is_some() {
            contested.insert(column.name().clone());
        }
    }
    for resource in rows.resources() {
        for (name, _) in &resource.attributes {
            if own.contains_key(name) {
                contested.insert(Name::new(format!("resource.{name}")));
                contested.insert(name.clone());
            }
        }
    }
    for extra in rows.extras() {
        if !contested.contains(&extra.name) {
            contested.insert(Name::new(format!("resource.{}", extra.name)));
            contested.insert(extra.name.clone());
        }
    }
    contested
}
