//! Grafana OnCall: the lists of its public API (`/api/v1/users`, `schedules`, `on_call_shifts`, `escalation_chains`,
//! `escalation_policies`) in one object under those names.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Imported, Names, Outcome, label, listed, root_of, zone_of};
use crate::escalation::{Condition, DailyTime, EscalationPolicy, REPEAT_MAX, Step, Target, TargetKind};
use crate::intake::IntakeError;
use crate::intake::json::{Answer, At};
use crate::schedule::{Holidays, Layer, Rotation, Schedule, Slot, Unit, Weekdays, Window};
use crate::zone::{DAY_SECS, Zone};

/// OnCall goes on at once where nothing is waited for; a provider needs about this long to take a message.
const NO_WAIT: Duration = Duration::from_secs(30);
/// What OnCall's own `repeat_escalation` does at most.
const REPEATS: u8 = 5;

pub fn grafana(body: &[u8]) -> Result<Imported, IntakeError> {
    let value = root_of(body)?;
    let root = At::root(&value);
    let users = Names::people(&listed(&root, "users")?)?;
    let shifts: BTreeMap<String, At<'_>> = listed(&root, "on_call_shifts")?
        .into_iter()
        .map(|shift| Ok((shift.required_text("id")?.to_owned(), shift)))
        .collect::<Answer<_>>()?;
    let mut imported = Imported::default();
    let mut schedules = BTreeMap::new();
    for item in listed(&root, "schedules")? {
        let title = item.required_text("name")?;
        schedules.insert(item.required_text("id")?.to_owned(), label(title));
        match schedule(&item, title, &shifts, &users, &mut imported) {
            Ok(schedule) => imported.add_schedule(schedule, title, &item),
            Err(error) => imported.note(format!("schedule {title}"), &item, Outcome::Left, error.to_string()),
        }
    }
    let steps = listed(&root, "escalation_policies")?;
    for chain in listed(&root, "escalation_chains")? {
        let (id, title) = (chain.required_text("id")?, chain.required_text("name")?);
        let mut of_chain = Vec::new();
        for step in &steps {
            if step.text("escalation_chain_id")? == Some(id) {
                of_chain.push((step.number("position")?.unwrap_or(0), step));
            }
        }
        of_chain.sort_by_key(|(position, _)| *position);
        let policy = policy(title, &of_chain, &users, &schedules, &mut imported)?;
        imported.add_policy(policy, title, &chain);
    }
    Ok(imported)
}

fn schedule(
    item: &At<'_>,
    title: &str,
    shifts: &BTreeMap<String, At<'_>>,
    users: &Names,
    imported: &mut Imported,
) -> Answer<Schedule> {
    let zone = zone_of(item, "time_zone")?.unwrap_or_else(Zone::utc);
    let mut schedule = Schedule::new(label(title), zone.clone());
    let mut layers = Vec::new();
    for id in item.list("shifts")? {
        let Some(shift) = shifts.get(id.as_text()?) else {
            let why = format!("shift {} is not in the export", id.as_text()?);
            imported.note(format!("schedule {title}"), &id, Outcome::Left, why);
            continue;
        };
        match layer(shift, &zone, users) {
            Ok(layer) => layers.push((shift.number("level")?.unwrap_or(0), layer)),
            Err(error) => {
                imported.note(format!("schedule {title}"), shift, Outcome::Left, error.to_string());
            }
        }
    }
    // A higher level lies above; equal levels are on call together there, and the later wins here.
    layers.sort_by_key(|(level, _)| *level);
    if layers.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        let why = "shifts of one level are on call together in OnCall; here the later one decides where they overlap";
        imported.note(format!("schedule {title}"), item, Outcome::Differs, why);
    }
    schedule.layers = layers.into_iter().map(|(_, layer)| layer).collect();
    Ok(schedule)
}

