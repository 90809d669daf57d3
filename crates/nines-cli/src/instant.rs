//! Times as people type them.

use nines_model::Timestamp;

/// An RFC 3339 time, `now`, or how long ago: `15m`, `2h30m`, `-1d`, `1h ago`. Gives RFC 3339 in UTC.
pub fn parse(text: &str, now: Timestamp) -> Result<String, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now.to_string());
    }
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        return Ok(at.to_string());
    }
    let ago = text.strip_prefix('-').unwrap_or(text).trim_end_matches("ago").trim_end();
    let span: jiff::Span = ago.parse().map_err(|_| wrong(text))?;
    let at = now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).checked_sub(span).map_err(|_| wrong(text))?;
    Ok(at.timestamp().to_string())
}

fn wrong(text: &str) -> String {
    format!(
        "`{text}` is not a time: use RFC 3339, such as 2026-11-21T08:30:00Z, or how long ago, such as 15m or 2h"
    )
}

/// For clap: relative times count from the moment that the command line is read.
pub fn argument(text: &str) -> Result<String, String> {
    use nines_base::SystemClock;
    parse(text, SystemClock::shared().now())
}

/// An RFC 3339 time, `now`, or how long from now: for what is to come. Gives RFC 3339 in UTC.
pub fn ahead(text: &str) -> Result<String, String> {
    use nines_base::SystemClock;
    ahead_of(text, SystemClock::shared().now())
}

fn ahead_of(text: &str, now: Timestamp) -> Result<String, String> {
    let text = text.trim();
    let span = text.strip_prefix('+').unwrap_or(text);
    match span.parse::<jiff::Span>() {
        // What is said to be in the past stays there.
        Ok(span) if !span.is_negative() => {
            let zoned = now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
            let at = zoned.checked_add(span).map_err(|_| wrong_ahead(text))?;
            Ok(at.timestamp().to_string())
        }
        _ => parse(text, now).map_err(|_| wrong_ahead(text)),
    }
}

fn wrong_ahead(text: &str) -> String {
    format!(
        "`{text}` is not a time: use RFC 3339, such as 2026-11-21T08:30:00Z, or how long from now, such as 2h or 1d"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_come_counts_from_now() {
        let now = Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        for (text, expected) in
            [("2h", "2026-11-21T14:00:00Z"), ("+1d", "2026-11-22T12:00:00Z"), ("now", "2026-11-21T12:00:00Z")]
        {
            assert_eq!(ahead_of(text, now).as_deref(), Ok(expected), "{text}");
        }
        assert!(ahead_of("tomorrow", now).unwrap_err().contains("from now"));
    }

    #[test]
    fn times_are_absolute_or_ago() {
        let now = Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        for (text, expected) in [
            ("now", "2026-11-21T12:00:00Z"),
            ("2026-11-21T16:30:00+08:00", "2026-11-21T08:30:00Z"),
            ("15m", "2026-11-21T11:45:00Z"),
            ("-15m", "2026-11-21T11:45:00Z"),
            ("2h30m ago", "2026-11-21T09:30:00Z"),
            ("1d", "2026-11-20T12:00:00Z"),
        ] {
            assert_eq!(parse(text, now).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "yesterday", "15", "2026-11-21", "999999999999h"] {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }
}
