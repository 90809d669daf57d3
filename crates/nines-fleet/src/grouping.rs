//! Units of a kind beside each other, by whatever label: how many of each group report, who stands out among its like, and
//! those of them that a page has room for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use nines_filter::Filter;

use crate::book::{Book, Standing, State};
use crate::compare::{Place, median, spread};
use crate::unit::{Kind, Unit, UnitKey};

/// Differences of less than this are nothing: five points of a ratio, and a twentieth of the middle of anything else.
const LEAST: f64 = 0.05;

/// The values of each unit over some time, the last of them now.
pub type Histories = HashMap<UnitKey, Vec<Option<f64>>>;

/// What is asked for.
pub struct Grouping<'a> {
    pub kind: Kind,
    /// A label; without one all are in one group.
    pub by: Option<&'a str>,
    pub filter: &'a Filter,
    pub state: Option<&'a str>,
    /// Whether values are shares of a whole.
    pub is_ratio: bool,
    /// Units that are shown of all groups together, about.
    pub shown_max: usize,
    /// Groups that are shown.
    pub groups_max: usize,
}

/// A unit of a group, with what is told of it.
#[derive(Debug)]
pub struct Member<'a> {
    pub unit: &'a Unit,
    pub standing: Standing,
    /// Nothing is said of now by who does not report now.
    pub value: Option<f64>,
    pub history: Option<&'a [Option<f64>]>,
    pub place: Option<Place>,
    /// Said of who stands out; of a thousand others it is noise.
    pub score: Option<f64>,
}

#[derive(Debug)]
pub struct Group<'a> {
    pub name: &'a str,
    pub reporting: usize,
    pub late: usize,
    pub absent: usize,
    pub gone: usize,
    /// Of those that report.
    pub median: Option<f64>,
    /// Who is absent first, then the highest. A part of them if there are more than can be shown, who stands out before who
    /// is like all others.
    pub members: Vec<Member<'a>>,
}

/// How many there are of all groups, shown or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub groups: usize,
    pub units: usize,
    pub reporting: usize,
    pub late: usize,
    pub absent: usize,
    pub gone: usize,
}

/// The groups by name. If there are more than can be shown: those with the most that are absent, then late, then high or low
/// among their like, then those whose middle is highest.
pub fn grouped<'a>(
    book: &'a Book,
    asked: &Grouping<'_>,
    histories: &'a Histories,
    now_ms: i64,
) -> (Vec<Group<'a>>, Tally) {
    let mut members: BTreeMap<&str, Vec<Member<'_>>> = BTreeMap::new();
    let mut tally = Tally::default();
    for unit in book.of_kind(asked.kind).filter(|unit| asked.filter.accepts(*unit)) {
        let standing = book.standing(unit, now_ms);
        if asked.state.is_some_and(|wanted| wanted != standing.state.as_str()) {
            continue;
        }
        tally.units += 1;
        *match standing.state {
            State::Reporting => &mut tally.reporting,
            State::Late => &mut tally.late,
            State::Absent => &mut tally.absent,
            State::Gone => &mut tally.gone,
        } += 1;
        let history = histories.get(&unit.key).map(Vec::as_slice);
        let reports = matches!(standing.state, State::Reporting | State::Late);
        let value = history.and_then(|history| history.last().copied().flatten()).filter(|_| reports);
        let name = asked.by.and_then(|by| unit.attribute(by)).unwrap_or_default();
        let member = Member { unit, standing, value, history, place: None, score: None };
        members.entry(name).or_default().push(member);
    }
    tally.groups = members.len();
    let groups = members.into_iter().map(|(name, units)| group(name, units, asked.is_ratio));
    let mut groups: Vec<Group<'_>> = groups.collect();
    if groups.len() > asked.groups_max {
        groups.sort_by(|a, b| {
            let urgency = |group: &Group<'_>| {
                let out = group.members.iter().filter(|member| member.score.is_some()).count();
                Reverse((group.absent, group.late, out))
            };
            let middle = |group: &Group<'_>| group.median.unwrap_or(f64::NEG_INFINITY);
            urgency(a).cmp(&urgency(b)).then_with(|| middle(b).total_cmp(&middle(a)))
        });
        groups.truncate(asked.groups_max);
        groups.sort_by(|a, b| a.name.cmp(b.name));
    }
    let count: usize = groups.iter().map(|group| group.members.len()).sum();
    for group in &mut groups {
        // Each group has a share of what is shown, as large as it is itself, and one of its units at least.
        if count > asked.shown_max {
            group.keep((group.members.len() * asked.shown_max / count).max(1));
        }
        group.sort();
    }
    (groups, tally)
}

