//! A filter as tests of columns.
//!
//! The promise: a row is selected exactly if `Filter::matches` is true of the event that it was made from; a property
//! test holds us to it. Every test is false where its column is null, and true or false elsewhere, so the logic has two
//! values, as the language has.
//!
//! A field is looked up in its column and in the overflow object: there lie the values whose type did not fit the column
//! and the fields that have none. A row never has both.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};

use nines_filter::{Comparison, Expr, Filter, Literal, Number, Operator, TEXT_FIELDS, Test, TextSearch};
use nines_model::{Name, TimeRange, Timestamp, field};

use nines_storage::index::{Token, required_tokens};

use crate::part::Part;

/// A test of one column; null fails.
#[derive(Debug)]
pub(crate) enum ColumnTest {
    Present,
    /// Of a text: it is this one, or, if `negated`, another.
    TextIs {
        text: String,
        negated: bool,
    },
    /// Of a text: it begins so, and passes the test.
    TextBegins {
        start: String,
        test: Test,
    },
    /// Of an integer or a time: it lies between the two, both included, or, if `negated`, does not.
    Range {
        low: i64,
        high: i64,
        negated: bool,
    },
    /// Whatever the language has beyond these.
    Value(Test),
    /// Of a text that is indexed: the words are found in it, which takes these tokens.
    Found {
        search: TextSearch,
        tokens: Vec<Token>,
    },
    /// Of a text: it is the id that was searched for.
    Id(TextSearch),
    /// Of an overflow object: one of its fields passes.
    OverflowField(Comparison),
    /// Of an overflow object: the words are found in it.
    OverflowText(TextSearch),
}

#[derive(Debug)]
pub(crate) struct Leaf {
    pub column: Name,
    pub test: ColumnTest,
}

/// The filter over one dataset. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Const(bool),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(Arc<Leaf>),
}

impl Node {
    /// The filter over the columns of `schema`.
    pub fn of_filter(filter: &Filter, schema: &Schema) -> Self {
        Compiler { schema, overflow: schema.field_with_name(field::OVERFLOW).is_ok() }.node(filter.ast())
    }

    /// `start <= timestamp < end`; the greatest time as the end leaves it open.
    pub fn of_range(range: TimeRange) -> Self {
        if range.start == Timestamp::MIN && range.end == Timestamp::MAX {
            return Self::Const(true);
        }
        if range.end <= range.start {
            return Self::Const(false);
        }
        let low = range.start.as_nanos();
        let end = range.end.as_nanos();
        let high = if range.end == Timestamp::MAX { end } else { end - 1 };
        leaf(field::TIMESTAMP, ColumnTest::Range { low, high, negated: false })
    }

    pub fn and(self, other: Self) -> Self {
        all(vec![self, other])
    }

    pub fn is_const(&self, value: bool) -> bool {
        matches!(self, Self::Const(constant) if *constant == value)
    }

    /// What is left to be asked of the rows of `part`, after what is known of its columns.
    pub fn settle(&self, part: &Part) -> Self {
        self.fold(&|leaf| leaf.settle(part))
    }

    /// What is left when `known` tells some tests to be always or never true.
    pub fn fold(&self, known: &impl Fn(&Leaf) -> Option<bool>) -> Self {
        match self {
            Self::Const(value) => Self::Const(*value),
            Self::Not(inner) => not(inner.fold(known)),
            Self::And(parts) => {
                let mut left = Vec::with_capacity(parts.len());
                for inner in parts {
                    match inner.fold(known) {
                        Self::Const(true) => {}
                        Self::Const(false) => return Self::Const(false),
                        other => left.push(other),
                    }
                }
                all(left)
            }
            Self::Or(parts) => {
                let mut left = Vec::with_capacity(parts.len());
                for inner in parts {
                    match inner.fold(known) {
                        Self::Const(false) => {}
                        Self::Const(true) => return Self::Const(true),
                        other => left.push(other),
                    }
                }
                any(left)
            }
            Self::Leaf(leaf) => match known(leaf) {
                Some(value) => Self::Const(value),
                None => self.clone(),
            },
        }
    }

    /// The names of the columns that are tested, each once.
    pub fn columns(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        self.visit(&mut |leaf| {
            if !names.contains(&&leaf.column) {
                names.push(&leaf.column);
            }
        });
        names
    }

    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Leaf)) {
        match self {
            Self::Const(_) => {}
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(inner) => inner.visit(see),
            Self::Leaf(leaf) => see(leaf),
        }
    }
}

impl Leaf {
    fn settle(&self, part: &Part) -> Option<bool> {
        let Some(facts) = part.facts(&self.column) else { return Some(false) };
        facts.settle(&self.test).or_else(|| part.refutes(&self.column, &self.test).then_some(false))
    }
}

fn leaf(column: impl Into<Name>, test: ColumnTest) -> Node {
    Node::Leaf(Arc::new(Leaf { column: column.into(), test }))
}

fn all(mut parts: Vec<Node>) -> Node {
    if parts.iter().any(|part| part.is_const(false)) {
        return Node::Const(false);
    }
    parts.retain(|part| !part.is_const(true));
    match parts.len() {
        0 => Node::Const(true),
        1 => parts.remove(0),
        _ => Node::And(parts),
    }
}

fn any(mut parts: Vec<Node>) -> Node {
    if parts.iter().any(|part| part.is_const(true)) {
        return Node::Const(true);
    }
    parts.retain(|part| !part.is_const(false));
    match parts.len() {
        0 => Node::Const(false),
        1 => parts.remove(0),
        _ => Node::Or(parts),
    }
}

