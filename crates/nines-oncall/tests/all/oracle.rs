//! The resolver against a slow and obvious one, minute by minute, on random schedules over every zone of the IANA
//! database and twenty years.
//!
//! The oracle shares nothing with the resolver but the types: it walks hand-overs one by one with calendar arithmetic,
//! and follows the wall clock minute by minute, remembering the latest time that it has shown. It begins a day and a half
//! before the window that is compared, because clocks are put back by at most a day.
//!
//! `NINES_ORACLE` is the number of schedules (2 000), `NINES_SEED` the seed.

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::TimeZone;
use nines_model::{TimeRange, Timestamp};
use nines_oncall::{
    Because, Change, Holidays, Layer, OnCall, Override, OverrideId, PersonId, Rotation, Schedule, Slot, Unit,
    Weekdays, Window, Zone,
};

use crate::random::{Rng, count, seed};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_resolver_equals_the_oracle_by_minute() {
    let schedules = count("NINES_ORACLE", 2_000);
    let seed = seed();
    let zones = zones();
    assert!(zones.len() > 400, "only {} zones", zones.len());
    let mut minutes = 0;
    for number in 0..schedules {
        let mut rng = Rng::new(seed.wrapping_add(number as u64));
        // Every zone in turn, so that none is left out.
        let zone = &zones[number % zones.len()];
        minutes += check_one(&mut rng, zone, &zones, seed.wrapping_add(number as u64));
    }
    println!(
        "B9 {schedules} random schedules equal the minute oracle: {minutes} minutes, {} zones, seed {seed}",
        zones.len()
    );
}

/// Where the clocks do what few expect.
#[test]
fn the_resolver_equals_the_oracle_where_clocks_are_odd() {
    let zones = zones();
    let odd = [
        ("Australia/Lord_Howe", "2026-04-04T12:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T12:00:00Z"),
        ("Pacific/Apia", "2011-12-29T12:00:00Z"),
        ("Africa/Casablanca", "2026-02-14T12:00:00Z"),
        ("Africa/Casablanca", "2026-03-21T12:00:00Z"),
        ("Pacific/Kiritimati", "2026-03-29T00:00:00Z"),
        ("America/Sao_Paulo", "2018-11-03T12:00:00Z"),
        ("Asia/Pyongyang", "2015-08-14T12:00:00Z"),
        ("Europe/Dublin", "2026-10-24T12:00:00Z"),
        ("America/Nuuk", "2023-03-25T12:00:00Z"),
        ("Antarctica/Troll", "2026-03-28T12:00:00Z"),
    ];
    for (name, start) in odd {
        let start = Timestamp::parse_rfc3339(start).unwrap();
        let zone = Zone::get(name).unwrap();
        for seed in 0..20 {
            let mut rng = Rng::new(seed);
            let schedule = schedule(&mut rng, &zone, &zones);
            compare(&schedule, TimeRange::new(start, start + Duration::from_secs(2 * 86_400)), seed);
        }
    }
}

fn zones() -> Vec<Zone> {
    let mut zones: Vec<Zone> =
        jiff::tz::db().available().filter_map(|name| Zone::get(name.as_str()).ok()).collect();
    zones.sort_by(|a, b| a.name().cmp(b.name()));
    zones
}

fn check_one(rng: &mut Rng, zone: &Zone, zones: &[Zone], seed: u64) -> usize {
    let schedule = schedule(rng, zone, zones);
    // Half of the windows are where the clocks of the first layer change, if they ever do.
    let tz = TimeZone::get(schedule.layers[0].zone.name()).unwrap();
    let any = Timestamp::from_secs(rng.between(1_167_609_600, 1_798_761_600) / 60 * 60);
    let jump =
        tz.following(any.to_jiff()).next().map(|jump| Timestamp::from_secs(jump.timestamp().as_second()));
    let start = match jump {
        Some(jump) if rng.one_in(2) => jump - Duration::from_secs(60 * rng.below(600) as u64),
        _ => any,
    };
    compare(&schedule, TimeRange::new(start, start + Duration::from_secs(86_400)), seed)
}

fn compare(schedule: &Schedule, range: TimeRange, seed: u64) -> usize {
    schedule.check().unwrap();
    let expected = by_minute(schedule, range);
    let shifts = schedule.shifts(range).unwrap();
    assert_eq!(shifts.first().unwrap().range.start, range.start);
    assert_eq!(shifts.last().unwrap().range.end, range.end);
    for pair in shifts.windows(2) {
        assert_eq!(pair[0].range.end, pair[1].range.start, "seed {seed}: shifts are consecutive");
        assert!(pair[0].on_call != pair[1].on_call, "seed {seed}: equal shifts are one");
    }
    let mut shift = shifts.iter();
    let mut current = shift.next().unwrap();
    for (index, expected) in expected.iter().enumerate() {
        let at = range.start + MINUTE * u32::try_from(index).unwrap();
        while at >= current.range.end {
            current = shift.next().unwrap();
        }
        assert_eq!(&current.on_call, expected, "seed {seed}: shifts at {at} of {schedule:#?}");
        // The closed form is asked less often than the calendar, which asks it at every change.
        if index % 7 == 0 {
            assert_eq!(&schedule.on_call_at(at), expected, "seed {seed}: at {at} of {schedule:#?}");
        }
    }
    expected.len()
}

