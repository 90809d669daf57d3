//! From a resolved incident to the first draft of its postmortem.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use nines_incidents::{Entry, EntryKind, Incident, Language, Level, Source, Update, closeout_mail};
use nines_model::Timestamp;

use crate::postmortem::LINE_CHARS_MAX;
use crate::{Chart, Day, Facts, LINES_MAX, Line, Postmortem, Section, State};

/// Working days after the resolution: five for a P0, as PagerDuty has it for major incidents, and twice that for a P1.
const DUE_P0: u32 = 5;
const DUE_P1: u32 = 10;

/// What is known of the incident when it is resolved.
pub struct Found<'a> {
    pub incident: &'a Incident,
    pub updates: &'a [Update],
    /// Oldest first.
    pub entries: &'a [Entry],
    pub charts: Vec<Chart>,
    pub now: Timestamp,
}

/// P0 and P1 are learnt from in writing; drills and P2 may be.
pub fn is_mandatory(incident: &Incident) -> bool {
    !incident.is_drill && incident.level() != Level::P2
}

/// The first version: facts frozen, sections filled as far as facts go. Measures are for people.
pub fn draft(found: Found<'_>) -> Postmortem {
    let incident = found.incident;
    let sections = sections(&found);
    let resolved = incident.marks.resolved.unwrap_or(found.now);
    let days = match incident.level() {
        Level::P0 => Some(DUE_P0),
        Level::P1 => Some(DUE_P1),
        Level::P2 => None,
    };
    let mandatory = is_mandatory(incident);
    let due = days.filter(|_| mandatory).map(|days| Day::of(resolved).plus_working_days(days));
    let owner = incident.roles.get(&nines_incidents::Role::Commander).cloned();
    let now = found.now;
    Postmortem {
        incident: incident.id,
        version: 1,
        state: State::Draft,
        mandatory,
        due,
        owner,
        sections,
        measures: Vec::new(),
        data_lost: None,
        facts: facts(found),
        created_at: now,
        updated_at: now,
        updated_by: "nines".to_owned(),
        closed: None,
    }
}

/// The incident was reopened and resolved again: facts are frozen anew, what people wrote stays.
pub fn refreeze(known: &Postmortem, found: Found<'_>) -> Postmortem {
    let (now, fresh) = (found.now, draft(found));
    let mut next = known.clone();
    next.version += 1;
    next.mandatory = fresh.mandatory;
    next.due = fresh.due;
    next.facts = fresh.facts;
    for (section, text) in fresh.sections {
        next.sections.entry(section).or_insert(text);
    }
    next.updated_at = now;
    next.updated_by = "nines".to_owned();
    next
}

fn facts(found: Found<'_>) -> Facts {
    let incident = found.incident;
    // The clock's own housekeeping is not what happened.
    let told: Vec<&Entry> = found
        .entries
        .iter()
        .filter(|entry| !matches!(entry.kind, EntryKind::PromiseArmed | EntryKind::Nudge))
        .collect();
    let left_out = told.len().saturating_sub(LINES_MAX);
    // The beginning says what it was, the end how it ended.
    let head = LINES_MAX / 2;
    let kept = told.iter().enumerate().filter(|(index, _)| *index < head || *index >= head + left_out);
    let timeline = kept
        .map(|(_, entry)| Line {
            at: entry.at,
            actor: entry.actor.clone(),
            kind: entry.kind.as_str().to_owned(),
            text: entry.text.render(Language::En).chars().take(LINE_CHARS_MAX).collect(),
            link: entry.link.clone(),
        })
        .collect();
    Facts {
        frozen_at: found.now,
        title: incident.title.clone(),
        level: incident.level(),
        preliminary_level: incident.preliminary_level,
        class: incident.class,
        services: incident.services.clone(),
        is_drill: incident.is_drill,
        marks: incident.marks,
        people: people(incident, found.entries),
        updates_kept: incident.promises.kept,
        updates_missed: incident.promises.missed,
        timeline,
        timeline_left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
        charts: found.charts,
    }
}

fn people(incident: &Incident, entries: &[Entry]) -> Vec<String> {
    let mut acts: HashMap<&str, u32> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.source == Source::Human) {
        *acts.entry(&entry.actor).or_default() += 1;
    }
    for person in incident.roles.values() {
        acts.entry(person).or_default();
    }
    let mut people: Vec<(&str, u32)> = acts.into_iter().collect();
    people.sort_by(|(a, ours), (b, theirs)| theirs.cmp(ours).then(a.cmp(b)));
    people.into_iter().map(|(person, _)| person.to_owned()).collect()
}

fn sections(found: &Found<'_>) -> BTreeMap<Section, String> {
    let incident = found.incident;
    let english = Language::En;
    let mut sections = BTreeMap::new();
    let mut put = |section, text: String| {
        if !text.trim().is_empty() {
            sections.insert(section, text);
        }
    };
    put(Section::Overview, format!("{}: {}.", incident.intake.service, incident.title));
    let told: Vec<String> = found
        .entries
        .iter()
        .filter(|entry| {
            matches!(
                entry.kind,
                EntryKind::Opened | EntryKind::Update | EntryKind::Change | EntryKind::AlertJoined
            )
        })
        .map(|entry| format!("- {} {}", clock(entry.at), entry.text.render(english).replace('\n', " ")))
        .take(40)
        .collect();
    put(Section::WhatHappened, told.join("\n"));
    put(Section::Impact, impact(found));
    let ended: Vec<String> = found
        .entries
        .iter()
        .filter(|entry| matches!(entry.kind, EntryKind::Mitigated | EntryKind::Resolved))
        .map(|entry| format!("- {} {}", clock(entry.at), entry.text.render(english).replace('\n', " ")))
        .collect();
    put(Section::Resolution, ended.join("\n"));
    if let Some(mail) = closeout_mail(incident, found.updates, found.entries, english) {
        put(Section::InternalMail, format!("{}\n\n{}", mail.subject, mail.body));
    }
    put(
        Section::ExternalMessage,
        format!(
            "Summary: {} was disturbed from {} to {}.\n\nWhat happened: \n\nWhat we are doing: ",
            incident.intake.service,
            incident.marks.fault_start,
            incident.marks.resolved.unwrap_or(found.now),
        ),
    );
    sections
}

fn impact(found: &Found<'_>) -> String {
    let incident = found.incident;
    let lasted = incident.marks.durations().to_resolve.unwrap_or_default();
    let mut lines =
        vec![format!("- {} for {}; scope: {}", incident.level(), words(lasted), incident.intake.scope)];
    for chart in &found.charts {
        let total: u64 = chart.total.iter().sum();
        let share = if total == 0 { 0.0 } else { chart.bad() as f64 / total as f64 * 100.0 };
        let budget = match chart.budget_spent {
            Some(spent) => format!(", {:.1} % of the error budget", spent * 100.0),
            None => String::new(),
        };
        lines.push(format!(
            "- {}: {} of {total} events were bad ({share:.2} %){budget}",
            chart.slo,
            chart.bad()
        ));
    }
    lines.push("- users or accounts hit: \n- tickets: ".to_owned());
    lines.join("\n")
}

fn clock(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}

/// `1 h 5 min`, `12 min`, `40 s`.
pub(crate) fn words(duration: Duration) -> String {
    let secs = duration.as_secs();
    match (secs / 3600, secs / 60 % 60) {
        (0, 0) => format!("{secs} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
