//! Every unit that ever reported, and how it stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::unit::{Kind, Retired, Sighting, Unit, UnitKey};
use crate::{ABSENT_INTERVALS, ARRIVAL_MS, LATE_INTERVALS};

/// Units of one node: two thousand hosts with twenty containers each, and half as much again of pods, processes and targets.
/// Each is some two kilobytes. Beyond, what has been gone for longest is forgotten first, and what reports is not taken in.
pub const UNITS_MAX: usize = 60_000;
/// What ended, or was retired, is forgotten after this long: a month is what people ask about.
const GONE_KEPT_MS: i64 = 30 * 86_400_000;
/// Short-lived units end by the thousand; a day of them is enough to look at.
const ENDED_KEPT_MS: i64 = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Absent,
    Late,
    Reporting,
    /// Gone on purpose.
    Gone,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Late => "late",
            Self::Reporting => "reporting",
            Self::Gone => "gone",
        }
    }
}

/// How a unit stands at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub state: State,
    /// When it last reported; of what was retired, when that was said.
    pub since_ms: i64,
    /// What the data says about it, as a sentence without its end.
    pub reason: Option<String>,
    /// It is silent because what it is seen through is.
    pub follows_reporter: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Book {
    units: BTreeMap<UnitKey, Unit>,
    changed: BTreeSet<UnitKey>,
    /// Since when this node has been listening.
    watching_since_ms: i64,
    /// Units that were not taken in for want of room.
    refused: u64,
}

impl Book {
    pub fn new(watching_since_ms: i64) -> Self {
        Self { watching_since_ms, ..Self::default() }
    }

    /// A unit as it was kept.
    pub fn restore(&mut self, unit: Unit) {
        if self.units.len() < UNITS_MAX {
            self.units.insert(unit.key.clone(), unit);
        }
    }

    pub fn watching_since_ms(&self) -> i64 {
        self.watching_since_ms
    }

    pub fn refused(&self) -> u64 {
        self.refused
    }

    pub fn unit(&self, key: &UnitKey) -> Option<&Unit> {
        self.units.get(key)
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Unit> {
        let from = UnitKey { kind, id: String::new() };
        self.units.range(from..).map(|(_, unit)| unit).take_while(move |unit| unit.key.kind == kind)
    }

    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.values()
    }

    /// What is seen through a unit.
    pub fn seen_through(&self, key: &UnitKey) -> impl Iterator<Item = &Unit> {
        self.units.values().filter(move |unit| unit.reporter.as_ref() == Some(key))
    }

    /// Whether a sight of a unit until then, through this reporter and with these attributes, tells nothing that is not
    /// known. Most of what is read again each time is such.
    pub fn knows<'a>(
        &self,
        key: &UnitKey,
        until_ms: i64,
        reporter: Option<&UnitKey>,
        mut attributes: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> bool {
        self.units.get(key).is_some_and(|unit| {
            until_ms <= unit.last_seen_ms
                && (reporter.is_none() || unit.reporter.as_ref() == reporter)
                && attributes
                    .all(|(name, value)| unit.attributes.get(name).is_some_and(|known| known == value))
        })
    }

    pub fn see(&mut self, sighting: &Sighting) {
        let first = sighting.times_ms.first().copied().or(sighting.silent_at_ms);
        if !self.units.contains_key(&sighting.key) {
            // What only ended was never seen here.
            let Some(first) = first else { return };
            if self.units.len() >= UNITS_MAX {
                self.refused += 1;
                return;
            }
            self.units.insert(sighting.key.clone(), Unit::new(sighting, first));
            self.changed.insert(sighting.key.clone());
        }
        if let Some(unit) = self.units.get_mut(&sighting.key)
            && unit.take(sighting)
        {
            self.changed.insert(sighting.key.clone());
        }
    }

    /// Whether there is such a unit. One that reports again is no longer retired.
    pub fn retire(&mut self, key: &UnitKey, retired: Option<Retired>) -> bool {
        let Some(unit) = self.units.get_mut(key) else { return false };
        unit.retired = retired;
        self.changed.insert(key.clone());
        true
    }

