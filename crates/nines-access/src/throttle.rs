//! Failed attempts per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::Mutex;

/// Failures of one address within [`WINDOW`] after which further ones are told to wait, and are neither counted nor
/// logged. A person mistypes a key a few times; a broken agent retries each second.
pub const FAILURES_MAX: u32 = 10;
pub const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at once: at about 64 bytes each, under 1 MiB. When full, the one whose window is oldest is
/// forgotten, so a flood from many addresses costs us precision and not memory.
pub const ADDRESSES_MAX: usize = 10_000;

/// Counts failures in fixed windows. Good credentials are never counted.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    since: Timestamp,
    count: u32,
}

impl Throttle {
    /// How long the address still has to wait; `None` if it need not.
    pub(crate) fn wait(&self, address: IpAddr, now: Timestamp) -> Option<Duration> {
        let table = self.0.lock();
        let failures = table.get(&network(address))?;
        let passed = now.since(failures.since);
        (failures.count >= FAILURES_MAX && passed < WINDOW).then(|| WINDOW - passed)
    }

    pub(crate) fn record_failure(&self, address: IpAddr, now: Timestamp) {
        let mut table = self.0.lock();
        let address = network(address);
        if !table.contains_key(&address) && table.len() >= ADDRESSES_MAX {
            table.retain(|_, failures| now.since(failures.since) < WINDOW);
            if table.len() >= ADDRESSES_MAX
                && let Some(oldest) =
                    table.iter().min_by_key(|(_, failures)| failures.since).map(|(oldest, _)| *oldest)
            {
                table.remove(&oldest);
            }
        }
        let failures = table.entry(address).or_insert(Failures { since: now, count: 0 });
        if now.since(failures.since) >= WINDOW {
            *failures = Failures { since: now, count: 0 };
        }
        failures.count = failures.count.saturating_add(1);
    }
}

/// One IPv6 customer has a /64 at the least, so that is what counts as one address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(prefix.into())
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_waits_out_its_window_and_others_do_not() {
        let throttle = Throttle::default();
        let at = Timestamp::from_secs;
        let (bad, good) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for second in 0..10 {
            assert_eq!(throttle.wait(bad, at(second)), None);
            throttle.record_failure(bad, at(second));
        }
        assert_eq!(throttle.wait(bad, at(10)), Some(Duration::from_secs(50)));
        assert_eq!(throttle.wait(good, at(10)), None);
        assert_eq!(throttle.wait(bad, at(60)), None);
    }

    #[test]
    fn one_v6_network_is_one_address_and_the_table_is_bounded() {
        let throttle = Throttle::default();
        let now = Timestamp::from_secs(0);
        for host in 0..10_u128 {
            throttle.record_failure(IpAddr::V6((0x2001_0db8 << 96 | host).into()), now);
        }
        assert!(throttle.wait("2001:db8::ffff".parse().unwrap(), now).is_some());
        assert!(throttle.wait("2001:db8:0:1::".parse().unwrap(), now).is_none());
        for host in 0..(ADDRESSES_MAX as u32 + 50) {
            throttle.record_failure(IpAddr::V4(host.into()), now);
        }
        assert_eq!(throttle.0.lock().len(), ADDRESSES_MAX);
    }
}
