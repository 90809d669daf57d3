//! GoAlert: the answers of its GraphQL API (0.34) in one object: `users`, `rotations`, `schedules` and
//! `escalationPolicies`, each a list or a page with `nodes`.
//!
//! All targets of a GoAlert schedule are on call together. Here the uppermost layer decides, so a schedule with several
//! targets becomes several schedules, and a step that called it calls all of them: nobody is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Imported, Names, Outcome, label, listed, on_wall, root_of, zone_of};
use crate::escalation::{Condition, EscalationPolicy, REPEAT_MAX, Step, Target, TargetKind};
use crate::intake::IntakeError;
use crate::intake::json::{Answer, At};
use crate::schedule::{Holidays, Layer, Rotation, Schedule, Slot, Unit, Weekdays, Window};
use crate::zone::{DAY_SECS, Zone};

pub fn goalert(body: &[u8]) -> Result<Imported, IntakeError> {
    let value = root_of(body)?;
    let whole = At::root(&value);
    let root = whole.get("data").unwrap_or(whole);
    let users = Names::people(&listed(&root, "users")?)?;
    let rotations: BTreeMap<String, At<'_>> = listed(&root, "rotations")?
        .into_iter()
        .map(|rotation| Ok((rotation.required_text("id")?.to_owned(), rotation)))
        .collect::<Answer<_>>()?;
    let mut imported = Imported::default();
    let mut schedules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in listed(&root, "schedules")? {
        let title = item.required_text("name")?;
        let names = schedules.entry(item.required_text("id")?.to_owned()).or_default();
        match parts(&item, title, &rotations, &users, &mut imported) {
            Ok(parts) => {
                if parts.len() > 1 {
                    let why = format!(
                        "its {} targets are on call together, so each is a schedule here",
                        parts.len()
                    );
                    imported.note(format!("schedule {title}"), &item, Outcome::Differs, why);
                }
                for part in parts {
                    names.push(part.name.clone());
                    imported.add_schedule(part, title, &item);
                }
            }
            Err(error) => imported.note(format!("schedule {title}"), &item, Outcome::Left, error.to_string()),
        }
    }
    for item in listed(&root, "escalationPolicies")? {
        let title = item.required_text("name")?;
        match policy(&item, title, &schedules, &users, &mut imported) {
            Ok(policy) => imported.add_policy(policy, title, &item),
            Err(error) => {
                imported.note(format!("escalation policy {title}"), &item, Outcome::Left, error.to_string());
            }
        }
    }
    Ok(imported)
}

fn parts(
    item: &At<'_>,
    title: &str,
    rotations: &BTreeMap<String, At<'_>>,
    users: &Names,
    imported: &mut Imported,
) -> Answer<Vec<Schedule>> {
    let zone = zone_of(item, "timeZone")?.unwrap_or_else(Zone::utc);
    let targets = item.list("targets")?;
    let mut parts = Vec::new();
    for entry in &targets {
        let target = entry.required("target")?;
        let (kind, id) = (target.required_text("type")?, target.required_text("id")?);
        let mut layer = match kind {
            "user" => always(users.person(id, target.text("name")?), &zone),
            "rotation" => match rotations.get(id) {
                Some(rotation) => turns(rotation, users)?,
                None => {
                    let why = format!("rotation {id} is not in the export");
                    imported.note(format!("schedule {title}"), &target, Outcome::Left, why);
                    continue;
                }
            },
            other => {
                let why = format!("a target of type {other} has no counterpart");
                imported.note(format!("schedule {title}"), &target, Outcome::Left, why);
                continue;
            }
        };
        for rule in entry.list("rules")? {
            layer.windows.push(window(&rule)?);
        }
        if layer.zone != zone && !layer.windows.is_empty() {
            let why =
                format!("rules of rotation {} hold on the wall of {}, not of {zone}", layer.name, layer.zone);
            imported.note(format!("schedule {title}"), entry, Outcome::Differs, why);
        }
        let name = match targets.len() {
            1 => label(title),
            _ => label(&format!("{title} {}", parts.len() + 1)),
        };
        let mut part = Schedule::new(name, zone.clone());
        part.layers.push(layer);
        parts.push(part);
    }
    Ok(parts)
}

fn always(person: crate::PersonId, zone: &Zone) -> Layer {
    let starts_on = jiff::civil::date(2020, 1, 1);
    Layer {
        name: person.to_string(),
        zone: zone.clone(),
        rotation: Rotation { unit: Unit::Week, length: 1, hand_over_secs: 0, weekday: None, starts_on },
        participants: vec![Slot { people: vec![person], shadows: Vec::new() }],
        windows: Vec::new(),
        holidays: Holidays::Ignore,
        ends_on: None,
    }
}

