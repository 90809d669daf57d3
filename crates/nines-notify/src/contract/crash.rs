//! Reliability B2: a crash at every step of the outbox loses nothing. Between any two things that the deliverer does to
//! its store or a provider, the process is stopped: whatever was begun never returns. A new deliverer on the same store
//! then has to bring everything to its end.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nines_base::{Random, Shutdown, SystemClock};
use nines_model::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Store, page, target};
use crate::{
    Attempt, Channel, ChannelKind, Claimed, Deliverer, DelivererConfig, Delivery, Event, Finish, Limits,
    NewPage, OutboxStore, Outcome, Page, PageFilter, PageId, PageState, StoreError, Subject, Target,
    TargetId, Targets, Waiting,
};

/// Where a story may end. Counts the steps; at the fatal one, and after it, nothing goes on.
struct Fate {
    steps: AtomicU64,
    fatal: u64,
    dead: watch::Sender<bool>,
}

impl Fate {
    fn at(fatal: u64) -> Arc<Self> {
        Arc::new(Self { steps: AtomicU64::new(0), fatal, dead: watch::Sender::new(false) })
    }

    async fn step(&self) {
        let now = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        if now >= self.fatal {
            self.dead.send_replace(true);
            pending::<()>().await;
        }
    }

    async fn struck(&self) {
        let mut dead = self.dead.subscribe();
        let _ = dead.wait_for(|dead| *dead).await;
    }
}

/// A store under fate: a step before each operation and one after it, when it has happened and nobody was told.
struct Mortal {
    inner: Store,
    fate: Arc<Fate>,
}

impl Mortal {
    async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        self.fate.step().await;
        let result = work.await;
        self.fate.step().await;
        result
    }
}

#[async_trait::async_trait]
impl OutboxStore for Mortal {
    async fn insert(&self, pages: &[NewPage]) -> Result<u64, StoreError> {
        self.around(self.inner.insert(pages)).await
    }
    async fn recover(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.around(self.inner.recover(now)).await
    }
    async fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting(now).await
    }
    async fn claim(&self, wanted: &[(TargetId, usize)], now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        self.around(self.inner.claim(wanted, now)).await
    }
    async fn finish(&self, ended: &[(PageId, Finish)], now: Timestamp) -> Result<(), StoreError> {
        self.around(self.inner.finish(ended, now)).await
    }
    async fn hasten(&self, target: &TargetId, now: Timestamp) -> Result<(), StoreError> {
        self.around(self.inner.hasten(target, now)).await
    }
    async fn release(&self, subject: &Subject, now: Timestamp) -> Result<u64, StoreError> {
        self.around(self.inner.release(subject, now)).await
    }
    async fn fold(&self, target: &TargetId, now: Timestamp) -> Result<Option<PageId>, StoreError> {
        self.around(self.inner.fold(target, now)).await
    }
    async fn retry(&self, page: &PageId, now: Timestamp) -> Result<bool, StoreError> {
        self.around(self.inner.retry(page, now)).await
    }
    async fn page(&self, page: &PageId) -> Result<Option<Page>, StoreError> {
        self.inner.page(page).await
    }
    async fn pages(&self, filter: &PageFilter) -> Result<Vec<Page>, StoreError> {
        self.inner.pages(filter).await
    }
    async fn attempts(&self, page: &PageId) -> Result<Vec<Attempt>, StoreError> {
        self.inner.attempts(page).await
    }
    async fn counts(&self) -> Result<Vec<(PageState, u64)>, StoreError> {
        self.inner.counts().await
    }
    async fn oldest_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.oldest_due().await
    }
}

/// A provider that always works, with a step before and after it takes a page, and a ledger that survives.
struct Provider {
    taken: Arc<Mutex<HashMap<PageId, u64>>>,
    fate: Arc<Fate>,
}

#[async_trait::async_trait]
impl Channel for Provider {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webhook
    }
    fn limits(&self) -> Limits {
        Limits { concurrency: 2, interval: Duration::ZERO }
    }
    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        self.fate.step().await;
        *self.taken.lock().entry(delivery.page.clone()).or_default() += 1;
        self.fate.step().await;
        Outcome::Delivered { reference: Some(delivery.page.0.clone()) }
    }
}

/// What is asked of the outbox, in order; each is one transaction of whoever plans pages.
fn story() -> Vec<Vec<NewPage>> {
    let primary = page("a", "1", Event::Trigger, "x", 0);
    let mut fallback = page("a", "1", Event::Trigger, "y", 0);
    fallback.fallback_of = Some(primary.id.clone());
    fallback.due_at = fallback.due_at + Duration::from_secs(30);
    vec![
        vec![primary, fallback, page("a", "n", Event::Notice, "y", 0)],
        vec![page("b", "1", Event::Trigger, "y", 1), page("b", "2", Event::Trigger, "y", 2)],
        // Begun and over before anything was sent: a digest.
        vec![page("c", "1", Event::Trigger, "y", 3), page("c", "2", Event::Resolve, "y", 4)],
        vec![page("a", "2", Event::Resolve, "x", 5)],
        vec![page("d", "1", Event::Trigger, "x", 6), page("d", "1", Event::Trigger, "y", 6)],
        vec![page("d", "2", Event::Update, "x", 7)],
        vec![page("e", "n", Event::Notice, "y", 8)],
    ]
}

