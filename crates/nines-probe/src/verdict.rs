//! From measurements to a verdict. Pure: what happened and when goes in, what stands comes out.
//!
//! A location is up or down by thresholds in a row; the target is down when a quorum of locations sees it down. What a
//! runner saw while it was at fault, or could not look at, counts for nothing and starts the row anew.

use std::collections::BTreeMap;
use std::time::Duration;

use nines_model::Timestamp;

use crate::measurement::Outcome;

/// When a location and a target change their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures in a row until a location is down.
    pub failures: u32,
    /// Successes in a row until it is up again.
    pub successes: u32,
    /// Locations that are down until the target is.
    pub quorum: u32,
    /// A location that has not measured for so long is silent.
    pub silent_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Up,
    /// Down somewhere, but not for a quorum.
    Degraded,
    Down,
    /// Nobody can tell: no measurement yet, or the runners are at fault, silent or unable.
    Unknown,
}

/// What is seen from one location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationStanding {
    Up,
    Down,
    /// It has failed, but not often enough to be down, and was never up.
    Settling,
    /// The runner itself is cut off.
    AtFault,
    /// The runner may not or cannot carry the check out.
    Unable,
    /// There was a runner, and it does not report any more.
    Silent,
    /// Nothing was ever measured.
    New,
}

/// A location as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct LocationView {
    pub location: String,
    pub standing: LocationStanding,
    /// When it became up or down.
    pub since: Option<Timestamp>,
    pub measured_at: Option<Timestamp>,
    /// Of the last measurement, if it was no success.
    pub reason: Option<String>,
}

/// The verdict, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub verdict: Verdict,
    pub since: Timestamp,
    /// Whether somebody is to know: set when it went down, cleared when it is up or degraded. What is unknown leaves it.
    pub is_alerting: bool,
}

/// One probe, watched.
#[derive(Debug, Clone)]
pub struct Watch {
    thresholds: Thresholds,
    locations: BTreeMap<String, Location>,
    standing: Standing,
}

#[derive(Debug, Clone, Default)]
struct Location {
    is_up: Option<bool>,
    since: Option<Timestamp>,
    /// The outcome of the row, and how long the row is.
    row: Option<(bool, u32)>,
    last: Option<Last>,
}

#[derive(Debug, Clone)]
struct Last {
    at: Timestamp,
    outcome: Outcome,
    at_fault: bool,
    reason: Option<String>,
}

impl Watch {
    /// Nothing is known yet.
    pub fn new(thresholds: Thresholds, locations: &[String], now: Timestamp) -> Self {
        let standing = Standing { verdict: Verdict::Unknown, since: now, is_alerting: false };
        Self::resumed(thresholds, locations, standing)
    }

    /// As an earlier process left it.
    pub fn resumed(thresholds: Thresholds, locations: &[String], standing: Standing) -> Self {
        let locations = locations.iter().map(|name| (name.clone(), Location::default())).collect();
        Self { thresholds, locations, standing }
    }

    /// The declaration has changed. What was seen stays, but for locations that are gone.
    pub fn redeclare(&mut self, thresholds: Thresholds, locations: &[String]) {
        self.thresholds = thresholds;
        self.locations.retain(|name, _| locations.contains(name));
        for name in locations {
            self.locations.entry(name.clone()).or_default();
        }
    }

    /// A measurement of `location`. One that is not later than the last, or of a location that is none, is ignored.
    pub fn observe(
        &mut self,
        location: &str,
        at: Timestamp,
        outcome: Outcome,
        at_fault: bool,
        reason: Option<&str>,
    ) {
        let Some(state) = self.locations.get_mut(location) else { return };
        if state.last.as_ref().is_some_and(|last| at <= last.at) {
            return;
        }
        state.last = Some(Last { at, outcome, at_fault, reason: reason.map(str::to_owned) });
        if at_fault || outcome == Outcome::Unable {
            state.row = None;
            return;
        }
        let is_good = outcome == Outcome::Success;
        let length = match state.row {
            Some((was_good, length)) if was_good == is_good => length.saturating_add(1),
            _ => 1,
        };
        state.row = Some((is_good, length));
        let needed = match (is_good, state.is_up) {
            // The first good answer is as good as any: there is nothing to recover from.
            (true, None) => 1,
            (true, _) => self.thresholds.successes,
            (false, _) => self.thresholds.failures,
        };
        if length >= needed && state.is_up != Some(is_good) {
            state.is_up = Some(is_good);
            state.since = Some(at);
        }
    }

