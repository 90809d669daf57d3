//! Numbers as people say them. The same in every language: digits and SI-like unit letters.

use std::time::Duration;

/// `4.1 %`, `0.02 %`, `12.3 %`, `100 %`: finer near the two ends, where nines and errors live.
pub fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    let text = match value.abs() {
        size if size == 0.0 || size >= 99.995 => format!("{value:.0}"),
        size if size >= 99.0 => format!("{value:.2}"),
        size if size >= 1.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    };
    format!("{} %", trim_zeros(&text))
}

/// An objective, with all its nines: `99.95 %`.
pub fn objective(fraction: f64) -> String {
    format!("{} %", trim_zeros(&format!("{:.5}", fraction * 100.0)))
}

/// `1 h 52 m`, `6 m`, `43 m 12 s`, `3 d 4 h`: the two largest units.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 && !duration.is_zero() {
        return format!("{} ms", duration.as_millis());
    }
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let largest = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(3);
    let (size, name) = units[largest];
    let mut text = format!("{} {name}", seconds / size);
    if let Some((next_size, next_name)) = units.get(largest + 1) {
        let rest = seconds % size / next_size;
        if rest > 0 {
            text.push_str(&format!(" {rest} {next_name}"));
        }
    }
    text
}

/// `3 200`, `1 000 000`: groups of three, split by a no-break space.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// A rate or factor: `14.4`, `0.93`, `250`.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => count(value.round().max(0.0) as u64),
        size if size >= 10.0 => trim_zeros(&format!("{value:.1}")),
        _ => trim_zeros(&format!("{value:.2}")),
    }
}

fn trim_zeros(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_say_them() {
        let percents = [
            (0.041, "4.1 %"),
            (0.002, "0.2 %"),
            (1.0, "100 %"),
            (0.0, "0 %"),
            (0.9995, "99.95 %"),
            (0.1234, "12.3 %"),
            (0.00001, "0.001 %"),
            (-0.2, "-20 %"),
        ];
        for (value, text) in percents {
            assert_eq!(percent(value), text);
        }
        assert_eq!(objective(0.999), "99.9 %");
        let durations = [
            (6720, "1 h 52 m"),
            (360, "6 m"),
            (2592, "43 m 12 s"),
            (5, "5 s"),
            (86_400 * 3 + 14_400, "3 d 4 h"),
            (0, "0 s"),
        ];
        for (seconds, text) in durations {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(count(3200), "3\u{a0}200");
        assert_eq!(number(14.4), "14.4");
        assert_eq!(number(1234.0), "1\u{a0}234");
    }
}
