//! A provider on a stage: a channel whose behaviour is told, with a ledger outside the system under test.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{Clock, ManualClock, Random, Shutdown};
use nines_model::Timestamp;
use nines_notify::{
    Channel, ChannelKind, Deliverer, DelivererConfig, Delivery, Limits, OutboxStore, Outcome, PageId, Target,
    TargetId, Targets,
};
use parking_lot::Mutex;

pub const START: Timestamp = Timestamp::from_secs(1_790_000_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Up,
    /// Refuses: certainly not taken.
    Down,
    /// Takes the page, and the answer never comes.
    BrownOut,
    /// Answers after so many seconds.
    Slow(u64),
    Permanent,
    RateLimited(u64),
    Panics,
}

pub struct Provider {
    clock: Arc<ManualClock>,
    pub limits: Limits,
    pub weather: Mutex<Weather>,
    /// Everything the provider took, in order.
    pub taken: Mutex<Vec<(Timestamp, Delivery)>>,
    pub calls: Mutex<u64>,
}

impl Provider {
    pub fn new(clock: &Arc<ManualClock>, limits: Limits) -> Arc<Self> {
        let (clock, weather, taken, calls) =
            (clock.clone(), Mutex::new(Weather::Up), Mutex::default(), Mutex::default());
        Arc::new(Self { clock, limits, weather, taken, calls })
    }

    pub fn set(&self, weather: Weather) {
        *self.weather.lock() = weather;
    }

    fn take(&self, delivery: &Delivery) {
        self.taken.lock().push((self.clock.now(), delivery.clone()));
    }

    pub fn taken_ids(&self) -> Vec<PageId> {
        self.taken.lock().iter().map(|(_, delivery)| delivery.page.clone()).collect()
    }

    /// How often each page was taken.
    pub fn counts(&self) -> HashMap<PageId, u64> {
        let mut counts = HashMap::new();
        for id in self.taken_ids() {
            *counts.entry(id).or_default() += 1;
        }
        counts
    }
}

#[async_trait::async_trait]
impl Channel for Provider {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webhook
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        *self.calls.lock() += 1;
        let weather = *self.weather.lock();
        match weather {
            Weather::Up => {}
            Weather::Down => return Outcome::Retryable { detail: "http status 503".into(), after: None },
            Weather::RateLimited(seconds) => {
                return Outcome::Retryable {
                    detail: "http status 429".into(),
                    after: Some(Duration::from_secs(seconds)),
                };
            }
            Weather::Permanent => return Outcome::Permanent { detail: "http status 410".into() },
            Weather::BrownOut => {
                self.take(delivery);
                self.clock.sleep(Duration::from_secs(10)).await;
                return Outcome::Unknown { detail: "no answer".into() };
            }
            Weather::Slow(seconds) => self.clock.sleep(Duration::from_secs(seconds)).await,
            Weather::Panics => panic!("a defect in the channel"),
        }
        self.take(delivery);
        Outcome::Delivered { reference: Some(format!("ref-{}", delivery.page)) }
    }
}

/// A deliverer under a clock that the test moves.
pub struct Stage {
    pub clock: Arc<ManualClock>,
    pub store: Arc<dyn OutboxStore>,
    pub targets: Targets,
    pub random: Random,
}

pub const FAST: Limits = Limits { concurrency: 4, interval: Duration::ZERO };
pub const PACED: Limits = Limits { concurrency: 1, interval: Duration::from_secs(1) };

impl Stage {
    pub fn new(store: Arc<dyn OutboxStore>, seed: u64) -> Self {
        println!("seed {seed}");
        Self {
            clock: ManualClock::at(START),
            store,
            targets: Targets::default(),
            random: Random::from_seed(seed),
        }
    }

    pub fn providers(&self, limits: &[(&str, Limits)]) -> Vec<Arc<Provider>> {
        let providers: Vec<_> =
            limits.iter().map(|(_, limits)| Provider::new(&self.clock, *limits)).collect();
        let targets = limits.iter().zip(&providers).map(|((name, _), provider)| Target {
            id: TargetId((*name).to_owned()),
            channel: provider.clone(),
        });
        self.targets.replace(targets.collect::<Vec<_>>());
        providers
    }

    pub fn deliverer(&self, config: DelivererConfig) -> Deliverer {
        Deliverer::new(
            self.store.clone(),
            self.targets.clone(),
            self.clock.clone(),
            self.random.clone(),
            config,
        )
    }

    /// Starts a deliverer on this runtime (a current-thread one, so that [`Self::settle`] means something).
    pub async fn start(&self) -> (Deliverer, Shutdown, tokio::task::JoinHandle<()>) {
        self.start_with(DelivererConfig::default()).await
    }

    pub async fn start_with(
        &self,
        config: DelivererConfig,
    ) -> (Deliverer, Shutdown, tokio::task::JoinHandle<()>) {
        let (deliverer, shutdown) = (self.deliverer(config), Shutdown::new());
        let task = tokio::spawn({
            let (deliverer, shutdown) = (deliverer.clone(), shutdown.clone());
            async move { deliverer.run(shutdown).await }
        });
        self.settle().await;
        (deliverer, shutdown, task)
    }

    /// Lets every task run until all wait for time or for each other. On one thread a fixed number of turns that is
    /// far above the longest chain of wake-ups is enough.
    pub async fn settle(&self) {
        for _ in 0..60 {
            tokio::task::yield_now().await;
        }
    }

    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.settle().await;
    }

    pub async fn play(&self, seconds: u64) {
        for _ in 0..seconds {
            self.advance(Duration::from_secs(1)).await;
        }
    }

    pub fn second(&self) -> u64 {
        self.clock.now().since(START).as_secs()
    }
}
