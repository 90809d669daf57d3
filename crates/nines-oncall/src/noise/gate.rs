//! Whether anybody is to be told of an alert now, and if not, why.

use std::fmt;

use nines_model::Timestamp;

use super::{Cause, Flapping, Inhibited, Inhibitor, MaintenanceWindow, Silence, SilenceId, Steadiness};
use crate::alert::IncomingAlert;

/// Everything that may hold an alert back.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    pub windows: Vec<MaintenanceWindow>,
    pub silences: Vec<Silence>,
    pub inhibitor: Inhibitor,
    pub flapping: Flapping,
}

/// Why nobody is told. The alert is recorded and counted all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suppression {
    Maintenance { window: String, until: Timestamp },
    Silence { silence: SilenceId, author: String, reason: String, until: Timestamp },
    Inhibition(Inhibited),
    Flapping,
}

impl Gate {
    /// An alert began to fire, or fires again. `since` is when it began. `None`: tell it.
    pub fn fired(&mut self, alert: &IncomingAlert, since: Timestamp, now: Timestamp) -> Option<Suppression> {
        let held = self.held(alert, since, now);
        let steadiness = self.flapping.changed(&alert.fingerprint.id, now);
        if held.is_none() {
            self.inhibitor.fired(alert, since);
        }
        held.or_else(|| (steadiness == Steadiness::StillFlapping).then_some(Suppression::Flapping))
    }

    /// An alert ended. Whether that is worth telling.
    pub fn ended(&mut self, alert: &IncomingAlert, now: Timestamp) -> Option<Suppression> {
        self.inhibitor.ended(alert);
        let steadiness = self.flapping.changed(&alert.fingerprint.id, now);
        (steadiness == Steadiness::StillFlapping).then_some(Suppression::Flapping)
    }

    /// What holds the alert back at `now`, flapping aside; also for alerts that have been firing for a while.
    pub fn held(&mut self, alert: &IncomingAlert, since: Timestamp, now: Timestamp) -> Option<Suppression> {
        for window in &self.windows {
            if let Some(until) = window.holds(alert, now) {
                return Some(Suppression::Maintenance { window: window.name.clone(), until });
            }
        }
        let mut found = None;
        // Every silence that matches is in use, not only the first.
        for silence in self.silences.iter_mut().filter(|silence| silence.holds(alert, now)) {
            silence.matched_at = Some(now);
            found.get_or_insert_with(|| Suppression::Silence {
                silence: silence.id.clone(),
                author: silence.author.clone(),
                reason: silence.reason.clone(),
                until: silence.range.end,
            });
        }
        found.or_else(|| self.inhibitor.inhibits(alert, since).map(Suppression::Inhibition))
    }
}

impl Suppression {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Maintenance { .. } => "maintenance",
            Self::Silence { .. } => "silence",
            Self::Inhibition(_) => "inhibition",
            Self::Flapping => "flapping",
        }
    }
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maintenance { window, until } => write!(f, "maintenance window `{window}` until {until}"),
            Self::Silence { silence, author, reason, until } => {
                write!(f, "silence {silence} by {author} until {until}: {reason}")
            }
            Self::Inhibition(Inhibited::Rule { rule, by }) => {
                write!(f, "rule `{rule}`: alert {by} says more")
            }
            Self::Inhibition(Inhibited::Dependency { path, by }) => {
                let (what, id) = match by {
                    Cause::Alert(id) => ("alert", id),
                    Cause::Incident(id) => ("incident", id),
                };
                write!(f, "{}: {what} {id} explains it", path.join(" needs "))
            }
            Self::Flapping => f.write_str("it comes and goes, which has been told"),
        }
    }
}
