//! Postmortems and sheets as they are stored: JSON tagged with the version of its format. Every version is read for
//! ever; the newest is written.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::{Class, Level, Marks};
use nines_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Chart, Day, Facts, LearningError, Line, Measure, MeasureKind, Point, Postmortem, Section, Sheet,
    SheetKind, State,
};

/// Nanoseconds since the Unix epoch.
type Instant = i64;
type Done = Option<(Instant, String)>;

#[derive(Serialize, Deserialize)]
#[serde(tag = "format")]
enum Stored<V1> {
    #[serde(rename = "1")]
    V1(V1),
}

#[derive(Serialize, Deserialize)]
struct PostmortemV1 {
    incident: String,
    version: u64,
    closed: Done,
    mandatory: bool,
    due: Option<i32>,
    owner: Option<String>,
    sections: BTreeMap<String, String>,
    measures: Vec<MeasureV1>,
    data_lost_secs: Option<u64>,
    facts: FactsV1,
    created_at: Instant,
    updated_at: Instant,
    updated_by: String,
}

#[derive(Serialize, Deserialize)]
struct MeasureV1 {
    number: u32,
    text: String,
    long_term: bool,
    owner: Option<String>,
    due: Option<i32>,
    ticket: Option<String>,
    done: Done,
}

#[derive(Serialize, Deserialize)]
struct FactsV1 {
    frozen_at: Instant,
    title: String,
    level: String,
    preliminary_level: String,
    class: String,
    services: Vec<String>,
    is_drill: bool,
    fault_start: Instant,
    detected: Instant,
    acked: Option<Instant>,
    confirmed: Option<Instant>,
    mitigated: Option<Instant>,
    resolved: Option<Instant>,
    people: Vec<String>,
    updates_kept: u32,
    updates_missed: u32,
    timeline: Vec<LineV1>,
    timeline_left_out: u32,
    charts: Vec<ChartV1>,
}

