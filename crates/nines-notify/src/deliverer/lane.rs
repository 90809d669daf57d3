//! The pace of one target: how many at a time, how fast, and how long to leave it alone after a failure.

use std::time::Duration;

use nines_base::Random;

use crate::backoff::{asked_pause, lane_pause, unknown_pause};
use crate::{Limits, Outcome};

/// Instants are monotonic time.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub in_flight: usize,
    /// Failed attempts in a row; 0 while the target works.
    pub failures: u32,
    unknowns: u32,
    paused_until: Duration,
    next_start: Duration,
    pub last_detail: Option<String>,
    pub totals: Totals,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub delivered: u64,
    pub retryable: u64,
    pub permanent: u64,
    pub unknown: u64,
}

impl Lane {
    /// How many sends may start now. A failing target gets one at a time, a paced one likewise.
    pub fn capacity(&self, limits: Limits, now: Duration) -> usize {
        if now < self.opens_at() {
            return 0;
        }
        let paced = self.failures > 0 || !limits.interval.is_zero();
        let at_once = if self.failures > 0 { 1 } else { limits.concurrency };
        let free = at_once.saturating_sub(self.in_flight);
        if paced { free.min(1) } else { free }
    }

    /// When the next send may start, as far as time decides.
    pub fn opens_at(&self) -> Duration {
        self.paused_until.max(self.next_start)
    }

    pub fn started(&mut self, limits: Limits, now: Duration) {
        self.in_flight += 1;
        self.next_start = now + limits.interval;
    }

    /// Returns true if the target has just come back.
    pub fn ended(&mut self, outcome: &Outcome, now: Duration, random: &Random) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Delivered { .. } => {
                self.totals.delivered += 1;
                self.last_detail = None;
                let came_back = self.failures > 0;
                (self.failures, self.unknowns, self.paused_until) = (0, 0, now);
                came_back
            }
            // The page was at fault, or the configuration: the target answered.
            Outcome::Permanent { detail } => {
                self.totals.permanent += 1;
                self.last_detail = Some(detail.clone());
                false
            }
            Outcome::Retryable { detail, after } => {
                self.totals.retryable += 1;
                self.failures = self.failures.saturating_add(1);
                let pause = match after {
                    Some(asked) => asked_pause(*asked, random),
                    None => lane_pause(self.failures, random),
                };
                self.pause(now, pause, detail);
                false
            }
            Outcome::Unknown { detail } => {
                self.totals.unknown += 1;
                self.failures = self.failures.saturating_add(1);
                self.unknowns = self.unknowns.saturating_add(1);
                self.pause(now, unknown_pause(self.unknowns, random), detail);
                false
            }
        }
    }

    fn pause(&mut self, now: Duration, pause: Duration, detail: &str) {
        self.paused_until = self.paused_until.max(now + pause);
        self.last_detail = Some(detail.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Limits = Limits { concurrency: 4, interval: Duration::ZERO };
    const PACED: Limits = Limits { concurrency: 1, interval: Duration::from_secs(1) };

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn retryable(after: Option<Duration>) -> Outcome {
        Outcome::Retryable { detail: "down".into(), after }
    }

    #[test]
    fn a_failing_lane_probes_one_at_a_time_at_least_every_thirty_seconds() {
        let random = Random::from_seed(1);
        let mut lane = Lane::default();
        assert_eq!(lane.capacity(FAST, secs(0)), 4);
        let mut now = secs(0);
        for _ in 0..50 {
            lane.started(FAST, now);
            lane.ended(&retryable(None), now, &random);
            assert_eq!(lane.capacity(FAST, now), 0);
            assert!(lane.opens_at() - now <= secs(30));
            now = lane.opens_at();
            assert_eq!(lane.capacity(FAST, now), 1);
        }
        lane.started(FAST, now);
        assert!(lane.ended(&Outcome::Delivered { reference: None }, now, &random));
        assert_eq!(lane.capacity(FAST, now), 4);
    }

    #[test]
    fn the_providers_wish_and_the_pace_are_kept() {
        let random = Random::from_seed(2);
        let mut lane = Lane::default();
        lane.started(PACED, secs(10));
        assert_eq!(lane.capacity(PACED, secs(10)), 0);
        lane.ended(&Outcome::Delivered { reference: None }, secs(10), &random);
        assert_eq!(lane.capacity(PACED, Duration::from_millis(10_999)), 0);
        assert_eq!(lane.capacity(PACED, secs(11)), 1);
        lane.started(PACED, secs(11));
        lane.ended(&retryable(Some(secs(120))), secs(11), &random);
        assert!(lane.opens_at() >= secs(131) && lane.opens_at() <= secs(143));
        lane.started(PACED, secs(200));
        lane.ended(&retryable(Some(secs(1_000_000))), secs(200), &random);
        assert!(lane.opens_at() <= secs(200) + crate::PAUSE_MAX, "nobody silences us for days");
    }

    #[test]
    fn unknown_outcomes_make_long_pauses() {
        let random = Random::from_seed(3);
        for _ in 0..100 {
            let mut lane = Lane::default();
            let mut now = secs(0);
            for minimum in [15, 22, 22, 22] {
                lane.started(FAST, now);
                lane.ended(&Outcome::Unknown { detail: String::new() }, now, &random);
                let pause = lane.opens_at() - now;
                assert!(pause >= secs(minimum) && pause <= secs(45), "{pause:?}");
                now = lane.opens_at();
            }
        }
    }
}
