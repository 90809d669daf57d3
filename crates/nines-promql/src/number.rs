//! Numbers as PromQL reads, adds and writes them.

/// The bit pattern by which Prometheus marks that a series has ended.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// A value that stands for "this series ended here".
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE_BITS)
}

#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// One step of the Kahan–Neumaier sum: the new sum and what rounding has lost so far.
#[inline]
pub(crate) fn kahan(more: f64, sum: f64, lost: f64) -> (f64, f64) {
    let total = sum + more;
    if total.is_infinite() {
        return (total, 0.0);
    }
    let lost = lost + if sum.abs() >= more.abs() { (sum - total) + more } else { (more - total) + sum };
    (total, lost)
}

/// As Go's `strconv.FormatFloat(value, 'f', -1, 64)`: shortest, no exponent, `+Inf`, `-Inf`, `NaN`.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

/// As Go's `%g` and `%v`: shortest, with an exponent below 1e-4 and from 1e6. (Go's `strconv` takes 6 for the precision that
/// decides it if the shortest digits are asked for.)
pub(crate) fn format_general(value: f64) -> String {
    let magnitude = value.abs();
    if !value.is_finite() || magnitude == 0.0 || (1e-4..1e6).contains(&magnitude) {
        return format_float(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |rest| ("-", rest));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// As OpenMetrics writes a label's number: never without a point or an exponent (`1.0`).
pub(crate) fn format_open_metrics(value: f64) -> String {
    let text = format_general(value);
    if value.is_finite() && !text.contains(['.', 'e']) { format!("{text}.0") } else { text }
}

/// Nearly equal: relative to the larger of the two, NaN to NaN; near zero the difference itself counts. As upstream's
/// `util/almost`.
pub(crate) fn almost_equal(a: f64, b: f64, epsilon: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < epsilon * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < epsilon
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations are what Prometheus 2.42 answered to `format_query`.
    #[test]
    fn numbers_look_as_go_writes_them() {
        for (value, expected) in [
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (123_456_789_012.0, "1.23456789012e+11"),
            (2_097_152.5, "2.0971525e+06"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
        ] {
            assert_eq!(format_general(value), expected);
        }
    }
}
