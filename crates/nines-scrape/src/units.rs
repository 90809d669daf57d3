//! Durations and sizes as Prometheus' configuration writes them.

use std::time::Duration;

/// `1h30m`, `15s`, `250ms`, `0`. Units once each, from the longest to the shortest. Source: `model.ParseDuration` of
/// prometheus/common.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut next_unit = 0;
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = UNITS[next_unit..].iter().position(|(unit, _)| *unit == &rest[..letters])? + next_unit;
        rest = &rest[letters..];
        millis = millis.checked_add(number.checked_mul(UNITS[unit].1)?)?;
        next_unit = unit + 1;
    }
    // Upstream's durations are nanoseconds in 63 bits: 292 years.
    (!text.is_empty() && millis <= 9_223_372_036_854).then(|| Duration::from_millis(millis))
}

/// As it is written back: `1m30s`.
pub fn format_duration(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size, exact) in [
        ("y", 31_536_000_000_u128, true),
        ("w", 604_800_000, true),
        ("d", 86_400_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1_000, false),
        ("ms", 1, false),
    ] {
        if exact && !millis.is_multiple_of(size) {
            continue;
        }
        if millis >= size {
            text.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    text
}

/// `10MB`, `512KiB`, `1GB`: all in powers of 1024, as upstream's `units.Base2Bytes`. A bare 0 means no limit.
pub fn parse_bytes(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let number: f64 = text[..digits].parse().ok()?;
    let power = match &text[digits..] {
        "B" => 0,
        "KB" | "KiB" => 1,
        "MB" | "MiB" => 2,
        "GB" | "GiB" => 3,
        "TB" | "TiB" => 4,
        "PB" | "PiB" => 5,
        _ => return None,
    };
    let bytes = number * 1024_f64.powi(power);
    (bytes < 9.0e18).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_upstream_does() {
        let millis = |text: &str| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("15s"), Some(15_000));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("0"), Some(0));
        assert_eq!(millis("250ms"), Some(250));
        for wrong in ["", "15", "s", "1m1h", "1s1s", "-1s", "1.5s", "1 s", "1µs", "99999999999y"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        for text in ["1y", "2w", "1d1h", "1m30s", "250ms", "15s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse_bytes("10MB"), Some(10 << 20));
        assert_eq!(parse_bytes("1.5KiB"), Some(1536));
        assert_eq!(parse_bytes("0"), Some(0));
        for wrong in ["", "MB", "10", "10mb", "1e3B"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }
}
