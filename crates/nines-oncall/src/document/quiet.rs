//! `Silence` and `MaintenanceWindow`.

use std::time::Duration;

use nines_model::TimeRange;
use nines_slo::Meta;
use nines_slo::documents::{Fields, Reader};

use super::words;
use crate::noise::{MAINTENANCE_DEFAULT_MAX, MaintenanceWindow, Silence, SilenceId, When};
use crate::zone::Zone;

pub(super) fn silence(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Silence> {
    let filter = words::filter(reader, &mut spec);
    let author = spec.required_text(reader, "author");
    let reason = spec.required_text(reader, "reason");
    spec.required(reader, "from");
    spec.required(reader, "until");
    let from = words::instant(reader, &mut spec, "from");
    let until = words::instant(reader, &mut spec, "until");
    let (mark, path) = (spec.mark_of("until"), spec.path_of("until"));
    spec.finish(reader);
    let (from, until) = (from?, until?);
    let silence = Silence {
        id: SilenceId(meta.name),
        filter: filter?,
        range: TimeRange { start: from, end: until },
        author: author?,
        reason: reason?,
        created_at: super::ALWAYS,
        matched_at: None,
        noticed_at: None,
    };
    match silence.check() {
        Ok(()) => Some(silence),
        Err(error) => {
            reader.error(mark, &path, error.to_string(), None);
            None
        }
    }
}

pub(super) fn window(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<MaintenanceWindow> {
    let filter = words::filter(reader, &mut spec);
    let author = spec.required_text(reader, "author");
    let reason = spec.text(reader, "reason").unwrap_or_default();
    let is_public = spec.boolean(reader, "public").unwrap_or(false);
    let is_weekly = spec.has("weekly");
    let when = match is_weekly {
        true => spec.fields(reader, "weekly").and_then(|fields| weekly(reader, fields)),
        false => {
            spec.required(reader, "from");
            spec.required(reader, "until");
            let from = words::instant(reader, &mut spec, "from");
            let until = words::instant(reader, &mut spec, "until");
            from.zip(until).map(|(from, until)| When::Once(TimeRange::new(from, until)))
        }
    };
    let (mark, path) = (spec.mark, spec.path.clone());
    spec.finish(reader);
    let window = MaintenanceWindow {
        name: meta.name,
        filter: filter?,
        when: when?,
        author: author?,
        reason,
        is_public,
    };
    match window.check(MAINTENANCE_DEFAULT_MAX) {
        Ok(()) => Some(window),
        Err(error) => {
            reader.error(mark, &path, error.to_string(), None);
            None
        }
    }
}

fn weekly(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<When> {
    let has_zone = fields.has("timeZone");
    let zone = words::zone(reader, &mut fields);
    fields.required(reader, "days");
    fields.required(reader, "at");
    fields.required(reader, "length");
    fields.required(reader, "from");
    let weekdays = words::weekdays(reader, &mut fields, "days");
    let at = words::time_of_day(reader, &mut fields, "at", false);
    let length: Option<Duration> = words::length(reader, &mut fields, "length");
    let every_weeks = words::whole(reader, &mut fields, "everyWeeks", 1..=52);
    let starts_on = words::date(reader, &mut fields, "from");
    let ends_on = words::date(reader, &mut fields, "until");
    fields.finish(reader);
    if has_zone && zone.is_none() {
        return None;
    }
    Some(When::Weekly {
        zone: zone.unwrap_or_else(Zone::utc),
        weekdays,
        from_secs: at?,
        length: length?,
        every_weeks: every_weeks.unwrap_or(1),
        starts_on: starts_on?,
        ends_on,
    })
}