fn not(inner: Node) -> Node {
    match inner {
        Node::Const(value) => Node::Const(!value),
        other => Node::Not(Box::new(other)),
    }
}

struct Compiler<'a> {
    schema: &'a Schema,
    overflow: bool,
}

impl Compiler<'_> {
    fn node(&self, ast: &Expr) -> Node {
        match ast {
            Expr::All => Node::Const(true),
            Expr::And(parts) => all(parts.iter().map(|part| self.node(part)).collect()),
            Expr::Or(parts) => any(parts.iter().map(|part| self.node(part)).collect()),
            Expr::Not(inner) => not(self.node(inner)),
            Expr::Text(search) => self.text(search),
            Expr::Compare(comparison) => self.comparison(comparison),
        }
    }

    fn comparison(&self, comparison: &Comparison) -> Node {
        let name = &comparison.field;
        let in_column =
            self.type_of(name).map(|kind| leaf(name.clone(), column_test(&comparison.test, kind)));
        // The event's time always has its column.
        let in_overflow = (self.overflow && name != field::TIMESTAMP)
            .then(|| leaf(field::OVERFLOW, ColumnTest::OverflowField(comparison.clone())));
        any(in_column.into_iter().chain(in_overflow).collect())
    }

    fn text(&self, search: &TextSearch) -> Node {
        let is_text = |name: &str| self.type_of(name).is_some_and(is_text);
        let texts = TEXT_FIELDS.into_iter().filter(|name| is_text(name));
        let mut parts: Vec<Node> = texts.map(|name| leaf(name, found(search))).collect();
        if let Some(id) = search.id_field().filter(|id| is_text(id)) {
            parts.push(leaf(id, ColumnTest::Id(search.clone())));
        }
        if self.overflow {
            parts.push(leaf(field::OVERFLOW, ColumnTest::OverflowText(search.clone())));
        }
        any(parts)
    }

    /// Of the field's column, if it has one. The overflow column is nobody's field.
    fn type_of(&self, name: &str) -> Option<&DataType> {
        if name == field::OVERFLOW {
            return None;
        }
        self.schema.field_with_name(name).ok().map(|field| field.data_type())
    }
}

fn found(search: &TextSearch) -> ColumnTest {
    // Beyond ASCII, letters fold together that make different tokens: K is also the sign of the kelvin.
    let tokens =
        if search.text().is_ascii() || search.text().chars().all(|letter| !letter.is_ascii_alphabetic()) {
            required_tokens(search.text(), false, search.is_prefix())
        } else {
            Vec::new()
        };
    ColumnTest::Found { search: search.clone(), tokens }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        || matches!(kind, DataType::Dictionary(_, value) if is_text(value))
}

fn is_whole(kind: &DataType) -> bool {
    matches!(kind, DataType::Int64 | DataType::Timestamp(TimeUnit::Nanosecond, _))
}

fn column_test(test: &Test, kind: &DataType) -> ColumnTest {
    let range = match test {
        Test::Is(operator, literal) if is_whole(kind) => whole_range(*operator, literal),
        Test::Between { low, high } if is_whole(kind) => match (low.number(), high.number()) {
            (Some(Number::Int(low)), Some(Number::Int(high))) => Some((low, high, false)),
            _ => None,
        },
        _ => None,
    };
    if let Some((low, high, negated)) = range {
        return ColumnTest::Range { low, high, negated };
    }
    match test {
        Test::Exists => ColumnTest::Present,
        Test::Is(Operator::Equal, literal) if is_text(kind) => {
            ColumnTest::TextIs { text: literal.text().to_owned(), negated: false }
        }
        Test::Is(Operator::NotEqual, literal) if is_text(kind) => {
            ColumnTest::TextIs { text: literal.text().to_owned(), negated: true }
        }
        Test::Like(wildcard) if is_text(kind) && !wildcard.parts()[0].is_empty() => {
            ColumnTest::TextBegins { start: wildcard.parts()[0].to_string(), test: test.clone() }
        }
        _ => ColumnTest::Value(test.clone()),
    }
}

/// The integers that pass, if the literal is one: from, to, and whether it is the others.
fn whole_range(operator: Operator, literal: &Literal) -> Option<(i64, i64, bool)> {
    let Some(Number::Int(number)) = literal.number() else { return None };
    // An empty range is one whose low end is above its high end.
    let below = number.checked_sub(1).map_or((i64::MAX, i64::MIN), |high| (i64::MIN, high));
    let above = number.checked_add(1).map_or((i64::MAX, i64::MIN), |low| (low, i64::MAX));
    Some(match operator {
        Operator::Equal => (number, number, false),
        Operator::NotEqual => (number, number, true),
        Operator::Less => (below.0, below.1, false),
        Operator::LessOrEqual => (i64::MIN, number, false),
        Operator::Greater => (above.0, above.1, false),
        Operator::GreaterOrEqual => (number, i64::MAX, false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word is ruled out by the tokens of a segment only if all columns that are searched have theirs in there.
    #[test]
    fn what_is_searched_is_what_segments_index() {
        assert_eq!(TEXT_FIELDS, nines_storage::index::INDEXED_TEXT);
    }

    #[test]
    fn beyond_ascii_only_pairs_of_characters_rule_out() {
        let tokens = |text: &str, prefix| match found(&TextSearch::new(text, prefix).unwrap()) {
            ColumnTest::Found { tokens, .. } => tokens.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(tokens("connection reset", false), 2);
        assert_eq!(tokens("connection res", true), 1);
        assert_eq!(tokens("直播卡", false), 2);
        assert_eq!(tokens("切换CDN失败", false), 0);
        assert_eq!(tokens("größe", false), 0);
    }
}
