//! The deliverer's manners, one at a time, in virtual time.

use std::sync::Arc;

use nines_base::Clock;
use nines_notify::contract::{page, target};
use nines_notify::{
    AttemptOutcome, Content, DelivererConfig, Event, GIVE_UP_AFTER, MemoryOutbox, NewPage, PageState,
    Permission,
};
use parking_lot::Mutex;

use crate::provider::{FAST, PACED, START, Stage, Weather};

fn stage() -> Stage {
    Stage::new(Arc::new(MemoryOutbox::default()), 7)
}

fn now_page(stage: &Stage, alert: &str, step: &str, event: Event, to: &str) -> NewPage {
    let mut page = page(alert, step, event, to, 0);
    (page.created_at, page.due_at) = (stage.clock.now(), stage.clock.now());
    page
}

async fn state(stage: &Stage, page: &NewPage) -> PageState {
    stage.store.page(&page.id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_page_is_sent_at_once_when_the_deliverer_is_woken() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    let (deliverer, ..) = stage.start().await;
    let new = now_page(&stage, "a", "1", Event::Trigger, "x");
    stage.store.insert(std::slice::from_ref(&new)).await.unwrap();
    deliverer.wake();
    stage.settle().await;
    assert_eq!(providers[0].taken_ids(), std::slice::from_ref(&new.id));
    assert_eq!(state(&stage, &new).await, PageState::Delivered);
    assert_eq!(stage.second(), 0);
    assert_eq!(deliverer.status()[&target("x")].delivered, 1);
}

#[tokio::test]
async fn nothing_is_sent_without_permission_nor_after_it_ended_in_the_middle_of_a_send() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    let lease = Arc::new(Lease::default());
    let config = DelivererConfig { permission: Some(lease.clone()), ..DelivererConfig::default() };
    let (deliverer, ..) = stage.start_with(config).await;
    let new = now_page(&stage, "a", "1", Event::Trigger, "x");
    stage.store.insert(std::slice::from_ref(&new)).await.unwrap();
    stage.play(60).await;
    assert_eq!(*providers[0].calls.lock(), 0, "asked a provider without permission");

    providers[0].set(Weather::Slow(10));
    *lease.0.lock() = Some(3);
    deliverer.wake();
    while *providers[0].calls.lock() == 0 {
        stage.play(1).await;
    }
    *lease.0.lock() = Some(4);
    stage.play(12).await;
    assert!(providers[0].taken_ids().is_empty(), "the send of epoch 3 went on in epoch 4");

    providers[0].set(Weather::Up);
    stage.play(120).await;
    let taken = providers[0].taken.lock().clone();
    assert_eq!(taken.len(), 1);
    assert_eq!((&taken[0].1.page, taken[0].1.epoch), (&new.id, Some(4)));
}

/// The epoch under which sending is allowed.
#[derive(Debug, Default)]
struct Lease(Mutex<Option<i64>>);

impl Permission for Lease {
    fn epoch(&self) -> Option<i64> {
        *self.0.lock()
    }
}

#[tokio::test]
async fn a_lost_wake_up_costs_five_seconds() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    stage.start().await;
    stage.store.insert(&[now_page(&stage, "a", "1", Event::Trigger, "x")]).await.unwrap();
    stage.play(5).await;
    assert_eq!(providers[0].taken_ids().len(), 1);
}

#[tokio::test]
async fn a_slow_target_delays_nobody_else() {
    let stage = stage();
    let providers = stage.providers(&[("slow", FAST), ("fast", FAST)]);
    providers[0].set(Weather::Slow(20));
    let (deliverer, ..) = stage.start().await;
    let mut pages = Vec::new();
    for index in 0..20 {
        for to in ["slow", "fast"] {
            pages.push(now_page(&stage, &index.to_string(), "1", Event::Trigger, to));
        }
    }
    stage.store.insert(&pages).await.unwrap();
    deliverer.wake();
    for _ in 0..5 {
        stage.settle().await;
    }
    assert_eq!((providers[1].taken_ids().len(), stage.second()), (20, 0));
    assert_eq!(*providers[0].calls.lock(), 4, "four at a time");
    stage.play(101).await;
    assert_eq!(providers[0].taken_ids().len(), 20);
}