fn group<'a>(name: &'a str, mut members: Vec<Member<'a>>, is_ratio: bool) -> Group<'a> {
    let now: Vec<f64> = members.iter().filter_map(|member| member.value).collect();
    if let Some(spread) = spread(&now) {
        let least = if is_ratio { LEAST } else { spread.median.abs() * LEAST };
        for member in &mut members {
            let Some(value) = member.value else { continue };
            let place = spread.place(value, least);
            member.place = Some(place);
            member.score = (place != Place::Usual).then(|| spread.score(value, least));
        }
    }
    let of = |state: State| members.iter().filter(|member| member.standing.state == state).count();
    let (reporting, late) = (of(State::Reporting), of(State::Late));
    let (absent, gone) = (of(State::Absent), of(State::Gone));
    Group { name, reporting, late, absent, gone, median: median(&now), members }
}

impl Group<'_> {
    /// So many of its members, who stands out before who is like all others.
    fn keep(&mut self, most: usize) {
        let (out, like_all): (Vec<_>, Vec<_>) = std::mem::take(&mut self.members)
            .into_iter()
            .partition(|member| member.score.is_some() || member.standing.state != State::Reporting);
        self.members = out.into_iter().chain(like_all).take(most).collect();
    }

    fn sort(&mut self) {
        let value = |member: &Member<'_>| member.value.unwrap_or(f64::NEG_INFINITY);
        self.members.sort_by(|a, b| {
            order(a.standing.state)
                .cmp(&order(b.standing.state))
                .then_with(|| value(b).total_cmp(&value(a)))
                .then_with(|| a.unit.name.cmp(&b.unit.name))
        });
    }
}

/// Who is to be looked at comes first.
fn order(state: State) -> u8 {
    match state {
        State::Absent => 0,
        State::Late => 1,
        State::Reporting => 2,
        State::Gone => 3,
    }
}

/// Labels that units of a kind could be grouped by, each with how many values it has: those with more than one first, and the
/// fewest before the others.
pub fn labels(book: &Book, kind: Kind) -> Vec<(&str, usize)> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in book.of_kind(kind).flat_map(|unit| &unit.attributes) {
        known.entry(name).or_default().insert(value);
    }
    let mut labels: Vec<(&str, usize)> =
        known.into_iter().map(|(name, values)| (name, values.len())).collect();
    labels.sort_by_key(|(name, values)| (*values < 2, *values, *name));
    labels
}

