//! The loop that empties the outbox.
//!
//! It takes no input but the outbox: it wakes by signal ([`Deliverer::wake`]), by the end of a send and by time, and
//! doing so twice does no harm. Sends run beside the loop, one task each, so a slow channel holds only its own lane;
//! the store is touched by the loop alone. Run it on a runtime of its own to share nothing with the rest.

mod digest;
mod lane;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use nines_base::{Random, SharedClock, Shutdown};
use nines_model::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};

use crate::backoff::{page_pause, unknown_pause};
use crate::{
    Channel, Claimed, Content, Delivery, Event, Finish, GIVE_UP_AFTER, Limits, OutboxStore, Outcome, Page,
    PageFilter, PageId, StoreError, TargetId, Targets, Waiting,
};
use lane::Lane;

/// How long a signal may be lost before the outbox is looked at anyway.
const IDLE_TICK: Duration = Duration::from_secs(5);

/// After the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// For a page whose target is not configured: it takes part in the lane's pauses like any other failure.
const NO_CHANNEL: Limits = Limits { concurrency: 1, interval: Duration::ZERO };

/// Whether this process may send at this instant: of two nodes that form a pair, only the one that leads.
pub trait Permission: Send + Sync + std::fmt::Debug {
    /// The epoch of the lease under which it may, if it may. Asked whenever a send goes on, so it must cost little.
    fn epoch(&self) -> Option<i64>;
}

#[derive(Debug, Clone)]
pub struct DelivererConfig {
    /// An attempt that takes longer is over, with an unknown outcome. Longer than any channel's own limit.
    pub send_timeout: Duration,
    /// How long a stop waits for the sends that are under way.
    pub drain: Duration,
    /// `None`: this process alone uses the outbox.
    pub permission: Option<Arc<dyn Permission>>,
}

impl Default for DelivererConfig {
    fn default() -> Self {
        Self { send_timeout: Duration::from_secs(30), drain: Duration::from_secs(5), permission: None }
    }
}

/// How a target does, for `/status` and the UI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStatus {
    pub in_flight: usize,
    /// Failed attempts in a row. 0: it works.
    pub failures: u32,
    pub paused_for: Duration,
    pub last_detail: Option<String>,
    /// Attempts since start, by outcome.
    pub delivered: u64,
    pub retryable: u64,
    pub permanent: u64,
    pub unknown: u64,
}

/// Cloning shares everything.
#[derive(Clone)]
pub struct Deliverer {
    store: Arc<dyn OutboxStore>,
    targets: Targets,
    clock: SharedClock,
    random: Random,
    config: DelivererConfig,
    signal: Arc<Notify>,
    status: Arc<Mutex<BTreeMap<TargetId, LaneStatus>>>,
}

impl Deliverer {
    pub fn new(
        store: Arc<dyn OutboxStore>,
        targets: Targets,
        clock: SharedClock,
        random: Random,
        config: DelivererConfig,
    ) -> Self {
        let (signal, status) = (Arc::default(), Arc::default());
        Self { store, targets, clock, random, config, signal, status }
    }

    /// Call after pages were inserted: they are looked at now rather than within five seconds.
    pub fn wake(&self) {
        self.signal.notify_one();
    }

    pub fn status(&self) -> BTreeMap<TargetId, LaneStatus> {
        self.status.lock().clone()
    }

    /// Delivers until shutdown begins. One for each store: it takes over what a crashed predecessor left.
    pub async fn run(&self, shutdown: Shutdown) {
        let mut run = Run {
            with: self,
            lanes: BTreeMap::new(),
            sends: JoinSet::new(),
            flights: HashMap::new(),
            unwritten: Vec::new(),
            back: BTreeSet::new(),
        };
        loop {
            match self.store.recover(self.clock.now()).await {
                Ok(0) => break,
                Ok(count) => {
                    tracing::warn!(pages = count, "requeued pages whose sending was interrupted");
                    break;
                }
                Err(error) => tracing::error!(%error, "cannot read the outbox"),
            }
            tokio::select! {
                () = shutdown.begun() => return,
                () = self.clock.sleep(STORE_PAUSE) => {}
            }
        }
        while !shutdown.has_begun() {
            let pause = match run.serve().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "cannot use the outbox");
                    STORE_PAUSE
                }
            };
            run.publish_status();
            // In order, so that a seed tells the same story again; what has ended makes room, so it comes first.
            tokio::select! {
                biased;
                () = shutdown.begun() => {}
                Some(ended) = run.sends.join_next_with_id() => run.ended(ended),
                () = self.signal.notified() => {}
                () = self.clock.sleep(pause) => {}
            }
            // What has ended meanwhile is written down together.
            while let Some(ended) = run.sends.try_join_next_with_id() {
                run.ended(ended);
            }
        }
        run.drain().await;
    }
}

