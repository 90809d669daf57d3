#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_incidents::{Command, Level};

use crate::World;

#[tokio::test]
async fn a_reader_resumes_from_a_revision_and_then_follows_live() {
    let world = World::new();
    let one = world.reported("checkout", Level::P1).await;
    let two = world.reported("payment", Level::P1).await;
    world.act(one, Command::Acknowledge).await.unwrap();

    let mut watch = world.incidents.watch(1);
    let resumed = watch.next().await.unwrap().unwrap();
    let told: Vec<_> = resumed.iter().map(|change| (change.revision, change.incident)).collect();
    assert_eq!(told, [(2, two), (3, one)]);

    world.act(two, Command::Acknowledge).await.unwrap();
    let live = watch.next().await.unwrap().unwrap();
    assert_eq!((live[0].revision, live[0].incident), (4, two));
    assert_eq!(watch.revision(), 4);
}

#[tokio::test]
async fn a_reader_that_falls_behind_misses_no_incident() {
    let world = World::new();
    let one = world.reported("checkout", Level::P1).await;
    let two = world.reported("payment", Level::P1).await;
    let mut watch = world.incidents.watch(0);
    watch.next().await.unwrap();
    world.act(two, Command::Acknowledge).await.unwrap();
    // More than the backlog holds.
    for _ in 0..1100 {
        world.act(one, Command::Acknowledge).await.unwrap();
    }
    let newest = world.incidents.revision().await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while watch.revision() < newest {
        let before = watch.revision();
        for change in watch.next().await.unwrap().unwrap() {
            assert!(change.revision > before);
            seen.insert(change.incident);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [one, two]);
}
