//! The syntax tree of an expression as JSON, for `parse_query`.
//!
//! Source: prometheus/prometheus `web/api/v1/translate_ast.go`. Durations are milliseconds there; one that depends on the
//! query (`step()`, `range()`) has no number, so such an expression is refused rather than shown with a wrong one.

use nines_promql::ast::{
    At, Cardinality, Duration, Edges, Expr, Kind, Matching, QueryTimes, Selector, ValueType,
};
use nines_promql::functions::Arity;
use serde_json::{Map, Value, json};

/// # Errors
/// What has no form in upstream's tree.
pub fn tree(expr: &Expr) -> Result<Value, String> {
    Ok(match &expr.kind {
        Kind::Number { value, .. } => {
            json!({ "type": "numberLiteral", "val": nines_promql::format_float(*value) })
        }
        Kind::Text(text) => json!({ "type": "stringLiteral", "val": text.value }),
        Kind::Vector(selector) => Value::Object(selector_fields("vectorSelector", selector)?),
        Kind::Matrix(matrix) => {
            let mut fields = selector_fields("matrixSelector", &matrix.selector)?;
            fields.insert("range".to_owned(), millis(&matrix.range)?.into());
            Value::Object(fields)
        }
        Kind::Subquery(subquery) => json!({
            "type": "subquery",
            "expr": tree(&subquery.expr)?,
            "range": millis(&subquery.range)?,
            "offset": subquery.offset.as_ref().map(millis).transpose()?.unwrap_or(0),
            "step": subquery.step.as_ref().map(millis).transpose()?.unwrap_or(0),
            "timestamp": time_of(subquery.at),
            "startOrEnd": end_of(subquery.at),
        }),
        Kind::Call { function, args } => {
            let args: Result<Vec<Value>, String> = args.iter().map(tree).collect();
            json!({
                "type": "call",
                "func": {
                    "name": function.name,
                    "argTypes": function.args.iter().map(|kind| type_name(*kind)).collect::<Vec<_>>(),
                    "variadic": variadic(function.arity),
                    "returnType": type_name(function.returns),
                },
                "args": args?,
            })
        }
        Kind::Aggregate(aggregate) => json!({
            "type": "aggregation",
            "op": aggregate.op.name(),
            "expr": tree(&aggregate.expr)?,
            "param": aggregate.param.as_ref().map(tree).transpose()?,
            "grouping": aggregate.grouping.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "without": aggregate.without,
        }),
        Kind::Binary(binary) => {
            let vectors =
                [&binary.left, &binary.right].into_iter().all(|side| side.value_type() == ValueType::Vector);
            json!({
                "type": "binaryExpr",
                "op": binary.op.symbol(),
                "lhs": tree(&binary.left)?,
                "rhs": tree(&binary.right)?,
                "matching": vectors.then(|| matching(&binary.matching)),
                "bool": binary.returns_bool,
            })
        }
        Kind::Unary { negative, expr } => {
            json!({ "type": "unaryExpr", "op": if *negative { "-" } else { "+" }, "expr": tree(expr)? })
        }
        Kind::Paren(expr) => json!({ "type": "parenExpr", "expr": tree(expr)? }),
    })
}

fn selector_fields(kind: &str, selector: &Selector) -> Result<Map<String, Value>, String> {
    let matchers: Vec<Value> = selector
        .matchers
        .iter()
        .map(|matcher| {
            json!({ "name": matcher.name(), "value": matcher.value(), "type": matcher.op().symbol() })
        })
        .collect();
    let fields = json!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or(""),
        "offset": selector.offset.as_ref().map(millis).transpose()?.unwrap_or(0),
        "matchers": matchers,
        "timestamp": time_of(selector.at),
        "startOrEnd": end_of(selector.at),
        "anchored": selector.edges == Edges::Anchored,
        "smoothed": selector.edges == Edges::Smoothed,
    });
    match fields {
        Value::Object(fields) => Ok(fields),
        _ => unreachable!("the literal above is an object"),
    }
}

/// The same for two different queries, or it depends on the query.
fn millis(duration: &Duration) -> Result<i64, String> {
    let one = duration.resolve(QueryTimes { start: 0, end: 1_000, step: 1_000 })?;
    let other = duration.resolve(QueryTimes { start: 0, end: 7_000, step: 3_000 })?;
    if one == other {
        Ok(one)
    } else {
        Err("a duration depends on the query's step or range, so that its tree has no number for it"
            .to_owned())
    }
}

fn time_of(at: Option<At>) -> Option<i64> {
    match at {
        Some(At::Time(time_ms)) => Some(time_ms),
        _ => None,
    }
}

fn end_of(at: Option<At>) -> Option<&'static str> {
    match at {
        Some(At::Start) => Some("start"),
        Some(At::End) => Some("end"),
        _ => None,
    }
}

fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::Text => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}

fn matching(matching: &Matching) -> Value {
    let card = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    let names = |names: &[smol_str::SmolStr]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    json!({
        "card": card,
        "labels": names(&matching.labels),
        "on": matching.on,
        "include": names(&matching.include),
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

/// Upstream's count of further arguments: 1 for one that may be left out, -1 for any number.
fn variadic(arity: Arity) -> i64 {
    match arity {
        Arity::Exact => 0,
        Arity::LastOptional => 1,
        Arity::LastRepeats => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_upstreams_shape() {
        let expr = nines_promql::parse("sum by (job) (rate(up{a!=\"b\"}[5m] offset 1m)) > bool 0").unwrap();
        let tree = tree(&expr).unwrap();
        assert_eq!(tree["type"], "binaryExpr");
        assert_eq!((&tree["op"], &tree["bool"]), (&json!(">"), &json!(true)));
        assert_eq!(tree["matching"], Value::Null);
        let selector = &tree["lhs"]["expr"]["args"][0];
        assert_eq!(selector["range"], 300_000);
        assert_eq!(selector["offset"], 60_000);
        assert_eq!(selector["matchers"][0], json!({ "name": "a", "value": "b", "type": "!=" }));
        let depends = nines_promql::parse("up[step()]").unwrap();
        assert!(super::tree(&depends).is_err());
    }
}
