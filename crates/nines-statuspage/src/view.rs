//! From incidents to what a page shows. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::{Audience, Incident, IncidentId, Level, State, Update};
use nines_model::{TimeRange, Timestamp};

use crate::StatusPage;

/// Days of history.
pub const DAYS: usize = 90;
const DAY: Duration = Duration::from_secs(86_400);
/// Incidents of the past that are told.
const PAST_MAX: usize = 20;

/// How a component does; graver ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Nobody watched yet.
    Unknown,
    Operational,
    Maintenance,
    Degraded,
    Partial,
    Major,
}

impl Condition {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Operational => "operational",
            Self::Maintenance => "maintenance",
            Self::Degraded => "degraded",
            Self::Partial => "partial",
            Self::Major => "major",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => "No data",
            Self::Operational => "Operational",
            Self::Maintenance => "Maintenance",
            Self::Degraded => "Degraded performance",
            Self::Partial => "Partial outage",
            Self::Major => "Major outage",
        }
    }

    fn of(level: Level) -> Self {
        match level {
            Level::P0 => Self::Major,
            Level::P1 => Self::Partial,
            Level::P2 => Self::Degraded,
        }
    }
}

/// A public window over some services, running now or to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    pub name: String,
    pub reason: String,
    pub services: Vec<String>,
    /// Of the page, by its services; filled in by [`view`].
    pub components: Vec<String>,
    pub from: Timestamp,
    pub until: Timestamp,
}

pub struct Seen<'a> {
    pub now: Timestamp,
    /// Since when services are watched: days before it are unknown.
    pub watched_since: Timestamp,
    /// Of the last [`DAYS`] days and all open ones, newest first.
    pub incidents: &'a [Incident],
    /// Updates of those incidents.
    pub updates: &'a BTreeMap<IncidentId, Vec<Update>>,
    /// Under way.
    pub maintenance: &'a [Maintenance],
    /// To come, soonest first.
    pub planned: &'a [Maintenance],
}

#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub title: String,
    pub description: String,
    pub at: Timestamp,
    pub overall: Condition,
    pub components: Vec<ShownComponent>,
    pub maintenance: Vec<Maintenance>,
    pub planned: Vec<Maintenance>,
    pub open: Vec<Notice>,
    pub past: Vec<Notice>,
    /// Over, and nothing was ever stated about them: not shown, but whoever was told of them hears that they are over.
    pub silent: Vec<Notice>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ShownComponent {
    pub name: String,
    pub condition: Condition,
    /// Oldest first, [`DAYS`] of them, the last is today.
    pub days: Vec<Day>,
    /// Share of the watched time without an outage (partial or major), in `[0, 1]`; `None` if nothing was watched.
    pub uptime: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    pub start: Timestamp,
    pub worst: Condition,
    /// Of partial and major outages, each second once.
    pub down: Duration,
}

/// An incident as the public sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub id: String,
    pub components: Vec<String>,
    pub condition: Condition,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Approved statements, newest first.
    pub statements: Vec<(Timestamp, String)>,
}

impl Notice {
    pub fn title(&self) -> String {
        format!("{}: {}", self.condition.words(), self.components.join(", "))
    }
}

pub fn view(page: &StatusPage, seen: &Seen<'_>) -> View {
    let shown: Vec<&Incident> = seen.incidents.iter().filter(|incident| is_shown(incident)).collect();
    let components: Vec<ShownComponent> = page
        .components
        .iter()
        .map(|component| {
            let ours: Vec<&Incident> =
                shown.iter().copied().filter(|incident| touches(incident, &component.services)).collect();
            component_of(&component.name, &component.services, &ours, seen)
        })
        .collect();
    let notices: Vec<Notice> = shown
        .iter()
        .map(|incident| notice(page, incident, seen))
        .filter(|it| !it.components.is_empty())
        .collect();
    let (open, past): (Vec<Notice>, Vec<Notice>) = notices.into_iter().partition(|it| it.ended_at.is_none());
    let (past, silent): (Vec<Notice>, Vec<Notice>) =
        past.into_iter().partition(|it| !it.statements.is_empty());
    let ours = |windows: &[Maintenance]| -> Vec<Maintenance> {
        let of_page = windows.iter().cloned().map(|mut window| {
            let hit = page
                .components
                .iter()
                .filter(|it| it.services.iter().any(|service| window.services.contains(service)));
            window.components = hit.map(|it| it.name.clone()).collect();
            window
        });
        of_page.filter(|window| !window.components.is_empty()).collect()
    };
    View {
        title: page.title.clone(),
        description: page.description.clone(),
        at: seen.now,
        overall: components.iter().map(|it| it.condition).max().unwrap_or(Condition::Unknown),
        components,
        maintenance: ours(seen.maintenance),
        planned: ours(seen.planned),
        open,
        past: past.into_iter().take(PAST_MAX).collect(),
        silent: silent.into_iter().take(PAST_MAX).collect(),
    }
}

