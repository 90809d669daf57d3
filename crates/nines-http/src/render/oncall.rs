//! On call as it crosses the wire.

use std::collections::HashMap;
use std::time::Duration;

use nines_api as api;
use nines_model::{TimeRange, Timestamp};
use nines_notify::{Page, PageId, PageState, Subject, TargetId};
use nines_oncall::escalation::{Escalation, Phase, TargetKind, What};
use nines_oncall::noise::{MaintenanceWindow, Preview, Silence};
use nines_oncall::{
    Because, Change, Load, OnCall, OrderRecord, Override, PersonId, Roster, Schedule, ScheduleError, Shift,
};
use nines_state::intake::{CalendarFeed, ForeignAlert};

/// Within this time a gap is worth saying beside who is on call now.
const GAP_AHEAD: Duration = Duration::from_secs(31 * 86_400);

pub fn names(people: &[PersonId]) -> Vec<String> {
    people.iter().map(ToString::to_string).collect()
}

pub fn span(range: TimeRange) -> api::TimeSpan {
    api::TimeSpan { start: range.start.to_string(), end: range.end.to_string() }
}

pub fn now(roster: &Roster, at: Timestamp) -> api::OncallResponse {
    api::OncallResponse {
        at: at.to_string(),
        teams: roster.teams.keys().map(|name| team(roster, name, at)).collect(),
        schedules: roster.schedules.values().map(|schedule| schedule_now(schedule, at)).collect(),
        people: names(&roster.people()),
    }
}

fn team(roster: &Roster, name: &str, at: Timestamp) -> api::OncallTeam {
    let duty = roster.teams.get(name).cloned().unwrap_or_default();
    let policy = duty.policy.as_ref().and_then(|policy| roster.policy(policy));
    let mut schedules = Vec::new();
    let mut on_call: Vec<PersonId> = Vec::new();
    for (index, step) in policy.iter().flat_map(|policy| policy.steps.iter().enumerate()) {
        for target in &step.targets {
            let found = match target.kind {
                TargetKind::Schedule => {
                    schedules.push(target.name.clone());
                    let schedule = roster.schedules.get(&target.name);
                    schedule.map(|schedule| schedule.on_call_at(at).people).unwrap_or_default()
                }
                TargetKind::Person => vec![PersonId::new(&target.name)],
                TargetKind::Team => {
                    roster.teams.get(&target.name).map(|team| team.members.clone()).unwrap_or_default()
                }
                _ => Vec::new(),
            };
            if index == 0 {
                on_call
                    .extend(found.into_iter().filter(|person| !on_call.contains(person)).collect::<Vec<_>>());
            }
        }
    }
    if policy.is_none() {
        on_call.extend(duty.on_call);
    }
    schedules.dedup();
    api::OncallTeam {
        name: name.to_owned(),
        first_line: duty.first_line,
        policy: duty.policy,
        on_call: names(&on_call),
        schedules,
        members: names(&duty.members),
        channels: duty.channels,
    }
}

fn schedule_now(schedule: &Schedule, at: Timestamp) -> api::ScheduleNow {
    let on_call = schedule.on_call_at(at);
    let next = schedule.next_hand_over(at);
    let gap = schedule.gaps(TimeRange::new(at, at + GAP_AHEAD)).ok().and_then(|gaps| gaps.first().copied());
    api::ScheduleNow {
        name: schedule.name.clone(),
        time_zone: schedule.zone.name().to_owned(),
        layers: schedule.layers.iter().map(|layer| layer.name.clone()).collect(),
        on_call: names(&on_call.people),
        shadows: names(&on_call.shadows),
        because: because(schedule, &on_call),
        next_at: next.as_ref().map(|(at, _)| at.to_string()),
        next: next.map(|(_, next)| names(&next.people)).unwrap_or_default(),
        gap: gap.map(span),
        people: schedule.people().into_iter().map(|person| person.to_string()).collect(),
    }
}

fn because(schedule: &Schedule, on_call: &OnCall) -> String {
    match &on_call.because {
        Because::Layer { layer, .. } => {
            let name = schedule.layers.get(*layer).map_or("", |layer| layer.name.as_str());
            format!("layer {name}")
        }
        Because::Override(id) => {
            let known = schedule.overrides.iter().find(|change| change.id == *id);
            known.map_or_else(
                || "override".to_owned(),
                |change| match change.reason.as_str() {
                    "" => format!("override by {}", change.author),
                    reason => format!("override by {}: {reason}", change.author),
                },
            )
        }
        Because::Nobody => "nobody is on call".to_owned(),
    }
}

