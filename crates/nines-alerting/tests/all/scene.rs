//! A stage for the tests: a rule with the usual tiers, driven second by second.

use std::sync::Arc;
use std::time::Duration;

use nines_alerting::{
    Burn, Decision, Measurement, Phase, Policy, Reading, Severity, Subject, Track, Traffic, TransitionKind,
    decide,
};
use nines_model::Timestamp;

pub const START: Timestamp = Timestamp::from_secs(1_790_000_000);

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn subject() -> Arc<Subject> {
    Arc::new(Subject {
        slo: "checkout-availability".to_owned(),
        noun: "requests".to_owned(),
        service: "checkout".to_owned(),
        owner: "team-shop".to_owned(),
        environment: Some("production".to_owned()),
        ..Subject::default()
    })
}

/// `(name, severity, long, short, threshold)`
pub const TIERS: [(&str, Severity, u64, u64, f64); 4] = [
    ("60s/5s", Severity::Page, 60, 5, 400.0),
    ("1h/5m", Severity::Page, 3600, 300, 14.4),
    ("6h/30m", Severity::Page, 21_600, 1800, 6.0),
    ("3d/6h", Severity::Ticket, 259_200, 21_600, 1.0),
];

/// Rates for each tier: `(long, short)`; a tier fires when both reach its threshold on enough events.
pub fn reading(at: Timestamp, rates: [(f64, f64); 4]) -> Reading {
    let burns =
        TIERS.iter().zip(rates).map(|((tier, severity, long, short, threshold), (long_rate, short_rate))| {
            Burn {
                tier: (*tier).to_owned(),
                severity: *severity,
                long: secs(*long),
                short: secs(*short),
                threshold: *threshold,
                long_rate: Some(long_rate),
                short_rate: Some(short_rate),
                enough_events: true,
                firing: long_rate >= *threshold && short_rate >= *threshold,
            }
        });
    Reading {
        at,
        subject: subject(),
        measurement: Measurement::Measured,
        burns: burns.collect(),
        last_event_at: Some(at),
        began_at: None,
        traffic: Some(Traffic { events: 6_000, expected: 6_000.0, window: secs(60) }),
        objective: 0.999,
        sla: Some(0.995),
        window: "30 days".to_owned(),
        error_rate: Some(0.041),
        normal_rate: Some(0.002),
        recent: secs(300),
        good: 28_770,
        total: 30_000,
        budget_left: Some(0.61),
        budget_left_time: Some(secs(1581)),
        exhaustion_in: Some(secs(6720)),
    }
}

pub const QUIET: [(f64, f64); 4] = [(0.1, 0.1); 4];
/// Total failure: every window that has seen it is over.
pub const OUTAGE: [(f64, f64); 4] = [(900.0, 1000.0), (80.0, 1000.0), (14.0, 160.0), (0.4, 13.0)];
/// Just repaired: the past is still in the long and in the slow short windows.
pub const REPAIRED: [(f64, f64); 4] = [(500.0, 0.0), (80.0, 700.0), (14.0, 160.0), (1.2, 13.0)];
/// A slow leak that only the ticket tier minds.
pub const LEAK: [(f64, f64); 4] = [(2.0, 2.0); 4];

pub struct Stage {
    pub policy: Policy,
    pub track: Track,
    pub now: Timestamp,
    pub told: Vec<(u64, TransitionKind, Severity)>,
}

impl Stage {
    pub fn new() -> Self {
        Self {
            policy: Policy::default(),
            track: Track::new("checkout-availability"),
            now: START,
            told: Vec::new(),
        }
    }

    pub fn feed(&mut self, reading: Reading) -> Decision {
        let decision = decide(&self.policy, &self.track, &reading);
        self.track = decision.track.clone();
        if let Some(transition) = &decision.transition {
            let second = transition.at.since(START).as_secs();
            self.told.push((second, transition.kind, transition.severity));
        }
        decision
    }

    /// One reading a second for `seconds`, each shaped by `change`.
    pub fn play(&mut self, seconds: u64, rates: [(f64, f64); 4], change: impl Fn(&mut Reading)) -> Decision {
        let mut last = None;
        for _ in 0..seconds {
            let mut reading = reading(self.now, rates);
            change(&mut reading);
            last = Some(self.feed(reading));
            self.now = self.now + secs(1);
        }
        last.expect("at least one second")
    }

    pub fn run(&mut self, seconds: u64, rates: [(f64, f64); 4]) -> Decision {
        self.play(seconds, rates, |_| ())
    }

    pub fn phase(&self) -> Phase {
        self.track.phase
    }
}
