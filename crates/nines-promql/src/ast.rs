//! The syntax tree. Every node knows its place in the text, as warnings point there.

use crate::functions::Function;
use crate::labels::METRIC_NAME;
use crate::matcher::{MatchOp, Matcher};

/// Byte offsets into the query, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end }
    }

    /// `line:column` in `text`, both from 1, columns in bytes as upstream counts them.
    pub fn line_and_column(self, text: &str) -> String {
        let before = &text.as_bytes()[..self.start.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        format!("{line}:{column}")
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: Kind,
    pub span: Span,
    /// Longest way down to a leaf. Bounded by the parser, so that walking a tree cannot overflow the stack.
    pub(crate) height: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `written_as_duration` is only for printing it again.
    Number {
        value: f64,
        written_as_duration: bool,
    },
    Text(Text),
    Vector(Selector),
    Matrix(Matrix),
    Subquery(Box<Subquery>),
    Call {
        function: &'static Function,
        args: Vec<Expr>,
    },
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
    Unary {
        negative: bool,
        expr: Box<Expr>,
    },
    Paren(Box<Expr>),
}

/// A string literal. Its bytes may come from escapes that make no UTF-8; `value` then holds replacement characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub value: String,
    pub bytes_if_not_utf8: Option<Vec<u8>>,
}

/// What a selector does with the samples around its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edges {
    #[default]
    Plain,
    /// Ranges begin with the last sample before them.
    Anchored,
    /// Values at the edges are interpolated.
    Smoothed,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selector {
    /// The name before the braces, if there is one. Then the matcher of `__name__` is the last of `matchers`.
    pub name: Option<String>,
    pub matchers: Vec<Matcher>,
    pub offset: Option<Duration>,
    pub at: Option<At>,
    pub edges: Edges,
}

impl Selector {
    /// The name that every selected series has, if the matchers say so.
    pub fn metric_name(&self) -> Option<&str> {
        let equal = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
        self.matchers.iter().find(equal).map(Matcher::value)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub selector: Selector,
    pub range: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    pub expr: Expr,
    pub range: Duration,
    pub step: Option<Duration>,
    pub offset: Option<Duration>,
    pub at: Option<At>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// Milliseconds since the epoch.
    Time(i64),
    Start,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Duration {
    /// `90s`, in milliseconds.
    Literal(i64),
    /// A plain number, in seconds.
    Number(f64),
    /// The step of the query.
    Step,
    /// The length of the query.
    Range,
    Signed {
        negative: bool,
        of: Box<Duration>,
    },
    Paren(Box<Duration>),
    Binary {
        op: BinaryOp,
        left: Box<Duration>,
        right: Box<Duration>,
    },
    Least(Box<Duration>, Box<Duration>),
    Greatest(Box<Duration>, Box<Duration>),
}

/// What `step()` and `range()` are, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryTimes {
    pub start: i64,
    pub end: i64,
    pub step: i64,
}

impl Duration {
    /// In milliseconds.
    pub fn resolve(&self, times: QueryTimes) -> Result<i64, String> {
        let seconds = self.seconds(times)?;
        let millis = (seconds * 1000.0).round();
        // A million years is beyond every timestamp; it also keeps sums of a few durations inside of an i64.
        if millis.is_nan() || millis.abs() >= 3.2e16 {
            return Err("duration out of range".to_owned());
        }
        Ok(millis as i64)
    }

    fn seconds(&self, times: QueryTimes) -> Result<f64, String> {
        Ok(match self {
            Self::Literal(millis) => *millis as f64 / 1000.0,
            Self::Number(seconds) => *seconds,
            Self::Step => times.step as f64 / 1000.0,
            Self::Range => (times.end - times.start) as f64 / 1000.0,
            Self::Signed { negative: false, of } | Self::Paren(of) => of.seconds(times)?,
            Self::Signed { negative: true, of } => -of.seconds(times)?,
            Self::Least(a, b) => a.seconds(times)?.min(b.seconds(times)?),
            Self::Greatest(a, b) => a.seconds(times)?.max(b.seconds(times)?),
            Self::Binary { op, left, right } => {
                let (left, right) = (left.seconds(times)?, right.seconds(times)?);
                match op {
                    BinaryOp::Add => left + right,
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul => left * right,
                    BinaryOp::Div if right == 0.0 => return Err("division by zero".to_owned()),
                    BinaryOp::Div => left / right,
                    BinaryOp::Mod if right == 0.0 => return Err("modulo by zero".to_owned()),
                    BinaryOp::Mod => left % right,
                    BinaryOp::Pow => left.powf(right),
                    other => return Err(format!("operator `{}` is not for durations", other.symbol())),
                }
            }
        })
    }