fn shift(schedule: &Schedule, shift: &Shift) -> api::Shift {
    api::Shift {
        start: shift.range.start.to_string(),
        end: shift.range.end.to_string(),
        people: names(&shift.on_call.people),
        shadows: names(&shift.on_call.shadows),
        because: because(schedule, &shift.on_call),
        override_id: match &shift.on_call.because {
            Because::Override(id) => Some(id.to_string()),
            _ => None,
        },
    }
}

pub fn shifts(schedule: &Schedule, range: TimeRange) -> Result<api::ShiftsResponse, ScheduleError> {
    let all = |schedule: &Schedule| -> Result<Vec<api::Shift>, ScheduleError> {
        Ok(schedule.shifts(range)?.iter().map(|found| shift(schedule, found)).collect())
    };
    let mut layers = Vec::new();
    for layer in &schedule.layers {
        let alone =
            Schedule { layers: vec![layer.clone()], overrides: Vec::new(), ..Schedule::clone(schedule) };
        layers.push(api::LayerShifts { name: layer.name.clone(), shifts: all(&alone)? });
    }
    Ok(api::ShiftsResponse {
        schedule: schedule.name.clone(),
        time_zone: schedule.zone.name().to_owned(),
        start: range.start.to_string(),
        end: range.end.to_string(),
        shifts: all(schedule)?,
        layers,
        gaps: schedule.gaps(range)?.into_iter().map(span).collect(),
        overrides: schedule
            .overrides
            .iter()
            .filter(|change| change.range.start < range.end && range.start < change.range.end)
            .map(overridden)
            .collect(),
        load: schedule.fairness(range)?.into_iter().map(|(person, it)| load(&person, it)).collect(),
    })
}

pub fn overridden(change: &Override) -> api::Override {
    let (people, instead_of) = match &change.change {
        Change::Everyone(people) => (names(people), None),
        Change::Instead { of, by } => (vec![by.to_string()], Some(of.to_string())),
    };
    api::Override {
        id: change.id.to_string(),
        start: change.range.start.to_string(),
        end: change.range.end.to_string(),
        people,
        instead_of,
        author: change.author.clone(),
        reason: change.reason.clone(),
        created_at: change.created_at.to_string(),
    }
}

fn load(person: &PersonId, load: Load) -> api::PersonLoad {
    let hours = |duration: Duration| duration.as_secs_f64() / 3_600.0;
    api::PersonLoad {
        person: person.to_string(),
        shifts: load.shifts,
        day_hours: hours(load.day),
        night_hours: hours(load.night),
        weekend_hours: hours(load.weekend),
        holiday_hours: hours(load.holiday),
    }
}

pub fn calendar(feed: &CalendarFeed) -> api::Calendar {
    api::Calendar {
        id: feed.id.clone(),
        schedule: feed.schedule.clone(),
        person: feed.person.clone(),
        made_by: feed.made_by.clone(),
        made_at: feed.made_at.to_string(),
    }
}

/// `pages` are those of the incident.
pub fn escalation(state: &Escalation, orders: &[OrderRecord], pages: &[Page]) -> api::Escalation {
    let by_id: HashMap<&PageId, &Page> = pages.iter().map(|page| (&page.new.id, page)).collect();
    let running = match state.phase {
        Phase::Waiting { .. } | Phase::Acked { .. } => Some(state.step),
        _ => None,
    };
    let steps = state.policy.steps.iter().enumerate().map(|(index, step)| api::EscalationStep {
        name: step.name.clone(),
        targets: step.targets.iter().map(ToString::to_string).collect(),
        timeout_secs: step.timeout(state.level).as_secs(),
        state: match running {
            Some(running) if index == running => "running",
            _ if state.is_over() => "later",
            _ if index < state.next => "done",
            _ if index == state.next => "next",
            _ => "later",
        }
        .to_owned(),
    });
    let (acknowledged_by, held_by) = match &state.phase {
        Phase::Acked { by, .. } => (Some(by.clone()), None),
        Phase::Held { why, .. } => (None, Some(why.to_string())),
        _ => (None, None),
    };
    api::Escalation {
        incident: state.incident.clone(),
        policy: state.policy.name.clone(),
        policy_version: state.policy.version,
        phase: state.phase.as_str().to_owned(),
        level: state.level.to_string(),
        round: u32::from(state.round) + 1,
        rounds: u32::from(state.policy.repeat) + 1,
        steps: steps.collect(),
        next_at: state.next_at().map(|at| at.to_string()),
        next: next(state),
        acknowledged_by,
        held_by,
        calls: orders.iter().map(|record| call(state, record, &by_id)).collect(),
    }
}

