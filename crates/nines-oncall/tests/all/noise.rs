//! Noise control: each part alone, and then the storm.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::date;
use nines_filter::Filter;
use nines_incidents::Level;
use nines_model::{TimeRange, Timestamp};
use nines_oncall::alert::{AlertStatus, Fingerprint, IncomingAlert, Source};
use nines_oncall::noise::{
    AlertBook, Dependencies, Gate, GroupWhy, Grouper, Grouping, InhibitRule, Inhibitor, LabelMatch,
    LabelOperator, Limiter, MAINTENANCE_DEFAULT_MAX, MESSAGES_MAX, MESSAGES_WINDOW, MaintenanceWindow,
    Message, OpenIncident, Received, Silence, SilenceId, Suppression, Verdict, When,
};
use nines_oncall::{PersonId, Weekdays, Zone};

use crate::random::{Rng, seed};
use crate::schedules::at;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn alert(level: Level, labels: &[(&str, &str)]) -> IncomingAlert {
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    IncomingAlert {
        fingerprint: Fingerprint::of_labels(Source::Nines, &labels),
        source: Source::Nines,
        status: AlertStatus::Firing,
        title: labels.values().cloned().collect::<Vec<_>>().join(" "),
        level: Some(level),
        service: labels.get("service").cloned(),
        labels,
        annotations: BTreeMap::new(),
        links: Vec::new(),
        starts_at: None,
        ends_at: None,
    }
}

fn keyed(key: &str, labels: &[(&str, &str)]) -> IncomingAlert {
    IncomingAlert {
        fingerprint: Fingerprint::given(Source::Nines, "dedup_key", key),
        ..alert(Level::P1, labels)
    }
}

fn start() -> Timestamp {
    at("2026-11-22T00:00:00Z")
}

#[test]
fn alerts_merge_visibly_come_back_and_expire() {
    let mut book = AlertBook::default();
    let now = start();
    let disk = |host| keyed("disk", &[("host", host), ("service", "shop")]);
    assert_eq!(book.receive(disk("a"), now).1, Received::New);
    assert_eq!(book.receive(disk("b"), now + SECOND).1, Received::Merged { count: 2 });
    let (fingerprint, _) = book.receive(disk("b"), now + SECOND);
    let entry = book.get(&fingerprint.id).unwrap();
    assert_eq!((entry.count, entry.members.len()), (3, 2));
    assert!(fingerprint.to_string().ends_with(": the same dedup_key `disk`"), "{fingerprint}");

    let over = IncomingAlert { status: AlertStatus::Resolved, ..disk("b") };
    assert_eq!(book.receive(over.clone(), now + MINUTE).1, Received::Resolved { open_for: MINUTE });
    assert_eq!(book.receive(over, now + MINUTE).1, Received::NothingToResolve);
    assert_eq!(book.receive(disk("a"), now + 31 * MINUTE).1, Received::Reopened { after: 30 * MINUTE });

    // Sent again every minute, until it is not.
    let renewed = IncomingAlert { ends_at: Some(now + 40 * MINUTE), ..disk("a") };
    book.receive(renewed, now + 36 * MINUTE);
    assert_eq!(book.tick(now + 39 * MINUTE), []);
    assert_eq!(book.tick(now + 40 * MINUTE)[0].ended_at, now + 40 * MINUTE);
    assert_eq!(book.open().count(), 0);
    // Later than half an hour it is another alert.
    assert_eq!(book.receive(disk("a"), now + 71 * MINUTE).1, Received::New);
}

#[test]
fn a_merge_can_be_undone() {
    let mut book = AlertBook::default();
    let disk = |host| keyed("disk", &[("host", host), ("service", "shop")]);
    for host in ["a", "b", "a"] {
        book.receive(disk(host), start());
    }
    let id = disk("a").fingerprint.id;
    let error = book.separate(&id, &["service".to_owned()]).unwrap_err();
    assert!(error.to_string().ends_with("choose a label in which they differ, such as host"), "{error}");
    let parts = book.separate(&id, &["host".to_owned()]).unwrap();
    assert_eq!(parts.len(), 2);
    let mut counts: Vec<u64> = book.open().map(|entry| entry.count).collect();
    counts.sort();
    assert_eq!(counts, [1, 2]);
    // What arrives from now on is told apart too, and joined again when people say so.
    assert_eq!(book.receive(disk("b"), start()).1, Received::Merged { count: 2 });
    assert!(book.join(&id));
    assert_eq!(book.receive(disk("b"), start()).1, Received::New);
}

