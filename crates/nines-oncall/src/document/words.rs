//! The small words of on-call documents: times of day, dates, weekdays, lengths, zones, instants and filters.

use std::time::Duration;

use jiff::civil::Date;
use nines_filter::Filter;
use nines_model::Timestamp;
use nines_slo::Period;
use nines_slo::documents::{Fields, Reader, suggest};

use crate::schedule::{Weekdays, Window};
use crate::zone::Zone;

const DAY_SECS: u32 = 86_400;

/// Reads the text under `key` by `read`, whose error is a message and a hint.
fn read<T>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    read: impl FnOnce(&str) -> Result<T, (String, Option<String>)>,
) -> Option<T> {
    let text = fields.text(reader, key)?;
    match read(text.trim()) {
        Ok(value) => Some(value),
        Err((message, hint)) => {
            reader.error(fields.mark_of(key), &fields.path_of(key), message, hint);
            None
        }
    }
}

/// Seconds since midnight; `24:00` is the end of the day where `end` allows it.
pub(super) fn time_of_day(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    end: bool,
) -> Option<u32> {
    read(reader, fields, key, |text| {
        let wrong = || {
            let hint = if end { "write it as 09:00, up to 24:00" } else { "write it as 09:00, up to 23:59" };
            (format!("`{text}` is not a time of day"), Some(hint.to_owned()))
        };
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 2);
        let (hours, minutes) = number(hours).zip(number(minutes)).ok_or_else(wrong)?;
        let secs = hours.saturating_mul(3_600) + minutes * 60;
        if minutes > 59 || secs > DAY_SECS || (secs == DAY_SECS && !end) {
            return Err(wrong());
        }
        Ok(secs)
    })
}

pub(super) fn date(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Date> {
    read(reader, fields, key, parse_date)
}

pub(super) fn parse_date(text: &str) -> Result<Date, (String, Option<String>)> {
    let wrong = |_| (format!("`{text}` is not a date"), Some("write it as \"2026-01-05\"".to_owned()));
    text.parse::<Date>().map_err(wrong)
}

pub(super) fn zone(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Zone> {
    read(reader, fields, "timeZone", |text| {
        Zone::get(text).map_err(|error| {
            let hint = match &error.nearest {
                Some(near) => format!("did you mean `{near}`?"),
                None => "use a name of the IANA database, such as Asia/Taipei".to_owned(),
            };
            (format!("`{}` is not a time zone", error.name), Some(hint))
        })
    })
}

pub(super) fn instant(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
) -> Option<Timestamp> {
    read(reader, fields, key, |text| {
        Timestamp::parse_rfc3339(text).map_err(|error| (error.to_string(), None))
    })
}

/// `30s`, `5m`, `2h`; `0s` too.
pub(super) fn length(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
) -> Option<Duration> {
    read(reader, fields, key, |text| {
        if text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) == "0" {
            return Ok(Duration::ZERO);
        }
        let wrong = |hint| (format!("`{text}` is not a length of time"), Some(hint));
        Period::parse(text).map(Period::nominal).map_err(wrong)
    })
}

/// A whole number within a range.
pub(super) fn whole(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<u32>,
) -> Option<u32> {
    let number = fields.number(reader, key)?;
    let is_good =
        number.fract() == 0.0 && (f64::from(*range.start())..=f64::from(*range.end())).contains(&number);
    if !is_good {
        let message = format!("must be a whole number from {} to {}", range.start(), range.end());
        reader.error(fields.mark_of(key), &fields.path_of(key), message, None);
        return None;
    }
    // Within u32 and whole, as has just been checked.
    Some(number as u32)
}

pub(super) fn weekday(text: &str) -> Result<u8, Option<String>> {
    let wanted = text.trim().to_lowercase();
    // `monday` is as good as `mon`.
    let found = Weekdays::NAMES.iter().position(|name| wanted.get(..3) == Some(name) && wanted.len() <= 9);
    found.and_then(|day| u8::try_from(day).ok()).ok_or_else(|| suggest(&wanted, &Weekdays::NAMES))
}

/// The weekdays under `key`; all of them where nothing is said.
pub(super) fn weekdays(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Weekdays {
    let items = fields.items(reader, key);
    if items.is_empty() {
        return Weekdays::ALL;
    }
    let mut days = Vec::new();
    for (path, node) in items {
        let Some(text) = reader.text(node, &path) else { continue };
        match weekday(&text) {
            Ok(day) => days.push(day),
            Err(hint) => reader.error(node.mark, &path, format!("`{text}` is not a weekday"), hint),
        }
    }
    Weekdays::of(days)
}

/// `from`, `to` and `days`.
pub(super) fn window(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Window> {
    fields.required(reader, "from");
    fields.required(reader, "to");
    let from_secs = time_of_day(reader, fields, "from", false);
    let to_secs = time_of_day(reader, fields, "to", true);
    let weekdays = weekdays(reader, fields, "days");
    Some(Window { weekdays, from_secs: from_secs?, to_secs: to_secs? })
}

pub(super) fn filter(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Filter> {
    fields.required(reader, "filter");
    read(reader, fields, "filter", |text| Filter::parse(text).map_err(|error| (error.to_string(), None)))
}
