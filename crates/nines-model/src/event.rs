use std::sync::Arc;

use crate::field;
use crate::rows::Rows;
use crate::time::Timestamp;
use crate::value::{Name, Value};

/// The table that an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dataset {
    Logs,
    Spans,
    Metrics,
    Probes,
    Beacons,
    Changes,
}

impl Dataset {
    pub const ALL: [Self; 6] =
        [Self::Logs, Self::Spans, Self::Metrics, Self::Probes, Self::Beacons, Self::Changes];

    /// The SQL table, the API word and the folder on disk.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Spans => "spans",
            Self::Metrics => "metrics",
            Self::Probes => "probes",
            Self::Beacons => "beacons",
            Self::Changes => "changes",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.as_str() == text)
    }
}

impl std::fmt::Display for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What emitted the events: the attributes that all of them share (service, host, region, scope).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    /// Unique names; order as received.
    pub attributes: Vec<(Name, Value)>,
}

impl Resource {
    pub fn get(&self, name: &str) -> Option<&Value> {
        find(&self.attributes, name)
    }
}

/// One row of telemetry, written out. Telemetry travels as [`Rows`]; this is for few events: those that people or tests
/// make. See the crate documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub timestamp: Timestamp,
    pub resource: Arc<Resource>,
    /// The event's own fields, intrinsic ones (`trace_id`, `body`) and attributes alike. Unique names. A field here
    /// wins over a resource attribute of the same name.
    pub fields: Vec<(Name, Value)>,
}

impl Event {
    /// The value under `name`, the event's own before the resource's. `timestamp` is not a field: read it directly.
    /// Costs a linear scan; records have tens of fields.
    pub fn get(&self, name: &str) -> Option<&Value> {
        find(&self.fields, name).or_else(|| self.resource.get(name))
    }

    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    pub fn service(&self) -> Option<&str> {
        self.get_str(field::SERVICE_NAME)
    }
}

/// Rows of one dataset that arrived, are acknowledged and become visible together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub dataset: Dataset,
    /// When the server had read the whole request.
    pub received_at: Timestamp,
    pub rows: Rows,
}

impl Batch {
    /// A batch of events that are written out.
    pub fn of_events(dataset: Dataset, received_at: Timestamp, events: &[Event]) -> Self {
        Self { dataset, received_at, rows: Rows::from_events(events) }
    }
}

fn find<'a>(fields: &'a [(Name, Value)], name: &str) -> Option<&'a Value> {
    fields.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
}
