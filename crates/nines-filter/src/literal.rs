use std::cmp::Ordering;

use nines_model::{SmolStr, Timestamp, field};

/// A value as written in a filter. It has no type: see the crate documentation for how it compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal {
    text: SmolStr,
    number: Option<Number>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Int(i64),
    /// Always finite.
    Float(f64),
}

impl Literal {
    /// The literal `text` as it is meant beside `field`, whose name decides the unit of times.
    pub fn for_field(name: &str, text: impl Into<SmolStr>) -> Self {
        let text = text.into();
        let number =
            if is_time(name) { parse_time(&text) } else { None }.or_else(|| parse_quantity(&text, name));
        Self { text, number }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number it reads as, in the unit of the field.
    pub fn number(&self) -> Option<Number> {
        self.number
    }

    pub fn as_bool(&self) -> Option<bool> {
        if self.text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if self.text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// The order of an integer and this number: exact between integers, as 64-bit floats otherwise.
    pub fn cmp_int(self, value: i64) -> Option<Ordering> {
        match self {
            Self::Int(number) => Some(value.cmp(&number)),
            Self::Float(number) => (value as f64).partial_cmp(&number),
        }
    }

    /// The order of a float and this number; none for NaN.
    pub fn cmp_float(self, value: f64) -> Option<Ordering> {
        value.partial_cmp(&self.as_f64())
    }
}

/// `timestamp` and its kin hold nanoseconds since the epoch and are written as RFC 3339.
pub(crate) fn is_time(name: &str) -> bool {
    name == field::TIMESTAMP || name.ends_with("_timestamp")
}

fn parse_time(text: &str) -> Option<Number> {
    Timestamp::parse_rfc3339(text).ok().map(|at| Number::Int(at.as_nanos()))
}

/// A plain decimal number: `-?digits[.digits][e[+-]digits]`, nothing else, finite.
pub(crate) fn parse_number(text: &str) -> Option<Number> {
    let (length, is_int) = number_prefix(text)?;
    if length == text.len() { number_of(text, is_int) } else { None }
}

/// A plain number with an optional unit.
fn parse_quantity(text: &str, name: &str) -> Option<Number> {
    let (length, is_int) = number_prefix(text)?;
    let (digits, unit) = text.split_at(length);
    let number = number_of(digits, is_int)?;
    if unit.is_empty() {
        return Some(number);
    }
    let (multiply, divide) = match UNITS.iter().find(|(name, ..)| unit.eq_ignore_ascii_case(name))? {
        (_, nanos, Measure::Time) => (*nanos, nanos_per_unit_of(name)),
        (_, bytes, Measure::Size) => (*bytes, 1),
    };
    match number {
        Number::Int(number) => {
            let scaled = i128::from(number) * i128::from(multiply);
            if scaled % i128::from(divide) == 0 {
                i64::try_from(scaled / i128::from(divide)).ok().map(Number::Int)
            } else {
                Some(Number::Float(scaled as f64 / divide as f64))
            }
        }
        Number::Float(number) => {
            let scaled = number * multiply as f64 / divide as f64;
            // Below 2^53 a whole float is exactly that integer, and integers compare exactly.
            let whole = scaled.fract() == 0.0 && scaled.abs() < (1_i64 << 53) as f64;
            Some(if whole { Number::Int(scaled as i64) } else { Number::Float(scaled) })
        }
    }
}

enum Measure {
    Time,
    Size,
}

/// Unit, its size in nanoseconds or bytes, and what it measures. Read in any case.
const UNITS: [(&str, i64, Measure); 19] = [
    ("ns", 1, Measure::Time),
    ("us", 1_000, Measure::Time),
    ("µs", 1_000, Measure::Time),
    ("ms", 1_000_000, Measure::Time),
    ("s", 1_000_000_000, Measure::Time),
    ("m", 60_000_000_000, Measure::Time),
    ("min", 60_000_000_000, Measure::Time),
    ("h", 3_600_000_000_000, Measure::Time),
    ("d", 86_400_000_000_000, Measure::Time),
    ("b", 1, Measure::Size),
    ("kb", 1_000, Measure::Size),
    ("mb", 1_000_000, Measure::Size),
    ("gb", 1_000_000_000, Measure::Size),
    ("tb", 1_000_000_000_000, Measure::Size),
    ("kib", 1 << 10, Measure::Size),
    ("mib", 1 << 20, Measure::Size),
    ("gib", 1 << 30, Measure::Size),
    ("tib", 1 << 40, Measure::Size),
    ("pib", 1 << 50, Measure::Size),
];

/// The unit that a field's name promises, in nanoseconds; 1 if it promises none.
fn nanos_per_unit_of(name: &str) -> i64 {
    let suffix = name.rsplit(['_', '.']).next().unwrap_or(name);
    match suffix {
        "us" | "micros" => 1_000,
        "ms" | "millis" => 1_000_000,
        "s" | "secs" | "seconds" => 1_000_000_000,
        _ => 1,
    }
}

/// How many bytes of `text` are a decimal number, and whether it is an integer.
fn number_prefix(text: &str) -> Option<(usize, bool)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(sign);
    if whole == 0 {
        return None;
    }
    let mut end = sign + whole;
    let mut is_int = true;
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
        is_int = false;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if end + 1 + sign <= bytes.len() { digits(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
            is_int = false;
        }
    }
    Some((end, is_int))
}

fn number_of(digits: &str, is_int: bool) -> Option<Number> {
    if is_int && let Ok(number) = digits.parse() {
        return Some(Number::Int(number));
    }
    digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, text: &str, expected: Option<Number>) {
        assert_eq!(Literal::for_field(field, text).number(), expected, "{field}: {text}");
    }

    #[test]
    fn numbers_carry_units_of_time_and_size() {
        check("x", "500", Some(Number::Int(500)));
        check("x", "-1.5e3", Some(Number::Float(-1500.0)));
        check("duration_ns", "300ms", Some(Number::Int(300_000_000)));
        check("duration_ns", "1.5s", Some(Number::Int(1_500_000_000)));
        check("latency_ms", "2s", Some(Number::Int(2_000)));
        check("latency_seconds", "300ms", Some(Number::Float(0.3)));
        check("size", "4KiB", Some(Number::Int(4_096)));
        check("size", "4kB", Some(Number::Int(4_000)));
        check("timestamp", "1970-01-01T00:00:01Z", Some(Number::Int(1_000_000_000)));
        check("x", "9223372036854775808", Some(Number::Float(9_223_372_036_854_775_808.0)));
        for not_a_number in
            ["", "-", ".5", "5.", "5x", "1e", "1_000", "inf", "nan", "0x10", "1e999", "99999999999d"]
        {
            check("x", not_a_number, None);
        }
    }
}