// --- the oracle -----------------------------------------------------------------------------------------------------

fn by_minute(schedule: &Schedule, range: TimeRange) -> Vec<OnCall> {
    let mut walkers: Vec<Walker> = schedule.layers.iter().map(Walker::new).collect();
    let mut found = Vec::new();
    let mut at = range.start - Duration::from_secs(36 * 3_600);
    while at < range.end {
        let turns: Vec<Option<(i64, &Slot)>> =
            walkers.iter_mut().map(|walker| walker.minute(at, &schedule.holidays)).collect();
        if at >= range.start {
            found.push(resolve(schedule, at, &turns));
        }
        at = at + MINUTE;
    }
    found
}

fn resolve(schedule: &Schedule, at: Timestamp, turns: &[Option<(i64, &Slot)>]) -> OnCall {
    let mut answer = OnCall { people: vec![], shadows: vec![], because: Because::Nobody };
    for (layer, turn) in turns.iter().enumerate() {
        if let Some((turn, slot)) = turn {
            answer.people = slot.people.clone();
            answer.shadows = slot.shadows.clone();
            answer.because = Because::Layer { layer, turn: *turn };
        }
    }
    for change in &schedule.overrides {
        if at < change.range.start || at >= change.range.end {
            continue;
        }
        match &change.change {
            Change::Everyone(people) => {
                answer.people = people.clone();
                answer.shadows.clear();
                answer.because = Because::Override(change.id.clone());
            }
            Change::Instead { of, by } => {
                if let Some(place) = answer.people.iter().position(|person| person == of) {
                    answer.people.remove(place);
                    answer.people.retain(|person| person != by);
                    answer.people.push(by.clone());
                    answer.shadows.retain(|person| person != by);
                    answer.because = Because::Override(change.id.clone());
                }
            }
        }
    }
    answer
}

/// Follows one layer forward in time.
struct Walker<'a> {
    layer: &'a Layer,
    tz: TimeZone,
    begin: DateTime,
    /// The turn that the wall clock has reached, and when the next one begins on it.
    turn: i64,
    next: DateTime,
    /// The latest that the wall clock has ever shown.
    latest: DateTime,
}

impl<'a> Walker<'a> {
    fn new(layer: &'a Layer) -> Self {
        let rotation = &layer.rotation;
        let secs = rotation.hand_over_secs;
        let time = Time::new((secs / 3600) as i8, (secs / 60 % 60) as i8, (secs % 60) as i8, 0).unwrap();
        let begin = rotation.starts_on.to_datetime(time);
        let mut first = begin;
        if let (Unit::Week, Some(weekday)) = (rotation.unit, rotation.weekday) {
            while first.weekday().to_monday_zero_offset() != weekday as i8 {
                first = first.yesterday().unwrap();
            }
        }
        let mut this = Self {
            layer,
            tz: TimeZone::get(layer.zone.name()).unwrap(),
            begin,
            turn: 0,
            next: first,
            latest: DateTime::MIN,
        };
        this.next = this.after(first);
        this
    }

    fn after(&self, wall: DateTime) -> DateTime {
        let length = i64::from(self.layer.rotation.length);
        match self.layer.rotation.unit {
            Unit::Hour => wall + length.hours(),
            Unit::Day => wall + length.days(),
            Unit::Week => wall + length.weeks(),
        }
    }

    fn minute(
        &mut self,
        at: Timestamp,
        holidays: &std::collections::BTreeSet<Date>,
    ) -> Option<(i64, &'a Slot)> {
        let layer = self.layer;
        let wall = self.tz.to_datetime(at.to_jiff());
        self.latest = self.latest.max(wall);
        while self.next <= self.latest {
            self.turn += 1;
            self.next = self.after(self.next);
        }
        let end = layer.ends_on.map(|date| date.to_datetime(self.begin.time()));
        if self.latest < self.begin || end.is_some_and(|end| self.latest >= end) {
            return None;
        }
        let open = layer.windows.is_empty() || layer.windows.iter().any(|window| is_open(window, wall));
        let holiday = holidays.contains(&wall.date());
        let counts = match layer.holidays {
            Holidays::Ignore => true,
            Holidays::Off => !holiday,
            Holidays::Only => holiday,
        };
        let slot = &layer.participants[self.turn.rem_euclid(layer.participants.len() as i64) as usize];
        (open && counts && !slot.people.is_empty()).then_some((self.turn, slot))
    }
}

