//! When groups are evaluated. Source: upstream's `Group.EvalTimestamp`.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::alert::millis;
use crate::document::RuleGroup;

/// The place of a group in its interval: the same on every node and after every restart, different for each group.
pub fn place(group: &RuleGroup) -> u64 {
    let sum = Sha256::digest(format!("{}\u{ff}{}", group.file, group.name).as_bytes());
    sum[..8].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// The last instant at or before `now_ms` at which a group with this place is evaluated.
pub fn slot(place: u64, interval: Duration, now_ms: i64) -> i64 {
    let interval_ms = millis(interval).max(1);
    let offset = i64::try_from(place % interval_ms.unsigned_abs()).unwrap_or(0);
    let shifted = now_ms.saturating_sub(offset);
    shifted - shifted.rem_euclid(interval_ms) + offset
}

/// Evaluations that were due between two that happened.
pub fn missed(last_ms: i64, now_ms: i64, interval: Duration) -> u64 {
    let slots = now_ms.saturating_sub(last_ms) / millis(interval).max(1);
    u64::try_from(slots - 1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slots_are_whole_intervals_apart(place in any::<u64>(), now in 0..4_000_000_000_000_i64, secs in 1..7200_u64) {
            let interval = Duration::from_secs(secs);
            let slot = |now| slot(place, interval, now);
            let at = slot(now);
            prop_assert!(at <= now && now - at < millis(interval));
            prop_assert_eq!(slot(at), at);
            prop_assert_eq!(slot(at + millis(interval)), at + millis(interval));
            prop_assert_eq!(missed(at, at + millis(interval), interval), 0);
            prop_assert_eq!(missed(at, at + 3 * millis(interval), interval), 2);
        }
    }
}