fn silence(filter: &str, hours: u32) -> Silence {
    Silence {
        id: SilenceId("s1".to_owned()),
        filter: Filter::parse(filter).unwrap(),
        range: TimeRange::new(start(), start() + 60 * MINUTE * hours),
        author: "lin".to_owned(),
        reason: "disk is being replaced".to_owned(),
        created_at: start(),
        matched_at: None,
        noticed_at: None,
    }
}

#[test]
fn a_silence_has_a_reason_an_end_and_a_preview() {
    let mut quiet = silence("service.name: shop and host: a*", 2);
    quiet.check().unwrap();
    let open = [
        alert(Level::P1, &[("service", "shop"), ("host", "a1")]),
        alert(Level::P1, &[("service", "shop"), ("host", "b1")]),
    ];
    let preview = quiet.preview(open.iter());
    assert_eq!((preview.matching, preview.of, preview.titles), (1, 2, vec!["a1 shop".to_owned()]));
    let mut gate = Gate { silences: vec![quiet.clone()], ..Gate::default() };
    let held = gate.fired(&open[0], start(), start()).unwrap();
    assert_eq!(held.to_string(), "silence s1 by lin until 2026-11-22T02:00:00Z: disk is being replaced");
    assert_eq!(gate.fired(&open[1], start(), start()), None);
    // In use, and so not idle; told a quarter of an hour before its end, once.
    let used = &gate.silences[0];
    assert!(!used.is_idle(start() + 59 * MINUTE) && used.is_idle(start() + 60 * MINUTE));
    assert!(!used.notice_is_due(start() + 104 * MINUTE) && used.notice_is_due(start() + 105 * MINUTE));

    let refused = |change: fn(&mut Silence), expected: &str| {
        let mut silence = silence("host: a", 2);
        change(&mut silence);
        assert_eq!(silence.check().unwrap_err().to_string(), expected);
    };
    refused(|s| s.reason.clear(), "a silence needs a reason; whoever finds it will ask");
    refused(
        |s| s.range.end = s.range.start + MINUTE * (7 * 24 * 60 + 1),
        "the silence lasts 8 days, more than the 7 that are allowed; fix the rule, or set it again then",
    );
    refused(
        |s| s.filter = Filter::all(),
        "the filter selects every alert; name at least one label, or use a maintenance window",
    );
    quiet.range.end = quiet.range.start;
    assert!(quiet.check().is_err());
}

#[test]
fn label_matchers_mean_what_they_mean_in_alertmanager() {
    let check = |operator, value: &str, expected: [bool; 3]| {
        let matcher = LabelMatch { name: "env".to_owned(), operator, value: value.to_owned() };
        let filter = LabelMatch::filter(&[matcher]).unwrap();
        let alerts = [
            alert(Level::P1, &[("env", "prod")]),
            alert(Level::P1, &[("env", "pro")]),
            alert(Level::P1, &[("x", "y")]),
        ];
        assert_eq!(alerts.map(|alert| filter.accepts(&alert)), expected, "{operator:?} {value}: {filter}");
    };
    check(LabelOperator::Equal, "prod", [true, false, false]);
    check(LabelOperator::NotEqual, "prod", [false, true, true]);
    check(LabelOperator::Equal, "", [false, false, true]);
    check(LabelOperator::NotEqual, "", [true, true, false]);
    check(LabelOperator::Matches, "pr.", [false, true, false]);
    check(LabelOperator::Matches, "pro|prod", [true, true, false]);
    check(LabelOperator::NotMatches, "pr.", [true, false, true]);
    check(LabelOperator::Matches, ".*", [true, true, true]);
    let wrong = LabelMatch { name: "a".to_owned(), operator: LabelOperator::Matches, value: "(".to_owned() };
    assert!(LabelMatch::filter(&[wrong]).unwrap_err().to_string().starts_with("the matcher on `a` is not"));
}

