//! Types: what may stand where.

use super::expect_type;
use crate::ast::{Binary, BinaryOp, Cardinality, Expr, Kind, ValueType};
use crate::error::ParseError;
use crate::functions::{Arity, Function, Id};

pub(super) fn check(root: &Expr) -> Result<(), ParseError> {
    let mut pending = vec![root];
    while let Some(expr) = pending.pop() {
        one(expr)?;
        pending.extend(expr.children().into_iter().rev());
    }
    Ok(())
}

fn one(expr: &Expr) -> Result<(), ParseError> {
    match &expr.kind {
        Kind::Number { .. } | Kind::Text(_) | Kind::Vector(_) | Kind::Matrix(_) | Kind::Paren(_) => Ok(()),
        Kind::Subquery(subquery) => {
            if subquery.expr.value_type() == ValueType::Vector {
                return Ok(());
            }
            let found = subquery.expr.value_type().name();
            let message = format!("subquery is only allowed on instant vector, got {found} instead");
            Err(ParseError::new(message, subquery.expr.span))
        }
        Kind::Unary { expr: inside, .. } => match inside.value_type() {
            ValueType::Scalar | ValueType::Vector => Ok(()),
            other => {
                let message = format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got \"{}\"",
                    other.name()
                );
                Err(ParseError::new(message, expr.span))
            }
        },
        Kind::Aggregate(aggregate) => {
            expect_type(&aggregate.expr, ValueType::Vector, "aggregation expression")?;
            match &aggregate.param {
                Some(param) => {
                    let counts = aggregate.op == crate::ast::AggregateOp::CountValues;
                    let wanted = if counts { ValueType::Text } else { ValueType::Scalar };
                    expect_type(param, wanted, "aggregation parameter")
                }
                None => Ok(()),
            }
        }
        Kind::Call { function, args } => call(function, args, expr),
        Kind::Binary(binary) => binary_operands(binary, expr),
    }
}

fn call(function: &'static Function, args: &[Expr], expr: &Expr) -> Result<(), ParseError> {
    let wanted = function.args.len();
    let (least, most) = match function.arity {
        Arity::Exact => (wanted, Some(wanted)),
        Arity::LastOptional => (wanted - 1, Some(wanted)),
        Arity::LastRepeats => (wanted - 1, None),
    };
    let wrong = |how: String| {
        let message = format!("expected {how} in call to \"{}\", got {}", function.name, args.len());
        Err(ParseError::new(message, expr.span).hint(format!("it is {}", function.signature())))
    };
    if args.len() < least {
        let how = if most == Some(least) { "" } else { "at least " };
        return wrong(format!("{how}{least} argument(s)"));
    }
    if let Some(most) = most.filter(|most| args.len() > *most) {
        let how = if most == least { "" } else { "at most " };
        return wrong(format!("{how}{most} argument(s)"));
    }
    for (position, arg) in args.iter().enumerate() {
        let wanted = function.args[position.min(wanted - 1)];
        expect_type(arg, wanted, &format!("call to function \"{}\"", function.name))?;
    }
    if function.id == Id::Info && args.get(1).is_some_and(|arg| !matches!(arg.kind, Kind::Vector(_))) {
        return Err(ParseError::new(
            "expected label selectors only in second argument of info",
            args[1].span,
        ));
    }
    Ok(())
}

fn binary_operands(binary: &Binary, expr: &Expr) -> Result<(), ParseError> {
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    for (side, found) in [(&binary.left, left), (&binary.right, right)] {
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return Err(ParseError::new(message, side.span));
        }
    }
    let both_scalars = left == ValueType::Scalar && right == ValueType::Scalar;
    let both_vectors = left == ValueType::Vector && right == ValueType::Vector;
    if binary.op.is_comparison() && both_scalars && !binary.returns_bool {
        return Err(ParseError::new("comparisons between scalars must use BOOL modifier", expr.span));
    }
    if matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper) && both_scalars {
        let message = format!("operator {:?} not allowed for scalar operations", binary.op.symbol());
        return Err(ParseError::new(message, expr.span));
    }
    if both_vectors {
        return Ok(());
    }
    if binary.op.is_set() {
        let message =
            format!("set operator {:?} not allowed in binary scalar expression", binary.op.symbol());
        return Err(ParseError::new(message, expr.span));
    }
    let matching = &binary.matching;
    if matching.on || !matching.labels.is_empty() || matching.cardinality != Cardinality::OneToOne {
        return Err(ParseError::new("vector matching only allowed between instant vectors", expr.span));
    }
    if matching.fill_left.is_some() || matching.fill_right.is_some() {
        return Err(ParseError::new(
            "filling in missing series only allowed between instant vectors",
            expr.span,
        ));
    }
    Ok(())
}
