use nines_model::{Name, SmolStr};

use crate::{Literal, Pattern, TextSearch, Wildcard};

/// A filter as a tree. Built with [`Expr::and`] and [`Expr::or`] it is flat: no conjunction directly inside a
/// conjunction, no list of fewer than two.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Selects everything.
    All,
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// A word or phrase somewhere in the text of the event.
    Text(TextSearch),
    Compare(Comparison),
}

/// One field put to one test. A missing field fails every test.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub field: Name,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The field is there, whatever it holds.
    Exists,
    Is(Operator, Literal),
    /// Both ends included.
    Between {
        low: Literal,
        high: Literal,
    },
    Like(Wildcard),
    Matches(Pattern),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expr {
    /// All of `parts`; of none, everything.
    pub fn and(parts: Vec<Expr>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::All => {}
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::All,
            1 => flat.remove(0),
            _ => Self::And(flat),
        }
    }

    /// Any of `parts`, of which there must be at least one.
    pub fn or(parts: Vec<Expr>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        assert!(!flat.is_empty(), "a disjunction of nothing selects nothing and has no text");
        if flat.len() == 1 { flat.remove(0) } else { Self::Or(flat) }
    }

    #[expect(clippy::should_implement_trait, reason = "the word of the language")]
    pub fn not(inner: Expr) -> Self {
        Self::Not(Box::new(inner))
    }

    pub fn compare(field: impl Into<Name>, test: Test) -> Self {
        Self::Compare(Comparison { field: field.into(), test })
    }

    /// `field: text`, as a click on a value makes it.
    pub fn equals(field: impl Into<Name>, text: impl Into<SmolStr>) -> Self {
        let field = field.into();
        let literal = Literal::for_field(&field, text.into());
        Self::compare(field, Test::Is(Operator::Equal, literal))
    }

    /// Calls `see` for this node and every node below it, parents first.
    pub fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Expr)) {
        see(self);
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(inner) => inner.visit(see),
            Self::All | Self::Text(_) | Self::Compare(_) => {}
        }
    }
}

impl Operator {
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::LessOrEqual, Self::Greater, Self::GreaterOrEqual];

    /// As printed; `=` is printed `:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => ":",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it asks for an order rather than for equality.
    pub fn is_ordering(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}