/// Stops the process at the first step, at the second, and so on, until a story ends before its fatal step. Returns at
/// how many steps it was stopped.
pub async fn crash_everywhere<F, R>(new_store: F) -> u64
where
    F: Fn() -> R,
    R: Future<Output = Store>,
{
    let (story, mut fatal) = (story(), 1);
    while live_through(new_store().await, &story, &[fatal]).await > 0 {
        fatal += 1;
        assert!(fatal < 1000, "the story does not end");
    }
    fatal - 1
}

/// Random stories in which the process is stopped at random steps, up to three times in each, until it was stopped
/// `kills` times. Returns how many stories that took.
pub async fn crash_randomly<F, R>(new_store: F, seed: u64, kills: u64) -> u64
where
    F: Fn() -> R,
    R: Future<Output = Store>,
{
    let random = Random::from_seed(seed);
    let (mut stories, mut killed) = (0, 0);
    while killed < kills {
        let story = random_story(&random);
        // Most stories have some fifty steps; a fatal one beyond the end is a life that was not cut short.
        let fatal: Vec<u64> = (0..=random.below(3)).map(|_| 1 + random.below(50)).collect();
        killed += live_through(new_store().await, &story, &fatal).await;
        stories += 1;
    }
    stories
}

/// Up to six subjects, each told once or more at either target, some with a fallback, some until they are over.
fn random_story(random: &Random) -> Vec<Vec<NewPage>> {
    let mut story = Vec::new();
    for subject in 0..1 + random.below(6) {
        let (name, to) = (format!("s{subject}"), if random.below(2) == 0 { "x" } else { "y" });
        for step in 0..1 + random.below(3) {
            let event = match random.below(6) {
                0 | 1 => Event::Resolve,
                2 => Event::Notice,
                3 => Event::Update,
                _ => Event::Trigger,
            };
            let at = 10 * subject + step;
            let mut pages = vec![page(&name, &step.to_string(), event, to, at)];
            if random.below(4) == 0 {
                let mut fallback =
                    page(&name, &step.to_string(), event, if to == "x" { "y" } else { "x" }, at);
                fallback.fallback_of = Some(pages[0].id.clone());
                fallback.due_at = fallback.due_at + Duration::from_secs(30);
                pages.push(fallback);
            }
            story.push(pages);
        }
    }
    story
}

/// One life for each fatal step and one that ends by itself. Returns how many were cut short.
async fn live_through(store: Store, story: &[Vec<NewPage>], fatal: &[u64]) -> u64 {
    let taken = Arc::default();
    let mut struck = 0;
    for fatal in fatal {
        let fate = Fate::at(*fatal);
        tokio::select! {
            () = live(&store, &fate, &taken, story) => {}
            () = fate.struck() => struck += 1,
        }
    }
    // The last life: the planner repeats what it was not told of, and so repeats everything, for ids make it harmless.
    live(&store, &Fate::at(u64::MAX), &taken, story).await;
    judge(&store, &taken, fatal, story).await;
    struck
}

async fn live(
    store: &Store,
    fate: &Arc<Fate>,
    taken: &Arc<Mutex<HashMap<PageId, u64>>>,
    story: &[Vec<NewPage>],
) {
    let mortal: Store = Arc::new(Mortal { inner: store.clone(), fate: fate.clone() });
    let targets = ["x", "y"].map(|name| Target {
        id: target(name),
        channel: Arc::new(Provider { taken: taken.clone(), fate: fate.clone() }),
    });
    let clock = SystemClock::shared();
    let config = DelivererConfig::default();
    let deliverer = Deliverer::new(
        mortal.clone(),
        Targets::new(targets),
        clock.clone(),
        Random::from_seed(fate.fatal),
        config,
    );
    let shutdown = Shutdown::new();
    let planner = async {
        for pages in story {
            mortal.insert(pages).await.unwrap();
            deliverer.wake();
        }
        while !store.waiting(clock.now()).await.unwrap().is_empty() || is_sending(store).await {
            deliverer.wake();
            clock.sleep(Duration::from_millis(1)).await;
        }
        shutdown.begin();
    };
    let run = deliverer.run(shutdown.clone());
    let both = async { tokio::join!(planner, run) };
    tokio::time::timeout(Duration::from_secs(60), both).await.expect("the outbox is emptied");
}

async fn is_sending(store: &Store) -> bool {
    store.counts().await.unwrap().iter().any(|(state, count)| *state == PageState::Sending && *count > 0)
}

async fn judge(
    store: &Store,
    taken: &Arc<Mutex<HashMap<PageId, u64>>>,
    fatal: &[u64],
    story: &[Vec<NewPage>],
) {
    let taken = taken.lock().clone();
    for new in story.iter().flatten() {
        let mut page = store.page(&new.id).await.unwrap().expect("nothing is lost");
        while let (PageState::Superseded, Some(next)) = (page.state, page.merged_into.clone()) {
            page = store.page(&next).await.unwrap().expect("what stands for a page exists");
        }
        assert_eq!(page.state, PageState::Delivered, "steps {fatal:?}: {} of {:?}", new.title, new.event);
        assert!(taken.contains_key(&page.new.id), "steps {fatal:?}: {} was never taken", new.title);
    }
    for (id, count) in taken {
        let page = store.page(&id).await.unwrap().expect("what was taken exists");
        assert!(
            count <= 1 + u64::from(page.unknown_attempts),
            "steps {fatal:?}: taken {count} times: {page:?}"
        );
    }
}
