//! Postmortems, reviews and sheets as they cross the wire.

use nines_api as api;
use nines_incidents::{Durations, Marks};
use nines_learning::{Day, LearningError, Measure, MeasureKind, Median, Postmortem, Review, Sheet, State};
use nines_model::Timestamp;

pub fn summary(it: &Postmortem, now: Timestamp) -> api::PostmortemSummary {
    let open = it.measures.iter().filter(|measure| measure.done.is_none()).count();
    let overdue = it.measures.iter().filter(|measure| measure.is_overdue(now)).count();
    api::PostmortemSummary {
        incident: it.incident.to_string(),
        title: it.facts.title.clone(),
        level: it.facts.level.to_string(),
        service: it.facts.services.first().cloned().unwrap_or_default(),
        state: it.state.as_str().to_owned(),
        mandatory: it.mandatory,
        is_drill: it.facts.is_drill,
        owner: it.owner.clone(),
        due: it.due.map(|due| due.to_string()),
        overdue: it.is_overdue(now),
        measures_open: count(open),
        measures_overdue: count(overdue),
        updated_at: it.updated_at.to_string(),
    }
}

pub fn postmortem(it: &Postmortem, now: Timestamp) -> api::Postmortem {
    let facts = &it.facts;
    api::Postmortem {
        version: it.version,
        summary: summary(it, now),
        sections: it
            .sections
            .iter()
            .map(|(section, text)| (section.as_str().to_owned(), text.clone()))
            .collect(),
        measures: it.measures.iter().map(|measure| self::measure(measure, None, now)).collect(),
        data_lost_secs: it.data_lost.map(|lost| lost.as_secs()),
        facts: api::PostmortemFacts {
            frozen_at: facts.frozen_at.to_string(),
            class: facts.class.to_string(),
            preliminary_level: facts.preliminary_level.to_string(),
            services: facts.services.clone(),
            marks: marks(&facts.marks),
            times: times(&facts.marks.durations()),
            people: facts.people.clone(),
            updates_kept: facts.updates_kept,
            updates_missed: facts.updates_missed,
            timeline: facts
                .timeline
                .iter()
                .map(|line| api::FrozenEntry {
                    at: line.at.to_string(),
                    actor: line.actor.clone(),
                    kind: line.kind.clone(),
                    text: line.text.clone(),
                    link: line.link.clone(),
                })
                .collect(),
            timeline_left_out: facts.timeline_left_out,
            charts: facts
                .charts
                .iter()
                .map(|chart| api::FrozenChart {
                    slo: chart.slo.clone(),
                    target: chart.target,
                    start: chart.start.to_string(),
                    step_secs: chart.step.as_secs(),
                    good: chart.good.clone(),
                    total: chart.total.clone(),
                    budget_spent: chart.budget_spent,
                })
                .collect(),
        },
        missing: if it.state == State::Draft { it.missing() } else { Vec::new() },
        updated_by: it.updated_by.clone(),
        closed_at: it.closed.as_ref().map(|(at, _)| at.to_string()),
        closed_by: it.closed.as_ref().map(|(_, by)| by.clone()),
    }
}

pub fn measure(it: &Measure, origin: Option<&str>, now: Timestamp) -> api::Measure {
    api::Measure {
        number: it.number,
        text: it.text.clone(),
        kind: it.kind.as_str().to_owned(),
        owner: it.owner.clone(),
        due: it.due.map(|due| due.to_string()),
        ticket: it.ticket.clone(),
        done: it.done.is_some(),
        done_at: it.done.as_ref().map(|(at, _)| at.to_string()),
        done_by: it.done.as_ref().map(|(_, by)| by.clone()),
        overdue: it.is_overdue(now),
        origin: origin.map(str::to_owned),
    }
}

/// What a caller sent, as the domain has it. Who did a measure and when is not taken from the wire.
pub fn measure_in(it: api::Measure) -> Result<Measure, LearningError> {
    Ok(Measure {
        number: it.number,
        text: it.text,
        kind: MeasureKind::parse(&it.kind)?,
        owner: it.owner,
        due: it.due.filter(|due| !due.is_empty()).map(|due| Day::parse(&due)).transpose()?,
        ticket: it.ticket,
        done: it.done.then(|| (Timestamp::EPOCH, String::new())),
    })
}

