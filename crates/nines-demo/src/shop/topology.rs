//! Services, regions, releases, and the directory by which pods find each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use nines_base::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Gateway,
    Checkout,
    Payment,
    Inventory,
    Recommendation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    Taiwan,
    Singapore,
    Berlin,
}

/// What was built and deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    pub version: &'static str,
    pub commit: &'static str,
}

/// The checkout release whose new currency conversion fails (availability story).
pub const BAD_CHECKOUT: Release = Release { version: "2.4.1", commit: "b81f6d2" };

/// The recommendation release that reads product titles as UTF-8 only (errors story).
pub const BAD_RECOMMENDATION: Release = Release { version: "5.2.0", commit: "9f3c2ab" };

/// The flag that has each payment checked for fraud while it holds its connection (saturation story).
pub const FRAUD_FLAG: &str = "inline-fraud-check";

/// Revisions of inventory's configuration: looked up by index, and by regular expression (latency story).
pub const CALM_REVISION: i64 = 117;
pub const REGEX_REVISION: i64 = 118;

impl Service {
    pub const ALL: [Self; 5] =
        [Self::Gateway, Self::Checkout, Self::Payment, Self::Inventory, Self::Recommendation];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Checkout => "checkout",
            Self::Payment => "payment",
            Self::Inventory => "inventory",
            Self::Recommendation => "recommendation",
        }
    }

    pub fn calm_release(self) -> Release {
        match self {
            Self::Gateway => Release { version: "3.1.4", commit: "41cd07e" },
            Self::Checkout => Release { version: "2.4.0", commit: "7aa90c5" },
            Self::Payment => Release { version: "1.12.3", commit: "e2b61f8" },
            Self::Inventory => Release { version: "4.0.2", commit: "c59d3a1" },
            Self::Recommendation => Release { version: "5.1.9", commit: "0d8e4f7" },
        }
    }

    /// Checkout has three, so that a roll-out which stops at two of them fails most requests but not all.
    pub fn pods_per_region(self) -> usize {
        if self == Self::Checkout { 3 } else { 2 }
    }
}

impl Region {
    pub const ALL: [Self; 3] = [Self::Taiwan, Self::Singapore, Self::Berlin];

    /// Google Cloud's names for Changhua County, Jurong West and Berlin.
    pub fn cloud_region(self) -> &'static str {
        match self {
            Self::Taiwan => "asia-east1",
            Self::Singapore => "asia-southeast1",
            Self::Berlin => "europe-west10",
        }
    }

    /// Where its shoppers live, and their share of all shoppers in percent. The shares of all regions add up to 100.
    pub fn cities(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Taiwan => &[("Taipei", 24), ("Kaohsiung", 9)],
            Self::Singapore => &[("Singapore", 26), ("Jakarta", 11)],
            Self::Berlin => &[("Berlin", 22), ("Prague", 8)],
        }
    }
}

/// Who a pod says that it is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub service: Service,
    pub region: Region,
    pub release: Release,
    /// As Kubernetes names them: deployment, replica set, pod.
    pub pod: String,
    pub zone: String,
    pub host: String,
}

impl Identity {
    pub fn new(service: Service, region: Region, release: Release, random: &Random) -> Self {
        let zone_letter = ["a", "b", "c"][usize::try_from(random.below(3)).unwrap_or(0)];
        let region_name = region.cloud_region();
        Self {
            service,
            region,
            release,
            // The replica set is named by the release, as a new release makes a new one.
            pod: format!("{}-{}-{:05x}", service.as_str(), release.commit, random.below(0x10_0000)),
            zone: format!("{region_name}-{zone_letter}"),
            host: format!("gke-{region_name}-{zone_letter}-{}", random.below(4) + 1),
        }
    }
}

/// Addresses of the running pods. A snapshot: replaced whole.
#[derive(Debug, Default)]
pub struct Directory {
    pods: BTreeMap<(Service, Region), Pods>,
}

/// Each set has a turn of its own: calls come in fixed orders, so with a common one two pods of two could share their
/// work 4 : 1 for minutes and then change sides, and that stood out more than a story's cause.
#[derive(Debug, Default)]
struct Pods {
    addresses: Vec<SocketAddr>,
    turn: AtomicUsize,
}

impl Directory {
    pub fn of<'a>(pods: impl Iterator<Item = (&'a Identity, SocketAddr)>) -> Self {
        let mut directory = Self::default();
        for (identity, address) in pods {
            directory.pods.entry((identity.service, identity.region)).or_default().addresses.push(address);
        }
        directory
    }

    /// The pods of a service in a region take turns.
    pub fn pick(&self, service: Service, region: Region) -> Option<SocketAddr> {
        let pods = self.pods.get(&(service, region))?;
        let turn = pods.turn.fetch_add(1, Ordering::Relaxed);
        pods.addresses.get(turn % pods.addresses.len()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shoppers_live_somewhere() {
        let shares: u64 = Region::ALL.iter().flat_map(|region| region.cities()).map(|(_, share)| share).sum();
        assert_eq!(shares, 100);
    }

    #[test]
    fn pods_take_turns() {
        let random = Random::from_seed(1);
        let identity =
            Identity::new(Service::Payment, Region::Berlin, Service::Payment.calm_release(), &random);
        let checkout =
            Identity::new(Service::Checkout, Region::Berlin, Service::Checkout.calm_release(), &random);
        let addresses: Vec<SocketAddr> =
            (1..=3).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let identities = [&identity, &identity, &checkout];
        let directory = Directory::of(identities.into_iter().zip(addresses.iter().copied()));
        // What is asked of others in between changes nobody's turn.
        let picked: Vec<_> = (0..4)
            .filter_map(|_| {
                directory.pick(Service::Checkout, Region::Berlin)?;
                directory.pick(Service::Payment, Region::Berlin)
            })
            .collect();
        assert_eq!(picked, [addresses[0], addresses[1], addresses[0], addresses[1]]);
        assert_eq!(directory.pick(Service::Gateway, Region::Berlin), None);
    }
}
