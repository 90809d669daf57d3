//! The built-in simulated cloud: the default provider, so that a newcomer can try everything, and the world that the kill
//! tests run in. It models what a mock of the wire protocol does not: machines that take time to boot and to stop, warm-up
//! and draining in target groups, scaling groups that make and end machines, reads that lag behind writes, throttling,
//! answers that are lost and requests that are carried out late.
//!
//! It does not know effect ids: whoever asks twice gets it twice, and the ledger shows it.
//!
//! Time comes from the clock and chance from a seed, so a run of it can be replayed. The state is a text that a
//! [`SimStore`] keeps, written before a change is answered; with it the world outlives the process.

use std::time::Duration;

use async_trait::async_trait;
use nines_base::{Random, SharedClock};
use nines_model::Timestamp;
use parking_lot::Mutex;

use super::{Cloud, CloudError};
use crate::effect::Effect;
use crate::inventory::Inventory;
use crate::seen::{Query, Seen};

mod history;
mod world;

pub use world::{LedgerEntry, World};

/// Keeps the world as a text.
#[async_trait]
pub trait SimStore: Send + Sync {
    async fn load(&self) -> Result<Option<String>, String>;
    /// Durable when it returns.
    async fn save(&self, world: &str) -> Result<(), String>;
}

/// How long things take and how often they go wrong.
#[derive(Debug, Clone)]
pub struct SimConfig {
    pub boot: Duration,
    pub shutdown: Duration,
    /// From `running` to passed status checks.
    pub checks: Duration,
    /// From registered (and checked) to healthy in a group.
    pub warm_up: Duration,
    pub deregistration_delay: Duration,
    /// A look sees the world as it was up to this long ago, at random.
    pub read_lag_max: Duration,
    pub faults: Faults,
}

/// Chances of one call, each from 0 to 1.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Refused for lack of room. Looks too.
    pub throttled: f64,
    /// Carried out, but the answer never comes.
    pub answer_lost: f64,
    /// Never arrives, and nobody says so.
    pub request_lost: f64,
    /// No answer comes, and it is carried out up to [`Faults::late_max`] later.
    pub late: f64,
    pub late_max: Duration,
    /// Refused for ever.
    pub refused: f64,
}

impl Default for SimConfig {
    /// Quick enough for a demo, slow enough to be seen; no faults.
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(8),
            shutdown: Duration::from_secs(6),
            checks: Duration::from_secs(4),
            warm_up: Duration::from_secs(6),
            deregistration_delay: Duration::from_secs(10),
            read_lag_max: Duration::from_secs(1),
            faults: Faults::default(),
        }
    }
}

pub struct SimCloud {
    config: Mutex<SimConfig>,
    clock: SharedClock,
    random: Random,
    world: Mutex<World>,
    store: Option<Box<dyn SimStore>>,
}

impl SimCloud {
    /// A cloud that lives as long as the process.
    pub fn new(config: SimConfig, world: World, clock: SharedClock, random: Random) -> Self {
        Self { config: Mutex::new(config), clock, random, world: Mutex::new(world), store: None }
    }

    /// A cloud that is kept: what the store has, or `first` if it has nothing.
    ///
    /// # Errors
    /// What the store says, or that its text cannot be read.
    pub async fn open(
        config: SimConfig,
        first: World,
        clock: SharedClock,
        random: Random,
        store: Box<dyn SimStore>,
    ) -> Result<Self, String> {
        let world = match store.load().await? {
            Some(text) => World::read(&text)?,
            None => first,
        };
        Ok(Self { store: Some(store), ..Self::new(config, world, clock, random) })
    }

    /// Changes that were carried out, in order; the newest [`world::LEDGER_MAX`].
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.world.lock().ledger().to_vec()
    }

    /// The world as it is at this moment, without lag: for tests.
    pub fn truth(&self, query: &Query) -> Seen {
        let now = self.clock.now();
        let config = self.config.lock().clone();
        let mut world = self.world.lock();
        world.settle(now, &config, &self.random);
        world.look(query, now, &config)
    }

    pub fn set_faults(&self, faults: Faults) {
        self.config.lock().faults = faults;
    }

    fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.random.unit() < probability
    }

    fn throttle(&self, faults: &Faults, operation: String) -> Result<(), CloudError> {
        if self.chance(faults.throttled) {
            return Err(CloudError::Throttled { operation, code: "RequestLimitExceeded".to_owned() });
        }
        Ok(())
    }

    async fn keep(&self) -> Result<(), CloudError> {
        let Some(store) = &self.store else { return Ok(()) };
        let text = self.world.lock().write();
        store.save(&text).await.map_err(|reason| {
            // It is done in memory, but a restart may forget it.
            CloudError::Lost { operation: "keep the simulated cloud".to_owned(), reason }
        })
    }
}

#[async_trait]
impl Cloud for SimCloud {
    fn name(&self) -> String {
        "simulated".to_owned()
    }

    async fn look(&self, query: &Query) -> Result<Seen, CloudError> {
        let config = self.config.lock().clone();
        self.throttle(&config.faults, format!("look at {}", query.subject()))?;
        let now = self.clock.now();
        let lag = config.read_lag_max.mul_f64(self.random.unit());
        let mut world = self.world.lock();
        world.settle(now, &config, &self.random);
        Ok(world.look(query, now - lag, &config))
    }

    async fn change(&self, id: &str, effect: &Effect) -> Result<(), CloudError> {
        let config = self.config.lock().clone();
        let faults = &config.faults;
        let operation = effect.describe();
        self.throttle(faults, operation.clone())?;
        if self.chance(faults.refused) {
            return Err(CloudError::Refused { operation, reason: "injected fault".to_owned() });
        }
        let lost = |operation| CloudError::Lost { operation, reason: "no answer came".to_owned() };
        if self.chance(faults.request_lost) {
            return Err(lost(operation));
        }
        let now = self.clock.now();
        if self.chance(faults.late) {
            let due = now + faults.late_max.mul_f64(self.random.unit());
            self.world.lock().arrive_later(due, id, effect);
            self.keep().await?;
            return Err(lost(operation));
        }
        let result = {
            let mut world = self.world.lock();
            world.settle(now, &config, &self.random);
            world.change(id, effect, now, &config, &self.random)
        };
        self.keep().await?;
        if self.chance(faults.answer_lost) {
            return Err(lost(operation));
        }
        result
    }

    async fn inventory(&self) -> Result<Inventory, CloudError> {
        let config = self.config.lock().clone();
        self.throttle(&config.faults, "list what there is".to_owned())?;
        let now = self.clock.now();
        let mut world = self.world.lock();
        world.settle(now, &config, &self.random);
        Ok(world.inventory(now, &config).bounded())
    }
}

impl std::fmt::Debug for SimCloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimCloud")
            .field("now", &Timestamp::to_string(&self.clock.now()))
            .finish_non_exhaustive()
    }
}