/// What happens at `next_at` if nobody answers.
fn next(state: &Escalation) -> String {
    let step = |index: usize| state.policy.steps.get(index).map(|step| step.name.clone());
    match &state.phase {
        Phase::New { .. } => step(0).map_or_else(String::new, |name| format!("step {name}")),
        Phase::Waiting { until, .. } => {
            if state.next_at().is_some_and(|at| at < *until) {
                return "another channel of those who are called".to_owned();
            }
            match step(state.next) {
                Some(name) => format!("step {name}"),
                None if state.round < state.policy.repeat => "all steps once more".to_owned(),
                None => "the first line is told that nobody answers".to_owned(),
            }
        }
        Phase::Acked { unack_at: Some(_), .. } => {
            "the acknowledgement runs out unless an update comes".to_owned()
        }
        Phase::Held { .. } => "it begins anew".to_owned(),
        Phase::Acked { .. } | Phase::Exhausted { .. } | Phase::Over { .. } => String::new(),
    }
}

fn call(state: &Escalation, record: &OrderRecord, pages: &HashMap<&PageId, &Page>) -> api::EscalationCall {
    let order = &record.order;
    let (person, channel) = match &order.what {
        What::Send { person, channel, .. } => (Some(person.to_string()), Some(channel.clone())),
        What::Ticket { person } => (Some(person.to_string()), None),
        What::Webhook { name } => (None, Some(name.clone())),
        What::Action { name, .. } => (None, Some(name.clone())),
        What::FirstLine => (None, None),
    };
    let subject = Subject::incident(state.incident.clone());
    let page = channel.as_ref().and_then(|channel| {
        pages.get(&PageId::of(&subject, &order.key, &TargetId(channel.clone()))).copied()
    });
    let fate = match page {
        Some(page) => page.state.as_str(),
        None if record.done_at.is_none() => "waiting",
        None => "none",
    };
    api::EscalationCall {
        at: order.ordered_at.to_string(),
        what: order.what.as_str().to_owned(),
        person,
        channel,
        reason: order.reason.clone(),
        state: fate.to_owned(),
        delivered_at: page
            .filter(|page| page.state == PageState::Delivered)
            .map(|page| page.changed_at.to_string()),
        error: page.filter(|page| page.state != PageState::Delivered).and_then(|page| page.detail.clone()),
    }
}

pub fn silence(silence: &Silence, is_declared: bool, now: Timestamp) -> api::Silence {
    let state = match silence.range {
        range if range.end <= now => "ended",
        range if range.start > now => "pending",
        _ => "active",
    };
    api::Silence {
        id: silence.id.to_string(),
        filter: silence.filter.to_string(),
        start: silence.range.start.to_string(),
        end: silence.range.end.to_string(),
        author: silence.author.clone(),
        reason: silence.reason.clone(),
        state: state.to_owned(),
        matched_at: silence.matched_at.map(|at| at.to_string()),
        declared: is_declared,
    }
}

pub fn preview(preview: Preview) -> api::SilencePreview {
    api::SilencePreview { matching: preview.matching, of: preview.of, titles: preview.titles }
}

pub fn window(window: &MaintenanceWindow, now: Timestamp) -> api::MaintenanceWindow {
    api::MaintenanceWindow {
        name: window.name.clone(),
        filter: window.filter.to_string(),
        author: window.author.clone(),
        reason: window.reason.clone(),
        public: window.is_public,
        weekly: matches!(window.when, nines_oncall::noise::When::Weekly { .. }),
        active: window.active_at(now).map(span),
        next: window.next_after(now).map(span),
    }
}

pub fn foreign_alert(stored: &ForeignAlert) -> api::ForeignAlert {
    let entry = &stored.entry;
    let alert = &entry.alert;
    let state = if entry.resolved_at.is_some() { "resolved" } else { alert.status.as_str() };
    api::ForeignAlert {
        fingerprint: alert.fingerprint.id.clone(),
        fingerprint_rule: alert.fingerprint.to_string(),
        source: alert.source.as_str().to_owned(),
        state: state.to_owned(),
        title: alert.title.clone(),
        level: alert.level.map(|level| level.to_string()).unwrap_or_default(),
        service: alert.service.clone(),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        links: alert
            .links
            .iter()
            .map(|link| api::Link {
                rel: "source".to_owned(),
                label: link.title.clone(),
                url: link.url.clone(),
            })
            .collect(),
        first_at: entry.first_at.to_string(),
        last_at: entry.last_at.to_string(),
        resolved_at: entry.resolved_at.map(|at| at.to_string()),
        count: entry.count,
        reopened: entry.reopened,
        suppressed: stored.suppressed.clone(),
        group: stored.group.clone(),
        incident: stored.incident.clone(),
        members: entry
            .members
            .iter()
            .map(|member| api::AlertMember {
                title: member.alert.title.clone(),
                labels: member.alert.labels.clone(),
                count: member.count,
                last_at: member.last_at.to_string(),
            })
            .collect(),
        members_unlisted: entry.members_unlisted,
        differing_labels: entry.differing_labels(),
    }
}