#[tokio::test]
async fn the_pace_of_a_channel_is_kept() {
    let stage = stage();
    let providers = stage.providers(&[("slack", PACED)]);
    let (deliverer, ..) = stage.start().await;
    let pages: Vec<_> =
        (0..30).map(|index| now_page(&stage, &index.to_string(), "1", Event::Trigger, "slack")).collect();
    stage.store.insert(&pages).await.unwrap();
    deliverer.wake();
    stage.settle().await;
    stage.play(40).await;
    let times: Vec<_> = providers[0].taken.lock().iter().map(|(at, _)| at.since(START).as_secs()).collect();
    assert_eq!(times, (0..30).collect::<Vec<u64>>());
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    providers[0].set(Weather::RateLimited(120));
    stage.store.insert(&[now_page(&stage, "a", "1", Event::Trigger, "x")]).await.unwrap();
    stage.start().await;
    providers[0].set(Weather::Up);
    stage.play(119).await;
    assert_eq!(*providers[0].calls.lock(), 1);
    stage.play(14).await;
    assert_eq!(providers[0].taken_ids().len(), 1);
}

#[tokio::test]
async fn what_is_refused_for_good_is_visible_and_the_fallback_goes_out_at_once() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST), ("y", FAST)]);
    providers[0].set(Weather::Permanent);
    let primary = now_page(&stage, "a", "1", Event::Trigger, "x");
    let mut fallback = now_page(&stage, "a", "1", Event::Trigger, "y");
    fallback.fallback_of = Some(primary.id.clone());
    fallback.due_at = fallback.due_at + std::time::Duration::from_secs(30);
    stage.store.insert(&[primary.clone(), fallback.clone()]).await.unwrap();
    stage.start().await;
    stage.play(5).await;
    let page = stage.store.page(&primary.id).await.unwrap().unwrap();
    assert_eq!((page.state, page.detail.as_deref()), (PageState::Undeliverable, Some("http status 410")));
    assert_eq!(state(&stage, &fallback).await, PageState::Delivered);
}

#[tokio::test]
async fn a_second_channel_is_used_within_thirty_seconds_when_the_first_is_down() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST), ("y", FAST)]);
    providers[0].set(Weather::Down);
    let primary = now_page(&stage, "a", "1", Event::Trigger, "x");
    let mut fallback = now_page(&stage, "a", "1", Event::Trigger, "y");
    fallback.fallback_of = Some(primary.id.clone());
    fallback.due_at = fallback.due_at + std::time::Duration::from_secs(30);
    stage.store.insert(&[primary, fallback]).await.unwrap();
    stage.start().await;
    stage.play(29).await;
    assert_eq!(providers[1].taken_ids().len(), 0);
    stage.play(1).await;
    assert_eq!(providers[1].taken_ids().len(), 1);
    println!("B3 the second channel took over {} s after the first was asked", stage.second());
}

#[tokio::test]
async fn a_provider_that_never_answers_is_an_unknown_outcome_and_bounded() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    providers[0].set(Weather::Slow(1_000_000));
    let new = now_page(&stage, "a", "1", Event::Trigger, "x");
    stage.store.insert(std::slice::from_ref(&new)).await.unwrap();
    stage.start().await;
    stage.play(31).await;
    providers[0].set(Weather::Up);
    stage.play(90).await;
    let log = stage.store.attempts(&new.id).await.unwrap();
    let outcomes: Vec<_> = log.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [AttemptOutcome::Unknown, AttemptOutcome::Ok]);
    assert_eq!(log[0].ended_at.unwrap().since(log[0].started_at).as_secs(), 30);
}

#[tokio::test]
async fn a_defect_in_one_channel_stops_no_other() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST), ("y", FAST)]);
    providers[0].set(Weather::Panics);
    let broken = now_page(&stage, "a", "1", Event::Trigger, "x");
    stage.store.insert(&[broken.clone(), now_page(&stage, "a", "1", Event::Trigger, "y")]).await.unwrap();
    stage.start().await;
    stage.play(1).await;
    assert_eq!(providers[1].taken_ids().len(), 1);
    assert_eq!(state(&stage, &broken).await, PageState::Queued);
    providers[0].set(Weather::Up);
    stage.play(120).await;
    assert_eq!(state(&stage, &broken).await, PageState::Delivered);
}

