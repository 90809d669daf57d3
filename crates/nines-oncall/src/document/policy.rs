//! `EscalationPolicy` and `PersonalRules`.

use nines_incidents::Level;
use nines_slo::Meta;
use nines_slo::documents::{Entry, Fields, Raw, Reader};

use super::words;
use crate::PersonId;
use crate::escalation::{
    Condition, Contact, DailyTime, EscalationPolicy, PersonalRules, PolicyError, REPEAT_MAX, Step, Target,
    TargetKind, WITH_BYTES_MAX,
};
use crate::zone::Zone;

pub(super) fn read(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<EscalationPolicy> {
    let repeat = words::whole(reader, &mut spec, "repeat", 0..=u32::from(REPEAT_MAX));
    let unack_after = words::length(reader, &mut spec, "unackAfter");
    spec.required(reader, "steps");
    let (mut steps, mut complete) = (Vec::new(), true);
    for (path, node) in spec.items(reader, "steps") {
        let step = reader.fields(node, &path).and_then(|fields| step(reader, fields, steps.len()));
        complete &= step.is_some();
        steps.extend(step);
    }
    let path = spec.path_of("steps");
    let (mark, has_repeat) = (spec.mark_of("steps"), spec.has("repeat"));
    spec.finish(reader);
    if !complete || (has_repeat && repeat.is_none()) {
        return None;
    }
    let policy = EscalationPolicy {
        name: meta.name,
        version: 0,
        steps,
        repeat: repeat.and_then(|repeat| u8::try_from(repeat).ok()).unwrap_or(0),
        unack_after,
    };
    if let Err(error) = policy.check() {
        let named = match &error {
            PolicyError::NoTargets { step, .. }
            | PolicyError::SameName { step, .. }
            | PolicyError::LastNotHuman { step, .. }
            | PolicyError::LastConditional { step, .. }
            | PolicyError::Timeout { step, .. } => policy.steps.iter().rposition(|other| other.name == *step),
            _ => None,
        };
        let path = named.map_or(path.clone(), |index| format!("{path}[{index}]"));
        let mark = if named.is_some() { reader.marks.find(&path) } else { mark };
        reader.error(mark, &path, error.to_string(), None);
        return None;
    }
    Some(policy)
}

fn step(reader: &mut Reader<'_>, mut step: Fields<'_>, number: usize) -> Option<Step> {
    let name = step.text(reader, "name").unwrap_or_else(|| format!("step {}", number + 1));
    let had_timeout = step.has("timeout");
    let timeout = words::length(reader, &mut step, "timeout");
    step.required(reader, "targets");
    let (mut targets, mut complete) = (Vec::new(), !(had_timeout && timeout.is_none()));
    for (path, node) in step.items(reader, "targets") {
        let target = reader.fields(node, &path).and_then(|fields| target(reader, fields));
        complete &= target.is_some();
        targets.extend(target);
    }
    let round_robin = step.boolean(reader, "roundRobin").unwrap_or(false);
    let condition = match step.has("when") {
        true => step.fields(reader, "when").and_then(|fields| condition(reader, fields)),
        false => Some(Condition::default()),
    };
    step.finish(reader);
    complete.then_some(Step { name, targets, timeout, condition: condition?, round_robin })
}

/// A map of one key: what kind it is, and its name.
fn target(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<Target> {
    let mut found = Vec::new();
    for kind in TargetKind::ALL {
        if let Some(name) = fields.text(reader, kind.as_str()) {
            found.push(Target::new(kind, name.trim()));
        }
    }
    if let ([Target { kind: TargetKind::Action, with, .. }], true) =
        (found.as_mut_slice(), fields.has("with"))
    {
        *with = values(reader, &mut fields)?;
    }
    let (mark, path) = (fields.mark, fields.path.clone());
    let errors = reader.errors.len();
    fields.finish(reader);
    if found.len() == 1 {
        return found.pop();
    }
    if reader.errors.len() == errors {
        let hint = "write one of person, team, schedule, role, webhook, action, such as `schedule: shop`";
        reader.error(mark, &path, "the target does not say one thing to call", Some(hint.to_owned()));
    }
    None
}

/// What stands under `with`, as text of JSON; the machine of actions knows what its actions take.
fn values(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let path = fields.path_of("with");
    let node = fields.get(reader, "with")?;
    let Raw::Map(entries) = &node.value else {
        let hint = Some("write it as {group: web, count: 2}".to_owned());
        reader.error(node.mark, &path, format!("must be a map, not {}", node.value.describe()), hint);
        return None;
    };
    let text = serde_json::Value::Object(object(entries)).to_string();
    if text.len() > WITH_BYTES_MAX {
        reader.error(node.mark, &path, format!("has more than {WITH_BYTES_MAX} bytes"), None);
        return None;
    }
    Some(text)
}

fn object(entries: &[Entry]) -> serde_json::Map<String, serde_json::Value> {
    entries.iter().map(|entry| (entry.key.clone(), value(&entry.value.value))).collect()
}

fn value(raw: &Raw) -> serde_json::Value {
    match raw {
        Raw::Null => serde_json::Value::Null,
        Raw::Bool(flag) => (*flag).into(),
        Raw::Int(number) => (*number).into(),
        Raw::Float(number) => (*number).into(),
        Raw::Str(text) => text.as_str().into(),
        Raw::Seq(nodes) => nodes.iter().map(|node| value(&node.value)).collect(),
        Raw::Map(entries) => serde_json::Value::Object(object(entries)),
    }
}

fn condition(reader: &mut Reader<'_>, mut when: Fields<'_>) -> Option<Condition> {
    let words: Vec<(&str, Level)> = Level::ALL.iter().map(|level| (level.as_str(), *level)).collect();
    let mut condition = Condition::default();
    for (path, node) in when.items(reader, "levels") {
        condition.levels.push(reader.choice(node, &path, &words)?);
    }
    condition.alerts_min = words::whole(reader, &mut when, "alertsMin", 1..=1_000_000);
    if when.has("between") {
        let mut between = when.fields(reader, "between")?;
        let has_zone = between.has("timeZone");
        let zone = words::zone(reader, &mut between);
        let window = words::window(reader, &mut between);
        between.finish(reader);
        if has_zone && zone.is_none() {
            return None;
        }
        condition.daily = Some(DailyTime { zone: zone.unwrap_or_else(Zone::utc), window: window? });
    }
    when.finish(reader);
    Some(condition)
}

pub(super) fn rules(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<PersonalRules> {
    let person = spec.text(reader, "person").unwrap_or(meta.name);
    let mut contacts = |key| -> Vec<Contact> {
        let mut contacts = Vec::new();
        for (path, node) in spec.items(reader, key) {
            let Some(mut fields) = reader.fields(node, &path) else { continue };
            let channel = fields.required_text(reader, "channel");
            let after = words::length(reader, &mut fields, "after").unwrap_or_default();
            fields.finish(reader);
            contacts.extend(channel.map(|channel| Contact { after, channel }));
        }
        contacts
    };
    let rules = PersonalRules { high: contacts("high"), low: contacts("low"), person: PersonId::new(person) };
    let (mark, path) = (spec.mark, spec.path.clone());
    let errors = reader.errors.len();
    spec.finish(reader);
    match rules.check() {
        Ok(()) => Some(rules),
        Err(error) => {
            // A misspelt `high` has been reported as that.
            if reader.errors.len() == errors {
                reader.error(mark, &path, error.to_string(), None);
            }
            None
        }
    }
}
