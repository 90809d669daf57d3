//! Instants as other systems write them.
//!
//! Texts without a zone are UTC: whoever sends local time must say so.

use nines_model::Timestamp;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// Whole numbers below this are seconds (until the year 5138), below a thousand times this milliseconds, then
/// microseconds, then nanoseconds.
const SECONDS_BELOW: u64 = 100_000_000_000;

/// RFC 3339 and what comes near it: a space for the `T`, a comma for the point, any number of fraction digits, no zone
/// or one without its colon. Or a number, as [`from_number`] has it.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii();
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') {
        return from_number(text);
    }
    let date = date(bytes)?;
    match bytes.get(10) {
        None => return days(date),
        Some(b'T' | b't' | b' ') => {}
        Some(_) => return None,
    }
    let (seconds, mut at) = clock(bytes.get(11..)?)?;
    at += 11;
    let (nanos, at) = match bytes.get(at) {
        Some(b'.' | b',') => fraction(bytes, at + 1)?,
        _ => (0, at),
    };
    let offset = offset(bytes.get(at..)?)?;
    instant(date, seconds - offset, nanos)
}

/// Seconds, milliseconds, microseconds or nanoseconds since the Unix epoch, told apart by size; a fraction is kept to
/// the nanosecond, digit by digit.
pub fn from_number(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        // With an exponent, as some encoders write floats.
        return text.parse().ok().and_then(from_seconds);
    }
    let whole: u64 = whole.parse().ok()?;
    let scale = scale(whole);
    let nanos = i64::try_from(whole).ok()?.checked_mul(scale)?;
    let mut unit = scale;
    let mut rest = 0;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        unit /= 10;
        rest += i64::from(digit - b'0') * unit;
    }
    Some(Timestamp::from_nanos(nanos.checked_add(rest)?))
}

pub fn from_int(number: i64) -> Option<Timestamp> {
    let whole = u64::try_from(number).ok()?;
    number.checked_mul(scale(whole)).map(Timestamp::from_nanos)
}

fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let is_sane = seconds.is_finite() && seconds > 0.0 && seconds < SECONDS_BELOW as f64;
    is_sane.then(|| Timestamp::from_nanos((seconds * NANOS_PER_SEC as f64) as i64))
}

/// Nanoseconds in the unit that a number of this size must have.
fn scale(number: u64) -> i64 {
    match number {
        0..SECONDS_BELOW => NANOS_PER_SEC,
        _ if number < SECONDS_BELOW * 1_000 => 1_000_000,
        _ if number < SECONDS_BELOW * 1_000_000 => 1_000,
        _ => 1,
    }
}

/// `10/Oct/2026:13:55:36 -0700`, as web servers write it.
pub fn parse_common_log(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (day, month) = (number(bytes.get(..2)?)?, month(text.get(3..6)?)?);
    let year = number(bytes.get(7..11)?)?;
    if bytes[2] != b'/' || bytes[6] != b'/' || bytes.get(11) != Some(&b':') {
        return None;
    }
    let (seconds, length) = clock(bytes.get(12..)?)?;
    let offset = match bytes.get(12 + length..)? {
        [b' ', rest @ ..] => offset(rest)?,
        _ => return None,
    };
    instant((year, month, day), seconds - offset, 0)
}

/// `Oct 11 22:14:15` or `Oct  1 …` of RFC 3164, which has neither year nor zone: the year that brings it nearest to
/// `now`, so that a message of 31 December that arrives on 1 January is not a year early. Gives its length, too.
pub fn parse_bsd(text: &str, now: Timestamp) -> Option<(Timestamp, usize)> {
    let bytes = text.as_bytes();
    let month = month(text.get(..3)?)?;
    let day = match bytes.get(3..6)? {
        [b' ', b' ', digit @ b'1'..=b'9'] => i64::from(digit - b'0'),
        [b' ', rest @ ..] => number(rest)?,
        _ => return None,
    };
    if bytes.get(6) != Some(&b' ') {
        return None;
    }
    let (seconds, length) = clock(bytes.get(7..)?)?;
    let this_year = i64::from(now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).year());
    let candidates = [this_year - 1, this_year, this_year + 1];
    let instants = candidates.into_iter().filter_map(|year| instant((year, month, day), seconds, 0));
    let nearest = instants.min_by_key(|at| at.as_nanos().abs_diff(now.as_nanos()))?;
    Some((nearest, 7 + length))
}

/// A date and a time of day in UTC, `2026-11-21` and `08:30:00`, as W3C logs have them.
pub fn parse_date_and_time(date_text: &str, time_text: &str) -> Option<Timestamp> {
    let date_bytes = date_text.as_bytes();
    let (date, (seconds, length)) = (date(date_bytes)?, clock(time_text.as_bytes())?);
    let nanos = match time_text.as_bytes().get(length) {
        None => 0,
        Some(b'.') => {
            fraction(time_text.as_bytes(), length + 1).filter(|(_, end)| *end == time_text.len())?.0
        }
        Some(_) => return None,
    };
    (date_bytes.len() == 10).then(|| instant(date, seconds, nanos))?
}

