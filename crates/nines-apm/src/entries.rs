//! Which services there are, which endpoints hurt, and which versions serve: figures of all entries.

use std::collections::HashMap;

use arrow::array::RecordBatch;

use nines_model::{SmolStr, TimeRange, Timestamp, field};

use crate::columns::{Ints, Texts, times};
use crate::figures::{Figures, Grid, Point};

/// Endpoints that are counted apart; an endpoint costs up to about 50 kB of sketch. A sender that puts ids into span
/// names makes more, and what comes after is counted as the service's other endpoints.
pub const ENDPOINTS_MAX: usize = 2_000;
/// Services that are counted apart; entries of more are counted as left out.
pub const SERVICES_MAX: usize = 1_000;
/// Versions of one service: a range with more than a few deploys.
pub const VERSIONS_MAX: usize = 32;

/// The columns that [`Entries::fold`] reads.
pub(crate) const COLUMNS: [&str; 6] = [
    field::TIMESTAMP,
    field::SERVICE_NAME,
    field::NAME,
    field::DURATION_NS,
    field::STATUS_CODE,
    field::SERVICE_VERSION,
];

/// A tally of entries.
#[derive(Debug)]
pub struct Entries {
    grid: Grid,
    services: HashMap<SmolStr, Tally>,
    endpoints: usize,
    left_out: u64,
}

#[derive(Debug, Default)]
struct Tally {
    /// `None` is all that came after [`ENDPOINTS_MAX`].
    endpoints: HashMap<Option<SmolStr>, Row>,
    versions: HashMap<SmolStr, VersionFigures>,
    last_seen: i64,
}

#[derive(Debug)]
struct Row {
    figures: Figures,
    series: Vec<Point>,
}

