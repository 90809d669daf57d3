//! What every [`OutboxStore`] must do, as a suite to run on each implementation:
//! `contract::check_all(|| async { /* a new, empty store */ }).await`. Panics, with the rule's name on the stack, where
//! one does not hold.

#![expect(
    clippy::unwrap_used,
    reason = "a test suite, kept in the library so that every implementation can run it"
)]

mod browsers;
mod crash;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use nines_model::Timestamp;
use serde_json::json;

use crate::{
    AttemptOutcome, ChannelKind, Claimed, Draft, Event, Finish, NewPage, OutboxStore, PAUSE_MAX, PageFilter,
    PageId, PageState, Priority, Subject, TargetId, Waiting,
};

pub use browsers::check_browsers;
pub use crash::{crash_everywhere, crash_randomly};

type Store = Arc<dyn OutboxStore>;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn at(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

pub fn target(name: &str) -> TargetId {
    TargetId(name.to_owned())
}

/// A page about `alert`, created `seconds` after the start of the story.
pub fn page(alert: &str, step: &str, event: Event, to: &str, seconds: u64) -> NewPage {
    let subject = Subject::alert(alert);
    let draft = Draft::plain(format!("{alert} {step}"), "text", json!({"alert": alert, "step": step}));
    NewPage {
        id: PageId::of(&subject, step, &target(to)),
        subject,
        event,
        target: target(to),
        priority: Priority(1),
        title: draft.title.clone(),
        content: draft.for_channel(ChannelKind::Webhook),
        created_at: at(seconds),
        due_at: at(seconds),
        fallback_of: None,
    }
}

fn delivered(reference: &str) -> Finish {
    Finish::Delivered { reference: Some(reference.to_owned()) }
}

fn retry(seconds: u64, unknown: bool) -> Finish {
    Finish::Retry { at: at(seconds), unknown, detail: "down".to_owned() }
}

async fn state(store: &Store, page: &NewPage) -> PageState {
    store.page(&page.id).await.unwrap().unwrap().state
}

async fn claim_ids(store: &Store, to: &str, seconds: u64, limit: usize) -> Vec<PageId> {
    claim(store, to, seconds, limit).await.into_iter().map(|one| one.page.new.id).collect()
}

async fn claim(store: &Store, to: &str, seconds: u64, limit: usize) -> Vec<Claimed> {
    store.claim(&[(target(to), limit)], at(seconds)).await.unwrap()
}

async fn finish(store: &Store, page: &PageId, seconds: u64, finish: Finish) {
    store.finish(&[(page.clone(), finish)], at(seconds)).await.unwrap();
}

/// The names of the targets for which there is something to do, now or later.
async fn waiting(store: &Store) -> Vec<TargetId> {
    store.waiting(NOW).await.unwrap().into_iter().map(|one| one.target).collect()
}

/// Runs every rule, each on a store of its own.
pub async fn check_all<F, R>(new_store: F)
where
    F: Fn() -> R,
    R: Future<Output = Store>,
{
    inserting_twice_makes_one_page(new_store().await).await;
    claims_are_severe_first_then_newest(new_store().await).await;
    many_targets_are_served_together(new_store().await).await;
    a_page_comes_back_as_it_was(new_store().await).await;
    attempts_are_logged(new_store().await).await;
    a_crash_while_sending_requeues_as_unknown(new_store().await).await;
    a_newer_trigger_supersedes_the_waiting_one(new_store().await).await;
    what_ended_unseen_goes_into_one_digest(new_store().await).await;
    a_digest_that_may_have_arrived_takes_nothing_more(new_store().await).await;
    what_may_have_arrived_is_told_to_be_over(new_store().await).await;
    a_resolve_waits_for_its_trigger_and_knows_its_thread(new_store().await).await;
    a_fallback_goes_out_only_if_needed(new_store().await).await;
    notices_stand_for_themselves(new_store().await).await;
    time_set_back_makes_pages_due(new_store().await).await;
    what_was_held_back_is_released(new_store().await).await;
    hastening_spares_what_never_failed(new_store().await).await;
    an_undeliverable_page_can_be_tried_again(new_store().await).await;
    finishing_what_is_not_being_sent_changes_nothing(new_store().await).await;
    lists_filter_and_count(new_store().await).await;
}

async fn inserting_twice_makes_one_page(store: Store) {
    let pages = [page("a", "1", Event::Trigger, "x", 0), page("a", "1", Event::Trigger, "y", 0)];
    assert_eq!(store.oldest_due().await.unwrap(), None);
    assert_eq!(store.insert(&pages).await.unwrap(), 2);
    assert_eq!(claim_ids(&store, "x", 0, 9).await, [pages[0].id.clone()]);
    assert_eq!(store.insert(&pages).await.unwrap(), 0);
    assert_eq!(
        state(&store, &pages[0]).await,
        PageState::Sending,
        "a repeat does not disturb what is under way"
    );
    assert_eq!(waiting(&store).await, [target("y")]);
}

async fn claims_are_severe_first_then_newest(store: Store) {
    let mut pages = Vec::new();
    for (index, (priority, created)) in [(1, 5), (0, 1), (2, 9), (0, 3), (1, 7)].into_iter().enumerate() {
        let mut page = page(&index.to_string(), "1", Event::Trigger, "x", created);
        page.priority = Priority(priority);
        pages.push(page);
    }
    store.insert(&pages).await.unwrap();
    let expected: Vec<_> = [3, 1, 4, 0, 2].into_iter().map(|index: usize| pages[index].id.clone()).collect();
    let mut order = claim_ids(&store, "x", 10, 2).await;
    order.extend(claim_ids(&store, "x", 10, 9).await);
    assert_eq!(order, expected);
}

async fn many_targets_are_served_together(store: Store) {
    let on_x = [page("a", "1", Event::Notice, "x", 0), page("a", "2", Event::Notice, "x", 1)];
    let on_y = [page("b", "1", Event::Trigger, "y", 0), page("c", "1", Event::Trigger, "y", 1)];
    let mut later = page("d", "1", Event::Trigger, "z", 0);
    later.due_at = at(60);
    store.insert(&[on_x.as_slice(), on_y.as_slice(), std::slice::from_ref(&later)].concat()).await.unwrap();
    let due = |name: &str, due: Option<Timestamp>| Waiting { target: target(name), due, folds: false };
    let expected = [due("x", Some(at(0))), due("y", Some(at(0))), due("z", Some(at(60)))];
    assert_eq!(store.waiting(at(5)).await.unwrap(), expected);

    let wanted = [(target("x"), 9), (target("y"), 1), (target("z"), 9), (target("nobody"), 1)];
    let claimed = store.claim(&wanted, at(5)).await.unwrap();
    let ids: Vec<_> = claimed.into_iter().map(|one| one.page.new.id).collect();
    assert_eq!(ids, [on_x[1].id.clone(), on_y[1].id.clone()], "one of a subject, and as many as are wanted");
    let expected = [due("x", None), due("y", Some(at(0))), due("z", Some(at(60)))];
    assert_eq!(store.waiting(at(5)).await.unwrap(), expected, "the other of a subject waits for its end");

    let ended = [(ids[0].clone(), delivered("r")), (ids[1].clone(), retry(30, false))];
    store.finish(&ended, at(6)).await.unwrap();
    assert_eq!(state(&store, &on_x[1]).await, PageState::Delivered);
    let expected = [due("x", Some(at(0))), due("y", Some(at(0))), due("z", Some(at(60)))];
    assert_eq!(store.waiting(at(6)).await.unwrap(), expected);
    assert_eq!(claim_ids(&store, "y", 6, 9).await, [on_y[0].id.clone()], "the other one has to wait");
}

async fn a_page_comes_back_as_it_was(store: Store) {
    let mut new = page("a", "1", Event::Notice, "x", 0);
    new.due_at = at(60);
    new.fallback_of = Some(PageId("other".to_owned()));
    store.insert(std::slice::from_ref(&new)).await.unwrap();
    assert_eq!(claim_ids(&store, "x", 59, 9).await, []);
    let expected = Waiting { target: target("x"), due: Some(at(60)), folds: false };
    assert_eq!(store.waiting(at(59)).await.unwrap(), [expected]);
    let claimed = claim(&store, "x", 60, 9).await.remove(0);
    assert_eq!(claimed.page.new, new);
    assert_eq!((claimed.page.attempts, claimed.page.unknown_attempts, claimed.thread), (1, 0, None));
    assert_eq!(store.page(&PageId("none".to_owned())).await.unwrap(), None);
}

async fn attempts_are_logged(store: Store) {
    let new = page("a", "1", Event::Trigger, "x", 0);
    store.insert(std::slice::from_ref(&new)).await.unwrap();
    claim_ids(&store, "x", 1, 1).await;
    finish(&store, &new.id, 2, retry(10, true)).await;
    claim_ids(&store, "x", 10, 1).await;
    let running = store.attempts(&new.id).await.unwrap();
    assert_eq!(running[1].outcome, AttemptOutcome::Running);
    finish(&store, &new.id, 11, delivered("r")).await;
    let log = store.attempts(&new.id).await.unwrap();
    let short: Vec<_> =
        log.iter().map(|one| (one.number, one.started_at, one.ended_at, one.outcome)).collect();
    assert_eq!(
        short,
        [(1, at(1), Some(at(2)), AttemptOutcome::Unknown), (2, at(10), Some(at(11)), AttemptOutcome::Ok),]
    );
    assert_eq!(log[0].detail.as_deref(), Some("down"));
    let page = store.page(&new.id).await.unwrap().unwrap();
    assert_eq!((page.state, page.attempts, page.unknown_attempts), (PageState::Delivered, 2, 1));
    assert_eq!((page.reference.as_deref(), page.detail, page.changed_at), (Some("r"), None, at(11)));
}

async fn a_crash_while_sending_requeues_as_unknown(store: Store) {
    let pages = [page("a", "1", Event::Trigger, "x", 0), page("b", "1", Event::Trigger, "x", 0)];
    store.insert(&pages).await.unwrap();
    claim_ids(&store, "x", 1, 1).await;
    assert_eq!(store.recover(at(5)).await.unwrap(), 1);
    assert_eq!(store.recover(at(5)).await.unwrap(), 0);
    let again = claim(&store, "x", 5, 9).await;
    assert_eq!(again.len(), 2);
    let interrupted = again.iter().find(|one| one.page.attempts == 2).unwrap();
    assert_eq!(interrupted.page.unknown_attempts, 1);
    let log = store.attempts(&interrupted.page.new.id).await.unwrap();
    assert_eq!((log[0].outcome, log[0].ended_at), (AttemptOutcome::Unknown, Some(at(5))));
}

async fn a_newer_trigger_supersedes_the_waiting_one(store: Store) {
    let [first, second] = [page("a", "1", Event::Trigger, "x", 0), page("a", "2", Event::Trigger, "x", 5)];
    let other = page("a", "1", Event::Trigger, "y", 0);
    store.insert(&[first.clone(), other.clone()]).await.unwrap();
    store.insert(std::slice::from_ref(&second)).await.unwrap();
    let old = store.page(&first.id).await.unwrap().unwrap();
    assert_eq!((old.state, old.merged_into), (PageState::Superseded, Some(second.id.clone())));
    assert_eq!(state(&store, &other).await, PageState::Queued, "another target is another matter");
    assert_eq!(claim_ids(&store, "x", 9, 9).await, std::slice::from_ref(&second.id));
    // One that is being sent while a newer one comes is not tried again after it fails.
    let third = page("a", "3", Event::Trigger, "x", 9);
    store.insert(std::slice::from_ref(&third)).await.unwrap();
    assert_eq!(claim_ids(&store, "x", 9, 9).await, [], "one page of a subject at a time");
    finish(&store, &second.id, 10, retry(11, false)).await;
    let failed = store.page(&second.id).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.merged_into), (PageState::Superseded, Some(third.id.clone())));
    assert_eq!(claim_ids(&store, "x", 20, 9).await, [third.id]);
}

