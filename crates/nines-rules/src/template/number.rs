//! Numbers as Go's `fmt` and Prometheus' `humanize` functions write them.

/// As `%v` of a float: the shortest digits, with an exponent below 1e-4 and from a million on.
pub fn format_shortest(value: f64) -> String {
    if let Some(special) = special(value) {
        return special.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-4..1e6).contains(&magnitude) {
        return format!("{value}");
    }
    exponent(&format!("{value:e}"))
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// Rust's `1.5e-7` as Go's `1.5e-07`.
fn exponent(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `%f`
pub(super) fn fixed(value: f64, precision: Option<usize>) -> String {
    special(value).map_or_else(|| format!("{value:.*}", precision.unwrap_or(6)), str::to_owned)
}

/// `%e`
pub(super) fn scientific(value: f64, precision: Option<usize>) -> String {
    special(value).map_or_else(|| exponent(&format!("{value:.*e}", precision.unwrap_or(6))), str::to_owned)
}

/// `%g` with a precision: so many significant digits, without trailing zeros.
pub(super) fn significant(value: f64, precision: usize) -> String {
    if let Some(special) = special(value) {
        return special.to_owned();
    }
    let precision = precision.max(1);
    let rounded = format!("{value:.*e}", precision - 1);
    let (digits, power) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let without_zeros = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if power < -4 || power >= i32::try_from(precision).unwrap_or(i32::MAX) {
        return exponent(&format!("{}e{power}", without_zeros(digits)));
    }
    let decimals = usize::try_from(i32::try_from(precision).unwrap_or(i32::MAX) - 1 - power).unwrap_or(0);
    without_zeros(&format!("{value:.decimals$}"))
}

/// 1.234k, 12.3M, 5m. As upstream's `humanize`.
pub fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value, 4);
    }
    let (value, prefix) = if value.abs() >= 1.0 {
        scaled(value, 1000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"])
    } else {
        shrunk(value)
    };
    format!("{}{prefix}", significant(value, 4))
}

fn scaled(mut value: f64, base: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < base {
            break;
        }
        prefix = next;
        value /= base;
    }
    (value, prefix)
}

fn shrunk(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

/// 1.2ki, 3.4Mi. As upstream's `humanize1024`.
pub(super) fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return significant(value, 4);
    }
    let (value, prefix) = scaled(value, 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]);
    format!("{}{prefix}", significant(value, 4))
}

/// 1d 2h 3m 4s, 1.5s, 20ms. As upstream's `humanizeDuration`.
pub(super) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return significant(value, 4);
    }
    if value == 0.0 {
        return format!("{}s", significant(value, 4));
    }
    if value.abs() < 1.0 {
        let (value, prefix) = shrunk(value);
        return format!("{}{prefix}s", significant(value, 4));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    // As Go converts: what is too large for it does not matter here.
    let whole = value as i64;
    let (seconds, minutes) = (whole % 60, whole / 60 % 60);
    let (hours, days) = (whole / 3600 % 24, whole / 86_400);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", significant(value, 4))
    }
}

/// A `time.Duration`, as Go's `String` writes it: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn go_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let all = nanos.unsigned_abs();
    if all == 0 {
        return "0s".to_owned();
    }
    let decimals = |value: u64, unit: u64| {
        let text = format!("{}.{:0width$}", value / unit, value % unit, width = unit.ilog10() as usize);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if all < 1_000 {
        return format!("{sign}{all}ns");
    }
    if all < 1_000_000 {
        return format!("{sign}{}µs", decimals(all, 1_000));
    }
    if all < 1_000_000_000 {
        return format!("{sign}{}ms", decimals(all, 1_000_000));
    }
    let (hours, minutes) = (all / 3_600_000_000_000, all / 60_000_000_000 % 60);
    let seconds = decimals(all % 60_000_000_000, 1_000_000_000);
    if hours > 0 {
        format!("{sign}{hours}h{minutes}m{seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m{seconds}s")
    } else {
        format!("{sign}{seconds}s")
    }
}

/// A `time.Time` in UTC, as Go's `String` writes it.
pub(super) fn go_time(millis: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_millisecond(millis) else { return format!("{millis}ms") };
    let seconds = jiff::tz::Offset::UTC.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = millis.rem_euclid(1000);
    if fraction == 0 {
        return format!("{seconds} +0000 UTC");
    }
    let fraction = format!(".{fraction:03}");
    format!("{seconds}{} +0000 UTC", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From upstream's `template_test.go` and Go's own `fmt_test.go`.
    #[test]
    fn numbers_are_written_as_go_writes_them() {
        let humanized = [
            (0.0, "0"),
            (1.0, "1"),
            (1_234_567.0, "1.235M"),
            (0.12, "120m"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (999.96, "1000"),
            (-1500.0, "-1.5k"),
            (1e-25, "0.1y"),
            (435.4, "435.4"),
        ];
        for (value, text) in humanized {
            assert_eq!(humanize(value), text, "{value}");
        }
        let durations = [
            (0.0, "0s"),
            (1.0, "1s"),
            (60.0, "1m 0s"),
            (3600.0, "1h 0m 0s"),
            (86400.0, "1d 0h 0m 0s"),
            (86400.0 + 3600.0, "1d 1h 0m 0s"),
            (-(86400.0 * 2.0 + 3600.0 * 3.0 + 60.0 * 4.0 + 5.0), "-2d 3h 4m 5s"),
            (899.99, "14m 59s"),
            (0.1, "100ms"),
            (0.0001, "100us"),
            (0.12345, "123.5ms"),
            (60.1, "1m 0s"),
            (12.345_67, "12.35s"),
        ];
        for (value, text) in durations {
            assert_eq!(humanize_duration(value), text, "{value}");
        }
        assert_eq!(humanize_1024(1_048_576.0), "1Mi");
        assert_eq!(humanize_1024(12.0), "12");
        assert_eq!(significant(12345.0, 4), "1.234e+04");
        assert_eq!(significant(12355.0, 4), "1.236e+04");
        assert_eq!(significant(0.000_012_345, 4), "1.234e-05");
        assert_eq!(significant(100.0, 4), "100");
        assert_eq!(format_shortest(999_999.5), "999999.5");
        assert_eq!(format_shortest(1e6), "1e+06");
        assert_eq!(format_shortest(1_234_567.891), "1.234567891e+06");
        assert_eq!(format_shortest(0.000_01), "1e-05");
        assert_eq!(scientific(123_456.0, None), "1.234560e+05");
        assert_eq!(go_duration(3_723_500_000_000), "1h2m3.5s");
        assert_eq!(go_duration(1_500_000), "1.5ms");
        assert_eq!(go_time(1_435_065_584_128), "2015-06-23 13:19:44.128 +0000 UTC");
    }
}
