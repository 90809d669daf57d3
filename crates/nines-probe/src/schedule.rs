//! When each check is due. Pure: monotonic instants in, names out.

use std::collections::BTreeMap;
use std::time::Duration;

/// The due times of the checks of one runner.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    interval: Duration,
    due: Duration,
    is_running: bool,
}

impl Schedule {
    /// What is to be checked from now on. Checks that stay keep their rhythm; new ones are spread over their interval, so
    /// that a hundred checks are not begun in the same instant after a start.
    pub fn replace<'a>(&mut self, checks: impl IntoIterator<Item = (&'a str, Duration)>, now: Duration) {
        let before = std::mem::take(&mut self.entries);
        for (name, interval) in checks {
            let entry = match before.get(name) {
                Some(known) => Entry { interval, due: known.due.min(now + interval), ..*known },
                None => Entry { interval, due: now + spread(name, interval), is_running: false },
            };
            self.entries.insert(name.to_owned(), entry);
        }
    }

    /// When something is due next; `None` if nothing waits.
    pub fn next_at(&self) -> Option<Duration> {
        self.entries.values().filter(|entry| !entry.is_running).map(|entry| entry.due).min()
    }

    /// The checks that are due, marked as running. One that still runs is not begun again.
    pub fn take_due(&mut self, now: Duration) -> Vec<String> {
        let due = self.entries.iter_mut().filter(|(_, entry)| !entry.is_running && entry.due <= now);
        due.map(|(name, entry)| {
            entry.is_running = true;
            name.clone()
        })
        .collect()
    }

    /// A check has ended. The next is due an interval after the last was, or `again` after now if that is sooner; times
    /// that have passed meanwhile are left out.
    pub fn done(&mut self, name: &str, now: Duration, again: Option<Duration>) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.is_running = false;
        while entry.due <= now {
            let behind = (now - entry.due).as_nanos() / entry.interval.as_nanos().max(1);
            let steps = u32::try_from(behind).unwrap_or(u32::MAX).saturating_add(1);
            entry.due += entry.interval.saturating_mul(steps).max(Duration::from_millis(1));
        }
        if let Some(again) = again {
            entry.due = entry.due.min(now + again);
        }
    }
}

/// A part of the first interval, at most [`SPREAD_MAX`], always the same for the same name (FNV-1a).
fn spread(name: &str, interval: Duration) -> Duration {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    interval.min(SPREAD_MAX).mul_f64((hash % 1000) as f64 / 1000.0)
}

/// Whoever applies a probe wants to see it run.
const SPREAD_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_keeps_its_rhythm_and_never_runs_twice_at_once() {
        let mut schedule = Schedule::default();
        schedule.replace([("a", SECOND * 10)], Duration::ZERO);
        let first = schedule.next_at().unwrap();
        assert!(first <= SPREAD_MAX);
        assert_eq!(schedule.take_due(first), ["a"]);
        assert_eq!((schedule.take_due(first + SECOND * 60).len(), schedule.next_at()), (0, None));
        schedule.done("a", first + SECOND, None);
        assert_eq!(schedule.next_at(), Some(first + SECOND * 10));
        // It took long: the times that passed are left out, the rhythm stays.
        schedule.take_due(first + SECOND * 10);
        schedule.done("a", first + SECOND * 35, None);
        assert_eq!(schedule.next_at(), Some(first + SECOND * 40));
        schedule.take_due(first + SECOND * 40);
        schedule.done("a", first + SECOND * 41, Some(SECOND * 2));
        assert_eq!(schedule.next_at(), Some(first + SECOND * 43), "a repetition comes sooner");
    }

    #[test]
    fn a_declaration_that_changes_keeps_what_runs() {
        let mut schedule = Schedule::default();
        schedule.replace([("a", SECOND * 3600), ("b", SECOND)], Duration::ZERO);
        schedule.take_due(SECOND * 5);
        schedule.replace([("a", SECOND * 2), ("c", SECOND)], SECOND * 6);
        schedule.done("b", SECOND * 6, None);
        schedule.done("a", SECOND * 6, None);
        assert!(schedule.next_at().unwrap() <= SECOND * 8);
        assert_eq!(schedule.take_due(SECOND * 20), ["a", "c"]);
    }
}
