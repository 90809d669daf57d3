//! Which rows of a part a question selects: what is known first, then what is cheap to read, then the rest.

use std::sync::Arc;

use arrow::array::BooleanBufferBuilder;
use arrow::datatypes::Schema;

use nines_filter::Filter;
use nines_model::{Name, TimeRange};

use crate::cache::Cache;
use crate::error::ScanError;
use crate::evaluate::Evaluator;
use crate::part::Part;
use crate::predicate::Node;
use crate::rows::Rows;
use crate::stats::Counters;

/// Answers of filters that read long texts, kept per row group: a bit per row, 16 KiB for a full one. Segments never
/// change, and a page asks the same filter several times: for its rows, its bars and its facets.
const SELECTIONS_BYTES_MAX: usize = 16 << 20;

/// Segment, row group, canonical text of the filter.
type Key = (i64, usize, Arc<str>);

/// Kept answers.
#[derive(Debug)]
pub(crate) struct Selections(Cache<Key, Rows>);

impl Default for Selections {
    fn default() -> Self {
        Self(Cache::new(SELECTIONS_BYTES_MAX))
    }
}

/// A filter and a time range, ready to be put to parts of one dataset.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    filter: Node,
    range: Node,
    key: Arc<str>,
}

impl Selector {
    pub fn new(filter: &Filter, range: TimeRange, schema: &Schema) -> Self {
        Self {
            filter: Node::of_filter(filter, schema),
            range: Node::of_range(range),
            key: filter.to_string().into(),
        }
    }

    /// What it selects of `range`.
    pub fn within(&self, range: TimeRange) -> Self {
        let range = self.range.clone().and(Node::of_range(range));
        Self { filter: self.filter.clone(), range, key: Arc::clone(&self.key) }
    }

    /// What it asks apart from the time.
    pub fn filter(&self) -> &Node {
        &self.filter
    }

    /// What is left to be asked of the rows of `part`.
    pub fn settled(&self, part: &Part) -> Node {
        self.range.settle(part).and(self.filter.settle(part))
    }

    /// Whether no column has to be read to tell which rows of `part` it selects, of whose filter `left` is left.
    pub fn is_kept(&self, part: &Part, left: &Node, selections: &Selections) -> bool {
        self.range.settle(part).is_const(true)
            && self.key(part, left).is_some_and(|key| selections.0.get(&key).is_some())
    }

    pub fn select(
        &self,
        part: &Part,
        selections: &Selections,
        counters: &Counters,
    ) -> Result<Rows, ScanError> {
        if self.range.settle(part).is_const(false) {
            return Ok(Rows::None(part.rows));
        }
        self.select_of(part, self.filter.settle(part), selections, counters)
    }

    /// As [`Selector::select`], where it is known that of the filter only `left` is to be asked of the rows of `part`.
    pub fn select_of(
        &self,
        part: &Part,
        left: Node,
        selections: &Selections,
        counters: &Counters,
    ) -> Result<Rows, ScanError> {
        let range = self.range.settle(part);
        if range.is_const(false) || left.is_const(false) {
            return Ok(Rows::None(part.rows));
        }
        let key = self.key(part, &left);
        if let Some(known) = key.as_ref().and_then(|key| selections.0.get(key)) {
            let rows = Rows::clone(&known);
            return if range.is_const(true) { Ok(rows) } else { narrowed(part, rows, &range) };
        }
        counters.add_rows(part.rows);
        let is_whole = range.is_const(true);
        let (cheap, costly) = split(left, part);
        let mut rows = narrowed(part, Rows::All(part.rows), &range.and(cheap))?;
        rows = narrowed(part, rows, &costly)?;
        if let Some(key) = key.filter(|_| is_whole) {
            let bytes = rows.bytes() + key.2.len();
            selections.0.put(key, Arc::new(rows.clone()), bytes);
        }
        Ok(rows)
    }

    /// Under which the answer is kept, if the part never changes and asking again would cost much.
    fn key(&self, part: &Part, left: &Node) -> Option<Key> {
        let (segment, row_group) = part.row_group()?;
        let is_costly = left.columns().iter().any(|name| part.is_costly(name));
        is_costly.then(|| (segment.file.id, row_group, Arc::clone(&self.key)))
    }
}

/// The conditions that are cheap to ask, and the others.
fn split(filter: Node, part: &Part) -> (Node, Node) {
    let is_cheap = |node: &Node| !node.columns().iter().any(|name| part.is_costly(name));
    match filter {
        Node::And(parts) => {
            let (cheap, costly): (Vec<Node>, Vec<Node>) = parts.into_iter().partition(is_cheap);
            let join = |parts: Vec<Node>| parts.into_iter().fold(Node::Const(true), Node::and);
            (join(cheap), join(costly))
        }
        other if is_cheap(&other) => (other, Node::Const(true)),
        other => (Node::Const(true), other),
    }
}

/// Those of the chosen rows that pass.
pub(crate) fn narrowed(part: &Part, rows: Rows, node: &Node) -> Result<Rows, ScanError> {
    match node {
        Node::Const(true) => return Ok(rows),
        Node::Const(false) => return Ok(Rows::None(part.rows)),
        _ if rows.is_none() => return Ok(rows),
        _ => {}
    }
    let names = node.columns();
    let read: Vec<&str> = names.iter().map(|name| Name::as_str(name)).collect();
    let mut evaluator = Evaluator::new(names);
    let mut keep = BooleanBufferBuilder::new(rows.count());
    for columns in part.read(&read, &rows)? {
        keep.append_buffer(&evaluator.evaluate(node, &columns?)?);
    }
    if keep.len() != rows.count() {
        let text = format!("{} rows were read instead of {}", keep.len(), rows.count());
        return Err(ScanError::storage(part.dataset, text));
    }
    Ok(rows.refine(keep.finish()))
}
