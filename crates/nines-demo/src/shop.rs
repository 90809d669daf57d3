//! The shop as a whole: which services run where, in which version, and how they find each other.

mod call;
mod checkout;
mod gateway;
mod inventory;
mod payment;
mod pod;
mod recommendation;
mod telemetry;
mod topology;
mod traffic;

use std::sync::Arc;

use arc_swap::ArcSwap;
use nines_base::{Random, SharedClock};
use nines_egress::{Egress, Policy};

use pod::Pod;
pub use telemetry::Sender;
use topology::Directory;
pub use topology::{Region, Release, Service};
pub use traffic::Traffic;

#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    #[error("cannot open a port for {service}")]
    Listen { service: &'static str, source: std::io::Error },
    #[error("cannot set up telemetry for {service}: {reason}")]
    Telemetry { service: &'static str, reason: String },
    #[error("cannot make the HTTP client of the shop")]
    Http(#[source] nines_egress::EgressError),
}

/// What all pods share: the world that they live in.
pub(crate) struct World {
    clock: SharedClock,
    random: Random,
    http: Egress,
    sender: Sender,
    directory: ArcSwap<Directory>,
    settings: ArcSwap<Settings>,
}

/// What can be changed without a deploy.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Revision of inventory's configuration.
    inventory_revision: i64,
    /// How inventory looks products up.
    lookup: Lookup,
    /// Regions in which the flag [`topology::FRAUD_FLAG`] is on.
    fraud_flag: Vec<Region>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// By the index on the name's beginning.
    Prefix,
    /// By a regular expression over all names.
    Regex,
}

/// Between taking pods out of the directory and closing their ports.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(200);

/// Five services, running. Stop it to send what is still in its pipelines.
pub struct Shop {
    world: Arc<World>,
    pods: tokio::sync::Mutex<Vec<Arc<Pod>>>,
}

impl Shop {
    /// Starts every service in its calm release, in every region.
    pub async fn start(sender: Sender, clock: SharedClock, seed: u64) -> Result<Self, ShopError> {
        let config = nines_egress::Config {
            policy: Policy::with_loopback(),
            user_agent: "shop/1.0".to_owned(),
            ..nines_egress::Config::default()
        };
        let world = Arc::new(World {
            clock,
            random: Random::from_seed(seed),
            http: Egress::new(config).map_err(ShopError::Http)?,
            sender,
            directory: ArcSwap::default(),
            settings: ArcSwap::from_pointee(Settings {
                inventory_revision: topology::CALM_REVISION,
                lookup: Lookup::Prefix,
                fraud_flag: Vec::new(),
            }),
        });
        let shop = Self { world, pods: tokio::sync::Mutex::default() };
        for service in Service::ALL {
            for region in Region::ALL {
                let release = service.calm_release();
                shop.roll(service, region, service.pods_per_region(), release).await?;
            }
        }
        Ok(shop)
    }

    /// Replaces `count` pods of `service` in `region` by new ones of `release`: first the new ones are known, then the
    /// old ones drain.
    pub async fn roll(
        &self,
        service: Service,
        region: Region,
        count: usize,
        release: Release,
    ) -> Result<(), ShopError> {
        let mut pods = self.pods.lock().await;
        let mut new = Vec::with_capacity(count);
        for _ in 0..count {
            new.push(Pod::start(&self.world, service, region, release).await?);
        }
        let (old, kept): (Vec<_>, Vec<_>) = {
            let mut replaced = 0;
            pods.drain(..).partition(|pod| {
                let other = pod.identity.release != release;
                let replace = pod.identity.service == service
                    && pod.identity.region == region
                    && other
                    && replaced < count;
                replaced += usize::from(replace);
                replace
            })
        };
        *pods = kept;
        pods.extend(new);
        self.world
            .directory
            .store(Arc::new(Directory::of(pods.iter().map(|pod| (&pod.identity, pod.address)))));
        drop(pods);
        // Whoever looked the old ones up just now must still find them open.
        self.world.clock.sleep(SETTLE).await;
        futures::future::join_all(old.into_iter().map(|pod| async move { pod.stop().await })).await;
        Ok(())
    }

    /// Takes every pod of `service` that is not calm back to the calm release.
    pub async fn roll_back(&self, service: Service) -> Result<(), ShopError> {
        let calm = service.calm_release();
        for region in Region::ALL {
            let pods = self.pods.lock().await;
            let changed = pods.iter().filter(|pod| {
                pod.identity.service == service
                    && pod.identity.region == region
                    && pod.identity.release != calm
            });
            let count = changed.count();
            drop(pods);
            if count > 0 {
                self.roll(service, region, count, calm).await?;
            }
        }
        Ok(())
    }

    /// Gives inventory another configuration.
    pub(crate) fn configure_inventory(&self, revision: i64, lookup: Lookup) {
        let settings =
            Settings { inventory_revision: revision, lookup, ..(**self.world.settings.load()).clone() };
        self.world.settings.store(Arc::new(settings));
    }

    /// Turns the fraud check's flag on in these regions and off elsewhere.
    pub(crate) fn set_fraud_flag(&self, regions: &[Region]) {
        let settings = Settings { fraud_flag: regions.to_vec(), ..(**self.world.settings.load()).clone() };
        self.world.settings.store(Arc::new(settings));
    }

    /// Shoppers come, at `rate` per second on average, until the returned traffic is stopped or dropped.
    pub fn open(&self, rate: f64, seed: u64) -> Traffic {
        Traffic::start(self.world.clone(), rate, seed)
    }

    /// Drains all pods and sends what their pipelines still hold.
    pub async fn stop(self) {
        let pods = std::mem::take(&mut *self.pods.lock().await);
        futures::future::join_all(pods.into_iter().map(|pod| async move { pod.stop().await })).await;
    }
}

pub use topology::BAD_CHECKOUT;
pub(crate) use topology::{BAD_RECOMMENDATION, CALM_REVISION, FRAUD_FLAG, REGEX_REVISION};
