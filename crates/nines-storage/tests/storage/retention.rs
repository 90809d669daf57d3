use std::time::Duration;

use nines_base::ManualClock;
use nines_model::Dataset;
use nines_storage::Store;

use crate::batches::{START, logs, open};

const STEP: Duration = Duration::from_secs(6 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn rows(store: &Store) -> u64 {
    let stats = &store.stats().datasets[&Dataset::Logs];
    stats.segment_rows + stats.hot_rows
}

/// A pass every six hours for as long as `time`, with a little fresh data each time.
async fn live(store: &Store, clock: &ManualClock, sequence: &mut u64, time: Duration) -> u64 {
    use nines_base::Clock;
    let mut removed = 0;
    for _ in 0..time.as_secs() / STEP.as_secs() {
        clock.advance(STEP);
        *sequence += 1;
        store.append(*sequence, &logs(clock.now(), "api", *sequence as i64, 1));
        removed += store.maintain().await.unwrap().expired_rows;
    }
    removed
}

#[tokio::test]
async fn rows_go_after_their_time_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    store.append(1, &logs(START, "old", 0, 100));
    store.seal_all().await.unwrap();
    let mut sequence = 1;
    assert_eq!(live(&store, &clock, &mut sequence, DAY * 14).await, 0, "logs are kept for 14 days");
    // They may have been merged with rows of the rest of their day.
    assert!(live(&store, &clock, &mut sequence, DAY + STEP * 2).await >= 100);
}

#[tokio::test]
async fn a_clock_that_jumps_ten_years_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    let mut sequence = 0;
    live(&store, &clock, &mut sequence, DAY).await;
    store.seal_all().await.unwrap();
    let before = rows(&store);
    drop(store);
    // The machine comes back with a wrong clock, and new data arrives by that clock.
    let clock = ManualClock::at(START + DAY * 3_650);
    let (store, _) = open(folder.path(), &clock).await;
    assert_eq!(live(&store, &clock, &mut sequence, DAY).await, 0);
    assert!(rows(&store) > before);
}

#[tokio::test]
async fn silence_keeps_the_last_data() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    store.append(1, &logs(START, "old", 0, 100));
    store.seal_all().await.unwrap();
    for _ in 0..4 * 30 {
        clock.advance(STEP);
        store.maintain().await.unwrap();
    }
    assert_eq!(rows(&store), 100);
}

#[tokio::test]
async fn one_pass_removes_at_most_a_twentieth_or_one_segment() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let (store, _) = open(folder.path(), &clock).await;
    store.maintain().await.unwrap();
    // Segments of different days are never merged.
    for day in 0..7 {
        store.append(day + 1, &logs(START + DAY * day as u32, "api", day as i64 * 100, 100));
        store.seal_all().await.unwrap();
    }
    let mut sequence = 7;
    live(&store, &clock, &mut sequence, DAY * 20 - STEP).await;
    clock.advance(STEP);
    let report = store.maintain().await.unwrap();
    assert!(report.expired_segments <= 1, "{report:?}");
}
