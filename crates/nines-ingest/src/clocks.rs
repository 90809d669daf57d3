//! The clocks of those that send, as far as their stamps tell.
//!
//! Words introduced here
//! - **Source**: a service on a host; on a pod, or as an instance, where no host is named.
//! - **Offset**: how far an event's stamp is after its arrival; negative if it is before, which is the usual case.
//!
//! A way takes time and gives none back, so the largest offset of a source is the best guess at its clock: what is left in it
//! is the quickest way there was. A stamp *ahead* of its arrival is a wrong clock for certain. One *behind* is a wrong clock
//! or a long way: a sender that buffers for an hour looks the same as one whose clock is an hour slow, and nothing here can
//! tell them apart. Spans are stamped when they begin and sent when they end, so those that seem late are judged by their end.
//! Of several hosts under one name only the one furthest ahead is seen.
//!
//! Nothing is kept over a restart but what the journal plays back.

use std::collections::HashMap;
use std::time::Duration;

use nines_model::{Batch, Column, Dataset, Resource, Rows, TimeRange, Timestamp, Value, field};
use parking_lot::Mutex;

use crate::Observer;

/// Sources with a name that are remembered: some 200 bytes each. A node takes what a few hundred hosts send.
pub const SOURCES_MAX: usize = 4_096;
/// Stamps further ahead than this differ. Clocks that are synchronised agree within some milliseconds, but stamps may be
/// rounded up to a whole second and this node's own clock be off by as much.
pub const AHEAD_MIN: Duration = Duration::from_secs(2);
/// Stamps further behind than this differ. Senders collect for five seconds as a rule and for a minute at most, and a
/// retry takes about as long again.
pub const BEHIND_MIN: Duration = Duration::from_secs(120);
/// What is said of a source goes by the batches of so long, at least half of it. A clock that was put right is forgotten
/// as soon.
pub const WINDOW: Duration = Duration::from_secs(600);
/// When there are too many sources, those silent longest make room for this many at once, so that a flood of names costs
/// a look at eight sources for each, not at all.
const ROOM_MADE: usize = SOURCES_MAX / 8;
/// A name is cut here: longer ones are no names.
const NAME_BYTES_MAX: usize = 128;
/// Of a batch whose rows name their sources themselves, as lines of syslog and JSON do, so many rows are looked at.
const ROWS_LOOKED_AT: usize = 256;

/// Fields that name where a service runs, the best first.
const PLACES: [&str; 3] = ["host.name", "k8s.pod.name", "service.instance.id"];
const HOST: usize = 0;

/// A source whose clock differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceClock {
    /// Empty if the source names none.
    pub service: String,
    /// The field that names the place, and its value; empty if the source names none.
    pub place_field: &'static str,
    pub place: String,
    /// Nanoseconds; negative if its newest stamps are before their arrival.
    pub offset: i64,
    pub heard_at: Timestamp,
    /// What it sent last, and around when that was stamped.
    pub dataset: Dataset,
    pub stamped: TimeRange,
}

/// What sources' stamps say at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differing {
    /// Heard of within the window.
    pub sources: usize,
    pub ahead: usize,
    pub behind: usize,
    /// Those furthest away first.
    pub worst: Vec<SourceClock>,
}

/// An observer that keeps the offsets of all sources.
#[derive(Debug, Default)]
pub struct Clocks(Mutex<Book>);

impl Clocks {
    /// The sources whose clocks differ at `now`, `count` of them by name.
    pub fn differing(&self, now: Timestamp, count: usize) -> Differing {
        self.0.lock().differing(now, count)
    }
}

impl Observer for Clocks {
    fn observe(&self, _: u64, batch: &Batch) {
        self.0.lock().observe(batch);
    }
}

#[derive(Debug, Default)]
struct Book {
    /// By service, NUL, place.
    sources: HashMap<String, Source>,
    /// Kept for their memory, so that a batch of known sources allocates nothing.
    key: String,
    newest: Vec<i64>,
}

