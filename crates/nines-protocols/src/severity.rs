//! From other systems' words and numbers to OpenTelemetry's severity, 1 to 24.
//!
//! Source: OpenTelemetry Logs Data Model, "Mapping of SeverityNumber" and its appendix B.

/// The number for a level's name in any case; `None` for a word that is no level.
pub fn of_word(word: &str) -> Option<i64> {
    const WORDS: [(&str, i64); 35] = [
        ("info", 9),
        ("error", 17),
        ("warn", 13),
        ("debug", 5),
        ("warning", 13),
        ("trace", 1),
        ("fatal", 21),
        ("critical", 18),
        ("notice", 10),
        ("err", 17),
        ("crit", 18),
        ("alert", 19),
        ("emerg", 21),
        ("emergency", 21),
        ("panic", 21),
        ("severe", 17),
        ("information", 9),
        ("informational", 9),
        ("verbose", 1),
        ("fine", 5),
        ("finer", 1),
        ("finest", 1),
        ("config", 5),
        ("dbg", 5),
        ("inf", 9),
        ("wrn", 13),
        ("ftl", 21),
        ("dpanic", 21),
        ("i", 9),
        ("e", 17),
        ("w", 13),
        ("d", 5),
        ("f", 21),
        ("t", 1),
        ("failure", 17),
    ];
    let word = word.trim_ascii();
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, number)| *number)
}

/// Bunyan's and pino's levels: 10 for trace to 60 for fatal.
pub fn of_bunyan(level: i64) -> Option<(i64, &'static str)> {
    Some(match level {
        10 => (1, "trace"),
        20 => (5, "debug"),
        30 => (9, "info"),
        40 => (13, "warn"),
        50 => (17, "error"),
        60 => (21, "fatal"),
        _ => return None,
    })
}

/// Syslog's severities, 0 for emergency to 7 for debug.
pub fn of_syslog(severity: u8) -> (i64, &'static str) {
    match severity {
        0 => (21, "emerg"),
        1 => (19, "alert"),
        2 => (18, "crit"),
        3 => (17, "err"),
        4 => (13, "warning"),
        5 => (10, "notice"),
        6 => (9, "info"),
        _ => (5, "debug"),
    }
}

/// What an HTTP status says about a request: a server's failure is an error, a client's a warning.
pub fn of_http_status(status: i64) -> i64 {
    match status {
        500.. => 17,
        400..=499 => 13,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_in_any_case() {
        for (word, number) in [("INFO", 9), ("Warning", 13), ("CRITICAL", 18), (" err ", 17), ("E", 17)] {
            assert_eq!(of_word(word), Some(number), "{word}");
        }
        assert_eq!(of_word("checkout"), None);
    }
}
