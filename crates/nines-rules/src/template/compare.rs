//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`. As Go: only what is of one kind can be compared.

use std::cmp::Ordering;

use super::Value;

pub(super) fn compare(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let [first, rest @ ..] = arguments else { return Err(format!("`{name}` needs arguments")) };
    if rest.is_empty() {
        return Err(format!("`{name}` needs something to compare with"));
    }
    if name == "eq" {
        for other in rest {
            if equal(first, other)? {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    let [second] = rest else { return Err(format!("`{name}` takes two arguments, not {}", arguments.len())) };
    if name == "ne" {
        return Ok(Value::Bool(!equal(first, second)?));
    }
    let order = ordered(first, second)?;
    Ok(Value::Bool(match name {
        "lt" => order == Some(Ordering::Less),
        // As Go: `le` is less or equal, `gt` is not that.
        "le" => order.is_some_and(Ordering::is_le),
        "gt" => !order.is_some_and(Ordering::is_le),
        _ => order != Some(Ordering::Less),
    }))
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!(
        "a {} cannot be compared with a {}: write numbers alike, `1.0` or `1`",
        a.type_name(),
        b.type_name()
    )
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, other) | (other, Value::Nil) => Ok(*other == Value::Nil),
        (Value::Map(_) | Value::List(_) | Value::Record(_), _)
        | (_, Value::Map(_) | Value::List(_) | Value::Record(_)) => {
            Err(format!("a {} cannot be compared", a.type_name()))
        }
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (a, b) => ordered(a, b).map(|order| order == Some(Ordering::Equal)),
    }
}

fn ordered(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    match (a, b) {
        (Value::Int(a) | Value::Duration(a), Value::Int(b) | Value::Duration(b)) => Ok(Some(a.cmp(b))),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        (a, b) => Err(incompatible(a, b)),
    }
}