#[derive(Debug)]
struct Source {
    /// Where in the key the service ends.
    service_bytes: usize,
    /// In [`PLACES`].
    place: usize,
    /// The halves of the window since the epoch: the largest offset in the running one, and in the one before.
    half: i64,
    running: i64,
    before: i64,
    heard_at: Timestamp,
    dataset: Dataset,
}

/// The offset of a half in which nothing was heard.
const SILENT: i64 = i64::MIN;

fn half_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(WINDOW.as_nanos() as i64 / 2)
}

impl Source {
    fn hear(&mut self, offset: i64, at: Timestamp, dataset: Dataset) {
        (self.heard_at, self.dataset) = (at, dataset);
        let half = half_of(at);
        match half - self.half {
            0 => self.running = self.running.max(offset),
            // Requests that were read at the same time overtake each other.
            -1 => self.before = self.before.max(offset),
            // Nobody was heard between, or the clock of this node was put back.
            gone => {
                self.before = if gone == 1 { self.running } else { SILENT };
                (self.half, self.running) = (half, offset);
            }
        }
    }

    /// `None` if it was silent.
    fn offset(&self, now: Timestamp) -> Option<i64> {
        let offset = match half_of(now) - self.half {
            0 => self.running.max(self.before),
            1 => self.running,
            _ => SILENT,
        };
        (offset != SILENT).then_some(offset)
    }
}

/// How a resource, or a row, names its source.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Names<'a> {
    service: &'a str,
    place: &'a str,
    /// In [`PLACES`].
    field: usize,
}

impl<'a> Names<'a> {
    fn of(resource: &'a Resource) -> Self {
        let mut names = Self { field: PLACES.len(), ..Self::default() };
        for (name, value) in &resource.attributes {
            let Some(text) = Value::as_str(value) else { continue };
            if name == field::SERVICE_NAME {
                names.service = text;
            } else if let Some(field) = PLACES[..names.field].iter().position(|place| name == place) {
                (names.place, names.field) = (text, field);
            }
        }
        names.field = names.field.min(PLACES.len() - 1);
        names
    }

    fn is_none(self) -> bool {
        self.service.is_empty() && self.place.is_empty()
    }
}

impl Book {
    fn observe(&mut self, batch: &Batch) {
        let rows = &batch.rows;
        if rows
            .columns()
            .iter()
            .any(|column| column.name() == field::SERVICE_NAME || column.name() == PLACES[HOST])
        {
            return self.observe_rows(batch);
        }
        let mut newest = std::mem::take(&mut self.newest);
        newest.clear();
        if let [_] = rows.resources() {
            newest.extend(rows.timestamps().iter().max());
        } else {
            newest.resize(rows.resources().len(), SILENT);
            for (at, resource) in rows.timestamps().iter().zip(rows.resource_of()) {
                let newest = &mut newest[*resource as usize];
                *newest = (*newest).max(*at);
            }
        }
        for (index, (resource, newest)) in rows.resources().iter().zip(&newest).enumerate() {
            // No row is of it.
            if *newest == SILENT {
                continue;
            }
            let mut offset = newest.saturating_sub(batch.received_at.as_nanos());
            if is_behind(offset) && batch.dataset == Dataset::Spans {
                let of_it = rows.resource_of().iter().enumerate().filter(|(_, of)| **of as usize == index);
                let ends = of_it.map(|(row, _)| end_of(rows, row));
                offset = ends.fold(*newest, i64::max).saturating_sub(batch.received_at.as_nanos()).min(0);
            }
            self.hear(Names::of(resource), offset, batch);
        }
        self.newest = newest;
    }