/// What the running loop knows. All of it can be lost.
struct Run<'a> {
    with: &'a Deliverer,
    /// One for each target that ever had a page; targets are configured by hand, so they are few. In order, so that a
    /// seed tells the same story again.
    lanes: BTreeMap<TargetId, Lane>,
    sends: JoinSet<Outcome>,
    /// What each task is sending. Bounded by the sum of the lanes' concurrency.
    flights: HashMap<Id, Flight>,
    /// Results that the store did not take yet; their pages are still `sending` there. Bounded like `flights`.
    unwritten: Vec<(PageId, Finish)>,
    /// Targets that have just come back, and whose pages are due now.
    back: BTreeSet<TargetId>,
}

struct Flight {
    target: TargetId,
    page: Page,
}

impl Run<'_> {
    /// Writes down what ended and starts whatever can start. Returns for how long nothing else will. As many
    /// transactions as it takes for one target, however many there are.
    async fn serve(&mut self) -> Result<Duration, StoreError> {
        loop {
            self.write_down().await?;
            let now = self.with.clock.now();
            let (wanted, pause) = self.wanted(now).await?;
            if wanted.is_empty() {
                return Ok(pause);
            }
            let claimed = self.with.store.claim(&wanted, now).await?;
            if claimed.is_empty() {
                return Ok(pause);
            }
            for one in claimed {
                self.start(one);
            }
        }
    }

    /// How many pages of which targets may start now, and how long until others may.
    async fn wanted(&mut self, now: Timestamp) -> Result<(Vec<(TargetId, usize)>, Duration), StoreError> {
        let (store, monotonic) = (&self.with.store, self.with.clock.monotonic());
        let (mut wanted, mut pause) = (Vec::new(), IDLE_TICK);
        for Waiting { target, due, folds } in store.waiting(now).await? {
            let limits = self.with.targets.get(&target).map_or(NO_CHANNEL, |channel| channel.limits());
            let lane = self.lanes.entry(target.clone()).or_default();
            let capacity = lane.capacity(limits, monotonic);
            if capacity == 0 {
                // Closed by time, or full until a send ends, which wakes us.
                let opens_in = lane.opens_at().saturating_sub(monotonic);
                pause = if opens_in.is_zero() { pause } else { pause.min(opens_in) };
                continue;
            }
            if folds {
                store.fold(&target, now).await?;
            }
            match due {
                _ if folds => wanted.push((target, capacity)),
                Some(due) if due <= now => wanted.push((target, capacity)),
                // The lane's pause is over and that of each page is not: one of them is the probe.
                Some(due) if lane.failures > 0 => {
                    store.hasten(&target, now).await?;
                    pause = pause.min(due.since(now));
                    wanted.push((target, capacity));
                }
                Some(due) => pause = pause.min(due.since(now)),
                // Each waits for another page of its subject, whose end wakes us.
                None => {}
            }
        }
        Ok((wanted, pause))
    }

    fn start(&mut self, Claimed { page, thread }: Claimed) {
        let target = page.new.target.clone();
        let channel = self.with.targets.get(&target);
        let limits = channel.as_ref().map_or(NO_CHANNEL, |channel| channel.limits());
        self.lanes.entry(target.clone()).or_default().started(limits, self.with.clock.monotonic());
        let Some(channel) = channel else {
            let detail = format!("target `{target}` is not configured");
            self.conclude(Flight { target, page }, Outcome::Retryable { detail, after: None });
            return;
        };
        let delivery = Delivery {
            page: page.new.id.clone(),
            subject: page.new.subject.clone(),
            event: page.new.event,
            content: page.new.content.clone(),
            created_at: page.new.created_at,
            now: self.with.clock.now(),
            thread,
            epoch: None,
        };
        let send = attempt(self.with.clone(), channel, delivery);
        let id = self.sends.spawn(send).id();
        self.flights.insert(id, Flight { target, page });
    }

    fn ended(&mut self, ended: Result<(Id, Outcome), JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            // A defect in a channel must not stop the others, and the provider may have the page.
            Err(error) => (error.id(), Outcome::Unknown { detail: "the channel failed inside".to_owned() }),
        };
        if let Some(flight) = self.flights.remove(&id) {
            self.conclude(flight, outcome);
        }
    }

    fn conclude(&mut self, flight: Flight, outcome: Outcome) {
        let (now, monotonic) = (self.with.clock.now(), self.with.clock.monotonic());
        let lane = self.lanes.entry(flight.target.clone()).or_default();
        let came_back = lane.ended(&outcome, monotonic, &self.with.random);
        let page = &flight.page;
        match &outcome {
            Outcome::Delivered { .. } => {
                tracing::info!(page = %page.new.id, target = %flight.target, attempt = page.attempts, "page delivered")
            }
            Outcome::Retryable { detail, .. } | Outcome::Unknown { detail } => {
                tracing::warn!(page = %page.new.id, target = %flight.target, attempt = page.attempts, detail, "page not delivered yet")
            }
            Outcome::Permanent { detail } => {
                tracing::error!(page = %page.new.id, target = %flight.target, detail, "page undeliverable")
            }
        }
        let finish = self.finish_of(page, outcome, now);
        if came_back {
            self.back.insert(flight.target);
        }
        self.unwritten.push((flight.page.new.id, finish));
    }

    fn finish_of(&self, page: &Page, outcome: Outcome, now: Timestamp) -> Finish {
        let random = &self.with.random;
        let (detail, unknown) = match outcome {
            Outcome::Delivered { reference } => return Finish::Delivered { reference },
            Outcome::Permanent { detail } => return Finish::Undeliverable { detail },
            Outcome::Retryable { detail, .. } => (detail, false),
            Outcome::Unknown { detail } => (detail, true),
        };
        if now.since(page.new.created_at) >= GIVE_UP_AFTER {
            let hours = GIVE_UP_AFTER.as_secs() / 3600;
            return Finish::Undeliverable {
                detail: format!("given up after {hours} h; the last failure was: {detail}"),
            };
        }
        let pause = page_pause(page.attempts.saturating_sub(1), random);
        let pause = if unknown { pause.max(unknown_pause(page.attempts, random)) } else { pause };
        Finish::Retry { at: now + pause, unknown, detail }
    }

    /// Records all results together. What cannot be recorded stays for the next time.
    async fn write_down(&mut self) -> Result<(), StoreError> {
        let now = self.with.clock.now();
        if !self.unwritten.is_empty() {
            self.with.store.finish(&self.unwritten, now).await?;
            self.unwritten.clear();
        }
        while let Some(target) = self.back.first() {
            self.with.store.hasten(target, now).await?;
            self.back.pop_first();
        }
        Ok(())
    }

    fn publish_status(&self) {
        let now = self.with.clock.monotonic();
        let mut status = self.with.status.lock();
        status.clear();
        for (target, lane) in &self.lanes {
            let one = LaneStatus {
                in_flight: lane.in_flight,
                failures: lane.failures,
                paused_for: lane.opens_at().saturating_sub(now),
                last_detail: lane.last_detail.clone(),
                delivered: lane.totals.delivered,
                retryable: lane.totals.retryable,
                permanent: lane.totals.permanent,
                unknown: lane.totals.unknown,
            };
            status.insert(target.clone(), one);
        }
    }

    /// Lets what is under way end, so that fewer pages come back as unknown.
    async fn drain(mut self) {
        let patience = self.with.clock.sleep(self.with.config.drain);
        tokio::pin!(patience);
        while !self.sends.is_empty() {
            tokio::select! {
                Some(ended) = self.sends.join_next_with_id() => self.ended(ended),
                () = &mut patience => break,
            }
            if let Err(error) = self.write_down().await {
                tracing::error!(%error, "cannot record an attempt, will try again");
            }
        }
        if let Err(error) = self.write_down().await {
            tracing::error!(%error, "cannot record the last attempts; they will be repeated");
        }
    }
}