/// How many units of a kind there are that are not gone, and how many of them are absent.
pub fn counted(book: &Book, kind: Kind, now_ms: i64) -> (usize, usize) {
    let (mut count, mut absent) = (0, 0);
    for unit in book.of_kind(kind) {
        let state = book.standing(unit, now_ms).state;
        count += usize::from(state != State::Gone);
        absent += usize::from(state == State::Absent);
    }
    (count, absent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sighting;

    const NOW_MS: i64 = 100_000;

    /// Ten hosts of each of two regions; the first is full, the second silent.
    fn book() -> (Book, Histories) {
        let (mut book, mut histories) = (Book::new(0), Histories::new());
        for number in 0..20_i64 {
            let key = UnitKey { kind: Kind::Host, id: format!("h{number:02}") };
            let region = if number % 2 == 0 { "eu" } else { "us" };
            let until = if number == 1 { 30_000 } else { NOW_MS };
            let sighting = Sighting {
                key: key.clone(),
                name: key.id.clone(),
                reporter: None,
                attributes: BTreeMap::from([
                    ("cloud_region".to_owned(), region.to_owned()),
                    ("instance".to_owned(), key.id.clone()),
                ]),
                times_ms: (1..=until / 10_000).map(|at| at * 10_000).collect(),
                ended_at_ms: None,
                silent_at_ms: None,
            };
            book.see(&sighting);
            histories.insert(key, vec![Some(0.1), Some(if number == 0 { 0.95 } else { 0.2 })]);
        }
        (book, histories)
    }

    fn asked<'a>(filter: &'a Filter, shown_max: usize) -> Grouping<'a> {
        let by = Some("cloud.region");
        Grouping { kind: Kind::Host, by, filter, state: None, is_ratio: true, shown_max, groups_max: 100 }
    }

    #[test]
    fn who_is_absent_and_who_is_high_comes_first() {
        let (book, histories) = book();
        let filter = Filter::parse("").unwrap();
        let (groups, tally) = grouped(&book, &asked(&filter, 100), &histories, NOW_MS);
        assert_eq!(tally.units, 20);
        let told: Vec<_> =
            groups.iter().map(|it| (it.name, it.reporting, it.absent, it.members.len())).collect();
        assert_eq!(told, [("eu", 10, 0, 10), ("us", 9, 1, 10)]);
        let first = &groups[0].members[0];
        assert_eq!((first.unit.name.as_str(), first.place), ("h00", Some(Place::High)));
        let silent = &groups[1].members[0];
        assert_eq!((silent.unit.name.as_str(), silent.value), ("h01", None));
    }

    #[test]
    fn what_does_not_fit_is_counted_and_who_stands_out_is_shown() {
        let (book, histories) = book();
        let filter = Filter::parse("").unwrap();
        let (groups, tally) = grouped(&book, &asked(&filter, 4), &histories, NOW_MS);
        assert_eq!(tally.units, 20);
        let told: Vec<_> = groups.iter().map(|it| (it.reporting + it.absent, it.members.len())).collect();
        assert_eq!(told, [(10, 2), (10, 2)]);
        assert_eq!(groups[0].members[0].unit.name, "h00");
        assert_eq!(groups[1].members[0].unit.name, "h01");
        assert_eq!(labels(&book, Kind::Host), [("cloud_region", 2), ("instance", 20)]);
        assert_eq!(counted(&book, Kind::Host, NOW_MS), (20, 1));
    }

    #[test]
    fn of_too_many_groups_those_that_want_looking_at_are_shown_and_all_are_counted() {
        let (book, histories) = book();
        let filter = Filter::parse("").unwrap();
        let asked = Grouping { by: Some("instance"), groups_max: 3, ..asked(&filter, 100) };
        let (groups, tally) = grouped(&book, &asked, &histories, NOW_MS);
        // The silent one, the full one, and the first of those that are alike.
        let names: Vec<_> = groups.iter().map(|group| group.name).collect();
        assert_eq!(names, ["h00", "h01", "h02"]);
        let all = Tally { groups: 20, units: 20, reporting: 19, late: 0, absent: 1, gone: 0 };
        assert_eq!(tally, all);
    }

    #[test]
    fn a_sight_that_tells_nothing_new_is_known() {
        let (book, _) = book();
        let key = UnitKey { kind: Kind::Host, id: "h02".to_owned() };
        let same = [("cloud_region", "eu"), ("instance", "h02")];
        assert!(book.knows(&key, NOW_MS, None, same.into_iter()));
        assert!(!book.knows(&key, NOW_MS + 1, None, same.into_iter()));
        assert!(!book.knows(&key, NOW_MS, Some(&key), same.into_iter()));
        assert!(!book.knows(&key, NOW_MS, None, [("cloud_region", "us")].into_iter()));
        assert!(!book.knows(&key, NOW_MS, None, [("rack", "1")].into_iter()));
    }
}
