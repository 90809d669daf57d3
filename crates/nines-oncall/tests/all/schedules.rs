//! Overrides, swaps, gaps, fairness, notices and feeds, on schedules small enough to know the answer by heart.

use std::time::Duration;

use jiff::civil::date;
use nines_model::{TimeRange, Timestamp};
use nines_oncall::{
    Authored, Change, Holidays, Layer, NOTICE_LEADS, OverrideId, PersonId, Rotation, Schedule, ScheduleError,
    Slot, Swap, Unit, Weekdays, Window, Zone,
};

const HOUR: Duration = Duration::from_secs(3_600);

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn range(from: &str, to: &str) -> TimeRange {
    TimeRange::new(at(from), at(to))
}

fn layer(name: &str, zone: &str, unit: Unit, people: &[&str]) -> Layer {
    Layer {
        name: name.to_owned(),
        zone: Zone::get(zone).unwrap(),
        rotation: Rotation {
            unit,
            length: 1,
            hand_over_secs: 9 * 3_600,
            weekday: None,
            starts_on: date(2026, 1, 5),
        },
        participants: people.iter().map(|name| Slot::person(name)).collect(),
        windows: Vec::new(),
        holidays: Holidays::Ignore,
        ends_on: None,
    }
}

/// A week each from Monday, 5 January 2026, 09:00 in Taipei (01:00 UTC).
pub fn weekly(people: &[&str]) -> Schedule {
    let mut schedule = Schedule::new("shop", Zone::get("Asia/Taipei").unwrap());
    schedule.layers.push(layer("week", "Asia/Taipei", Unit::Week, people));
    schedule
}

fn who(schedule: &Schedule, when: &str) -> String {
    let names: Vec<String> = schedule.on_call_at(at(when)).people.iter().map(ToString::to_string).collect();
    names.join("+")
}

fn authored(id: &str, now: &str) -> Authored {
    Authored {
        id: OverrideId(id.to_owned()),
        author: "lin".to_owned(),
        reason: "dentist, then; a walk".to_owned(),
        now: at(now),
    }
}

#[test]
fn a_far_day_costs_no_more_than_tomorrow() {
    let schedule = weekly(&["ann", "bo", "chen"]);
    assert_eq!(who(&schedule, "2026-01-05T00:59:59Z"), "");
    assert_eq!(who(&schedule, "2026-01-05T01:00:00Z"), "ann");
    assert_eq!(who(&schedule, "2026-01-12T01:00:00Z"), "bo");
    // 1 044 weeks later: 1 044 = 3 × 348.
    assert_eq!(who(&schedule, "2046-01-08T01:00:00Z"), "ann");
}

#[test]
fn the_upper_layer_decides_while_it_counts() {
    let mut schedule = weekly(&["ann", "bo"]);
    let mut nights = layer("nights", "Asia/Taipei", Unit::Day, &["nora"]);
    nights.windows.push(Window { weekdays: Weekdays::of(0..5), from_secs: 22 * 3600, to_secs: 6 * 3600 });
    schedule.layers.push(nights);
    // Monday 21:59 and 22:00, Tuesday 05:59 and 06:00 in Taipei; Saturday's early hours are Friday's night.
    assert_eq!(who(&schedule, "2026-01-05T13:59:00Z"), "ann");
    assert_eq!(who(&schedule, "2026-01-05T14:00:00Z"), "nora");
    assert_eq!(who(&schedule, "2026-01-05T21:59:00Z"), "nora");
    assert_eq!(who(&schedule, "2026-01-05T22:00:00Z"), "ann");
    assert_eq!(who(&schedule, "2026-01-09T20:00:00Z"), "nora");
    assert_eq!(who(&schedule, "2026-01-10T15:00:00Z"), "ann");
}

