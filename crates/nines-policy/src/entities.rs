//! A question as Cedar takes it: entities, request, context.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value,
};
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::ask::{Argument, Asked, IncidentFacts, Kind, On, Subject, TargetFacts};
use crate::vocabulary::Vocabulary;

/// What cannot be told to Cedar is refused, and counted.
pub(crate) type Built<T> = Result<T, String>;

pub(crate) fn uid(kind: &str, id: &str) -> Built<EntityUid> {
    let kind: EntityTypeName = kind.parse().map_err(|error| format!("{error}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

/// Request and entities of a question.
pub(crate) fn of(
    asked: &Asked<'_>,
    vocabulary: &Vocabulary,
    zones: &[(String, TimeZone)],
) -> Built<(Request, Entities)> {
    let mut entities = Vec::with_capacity(4);
    let action = uid("Action", asked.action)?;
    let groups = vocabulary.find(asked.action).map(|word| word.groups.as_slice()).unwrap_or_default();
    let groups = groups.iter().map(|group| uid("Action", group)).collect::<Built<HashSet<_>>>()?;
    entities.push(Entity::new_no_attrs(action.clone(), groups));
    let principal = principal(asked.subject, &mut entities)?;
    let resource = match asked.on {
        On::Node => uid("Node", "node")?,
        On::Service { name, owner } => service(name, owner, &mut entities)?,
        On::Incident(facts) => incident(facts, &mut entities)?,
        On::Target(facts) => target(facts, &mut entities)?,
    };
    let context = context(asked, zones)?;
    let request =
        Request::new(principal, action, resource, context, None).map_err(|error| error.to_string())?;
    let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn whole(number: usize) -> Value {
    Value::new_long(i64::try_from(number).unwrap_or(i64::MAX))
}

fn record(fields: impl IntoIterator<Item = (String, Value)>) -> Built<Value> {
    Value::new_record(fields).map_err(|error| error.to_string())
}

fn entity(uid: EntityUid, fields: HashMap<String, Value>, parents: HashSet<EntityUid>) -> Built<Entity> {
    Entity::new(uid, fields, parents).map_err(|error| error.to_string())
}

fn principal(subject: &Subject, entities: &mut Vec<Entity>) -> Built<EntityUid> {
    let kind = match subject.kind {
        Kind::User => "User",
        Kind::Key => "Key",
    };
    let principal = uid(kind, &subject.name)?;
    let roles = subject.roles.iter().map(|role| uid("Role", role));
    let teams = subject.teams.iter().map(|team| uid("Team", team));
    let parents = roles.chain(teams).collect::<Built<HashSet<_>>>()?;
    let fields =
        HashMap::from([("name".to_owned(), text(&subject.name)), ("role".to_owned(), text(&subject.role))]);
    entities.push(entity(principal.clone(), fields, parents)?);
    Ok(principal)
}

fn service(name: &str, owner: Option<&str>, entities: &mut Vec<Entity>) -> Built<EntityUid> {
    let service = uid("Service", name)?;
    let owner = owner.map(|owner| uid("Team", owner)).transpose()?;
    entities.push(Entity::new_no_attrs(service.clone(), owner.into_iter().collect()));
    Ok(service)
}

fn incident(facts: &IncidentFacts, entities: &mut Vec<Entity>) -> Built<EntityUid> {
    let incident = uid("Incident", &facts.id)?;
    let services = facts.services.iter().map(|service| uid("Service", service));
    let team = facts.team.iter().map(|team| uid("Team", team));
    let parents = services.chain(team).collect::<Built<HashSet<_>>>()?;
    let fields = HashMap::from([
        ("level".to_owned(), text(&facts.level)),
        ("open".to_owned(), Value::new_bool(facts.is_open)),
        ("people".to_owned(), whole(facts.people)),
    ]);
    entities.push(entity(incident.clone(), fields, parents)?);
    Ok(incident)
}

fn target(facts: &TargetFacts, entities: &mut Vec<Entity>) -> Built<EntityUid> {
    let target = uid("Target", &facts.id)?;
    let environment = facts.environment.iter().map(|name| uid("Environment", name));
    let service = facts.service.iter().map(|name| uid("Service", name));
    let parents = environment.chain(service).collect::<Built<HashSet<_>>>()?;
    entities.push(Entity::new_no_attrs(target.clone(), parents));
    Ok(target)
}

fn context(asked: &Asked<'_>, zones: &[(String, TimeZone)]) -> Built<Context> {
    let subject = asked.subject;
    let instant = jiff::Timestamp::from_nanosecond(i128::from(asked.situation.now.as_nanos()))
        .map_err(|error| error.to_string())?;
    let clocks = zones.iter().map(|(name, zone)| Ok((name.clone(), clock(&instant.to_zoned(zone.clone()))?)));
    let mut fields = vec![
        ("secondFactor".to_owned(), Value::new_bool(subject.second_factor)),
        ("via".to_owned(), text(subject.via)),
        ("at".to_owned(), record(clocks.collect::<Built<Vec<_>>>()?)?),
    ];
    if let Some(from) = subject.from {
        fields.push(("from".to_owned(), Value::new_ip(from.to_canonical().to_string())));
    }
    if let Some(operation) = asked.situation.operation {
        fields.push(("phase".to_owned(), text(operation.phase)));
        fields.push(("machines".to_owned(), whole(operation.machines)));
        if let Some(runbook) = operation.runbook {
            fields.push(("runbook".to_owned(), text(runbook)));
        }
        if let Some(incident) = operation.incident {
            let facts = [
                ("id".to_owned(), text(&incident.id)),
                ("level".to_owned(), text(&incident.level)),
                ("open".to_owned(), Value::new_bool(incident.is_open)),
            ];
            fields.push(("incident".to_owned(), record(facts)?));
        }
        let given = operation.parameters.iter().map(|(name, value)| Ok((name.clone(), argument(value)?)));
        fields.push(("parameters".to_owned(), record(given.collect::<Built<Vec<_>>>()?)?));
    }
    Context::from_pairs(fields).map_err(|error| error.to_string())
}

fn clock(at: &Zoned) -> Built<Value> {
    let weekday = match at.weekday() {
        jiff::civil::Weekday::Monday => "monday",
        jiff::civil::Weekday::Tuesday => "tuesday",
        jiff::civil::Weekday::Wednesday => "wednesday",
        jiff::civil::Weekday::Thursday => "thursday",
        jiff::civil::Weekday::Friday => "friday",
        jiff::civil::Weekday::Saturday => "saturday",
        jiff::civil::Weekday::Sunday => "sunday",
    };
    record([
        ("hour".to_owned(), Value::new_long(at.hour().into())),
        ("minute".to_owned(), Value::new_long(at.minute().into())),
        ("weekday".to_owned(), text(weekday)),
        ("date".to_owned(), text(&at.date().to_string())),
    ])
}

fn argument(value: &Argument) -> Built<Value> {
    let texts = |texts: &mut dyn Iterator<Item = &String>| Value::new_set(texts.map(|one| text(one)));
    Ok(match value {
        Argument::Number(number) => Value::new_long(*number),
        Argument::Text(one) => text(one),
        Argument::Texts(many) => texts(&mut many.iter()),
        Argument::Weights(weights) => record([
            ("names".to_owned(), texts(&mut weights.keys())),
            ("max".to_owned(), Value::new_long(weights.values().copied().max().unwrap_or(0))),
        ])?,
    })
}
