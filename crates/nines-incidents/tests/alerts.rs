#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_incidents::contract::{at, signal};
use nines_incidents::{Command, EntryKind, JoinKind, Language, Level, State};

use crate::{World, lin};

#[tokio::test]
async fn an_alert_opens_and_the_next_of_the_same_service_joins_and_says_why() {
    let world = World::new();
    let opened = world.incidents.alert_fired(&signal("a1", "checkout", Level::P1)).await.unwrap();
    assert_eq!((opened.kind, opened.incident.state), (JoinKind::Opened, State::Reported));
    assert_eq!(opened.incident.marks.fault_start, at(-3));
    assert_eq!(opened.incident.marks.detected, at(0));
    assert_eq!(opened.incident.next_update_at(), Some(at(20)));

    world.pass(1);
    let joined = world.incidents.alert_fired(&signal("a2", "checkout", Level::P2)).await.unwrap();
    assert_eq!((joined.kind, joined.incident.id), (JoinKind::Joined, opened.incident.id));
    assert_eq!(joined.incident.level(), Level::P1, "a milder alert lowers nothing");
    let last = world.timeline(joined.incident.id).await.pop().unwrap();
    assert_eq!(last.kind, EntryKind::AlertJoined);
    assert!(last.text.render(Language::En).contains("joined because checkout already has this incident"));

    let again = world.incidents.alert_fired(&signal("a2", "checkout", Level::P2)).await.unwrap();
    assert_eq!(again.kind, JoinKind::Unchanged);
    let other = world.incidents.alert_fired(&signal("a3", "search", Level::P2)).await.unwrap();
    assert_eq!(other.kind, JoinKind::Opened);
}

#[tokio::test]
async fn alerts_at_the_same_time_open_one_incident() {
    let world = World::new();
    let mut tasks = Vec::new();
    for index in 0..20 {
        let incidents = world.incidents.clone();
        tasks.push(tokio::spawn(async move {
            incidents
                .alert_fired(&signal(&format!("a{index}"), "checkout", Level::P1))
                .await
                .unwrap()
                .incident
                .id
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().number, 1);
    }
    let incident = world.incidents.by_alert("a19").await.unwrap().unwrap();
    assert_eq!(incident.alerts.len(), 20);
}

#[tokio::test]
async fn a_graver_alert_raises_an_unconfirmed_level_and_only_proposes_to_raise_a_confirmed_one() {
    let world = World::new();
    let id = world.incidents.alert_fired(&signal("a1", "checkout", Level::P2)).await.unwrap().incident.id;
    world.pass(1);
    let raised = world.incidents.alert_fired(&signal("a2", "checkout", Level::P1)).await.unwrap().incident;
    assert_eq!((raised.preliminary_level, raised.next_update_at()), (Level::P1, Some(at(21))));

    world.act(id, Command::Confirm { level: Level::P1 }).await.unwrap();
    world.pass(1);
    let proposed = world.incidents.alert_fired(&signal("a3", "checkout", Level::P0)).await.unwrap().incident;
    assert_eq!((proposed.level(), proposed.next_update_at()), (Level::P1, Some(at(21))));
    assert_eq!(proposed.proposal.as_ref().map(|proposal| proposal.level), Some(Level::P0));
    assert_eq!(world.kinds(id).await.last(), Some(&EntryKind::LevelProposed));

    let confirmed = world.act(id, Command::Confirm { level: Level::P0 }).await.unwrap();
    assert_eq!((confirmed.next_update_at(), confirmed.proposal), (Some(at(12)), None));
    assert_eq!(confirmed.preliminary_level, Level::P1, "what was thought at first stays on record");
}

#[tokio::test]
async fn alerts_stop_but_only_a_person_ends_the_incident() {
    let world = World::new();
    let id = world.incidents.alert_fired(&signal("a1", "checkout", Level::P1)).await.unwrap().incident.id;
    world.incidents.alert_fired(&signal("a2", "checkout", Level::P1)).await.unwrap();
    assert_eq!(world.incidents.alert_resolved("a1").await.unwrap().unwrap().firing_alerts(), 1);
    let quiet = world.incidents.alert_resolved("a2").await.unwrap().unwrap();
    assert_eq!((quiet.firing_alerts(), quiet.state), (0, State::Reported));
    let last = world.timeline(id).await.pop().unwrap();
    assert_eq!(
        last.text.render(Language::En),
        "alert checkout-availability resolved, none is firing any more"
    );
    assert_eq!(world.incidents.alert_resolved("a2").await.unwrap(), None);
    assert_eq!(world.incidents.alert_resolved("unknown").await.unwrap(), None);
}

#[tokio::test]
async fn a_late_alert_reopens_within_half_an_hour_and_opens_a_new_one_after() {
    for (minutes, expected) in [(30, JoinKind::Reopened), (31, JoinKind::Opened)] {
        let world = World::new();
        let id = world.reported("checkout", Level::P1).await;
        world.act(id, Command::Confirm { level: Level::P1 }).await.unwrap();
        world.act(id, Command::Resolve { summary: "done".to_owned() }).await.unwrap();
        world.pass(minutes);
        let outcome = world.incidents.alert_fired(&signal("a1", "checkout", Level::P1)).await.unwrap();
        assert_eq!(outcome.kind, expected, "after {minutes} minutes");
        if expected == JoinKind::Reopened {
            assert_eq!((outcome.incident.id, outcome.incident.state), (id, State::Responding));
            assert!(outcome.incident.next_update_at().is_some());
        }
    }
}

#[tokio::test]
async fn real_alerts_do_not_join_a_drill() {
    let world = World::new();
    let drill = nines_incidents::Report {
        is_drill: true,
        ..nines_incidents::contract::report("checkout", Level::P1)
    };
    world.incidents.report(&drill, &lin()).await.unwrap();
    let outcome = world.incidents.alert_fired(&signal("a1", "checkout", Level::P1)).await.unwrap();
    assert_eq!(outcome.kind, JoinKind::Opened);
}

#[tokio::test]
async fn hostile_alert_text_is_cut_not_refused() {
    let world = World::new();
    let mut huge = signal("a1", "checkout", Level::P1);
    huge.summary = "結".repeat(10_000);
    let incident = world.incidents.alert_fired(&huge).await.unwrap().incident;
    assert!(incident.intake.status.len() <= 4096 && incident.title.len() <= 512);
    assert!(incident.title.ends_with('…'));
}