/// What a version served in the range.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionFigures {
    pub version: SmolStr,
    pub figures: Figures,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRow {
    pub service: SmolStr,
    pub figures: Figures,
    /// Of the time of all entries in the answer.
    pub share: f64,
    pub series: Vec<Point>,
    pub endpoints: u64,
    /// The newest first.
    pub versions: Vec<VersionFigures>,
    pub last_seen: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EndpointRow {
    pub service: SmolStr,
    /// `None`: all endpoints beyond the bound together.
    pub name: Option<SmolStr>,
    pub figures: Figures,
    /// Of the time of all entries in the answer.
    pub share: f64,
    pub series: Vec<Point>,
}

impl Entries {
    pub fn over(range: TimeRange) -> Self {
        Self { grid: Grid::over(range), services: HashMap::new(), endpoints: 0, left_out: 0 }
    }

    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Entries of services beyond [`SERVICES_MAX`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(crate) fn fold(&mut self, batch: &RecordBatch) {
        let times = times(batch);
        let [services, names, statuses, versions] =
            [field::SERVICE_NAME, field::NAME, field::STATUS_CODE, field::SERVICE_VERSION]
                .map(|name| Texts::of(batch, name));
        let durations = Ints::of(batch, field::DURATION_NS);
        for (row, &at) in times.iter().enumerate() {
            self.add(&Entry {
                at,
                service: services.get(row).unwrap_or(UNKNOWN),
                name: names.get(row).unwrap_or_default(),
                duration_ns: durations.get(row).unwrap_or(0),
                error: statuses.get(row) == Some("error"),
                version: versions.get(row),
            });
        }
    }

    pub fn add(&mut self, entry: &Entry<'_>) {
        if !self.services.contains_key(entry.service) {
            if self.services.len() >= SERVICES_MAX {
                self.left_out += 1;
                return;
            }
            self.services.insert(entry.service.into(), Tally { last_seen: i64::MIN, ..Tally::default() });
        }
        let tally = self.services.get_mut(entry.service).expect("it was just looked up or put in");
        tally.last_seen = tally.last_seen.max(entry.at);
        if let Some(version) = entry.version {
            tally.add_version(version, entry);
        }
        // Looking up by text needs an owned key under an Option; short names do not allocate.
        let mut key = Some(SmolStr::new(entry.name));
        if !tally.endpoints.contains_key(&key) {
            if self.endpoints >= ENDPOINTS_MAX {
                key = None;
            } else {
                self.endpoints += 1;
            }
        }
        let grid = self.grid;
        let row = tally
            .endpoints
            .entry(key)
            .or_insert_with(|| Row { figures: Figures::default(), series: grid.empty() });
        row.figures.add(entry.duration_ns, entry.error);
        let point = &mut row.series[grid.slot(entry.at)];
        point.requests += 1;
        point.errors += u64::from(entry.error);
    }

    /// Every service, the one whose callers waited most first.
    pub fn services(&self) -> Vec<ServiceRow> {
        let total = self.total_ns();
        let mut rows: Vec<ServiceRow> = self
            .services
            .iter()
            .map(|(service, tally)| {
                let (mut figures, mut series) = (Figures::default(), self.grid.empty());
                for row in tally.endpoints.values() {
                    figures.merge(&row.figures);
                    for (sum, point) in series.iter_mut().zip(&row.series) {
                        sum.requests += point.requests;
                        sum.errors += point.errors;
                    }
                }
                let mut versions: Vec<VersionFigures> = tally.versions.values().cloned().collect();
                versions.sort_by(|a, b| (b.first_seen, &b.version).cmp(&(a.first_seen, &a.version)));
                ServiceRow {
                    service: service.clone(),
                    share: share(figures.total_ns, total),
                    figures,
                    series,
                    endpoints: tally.endpoints.len() as u64,
                    versions,
                    last_seen: Timestamp::from_nanos(tally.last_seen),
                }
            })
            .collect();
        rows.sort_by(|a, b| (b.figures.total_ns, &a.service).cmp(&(a.figures.total_ns, &b.service)));
        rows
    }

    /// Every endpoint, the one with the greatest impact first.
    pub fn endpoints(&self) -> Vec<EndpointRow> {
        let total = self.total_ns();
        let mut rows: Vec<EndpointRow> = Vec::new();
        for (service, tally) in &self.services {
            rows.extend(tally.endpoints.iter().map(|(name, row)| EndpointRow {
                service: service.clone(),
                name: name.clone(),
                share: share(row.figures.total_ns, total),
                figures: row.figures.clone(),
                series: row.series.clone(),
            }));
        }
        rows.sort_by(|a, b| {
            (b.figures.total_ns, &a.service, &a.name).cmp(&(a.figures.total_ns, &b.service, &b.name))
        });
        rows
    }

    fn total_ns(&self) -> u128 {
        self.services
            .values()
            .flat_map(|tally| tally.endpoints.values())
            .map(|row| row.figures.total_ns)
            .sum()
    }
}

impl Tally {
    fn add_version(&mut self, version: &str, entry: &Entry<'_>) {
        if !self.versions.contains_key(version) {
            if self.versions.len() >= VERSIONS_MAX {
                return;
            }
            let at = Timestamp::from_nanos(entry.at);
            let figures = Figures::default();
            let new = VersionFigures { version: version.into(), figures, first_seen: at, last_seen: at };
            self.versions.insert(version.into(), new);
        }
        let known = self.versions.get_mut(version).expect("it was just looked up or put in");
        known.figures.add(entry.duration_ns, entry.error);
        let at = Timestamp::from_nanos(entry.at);
        known.first_seen = known.first_seen.min(at);
        known.last_seen = known.last_seen.max(at);
    }
}

/// What a span without `service.name` belongs to.
pub(crate) const UNKNOWN: &str = "unknown";

/// One entry as the tally takes it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Nanoseconds since the Unix epoch.
    pub at: i64,
    pub service: &'a str,
    pub name: &'a str,
    pub duration_ns: i64,
    pub error: bool,
    pub version: Option<&'a str>,
}

fn share(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry<'_> {
        let service = "shop";
        Entry { at: 5, service, name, duration_ns: 1_000, error: false, version: Some("1") }
    }

    #[test]
    fn endless_names_are_counted_together() {
        let range = TimeRange::new(Timestamp::from_nanos(0), Timestamp::from_nanos(48));
        let mut entries = Entries::over(range);
        for number in 0..ENDPOINTS_MAX + 100 {
            entries.add(&entry(&format!("GET /{number}")));
        }
        entries.add(&entry("GET /0"));
        let rows = entries.endpoints();
        assert_eq!(rows.len(), ENDPOINTS_MAX + 1);
        assert_eq!((rows[0].name.as_ref(), rows[0].figures.requests), (None, 100));
        assert_eq!(rows[1].figures.requests, 2, "what is known is still counted");
        let services = entries.services();
        assert_eq!(services[0].figures.requests, ENDPOINTS_MAX as u64 + 101);
        assert_eq!(services[0].series[5].requests, ENDPOINTS_MAX as u64 + 101);
        assert_eq!(services[0].versions[0].figures.requests, ENDPOINTS_MAX as u64 + 101);
    }

    #[test]
    fn endless_services_are_left_out_and_counted() {
        let mut entries = Entries::over(TimeRange::ALL);
        for number in 0..SERVICES_MAX + 7 {
            let service = format!("s{number}");
            entries.add(&Entry { service: &service, ..entry("GET /") });
        }
        assert_eq!((entries.services().len(), entries.left_out()), (SERVICES_MAX, 7));
    }
}