#[test]
fn what_another_alert_explains_is_not_told() {
    let rule = InhibitRule {
        name: "cluster down".to_owned(),
        source: Filter::parse("alertname: ClusterDown").unwrap(),
        target: Filter::parse("not alertname: ClusterDown").unwrap(),
        equal: vec!["cluster".to_owned()],
    };
    let calls = [("shop", vec!["cart"]), ("cart", vec!["db"]), ("a", vec!["b"]), ("b", vec!["a"])];
    let graph = Dependencies::new(
        calls.map(|(from, to)| (from.to_owned(), to.into_iter().map(str::to_owned).collect())),
    );
    let mut gate = Gate { inhibitor: Inhibitor::new(vec![rule], graph), ..Gate::default() };
    let now = start();
    let down = alert(Level::P2, &[("alertname", "ClusterDown"), ("cluster", "x")]);
    assert_eq!(gate.fired(&down, now, now), None);
    let in_x = alert(Level::P1, &[("alertname", "Slow"), ("cluster", "x")]);
    let in_y = alert(Level::P1, &[("alertname", "Slow"), ("cluster", "y")]);
    assert!(gate.fired(&in_x, now, now).unwrap().to_string().starts_with("rule `cluster down`: alert "));
    assert_eq!(gate.fired(&in_y, now, now), None);
    gate.ended(&down, now + SECOND);
    assert_eq!(gate.held(&in_x, now, now + SECOND), None);

    let db = alert(Level::P0, &[("service", "db")]);
    assert_eq!(gate.fired(&db, now, now), None);
    let shop = alert(Level::P1, &[("service", "shop")]);
    let why = gate.fired(&shop, now, now).unwrap().to_string();
    assert!(why.starts_with("shop needs cart needs db: alert "), "{why}");
    // A P0 is worth a page even if something explains it.
    assert_eq!(gate.fired(&alert(Level::P0, &[("service", "cart")]), now, now), None);
    // Two that need each other do not silence each other: the older one is told.
    let (a, b) = (alert(Level::P1, &[("service", "a")]), alert(Level::P1, &[("service", "b")]));
    assert_eq!(gate.fired(&a, now, now), None);
    assert!(gate.fired(&b, now + SECOND, now + SECOND).is_some());
    assert_eq!(gate.held(&a, now, now + 2 * SECOND), None);
}

#[test]
fn an_open_incident_explains_alerts_of_those_who_need_its_service() {
    let declared = [("shop".to_owned(), vec!["cart".to_owned(), "shop".to_owned()])];
    let graph = Dependencies::of_calls([("cart".to_owned(), "db".to_owned())])
        .with(declared.iter().map(|(service, needs)| (service, needs)));
    let mut gate = Gate { inhibitor: Inhibitor::new(Vec::new(), graph), ..Gate::default() };
    let now = start();
    let open = |services: &[&str], level| OpenIncident {
        id: "INC-2026-0007".to_owned(),
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        level,
        since: now,
    };
    let shop = alert(Level::P1, &[("service", "shop")]);
    let mut held = |open: Vec<OpenIncident>, alert: &IncomingAlert| {
        gate.inhibitor.follow_incidents(open);
        gate.held(alert, now + SECOND, now + SECOND).map(|why| why.to_string())
    };
    let why = held(vec![open(&["db"], Level::P1)], &shop);
    assert_eq!(why.as_deref(), Some("shop needs cart needs db: incident INC-2026-0007 explains it"));
    // Over, less grave, of somebody else, its own already; and a P0 is never held.
    for open in [
        Vec::new(),
        vec![open(&["db"], Level::P2)],
        vec![open(&["mail"], Level::P0)],
        vec![open(&["db", "shop"], Level::P0)],
    ] {
        assert_eq!(held(open, &shop), None);
    }
    assert_eq!(held(vec![open(&["db"], Level::P0)], &alert(Level::P0, &[("service", "shop")])), None);
    assert_eq!(held(vec![open(&["shop"], Level::P0)], &alert(Level::P1, &[("service", "db")])), None);
}

#[test]
fn flapping_is_told_once() {
    let mut gate = Gate::default();
    let flaky = alert(Level::P1, &[("service", "shop")]);
    let mut told = Vec::new();
    for minute in 0..5 {
        let now = start() + MINUTE * minute;
        told.push(gate.fired(&flaky, now, now).is_none());
        told.push(gate.ended(&flaky, now + 30 * SECOND).is_none());
    }
    // Three changes, the fourth that says so, and silence.
    assert_eq!(told, [true, true, true, true, false, false, false, false, false, false]);
    assert!(gate.flapping.is_flapping(&flaky.fingerprint.id));
    assert_eq!(gate.flapping.tick(start() + 14 * MINUTE), [""; 0]);
    assert_eq!(gate.flapping.tick(start() + 15 * MINUTE), std::slice::from_ref(&flaky.fingerprint.id));
    assert_eq!(gate.fired(&flaky, start() + 16 * MINUTE, start() + 16 * MINUTE), None);
}

