//! A unit, and what is known of it.

use std::collections::BTreeMap;

/// Gaps of which the median is the interval.
const GAPS: usize = 16;
/// Intervals are at least this long: faster senders are not missed faster.
const INTERVAL_MS_MIN: i64 = 1_000;
/// And at most: what reports once a day is a job, and heartbeats are for those.
const INTERVAL_MS_MAX: i64 = 3_600_000;
/// Before two gaps are known: the default of Prometheus and of most agents is shorter.
const INTERVAL_MS_UNKNOWN: i64 = 60_000;
/// Attributes of a unit. Resources of OpenTelemetry have about twenty.
const ATTRIBUTES_MAX: usize = 48;
/// Longest value of one.
const ATTRIBUTE_BYTES_MAX: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Host,
    Pod,
    Container,
    /// Processes of one name on one host.
    Process,
    /// Something that is scraped.
    Target,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Host, Self::Pod, Self::Container, Self::Process, Self::Target];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Process => "process",
            Self::Target => "target",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Which unit. The id is unique within the kind: of a container it holds the host, of a pod the namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitKey {
    pub kind: Kind,
    pub id: String,
}

/// Somebody has said that it is gone on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    pub at_ms: i64,
    pub by: String,
    pub reason: String,
}

/// A series in which a unit shows itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    pub key: UnitKey,
    pub name: String,
    pub reporter: Option<UnitKey>,
    pub attributes: BTreeMap<String, String>,
    /// When it reported, ascending; milliseconds since 1970.
    pub times_ms: Vec<i64>,
    /// Its series was ended by whoever writes it.
    pub ended_at_ms: Option<i64>,
    /// Somebody looked and it did not answer.
    pub silent_at_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub key: UnitKey,
    pub name: String,
    pub reporter: Option<UnitKey>,
    /// By label, as in PromQL: `cloud_region`.
    pub attributes: BTreeMap<String, String>,
    pub first_seen_ms: i64,
    pub last_seen_ms: i64,
    /// The newest last.
    pub(crate) gaps_ms: Vec<i64>,
    pub ended_at_ms: Option<i64>,
    pub silent_at_ms: Option<i64>,
    pub retired: Option<Retired>,
}

impl Unit {
    pub(crate) fn new(sighting: &Sighting, first_ms: i64) -> Self {
        Self {
            key: sighting.key.clone(),
            name: sighting.name.clone(),
            reporter: sighting.reporter.clone(),
            attributes: BTreeMap::new(),
            first_seen_ms: first_ms,
            last_seen_ms: first_ms,
            gaps_ms: Vec::new(),
            ended_at_ms: None,
            silent_at_ms: None,
            retired: None,
        }
    }

    /// How often it reports, by its own last gaps.
    pub fn interval_ms(&self) -> i64 {
        if self.gaps_ms.len() < 2 {
            return INTERVAL_MS_UNKNOWN;
        }
        // Of every unit of a page, several times: on the stack.
        let mut gaps = [0; GAPS];
        let gaps = &mut gaps[..self.gaps_ms.len().min(GAPS)];
        gaps.copy_from_slice(&self.gaps_ms[..gaps.len()]);
        gaps.sort_unstable();
        gaps[gaps.len() / 2].clamp(INTERVAL_MS_MIN, INTERVAL_MS_MAX)
    }

    /// Whether the unit itself has changed, and not only the time when it was seen.
    pub(crate) fn take(&mut self, sighting: &Sighting) -> bool {
        let mut is_changed = false;
        for &time in &sighting.times_ms {
            self.first_seen_ms = self.first_seen_ms.min(time);
            if time <= self.last_seen_ms {
                continue;
            }
            // A gap that was an outage says nothing of the interval.
            let gap = time - self.last_seen_ms;
            if self.gaps_ms.len() < 4 || gap <= self.interval_ms() * 8 {
                self.gaps_ms.push(gap);
            }
            if self.gaps_ms.len() > GAPS {
                self.gaps_ms.remove(0);
            }
            self.last_seen_ms = time;
        }
        self.silent_at_ms = self.silent_at_ms.max(sighting.silent_at_ms);
        let ended = sighting.ended_at_ms.max(self.ended_at_ms).filter(|ended| *ended >= self.last_seen_ms);
        is_changed |= ended != self.ended_at_ms;
        self.ended_at_ms = ended;
        if self.retired.as_ref().is_some_and(|retired| self.last_seen_ms > retired.at_ms + self.interval_ms())
        {
            self.retired = None;
            is_changed = true;
        }
        if sighting.reporter.is_some() && self.reporter != sighting.reporter {
            self.reporter.clone_from(&sighting.reporter);
            is_changed = true;
        }
        for (name, value) in &sighting.attributes {
            if self.attributes.get(name) == Some(value) {
                continue;
            }
            if self.attributes.len() < ATTRIBUTES_MAX || self.attributes.contains_key(name) {
                self.attributes.insert(name.clone(), clipped(value));
                is_changed = true;
            }
        }
        is_changed
    }

    /// An attribute, also by its name with dots, or `name`, `kind` and `id`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = match name {
            "name" | "body" => Some(self.name.as_str()),
            "kind" => Some(self.key.kind.as_str()),
            "id" => Some(self.key.id.as_str()),
            _ => self.attributes.get(name).map(String::as_str),
        };
        found.or_else(|| self.attributes.get(&name.replace('.', "_")).map(String::as_str))
    }
}

impl nines_filter::Record for Unit {
    fn value(&self, name: &str) -> Option<nines_model::ValueRef<'_>> {
        self.attribute(name).map(nines_model::ValueRef::Str)
    }
}

fn clipped(text: &str) -> String {
    let mut end = text.len().min(ATTRIBUTE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
