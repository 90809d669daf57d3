//! What an alert says about bad events: suspects, users, traces, changes.

use std::time::Duration;

use nines_base::Random;
use nines_model::{Dataset, Event, Name, Value};
use nines_slo::{RecentChanges, UsersHit};

use crate::stream::{START, at, batch, event, event_with, live};

const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// `count` events in one second; version 2.4.1 has a tenth of the traffic and all of the failures.
fn shop(random: &Random, count: u64) -> Vec<Event> {
    (0..count)
        .map(|index| {
            let new = random.below(10) == 0;
            let user = format!("u{}", index % 40);
            let request = format!("r{index}");
            event_with(
                at(START),
                !new,
                &[
                    ("service.version", if new { "2.4.1" } else { "2.4.0" }),
                    ("cloud.region", if random.below(2) == 0 { "ap-southeast-1" } else { "eu-west-1" }),
                    ("user.id", &user),
                    ("request.id", &request),
                    ("error.type", if new { "Timeout" } else { "" }),
                    ("trace_id", &request),
                ],
            )
        })
        .collect()
}

#[test]
fn the_version_behind_the_failures_is_named_and_nothing_else() {
    let sli = live(&[batch(at(START), shop(&Random::from_seed(7), 1_000))], 30);
    let suspects = sli.evidence().suspects(at(START + 1), FIVE_MINUTES);
    assert_eq!(suspects.len(), 1, "{suspects:#?}");
    let suspect = &suspects[0];
    assert_eq!((suspect.field.as_str(), suspect.value.as_str()), ("service.version", "2.4.1"));
    assert_eq!((suspect.share_of_bad, suspect.rate), (1.0, 1.0));
    assert!((0.07..0.13).contains(&suspect.share_of_total) && suspect.lift > 7.0, "{suspect:?}");
}

#[test]
fn sampling_keeps_shares_about_right_and_the_same_every_time() {
    let run = || {
        let sli = live(&[batch(at(START), shop(&Random::from_seed(7), 40_000))], 30);
        sli.evidence().suspects(at(START + 1), FIVE_MINUTES)
    };
    let suspects = run();
    assert_eq!(suspects, run());
    assert_eq!(suspects[0].value, "2.4.1");
    assert!((0.06..0.14).contains(&suspects[0].share_of_total), "{:?}", suspects[0]);
    let error = suspects[0].bad as f64 / 4_000.0;
    assert!((0.8..1.2).contains(&error), "{:?}", suspects[0]);
}

#[test]
fn badness_that_is_everywhere_accuses_nobody() {
    let random = Random::from_seed(3);
    let events = (0..2_000)
        .map(|_| {
            let region = if random.below(2) == 0 { "a" } else { "b" };
            event_with(at(START), random.below(2) == 0, &[("cloud.region", region)])
        })
        .collect();
    assert_eq!(
        live(&[batch(at(START), events)], 30).evidence().suspects(at(START + 1), FIVE_MINUTES),
        vec![]
    );
}

#[test]
fn between_equal_suspects_the_telling_one_comes_first() {
    let events = (0..100)
        .map(|index| {
            let bad = index % 4 == 0;
            let host = if bad { "node-7" } else { "node-1" };
            let version = if bad { "2" } else { "1" };
            event_with(
                at(START),
                !bad,
                &[("a.field", version), ("host.name", host), ("service.version", version)],
            )
        })
        .collect();
    let suspects = live(&[batch(at(START), events)], 30).evidence().suspects(at(START + 1), FIVE_MINUTES);
    let fields: Vec<&str> = suspects.iter().map(|suspect| suspect.field.as_str()).collect();
    assert_eq!(fields, ["service.version", "host.name", "a.field"]);
}

#[test]
fn users_and_traces_of_bad_events_are_kept_by_minute() {
    let bad =
        |secs: i64, user: &str| event_with(at(START + secs), false, &[("user.id", user), ("trace_id", user)]);
    let mut events = vec![bad(0, "lin"), bad(1, "lin"), bad(61, "chen"), bad(62, "wu"), bad(600, "late")];
    events.push(event_with(at(START + 2), true, &[("user.id", "happy")]));
    let sli = live(&[batch(at(START + 600), events)], 30);
    let evidence = sli.evidence();
    let hit = |secs, window| evidence.users_hit(at(START + secs), Duration::from_secs(window));
    assert_eq!(hit(119, 119), UsersHit { count: 3, at_least: false });
    assert_eq!(hit(119, 30).count, 2);
    assert_eq!(evidence.bad_traces(at(START + 119), Duration::from_secs(119)), ["wu", "chen", "lin"]);

    let many = (0..12_000).map(|user| bad(0, &user.to_string())).collect();
    let hit = live(&[batch(at(START), many)], 30).evidence().users_hit(at(START), FIVE_MINUTES);
    assert_eq!(hit, UsersHit { count: 10_000, at_least: true });
}

#[test]
fn old_minutes_leave_and_too_old_events_leave_no_trace() {
    let batches: Vec<_> = (0..30)
        .map(|minute| {
            batch(
                at(START + minute * 60),
                vec![event_with(at(START + minute * 60), false, &[("user.id", "u")])],
            )
        })
        .chain([batch(at(START + 1_800), vec![event_with(at(START), false, &[("user.id", "old")])])])
        .collect();
    let evidence = live(&batches, 30).evidence();
    assert_eq!(evidence.users_hit(at(START + 1_800), Duration::from_secs(3_600)).count, 1);
    assert_eq!(evidence.users_hit(at(START + 300), FIVE_MINUTES).count, 0);
}

#[test]
fn the_last_change_of_a_service_is_found() {
    let changes = RecentChanges::new();
    let change = |secs: i64, title: &str, service: Option<&str>| {
        let mut event = event(at(START + secs), true);
        event.resource = Default::default();
        event.fields =
            vec![(Name::new("name"), Value::str(title)), (Name::new("change.by"), Value::str("lin"))];
        event.fields.extend(service.map(|service| (Name::new("service.name"), Value::str(service))));
        event
    };
    let mut arrived = batch(
        at(START + 100),
        vec![
            change(50, "deploy 2", Some("shop")),
            change(10, "deploy 1", Some("shop")),
            change(70, "flag", Some("cart")),
        ],
    );
    changes.observe(&arrived);
    assert!(changes.all().is_empty(), "spans are not changes");
    arrived.dataset = Dataset::Changes;
    changes.observe(&arrived);
    let title =
        |service: &str, secs| changes.last_before(service, at(START + secs)).and_then(|it| it.title.clone());
    assert_eq!(title("shop", 100).as_deref(), Some("deploy 2"));
    assert_eq!(title("shop", 49).as_deref(), Some("deploy 1"));
    assert_eq!(title("shop", 9), None);
    assert_eq!(
        changes.last_of(["shop", "cart"].into_iter(), at(START + 100)).unwrap().title.as_deref(),
        Some("flag")
    );

    let many: Vec<_> = (0..300).map(|index| change(200 + index, "config", None)).collect();
    arrived.rows = many.into();
    changes.observe(&arrived);
    assert_eq!(changes.all().len(), 200);
    assert_eq!(title("anything", 10_000).as_deref(), Some("config"));
}
