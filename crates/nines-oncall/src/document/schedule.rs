//! `Schedule`.

use nines_slo::Meta;
use nines_slo::documents::{Fields, Node, Raw, Reader};

use super::words;
use crate::schedule::{Holidays, Layer, PersonId, Rotation, Schedule, ScheduleError, Slot, Unit};
use crate::zone::Zone;

pub(super) fn read(reader: &mut Reader<'_>, meta: Meta, mut spec: Fields<'_>) -> Option<Schedule> {
    spec.required(reader, "timeZone");
    let zone = words::zone(reader, &mut spec);
    let mut schedule = Schedule::new(meta.name, zone.clone().unwrap_or_else(Zone::utc));
    for (path, node) in spec.items(reader, "holidays") {
        let Some(text) = reader.text(node, &path) else { continue };
        match words::parse_date(text.trim()) {
            Ok(date) => drop(schedule.holidays.insert(date)),
            Err((message, hint)) => reader.error(node.mark, &path, message, hint),
        }
    }
    spec.required(reader, "layers");
    let mut complete = true;
    for (path, node) in spec.items(reader, "layers") {
        let layer = reader.fields(node, &path).and_then(|fields| layer(reader, fields, &schedule.zone));
        complete &= layer.is_some();
        schedule.layers.extend(layer);
    }
    let mark = spec.mark;
    let path = spec.path.clone();
    spec.finish(reader);
    zone?;
    if !complete {
        return None;
    }
    match schedule.check() {
        Ok(()) => Some(schedule),
        Err(error) => {
            let place = match &error {
                ScheduleError::Layer { layer, .. } => {
                    schedule.layers.iter().position(|other| other.name == *layer)
                }
                _ => None,
            };
            let path = place.map_or(path.clone(), |index| format!("{path}.layers[{index}]"));
            let mark = if place.is_some() { reader.marks.find(&path) } else { mark };
            reader.error(mark, &path, error.to_string(), None);
            None
        }
    }
}

fn layer(reader: &mut Reader<'_>, mut layer: Fields<'_>, zone: &Zone) -> Option<Layer> {
    let name = layer.required_text(reader, "name");
    let had_zone = layer.has("timeZone");
    let own_zone = words::zone(reader, &mut layer);
    let turns = layer.required_fields(reader, "rotation").and_then(|fields| rotation(reader, fields));
    layer.required(reader, "participants");
    let mut participants = Vec::new();
    for (path, node) in layer.items(reader, "participants") {
        participants.extend(slot(reader, node, &path));
    }
    let mut windows = Vec::new();
    for (path, node) in layer.items(reader, "restrictions") {
        if let Some(mut fields) = reader.fields(node, &path) {
            windows.extend(words::window(reader, &mut fields));
            fields.finish(reader);
        }
    }
    let choices = [("ignore", Holidays::Ignore), ("skip", Holidays::Off), ("only", Holidays::Only)];
    let path = layer.path_of("holidays");
    let holidays = layer.get(reader, "holidays").map(|node| reader.choice(node, &path, &choices));
    layer.finish(reader);
    if had_zone && own_zone.is_none() {
        return None;
    }
    let (rotation, ends_on) = turns?;
    Some(Layer {
        name: name?,
        zone: own_zone.unwrap_or_else(|| zone.clone()),
        rotation,
        participants,
        windows,
        holidays: holidays.unwrap_or(Some(Holidays::Ignore))?,
        ends_on,
    })
}

fn rotation(
    reader: &mut Reader<'_>,
    mut fields: Fields<'_>,
) -> Option<(Rotation, Option<jiff::civil::Date>)> {
    fields.required(reader, "every");
    fields.required(reader, "from");
    let every_mark = fields.mark_of("every");
    let every_path = fields.path_of("every");
    let every = fields.text(reader, "every").and_then(|text| match parse_every(&text) {
        Some(every) => Some(every),
        None => {
            let hint = "a number and one of h, d, w: 12h, 1d, 2w";
            reader.error(
                every_mark,
                &every_path,
                format!("`{text}` is no length of a turn"),
                Some(hint.to_owned()),
            );
            None
        }
    });
    let hand_over_secs = match fields.has("handOver") {
        true => words::time_of_day(reader, &mut fields, "handOver", false),
        false => Some(0),
    };
    let on_mark = fields.mark_of("on");
    let on_path = fields.path_of("on");
    let mut weekday = None;
    if let Some(text) = fields.text(reader, "on") {
        match words::weekday(&text) {
            Ok(day) => weekday = Some(day),
            Err(hint) => reader.error(on_mark, &on_path, format!("`{text}` is not a weekday"), hint),
        }
    }
    let starts_on = words::date(reader, &mut fields, "from");
    let ends_on = words::date(reader, &mut fields, "until");
    fields.finish(reader);
    let (length, unit) = every?;
    if weekday.is_some() && unit != Unit::Week {
        let hint = Some("only turns of weeks have one".to_owned());
        reader.error(on_mark, &on_path, "a weekday says nothing about turns of hours or days", hint);
        return None;
    }
    let rotation = Rotation { unit, length, hand_over_secs: hand_over_secs?, weekday, starts_on: starts_on? };
    Some((rotation, ends_on))
}

fn parse_every(text: &str) -> Option<(u32, Unit)> {
    let text = text.trim();
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "h" => Unit::Hour,
        "d" => Unit::Day,
        "w" => Unit::Week,
        _ => return None,
    };
    Some((count.parse().ok().filter(|count| *count > 0)?, unit))
}

/// A name, or a group with its shadows.
fn slot(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Slot> {
    if !matches!(node.value, Raw::Map(_)) {
        return reader.text(node, path).map(|name| Slot::person(name.trim()));
    }
    let mut fields = reader.fields(node, path)?;
    let mut people = |key| -> Vec<PersonId> {
        let names: Vec<String> = fields.texts(reader, key);
        names.iter().map(|name| PersonId::new(name.trim())).collect()
    };
    let slot = Slot { people: people("people"), shadows: people("shadows") };
    fields.finish(reader);
    Some(slot)
}
