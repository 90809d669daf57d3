//! Numbers as they are written, and what they are.

/// A number in JSON's grammar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number<'a> {
    Int(i64),
    /// With a fraction or an exponent, and as written, for those who need every digit.
    Float(f64, &'a str),
    /// An integer beyond 64 bits with sign, as written: as a float it would be another number.
    Big(&'a str),
}

impl<'a> Number<'a> {
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            _ => None,
        }
    }
}

/// The number at the start of `text` and how many bytes it has.
#[inline]
pub(super) fn scan(text: &str) -> Option<(Number<'_>, usize)> {
    let bytes = text.as_bytes();
    let is_negative = bytes.first() == Some(&b'-');
    let start = usize::from(is_negative);
    let mut at = start;
    // Counted downwards, because there is one more negative number than positive ones.
    let mut value: Option<i64> = Some(0);
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        let digit = i64::from(digit - b'0');
        value = value.and_then(|value| value.checked_mul(10)?.checked_sub(digit));
        at += 1;
    }
    let has_leading_zero = at - start > 1 && bytes[start] == b'0';
    if at == start || has_leading_zero {
        return None;
    }
    let is_integer = !matches!(bytes.get(at), Some(b'.' | b'e' | b'E'));
    if is_integer {
        let value = if is_negative { value } else { value.and_then(i64::checked_neg) };
        let number = match value {
            // Minus zero is not zero.
            Some(0) if is_negative => Number::Float(-0.0, &text[..at]),
            Some(value) => Number::Int(value),
            None => Number::Big(&text[..at]),
        };
        return Some((number, at));
    }
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    let written = &text[..at];
    let number = written.parse().ok().filter(|number: &f64| number.is_finite());
    Some((number.map_or(Number::Big(written), |number| Number::Float(number, written)), at))
}

/// The end of one or more digits.
fn digits(bytes: &[u8], start: usize) -> Option<usize> {
    let count = bytes.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(start + count)
}
