//! A filter as a DataFusion expression over one dataset's columns.
//!
//! The promise: a row is selected exactly if `Filter::matches` is true of the event that it was made from. It is kept
//! in two ways. Where Arrow's own comparison means the same, it is used, because statistics and bloom filters can then
//! skip whole row groups. Everywhere else the plan calls the very code that `matches` runs, through a scalar function.
//!
//! Three-valued logic: a test on a null column is null. `and` and `or` pass nulls on, which at the top of a filter means
//! "not selected", as it should be. `not` is lowered to `IS NOT TRUE`, so that the absent field turns into true there.
//!
//! A field is looked up in its column first and, where that is null, in the overflow object: there lie the values whose
//! type did not fit the column and the fields that have none.

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, cast, lit};
use nines_filter::{
    Comparison, Expr as Ast, Filter, Literal, Number, Operator, TEXT_FIELDS, Test, TextSearch,
};
use nines_model::field;

use crate::functions::{OverflowQuestion, field_test, overflow_test, overflow_text, text_test};

/// The filter as a predicate over `schema`; null means not selected.
pub(crate) fn lower(filter: &Filter, schema: &Schema) -> Expr {
    Lowering { schema, overflow: has_overflow(schema) }.expr(filter.ast())
}

/// A column by its whole name, dots and all.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn has_overflow(schema: &Schema) -> bool {
    schema.field_with_name(field::OVERFLOW).is_ok()
}

struct Lowering<'a> {
    schema: &'a Schema,
    overflow: bool,
}

impl Lowering<'_> {
    fn expr(&self, ast: &Ast) -> Expr {
        match ast {
            Ast::All => lit(true),
            Ast::And(parts) => all(parts.iter().map(|part| self.expr(part))),
            Ast::Or(parts) => any(parts.iter().map(|part| self.expr(part))),
            Ast::Not(inner) => Expr::IsNotTrue(Box::new(self.expr(inner))),
            Ast::Text(search) => self.text(search),
            Ast::Compare(comparison) => self.comparison(comparison),
        }
    }

    fn comparison(&self, comparison: &Comparison) -> Expr {
        let in_column = self.column_of(&comparison.field).map(|field| in_column(comparison, field));
        let in_overflow = self.may_overflow(&comparison.field).then(|| {
            let question = OverflowQuestion::Field(comparison.clone());
            self.in_overflow(question)
        });
        any(in_column.into_iter().chain(in_overflow))
    }

    fn text(&self, search: &TextSearch) -> Expr {
        let texts = TEXT_FIELDS
            .iter()
            .filter_map(|name| self.column_of(name))
            .filter(|field| is_text(field.data_type()));
        let mut parts: Vec<Expr> =
            texts.map(|field| text_test(search, false, column(field.name()))).collect();
        if let Some(id) = search.id_field()
            && self.column_of(id).is_some_and(|field| is_text(field.data_type()))
        {
            parts.push(text_test(search, true, column(id)));
        }
        if self.overflow {
            parts.push(self.in_overflow(OverflowQuestion::Text(search.clone())));
        }
        any(parts)
    }

    fn column_of(&self, name: &str) -> Option<&Field> {
        if name == field::OVERFLOW { None } else { self.schema.field_with_name(name).ok() }
    }

    /// The event's time always has its column.
    fn may_overflow(&self, name: &str) -> bool {
        self.overflow && name != field::TIMESTAMP
    }

    /// Guarded by `IS NOT NULL`, so that row groups without any overflow are told by their statistics.
    fn in_overflow(&self, question: OverflowQuestion) -> Expr {
        column(field::OVERFLOW).is_not_null().and(overflow_test(question, column(field::OVERFLOW)))
    }
}

