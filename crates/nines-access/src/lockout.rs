//! Failed attempts per account: guesses of passwords and codes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::AccountId;
use crate::throttle::network;

/// Failures from one network after which it has to wait for this account. A person mistypes a few times.
pub const FAILURES_MAX: u32 = 5;
/// Failures from anywhere after which everybody has to wait: many addresses guess together. So much above the other
/// that one stranger cannot lock a person out.
pub const FAILURES_ANYWHERE_MAX: u32 = 50;
/// Codes have six digits and three of them are good at a time: 50 guesses in a quarter of an hour find one in about
/// 70 days, and every one of them is in the log.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Accounts and networks remembered at once, about 100 bytes each: 1 MiB. When full, the oldest is forgotten.
pub const ENTRIES_MAX: usize = 10_000;

type Place = (AccountId, Option<IpAddr>);

/// Counts failures in fixed windows; a success forgets those from its own network.
#[derive(Default)]
pub(crate) struct Lockout(Mutex<HashMap<Place, (Timestamp, u32)>>);

impl Lockout {
    /// How long this network still has to wait for this account.
    pub(crate) fn wait(&self, account: &AccountId, address: IpAddr, now: Timestamp) -> Option<Duration> {
        let table = self.0.lock();
        let limits = [(Some(network(address)), FAILURES_MAX), (None, FAILURES_ANYWHERE_MAX)];
        limits.into_iter().find_map(|(place, limit)| {
            let (since, count) = table.get(&(account.clone(), place))?;
            let passed = now.since(*since);
            (*count >= limit && passed < WINDOW).then(|| WINDOW - passed)
        })
    }

    pub(crate) fn record_failure(&self, account: &AccountId, address: IpAddr, now: Timestamp) {
        let mut table = self.0.lock();
        for place in [Some(network(address)), None] {
            let key = (account.clone(), place);
            if !table.contains_key(&key) && table.len() >= ENTRIES_MAX {
                table.retain(|_, (since, _)| now.since(*since) < WINDOW);
                let oldest =
                    table.iter().min_by_key(|(_, (since, _))| *since).map(|(oldest, _)| oldest.clone());
                if let Some(oldest) = oldest.filter(|_| table.len() >= ENTRIES_MAX) {
                    table.remove(&oldest);
                }
            }
            let entry = table.entry(key).or_insert((now, 0));
            if now.since(entry.0) >= WINDOW {
                *entry = (now, 0);
            }
            entry.1 = entry.1.saturating_add(1);
        }
    }

    pub(crate) fn forget(&self, account: &AccountId, address: IpAddr) {
        self.0.lock().remove(&(account.clone(), Some(network(address))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_locked_out_others_are_not_until_many_guess_together() {
        let lockout = Lockout::default();
        let (mei, lin) = (AccountId("mei".to_owned()), AccountId("lin".to_owned()));
        let at = Timestamp::from_secs;
        let from = |number: u32| IpAddr::V4((0x0a00_0000 + number).into());
        for second in 0..5 {
            assert_eq!(lockout.wait(&mei, from(1), at(second)), None);
            lockout.record_failure(&mei, from(1), at(second));
        }
        assert!(lockout.wait(&mei, from(1), at(9)).is_some());
        assert_eq!(lockout.wait(&mei, from(2), at(9)), None);
        assert_eq!(lockout.wait(&lin, from(1), at(9)), None);
        assert_eq!(lockout.wait(&mei, from(1), at(900)), None, "the window is over");
        for number in 0..50 {
            lockout.record_failure(&lin, from(number), at(1_000));
        }
        assert!(lockout.wait(&lin, from(99), at(1_001)).is_some());
        for number in 0..2 * ENTRIES_MAX as u32 {
            lockout.record_failure(&mei, from(number), at(2_000));
        }
        assert!(lockout.0.lock().len() <= ENTRIES_MAX);
    }
}
