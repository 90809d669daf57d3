//! How well incidents are handled, over a time. Everything is computed from marks, calls and shifts.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_incidents::{Incident, IncidentId, Level, State as IncidentState, Statistics};
use nines_model::{TimeRange, Timestamp};

use crate::{Day, LearningError, Measure, Postmortem, Sheet, State};

/// What a working day is counted as.
const WORKING_DAY: Duration = Duration::from_secs(8 * 3_600);

/// Everything that is known of the time.
pub struct Seen<'a> {
    pub range: TimeRange,
    pub now: Timestamp,
    /// Reported in `range`, drills among them.
    pub incidents: &'a [Incident],
    /// All that there are: open measures are carried over, however old.
    pub postmortems: &'a [Postmortem],
    /// Meetings, for the same reason.
    pub meetings: &'a [Sheet],
    pub calls: &'a [CallMade],
    pub shifts: &'a [Shift],
    /// Incidents that escalate by a policy: whether it was handed on beyond the first step.
    pub handed_on: &'a BTreeMap<IncidentId, bool>,
    /// Who had which incident in hand, from the acknowledgement to the end.
    pub handled: &'a [(String, TimeRange)],
}

/// Somebody was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallMade {
    pub at: Timestamp,
    pub person: String,
    pub incident: String,
}

/// Somebody was on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    pub person: String,
    pub range: TimeRange,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    pub range: TimeRange,
    pub statistics: Statistics,
    /// P0, P1, P2; drills, cancelled and merged ones are left out here and below.
    pub by_level: [u32; 3],
    pub to_detect: Median,
    pub to_acknowledge: Median,
    pub to_resolve: Median,
    /// Resolved incidents that escalated by a policy, and those of them that never left its first step.
    pub escalated: u32,
    pub closed_by_first_line: u32,
    /// By person, most called first.
    pub load: Vec<Load>,
    /// Time in which somebody had an incident in hand, each hour of a person once.
    pub toil: Duration,
    /// Working time of everybody who was on call or had an incident: eight hours a weekday.
    pub working: Duration,
    pub drills: Vec<DrillResult>,
    pub postmortems_due: u32,
    pub postmortems_overdue: Vec<IncidentId>,
    pub postmortems_closed: u32,
    /// Open, the most overdue first: where they come from, and what.
    pub open_measures: Vec<(String, Measure)>,
    pub measures_overdue: u32,
}

/// The middle value; of an even number of values the mean of the two in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Median {
    pub count: u32,
    pub value: Option<Duration>,
}

impl Median {
    fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let middle = values.len() / 2;
        let value = match values.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(values[middle]),
            _ => Some((values[middle - 1] + values[middle]) / 2),
        };
        Self { count, value }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    pub person: String,
    pub calls: u32,
    /// Calls while this person was on call.
    pub calls_on_shift: u32,
    pub shifts: u32,
    pub on_call: Duration,
    /// Incidents in hand, each hour once.
    pub in_hand: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillResult {
    pub incident: IncidentId,
    pub title: String,
    /// Fault start to mitigated, else to resolved: the recovery time.
    pub recovery: Option<Duration>,
    /// The recovery point, if somebody wrote it into the postmortem.
    pub data_lost: Option<Duration>,
}

impl Review {
    pub fn of(seen: &Seen<'_>) -> Self {
        let counted: Vec<&Incident> = seen.incidents.iter().filter(|incident| counts(incident)).collect();
        let durations: Vec<_> = counted.iter().map(|incident| incident.marks.durations()).collect();
        let mut by_level = [0; 3];
        for incident in &counted {
            by_level[match incident.level() {
                Level::P0 => 0,
                Level::P1 => 1,
                Level::P2 => 2,
            }] += 1;
        }
        let resolved = counted.iter().filter(|incident| incident.marks.resolved.is_some());
        let handed: Vec<bool> =
            resolved.filter_map(|incident| seen.handed_on.get(&incident.id)).copied().collect();
        let load = load(seen);
        let people = u32::try_from(load.len()).unwrap_or(u32::MAX);
        let (due, overdue, closed) = postmortems(seen);
        let open_measures = open_measures(seen.postmortems, seen.meetings, seen.now);
        Self {
            range: seen.range,
            statistics: Statistics::of(seen.incidents),
            by_level,
            to_detect: Median::of(durations.iter().map(|it| it.to_detect).collect()),
            to_acknowledge: Median::of(durations.iter().filter_map(|it| it.to_acknowledge).collect()),
            to_resolve: Median::of(durations.iter().filter_map(|it| it.to_resolve).collect()),
            escalated: count(handed.len()),
            closed_by_first_line: count(handed.iter().filter(|handed| !**handed).count()),
            toil: load.iter().map(|load| load.in_hand).sum(),
            working: working_time(seen.range) * people,
            load,
            drills: drills(seen),
            postmortems_due: due,
            postmortems_overdue: overdue,
            postmortems_closed: closed,
            measures_overdue: count(open_measures.iter().filter(|(_, it)| it.is_overdue(seen.now)).count()),
            open_measures,
        }
    }