async fn what_ended_unseen_goes_into_one_digest(store: Store) {
    let mut resolves = Vec::new();
    for alert in ["a", "b", "c"] {
        store.insert(&[page(alert, "1", Event::Trigger, "x", 0)]).await.unwrap();
        claim_ids(&store, "x", 0, 1).await;
        let id = page(alert, "1", Event::Trigger, "x", 0).id;
        finish(&store, &id, 1, retry(60, false)).await;
        let resolve = page(alert, "2", Event::Resolve, "x", 30);
        store.insert(std::slice::from_ref(&resolve)).await.unwrap();
        assert_eq!(state(&store, &resolve).await, PageState::Superseded);
        let trigger = store.page(&id).await.unwrap().unwrap();
        assert_eq!((trigger.state, trigger.merged_into), (PageState::Superseded, Some(resolve.id.clone())));
        resolves.push(resolve);
    }
    assert_eq!(waiting(&store).await, [target("x")]);
    assert_eq!(store.fold(&target("y"), at(40)).await.unwrap(), None);
    let digest = store.fold(&target("x"), at(40)).await.unwrap().unwrap();
    assert_eq!(store.fold(&target("x"), at(40)).await.unwrap(), None, "nothing is left to fold");

    // A later one joins the digest that is still waiting.
    store
        .insert(&[page("d", "1", Event::Trigger, "x", 41), page("d", "2", Event::Resolve, "x", 42)])
        .await
        .unwrap();
    assert_eq!(store.fold(&target("x"), at(43)).await.unwrap(), Some(digest.clone()));
    let filter = PageFilter { merged_into: Some(digest.clone()), ..PageFilter::default() };
    let items = store.pages(&filter).await.unwrap();
    assert_eq!(items.len(), 4);
    assert!(resolves.iter().all(|resolve| items.iter().any(|item| item.new.id == resolve.id)));
    assert_eq!(claim_ids(&store, "x", 50, 9).await, std::slice::from_ref(&digest));
    finish(&store, &digest, 51, delivered("r")).await;
    assert_eq!(waiting(&store).await, []);
}

