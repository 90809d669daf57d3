//! PagerDuty: `GET /schedules/{id}` and `GET /escalation_policies`, as of REST API v2, in one object with `users`,
//! `schedules` and `escalation_policies`.

use std::time::Duration;

use super::{Imported, Names, Outcome, label, listed, on_wall, root_of, zone_of};
use crate::escalation::{Condition, EscalationPolicy, REPEAT_MAX, Step, Target, TargetKind};
use crate::intake::IntakeError;
use crate::intake::json::{Answer, At};
use crate::schedule::{Holidays, Layer, Rotation, Schedule, Slot, Unit, Weekdays, Window};
use crate::zone::{DAY_SECS, Zone};

pub fn pagerduty(body: &[u8]) -> Result<Imported, IntakeError> {
    let value = root_of(body)?;
    let root = At::root(&value);
    let users = Names::people(&listed(&root, "users")?)?;
    let mut imported = Imported::default();
    for item in listed(&root, "schedules")? {
        let title = item.required_text("name")?;
        match schedule(&item, title, &users, &mut imported) {
            Ok(schedule) => imported.add_schedule(schedule, title, &item),
            Err(error) => {
                imported.note(format!("schedule {title}"), &item, Outcome::Left, error.to_string());
            }
        }
    }
    for item in listed(&root, "escalation_policies")? {
        let title = item.required_text("name")?;
        match policy(&item, title, &users, &mut imported) {
            Ok(policy) => imported.add_policy(policy, title, &item),
            Err(error) => {
                imported.note(format!("escalation policy {title}"), &item, Outcome::Left, error.to_string());
            }
        }
    }
    Ok(imported)
}

fn schedule(item: &At<'_>, title: &str, users: &Names, imported: &mut Imported) -> Answer<Schedule> {
    let zone = zone_of(item, "time_zone")?.unwrap_or_else(Zone::utc);
    let mut schedule = Schedule::new(label(title), zone.clone());
    // The API lists the uppermost layer first.
    for layer_at in item.list("schedule_layers")?.iter().rev() {
        schedule.layers.push(layer(layer_at, &zone, users, imported, title)?);
    }
    Ok(schedule)
}

fn layer(at: &At<'_>, zone: &Zone, users: &Names, imported: &mut Imported, title: &str) -> Answer<Layer> {
    let name = at.text("name")?.unwrap_or("layer").to_owned();
    let secs = at.number("rotation_turn_length_seconds")?.unwrap_or(7 * DAY_SECS);
    let (unit, length) = match secs {
        secs if secs > 0 && secs % (7 * DAY_SECS) == 0 => (Unit::Week, secs / (7 * DAY_SECS)),
        secs if secs > 0 && secs % DAY_SECS == 0 => (Unit::Day, secs / DAY_SECS),
        secs if secs > 0 && secs % 3_600 == 0 => (Unit::Hour, secs / 3_600),
        _ => return Err(at.wrong(format!("turns of {secs} s are not whole hours"), None)),
    };
    let start = match at.time("rotation_virtual_start")? {
        Some(start) => start,
        None => at.time("start")?.ok_or_else(|| at.wrong("has no start", None))?,
    };
    let (starts_on, hand_over_secs) = on_wall(zone, start);
    if at.time("start")?.is_some_and(|real| real > start) {
        let why = format!("layer {name} counts from its virtual start on, not only from its real one");
        imported.note(format!("schedule {title}"), at, Outcome::Differs, why);
    }
    let mut participants = Vec::new();
    for user in at.list("users")? {
        let user = user.get("user").unwrap_or(user);
        let person = users.person(user.required_text("id")?, user.text("summary")?);
        participants.push(Slot { people: vec![person], shadows: Vec::new() });
    }
    let windows = at.list("restrictions")?.iter().map(restriction).collect::<Answer<Vec<_>>>()?;
    Ok(Layer {
        name,
        zone: zone.clone(),
        rotation: Rotation {
            unit,
            length: u32::try_from(length).unwrap_or(0),
            hand_over_secs,
            weekday: None,
            starts_on,
        },
        participants,
        windows: windows.into_iter().flatten().collect(),
        holidays: Holidays::Ignore,
        ends_on: at.time("end")?.map(|end| on_wall(zone, end).0),
    })
}

/// A restriction longer than a day becomes a window for each day.
fn restriction(at: &At<'_>) -> Answer<Vec<Window>> {
    let start = at.required_text("start_time_of_day")?;
    let mut parts = start.split(':').map(|part| part.parse::<i64>().unwrap_or(-1));
    let (hour, minute) = (parts.next().unwrap_or(-1), parts.next().unwrap_or(-1));
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
        return Err(at.wrong(format!("`{start}` is not a time of day"), None));
    }
    let from = hour * 3_600 + minute * 60;
    let mut left = at.number("duration_seconds")?.unwrap_or(0);
    // From 1, a Monday; a daily restriction has none.
    let first_day = at.number("start_day_of_week")?;
    let limit = if first_day.is_some() { 7 * DAY_SECS } else { DAY_SECS };
    if left <= 0 || left > limit {
        return Err(at.wrong(format!("a restriction of {left} s cannot be repeated"), None));
    }
    let mut windows = Vec::new();
    let (mut day, mut from) = (first_day.map(|day| day - 1), from);
    while left > 0 {
        let length = left.min(DAY_SECS);
        let weekdays = match day {
            Some(day) => Weekdays::of([u8::try_from(day.rem_euclid(7)).expect("less than seven")]),
            None => Weekdays::ALL,
        };
        let to = from + length;
        // A whole day from its beginning ends at its end; else what ends at or before its start ends the next day.
        let to = if to <= DAY_SECS { to } else { to - DAY_SECS };
        let secs = |secs: i64| u32::try_from(secs).expect("within a day");
        windows.push(Window { weekdays, from_secs: secs(from), to_secs: secs(to) });
        left -= length;
        day = day.map(|day| day + 1);
        from %= DAY_SECS;
    }
    Ok(windows)
}

fn policy(item: &At<'_>, title: &str, users: &Names, imported: &mut Imported) -> Answer<EscalationPolicy> {
    let mut steps = Vec::new();
    for (number, rule) in item.list("escalation_rules")?.iter().enumerate() {
        let mut targets = Vec::new();
        for target in rule.list("targets")? {
            let (id, kind) = (target.required_text("id")?, target.required_text("type")?);
            let name = target.text("summary")?;
            match kind.trim_end_matches("_reference") {
                "user" => targets.push(Target::new(TargetKind::Person, users.person(id, name).as_str())),
                "schedule" => targets.push(Target::new(TargetKind::Schedule, label(name.unwrap_or(id)))),
                other => {
                    let why = format!("a target of type {other} is not known");
                    imported.note(format!("escalation policy {title}"), &target, Outcome::Left, why);
                }
            }
        }
        let minutes = rule.number("escalation_delay_in_minutes")?.unwrap_or(30);
        let strategy = rule.get("escalation_rule_assignment_strategy");
        let round_robin = strategy.and_then(|at| at.text("type").ok().flatten()) == Some("round_robin");
        steps.push(Step {
            name: format!("step {}", number + 1),
            targets,
            timeout: Some(Duration::from_secs(60 * u64::try_from(minutes).unwrap_or(30))),
            condition: Condition::default(),
            round_robin,
        });
    }
    let loops = item.number("num_loops")?.unwrap_or(0).clamp(0, i64::from(REPEAT_MAX));
    Ok(EscalationPolicy {
        name: label(title),
        version: 1,
        steps,
        repeat: u8::try_from(loops).unwrap_or(0),
        unack_after: None,
    })
}