fn turns(rotation: &At<'_>, users: &Names) -> Answer<Layer> {
    let zone = zone_of(rotation, "timeZone")?.unwrap_or_else(Zone::utc);
    let start = rotation.time("start")?.ok_or_else(|| rotation.wrong("has no start", None))?;
    let (starts_on, hand_over_secs) = on_wall(&zone, start);
    let kind = rotation.required("type")?;
    let unit = kind.word(&[("hourly", Unit::Hour), ("daily", Unit::Day), ("weekly", Unit::Week)])?;
    let length = u32::try_from(rotation.number("shiftLength")?.unwrap_or(1)).unwrap_or(1);
    let mut participants = Vec::new();
    for id in rotation.list("userIDs")? {
        let person = users.person(id.as_text()?, None);
        participants.push(Slot { people: vec![person], shadows: Vec::new() });
    }
    Ok(Layer {
        name: rotation.text("name")?.unwrap_or("rotation").to_owned(),
        zone,
        rotation: Rotation { unit, length, hand_over_secs, weekday: None, starts_on },
        participants,
        windows: Vec::new(),
        holidays: Holidays::Ignore,
        ends_on: None,
    })
}

fn window(rule: &At<'_>) -> Answer<Window> {
    let time = |key| -> Answer<u32> {
        let at = rule.required(key)?;
        let text = at.as_text()?;
        let (hour, minute) = text.split_once(':').unwrap_or((text, ""));
        match (hour.parse::<u32>(), minute.parse::<u32>()) {
            (Ok(hour), Ok(minute)) if hour < 24 && minute < 60 => Ok(hour * 3_600 + minute * 60),
            _ => Err(at.wrong(format!("`{text}` is not a time of day"), None)),
        }
    };
    let mut days = Vec::new();
    for (index, day) in rule.list("weekdayFilter")?.iter().enumerate() {
        // Sunday comes first.
        if day.value.as_bool() == Some(true) {
            days.push(u8::try_from((index + 6) % 7).expect("less than seven"));
        }
    }
    let (from_secs, to_secs) = (time("start")?, time("end")?);
    // Midnight to midnight is the whole day.
    let to_secs =
        if from_secs == 0 && to_secs == 0 { u32::try_from(DAY_SECS).expect("fits") } else { to_secs };
    Ok(Window { weekdays: Weekdays::of(days), from_secs, to_secs })
}

fn policy(
    item: &At<'_>,
    title: &str,
    schedules: &BTreeMap<String, Vec<String>>,
    users: &Names,
    imported: &mut Imported,
) -> Answer<EscalationPolicy> {
    let mut steps = Vec::new();
    for (number, step) in item.list("steps")?.iter().enumerate() {
        let mut targets = Vec::new();
        for target in step.list("targets")? {
            let (kind, id) = (target.required_text("type")?, target.required_text("id")?);
            let name = target.text("name")?;
            match kind {
                "user" => targets.push(Target::new(TargetKind::Person, users.person(id, name).as_str())),
                "schedule" => match schedules.get(id) {
                    Some(names) => {
                        targets.extend(names.iter().map(|name| Target::new(TargetKind::Schedule, name)));
                    }
                    None => targets.push(Target::new(TargetKind::Schedule, label(name.unwrap_or(id)))),
                },
                "chanWebhook" | "webhook" => {
                    targets.push(Target::new(TargetKind::Webhook, label(name.unwrap_or(id))));
                }
                other => {
                    let why = format!("a target of type {other} has no counterpart");
                    imported.note(format!("escalation policy {title}"), &target, Outcome::Left, why);
                }
            }
        }
        let minutes = step.number("delayMinutes")?.unwrap_or(30);
        steps.push(Step {
            name: format!("step {}", number + 1),
            targets,
            timeout: Some(Duration::from_secs(60 * u64::try_from(minutes).unwrap_or(30))),
            condition: Condition::default(),
            round_robin: false,
        });
    }
    let repeat = item.number("repeat")?.unwrap_or(0).clamp(0, i64::from(REPEAT_MAX));
    Ok(EscalationPolicy {
        name: label(title),
        version: 1,
        steps,
        repeat: u8::try_from(repeat).unwrap_or(0),
        unack_after: None,
    })
}