async fn a_digest_that_may_have_arrived_takes_nothing_more(store: Store) {
    let ended = |alert| [page(alert, "1", Event::Trigger, "x", 0), page(alert, "2", Event::Resolve, "x", 1)];
    store.insert(&ended("a")).await.unwrap();
    let first = store.fold(&target("x"), at(2)).await.unwrap().unwrap();
    claim_ids(&store, "x", 2, 1).await;
    store.insert(&ended("b")).await.unwrap();
    let second = store.fold(&target("x"), at(3)).await.unwrap().unwrap();
    assert_ne!(first, second, "one that is being sent is closed");
    finish(&store, &first, 4, retry(5, true)).await;
    store.insert(&ended("c")).await.unwrap();
    assert_eq!(store.fold(&target("x"), at(5)).await.unwrap(), Some(second));
}

async fn what_may_have_arrived_is_told_to_be_over(store: Store) {
    let trigger = page("a", "1", Event::Trigger, "x", 0);
    store.insert(std::slice::from_ref(&trigger)).await.unwrap();
    claim_ids(&store, "x", 0, 1).await;
    finish(&store, &trigger.id, 1, retry(60, true)).await;
    let resolve = page("a", "2", Event::Resolve, "x", 30);
    store.insert(std::slice::from_ref(&resolve)).await.unwrap();
    assert_eq!(state(&store, &trigger).await, PageState::Superseded, "it is over: no second call");
    assert_eq!(claim_ids(&store, "x", 30, 9).await, [resolve.id], "but whoever was called hears of the end");
}