/// The test on one column, null where the column is null.
fn in_column(comparison: &Comparison, field: &Field) -> Expr {
    let subject = column(field.name());
    let slow = || field_test(comparison, column(field.name()));
    match (&comparison.test, value_kind(field.data_type())) {
        (Test::Exists, _) => subject.is_not_null(),
        (Test::Is(operator, literal), Kind::Text) => match (operator, literal.number()) {
            (Operator::Equal, _) => subject.eq(lit(literal.text())),
            (Operator::NotEqual, _) => subject.not_eq(lit(literal.text())),
            // A number may stand in the text: only the language's own reading of it will do.
            (_, Some(_)) => slow(),
            (operator, None) => compare(*operator, subject, lit(literal.text())),
        },
        (Test::Is(operator, literal), Kind::Int) => int_is(*operator, literal, subject),
        (Test::Is(operator, literal), Kind::Float) => float_is(*operator, literal, subject),
        (Test::Is(operator, literal), Kind::Bool) => bool_is(*operator, literal, subject),
        (Test::Is(operator, literal), Kind::Time(zone)) => match literal.number() {
            Some(Number::Int(nanos)) => compare(
                *operator,
                subject,
                Expr::Literal(ScalarValue::TimestampNanosecond(Some(nanos), zone), None),
            ),
            _ => slow(),
        },
        (Test::Between { low, high }, kind) if !matches!(kind, Kind::Other) => {
            let end = |operator, literal: &Literal| {
                let test = Test::Is(operator, literal.clone());
                in_column(&Comparison { field: comparison.field.clone(), test }, field)
            };
            end(Operator::GreaterOrEqual, low).and(end(Operator::LessOrEqual, high))
        }
        (Test::Like(wildcard), Kind::Text) => match &*wildcard.parts()[0] {
            "" => slow(),
            // What begins so lies between these bounds, by which row groups are skipped.
            first => {
                let lower = subject.clone().gt_eq(lit(first));
                let bounded = match after_prefix(first) {
                    Some(bound) => lower.and(subject.lt(lit(bound))),
                    None => lower,
                };
                bounded.and(slow())
            }
        },
        _ => slow(),
    }
}

fn int_is(operator: Operator, literal: &Literal, subject: Expr) -> Expr {
    match literal.number() {
        Some(Number::Int(number)) => compare(operator, subject, lit(number)),
        // Adding zero turns a negative zero, which Arrow would sort below zero, into a plain one.
        Some(Number::Float(number)) => compare(operator, cast(subject, DataType::Float64), lit(number + 0.0)),
        None => not_comparable(operator, subject),
    }
}

/// Arrow sorts floats in total order, where −0 < +0 and NaN is greater than everything; the language follows IEEE 754.
fn float_is(operator: Operator, literal: &Literal, subject: Expr) -> Expr {
    let Some(number) = literal.number().map(Number::as_f64) else { return not_comparable(operator, subject) };
    let (low, high) = if number == 0.0 { (-0.0, 0.0) } else { (number, number) };
    let s = || subject.clone();
    match operator {
        Operator::Equal if number == 0.0 => s().gt_eq(lit(low)).and(s().lt_eq(lit(high))),
        Operator::Equal => s().eq(lit(number)),
        Operator::NotEqual if number == 0.0 => s().lt(lit(low)).or(s().gt(lit(high))),
        Operator::NotEqual => s().not_eq(lit(number)),
        Operator::Less => s().lt(lit(low)).and(s().gt_eq(lit(f64::NEG_INFINITY))),
        Operator::LessOrEqual => s().lt_eq(lit(high)).and(s().gt_eq(lit(f64::NEG_INFINITY))),
        Operator::Greater => s().gt(lit(high)).and(s().lt_eq(lit(f64::INFINITY))),
        Operator::GreaterOrEqual => s().gt_eq(lit(low)).and(s().lt_eq(lit(f64::INFINITY))),
    }
}

fn bool_is(operator: Operator, literal: &Literal, subject: Expr) -> Expr {
    match (operator, literal.as_bool()) {
        (Operator::Equal, Some(flag)) => subject.eq(lit(flag)),
        (Operator::NotEqual, Some(flag)) => subject.not_eq(lit(flag)),
        _ => not_comparable(operator, subject),
    }
}

