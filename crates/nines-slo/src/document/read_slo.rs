//! Reads `openslo/v1` SLOs: window, objectives, what they refer to.

use std::time::Duration;

use jiff::civil;

use super::Meta;
use super::period::{Period, PeriodUnit, Ratio};
use super::read_metric::{sli, threshold_mistakes};
use super::read_other;
use super::slo::{Budgeting, Objective, Op, Ref, Sli, Slo, Window};
use nines_yaml::{Fields, Reader};
use nines_yaml::{Mark, Node, Raw};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn slo(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Slo> {
    let description = spec.text(reader, "description");
    let service = spec.required_text(reader, "service");
    let budgeting = budgeting(reader, &mut spec);
    let indicator = indicator_ref(reader, &mut spec);
    let window = time_window(reader, &mut spec);

    let objectives_path = spec.path_of("objectives");
    let objective_nodes = match spec.required(reader, "objectives") {
        Some(node) => {
            let items = reader.items(node, &objectives_path);
            if items.is_empty() && !matches!(node.value, Raw::Map(_) | Raw::Str(_)) {
                reader.error(node.mark, &objectives_path, "has no entries, at least one is needed", None);
            }
            items
        }
        None => Vec::new(),
    };
    let mut objectives = Vec::new();
    for (path, node) in &objective_nodes {
        if let Some(objective) = objective(reader, node, path, budgeting) {
            check_indicator(reader, node.mark, path, indicator.as_ref(), &objective);
            objectives.push(objective);
        }
    }
    let alert_policies = read_other::alert_policies(reader, &mut spec);
    let settings =
        read_other::settings(reader, &meta, objectives.iter().map(|objective| objective.target).min());
    spec.finish(reader);
    Some(Slo {
        meta,
        description,
        service: service?,
        indicator,
        window: window?,
        budgeting: budgeting?,
        objectives,
        alert_policies,
        settings,
    })
}

pub(super) fn budgeting(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Budgeting> {
    let node = spec.required(reader, "budgetingMethod")?;
    reader.choice(node, &spec.path_of("budgetingMethod"), &Budgeting::WORDS)
}

/// `indicator` or `indicatorRef`, in the spec or in an objective.
fn indicator_ref(reader: &mut Reader<'_>, holder: &mut Fields<'_>) -> Option<Ref<Sli>> {
    let named = holder.text(reader, "indicatorRef");
    let path = holder.path_of("indicator");
    let inline = holder.get(reader, "indicator").and_then(|node| inline_sli(reader, node, &path));
    if named.is_some() && holder.has("indicator") {
        let mark = holder.key_mark_of("indicatorRef");
        let hint = Some("keep one of them".to_owned());
        reader.error(
            mark,
            &holder.path_of("indicatorRef"),
            "`indicator` and `indicatorRef` exclude each other",
            hint,
        );
    }
    inline.map(|sli| Ref::Inline(Box::new(sli))).or(named.map(Ref::Named))
}

fn inline_sli(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Sli> {
    let mut fields = reader.fields(node, path)?;
    // An inline object may repeat what it is.
    fields.text(reader, "apiVersion");
    fields.text(reader, "kind");
    let meta = read_other::meta(reader, &mut fields, false);
    let spec = fields.required_fields(reader, "spec");
    fields.finish(reader);
    sli(reader, meta, spec?)
}

fn objective(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &str,
    budgeting: Option<Budgeting>,
) -> Option<Objective> {
    let mut fields = reader.fields(node, path)?;
    let display_name = fields.text(reader, "displayName");
    let op_path = fields.path_of("op");
    let op = fields.get(reader, "op").and_then(|node| reader.choice(node, &op_path, &Op::WORDS));
    let value = fields.number(reader, "value");
    let target = target(reader, &mut fields);
    let time_slice_target = share(reader, &mut fields, "timeSliceTarget");
    let time_slice_window = time_slice_window(reader, &mut fields);
    let composite_weight = fields.number(reader, "compositeWeight");
    let indicator = indicator_ref(reader, &mut fields);
    let need = |reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, method: &str| {
        if !fields.has(key) {
            let message = format!("`{key}` is missing, budgetingMethod {method} needs it");
            reader.error(fields.mark, &fields.path, message, None);
        }
    };
    match budgeting {
        Some(Budgeting::Timeslices) => {
            need(reader, &fields, "timeSliceTarget", "Timeslices");
            need(reader, &fields, "timeSliceWindow", "Timeslices");
        }
        Some(Budgeting::RatioTimeslices) => need(reader, &fields, "timeSliceWindow", "RatioTimeslices"),
        _ => {}
    }
    let wrong_value = value.is_none() && fields.has("value");
    fields.finish(reader);
    let target = target?;
    if wrong_value {
        return None;
    }
    Some(Objective {
        display_name,
        target,
        op,
        value,
        time_slice_target,
        time_slice_window,
        composite_weight,
        indicator,
    })
}

/// `target` in [0, 1) or `targetPercent` in [0, 100), not both.
pub(super) fn target(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Ratio> {
    let share = fields.number(reader, "target");
    let percent = fields.number(reader, "targetPercent");
    let (given, key, limit) = match (fields.has("target"), fields.has("targetPercent")) {
        (true, false) => (share?, "target", 1.0),
        (false, true) => (percent?, "targetPercent", 100.0),
        (true, true) => {
            let mark = fields.key_mark_of("targetPercent");
            let path = fields.path_of("targetPercent");
            let hint = Some("keep one of them".to_owned());
            reader.error(mark, &path, "`target` and `targetPercent` exclude each other", hint);
            return None;
        }
        (false, false) => {
            let misspelt = fields.entries().iter().any(|entry| entry.key.to_lowercase().starts_with("targ"));
            if !misspelt {
                let hint = Some("write `target: 0.999` or `targetPercent: 99.9`".to_owned());
                reader.error(
                    fields.mark,
                    &fields.path.clone(),
                    "has neither `target` nor `targetPercent`",
                    hint,
                );
            }
            return None;
        }
    };
    if !(0.0..limit).contains(&given) {
        let hint = match key {
            "target" if (10.0..100.0).contains(&given) => format!("write `targetPercent: {given}`"),
            "target" => "write a share from 0 up to, but not, 1, such as 0.999".to_owned(),
            _ => "write a percentage from 0 up to, but not, 100, such as 99.9".to_owned(),
        };
        reader.error(
            fields.mark_of(key),
            &fields.path_of(key),
            format!("{given} is out of range"),
            Some(hint),
        );
        return None;
    }
    match Ratio::from_f64(given / limit).filter(|target| *target < Ratio::ONE) {
        Some(target) => Some(target),
        None => {
            let hint = Some("nine digits are the limit".to_owned());
            reader.error(
                fields.mark_of(key),
                &fields.path_of(key),
                format!("{given} leaves no budget"),
                hint,
            );
            None
        }
    }
}

fn share(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Ratio> {
    let given = fields.number(reader, key)?;
    let share = Ratio::from_f64(given).filter(|share| *share > Ratio::ZERO);
    if share.is_none() {
        let hint = Some("write a share above 0 and up to 1, such as 0.95".to_owned());
        reader.error(fields.mark_of(key), &fields.path_of(key), format!("{given} is out of range"), hint);
    }
    share
}

fn time_slice_window(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Duration> {
    let period = period(reader, fields, "timeSliceWindow")?;
    let length = period.nominal();
    if length < MINUTE
        || length > DAY
        || !length.as_secs().is_multiple_of(60)
        || !DAY.as_secs().is_multiple_of(length.as_secs())
    {
        let hint = Some("slices are whole minutes that divide a day: 1m, 5m, 15m, 1h".to_owned());
        let path = fields.path_of("timeSliceWindow");
        reader.error(
            fields.mark_of("timeSliceWindow"),
            &path,
            format!("a slice cannot be {period} long"),
            hint,
        );
        return None;
    }
    Some(length)
}

pub(super) fn period(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Period> {
    let path = fields.path_of(key);
    let node = fields.get(reader, key)?;
    let text = match &node.value {
        Raw::Int(_) | Raw::Float(_) => {
            let number = reader.source.get(node.source.clone()).unwrap_or_default();
            let hint = Some(format!("write {number}m for minutes, or h, d, w, M, Q, Y"));
            reader.error(node.mark, &path, "is a number without a unit", hint);
            return None;
        }
        _ => reader.text(node, &path)?,
    };
    match Period::parse(&text) {
        Ok(period) => Some(period),
        Err(hint) => {
            reader.error(node.mark, &path, format!("`{text}` is not a length of time"), Some(hint));
            None
        }
    }
}

/// Exactly one window, rolling or calendar.
fn time_window(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> Option<Window> {
    let path = spec.path_of("timeWindow");
    let node = spec.required(reader, "timeWindow")?;
    let before = reader.errors.len();
    let items = reader.items(node, &path);
    let [(item_path, item)] = items.as_slice() else {
        if reader.errors.len() == before {
            let message = format!("has {} entries, exactly one is needed", items.len());
            let hint = Some("make one SLO per window".to_owned()).filter(|_| items.len() > 1);
            reader.error(node.mark, &path, message, hint);
        }
        return None;
    };
    let mut fields = reader.fields(item, item_path)?;
    let period = period(reader, &mut fields, "duration");
    if !fields.has("duration")
        && !fields.entries().iter().any(|entry| super::nearest(&entry.key, ["duration"]).is_some())
    {
        reader.error(
            fields.mark,
            item_path,
            "`duration` is missing",
            Some("write `duration: 30d`".to_owned()),
        );
    }
    let rolling = fields.boolean(reader, "isRolling");
    let calendar = fields.fields(reader, "calendar");
    let has_calendar = fields.has("calendar");
    let (mark, duration_mark) = (fields.mark, fields.mark_of("duration"));
    let duration_path = fields.path_of("duration");
    fields.finish(reader);
    match (rolling, has_calendar) {
        (Some(true), true) => {
            let hint = Some("drop `calendar`, or write `isRolling: false`".to_owned());
            reader.error(mark, item_path, "a rolling window has no calendar", hint);
            None
        }
        (Some(false), false) => {
            let hint =
                Some("add `calendar` with startTime and timeZone, or write `isRolling: true`".to_owned());
            reader.error(mark, item_path, "a window that does not roll needs a calendar", hint);
            None
        }
        (rolling, false) => {
            if rolling.is_none() {
                reader.warn(mark, item_path, "`isRolling` is not said; read as a rolling window");
            }
            rolling_window(reader, period?, duration_mark, &duration_path)
        }
        (_, true) => calendar_window(reader, calendar?, period, duration_mark, &duration_path),
    }
}

pub(super) fn rolling_window(
    reader: &mut Reader<'_>,
    period: Period,
    mark: Mark,
    path: &str,
) -> Option<Window> {
    if period.nominal() < Duration::from_secs(3_600) || period.nominal() > crate::ROLLING_MAX {
        let hint = Some(format!(
            "from 1h to {}d; for a month write 1M or 30d",
            crate::ROLLING_MAX.as_secs() / 86_400
        ));
        reader.error(mark, path, format!("a rolling window cannot be {period} long"), hint);
        return None;
    }
    if period.unit >= PeriodUnit::Month {
        let days = period.nominal().as_secs() / 86_400;
        reader.warn(mark, path, format!("a rolling window of {period} is read as {days} days"));
    }
    Some(Window::Rolling(period))
}

fn calendar_window(
    reader: &mut Reader<'_>,
    mut calendar: Fields<'_>,
    period: Option<Period>,
    duration_mark: Mark,
    duration_path: &str,
) -> Option<Window> {
    let start_text = calendar.required_text(reader, "startTime");
    let start = start_text.and_then(|text| {
        let parsed = text.trim().parse::<civil::DateTime>().ok();
        if parsed.is_none() {
            let hint = Some("write it like 2026-01-01 00:00:00".to_owned());
            let path = calendar.path_of("startTime");
            reader.error(calendar.mark_of("startTime"), &path, format!("`{text}` is not a local time"), hint);
        }
        parsed
    });
    let zone = calendar.required_text(reader, "timeZone").and_then(|name| {
        let known = jiff::tz::TimeZone::get(&name).is_ok();
        if !known {
            let hint = nearest_zone(&name)
                .unwrap_or("use a name of the IANA database, such as Asia/Taipei".to_owned());
            let path = calendar.path_of("timeZone");
            reader.error(
                calendar.mark_of("timeZone"),
                &path,
                format!("`{name}` is not a time zone"),
                Some(hint),
            );
        }
        known.then_some(name)
    });
    calendar.finish(reader);
    let mut period = period?;
    if period.unit == PeriodUnit::Minute {
        let month = Period::new(period.count, PeriodUnit::Month);
        let message = format!("{period} is minutes; a calendar window is read as {month}");
        reader.warn(duration_mark, duration_path, message);
        period = month;
    }
    if period.unit < PeriodUnit::Day || period.nominal() > crate::CALENDAR_MAX {
        let hint = Some("from 1d to 1Y".to_owned());
        reader.error(
            duration_mark,
            duration_path,
            format!("a calendar window cannot be {period} long"),
            hint,
        );
        return None;
    }
    Some(Window::Calendar { period, start: start?, zone: zone? })
}

fn nearest_zone(name: &str) -> Option<String> {
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    super::nearest(name, known.iter().map(String::as_str)).map(|zone| format!("did you mean `{zone}`?"))
}

/// An objective must have something to compare, and only if there is something.
fn check_indicator(
    reader: &mut Reader<'_>,
    mark: Mark,
    path: &str,
    common: Option<&Ref<Sli>>,
    objective: &Objective,
) {
    match (common, &objective.indicator) {
        (None, None) => {
            // Where the SLO's own indicator was there but wrong, that has been said.
            if reader.errors.is_empty() {
                let hint = Some("write `indicator` or `indicatorRef` in the spec or here".to_owned());
                reader.error(mark, path, "has no indicator", hint);
            }
        }
        (Some(_), Some(_)) => {
            let hint = Some("keep the one in the spec or those in the objectives".to_owned());
            reader.error(mark, path, "has an indicator beside the SLO's own", hint);
        }
        (Some(indicator), None) | (None, Some(indicator)) => {
            if let Some(sli) = indicator.inline() {
                let (errors, warnings) = threshold_mistakes(&sli.metric, objective);
                errors.into_iter().for_each(|(message, hint)| reader.error(mark, path, message, hint));
                warnings.into_iter().for_each(|message| reader.warn(mark, path, message));
            }
        }
    }
}