#[test]
fn taking_a_shift_and_swapping_need_the_shift_to_be_theirs() {
    let mut schedule = weekly(&["ann", "bo"]);
    let (ann, bo, chen) = (PersonId::new("ann"), PersonId::new("bo"), PersonId::new("chen"));
    let evening = range("2026-01-06T10:00:00Z", "2026-01-06T16:00:00Z");
    let taken = schedule.take(&ann, &chen, evening, authored("t1", "2026-01-05T02:00:00Z")).unwrap();
    schedule.overrides.push(taken);
    assert_eq!(who(&schedule, "2026-01-06T12:00:00Z"), "chen");
    assert_eq!(who(&schedule, "2026-01-06T16:00:00Z"), "ann");

    let error = schedule.take(&bo, &chen, evening, authored("t2", "2026-01-05T02:00:00Z")).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("bo is not on call in `shop` during all of 2026-01-06T10:00:00Z"), "{said}");
    assert!(said.ends_with("it belongs to chen"), "{said}");
    assert!(matches!(
        schedule.take(&ann, &chen, evening, authored("t3", "2026-01-07T00:00:00Z")),
        Err(ScheduleError::Past { .. })
    ));

    let swap = Swap {
        first: ann,
        first_range: range("2026-01-08T01:00:00Z", "2026-01-09T01:00:00Z"),
        second: bo,
        second_range: range("2026-01-13T01:00:00Z", "2026-01-14T01:00:00Z"),
    };
    let both = [authored("s1", "2026-01-05T02:00:00Z"), authored("s2", "2026-01-05T02:00:00Z")];
    schedule.overrides.extend(schedule.swap(&swap, both).unwrap());
    assert_eq!(who(&schedule, "2026-01-08T12:00:00Z"), "bo");
    assert_eq!(who(&schedule, "2026-01-13T12:00:00Z"), "ann");
}

#[test]
fn gaps_are_found_and_the_next_hand_over_is_told() {
    let mut schedule = weekly(&["ann", "bo"]);
    schedule.layers[0].windows.push(Window { weekdays: Weekdays::of(0..5), from_secs: 0, to_secs: 86_400 });
    let gaps = schedule.gaps(range("2026-01-05T01:00:00Z", "2026-01-19T01:00:00Z")).unwrap();
    // From midnight before Saturday to midnight before Monday, in Taipei.
    assert_eq!(
        gaps,
        [
            range("2026-01-09T16:00:00Z", "2026-01-11T16:00:00Z"),
            range("2026-01-16T16:00:00Z", "2026-01-18T16:00:00Z"),
        ]
    );
    let schedule = weekly(&["ann", "bo"]);
    let (when, next) = schedule.next_hand_over(at("2026-01-06T00:00:00Z")).unwrap();
    assert_eq!((when, next.people[0].as_str()), (at("2026-01-12T01:00:00Z"), "bo"));
    assert_eq!(weekly(&["ann"]).next_hand_over(at("2026-01-06T00:00:00Z")), None);
}