    /// Takes what has changed since the last time, to be kept.
    pub fn take_changed(&mut self) -> Vec<Unit> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|key| self.units.get(key).cloned()).collect()
    }

    /// All of them count as changed: that they were seen is kept, too.
    pub fn touch_all(&mut self) {
        self.changed = self.units.keys().cloned().collect();
    }

    /// Takes away what has been gone for long, and gives its keys.
    pub fn forget(&mut self, now_ms: i64) -> Vec<UnitKey> {
        let is_over = |unit: &Unit| {
            let standing = self.standing(unit, now_ms);
            let kept = match unit.key.kind {
                Kind::Host | Kind::Target => GONE_KEPT_MS,
                _ => ENDED_KEPT_MS,
            };
            standing.state == State::Gone && now_ms - standing.since_ms > kept
        };
        let over: Vec<UnitKey> =
            self.units.values().filter(|unit| is_over(unit)).map(|unit| unit.key.clone()).collect();
        for key in &over {
            self.units.remove(key);
            self.changed.remove(key);
        }
        over
    }

    /// How long it has been silent while this node was listening.
    fn silence_ms(&self, unit: &Unit, now_ms: i64) -> i64 {
        now_ms - unit.last_seen_ms.max(self.watching_since_ms)
    }

    pub fn standing(&self, unit: &Unit, now_ms: i64) -> Standing {
        self.standing_after(unit, now_ms, ABSENT_INTERVALS)
    }

    /// The same for who wants to be told after another number of missed reports.
    pub fn standing_after(&self, unit: &Unit, now_ms: i64, intervals: u32) -> Standing {
        let told = |state, reason: Option<&str>| Standing {
            state,
            since_ms: unit.last_seen_ms,
            reason: reason.map(str::to_owned),
            follows_reporter: false,
        };
        if let Some(retired) = &unit.retired {
            return Standing {
                state: State::Gone,
                since_ms: retired.at_ms,
                reason: Some(format!("{} retired it: {}", retired.by, retired.reason)),
                follows_reporter: false,
            };
        }
        let interval = unit.interval_ms();
        let silence = self.silence_ms(unit, now_ms);
        let late = interval * i64::from(LATE_INTERVALS.min(intervals)) + ARRIVAL_MS;
        let absent = interval * i64::from(intervals) + ARRIVAL_MS;
        if unit.key.kind == Kind::Target {
            return match (unit.ended_at_ms, unit.silent_at_ms) {
                (Some(_), _) => told(State::Gone, Some("it was taken out of the scrape configuration")),
                (_, Some(at)) if at > unit.last_seen_ms && silence > late => {
                    told(State::Absent, Some("it does not answer scrapes"))
                }
                _ if silence > absent => told(State::Absent, Some("nobody scrapes it any more")),
                _ if silence > late => told(State::Late, None),
                _ => told(State::Reporting, None),
            };
        }
        if silence <= late {
            return told(State::Reporting, None);
        }
        let reporter = unit.reporter.as_ref().and_then(|key| self.units.get(key));
        let Some(reporter) = reporter.filter(|reporter| reporter.key != unit.key) else {
            return told(if silence > absent { State::Absent } else { State::Late }, None);
        };
        let of_reporter = self.standing_after(reporter, now_ms, intervals);
        let name = &reporter.name;
        match (unit.key.kind, of_reporter.state) {
            // A host behind a target: the target says why.
            (Kind::Host, State::Gone) => {
                told(State::Gone, Some("its target was taken out of the scrape configuration"))
            }
            (Kind::Host, State::Absent) => told(State::Absent, Some("its target does not answer scrapes")),
            (Kind::Host, _) => told(if silence > absent { State::Absent } else { State::Late }, None),
            (_, State::Gone) => told(State::Gone, Some(&format!("{name}, on which it ran, is gone"))),
            (_, State::Absent) => Standing {
                follows_reporter: true,
                ..told(State::Absent, Some(&format!("{name}, on which it runs, does not report either")))
            },
            // The host has spoken since, and did not name it.
            (_, State::Reporting) if reporter.last_seen_ms > unit.last_seen_ms + late => {
                told(State::Gone, Some(&format!("it ended: {name} reports and no longer lists it")))
            }
            _ => told(State::Late, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind, id: &str) -> UnitKey {
        UnitKey { kind, id: id.to_owned() }
    }

    fn seen(kind: Kind, id: &str, reporter: Option<UnitKey>, times_ms: &[i64]) -> Sighting {
        Sighting {
            key: key(kind, id),
            name: id.to_owned(),
            reporter,
            attributes: BTreeMap::from([("cloud_region".to_owned(), "mars".to_owned())]),
            times_ms: times_ms.to_vec(),
            ended_at_ms: None,
            silent_at_ms: None,
        }
    }

    fn every(interval: i64, until: i64) -> Vec<i64> {
        (1..=until / interval).map(|number| number * interval).collect()
    }

    fn state(book: &Book, kind: Kind, id: &str, now_ms: i64) -> State {
        book.standing(book.unit(&key(kind, id)).unwrap(), now_ms).state
    }

    #[test]
    fn silence_is_late_and_then_absent_by_the_units_own_interval() {
        let mut book = Book::new(0);
        book.see(&seen(Kind::Host, "fast", None, &every(10_000, 100_000)));
        book.see(&seen(Kind::Host, "slow", None, &every(50_000, 100_000)));
        book.see(&seen(Kind::Host, "slow", None, &every(50_000, 200_000)[2..]));
        for (now, fast) in [
            (125_000, State::Reporting),
            (125_001, State::Late),
            (145_000, State::Late),
            (145_001, State::Absent),
        ] {
            assert_eq!(state(&book, Kind::Host, "fast", now), fast, "{now}");
        }
        assert_eq!(state(&book, Kind::Host, "slow", 300_000), State::Reporting);
        assert_eq!(state(&book, Kind::Host, "slow", 410_000), State::Absent);
    }

    #[test]
    fn a_restart_makes_nobody_absent() {
        let mut book = Book::new(1_000_000);
        book.see(&seen(Kind::Host, "web", None, &every(10_000, 100_000)));
        assert_eq!(state(&book, Kind::Host, "web", 1_020_000), State::Reporting);
        assert_eq!(state(&book, Kind::Host, "web", 1_045_001), State::Absent);
    }

    #[test]
    fn what_its_host_no_longer_lists_has_ended_and_what_falls_silent_with_it_is_absent() {
        let host = key(Kind::Host, "web");
        let mut book = Book::new(0);
        book.see(&seen(Kind::Host, "web", None, &every(10_000, 200_000)));
        book.see(&seen(Kind::Container, "early", Some(host.clone()), &every(10_000, 100_000)));
        book.see(&seen(Kind::Container, "late", Some(host), &every(10_000, 200_000)));
        assert_eq!(state(&book, Kind::Container, "early", 205_000), State::Gone);
        assert_eq!(state(&book, Kind::Container, "late", 205_000), State::Reporting);
        let standing = book.standing(book.unit(&key(Kind::Container, "late")).unwrap(), 300_000);
        assert_eq!((standing.state, standing.follows_reporter), (State::Absent, true));
    }

    #[test]
    fn a_target_that_was_taken_away_is_gone_and_one_that_does_not_answer_is_absent() {
        let mut book = Book::new(0);
        for id in ["taken-away", "down"] {
            book.see(&seen(Kind::Target, id, None, &every(10_000, 100_000)));
            book.see(&seen(Kind::Host, id, Some(key(Kind::Target, id)), &every(10_000, 100_000)));
        }
        book.see(&Sighting { ended_at_ms: Some(101_000), ..seen(Kind::Target, "taken-away", None, &[]) });
        book.see(&Sighting { silent_at_ms: Some(140_000), ..seen(Kind::Target, "down", None, &[]) });
        for kind in [Kind::Target, Kind::Host] {
            assert_eq!(state(&book, kind, "taken-away", 150_000), State::Gone);
            assert_eq!(state(&book, kind, "down", 150_000), State::Absent);
        }
        // It is scraped again.
        book.see(&seen(Kind::Target, "taken-away", None, &[160_000]));
        assert_eq!(state(&book, Kind::Target, "taken-away", 165_000), State::Reporting);
    }

    #[test]
    fn who_is_retired_is_gone_until_it_reports_again() {
        let mut book = Book::new(0);
        book.see(&seen(Kind::Host, "web", None, &every(10_000, 100_000)));
        let retired = Retired { at_ms: 110_000, by: "mei".to_owned(), reason: "scaled in".to_owned() };
        assert!(book.retire(&key(Kind::Host, "web"), Some(retired)));
        assert_eq!(state(&book, Kind::Host, "web", 900_000), State::Gone);
        book.see(&seen(Kind::Host, "web", None, &[200_000]));
        assert_eq!(state(&book, Kind::Host, "web", 205_000), State::Reporting);
        assert!(!book.retire(&key(Kind::Host, "nobody"), None));
    }

    #[test]
    fn the_book_is_bounded_and_forgets_what_is_long_gone() {
        let mut book = Book::new(0);
        for number in 0..UNITS_MAX + 5 {
            book.see(&seen(Kind::Host, &number.to_string(), None, &[1_000]));
        }
        assert_eq!((book.units().count(), book.refused()), (UNITS_MAX, 5));
        let retired = Retired { at_ms: 2_000, by: "mei".to_owned(), reason: "over".to_owned() };
        book.retire(&key(Kind::Host, "7"), Some(retired));
        assert_eq!(book.forget(3_000), []);
        assert_eq!(book.forget(3_000 + GONE_KEPT_MS), [key(Kind::Host, "7")]);
    }
}