async fn a_resolve_waits_for_its_trigger_and_knows_its_thread(store: Store) {
    let trigger = page("a", "1", Event::Trigger, "x", 0);
    let resolve = page("a", "2", Event::Resolve, "x", 30);
    store.insert(std::slice::from_ref(&trigger)).await.unwrap();
    claim_ids(&store, "x", 0, 1).await;
    store.insert(std::slice::from_ref(&resolve)).await.unwrap();
    assert_eq!(claim_ids(&store, "x", 30, 9).await, []);
    finish(&store, &trigger.id, 31, delivered("thread-1")).await;
    let claimed = claim(&store, "x", 31, 9).await.remove(0);
    assert_eq!((claimed.page.new.id, claimed.thread.as_deref()), (resolve.id, Some("thread-1")));
}

async fn a_fallback_goes_out_only_if_needed(store: Store) {
    let pair = |alert: &str| {
        let primary = page(alert, "1", Event::Trigger, "x", 0);
        let mut fallback = page(alert, "1", Event::Trigger, "y", 0);
        (fallback.due_at, fallback.fallback_of) = (at(30), Some(primary.id.clone()));
        [primary, fallback]
    };
    let [taken, taken_fallback] = pair("taken");
    store.insert(&[taken.clone(), taken_fallback.clone()]).await.unwrap();
    claim_ids(&store, "x", 0, 1).await;
    finish(&store, &taken.id, 1, delivered("r")).await;
    assert_eq!(state(&store, &taken_fallback).await, PageState::Superseded);
    assert_eq!(waiting(&store).await, [], "nothing to fold: it belongs to its primary");

    let [refused, refused_fallback] = pair("refused");
    store.insert(&[refused.clone(), refused_fallback.clone()]).await.unwrap();
    claim_ids(&store, "x", 1, 1).await;
    finish(&store, &refused.id, 2, Finish::Undeliverable { detail: "gone".to_owned() }).await;
    assert_eq!(claim_ids(&store, "y", 2, 9).await, std::slice::from_ref(&refused_fallback.id), "at once");

    let [slow, slow_fallback] = pair("slow");
    store.insert(&[slow.clone(), slow_fallback.clone()]).await.unwrap();
    claim_ids(&store, "x", 1, 1).await;
    finish(&store, &slow.id, 2, retry(300, false)).await;
    assert_eq!(claim_ids(&store, "y", 29, 9).await, []);
    assert_eq!(claim_ids(&store, "y", 30, 9).await, [slow_fallback.id]);

    let mut resolve_fallback = page("taken", "2", Event::Resolve, "y", 60);
    let resolve = page("taken", "2", Event::Resolve, "x", 60);
    resolve_fallback.fallback_of = Some(resolve.id.clone());
    store.insert(&[resolve.clone(), resolve_fallback.clone()]).await.unwrap();
    assert_eq!(state(&store, &resolve).await, PageState::Queued);
    assert_eq!(
        state(&store, &resolve_fallback).await,
        PageState::Superseded,
        "who was never called is not told of the end"
    );
}