pub fn review(it: &Review, now: Timestamp) -> api::ReviewResponse {
    let seconds = |median: &Median| median.value.map(|value| value.as_secs_f64());
    api::ReviewResponse {
        start: it.range.start.to_string(),
        end: it.range.end.to_string(),
        incidents: it.statistics.incidents,
        p0: it.by_level[0],
        p1: it.by_level[1],
        p2: it.by_level[2],
        mean: super::incidents::mean(&it.statistics),
        median: api::IncidentTimes {
            mttd_secs: seconds(&it.to_detect),
            mtta_secs: seconds(&it.to_acknowledge),
            mttr_secs: seconds(&it.to_resolve),
        },
        on_time_rate: it.statistics.on_time_rate(),
        escalated: it.escalated,
        first_line_share: it.first_line_share(),
        toil_share: it.toil_share(),
        toil_secs: it.toil.as_secs_f64(),
        load: it
            .load
            .iter()
            .map(|load| api::ReviewedPerson {
                person: load.person.clone(),
                calls: load.calls,
                calls_on_shift: load.calls_on_shift,
                shifts: load.shifts,
                calls_per_shift: (load.shifts > 0)
                    .then(|| f64::from(load.calls_on_shift) / f64::from(load.shifts)),
                on_call_secs: load.on_call.as_secs_f64(),
                in_hand_secs: load.in_hand.as_secs_f64(),
            })
            .collect(),
        drills: it
            .drills
            .iter()
            .map(|drill| api::Drill {
                incident: drill.incident.to_string(),
                title: drill.title.clone(),
                recovery_secs: drill.recovery.map(|recovery| recovery.as_secs_f64()),
                data_lost_secs: drill.data_lost.map(|lost| lost.as_secs_f64()),
            })
            .collect(),
        postmortems_due: it.postmortems_due,
        postmortems_closed: it.postmortems_closed,
        postmortems_overdue: it.postmortems_overdue.iter().map(ToString::to_string).collect(),
        measures: it.open_measures.iter().map(|(origin, it)| measure(it, Some(origin), now)).collect(),
        measures_overdue: it.measures_overdue,
    }
}

/// `facts` gives the lines that the node knows about a point.
pub fn sheet(it: &Sheet, facts: &dyn Fn(&str) -> Vec<String>, now: Timestamp) -> api::Sheet {
    let point = |name: &&str| {
        let written = it.points.get(*name).cloned().unwrap_or_default();
        api::SheetPoint {
            name: (*name).to_owned(),
            facts: facts(name),
            text: written.text,
            done: written.done.is_some(),
            done_by: written.done.map(|(_, by)| by),
        }
    };
    api::Sheet {
        key: it.key.clone(),
        version: it.version,
        points: it.kind.points().iter().map(point).collect(),
        measures: it.measures.iter().map(|measure| self::measure(measure, None, now)).collect(),
        updated_by: (it.version > 0).then(|| it.updated_by.clone()),
    }
}

/// A review as lines of `figure,value`, then what it lists. Cells that a spreadsheet would take for a formula are quoted
/// as text.
pub fn csv(it: &api::ReviewResponse) -> String {
    let mut text = String::from("part,name,value,more\n");
    let mut row = |part: &str, name: &str, value: String, more: String| {
        text.push_str(&[part, name, &value, &more].map(super::csv::cell).join(","));
        text.push('\n');
    };
    let number = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
    for (name, value) in [
        ("start", it.start.clone()),
        ("end", it.end.clone()),
        ("incidents", it.incidents.to_string()),
        ("p0", it.p0.to_string()),
        ("p1", it.p1.to_string()),
        ("p2", it.p2.to_string()),
        ("mttd_mean_secs", number(it.mean.mttd_secs)),
        ("mtta_mean_secs", number(it.mean.mtta_secs)),
        ("mttr_mean_secs", number(it.mean.mttr_secs)),
        ("mttd_median_secs", number(it.median.mttd_secs)),
        ("mtta_median_secs", number(it.median.mtta_secs)),
        ("mttr_median_secs", number(it.median.mttr_secs)),
        ("on_time_rate", number(it.on_time_rate)),
        ("first_line_share", number(it.first_line_share)),
        ("toil_share", number(it.toil_share)),
        ("postmortems_due", it.postmortems_due.to_string()),
        ("postmortems_closed", it.postmortems_closed.to_string()),
        ("postmortems_overdue", it.postmortems_overdue.len().to_string()),
        ("measures_open", it.measures.len().to_string()),
        ("measures_overdue", it.measures_overdue.to_string()),
    ] {
        row("figure", name, value, String::new());
    }
    for load in &it.load {
        row("calls", &load.person, load.calls.to_string(), String::new());
        row("calls_per_shift", &load.person, number(load.calls_per_shift), format!("{} shifts", load.shifts));
    }
    for drill in &it.drills {
        row("drill_recovery_secs", &drill.incident, number(drill.recovery_secs), drill.title.clone());
        row("drill_data_lost_secs", &drill.incident, number(drill.data_lost_secs), drill.title.clone());
    }
    for measure in &it.measures {
        let origin = measure.origin.clone().unwrap_or_default();
        let owner = measure.owner.clone().unwrap_or_default();
        let more = format!("{} {}", measure.due.clone().unwrap_or_default(), owner);
        row("measure", &origin, measure.text.clone(), more.trim().to_owned());
    }
    text
}

fn marks(marks: &Marks) -> api::IncidentMarks {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    api::IncidentMarks {
        fault_start_at: Some(marks.fault_start.to_string()),
        detected_at: Some(marks.detected.to_string()),
        acknowledged_at: text(marks.acked),
        confirmed_at: text(marks.confirmed),
        mitigated_at: text(marks.mitigated),
        resolved_at: text(marks.resolved),
    }
}

fn times(durations: &Durations) -> api::IncidentTimes {
    api::IncidentTimes {
        mttd_secs: Some(durations.to_detect.as_secs_f64()),
        mtta_secs: durations.to_acknowledge.map(|it| it.as_secs_f64()),
        mttr_secs: durations.to_resolve.map(|it| it.as_secs_f64()),
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