#[test]
fn maintenance_comes_round_and_holds_until_its_end() {
    let window = MaintenanceWindow {
        name: "patch".to_owned(),
        filter: Filter::parse("service.name: db").unwrap(),
        when: When::Weekly {
            zone: Zone::get("Europe/Berlin").unwrap(),
            weekdays: Weekdays::of([6]),
            from_secs: 2 * 3_600 + 1_800,
            length: 60 * MINUTE * 2,
            every_weeks: 1,
            starts_on: date(2026, 1, 1),
            ends_on: None,
        },
        author: "lin".to_owned(),
        reason: "patches".to_owned(),
        is_public: false,
    };
    window.check(MAINTENANCE_DEFAULT_MAX).unwrap();
    let run =
        |from: &str| window.next_after(at(from)).map(|run| format!("{} {}", run.start, run.end)).unwrap();
    assert_eq!(run("2026-11-22T12:00:00Z"), "2026-11-29T01:30:00Z 2026-11-29T03:30:00Z");
    // 02:30 is skipped on 29 March: it begins with the jump, at 01:00 UTC, and lasts as long as ever.
    assert_eq!(run("2026-03-24T00:00:00Z"), "2026-03-29T01:00:00Z 2026-03-29T03:00:00Z");
    let mut gate = Gate { windows: vec![window.clone()], ..Gate::default() };
    let db = alert(Level::P0, &[("service", "db")]);
    let during = at("2026-11-29T02:00:00Z");
    assert_eq!(
        gate.fired(&db, during, during),
        Some(Suppression::Maintenance { window: "patch".to_owned(), until: at("2026-11-29T03:30:00Z") })
    );
    assert_eq!(gate.held(&db, during, at("2026-11-29T03:30:00Z")), None);
    let long =
        MaintenanceWindow { when: When::Once(TimeRange::new(start(), start() + 1_500 * MINUTE)), ..window };
    assert_eq!(
        long.check(MAINTENANCE_DEFAULT_MAX).unwrap_err().to_string(),
        "maintenance window `patch` lasts 25 h, more than the 24 h that are allowed"
    );
}

#[test]
fn groups_wait_and_a_p0_does_not() {
    let mut grouper = Grouper::new(Grouping::default());
    let now = start();
    let on = |host: &str, level| alert(level, &[("service", "shop"), ("host", host)]);
    grouper.fired(&on("a", Level::P1), now);
    grouper.fired(&on("b", Level::P2), now + 10 * SECOND);
    assert_eq!(grouper.due(now + 29 * SECOND), []);
    let first = grouper.due(now + 30 * SECOND);
    assert_eq!((first[0].why, first[0].firing, first[0].level), (GroupWhy::First, 2, Level::P1));
    // Changes wait for the interval; something graver does not.
    grouper.fired(&on("c", Level::P1), now + 60 * SECOND);
    assert_eq!(grouper.due(now + 61 * SECOND), []);
    grouper.fired(&on("d", Level::P0), now + 62 * SECOND);
    let raised = grouper.due(now + 62 * SECOND);
    assert_eq!(
        (raised[0].why, raised[0].firing, raised[0].new),
        (GroupWhy::LevelRaised { from: Level::P1 }, 4, 2)
    );
    assert_eq!(grouper.due(now + 4 * 60 * MINUTE + 61 * SECOND), []);
    assert_eq!(grouper.due(now + 4 * 60 * MINUTE + 62 * SECOND)[0].why, GroupWhy::Repeated);
    for (host, level) in [("a", Level::P1), ("b", Level::P2), ("c", Level::P1), ("d", Level::P0)] {
        grouper.ended(&on(host, level), now + 300 * MINUTE);
    }
    let ended = grouper.due(now + 300 * MINUTE);
    assert_eq!((ended[0].why, ended[0].firing, ended[0].ended), (GroupWhy::Ended, 0, 4));
    assert_eq!(grouper.groups(), 0);
    // What came and went before its time is told to nobody.
    grouper.fired(&on("e", Level::P1), now);
    grouper.ended(&on("e", Level::P1), now + 5 * SECOND);
    assert_eq!(grouper.due(now + 30 * SECOND), []);
    assert_eq!(grouper.groups(), 0);
}