#[derive(Serialize, Deserialize)]
struct LineV1 {
    at: Instant,
    actor: String,
    kind: String,
    text: String,
    link: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ChartV1 {
    slo: String,
    target: f64,
    start: Instant,
    step_secs: u64,
    good: Vec<u64>,
    total: Vec<u64>,
    budget_spent: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct SheetV1 {
    points: BTreeMap<String, (String, Done)>,
    measures: Vec<MeasureV1>,
    updated_at: Instant,
    updated_by: String,
}

pub fn encode_postmortem(it: &Postmortem) -> Result<String, LearningError> {
    let stored = PostmortemV1 {
        incident: it.incident.to_string(),
        version: it.version,
        closed: done_out(&it.closed),
        mandatory: it.mandatory,
        due: it.due.map(|day| day.0),
        owner: it.owner.clone(),
        sections: it
            .sections
            .iter()
            .map(|(section, text)| (section.as_str().to_owned(), text.clone()))
            .collect(),
        measures: it.measures.iter().map(measure_out).collect(),
        data_lost_secs: it.data_lost.map(|lost| lost.as_secs()),
        facts: facts_out(&it.facts),
        created_at: it.created_at.as_nanos(),
        updated_at: it.updated_at.as_nanos(),
        updated_by: it.updated_by.clone(),
    };
    serde_json::to_string(&Stored::V1(stored)).map_err(|error| corrupt("a postmortem", error))
}

pub fn decode_postmortem(text: &str) -> Result<Postmortem, LearningError> {
    let Stored::V1(it): Stored<PostmortemV1> =
        serde_json::from_str(text).map_err(|error| corrupt("a postmortem", error))?;
    let sections: Result<BTreeMap<Section, String>, LearningError> =
        it.sections.into_iter().map(|(name, text)| Ok((Section::parse(&name)?, text))).collect();
    Ok(Postmortem {
        incident: it.incident.parse().map_err(|error| corrupt("the incident of a postmortem", error))?,
        version: it.version,
        state: if it.closed.is_some() { State::Closed } else { State::Draft },
        mandatory: it.mandatory,
        due: it.due.map(Day),
        owner: it.owner,
        sections: sections?,
        measures: it.measures.into_iter().map(measure_in).collect(),
        data_lost: it.data_lost_secs.map(Duration::from_secs),
        facts: facts_in(it.facts)?,
        created_at: Timestamp::from_nanos(it.created_at),
        updated_at: Timestamp::from_nanos(it.updated_at),
        updated_by: it.updated_by,
        closed: done_in(it.closed),
    })
}

pub fn encode_sheet(it: &Sheet) -> Result<String, LearningError> {
    let points =
        it.points.iter().map(|(name, point)| (name.clone(), (point.text.clone(), done_out(&point.done))));
    let stored = SheetV1 {
        points: points.collect(),
        measures: it.measures.iter().map(measure_out).collect(),
        updated_at: it.updated_at.as_nanos(),
        updated_by: it.updated_by.clone(),
    };
    serde_json::to_string(&Stored::V1(stored)).map_err(|error| corrupt("a sheet", error))
}

pub fn decode_sheet(kind: SheetKind, key: &str, version: u64, text: &str) -> Result<Sheet, LearningError> {
    let Stored::V1(it): Stored<SheetV1> =
        serde_json::from_str(text).map_err(|error| corrupt("a sheet", error))?;
    let points =
        it.points.into_iter().map(|(name, (text, done))| (name, Point { text, done: done_in(done) }));
    Ok(Sheet {
        kind,
        key: key.to_owned(),
        version,
        points: points.collect(),
        measures: it.measures.into_iter().map(measure_in).collect(),
        updated_at: Timestamp::from_nanos(it.updated_at),
        updated_by: it.updated_by,
    })
}

fn measure_out(it: &Measure) -> MeasureV1 {
    MeasureV1 {
        number: it.number,
        text: it.text.clone(),
        long_term: it.kind == MeasureKind::LongTerm,
        owner: it.owner.clone(),
        due: it.due.map(|day| day.0),
        ticket: it.ticket.clone(),
        done: done_out(&it.done),
    }
}

fn measure_in(it: MeasureV1) -> Measure {
    Measure {
        number: it.number,
        text: it.text,
        kind: if it.long_term { MeasureKind::LongTerm } else { MeasureKind::ShortTerm },
        owner: it.owner,
        due: it.due.map(Day),
        ticket: it.ticket,
        done: done_in(it.done),
    }
}

fn facts_out(it: &Facts) -> FactsV1 {
    let nanos = |at: Option<Timestamp>| at.map(Timestamp::as_nanos);
    let line = |line: &Line| LineV1 {
        at: line.at.as_nanos(),
        actor: line.actor.clone(),
        kind: line.kind.clone(),
        text: line.text.clone(),
        link: line.link.clone(),
    };
    let chart = |chart: &Chart| ChartV1 {
        slo: chart.slo.clone(),
        target: chart.target,
        start: chart.start.as_nanos(),
        step_secs: chart.step.as_secs(),
        good: chart.good.clone(),
        total: chart.total.clone(),
        budget_spent: chart.budget_spent,
    };
    FactsV1 {
        frozen_at: it.frozen_at.as_nanos(),
        title: it.title.clone(),
        level: it.level.to_string(),
        preliminary_level: it.preliminary_level.to_string(),
        class: it.class.to_string(),
        services: it.services.clone(),
        is_drill: it.is_drill,
        fault_start: it.marks.fault_start.as_nanos(),
        detected: it.marks.detected.as_nanos(),
        acked: nanos(it.marks.acked),
        confirmed: nanos(it.marks.confirmed),
        mitigated: nanos(it.marks.mitigated),
        resolved: nanos(it.marks.resolved),
        people: it.people.clone(),
        updates_kept: it.updates_kept,
        updates_missed: it.updates_missed,
        timeline: it.timeline.iter().map(line).collect(),
        timeline_left_out: it.timeline_left_out,
        charts: it.charts.iter().map(chart).collect(),
    }
}

fn facts_in(it: FactsV1) -> Result<Facts, LearningError> {
    let level = |text: &str| Level::parse(text).map_err(|error| corrupt("the level of a postmortem", error));
    let at = |nanos: Option<Instant>| nanos.map(Timestamp::from_nanos);
    let line = |line: LineV1| Line {
        at: Timestamp::from_nanos(line.at),
        actor: line.actor,
        kind: line.kind,
        text: line.text,
        link: line.link,
    };
    let chart = |chart: ChartV1| Chart {
        slo: chart.slo,
        target: chart.target,
        start: Timestamp::from_nanos(chart.start),
        step: Duration::from_secs(chart.step_secs),
        good: chart.good,
        total: chart.total,
        budget_spent: chart.budget_spent,
    };
    Ok(Facts {
        frozen_at: Timestamp::from_nanos(it.frozen_at),
        title: it.title,
        level: level(&it.level)?,
        preliminary_level: level(&it.preliminary_level)?,
        class: Class::parse(&it.class).map_err(|error| corrupt("the class of a postmortem", error))?,
        services: it.services,
        is_drill: it.is_drill,
        marks: Marks {
            fault_start: Timestamp::from_nanos(it.fault_start),
            detected: Timestamp::from_nanos(it.detected),
            acked: at(it.acked),
            confirmed: at(it.confirmed),
            mitigated: at(it.mitigated),
            resolved: at(it.resolved),
            reviewed: None,
        },
        people: it.people,
        updates_kept: it.updates_kept,
        updates_missed: it.updates_missed,
        timeline: it.timeline.into_iter().map(line).collect(),
        timeline_left_out: it.timeline_left_out,
        charts: it.charts.into_iter().map(chart).collect(),
    })
}

fn done_out(done: &Option<(Timestamp, String)>) -> Done {
    done.as_ref().map(|(at, by)| (at.as_nanos(), by.clone()))
}

fn done_in(done: Done) -> Option<(Timestamp, String)> {
    done.map(|(at, by)| (Timestamp::from_nanos(at), by))
}

fn corrupt(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> LearningError {
    LearningError::Corrupt { what: what.to_owned(), source: Box::new(error) }
}