    /// Whether the value is known without the query's times.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Self::Literal(_) | Self::Number(_) => true,
            Self::Step | Self::Range => false,
            Self::Signed { of, .. } | Self::Paren(of) => of.is_constant(),
            Self::Least(a, b) | Self::Greatest(a, b) => a.is_constant() && b.is_constant(),
            Self::Binary { left, right, .. } => left.is_constant() && right.is_constant(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
    LimitK,
    LimitRatio,
}

impl AggregateOp {
    pub const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::TopK,
        Self::BottomK,
        Self::CountValues,
        Self::Quantile,
        Self::LimitK,
        Self::LimitRatio,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::TopK => "topk",
            Self::BottomK => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::LimitK => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name().eq_ignore_ascii_case(name))
    }

    /// Whether a parameter comes before the vector.
    pub fn has_param(self) -> bool {
        self.selects() || matches!(self, Self::CountValues | Self::Quantile)
    }

    /// Whether the result holds series of the input as they are.
    pub fn selects(self) -> bool {
        matches!(self, Self::TopK | Self::BottomK | Self::LimitK | Self::LimitRatio)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub expr: Expr,
    pub param: Option<Expr>,
    pub grouping: Vec<smol_str::SmolStr>,
    pub without: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    /// `</`: the part of a histogram below a value.
    TrimUpper,
    /// `>/`: the part of a histogram above a value.
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Higher binds tighter.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            op if op.is_comparison() => 3,
            Self::TrimUpper | Self::TrimLower => 3,
            Self::Add | Self::Sub => 4,
            Self::Pow => 6,
            _ => 5,
        }
    }

    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Greater
                | Self::Less
                | Self::GreaterOrEqual
                | Self::LessOrEqual
        )
    }

    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How many series of one side may match one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    #[default]
    OneToOne,
    ManyToOne,
    OneToMany,
    ManyToMany,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    pub cardinality: Cardinality,
    pub labels: Vec<smol_str::SmolStr>,
    /// `on (labels)`; otherwise `ignoring (labels)`.
    pub on: bool,
    /// Labels that `group_left` or `group_right` takes from the "one" side.
    pub include: Vec<smol_str::SmolStr>,
    /// Stands for a series that is missing on the left, on the right.
    pub fill_left: Option<f64>,
    pub fill_right: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    pub returns_bool: bool,
    /// For two vectors.
    pub matching: Matching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    Scalar,
    Text,
    Vector,
    Matrix,
}

impl ValueType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Text => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

impl Expr {
    pub(crate) fn new(kind: Kind, span: Span) -> Self {
        let height = children(&kind).into_iter().map(|child| child.height).max().unwrap_or(0) + 1;
        Self { kind, span, height }
    }

    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number { .. } => ValueType::Scalar,
            Kind::Text(_) => ValueType::Text,
            Kind::Vector(_) | Kind::Aggregate(_) => ValueType::Vector,
            Kind::Matrix(_) | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Call { function, .. } => function.returns,
            Kind::Unary { expr, .. } | Kind::Paren(expr) => expr.value_type(),
            Kind::Binary(binary) => {
                let scalar = |expr: &Expr| expr.value_type() == ValueType::Scalar;
                if scalar(&binary.left) && scalar(&binary.right) {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
        }
    }

    /// Parentheses taken away.
    pub fn inner(&self) -> &Expr {
        let mut expr = self;
        while let Kind::Paren(inside) = &expr.kind {
            expr = inside;
        }
        expr
    }

    /// The direct parts, in the order of the text.
    pub fn children(&self) -> Vec<&Expr> {
        children(&self.kind)
    }

    /// Every selector in the tree, in the order of the text.
    pub fn selectors(&self) -> Vec<&Selector> {
        let mut found = Vec::new();
        let mut pending = vec![self];
        while let Some(expr) = pending.pop() {
            match &expr.kind {
                Kind::Vector(selector) => found.push(selector),
                Kind::Matrix(matrix) => found.push(&matrix.selector),
                _ => pending.extend(expr.children().into_iter().rev()),
            }
        }
        found
    }
}

fn children(kind: &Kind) -> Vec<&Expr> {
    match kind {
        Kind::Number { .. } | Kind::Text(_) | Kind::Vector(_) | Kind::Matrix(_) => Vec::new(),
        Kind::Subquery(subquery) => vec![&subquery.expr],
        Kind::Call { args, .. } => args.iter().collect(),
        Kind::Aggregate(aggregate) => aggregate.param.iter().chain([&aggregate.expr]).collect(),
        Kind::Binary(binary) => vec![&binary.left, &binary.right],
        Kind::Unary { expr, .. } | Kind::Paren(expr) => vec![expr],
    }
}