#[test]
fn fairness_counts_each_hour_once() {
    let mut schedule = weekly(&["ann", "bo"]);
    schedule.holidays.insert(date(2026, 1, 6));
    let week = range("2026-01-05T01:00:00Z", "2026-01-19T01:00:00Z");
    let loads = schedule.fairness(week).unwrap();
    let ann = loads[&PersonId::new("ann")];
    assert_eq!(ann.total(), 168 * HOUR);
    assert_eq!(ann.holiday, 24 * HOUR);
    assert_eq!(ann.weekend, 48 * HOUR);
    // Monday 22–24, Wednesday to Friday 0–6 and 22–24, next Monday 0–6; Tuesday is the holiday.
    assert_eq!(ann.night, (2 + 3 * 8 + 6) * HOUR);
    assert_eq!(loads[&PersonId::new("bo")].night, (2 + 4 * 8 + 6) * HOUR);
    assert_eq!(loads.values().map(nines_oncall::Load::total).sum::<Duration>(), week.duration());
    // Where clocks change too: 25 hours on that Sunday.
    let mut berlin = Schedule::new("berlin", Zone::get("Europe/Berlin").unwrap());
    berlin.layers.push(layer("week", "Europe/Berlin", Unit::Day, &["ann"]));
    let sunday = range("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    assert_eq!(berlin.fairness(sunday).unwrap()[&PersonId::new("ann")].weekend, 25 * HOUR);
}

#[test]
fn the_next_person_is_told_a_day_and_a_quarter_before_once() {
    let schedule = weekly(&["ann", "bo"]);
    let mut told = Vec::new();
    let mut from = at("2026-01-05T01:00:00Z");
    while from < at("2026-01-20T00:00:00Z") {
        let until = from + Duration::from_secs(7 * 60);
        told.extend(schedule.notices(from, until, &NOTICE_LEADS).unwrap());
        from = until;
    }
    let told: Vec<String> =
        told.iter().map(|n| format!("{} {} {}", n.at, n.person, n.lead.as_secs())).collect();
    assert_eq!(
        told,
        [
            "2026-01-11T01:00:00Z bo 86400",
            "2026-01-12T00:45:00Z bo 900",
            "2026-01-18T01:00:00Z ann 86400",
            "2026-01-19T00:45:00Z ann 900",
        ]
    );
}

#[test]
fn mistakes_are_named() {
    let check = |change: fn(&mut Schedule), expected: &str| {
        let mut schedule = weekly(&["ann"]);
        change(&mut schedule);
        assert_eq!(schedule.check().unwrap_err().to_string(), expected);
    };
    check(|schedule| schedule.layers.clear(), "schedule `shop` has no layer; add one with participants");
    check(
        |schedule| schedule.layers[0].participants.clear(),
        "layer `week` of schedule `shop` has no participants; name at least one person",
    );
    check(
        |schedule| schedule.layers[0].ends_on = Some(date(2026, 1, 1)),
        "layer `week` of schedule `shop` ends before it starts",
    );
}

/// What the feed says, read by a parser that is not ours where one is installed.
#[test]
fn the_feed_is_an_icalendar_that_others_can_read() {
    let mut schedule = weekly(&["ann", "小明，值班的人，名字很長很長很長很長很長很長很長"]);
    let now = at("2026-03-01T00:00:00Z");
    let whole = range("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z");
    schedule.overrides.push(
        authored("o1", "2026-03-01T00:00:00Z").make(whole, Change::Everyone(vec![PersonId::new("chen")])),
    );
    let feed = schedule.ical(None, "nines.example", now).unwrap();
    assert!(feed.lines().all(|line| line.len() <= 75), "lines are folded");
    assert!(feed.starts_with("BEGIN:VCALENDAR\r\n") && feed.ends_with("END:VCALENDAR\r\n"));
    assert!(feed.contains("DESCRIPTION:override by lin: dentist\\, then\\; a walk\r\n"), "{feed}");
    // Fetched a day later, what is still in it has the same names.
    let uids = |feed: &str| -> Vec<String> {
        let unfolded = feed.replace("\r\n ", "");
        unfolded.lines().filter_map(|line| line.strip_prefix("UID:").map(str::to_owned)).collect()
    };
    let (today, later) = (uids(&feed), uids(&schedule.ical(None, "nines.example", now + 24 * HOUR).unwrap()));
    assert!(today.iter().filter(|uid| !later.contains(uid)).count() <= 1, "only what has ended is gone");
    let unique: std::collections::BTreeSet<_> = today.iter().collect();
    assert_eq!(unique.len(), today.len());

    let path = std::env::var("NINES_PYTHON").unwrap_or_default();
    if path.is_empty() {
        println!(
            "skipped: the feed was not read by python's icalendar (set NINES_PYTHON to a python that has it)"
        );
        return;
    }
    read_with_python(&path, &feed, &schedule, now);
}

#[expect(clippy::disallowed_methods, reason = "a test that runs a foreign parser")]
fn read_with_python(python: &str, feed: &str, schedule: &Schedule, now: Timestamp) {
    use std::io::Write as _;
    let script = "import sys, icalendar\n\
        c = icalendar.Calendar.from_ical(sys.stdin.buffer.read())\n\
        for e in c.walk('VEVENT'):\n    \
            print(int(e['DTSTART'].dt.timestamp()), int(e['DTEND'].dt.timestamp()), str(e['SUMMARY']))\n";
    let mut child = std::process::Command::new(python)
        .args(["-c", script])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(feed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the parser refuses the feed");
    let found: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let feed_range = TimeRange::new(now - nines_oncall::FEED_BEHIND, now + nines_oncall::FEED_AHEAD);
    let shifts = schedule.shifts(feed_range).unwrap();
    let expected: Vec<String> = shifts
        .iter()
        .flat_map(|shift| {
            shift.on_call.people.iter().map(|person| {
                format!(
                    "{} {} {person} on call: shop",
                    shift.range.start.as_secs(),
                    shift.range.end.as_secs()
                )
            })
        })
        .collect();
    assert_eq!(found, expected);
    println!("python's icalendar read {} events", found.len());
}