    /// Brings the verdict up to `now`. Whether it changed.
    pub fn settle(&mut self, now: Timestamp) -> bool {
        let views: Vec<_> = self.locations.values().map(|state| self.standing_of(state, now)).collect();
        let verdict = verdict_of(&views, self.thresholds.quorum);
        let before = self.standing;
        if verdict != before.verdict {
            self.standing.verdict = verdict;
            self.standing.since = now;
        }
        match verdict {
            Verdict::Down => self.standing.is_alerting = true,
            Verdict::Up | Verdict::Degraded => self.standing.is_alerting = false,
            Verdict::Unknown => {}
        }
        self.standing != before
    }

    /// What each location stands at, to be kept over a restart.
    pub fn known(&self) -> Vec<(String, bool, Timestamp)> {
        let known = |(name, state): (&String, &Location)| Some((name.clone(), state.is_up?, state.since?));
        self.locations.iter().filter_map(known).collect()
    }

    /// Takes over what an earlier process knew of a location, as if it had been measured at `now`: until it would be silent
    /// it is believed.
    pub fn believe(&mut self, location: &str, is_up: bool, since: Timestamp, now: Timestamp) {
        let Some(state) = self.locations.get_mut(location) else { return };
        let outcome = if is_up { Outcome::Success } else { Outcome::Failure };
        state.is_up = Some(is_up);
        state.since = Some(since);
        state.row = Some((is_up, 1));
        state.last = Some(Last { at: now, outcome, at_fault: false, reason: None });
    }

    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether a location has not made up its mind: its last answers differ from what it stands at.
    pub fn is_settling(&self, location: &str) -> bool {
        let Some(state) = self.locations.get(location) else { return false };
        state.row.is_some_and(|(is_good, _)| state.is_up != Some(is_good))
    }

    pub fn views(&self, now: Timestamp) -> Vec<LocationView> {
        let view = |(name, state): (&String, &Location)| LocationView {
            location: name.clone(),
            standing: self.standing_of(state, now),
            since: state.since,
            measured_at: state.last.as_ref().map(|last| last.at),
            reason: state.last.as_ref().and_then(|last| last.reason.clone()),
        };
        self.locations.iter().map(view).collect()
    }

    fn standing_of(&self, state: &Location, now: Timestamp) -> LocationStanding {
        let Some(last) = &state.last else { return LocationStanding::New };
        if now.since(last.at) > self.thresholds.silent_after {
            return LocationStanding::Silent;
        }
        match (last.at_fault, last.outcome, state.is_up) {
            (true, ..) => LocationStanding::AtFault,
            (_, Outcome::Unable, _) => LocationStanding::Unable,
            (_, _, Some(true)) => LocationStanding::Up,
            (_, _, Some(false)) => LocationStanding::Down,
            (_, _, None) => LocationStanding::Settling,
        }
    }
}

/// Down if a quorum is; otherwise what those say who can tell. One that is down without a quorum that could contradict
/// it leaves the verdict open.
fn verdict_of(views: &[LocationStanding], quorum: u32) -> Verdict {
    let count = |wanted| views.iter().filter(|view| **view == wanted).count();
    let (up, down) = (count(LocationStanding::Up), count(LocationStanding::Down));
    let quorum = (quorum as usize).clamp(1, views.len().max(1));
    match (up, down) {
        (_, down) if down >= quorum => Verdict::Down,
        (0, _) => Verdict::Unknown,
        (_, 0) => Verdict::Up,
        (up, down) if up + down >= quorum => Verdict::Degraded,
        _ => Verdict::Unknown,
    }
}

impl Verdict {
    pub const ALL: [Self; 4] = [Self::Up, Self::Degraded, Self::Down, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }
}

impl LocationStanding {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Settling => "settling",
            Self::AtFault => "runner_at_fault",
            Self::Unable => "unable",
            Self::Silent => "silent",
            Self::New => "new",
        }
    }
}

#[cfg(test)]
mod tests;