/// Random offers over hours: never more than ten in any five minutes, and nothing is lost between sent and digested.
#[test]
fn nobody_gets_more_than_ten_messages_in_five_minutes() {
    let seed = seed();
    let mut rng = Rng::new(seed);
    let mut limiter = Limiter::default();
    let ann = PersonId::new("ann");
    let (mut now, mut offered, mut sent, mut digested) = (start(), 0_u64, 0_u64, 0_u64);
    let mut times: Vec<Timestamp> = Vec::new();
    for _ in 0..20_000 {
        let pause = if rng.one_in(50) { 400 } else { 6 };
        now = now + SECOND * rng.below(pause) as u32;
        for _ in 0..rng.below(4) {
            let message = Message { level: *rng.pick(&Level::ALL), title: "x".to_owned() };
            offered += 1;
            if limiter.offer(&ann, &message, now) == Verdict::Send {
                sent += 1;
                times.push(now);
            }
        }
        for digest in limiter.due(now) {
            assert_eq!(digest.by_level.values().sum::<u64>(), digest.count);
            digested += digest.count;
            times.push(now);
        }
    }
    assert_eq!(offered, sent + digested + limiter.waiting(), "seed {seed}");
    for window in times.windows(MESSAGES_MAX + 1) {
        assert!(window[MESSAGES_MAX].since(window[0]) >= MESSAGES_WINDOW, "seed {seed}: {window:?}");
    }
    assert!(sent > 1_000 && digested > 1_000);
}

/// 50 000 alerts in five minutes of 200 services, and one P0 of a service that has nothing to do with them.
#[test]
fn a_storm_becomes_a_few_pages_and_the_unrelated_p0_is_among_the_first() {
    const STORM: usize = 50_000;
    let (mut book, mut gate) = (AlertBook::default(), Gate::default());
    let (mut grouper, mut limiter) = (Grouper::new(Grouping::default()), Limiter::default());
    let people = ["ann", "bo", "chen"].map(PersonId::new);
    let mut rng = Rng::new(seed());
    let mut sent: BTreeMap<PersonId, Vec<Timestamp>> = BTreeMap::new();
    let (mut told, mut alone, mut digested) = (0_u64, 0_u64, 0_u64);
    let (p0_at, mut p0_told_at) = (start() + 150 * SECOND, None);
    let mut arrived = 0;
    for second in 0..=600_u32 {
        let now = start() + SECOND * second;
        let mut incoming = Vec::new();
        while arrived < STORM && arrived * 300 < STORM * (second as usize + 1) {
            let (service, host) = (format!("service-{}", rng.below(200)), format!("host-{arrived}"));
            let level = if rng.one_in(3) { Level::P1 } else { Level::P2 };
            incoming.push(alert(level, &[("service", &service), ("host", &host)]));
            arrived += 1;
        }
        if now == p0_at {
            incoming.push(alert(Level::P0, &[("service", "payments")]));
        }
        for alert in incoming {
            let (_, received) = book.receive(alert.clone(), now);
            assert_eq!(received, Received::New);
            if gate.fired(&alert, now, now).is_none() {
                grouper.fired(&alert, now);
            }
        }
        // The worst case: every group concerns everybody.
        for notice in grouper.due(now) {
            for person in &people {
                let message = Message { level: notice.level, title: notice.group.clone() };
                told += 1;
                if limiter.offer(person, &message, now) == Verdict::Send {
                    alone += 1;
                    sent.entry(person.clone()).or_default().push(now);
                    if notice.group == "service.name=payments" {
                        p0_told_at.get_or_insert(now);
                    }
                }
            }
        }
        for digest in limiter.due(now) {
            digested += digest.count;
            sent.entry(digest.person).or_default().push(now);
        }
    }
    let messages: usize = sent.values().map(Vec::len).sum();
    println!("storm: {STORM} alerts, {} groups, {told} notices, {messages} messages", grouper.groups());
    let waited = p0_told_at.expect("the P0 is told").since(p0_at);
    assert!(waited <= 30 * SECOND, "the P0 waited {waited:?}");
    for (person, times) in &sent {
        for window in times.windows(MESSAGES_MAX + 1) {
            assert!(window[MESSAGES_MAX].since(window[0]) >= MESSAGES_WINDOW, "{person}: {window:?}");
        }
    }
    // All of them can be counted: in the book, in the groups, and in what people were told or will be.
    assert_eq!(book.open().count(), STORM + 1);
    assert_eq!(grouper.firing(), STORM + 1);
    assert_eq!(told, alone + digested + limiter.waiting());
}
