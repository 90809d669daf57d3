//! On-call documents as text again: what is stored, shown, and made of an import.

use std::time::Duration;

use nines_slo::{NINES_V1, Yaml};

use crate::PersonId;
use crate::escalation::{Condition, Contact, EscalationPolicy, PersonalRules, Step};
use crate::intake::MailIntegration;
use crate::noise::{MaintenanceWindow, Silence, When};
use crate::report::{Every, ReviewReport};
use crate::schedule::{Holidays, Layer, Schedule, Slot, Unit, Weekdays, Window};

type Map = Vec<(String, Yaml)>;

pub fn schedule_yaml(schedule: &Schedule) -> String {
    let mut spec = map([("timeZone", Yaml::str(schedule.zone.name()))]);
    list(&mut spec, "holidays", schedule.holidays.iter().map(|date| Yaml::str(date.to_string())));
    list(&mut spec, "layers", schedule.layers.iter().map(|it| layer(it, schedule)));
    document("Schedule", &schedule.name, spec)
}

pub fn policy_yaml(policy: &EscalationPolicy) -> String {
    let mut spec = Map::new();
    if policy.repeat > 0 {
        spec.extend(map([("repeat", Yaml::Int(i64::from(policy.repeat)))]));
    }
    spec.extend(policy.unack_after.map(|after| ("unackAfter".to_owned(), length(after))));
    list(&mut spec, "steps", policy.steps.iter().map(step));
    document("EscalationPolicy", &policy.name, spec)
}

pub fn rules_yaml(rules: &PersonalRules) -> String {
    let contact = |contact: &Contact| {
        let mut fields = map([("channel", Yaml::str(&contact.channel))]);
        if !contact.after.is_zero() {
            fields.push(("after".to_owned(), length(contact.after)));
        }
        Yaml::Map(fields)
    };
    let mut spec = map([("person", Yaml::str(rules.person.as_str()))]);
    list(&mut spec, "high", rules.high.iter().map(contact));
    list(&mut spec, "low", rules.low.iter().map(contact));
    document("PersonalRules", &label(rules.person.as_str()), spec)
}

pub fn silence_yaml(silence: &Silence) -> String {
    let spec = map([
        ("filter", Yaml::str(silence.filter.to_string())),
        ("author", Yaml::str(&silence.author)),
        ("reason", Yaml::str(&silence.reason)),
        ("from", Yaml::str(silence.range.start.to_string())),
        ("until", Yaml::str(silence.range.end.to_string())),
    ]);
    document("Silence", &silence.id.0, spec)
}

pub fn mail_yaml(mail: &MailIntegration) -> String {
    let mut spec = map([("address", Yaml::str(&mail.address))]);
    spec.extend(mail.service.as_ref().map(|service| ("service".to_owned(), Yaml::str(service))));
    spec.extend(mail.level.map(|level| ("level".to_owned(), Yaml::str(level.as_str()))));
    list(&mut spec, "senders", mail.senders.iter().map(Yaml::str));
    spec.extend(mail.dedup.as_ref().map(|pattern| ("dedup".to_owned(), Yaml::str(pattern.to_string()))));
    spec.extend(
        mail.resolved.as_ref().map(|pattern| ("resolved".to_owned(), Yaml::str(pattern.to_string()))),
    );
    document("MailIntegration", &mail.name, spec)
}

pub fn report_yaml(report: &ReviewReport) -> String {
    let mut spec = map([
        ("every", Yaml::str(report.every.as_str())),
        ("timeZone", Yaml::str(report.zone.name())),
        ("at", time(report.at_secs)),
    ]);
    if report.every == Every::Week {
        spec.extend(map([("on", weekday(report.weekday))]));
    }
    list(&mut spec, "people", report.people.iter().map(|person| Yaml::str(person.as_str())));
    list(&mut spec, "teams", report.teams.iter().map(Yaml::str));
    list(&mut spec, "channels", report.channels.iter().map(Yaml::str));
    document("ReviewReport", &report.name, spec)
}

pub fn window_yaml(window: &MaintenanceWindow) -> String {
    let mut spec = map([
        ("filter", Yaml::str(window.filter.to_string())),
        ("author", Yaml::str(&window.author)),
        ("reason", Yaml::str(&window.reason)),
    ]);
    if window.is_public {
        spec.extend(map([("public", Yaml::Bool(true))]));
    }
    match &window.when {
        When::Once(range) => spec.extend(map([
            ("from", Yaml::str(range.start.to_string())),
            ("until", Yaml::str(range.end.to_string())),
        ])),
        When::Weekly { zone, weekdays, from_secs, length: lasts, every_weeks, starts_on, ends_on } => {
            let mut weekly = map([("timeZone", Yaml::str(zone.name()))]);
            weekly.extend(map([
                ("days", days(*weekdays)),
                ("at", time(*from_secs)),
                ("length", length(*lasts)),
                ("everyWeeks", Yaml::Int(i64::from(*every_weeks))),
                ("from", Yaml::str(starts_on.to_string())),
            ]));
            weekly.extend(ends_on.map(|date| ("until".to_owned(), Yaml::str(date.to_string()))));
            spec.extend(map([("weekly", Yaml::Map(weekly))]));
        }
    }
    document("MaintenanceWindow", &window.name, spec)
}

