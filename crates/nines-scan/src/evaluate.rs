//! Tests of columns, over Arrow arrays.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampNanosecondType};

use nines_filter::{TEXT_FIELDS, ValueRef};
use nines_model::Name;

use crate::error::ScanError;
use crate::overflow::OverflowFields;
use crate::part::Columns;
use crate::predicate::{ColumnTest, Leaf, Node};

/// Evaluates one node over the batches of one part. Remembers what the entries of a dictionary answered, since the
/// batches of a row group share it.
pub(crate) struct Evaluator<'a> {
    names: Vec<&'a Name>,
    dictionaries: HashMap<*const Leaf, (ArrayRef, BooleanBuffer)>,
}

impl<'a> Evaluator<'a> {
    /// For columns that are read in the order of `names`.
    pub fn new(names: Vec<&'a Name>) -> Self {
        Self { names, dictionaries: HashMap::new() }
    }

    /// One bit per row: whether it passes.
    pub fn evaluate(&mut self, node: &Node, columns: &Columns) -> Result<BooleanBuffer, ScanError> {
        self.node(node, columns, None)
    }

    /// `among` are the rows whose answer matters; of others any answer will do.
    fn node(
        &mut self,
        node: &Node,
        columns: &Columns,
        among: Option<&BooleanBuffer>,
    ) -> Result<BooleanBuffer, ScanError> {
        match node {
            Node::Const(true) => Ok(BooleanBuffer::new_set(columns.rows)),
            Node::Const(false) => Ok(BooleanBuffer::new_unset(columns.rows)),
            Node::Not(inner) => Ok(!&self.node(inner, columns, among)?),
            Node::And(parts) => {
                let mut passed: Option<BooleanBuffer> = None;
                for part in parts {
                    let so_far = passed.as_ref().or(among);
                    if so_far.is_some_and(|rows| rows.count_set_bits() == 0) {
                        break;
                    }
                    let here = self.node(part, columns, so_far)?;
                    passed = Some(match passed {
                        Some(passed) => &passed & &here,
                        None => here,
                    });
                }
                Ok(passed.unwrap_or_else(|| BooleanBuffer::new_unset(columns.rows)))
            }
            Node::Or(parts) => {
                let mut passed: Option<BooleanBuffer> = None;
                for part in parts {
                    let open = match (&passed, among) {
                        (Some(passed), Some(among)) => Some(among & &!passed),
                        (Some(passed), None) => Some(!passed),
                        (None, among) => among.cloned(),
                    };
                    if open.as_ref().is_some_and(|rows| rows.count_set_bits() == 0) {
                        break;
                    }
                    let here = self.node(part, columns, open.as_ref())?;
                    passed = Some(match passed {
                        Some(passed) => &passed | &here,
                        None => here,
                    });
                }
                Ok(passed.unwrap_or_else(|| BooleanBuffer::new_unset(columns.rows)))
            }
            Node::Leaf(leaf) => self.leaf(leaf, columns, among),
        }
    }

    fn leaf(
        &mut self,
        leaf: &Leaf,
        columns: &Columns,
        among: Option<&BooleanBuffer>,
    ) -> Result<BooleanBuffer, ScanError> {
        let place = self.names.iter().position(|name| **name == leaf.column);
        let Some(array) = place.and_then(|place| columns.arrays[place].as_ref()) else {
            return Ok(BooleanBuffer::new_unset(columns.rows));
        };
        let passed = match array.data_type() {
            DataType::Dictionary(..) => self.coded(leaf, array)?,
            _ => test(&leaf.test, array, among)?,
        };
        Ok(without_nulls(passed, array.nulls()))
    }

    /// Asks each entry of the dictionary once.
    fn coded(&mut self, leaf: &Leaf, array: &ArrayRef) -> Result<BooleanBuffer, ScanError> {
        let Some(coded) = array.as_dictionary_opt::<Int32Type>() else {
            return Err(ScanError::internal(format!("codes of type {} are not read", array.data_type())));
        };
        let values = coded.values();
        let key = std::ptr::from_ref(leaf);
        let known = self
            .dictionaries
            .get(&key)
            .filter(|(of, _)| std::ptr::addr_eq(std::sync::Arc::as_ptr(of), std::sync::Arc::as_ptr(values)));
        let answers = match known {
            Some((_, answers)) => answers.clone(),
            None => {
                let answers = without_nulls(test(&leaf.test, values, None)?, values.nulls());
                self.dictionaries.insert(key, (std::sync::Arc::clone(values), answers.clone()));
                answers
            }
        };
        let codes = coded.keys().values();
        if answers.count_set_bits() == 0 {
            return Ok(BooleanBuffer::new_unset(codes.len()));
        }
        // The code of a null may be anything.
        Ok(BooleanBuffer::collect_bool(codes.len(), |row| {
            let code = codes[row] as usize;
            code < answers.len() && answers.value(code)
        }))
    }
}

fn without_nulls(passed: BooleanBuffer, nulls: Option<&NullBuffer>) -> BooleanBuffer {
    match nulls {
        Some(nulls) => &passed & nulls.inner(),
        None => passed,
    }
}