async fn notices_stand_for_themselves(store: Store) {
    let notices = [page("a", "n1", Event::Notice, "x", 0), page("a", "n2", Event::Notice, "x", 1)];
    store.insert(&notices).await.unwrap();
    store.insert(&[page("a", "2", Event::Resolve, "x", 2)]).await.unwrap();
    for notice in &notices {
        assert_eq!(state(&store, notice).await, PageState::Queued);
    }
    assert_eq!(claim_ids(&store, "x", 5, 9).await.len(), 1, "one at a time for one subject");
}

async fn time_set_back_makes_pages_due(store: Store) {
    // Written two hours from now, as it seems.
    let mut far = page("a", "1", Event::Trigger, "x", 7200);
    far.due_at = at(7200);
    let mut near = page("b", "1", Event::Trigger, "x", 0);
    near.due_at = at(0) + PAUSE_MAX;
    // A silence may last for days, and says so.
    let mut held = page("c", "1", Event::Trigger, "x", 0);
    held.due_at = at(3 * 86_400);
    store.insert(&[far.clone(), near, held.clone()]).await.unwrap();
    assert_eq!(claim_ids(&store, "x", 0, 9).await, [far.id]);
    assert_eq!(claim_ids(&store, "x", 3 * 86_400 - 1, 9).await.len(), 1, "the near one alone");
    assert_eq!(claim_ids(&store, "x", 3 * 86_400, 9).await, [held.id]);
}

