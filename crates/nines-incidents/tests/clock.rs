#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_incidents::contract::at;
use nines_incidents::{Command, EntryKind, Language, Level, PromiseRecord};

use crate::{MINUTE, World};

#[tokio::test]
async fn the_clock_nudges_once_two_minutes_before_and_records_a_miss() {
    let world = World::new();
    let id = world.reported("checkout", Level::P0).await;
    world.pass(7);
    assert!(world.tick().await.is_empty());
    world.pass(1);
    assert_eq!(world.tick().await, [id]);
    assert!(world.tick().await.is_empty(), "a second round at the same time has nothing to say");
    world.pass(2);
    assert!(world.tick().await.is_empty(), "due now is not late");
    world.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(world.tick().await, [id]);
    assert_eq!(world.effects().await, ["opened", "nudge", "overdue"]);
    let overdue = world.timeline(id).await.pop().unwrap();
    assert_eq!((overdue.kind, overdue.at), (EntryKind::Overdue, at(10)));

    world.pass(2);
    world.update(id, "still looking").await;
    let update = world.incidents.updates(id).await.unwrap().remove(0);
    assert_eq!((update.due_at, update.lateness.as_secs()), (at(10), 121));
    let incident = world.incidents.get(id).await.unwrap();
    assert_eq!((incident.promises.kept, incident.promises.missed, incident.promises.streak), (0, 1, 1));
    assert_eq!(incident.promises.on_time_rate(), Some(0.0));
}

#[tokio::test]
async fn the_second_miss_in_a_row_escalates_whether_silent_or_late() {
    // Silence for two cadences.
    let world = World::new();
    let id = world.reported("checkout", Level::P0).await;
    for _ in 0..40 {
        world.pass(1);
        world.tick().await;
    }
    let kinds = world.kinds(id).await;
    let count = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!((count(EntryKind::Nudge), count(EntryKind::Overdue), count(EntryKind::Escalation)), (1, 3, 1));

    // Two updates, each late.
    let world = World::new();
    let id = world.reported("checkout", Level::P0).await;
    for expected in [false, true] {
        world.pass(11);
        world.update(id, "late").await;
        assert_eq!(world.kinds(id).await.contains(&EntryKind::Escalation), expected);
    }
    // One in time ends the streak.
    world.pass(9);
    assert_eq!(world.update(id, "in time").await.promises.streak, 0);
}

#[tokio::test]
async fn being_down_over_the_due_time_hides_nothing() {
    let mut world = World::new();
    let id = world.reported("checkout", Level::P0).await;
    world.pass(45);
    world.restart();
    assert_eq!(world.tick().await, [id]);
    let incident = world.incidents.get(id).await.unwrap();
    assert_eq!(incident.promises.missed, 4, "due at 10, and missed again at 20, 30 and 40");
    assert_eq!(world.effects().await, ["opened", "overdue", "escalation"], "a reminder would come too late");
    let overdue =
        world.timeline(id).await.into_iter().find(|entry| entry.kind == EntryKind::Overdue).unwrap();
    assert_eq!((overdue.at, overdue.recorded_at), (at(10), at(45)));
    assert!(overdue.text.render(Language::En).contains("late by 35 min, 4 more missed"));
    assert_eq!(incident.next_update_at(), Some(at(10)), "the broken promise stands until an update comes");
}

#[tokio::test]
async fn the_record_does_not_depend_on_how_often_the_clock_looked() {
    let mut records = Vec::new();
    for tick_every in [1, 3, 1000] {
        let world = World::new();
        let id = world.reported("checkout", Level::P0).await;
        for minute in 1..=100 {
            world.pass(1);
            if minute % tick_every == 0 {
                world.tick().await;
            }
            match minute {
                34 => drop(world.update(id, "late").await),
                40 => drop(world.update(id, "in time").await),
                57 => drop(world.act(id, Command::Confirm { level: Level::P1 }).await.unwrap()),
                90 => drop(world.act(id, Command::Resolve { summary: "done".to_owned() }).await.unwrap()),
                _ => {}
            }
        }
        world.tick().await;
        records.push(world.incidents.get(id).await.unwrap().promises);
    }
    // Due 10: missed at 10, 20, 30, update at 34. Due 44: kept at 40. Due 50: missed at 50, confirmed at 57 as P1.
    // Due 77: missed at 77, resolved at 90.
    let expected = PromiseRecord {
        kept: 1,
        missed: 5,
        streak: 2,
        late_updates: 1,
        lateness_total: MINUTE * 24,
        lateness_max: MINUTE * 24,
    };
    assert_eq!(records, [expected; 3]);
}

#[tokio::test]
async fn a_change_of_level_starts_the_clock_anew_and_resolve_stops_it() {
    let world = World::new();
    let id = world.reported("checkout", Level::P2).await;
    assert_eq!(world.incidents.get(id).await.unwrap().next_update_at(), Some(at(60)));
    world.pass(5);
    let confirm = |level| Command::Confirm { level };
    assert_eq!(world.act(id, confirm(Level::P0)).await.unwrap().next_update_at(), Some(at(15)));
    assert_eq!(world.act(id, confirm(Level::P1)).await.unwrap().next_update_at(), Some(at(25)));
    world.pass(18);
    assert_eq!(world.tick().await, [id], "the nudge is armed again");
    world.act(id, Command::Resolve { summary: "done".to_owned() }).await.unwrap();
    world.pass(600);
    assert!(world.tick().await.is_empty());
    assert_eq!(world.incidents.tick().await.unwrap().next_wake, None);
}

#[tokio::test]
async fn waking_when_told_is_enough() {
    let world = World::new();
    let id = world.reported("checkout", Level::P0).await;
    for expected in [at(8), at(10), at(20)] {
        let wake = world.incidents.tick().await.unwrap().next_wake.unwrap();
        assert_eq!(wake.as_secs(), expected.as_secs());
        let now = nines_base::Clock::now(&*world.clock);
        world.clock.advance(wake.since(now));
        assert_eq!(world.tick().await, [id], "at {wake}");
    }
}

#[tokio::test]
async fn a_nudge_says_in_words_what_is_due_and_names_who_should_act() {
    let world = World::new();
    let id = world.reported("checkout", Level::P0).await;
    world.act(id, Command::Acknowledge).await.unwrap();
    world.pass(8);
    world.tick().await;
    let effect = world.incidents.pending_effects(10).await.unwrap().pop().unwrap().effect;
    let incident = world.incidents.get(id).await.unwrap();
    let notice = nines_incidents::notice(&incident, &effect.kind, None, Language::En);
    assert_eq!(notice.title, "INC-2026-0001 · P0 · checkout: update due at 2026-11-18 11:16 UTC");
    assert_eq!((notice.people, notice.channel.as_str()), (vec!["lin".to_owned()], "emergency"));
    let notice = nines_incidents::notice(&incident, &effect.kind, None, Language::ZhTw);
    assert_eq!(notice.title, "INC-2026-0001 · P0 · checkout：2026-11-18 11:16 UTC 前應回報");
}
