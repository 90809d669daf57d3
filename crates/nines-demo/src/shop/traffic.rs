//! Shoppers: an open loop, so that a slow shop does not make them come less often (no coordinated omission).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nines_base::{Random, Shutdown};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{Context, KeyValue};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::World;
use super::call::{CITY, HeadersMut, USER_ID, propagator};
use super::gateway;
use super::topology::{Region, Service};

/// Requests under way at once: ten seconds of a hundred a second, when everything waits for a time-out.
const UNDER_WAY_MAX: u32 = 1000;

/// Shoppers there are. At 50 requests a second each is seen every minute or so, so that "users hit" means something.
const USERS: u64 = 4000;

/// Longer than any wait inside the shop.
const PATIENCE: Duration = Duration::from_secs(8);

/// What shoppers do, in percent.
const MIX: [(&str, u64); 3] = [(gateway::BROWSE, 40), (gateway::SEARCH, 25), (gateway::CHECKOUT, 35)];

/// Shoppers on their way. Dropping it stops them.
pub struct Traffic {
    shutdown: Shutdown,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    /// Not sent, because too many were under way.
    skipped: AtomicU64,
}

impl Traffic {
    pub(super) fn start(world: Arc<World>, rate: f64, seed: u64) -> Self {
        let (shutdown, counts) = (Shutdown::new(), Arc::<Counts>::default());
        let task =
            tokio::spawn(arrive(world, rate, Random::from_seed(seed), shutdown.clone(), counts.clone()));
        Self { shutdown, counts, task }
    }

    /// Requests sent, of those failed, and those not sent because too many were under way.
    pub fn counts(&self) -> (u64, u64, u64) {
        let Counts { sent, failed, skipped } = &*self.counts;
        (sent.load(Ordering::Relaxed), failed.load(Ordering::Relaxed), skipped.load(Ordering::Relaxed))
    }

    /// No more shoppers come; returns when those under way are done, which their patience bounds.
    pub async fn stop(mut self) {
        self.shutdown.begin();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

async fn arrive(world: Arc<World>, rate: f64, random: Random, shutdown: Shutdown, counts: Arc<Counts>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX as usize));
    let mut due = world.clock.monotonic();
    loop {
        // Exponential gaps make the arrivals a Poisson process. Due times are absolute: a late wake-up is made good.
        due += Duration::from_secs_f64(-(1.0 - random.unit()).ln() / rate.max(f64::MIN_POSITIVE));
        let pause = due.saturating_sub(world.clock.monotonic());
        tokio::select! {
            () = shutdown.begun() => {
                // All permits are back when the last visit is over. It never closes, so there is no error.
                let _ = under_way.acquire_many(UNDER_WAY_MAX).await;
                return;
            }
            () = world.clock.sleep(pause) => {}
        }
        let visit = Visit::draw(&random);
        let Ok(permit) = under_way.clone().try_acquire_owned() else {
            counts.skipped.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let (world, counts) = (world.clone(), counts.clone());
        tokio::spawn(async move {
            counts.sent.fetch_add(1, Ordering::Relaxed);
            if !visit.make(&world).await {
                counts.failed.fetch_add(1, Ordering::Relaxed);
            }
            drop(permit);
        });
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Visit {
    user: u64,
    city: &'static str,
    region: Region,
    path: &'static str,
}

impl Visit {
    fn draw(random: &Random) -> Self {
        let user = random.below(USERS);
        let (region, city) = home(user);
        let mut ticket = random.below(100);
        let path = MIX.iter().find(|(_, share)| {
            let chosen = ticket < *share;
            ticket = ticket.saturating_sub(*share);
            chosen
        });
        Self { user, city, region, path: path.map_or(gateway::BROWSE, |(path, _)| path) }
    }

    /// Whether the shopper got what she came for.
    async fn make(&self, world: &World) -> bool {
        let Some(address) = world.directory.load().pick(Service::Gateway, self.region) else { return false };
        let mut request = nines_egress::Request::post(format!("http://{address}{}", self.path), "");
        request.timeout = Some(PATIENCE);
        let shopper = [KeyValue::new(USER_ID, format!("u-{:05}", self.user)), KeyValue::new(CITY, self.city)];
        let cx = Context::new().with_baggage(shopper);
        propagator().inject_context(&cx, &mut HeadersMut(&mut request.headers));
        world.http.send(request).await.is_ok_and(|response| response.status.is_success())
    }
}

/// Where a user lives never changes. Multiplying spreads neighbours over the cities.
fn home(user: u64) -> (Region, &'static str) {
    let mut ticket = user.wrapping_mul(2_654_435_761) % 100;
    for region in Region::ALL {
        for (city, share) in region.cities() {
            if ticket < *share {
                return (region, city);
            }
            ticket -= share;
        }
    }
    (Region::Taiwan, "Taipei")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_same_seed_brings_the_same_shoppers() {
        let visits = |seed| {
            let random = Random::from_seed(seed);
            (0..100).map(|_| Visit::draw(&random)).collect::<Vec<_>>()
        };
        assert_eq!(visits(7), visits(7));
        assert_ne!(visits(7), visits(8));
    }

    #[test]
    fn shoppers_come_from_everywhere_and_do_everything_in_their_shares() {
        let random = Random::from_seed(42);
        let (mut cities, mut paths) = (BTreeMap::new(), BTreeMap::new());
        for _ in 0..20_000 {
            let visit = Visit::draw(&random);
            *cities.entry(visit.city).or_insert(0) += 1;
            *paths.entry(visit.path).or_insert(0) += 1;
        }
        for (name, share) in Region::ALL.iter().flat_map(|region| region.cities()) {
            let percent = f64::from(cities[name]) / 200.0;
            assert!((percent - *share as f64).abs() < 2.5, "{name}: {percent} %, not {share} %");
        }
        for (name, share) in MIX {
            let percent = f64::from(paths[name]) / 200.0;
            assert!((percent - share as f64).abs() < 2.0, "{name}: {percent} %, not {share} %");
        }
    }
}
