//! Alerts that come and go.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use nines_model::Timestamp;

/// So many changes in [`FLAP_WINDOW`] are flapping.
pub const FLAP_CHANGES: usize = 4;
pub const FLAP_WINDOW: Duration = Duration::from_secs(600);
/// Alerts that have changed lately; the same as are known at all.
const TRACKED_MAX: usize = super::ALERTS_MAX;

/// The changes of each alert in the last [`FLAP_WINDOW`].
#[derive(Debug, Clone, Default)]
pub struct Flapping {
    changes: HashMap<String, VecDeque<Timestamp>>,
    flapping: HashMap<String, Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steadiness {
    Steady,
    /// It has just begun to flap: worth one message.
    BeganFlapping {
        changes: usize,
    },
    /// It goes on: worth none.
    StillFlapping,
}

impl Flapping {
    /// The alert fired, or ended.
    pub fn changed(&mut self, fingerprint: &str, now: Timestamp) -> Steadiness {
        if self.changes.len() >= TRACKED_MAX && !self.changes.contains_key(fingerprint) {
            self.forget(now);
            if self.changes.len() >= TRACKED_MAX {
                return Steadiness::Steady;
            }
        }
        let changes = self.changes.entry(fingerprint.to_owned()).or_default();
        changes.push_back(now);
        while changes.len() > FLAP_CHANGES || changes.front().is_some_and(|at| now.since(*at) >= FLAP_WINDOW)
        {
            changes.pop_front();
        }
        if changes.len() < FLAP_CHANGES && !self.flapping.contains_key(fingerprint) {
            return Steadiness::Steady;
        }
        match self.flapping.insert(fingerprint.to_owned(), now) {
            Some(_) => Steadiness::StillFlapping,
            None => Steadiness::BeganFlapping { changes: FLAP_CHANGES },
        }
    }

    /// Those that have not changed for [`FLAP_WINDOW`], by name: each is steady again, which is worth one message.
    pub fn tick(&mut self, now: Timestamp) -> Vec<String> {
        let is_quiet = |at: &Timestamp| now.since(*at) >= FLAP_WINDOW;
        let mut steady: Vec<String> =
            self.flapping.iter().filter(|(_, at)| is_quiet(at)).map(|(name, _)| name.clone()).collect();
        steady.sort();
        for name in &steady {
            self.flapping.remove(name);
        }
        self.forget(now);
        steady
    }

    pub fn is_flapping(&self, fingerprint: &str) -> bool {
        self.flapping.contains_key(fingerprint)
    }

    fn forget(&mut self, now: Timestamp) {
        self.changes.retain(|_, changes| changes.back().is_some_and(|at| now.since(*at) < FLAP_WINDOW));
    }
}