async fn what_was_held_back_is_released(store: Store) {
    let hold = |mut page: NewPage| {
        page.due_at = at(86_400);
        page
    };
    let primary = hold(page("a", "1", Event::Trigger, "x", 0));
    let mut fallback = hold(page("a", "1", Event::Trigger, "y", 0));
    fallback.fallback_of = Some(primary.id.clone());
    let other = hold(page("b", "1", Event::Trigger, "x", 0));
    store.insert(&[primary.clone(), fallback.clone(), other]).await.unwrap();
    assert_eq!(claim_ids(&store, "x", 10, 9).await, []);
    assert_eq!(store.release(&Subject::alert("a"), at(10)).await.unwrap(), 2);
    assert_eq!(claim_ids(&store, "x", 10, 9).await, std::slice::from_ref(&primary.id));
    assert_eq!(claim_ids(&store, "y", 39, 9).await, []);
    assert_eq!(claim_ids(&store, "y", 40, 9).await, [fallback.id]);
    finish(&store, &primary.id, 41, retry(600, false)).await;
    assert_eq!(
        store.release(&Subject::alert("a"), at(42)).await.unwrap(),
        0,
        "what failed waits for its own time"
    );
}

async fn hastening_spares_what_never_failed(store: Store) {
    let failed = page("a", "1", Event::Trigger, "x", 0);
    let mut held = page("b", "1", Event::Trigger, "x", 0);
    held.due_at = at(30);
    store.insert(&[failed.clone(), held]).await.unwrap();
    claim_ids(&store, "x", 0, 1).await;
    finish(&store, &failed.id, 1, retry(300, false)).await;
    store.hasten(&target("x"), at(2)).await.unwrap();
    assert_eq!(claim_ids(&store, "x", 2, 9).await, [failed.id]);
}

async fn an_undeliverable_page_can_be_tried_again(store: Store) {
    let new = page("a", "1", Event::Trigger, "x", 0);
    store.insert(std::slice::from_ref(&new)).await.unwrap();
    assert!(!store.retry(&new.id, at(0)).await.unwrap());
    claim_ids(&store, "x", 0, 1).await;
    finish(&store, &new.id, 1, Finish::Undeliverable { detail: "gone".to_owned() }).await;
    let page = store.page(&new.id).await.unwrap().unwrap();
    assert_eq!((page.state, page.detail.as_deref()), (PageState::Undeliverable, Some("gone")));
    assert_eq!(claim_ids(&store, "x", 9999, 9).await, []);
    assert!(store.retry(&new.id, at(10)).await.unwrap());
    assert_eq!(claim_ids(&store, "x", 10, 9).await, [new.id]);
}

async fn finishing_what_is_not_being_sent_changes_nothing(store: Store) {
    let new = page("a", "1", Event::Trigger, "x", 0);
    store.insert(std::slice::from_ref(&new)).await.unwrap();
    finish(&store, &new.id, 1, delivered("r")).await;
    finish(&store, &PageId("none".to_owned()), 1, delivered("r")).await;
    assert_eq!(state(&store, &new).await, PageState::Queued);
    claim_ids(&store, "x", 0, 1).await;
    finish(&store, &new.id, 1, delivered("r")).await;
    finish(&store, &new.id, 2, retry(3, false)).await;
    assert_eq!(state(&store, &new).await, PageState::Delivered, "terminal is terminal");
}

async fn lists_filter_and_count(store: Store) {
    let pages: Vec<_> =
        (0..5).map(|index| page(&format!("a{index}"), "1", Event::Trigger, "x", index)).collect();
    store.insert(&pages).await.unwrap();
    store.insert(&[page("a0", "1", Event::Trigger, "y", 9)]).await.unwrap();
    claim_ids(&store, "x", 9, 2).await;
    let list = |filter: PageFilter| {
        let store = store.clone();
        async move {
            store
                .pages(&filter)
                .await
                .unwrap()
                .into_iter()
                .map(|page| page.new.created_at)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(list(PageFilter::of_subject(Subject::alert("a0"))).await, [at(9), at(0)]);
    let sending = PageFilter { state: Some(PageState::Sending), ..PageFilter::default() };
    assert_eq!(list(sending).await, [at(4), at(3)]);
    let of_x = PageFilter { target: Some(target("x")), limit: 3, ..PageFilter::default() };
    assert_eq!(list(of_x).await, [at(4), at(3), at(2)]);
    assert_eq!(store.oldest_due().await.unwrap(), Some(at(0)));
    let counts = store.counts().await.unwrap();
    let count = |wanted| counts.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count);
    assert_eq!((count(PageState::Queued), count(PageState::Sending), count(PageState::Delivered)), (4, 2, 0));
}