type Date = (i64, i64, i64);

/// `2026-11-21`.
fn date(bytes: &[u8]) -> Option<Date> {
    let date = bytes.get(..10)?;
    let dashed = date[4] == b'-' && date[7] == b'-';
    dashed.then_some((number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?))
}

/// `08:30:00` or `08:30` as seconds, and its length. A leap second is the second before it.
fn clock(bytes: &[u8]) -> Option<(i64, usize)> {
    let minutes = bytes.get(..5)?;
    let (hour, minute) = (number(&minutes[..2])?, number(&minutes[3..])?);
    let (second, length) = match bytes.get(5..8) {
        Some([b':', rest @ ..]) => (number(rest)?, 8),
        _ => (0, 5),
    };
    let is_clock = minutes[2] == b':' && hour < 24 && minute < 60 && second <= 60;
    is_clock.then_some((hour * 3600 + minute * 60 + second.min(59), length))
}

/// Digits after the point as nanoseconds, and where they end. Digits beyond the ninth are dropped.
fn fraction(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let (mut nanos, mut unit, mut at) = (0, NANOS_PER_SEC / 10, start);
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        nanos += i64::from(digit - b'0') * unit;
        unit /= 10;
        at += 1;
    }
    (at > start).then_some((nanos, at))
}

/// `Z`, `+08:00`, `+0800`, `+08` or nothing, to the end of the text, as seconds east of UTC.
fn offset(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.trim_ascii();
    let (sign, digits) = match bytes {
        [] | [b'Z' | b'z'] | b"UTC" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [_, _] => (number(digits)?, 0),
        [_, _, b':', minutes @ ..] if minutes.len() == 2 => (number(&digits[..2])?, number(minutes)?),
        [_, _, _, _] => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

fn month(name: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    Some(index as i64 + 1)
}

fn days(date: Date) -> Option<Timestamp> {
    instant(date, 0, 0)
}

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn instant((year, month, day): Date, seconds: i64, nanos: i64) -> Option<Timestamp> {
    const LENGTHS: [i64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = *LENGTHS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if !(1..=length).contains(&day) || (month == 2 && day == 29 && !is_leap) || !(1678..=2261).contains(&year)
    {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(Timestamp::from_nanos((days * 86_400 + seconds) * NANOS_PER_SEC + nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(found: Option<Timestamp>, expected: &str) {
        assert_eq!(found.map_or_else(|| "none".to_owned(), |at| at.to_string()), expected);
    }

    #[test]
    fn texts_near_rfc3339_are_read() {
        for text in [
            "2026-11-21T08:30:00.5Z",
            "2026-11-21 08:30:00,500",
            "2026-11-21T16:30:00.5+08:00",
            "2026-11-21t16:30:00.500000+0800",
            " 2026-11-21T08:30:00.500000000999 ",
            "1795249800.5",
            "1795249800500",
            "1795249800500000",
            "1795249800500000000",
            "1.7952498005e9",
        ] {
            check(parse(text), "2026-11-21T08:30:00.5Z");
        }
        check(parse("2026-11-21"), "2026-11-21T00:00:00Z");
        check(parse("2016-12-31T23:59:60Z"), "2016-12-31T23:59:59Z");
        for wrong in [
            "",
            "soon",
            "2026-13-01",
            "2026-02-29T00:00:00Z",
            "2026-11-21T25:00:00Z",
            "2026-11-21Tx",
            "-5",
            "1.2.3",
            "NaN",
            "inf",
        ] {
            check(parse(wrong), "none");
        }
    }

    #[test]
    fn server_logs_and_bsd_syslog_have_forms_of_their_own() {
        check(parse_common_log("21/Nov/2026:01:30:00 -0700"), "2026-11-21T08:30:00Z");
        check(parse_common_log("21/Nov/2026 01:30:00"), "none");
        let new_year = Timestamp::parse_rfc3339("2027-01-01T00:00:05Z").unwrap();
        let (at, length) = parse_bsd("Dec 31 23:59:59 host", new_year).unwrap();
        assert_eq!((at.to_string().as_str(), length), ("2026-12-31T23:59:59Z", 15));
        check(parse_bsd("Jan  1 00:00:01", new_year).map(|it| it.0), "2027-01-01T00:00:01Z");
        check(parse_date_and_time("2026-11-21", "08:30:00"), "2026-11-21T08:30:00Z");
        check(parse_date_and_time("2026-11-21", "noon"), "none");
    }

    proptest! {
        #[test]
        fn agrees_with_another_implementation(nanos in -8_000_000_000_000_000_000_i64..8_000_000_000_000_000_000) {
            let at = Timestamp::from_nanos(nanos);
            prop_assert_eq!(parse(&at.to_string()), Some(at));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,40}") {
            let _ = (parse(&text), parse_common_log(&text), parse_bsd(&text, Timestamp::EPOCH), parse_date_and_time(&text, &text));
        }
    }
}
