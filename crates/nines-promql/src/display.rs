//! The canonical text of a tree. It parses to a tree that prints the same.

use std::fmt;

use crate::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Cardinality, Duration, Edges, Expr, Kind, Selector, Text,
};
use crate::labels::{METRIC_NAME, is_plain_label_name, is_plain_metric_name, quoted};
use crate::lexer::format_duration;
use crate::number::format_general;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Number { value, written_as_duration } => f.write_str(&number(*value, *written_as_duration)),
            Kind::Text(text) => write!(f, "{text}"),
            Kind::Vector(selector) => {
                write!(f, "{}{}", Series(selector), Modifiers::of(selector))
            }
            Kind::Matrix(matrix) => {
                let (selector, range) = (&matrix.selector, &matrix.range);
                write!(f, "{}[{range}]{}", Series(selector), Modifiers::of(selector))
            }
            Kind::Subquery(subquery) => {
                let modifiers =
                    Modifiers { at: subquery.at, offset: subquery.offset.as_ref(), edges: Edges::Plain };
                write!(f, "{}[{}:", subquery.expr, subquery.range)?;
                if let Some(step) = &subquery.step {
                    write!(f, "{step}")?;
                }
                write!(f, "]{modifiers}")
            }
            Kind::Call { function, args } => {
                write!(f, "{}(", function.name)?;
                for (position, arg) in args.iter().enumerate() {
                    write!(f, "{}{arg}", if position > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Kind::Aggregate(aggregate) => {
                write!(f, "{}(", aggregate_head(aggregate))?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.expr)
            }
            Kind::Binary(binary) => {
                write!(f, "{} {} {}", binary.left, binary_head(binary), binary.right)
            }
            Kind::Unary { negative, expr } => write!(f, "{}{expr}", if *negative { "-" } else { "+" }),
            Kind::Paren(inside) => write!(f, "({inside})"),
        }
    }
}

/// `sum by (job) `, with the blank that the parenthesis of the arguments needs.
pub(crate) fn aggregate_head(aggregate: &Aggregate) -> String {
    let name = aggregate.op.name();
    if aggregate.without {
        format!("{name} without ({}) ", names(&aggregate.grouping))
    } else if aggregate.grouping.is_empty() {
        name.to_owned()
    } else {
        format!("{name} by ({}) ", names(&aggregate.grouping))
    }
}

/// The operator with its modifiers.
pub(crate) fn binary_head(binary: &Binary) -> String {
    let mut text = binary.op.symbol().to_owned();
    if binary.returns_bool {
        text.push_str(" bool");
    }
    let matching = &binary.matching;
    let grouped = matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
    if matching.on || !matching.labels.is_empty() || grouped {
        let word = if matching.on { "on" } else { "ignoring" };
        text.push_str(&format!(" {word} ({})", names(&matching.labels)));
    }
    if grouped {
        let left = matching.cardinality == Cardinality::ManyToOne;
        let word = if left { "group_left" } else { "group_right" };
        text.push_str(&format!(" {word} ({})", names(&matching.include)));
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
            text.push_str(&format!(" fill ({})", number(left, false)));
        }
        (left, right) => {
            for (word, value) in [("fill_left", left), ("fill_right", right)] {
                if let Some(value) = value {
                    text.push_str(&format!(" {word} ({})", number(value, false)));
                }
            }
        }
    }
    text
}

pub(crate) fn names(labels: &[smol_str::SmolStr]) -> String {
    let written =
        labels.iter().map(|name| if is_plain_label_name(name) { name.to_string() } else { quoted(name) });
    written.collect::<Vec<_>>().join(", ")
}

pub(crate) fn number(value: f64, as_duration: bool) -> String {
    let millis = value * 1000.0;
    if as_duration && millis.abs() < 1e15 && millis.fract() == 0.0 {
        return format_duration(millis as i64);
    }
    format_general(value)
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bytes) = &self.bytes_if_not_utf8 else { return f.write_str(&quoted(&self.value)) };
        f.write_str("\"")?;
        for chunk in bytes.utf8_chunks() {
            f.write_str(quoted(chunk.valid()).trim_matches('"'))?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str("\"")
    }
}

/// The name and the braces.
pub(crate) struct Series<'s>(pub &'s Selector);

impl fmt::Display for Series<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut matchers = Vec::new();
        let mut named = false;
        if let Some(name) = &self.0.name {
            // A name that the parser would take for an operator or an aggregation stands in braces.
            named = is_plain_metric_name(name) && !is_reserved(name);
            if named {
                f.write_str(name)?;
            } else {
                matchers.push(quoted(name));
            }
        }
        for matcher in &self.0.matchers {
            // The name stands once; other conditions on it stay.
            let is_name = matcher.name() == METRIC_NAME
                && matcher.op() == crate::matcher::MatchOp::Equal
                && Some(matcher.value()) == self.0.name.as_deref();
            if !is_name {
                matchers.push(matcher.to_string());
            }
        }
        if named && matchers.is_empty() {
            return Ok(());
        }
        write!(f, "{{{}}}", matchers.join(","))
    }
}

fn is_reserved(name: &str) -> bool {
    const WORDS: [&str; 16] = [
        "and",
        "or",
        "unless",
        "atan2",
        "bool",
        "on",
        "ignoring",
        "by",
        "without",
        "offset",
        "inf",
        "nan",
        "group_left",
        "group_right",
        "anchored",
        "smoothed",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(name)) || AggregateOp::named(name).is_some()
}

pub(crate) struct Modifiers<'s> {
    pub at: Option<At>,
    pub offset: Option<&'s Duration>,
    pub edges: Edges,
}

impl<'s> Modifiers<'s> {
    pub fn of(selector: &'s Selector) -> Self {
        Self { at: selector.at, offset: selector.offset.as_ref(), edges: selector.edges }
    }
}

impl fmt::Display for Modifiers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.edges {
            Edges::Plain => {}
            Edges::Anchored => f.write_str(" anchored")?,
            Edges::Smoothed => f.write_str(" smoothed")?,
        }
        match self.at {
            None => {}
            Some(At::Time(millis)) => {
                let sign = if millis < 0 { "-" } else { "" };
                let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
                write!(f, " @ {sign}{seconds}.{rest:03}")?;
            }
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
        }
        match self.offset {
            None => Ok(()),
            Some(offset) => write!(f, " offset {offset}"),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(millis) => f.write_str(&format_duration(*millis)),
            Self::Number(seconds) => f.write_str(&number(*seconds, false)),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Signed { negative, of } => write!(f, "{}{of}", if *negative { "-" } else { "+" }),
            Self::Paren(of) => write!(f, "({of})"),
            Self::Least(a, b) => write!(f, "min_of({a}, {b})"),
            Self::Greatest(a, b) => write!(f, "max_of({a}, {b})"),
            Self::Binary { op, left, right } => write!(f, "{left} {} {right}", BinaryOp::symbol(*op)),
        }
    }
}