    /// As [`Book::observe`], of rows of which some name their source themselves.
    fn observe_rows(&mut self, batch: &Batch) {
        let rows = &batch.rows;
        let column = |name: &str| rows.columns().iter().find(|column| column.name() == name);
        let (services, hosts) = (column(field::SERVICE_NAME), column(PLACES[HOST]));
        // Neighbours mostly have one source: it is looked up once for all of them.
        let mut run: Option<(Names<'_>, i64)> = None;
        for row in (0..rows.len()).step_by(rows.len().div_ceil(ROWS_LOOKED_AT).max(1)) {
            let mut names = Names::of(rows.resource(row));
            if let Some(service) = text_of(services, row) {
                names.service = service;
            }
            if let Some(host) = text_of(hosts, row) {
                (names.place, names.field) = (host, HOST);
            }
            let offset = rows.timestamps()[row].saturating_sub(batch.received_at.as_nanos());
            match &mut run {
                Some((of, newest)) if *of == names => *newest = (*newest).max(offset),
                _ => {
                    if let Some((of, newest)) = run.replace((names, offset)) {
                        self.hear(of, newest, batch);
                    }
                }
            }
        }
        if let Some((of, newest)) = run {
            self.hear(of, newest, batch);
        }
    }

    fn hear(&mut self, names: Names<'_>, offset: i64, batch: &Batch) {
        if names.is_none() {
            return;
        }
        let at = batch.received_at;
        self.key.clear();
        self.key.push_str(clipped(names.service));
        let service_bytes = self.key.len();
        self.key.push('\0');
        self.key.push_str(clipped(names.place));
        if let Some(source) = self.sources.get_mut(&self.key) {
            source.hear(offset, at, batch.dataset);
            return;
        }
        if self.sources.len() >= SOURCES_MAX {
            self.make_room();
        }
        let (half, dataset) = (half_of(at), batch.dataset);
        let place = names.field;
        let source =
            Source { service_bytes, place, half, running: offset, before: SILENT, heard_at: at, dataset };
        self.sources.insert(self.key.clone(), source);
    }

    fn make_room(&mut self) {
        let mut heard: Vec<Timestamp> = self.sources.values().map(|source| source.heard_at).collect();
        let (_, longest, _) = heard.select_nth_unstable(ROOM_MADE - 1);
        let (longest, mut going) = (*longest, ROOM_MADE);
        self.sources.retain(|_, source| {
            let goes = source.heard_at <= longest && going > 0;
            going -= usize::from(goes);
            !goes
        });
    }

    fn differing(&self, now: Timestamp, count: usize) -> Differing {
        let mut found = Differing::default();
        let mut all = Vec::new();
        for (key, source) in &self.sources {
            let Some(offset) = source.offset(now) else { continue };
            found.sources += 1;
            let is_ahead = offset > AHEAD_MIN.as_nanos() as i64;
            if is_ahead || is_behind(offset) {
                *(if is_ahead { &mut found.ahead } else { &mut found.behind }) += 1;
                all.push((offset, key, source));
            }
        }
        all.sort_unstable_by_key(|(offset, key, _)| (std::cmp::Reverse(offset.unsigned_abs()), *key));
        found.worst =
            all.into_iter().take(count).map(|(offset, key, source)| shown(offset, key, source)).collect();
        found
    }
}

fn shown(offset: i64, key: &str, source: &Source) -> SourceClock {
    let stamped = Timestamp::from_nanos(source.heard_at.as_nanos().saturating_add(offset));
    SourceClock {
        service: key[..source.service_bytes].to_owned(),
        place_field: PLACES[source.place],
        place: key[source.service_bytes + 1..].to_owned(),
        offset,
        heard_at: source.heard_at,
        dataset: source.dataset,
        stamped: TimeRange::new(stamped - WINDOW, stamped + WINDOW),
    }
}

fn text_of(column: Option<&Column>, row: usize) -> Option<&str> {
    column?.get(row)?.as_str().filter(|text| !text.is_empty())
}

fn is_behind(offset: i64) -> bool {
    offset < -(BEHIND_MIN.as_nanos() as i64)
}

fn end_of(rows: &Rows, row: usize) -> i64 {
    let took = rows.row(row).own(field::DURATION_NS).and_then(|value| value.as_int()).unwrap_or(0);
    rows.timestamps()[row].saturating_add(took)
}

fn clipped(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}

#[cfg(test)]
mod tests;