/// One attempt, bounded in time. A digest is written only now, when it is known what it must say.
async fn attempt(with: Deliverer, channel: Arc<dyn Channel>, mut delivery: Delivery) -> Outcome {
    if delivery.event == Event::Digest && delivery.content == Content::Digest {
        let filter = PageFilter {
            merged_into: Some(delivery.page.clone()),
            limit: PageFilter::LIMIT_MAX,
            ..PageFilter::default()
        };
        match with.store.pages(&filter).await {
            Ok(pages) => delivery.content = digest::draft(&pages).for_channel(channel.kind()),
            Err(error) => return Outcome::Retryable { detail: error.to_string(), after: None },
        }
    }
    let permission = with.config.permission.as_deref();
    if let Some(permission) = permission {
        delivery.epoch = permission.epoch();
        if delivery.epoch.is_none() {
            let detail = "this node does not lead its pair".to_owned();
            return Outcome::Retryable { detail, after: None };
        }
    }
    let epoch = delivery.epoch;
    let delivering = channel.deliver(&delivery);
    tokio::pin!(delivering);
    // Looked at before every step of the send, so also after the process was stopped in the middle of one: a connection
    // that was made under one lease carries nothing under the next.
    let permitted = std::future::poll_fn(|context| match permission {
        Some(permission) if permission.epoch() != epoch => {
            let detail = "this node lost its lease while it was sending".to_owned();
            std::task::Poll::Ready(Outcome::Unknown { detail })
        }
        _ => delivering.as_mut().poll(context),
    });
    tokio::select! {
        biased;
        outcome = permitted => outcome,
        () = with.clock.sleep(with.config.send_timeout) => {
            Outcome::Unknown { detail: format!("no answer in {} s", with.config.send_timeout.as_secs()) }
        }
    }
}