/// A value that the literal cannot be compared with: present, so unequal, but neither less nor greater.
fn not_comparable(operator: Operator, subject: Expr) -> Expr {
    if operator == Operator::NotEqual { subject.is_not_null() } else { lit(false) }
}

fn compare(operator: Operator, left: Expr, right: Expr) -> Expr {
    match operator {
        Operator::Equal => left.eq(right),
        Operator::NotEqual => left.not_eq(right),
        Operator::Less => left.lt(right),
        Operator::LessOrEqual => left.lt_eq(right),
        Operator::Greater => left.gt(right),
        Operator::GreaterOrEqual => left.gt_eq(right),
    }
}

/// The least text that is greater than everything that begins with `prefix`; none if there is no such text of this
/// length.
fn after_prefix(prefix: &str) -> Option<String> {
    let last = prefix.chars().next_back()?;
    let next = char::from_u32(u32::from(last) + 1)?;
    let mut bound = prefix[..prefix.len() - last.len_utf8()].to_owned();
    bound.push(next);
    Some(bound)
}

enum Kind {
    Text,
    Int,
    Float,
    Bool,
    Time(Option<std::sync::Arc<str>>),
    Other,
}

fn value_kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Dictionary(_, value) => value_kind(value),
        DataType::Int64 | DataType::Int32 | DataType::Int16 | DataType::Int8 => Kind::Int,
        DataType::UInt32 | DataType::UInt16 | DataType::UInt8 => Kind::Int,
        DataType::Float64 => Kind::Float,
        DataType::Boolean => Kind::Bool,
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => Kind::Time(zone.clone()),
        _ => Kind::Other,
    }
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(value_kind(data_type), Kind::Text)
}

fn all(parts: impl IntoIterator<Item = Expr>) -> Expr {
    balanced(parts.into_iter().collect(), Expr::and).unwrap_or_else(|| lit(true))
}

fn any(parts: impl IntoIterator<Item = Expr>) -> Expr {
    balanced(parts.into_iter().collect(), Expr::or).unwrap_or_else(|| lit(false))
}

/// Joins as a balanced tree: a chain of hundreds of terms would make the optimizer recurse as deep.
fn balanced(mut parts: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    while parts.len() > 1 {
        let mut joined = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            joined.push(match rest.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        parts = joined;
    }
    parts.pop()
}

/// `start <= timestamp < end`, without the ends that are open.
pub(crate) fn in_range(range: nines_model::TimeRange, schema: &Schema) -> Expr {
    let zone = match schema.field_with_name(field::TIMESTAMP).map(Field::data_type) {
        Ok(DataType::Timestamp(_, zone)) => zone.clone(),
        _ => None,
    };
    let at = |at: nines_model::Timestamp| {
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(at.as_nanos()), zone.clone()), None)
    };
    let mut parts = Vec::new();
    if range.start > nines_model::Timestamp::MIN {
        parts.push(column(field::TIMESTAMP).gt_eq(at(range.start)));
    }
    if range.end < nines_model::Timestamp::MAX {
        parts.push(column(field::TIMESTAMP).lt(at(range.end)));
    }
    all(parts)
}

/// The field as text, for grouping: its column, else its value in the overflow, else null.
pub(crate) fn text_of(name: &str, schema: &Schema) -> Expr {
    let lowering = Lowering { schema, overflow: has_overflow(schema) };
    let in_column = lowering.column_of(name).map(|field| cast(column(field.name()), DataType::Utf8View));
    let in_overflow = lowering.may_overflow(name).then(|| overflow_text(name, column(field::OVERFLOW)));
    match (in_column, in_overflow) {
        (Some(here), Some(there)) => datafusion::functions::expr_fn::coalesce(vec![here, there]),
        (Some(value), None) | (None, Some(value)) => value,
        (None, None) => Expr::Literal(ScalarValue::Utf8View(None), None),
    }
}
