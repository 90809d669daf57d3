use std::time::Duration;

use nines_model::Timestamp;
use serde::{Deserialize, Serialize};

/// Older changes than this are nobody's business: reads lag by seconds.
const KEPT: Duration = Duration::from_secs(600);

/// A value over time, the future that is already decided included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct History<T>(Vec<(i64, T)>);

impl<T: Clone> History<T> {
    pub fn new(value: T) -> Self {
        Self(vec![(i64::MIN, value)])
    }

    /// The value at an instant.
    pub fn at(&self, at: Timestamp) -> &T {
        let after = self.0.partition_point(|(from, _)| *from <= at.as_nanos());
        &self.0[after.saturating_sub(1)].1
    }

    /// Since when it has had the value that it has at `at`.
    pub fn since(&self, at: Timestamp) -> Timestamp {
        let after = self.0.partition_point(|(from, _)| *from <= at.as_nanos());
        Timestamp::from_nanos(self.0[after.saturating_sub(1)].0)
    }

    /// Sets the value from `from` on; what was decided for later is off.
    pub fn set(&mut self, from: Timestamp, value: T) {
        self.0.retain(|(at, _)| *at < from.as_nanos());
        self.0.push((from.as_nanos(), value));
        let horizon = (from - KEPT).as_nanos();
        let old = self.0.partition_point(|(at, _)| *at <= horizon).saturating_sub(1);
        self.0.drain(..old);
    }

    /// Sets the value from `from` on, after what is decided already.
    pub fn then(&mut self, from: Timestamp, value: T) {
        self.0.push((from.as_nanos(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_decision_replaces_the_future_and_keeps_the_past() {
        let at = Timestamp::from_secs;
        let mut history = History::new("off");
        history.set(at(10), "starting");
        history.then(at(20), "on");
        assert_eq!([5, 10, 19, 20].map(|secs| *history.at(at(secs))), ["off", "starting", "starting", "on"]);
        history.set(at(15), "stopping");
        assert_eq!([12, 15, 30].map(|secs| *history.at(at(secs))), ["starting", "stopping", "stopping"]);
        assert_eq!(history.since(at(30)), at(15));
    }
}
