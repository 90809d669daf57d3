//! What a filter says about one record.

use std::cmp::Ordering;

use nines_model::{Event, RowRef, ValueRef, field};

use crate::literal::{Number, parse_number};
use crate::{Expr, Literal, Operator, TEXT_FIELDS, Test, TextSearch};

/// Something with named fields.
pub trait Record {
    /// The value under `name`; `timestamp` is answered too, as its nanoseconds. `None` if there is none.
    fn value(&self, name: &str) -> Option<ValueRef<'_>>;
}

impl Record for Event {
    fn value(&self, name: &str) -> Option<ValueRef<'_>> {
        if name == field::TIMESTAMP {
            return Some(ValueRef::Int(self.timestamp.as_nanos()));
        }
        self.get(name).map(ValueRef::from)
    }
}

impl Record for RowRef<'_> {
    fn value(&self, name: &str) -> Option<ValueRef<'_>> {
        if name == field::TIMESTAMP {
            return Some(ValueRef::Int(self.timestamp().as_nanos()));
        }
        self.get(name)
    }
}

impl Expr {
    /// Whether the record is selected.
    pub fn accepts(&self, record: &impl Record) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) => parts.iter().all(|part| part.accepts(record)),
            Self::Or(parts) => parts.iter().any(|part| part.accepts(record)),
            Self::Not(inner) => !inner.accepts(record),
            Self::Text(search) => search.is_in(record),
            Self::Compare(comparison) => {
                record.value(&comparison.field).is_some_and(|value| comparison.test.accepts(value))
            }
        }
    }
}

impl TextSearch {
    fn is_in(&self, record: &impl Record) -> bool {
        let has = |name: &str, test: &dyn Fn(&str) -> bool| {
            record.value(name).and_then(ValueRef::as_str).is_some_and(test)
        };
        let in_text = |name: &&str| has(name, &|text| self.is_found_in(text));
        let is_id = |name: &str| has(name, &|id| self.is_id(id));
        TEXT_FIELDS.iter().any(in_text) || self.id_field().is_some_and(is_id)
    }
}

impl Test {
    /// Whether a value that is present passes.
    pub fn accepts(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Is(operator, literal) => operator.holds(value, literal),
            Self::Between { low, high } => {
                Operator::GreaterOrEqual.holds(value, low) && Operator::LessOrEqual.holds(value, high)
            }
            Self::Like(wildcard) => match value {
                ValueRef::Str(text) | ValueRef::Json(text) => wildcard.fits(text),
                ValueRef::Int(number) => wildcard.fits(decimal(number, &mut [0; 20])),
                ValueRef::Float(number) => {
                    whole(number).is_some_and(|number| wildcard.fits(decimal(number, &mut [0; 20])))
                }
                ValueRef::Bool(_) | ValueRef::Bytes(_) => false,
            },
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_found_in(text)),
        }
    }
}

impl Operator {
    /// `value <operator> literal`. See the crate documentation for the rules.
    pub fn holds(self, value: ValueRef<'_>, literal: &Literal) -> bool {
        if self == Self::NotEqual {
            return !Self::Equal.holds(value, literal);
        }
        let order = match value {
            ValueRef::Str(text) | ValueRef::Json(text) if self.is_ordering() => order_of_text(text, literal),
            ValueRef::Str(text) | ValueRef::Json(text) => (text == literal.text()).then_some(Ordering::Equal),
            ValueRef::Int(value) => literal.number().and_then(|number| number.cmp_int(value)),
            ValueRef::Float(value) => literal.number().and_then(|number| number.cmp_float(value)),
            ValueRef::Bool(flag) if self == Self::Equal => {
                literal.as_bool().filter(|wanted| *wanted == flag).map(|_| Ordering::Equal)
            }
            ValueRef::Bool(_) | ValueRef::Bytes(_) => None,
        };
        order.is_some_and(|order| self.admits(order))
    }

    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn order_of_text(text: &str, literal: &Literal) -> Option<Ordering> {
    match literal.number() {
        None => Some(text.cmp(literal.text())),
        Some(number) => match parse_number(text)? {
            Number::Int(value) => number.cmp_int(value),
            Number::Float(value) => number.cmp_float(value),
        },
    }
}

/// The integer that a float holds exactly: a column of floats keeps integers so.
fn whole(number: f64) -> Option<i64> {
    const EXACT_MAX: f64 = (1_i64 << 53) as f64;
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// The decimal digits of `number`, written from the end of `buffer`; 20 bytes hold `i64::MIN`.
fn decimal(number: i64, buffer: &mut [u8; 20]) -> &str {
    let mut at = buffer.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    std::str::from_utf8(&buffer[at..]).expect("digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimal_digits_are_those_of_the_standard_library() {
        for number in [0, 7, -7, 500, i64::MAX, i64::MIN] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string());
        }
    }
}