    /// In `[0, 1]`; `None` if nothing escalated.
    pub fn first_line_share(&self) -> Option<f64> {
        (self.escalated > 0).then(|| f64::from(self.closed_by_first_line) / f64::from(self.escalated))
    }

    /// Incidents in hand over working time. `None` if nobody was on call and nobody had any.
    pub fn toil_share(&self) -> Option<f64> {
        (!self.working.is_zero()).then(|| self.toil.as_secs_f64() / self.working.as_secs_f64())
    }
}

fn counts(incident: &Incident) -> bool {
    !incident.is_drill && !matches!(incident.state, IncidentState::Cancelled | IncidentState::Merged)
}

fn load(seen: &Seen<'_>) -> Vec<Load> {
    let mut people: BTreeMap<&str, Load> = BTreeMap::new();
    for shift in seen.shifts {
        let load = people.entry(&shift.person).or_default();
        load.shifts += 1;
        load.on_call += shift.range.duration();
    }
    for call in seen.calls.iter().filter(|call| seen.range.contains(call.at)) {
        let load = people.entry(&call.person).or_default();
        load.calls += 1;
        let on_shift = seen.shifts.iter().any(|it| it.person == call.person && it.range.contains(call.at));
        load.calls_on_shift += u32::from(on_shift);
    }
    let mut handled: BTreeMap<&str, Vec<TimeRange>> = BTreeMap::new();
    for (person, range) in seen.handled {
        handled.entry(person).or_default().push(*range);
    }
    for (person, ranges) in handled {
        people.entry(person).or_default().in_hand = union(ranges, seen.range);
    }
    let mut load: Vec<Load> =
        people.into_iter().map(|(person, load)| Load { person: person.to_owned(), ..load }).collect();
    load.sort_by_key(|load| (std::cmp::Reverse((load.calls, load.in_hand)), load.person.clone()));
    load
}

/// The time that is in any of the ranges and within `clip`.
fn union(mut ranges: Vec<TimeRange>, clip: TimeRange) -> Duration {
    ranges.sort_by_key(|range| range.start);
    let (mut total, mut seen) = (Duration::ZERO, clip.start);
    for range in ranges {
        let (start, end) = (range.start.max(seen), range.end.min(clip.end));
        if start < end {
            total += end.since(start);
            seen = end;
        }
    }
    total
}

fn working_time(range: TimeRange) -> Duration {
    let (first, last) = (Day::of(range.start).0, Day::of(range.end - Duration::from_nanos(1)).0);
    let days = (first..=last).filter(|day| Day(*day).weekday() < 5).count();
    WORKING_DAY * count(days)
}

fn drills(seen: &Seen<'_>) -> Vec<DrillResult> {
    let drills = seen.incidents.iter().filter(|incident| incident.is_drill);
    drills
        .map(|incident| {
            let durations = incident.marks.durations();
            let learnt = seen.postmortems.iter().find(|postmortem| postmortem.incident == incident.id);
            DrillResult {
                incident: incident.id,
                title: incident.title.clone(),
                recovery: durations.to_mitigate.or(durations.to_resolve),
                data_lost: learnt.and_then(|postmortem| postmortem.data_lost),
            }
        })
        .collect()
}

/// Of incidents of this time: how many are due, which are overdue whatever their time, how many are closed.
fn postmortems(seen: &Seen<'_>) -> (u32, Vec<IncidentId>, u32) {
    let of_this_time = |it: &&Postmortem| seen.incidents.iter().any(|incident| incident.id == it.incident);
    let ours: Vec<&Postmortem> =
        seen.postmortems.iter().filter(|it| it.mandatory).filter(of_this_time).collect();
    let closed = ours.iter().filter(|it| it.state == State::Closed).count();
    let overdue = seen.postmortems.iter().filter(|it| it.is_overdue(seen.now)).map(|it| it.incident);
    (count(ours.len()), overdue.collect(), count(closed))
}

/// Every measure that is not done, with where it comes from: what each weekly meeting carries over.
fn open_measures(postmortems: &[Postmortem], meetings: &[Sheet], now: Timestamp) -> Vec<(String, Measure)> {
    let theirs = postmortems
        .iter()
        .flat_map(|it| it.measures.iter().map(|measure| (it.incident.to_string(), measure)));
    let ours = meetings.iter().flat_map(|it| it.measures.iter().map(|measure| (it.key.clone(), measure)));
    let mut open: Vec<(String, Measure)> = theirs
        .chain(ours)
        .filter(|(_, measure)| measure.done.is_none())
        .map(|(origin, measure)| (origin, measure.clone()))
        .collect();
    open.sort_by_key(|(origin, it)| {
        (!it.is_overdue(now), it.due.is_none(), it.due, origin.clone(), it.number)
    });
    open
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// For callers that take a time from people.
impl Review {
    /// The longest time that is looked at: a year, with a day of grace.
    pub const RANGE_MAX: Duration = Duration::from_secs(367 * 86_400);

    pub fn check_range(range: TimeRange) -> Result<TimeRange, LearningError> {
        if range.duration() <= Self::RANGE_MAX {
            return Ok(range);
        }
        Err(LearningError::Invalid("a review looks at a year at most: choose a shorter time".to_owned()))
    }
}
