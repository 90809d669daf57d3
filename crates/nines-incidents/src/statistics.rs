//! How the incident process itself is doing.

use std::time::Duration;

use crate::{Class, Incident};

/// A mean with the number of values behind it; no values is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mean {
    pub count: u32,
    pub total: Duration,
}

/// Means of what the marks of several incidents give. Drills, cancelled and merged incidents are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    pub incidents: u32,
    /// In the order of [`Class::ALL`].
    pub by_class: [u32; 4],
    pub time_to_detect: Mean,
    pub time_to_acknowledge: Mean,
    pub time_to_mitigate: Mean,
    pub time_to_resolve: Mean,
    pub promises_kept: u32,
    pub promises_missed: u32,
}

impl Mean {
    pub fn value(&self) -> Option<Duration> {
        self.total.checked_div(self.count)
    }

    fn add(&mut self, value: Option<Duration>) {
        if let Some(value) = value {
            self.count += 1;
            self.total = self.total.saturating_add(value);
        }
    }
}

impl Statistics {
    pub fn of<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> Self {
        let mut all = Self::default();
        for incident in incidents {
            all.add(incident);
        }
        all
    }

    fn add(&mut self, incident: &Incident) {
        use crate::State::{Cancelled, Merged};
        if incident.is_drill || matches!(incident.state, Cancelled | Merged) {
            return;
        }
        self.incidents += 1;
        if let Some(index) = Class::ALL.iter().position(|class| *class == incident.class) {
            self.by_class[index] += 1;
        }
        let durations = incident.marks.durations();
        self.time_to_detect.add(Some(durations.to_detect));
        self.time_to_acknowledge.add(durations.to_acknowledge);
        self.time_to_mitigate.add(durations.to_mitigate);
        self.time_to_resolve.add(durations.to_resolve);
        self.promises_kept = self.promises_kept.saturating_add(incident.promises.kept);
        self.promises_missed = self.promises_missed.saturating_add(incident.promises.missed);
    }

    /// Promised updates that came in time, in `[0, 1]`.
    pub fn on_time_rate(&self) -> Option<f64> {
        let total = u64::from(self.promises_kept) + u64::from(self.promises_missed);
        (total > 0).then(|| f64::from(self.promises_kept) / total as f64)
    }
}