#[tokio::test]
async fn a_target_that_is_not_configured_keeps_its_pages_until_it_is() {
    let stage = stage();
    let new = now_page(&stage, "a", "1", Event::Trigger, "later");
    stage.store.insert(std::slice::from_ref(&new)).await.unwrap();
    let (deliverer, ..) = stage.start().await;
    stage.play(100).await;
    assert_eq!(state(&stage, &new).await, PageState::Queued);
    assert!(deliverer.status()[&target("later")].last_detail.as_ref().unwrap().contains("not configured"));
    stage.providers(&[("later", FAST)]);
    stage.play(31).await;
    assert_eq!(state(&stage, &new).await, PageState::Delivered);
}

#[tokio::test]
async fn after_two_days_a_page_is_given_up_visibly() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    providers[0].set(Weather::Down);
    let new = now_page(&stage, "a", "1", Event::Trigger, "x");
    stage.store.insert(std::slice::from_ref(&new)).await.unwrap();
    stage.start().await;
    for _ in 0..GIVE_UP_AFTER.as_secs() / 60 {
        stage.advance(std::time::Duration::from_secs(60)).await;
    }
    stage.play(60).await;
    let page = stage.store.page(&new.id).await.unwrap().unwrap();
    assert_eq!(page.state, PageState::Undeliverable);
    assert!(page.detail.as_ref().unwrap().contains("given up after 48 h"), "{page:?}");
}

#[tokio::test]
async fn what_ended_while_the_target_was_down_comes_as_one_digest_after_the_live_pages() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    providers[0].set(Weather::Down);
    let (deliverer, ..) = stage.start().await;
    for index in 0..50 {
        stage.store.insert(&[now_page(&stage, &index.to_string(), "1", Event::Trigger, "x")]).await.unwrap();
        deliverer.wake();
        stage.play(40).await;
        stage.store.insert(&[now_page(&stage, &index.to_string(), "2", Event::Resolve, "x")]).await.unwrap();
        deliverer.wake();
        stage.play(20).await;
    }
    let live = now_page(&stage, "live", "1", Event::Trigger, "x");
    stage.store.insert(std::slice::from_ref(&live)).await.unwrap();
    deliverer.wake();
    stage.settle().await;
    providers[0].set(Weather::Up);
    stage.play(60).await;
    let taken = providers[0].taken.lock().clone();
    assert_eq!(taken.len(), 2, "one live page and one digest");
    let digest = taken.iter().find(|(_, delivery)| delivery.event == Event::Digest).expect("a digest");
    let Content::Webhook { payload } = &digest.1.content else { panic!("a webhook") };
    assert_eq!(payload["data"]["total"], 50);
    assert!(taken.iter().any(|(_, delivery)| delivery.page == live.id));
}

#[tokio::test]
async fn after_an_outage_the_most_severe_and_newest_come_first() {
    let stage = stage();
    let providers = stage.providers(&[("slack", PACED)]);
    providers[0].set(Weather::Down);
    let (deliverer, ..) = stage.start().await;
    let mut severe = Vec::new();
    for index in 0..300 {
        let mut new = now_page(&stage, &index.to_string(), "1", Event::Trigger, "slack");
        new.priority = nines_notify::Priority((index % 3) as u8);
        if index % 3 == 0 {
            severe.push(new.id.clone());
        }
        stage.store.insert(&[new]).await.unwrap();
        deliverer.wake();
        stage.play(2).await;
    }
    severe.reverse();
    providers[0].set(Weather::Up);
    let recovered_at = stage.second();
    stage.play(200).await;
    let taken = providers[0].taken_ids();
    // The probe that finds the provider up may be any page; after it the order holds.
    assert_eq!(
        taken[1..].iter().filter(|id| severe.contains(id)).take(99).collect::<Vec<_>>(),
        severe.iter().filter(|id| **id != taken[0]).take(99).collect::<Vec<_>>()
    );
    let first = providers[0].taken.lock()[1].0.since(START).as_secs();
    assert!(first <= recovered_at + 60, "first severe page at {first}, recovered at {recovered_at}");
}

#[tokio::test]
async fn a_stop_lets_what_is_under_way_end() {
    let stage = stage();
    let providers = stage.providers(&[("x", FAST)]);
    providers[0].set(Weather::Slow(3));
    let new = now_page(&stage, "a", "1", Event::Trigger, "x");
    stage.store.insert(std::slice::from_ref(&new)).await.unwrap();
    let (_, shutdown, task) = stage.start().await;
    shutdown.begin();
    stage.play(4).await;
    task.await.unwrap();
    assert_eq!(state(&stage, &new).await, PageState::Delivered);
}