fn is_open(window: &Window, wall: DateTime) -> bool {
    let second = wall.hour() as u32 * 3600 + wall.minute() as u32 * 60 + wall.second() as u32;
    let has = |wall: DateTime| window.weekdays.has(wall.weekday().to_monday_zero_offset() as u8);
    let yesterday = wall.yesterday().unwrap();
    if window.to_secs > window.from_secs {
        has(wall) && second >= window.from_secs && second < window.to_secs
    } else {
        (has(wall) && second >= window.from_secs) || (has(yesterday) && second < window.to_secs)
    }
}

// --- random schedules -----------------------------------------------------------------------------------------------

const PEOPLE: [&str; 8] = ["ann", "bo", "chen", "dee", "eve", "fay", "gus", "hal"];

fn schedule(rng: &mut Rng, zone: &Zone, zones: &[Zone]) -> Schedule {
    let mut schedule = Schedule::new("random", zone.clone());
    for number in 0..=rng.below(3) {
        // The lowest layer is of the zone whose turn it is; the others may be anywhere.
        let zone = if number == 0 || rng.one_in(2) { zone } else { rng.pick(zones) };
        schedule.layers.push(layer(rng, zone.clone(), number));
    }
    for _ in 0..rng.below(30) {
        schedule.holidays.insert(any_date(rng));
    }
    for number in 0..rng.below(4) {
        let start = rng.between(1_167_609_600, 1_798_761_600) / 60 * 60;
        let range = TimeRange::new(
            Timestamp::from_secs(start),
            Timestamp::from_secs(start + 60 * rng.between(1, 3_000_000)),
        );
        let change = match rng.below(3) {
            0 => Change::Everyone(vec![person(rng)]),
            _ => Change::Instead { of: person(rng), by: person(rng) },
        };
        schedule.overrides.push(Override {
            id: OverrideId(format!("o{number}")),
            range,
            change,
            author: "ann".to_owned(),
            reason: String::new(),
            created_at: range.start,
        });
    }
    schedule
}

fn layer(rng: &mut Rng, zone: Zone, number: usize) -> Layer {
    let unit = *rng.pick(&[Unit::Hour, Unit::Day, Unit::Week]);
    let length = match unit {
        Unit::Hour => *rng.pick(&[1, 2, 6, 8, 12, 13]),
        Unit::Day => *rng.pick(&[1, 2, 3, 5, 10]),
        Unit::Week => *rng.pick(&[1, 1, 2, 4]),
    };
    // Near the hours at which clocks change, more often than not.
    let hand_over_secs =
        if rng.one_in(2) { rng.below(5) * 3600 + rng.below(4) * 900 } else { rng.below(1440) * 60 };
    let starts_on = any_date(rng);
    let windows = (0..rng.below(3)).map(|_| window(rng)).collect();
    Layer {
        name: format!("layer {number}"),
        zone,
        rotation: Rotation {
            unit,
            length,
            hand_over_secs: hand_over_secs as u32,
            weekday: rng.one_in(2).then(|| rng.below(7) as u8),
            starts_on,
        },
        participants: participants(rng),
        windows,
        holidays: *rng.pick(&[Holidays::Ignore, Holidays::Ignore, Holidays::Off, Holidays::Only]),
        ends_on: rng.one_in(5).then(|| starts_on + rng.between(1, 4000).days()),
    }
}

fn participants(rng: &mut Rng) -> Vec<Slot> {
    let mut slots: Vec<Slot> = (0..=rng.below(6))
        .map(|_| Slot {
            people: (0..rng.below(3)).map(|_| person(rng)).collect(),
            shadows: (0..rng.below(2)).map(|_| person(rng)).collect(),
        })
        .collect();
    for slot in &mut slots {
        slot.people.sort();
        slot.people.dedup();
    }
    slots[0] = Slot::person("ann");
    slots
}

fn window(rng: &mut Rng) -> Window {
    let time = |rng: &mut Rng| if rng.one_in(2) { rng.below(6) * 1800 } else { rng.below(1440) * 60 };
    let days = (0..=rng.below(7)).map(|_| rng.below(7) as u8).collect::<Vec<_>>();
    Window { weekdays: Weekdays::of(days), from_secs: time(rng) as u32, to_secs: time(rng) as u32 }
}

fn person(rng: &mut Rng) -> PersonId {
    PersonId::new(*rng.pick(&PEOPLE))
}

/// In the twenty years from 2007.
fn any_date(rng: &mut Rng) -> Date {
    date(2007, 1, 1) + rng.between(0, 7_300).days()
}