/// Confirmed by a person, and no exercise.
fn is_shown(incident: &Incident) -> bool {
    incident.confirmation.is_some()
        && !incident.is_drill
        && !matches!(incident.state, State::Cancelled | State::Merged)
}

fn touches(incident: &Incident, services: &[String]) -> bool {
    incident.services.iter().any(|service| services.contains(service))
}

fn is_over(incident: &Incident) -> Option<Timestamp> {
    incident.marks.resolved.filter(|_| !incident.state.is_open())
}

fn component_of(name: &str, services: &[String], ours: &[&Incident], seen: &Seen<'_>) -> ShownComponent {
    let open = ours.iter().filter(|incident| is_over(incident).is_none());
    let worst = open.map(|incident| Condition::of(incident.level())).max();
    let in_maintenance =
        seen.maintenance.iter().any(|it| services.iter().any(|service| it.services.contains(service)));
    let quiet = if in_maintenance {
        Condition::Maintenance
    } else if seen.watched_since <= seen.now {
        Condition::Operational
    } else {
        Condition::Unknown
    };
    let today = seen.now.floor_to(DAY);
    let mut days = Vec::with_capacity(DAYS);
    let (mut watched, mut down) = (Duration::ZERO, Duration::ZERO);
    for back in (0..DAYS).rev() {
        let start = today - DAY * u32::try_from(back).unwrap_or(0);
        let range = TimeRange::new(start.max(seen.watched_since), (start + DAY).min(seen.now));
        let day = day_of(start, range, ours, seen.now);
        if range.start < range.end {
            watched += range.duration();
            down += day.down;
        }
        days.push(day);
    }
    let uptime = (!watched.is_zero()).then(|| 1.0 - down.as_secs_f64() / watched.as_secs_f64());
    ShownComponent { name: name.to_owned(), condition: worst.unwrap_or(quiet), days, uptime }
}

fn day_of(start: Timestamp, watched: TimeRange, ours: &[&Incident], now: Timestamp) -> Day {
    let mut worst = if watched.start < watched.end { Condition::Operational } else { Condition::Unknown };
    let mut outages: Vec<TimeRange> = Vec::new();
    for incident in ours {
        let from = incident.marks.fault_start.max(watched.start);
        let until = is_over(incident).unwrap_or(now).min(watched.end);
        if from >= until {
            continue;
        }
        let condition = Condition::of(incident.level());
        worst = worst.max(condition);
        if condition >= Condition::Partial {
            outages.push(TimeRange::new(from, until));
        }
    }
    outages.sort_by_key(|range| range.start);
    let (mut down, mut counted) = (Duration::ZERO, watched.start);
    for range in outages {
        let from = range.start.max(counted);
        if from < range.end {
            down += range.end.since(from);
            counted = range.end;
        }
    }
    Day { start, worst, down }
}

fn notice(page: &StatusPage, incident: &Incident, seen: &Seen<'_>) -> Notice {
    let hit = page.components.iter().filter(|component| touches(incident, &component.services));
    let updates = seen.updates.get(&incident.id).map(Vec::as_slice).unwrap_or_default();
    let mut statements: Vec<(Timestamp, String)> = updates
        .iter()
        .filter(|update| update.audiences.contains(&Audience::Public))
        .map(|update| (update.posted_at, update.text.clone()))
        .collect();
    statements.reverse();
    Notice {
        id: incident.id.to_string(),
        components: hit.map(|component| component.name.clone()).collect(),
        condition: Condition::of(incident.level()),
        started_at: incident.marks.fault_start,
        ended_at: is_over(incident),
        statements,
    }
}