fn layer(layer: &Layer, schedule: &Schedule) -> Yaml {
    let rotation = &layer.rotation;
    let unit = match rotation.unit {
        Unit::Hour => 'h',
        Unit::Day => 'd',
        Unit::Week => 'w',
    };
    let mut turns = map([
        ("every", Yaml::str(format!("{}{unit}", rotation.length))),
        ("handOver", time(rotation.hand_over_secs)),
    ]);
    turns.extend(rotation.weekday.map(|day| ("on".to_owned(), weekday(day))));
    turns.extend(map([("from", Yaml::str(rotation.starts_on.to_string()))]));
    turns.extend(layer.ends_on.map(|date| ("until".to_owned(), Yaml::str(date.to_string()))));
    let mut fields = map([("name", Yaml::str(&layer.name))]);
    if layer.zone != schedule.zone {
        fields.extend(map([("timeZone", Yaml::str(layer.zone.name()))]));
    }
    fields.extend(map([("rotation", Yaml::Map(turns))]));
    list(&mut fields, "participants", layer.participants.iter().map(slot));
    list(&mut fields, "restrictions", layer.windows.iter().map(|it| Yaml::Map(window(it))));
    match layer.holidays {
        Holidays::Ignore => {}
        Holidays::Off => fields.extend(map([("holidays", Yaml::str("skip"))])),
        Holidays::Only => fields.extend(map([("holidays", Yaml::str("only"))])),
    }
    Yaml::Map(fields)
}

fn slot(slot: &Slot) -> Yaml {
    if let ([person], []) = (slot.people.as_slice(), slot.shadows.as_slice()) {
        return Yaml::str(person.as_str());
    }
    let names = |people: &[PersonId]| Yaml::Seq(people.iter().map(|it| Yaml::str(it.as_str())).collect());
    let mut fields = map([("people", names(&slot.people))]);
    if !slot.shadows.is_empty() {
        fields.extend(map([("shadows", names(&slot.shadows))]));
    }
    Yaml::Map(fields)
}

fn step(step: &Step) -> Yaml {
    let mut fields = map([("name", Yaml::str(&step.name))]);
    let targets = step.targets.iter();
    list(
        &mut fields,
        "targets",
        targets.map(|target| {
            let mut fields = map([(target.kind.as_str(), Yaml::str(&target.name))]);
            let with = serde_json::from_str(&target.with).ok().map(|with| ("with".to_owned(), yaml(with)));
            fields.extend(with);
            Yaml::Map(fields)
        }),
    );
    fields.extend(step.timeout.map(|timeout| ("timeout".to_owned(), length(timeout))));
    if step.round_robin {
        fields.extend(map([("roundRobin", Yaml::Bool(true))]));
    }
    if !step.condition.is_always() {
        fields.extend(map([("when", condition(&step.condition))]));
    }
    Yaml::Map(fields)
}

fn yaml(value: serde_json::Value) -> Yaml {
    use serde_json::Value;
    match value {
        Value::Null => Yaml::Null,
        Value::Bool(flag) => Yaml::Bool(flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Yaml::Int(whole),
            None => Yaml::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Yaml::Str(text),
        Value::Array(values) => Yaml::Seq(values.into_iter().map(yaml).collect()),
        Value::Object(fields) => {
            Yaml::Map(fields.into_iter().map(|(key, value)| (key, yaml(value))).collect())
        }
    }
}

fn condition(condition: &Condition) -> Yaml {
    let mut fields = Map::new();
    list(&mut fields, "levels", condition.levels.iter().map(|level| Yaml::str(level.as_str())));
    fields.extend(condition.alerts_min.map(|min| ("alertsMin".to_owned(), Yaml::Int(i64::from(min)))));
    if let Some(daily) = &condition.daily {
        let mut between = window(&daily.window);
        between.extend(map([("timeZone", Yaml::str(daily.zone.name()))]));
        fields.extend(map([("between", Yaml::Map(between))]));
    }
    Yaml::Map(fields)
}

fn window(window: &Window) -> Map {
    let mut fields = map([("from", time(window.from_secs)), ("to", time(window.to_secs))]);
    if window.weekdays != Weekdays::ALL {
        fields.extend(map([("days", days(window.weekdays))]));
    }
    fields
}

fn days(weekdays: Weekdays) -> Yaml {
    Yaml::Seq(weekdays.iter().map(weekday).collect())
}

fn weekday(day: u8) -> Yaml {
    Yaml::str(Weekdays::NAMES[usize::from(day % 7)])
}

/// `09:00`; hand-overs and windows are of whole minutes.
fn time(second_of_day: u32) -> Yaml {
    Yaml::str(format!("{:02}:{:02}", second_of_day / 3_600, second_of_day / 60 % 60))
}

fn length(length: Duration) -> Yaml {
    let secs = length.as_secs();
    Yaml::str(match secs {
        secs if secs > 0 && secs % 3_600 == 0 => format!("{}h", secs / 3_600),
        secs if secs > 0 && secs % 60 == 0 => format!("{}m", secs / 60),
        secs => format!("{secs}s"),
    })
}

/// Names of documents are DNS labels, and a person's name may be a mail address: the rules say whose they are.
fn label(name: &str) -> String {
    let lower = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let text: String = lower.take(63).collect();
    let text = text.trim_matches('-');
    if text.is_empty() { "person".to_owned() } else { text.to_owned() }
}

fn document(kind: &str, name: &str, spec: Map) -> String {
    Yaml::Map(map([
        ("apiVersion", Yaml::str(NINES_V1)),
        ("kind", Yaml::str(kind)),
        ("metadata", Yaml::Map(map([("name", Yaml::str(name))]))),
        ("spec", Yaml::Map(spec)),
    ]))
    .render()
}

fn map<const N: usize>(entries: [(&str, Yaml); N]) -> Map {
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

fn list(fields: &mut Map, key: &str, items: impl Iterator<Item = Yaml>) {
    let items: Vec<Yaml> = items.collect();
    if !items.is_empty() {
        fields.push((key.to_owned(), Yaml::Seq(items)));
    }
}
