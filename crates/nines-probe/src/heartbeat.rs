//! Dead man's switches: a job says that it ran, and its silence is the alarm. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_model::Timestamp;

use crate::cron::Cron;

/// A job that is to be heard from.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    pub name: String,
    pub description: Option<String>,
    pub service: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub period: HeartbeatPeriod,
    /// How late it may be.
    pub grace: Duration,
    /// `P0`, `P1` or `P2`.
    pub level: String,
    pub runbook: Option<String>,
    pub paused: bool,
}

#[derive(Debug, Clone)]
pub enum HeartbeatPeriod {
    /// At the latest so long after the last ping.
    Every(Duration),
    /// At these times.
    Cron(Cron),
}

/// What a job says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingKind {
    /// It begins. Beginning proves nothing: the end is still waited for.
    Start,
    Success,
    Fail,
}

/// What is remembered of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatState {
    /// When it was declared: silence counts from here.
    pub declared_at: Timestamp,
    /// The last ping but those that say that it begins.
    pub last: Option<(Timestamp, PingKind)>,
    pub started_at: Option<Timestamp>,
    /// From the last start to its end.
    pub took: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatStanding {
    /// Declared, never heard, not yet due.
    New,
    Up,
    /// Due, within grace.
    Late,
    /// It was not heard in time.
    Missed,
    /// It said itself that it failed.
    Failed,
    Paused,
}

impl HeartbeatState {
    pub fn declared(at: Timestamp) -> Self {
        Self { declared_at: at, last: None, started_at: None, took: None }
    }

    pub fn ping(&mut self, kind: PingKind, at: Timestamp) {
        if kind == PingKind::Start {
            self.started_at = Some(at);
            return;
        }
        self.took = self.started_at.take().map(|started| at.since(started));
        self.last = Some((at, kind));
    }
}

impl HeartbeatPeriod {
    /// The shortest time between two pings that are expected, near enough for a default of grace.
    pub fn shortest(&self) -> Duration {
        match self {
            Self::Every(every) => *every,
            Self::Cron(cron) => {
                let first = cron.after(Timestamp::EPOCH);
                let second = first.and_then(|first| cron.after(first));
                first.zip(second).map_or(Duration::from_secs(60), |(first, second)| second.since(first))
            }
        }
    }
}

impl Heartbeat {
    /// When the next ping is expected.
    pub fn due_at(&self, state: &HeartbeatState) -> Timestamp {
        let from = state.last.map_or(state.declared_at, |(at, _)| at);
        match &self.period {
            HeartbeatPeriod::Every(every) => from + *every,
            HeartbeatPeriod::Cron(cron) => cron.after(from).unwrap_or(Timestamp::MAX),
        }
    }

    /// When its silence is an alarm.
    pub fn missed_at(&self, state: &HeartbeatState) -> Timestamp {
        self.due_at(state) + self.grace
    }

    pub fn standing(&self, state: &HeartbeatState, now: Timestamp) -> HeartbeatStanding {
        if self.paused {
            return HeartbeatStanding::Paused;
        }
        if matches!(state.last, Some((_, PingKind::Fail))) {
            return HeartbeatStanding::Failed;
        }
        if now >= self.missed_at(state) {
            return HeartbeatStanding::Missed;
        }
        match state.last {
            _ if now >= self.due_at(state) => HeartbeatStanding::Late,
            Some(_) => HeartbeatStanding::Up,
            None => HeartbeatStanding::New,
        }
    }
}

impl HeartbeatStanding {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Up => "up",
            Self::Late => "late",
            Self::Missed => "missed",
            Self::Failed => "failed",
            Self::Paused => "paused",
        }
    }

    pub fn is_alerting(self) -> bool {
        matches!(self, Self::Missed | Self::Failed)
    }
}

impl PingKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Success => "success",
            Self::Fail => "fail",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Start, Self::Success, Self::Fail].into_iter().find(|kind| kind.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + secs)
    }

    fn every(secs: u64, grace: u64) -> Heartbeat {
        Heartbeat {
            name: "job".to_owned(),
            description: None,
            service: None,
            labels: BTreeMap::new(),
            period: HeartbeatPeriod::Every(Duration::from_secs(secs)),
            grace: Duration::from_secs(grace),
            level: "P1".to_owned(),
            runbook: None,
            paused: false,
        }
    }

    #[test]
    fn silence_is_late_then_missed_and_a_ping_ends_it() {
        let job = every(60, 10);
        let mut state = HeartbeatState::declared(at(0));
        for (now, expected) in [
            (0, HeartbeatStanding::New),
            (59, HeartbeatStanding::New),
            (60, HeartbeatStanding::Late),
            (69, HeartbeatStanding::Late),
            (70, HeartbeatStanding::Missed),
        ] {
            assert_eq!(job.standing(&state, at(now)), expected, "{now}");
        }
        state.ping(PingKind::Start, at(80));
        assert_eq!(job.standing(&state, at(80)), HeartbeatStanding::Missed, "beginning proves nothing");
        state.ping(PingKind::Success, at(95));
        assert_eq!(
            (job.standing(&state, at(95)), state.took),
            (HeartbeatStanding::Up, Some(Duration::from_secs(15)))
        );
        state.ping(PingKind::Fail, at(96));
        assert_eq!(job.standing(&state, at(96)), HeartbeatStanding::Failed);
        state.ping(PingKind::Success, at(97));
        assert_eq!(job.standing(&state, at(97)), HeartbeatStanding::Up);
        let paused = Heartbeat { paused: true, ..job };
        assert_eq!(paused.standing(&state, at(10_000)), HeartbeatStanding::Paused);
    }

    #[test]
    fn a_job_by_cron_is_due_at_its_next_time() {
        let cron = Cron::parse("0 3 * * *", "UTC").unwrap();
        let job = Heartbeat { period: HeartbeatPeriod::Cron(cron), ..every(60, 1800) };
        let time = |text| Timestamp::parse_rfc3339(text).unwrap();
        let mut state = HeartbeatState::declared(time("2026-11-22T01:00:00Z"));
        assert_eq!(job.standing(&state, time("2026-11-22T03:29:59Z")), HeartbeatStanding::Late);
        state.ping(PingKind::Success, time("2026-11-22T03:04:00Z"));
        assert_eq!(job.due_at(&state), time("2026-11-23T03:00:00Z"));
        assert_eq!(job.standing(&state, time("2026-11-23T03:30:00Z")), HeartbeatStanding::Missed);
    }
}