/// One bit per value; what it says of nulls is worth nothing.
fn test(
    test: &ColumnTest,
    array: &ArrayRef,
    among: Option<&BooleanBuffer>,
) -> Result<BooleanBuffer, ScanError> {
    match test {
        ColumnTest::Present => Ok(BooleanBuffer::new_set(array.len())),
        ColumnTest::TextIs { text, negated } => match array.as_string_view_opt() {
            Some(texts) => Ok(text_is(texts, text, *negated)),
            None => each(
                array,
                among,
                |value| matches!(value, ValueRef::Str(other) if (other == text) != *negated),
            ),
        },
        ColumnTest::Range { low, high, negated } => {
            let values = match array.data_type() {
                DataType::Int64 => array.as_primitive::<Int64Type>().values(),
                _ => match array.as_primitive_opt::<TimestampNanosecondType>() {
                    Some(times) => times.values(),
                    None => return Err(no_values(array)),
                },
            };
            let (low, high) = (*low, *high);
            Ok(if *negated {
                BooleanBuffer::collect_bool(values.len(), |row| values[row] < low || high < values[row])
            } else {
                BooleanBuffer::collect_bool(values.len(), |row| low <= values[row] && values[row] <= high)
            })
        }
        ColumnTest::TextBegins { test, .. } | ColumnTest::Value(test) => {
            each(array, among, |value| test.accepts(value))
        }
        ColumnTest::Found { search, .. } => {
            each(array, among, |value| matches!(value, ValueRef::Str(text) if search.is_found_in(text)))
        }
        ColumnTest::Id(search) => {
            each(array, among, |value| matches!(value, ValueRef::Str(text) if search.is_id(text)))
        }
        ColumnTest::OverflowField(comparison) => in_overflow(array, among, |fields| {
            fields.with_value(&comparison.field, |value| comparison.test.accepts(value)).unwrap_or(false)
        }),
        ColumnTest::OverflowText(search) => in_overflow(array, among, |fields| {
            let found =
                |value: ValueRef<'_>| matches!(value, ValueRef::Str(text) if search.is_found_in(text));
            let is_id = |value: ValueRef<'_>| matches!(value, ValueRef::Str(text) if search.is_id(text));
            TEXT_FIELDS.iter().any(|name| fields.with_value(name, found).unwrap_or(false))
                || search.id_field().is_some_and(|name| fields.with_value(name, is_id).unwrap_or(false))
        }),
    }
}

fn in_overflow(
    array: &ArrayRef,
    among: Option<&BooleanBuffer>,
    accepts: impl Fn(&OverflowFields<'_>) -> bool,
) -> Result<BooleanBuffer, ScanError> {
    each(array, among, |value| match value {
        ValueRef::Str(object) => OverflowFields::parse(object).is_some_and(|fields| accepts(&fields)),
        _ => false,
    })
}

/// Equality on views: their first eight bytes hold the length and how the text begins, which settles nearly all.
fn text_is(texts: &StringViewArray, wanted: &str, negated: bool) -> BooleanBuffer {
    const START_BYTES: usize = 4;
    const INLINE_BYTES: usize = 12;
    let mut head = [0_u8; 16];
    head[..4].copy_from_slice(&(wanted.len() as u32).to_le_bytes());
    let inline = wanted.len() <= INLINE_BYTES;
    let told = if inline { wanted.len() } else { START_BYTES };
    head[4..4 + told].copy_from_slice(&wanted.as_bytes()[..told]);
    let head = u128::from_le_bytes(head);
    let views = texts.views();
    let start = |view: u128| view as u64;
    BooleanBuffer::collect_bool(texts.len(), |row| {
        let is = if inline {
            views[row] == head
        } else {
            // A null may have any view.
            start(views[row]) == start(head) && texts.is_valid(row) && texts.value(row) == wanted
        };
        is != negated
    })
}

/// Asks `accepts` about every value that matters and is there.
fn each(
    array: &ArrayRef,
    among: Option<&BooleanBuffer>,
    accepts: impl Fn(ValueRef<'_>) -> bool,
) -> Result<BooleanBuffer, ScanError> {
    macro_rules! each {
        ($values:expr, $wrap:expr) => {{
            let values = $values;
            BooleanBuffer::collect_bool(values.len(), |row| {
                among.is_none_or(|among| among.value(row))
                    && values.is_valid(row)
                    && accepts($wrap(values.value(row)))
            })
        }};
    }
    Ok(match array.data_type() {
        DataType::Utf8 => each!(array.as_string::<i32>(), ValueRef::Str),
        DataType::LargeUtf8 => each!(array.as_string::<i64>(), ValueRef::Str),
        DataType::Utf8View => each!(array.as_string_view(), ValueRef::Str),
        DataType::Int64 => each!(array.as_primitive::<Int64Type>(), ValueRef::Int),
        DataType::Float64 => each!(array.as_primitive::<Float64Type>(), ValueRef::Float),
        DataType::Boolean => each!(array.as_boolean(), ValueRef::Bool),
        DataType::Binary => each!(array.as_binary::<i32>(), ValueRef::Bytes),
        DataType::BinaryView => each!(array.as_binary_view(), ValueRef::Bytes),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            each!(array.as_primitive::<TimestampNanosecondType>(), ValueRef::Int)
        }
        _ => return Err(no_values(array)),
    })
}

fn no_values(array: &ArrayRef) -> ScanError {
    ScanError::internal(format!(
        "a column of type {} holds no value of the filter language",
        array.data_type()
    ))
}