fn layer(shift: &At<'_>, zone: &Zone, users: &Names) -> Answer<Layer> {
    let kind = shift.required_text("type")?;
    if !["rolling_users", "recurrent_event"].contains(&kind) {
        return Err(
            shift.wrong(format!("a shift of type {kind} has no counterpart"), Some("add it as an override"))
        );
    }
    let zone = zone_of(shift, "time_zone")?.unwrap_or_else(|| zone.clone());
    // On the wall, without an offset.
    let start_at = shift.required("start")?;
    let start: jiff::civil::DateTime =
        start_at.as_text()?.parse().map_err(|_| start_at.wrong("is not a date with a time", None))?;
    let from_secs =
        u32::try_from(i32::from(start.hour()) * 3_600 + i32::from(start.minute()) * 60).unwrap_or(0);
    let duration = shift.number("duration")?.unwrap_or(DAY_SECS);
    let interval = u32::try_from(shift.number("interval")?.unwrap_or(1)).unwrap_or(1).max(1);
    let frequency = shift.required("frequency")?;
    let unit = frequency.word(&[("hourly", Unit::Hour), ("daily", Unit::Day), ("weekly", Unit::Week)])?;
    let mut days = Vec::new();
    for day in shift.list("by_day")? {
        const DAYS: [(&str, u8); 7] =
            [("MO", 0), ("TU", 1), ("WE", 2), ("TH", 3), ("FR", 4), ("SA", 5), ("SU", 6)];
        days.push(day.word(&DAYS)?);
    }
    let is_whole = duration >= unit.secs() * i64::from(interval);
    let mut windows = Vec::new();
    if !is_whole || !days.is_empty() {
        if duration > DAY_SECS {
            return Err(shift.wrong(format!("a part of {duration} s in each turn is more than a day"), None));
        }
        let to = (i64::from(from_secs) + duration) % DAY_SECS;
        let weekdays = match (unit, days.is_empty()) {
            (_, false) => Weekdays::of(days),
            (Unit::Week, true) => Weekdays::of([start.weekday().to_monday_zero_offset().unsigned_abs()]),
            (Unit::Day, true) => Weekdays::ALL,
            (Unit::Hour, true) => return Err(shift.wrong("a part of each hour has no counterpart", None)),
        };
        windows.push(Window { weekdays, from_secs, to_secs: u32::try_from(to).unwrap_or(0) });
    }
    let slot = |people: Vec<At<'_>>| -> Answer<Slot> {
        let names = people.iter().map(|id| Ok(users.person(id.as_text()?, None))).collect::<Answer<_>>()?;
        Ok(Slot { people: names, shadows: Vec::new() })
    };
    let mut participants = Vec::new();
    match kind {
        "rolling_users" => {
            for group in shift.list("rolling_users")? {
                participants.push(slot(group.items()?)?);
            }
            let first =
                usize::try_from(shift.number("start_rotation_from_user_index")?.unwrap_or(0)).unwrap_or(0);
            if !participants.is_empty() {
                let first = first % participants.len();
                participants.rotate_left(first);
            }
        }
        _ => participants.push(slot(shift.list("users")?)?),
    }
    Ok(Layer {
        name: shift.text("name")?.unwrap_or("shift").to_owned(),
        zone,
        rotation: Rotation {
            unit,
            length: interval,
            hand_over_secs: from_secs,
            weekday: None,
            starts_on: start.date(),
        },
        participants,
        windows,
        holidays: Holidays::Ignore,
        ends_on: None,
    })
}

fn policy(
    title: &str,
    steps: &[(i64, &At<'_>)],
    users: &Names,
    schedules: &BTreeMap<String, String>,
    imported: &mut Imported,
) -> Answer<EscalationPolicy> {
    let mut policy =
        EscalationPolicy { name: label(title), version: 1, steps: Vec::new(), repeat: 0, unack_after: None };
    let mut condition = Condition::default();
    let object = format!("escalation policy {title}");
    for (_, at) in steps {
        let kind = at.required_text("type")?;
        let mut targets = Vec::new();
        match kind {
            // A pause belongs to the step before it.
            "wait" => {
                let secs = u64::try_from(at.number("duration")?.unwrap_or(300)).unwrap_or(300);
                if let Some(last) = policy.steps.last_mut() {
                    last.timeout = Some(Duration::from_secs(secs).max(NO_WAIT));
                }
                continue;
            }
            "repeat_escalation" => {
                policy.repeat = REPEATS.min(REPEAT_MAX);
                continue;
            }
            "notify_if_time_from_to" => {
                let time = |key| -> Answer<u32> {
                    let text = at.required_text(key)?;
                    let mut parts = text.split(':').map_while(|part| part.parse::<u32>().ok());
                    Ok(parts.next().unwrap_or(0) % 24 * 3_600 + parts.next().unwrap_or(0) % 60 * 60)
                };
                let (from, to) = (time("notify_if_time_from")?, time("notify_if_time_to")?);
                condition.daily = Some(DailyTime::every_day(Zone::utc(), from, to));
                continue;
            }
            "notify_if_num_alerts_in_window" => {
                let alerts = at.number("num_alerts_in_window")?.unwrap_or(1);
                condition.alerts_min = u32::try_from(alerts).ok();
                let why = "the number of alerts counts from the start of the incident, not within a window";
                imported.note(&object, at, Outcome::Differs, why);
                continue;
            }
            "notify_persons" | "notify_person_next_each_time" => {
                for list in ["persons_to_notify", "persons_to_notify_next_each_time"] {
                    for id in at.list(list)? {
                        targets.push(Target::new(
                            TargetKind::Person,
                            users.person(id.as_text()?, None).as_str(),
                        ));
                    }
                }
            }
            "notify_on_call_from_schedule" => {
                let id = at.required_text("notify_on_call_from_schedule")?;
                let name = schedules.get(id).cloned().unwrap_or_else(|| label(id));
                targets.push(Target::new(TargetKind::Schedule, name));
            }
            "notify_team_members" => {
                targets
                    .push(Target::new(TargetKind::Team, label(at.required_text("notify_to_team_members")?)));
            }
            "trigger_webhook" | "trigger_action" => {
                let name = at.text("action_to_trigger")?.unwrap_or("webhook");
                targets.push(Target::new(TargetKind::Webhook, label(name)));
            }
            other => {
                imported.note(
                    &object,
                    at,
                    Outcome::Left,
                    format!("a step of type {other} has no counterpart"),
                );
                continue;
            }
        }
        policy.steps.push(Step {
            name: format!("step {}", policy.steps.len() + 1),
            targets,
            // OnCall goes on at once where no pause follows; we wait at least until a provider has taken the message.
            timeout: Some(NO_WAIT),
            condition: condition.clone(),
            round_robin: kind == "notify_person_next_each_time",
        });
    }
    Ok(policy)
}
