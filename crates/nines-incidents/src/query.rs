use nines_model::TimeRange;

use crate::{Class, Incident, IncidentId, Level, State};

/// Which incidents to list. The default is all of them, newest first. All given conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pub open: Option<bool>,
    pub state: Option<State>,
    /// Any of the incident's services.
    pub service: Option<String>,
    pub class: Option<Class>,
    /// The level in force.
    pub level: Option<Level>,
    pub reported_in: Option<TimeRange>,
    /// Only incidents older than this one: the cursor of the next page.
    pub before: Option<IncidentId>,
    /// At most this many, and never more than [`Query::LIMIT_MAX`]; 0 means [`Query::LIMIT_DEFAULT`].
    pub limit: u32,
}

impl Query {
    pub const LIMIT_DEFAULT: u32 = 100;
    /// One page of answers stays near 1 MiB.
    pub const LIMIT_MAX: u32 = 500;

    pub fn open() -> Self {
        Self { open: Some(true), limit: Self::LIMIT_MAX, ..Self::default() }
    }

    pub fn effective_limit(&self) -> usize {
        let limit = if self.limit == 0 { Self::LIMIT_DEFAULT } else { self.limit };
        limit.min(Self::LIMIT_MAX) as usize
    }

    /// The meaning of the conditions, the limit aside. Stores may use indexes but must agree with this.
    pub fn matches(&self, incident: &Incident) -> bool {
        self.open.is_none_or(|open| incident.state.is_open() == open)
            && self.state.is_none_or(|state| incident.state == state)
            && self.service.as_ref().is_none_or(|service| incident.services.contains(service))
            && self.class.is_none_or(|class| incident.class == class)
            && self.level.is_none_or(|level| incident.level() == level)
            && self.reported_in.is_none_or(|range| range.contains(incident.reported_at))
            && self.before.is_none_or(|before| incident.id < before)
    }
}
