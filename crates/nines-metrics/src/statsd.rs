//! StatsD and DogStatsD as series: lines are added up, and written every [`FLUSH`].
//!
//! | line | series |
//! |---|---|
//! | counter `page.views` | `page_views_total`, counted up since the first line |
//! | gauge `queue.depth` | `queue_depth` |
//! | timer `request.time` | `request_time_seconds`, a native histogram |
//! | histogram or distribution `payload.size` | `payload_size`, a native histogram |
//! | set `users` | `users`: how many different ones in the last [`FLUSH`] |
//! | event, service check | no series: a wide event |
//!
//! Tags are labels. A series of which nothing is heard for [`KEPT`] ends. Everything is bounded, and what goes beyond is
//! counted by its reason.

mod histogram;
mod parse;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use nines_model::{Event, Name, Resource, Timestamp, Value, field};
use nines_series::{MetricType, RawMetadata, STALE_NAN_BITS, WriteRequest};

use crate::otlp::names::{Suffix, label_name, metric_name};
use histogram::Observations;
pub use parse::{Happened, Kind, LINE_BYTES_MAX, Line, Measured, TAGS_MAX, line};

/// As every StatsD.
pub const FLUSH: Duration = Duration::from_secs(10);
/// Silence after which a series ends. A gauge that a nightly job sets is gone by then, as it should be.
pub const KEPT: Duration = Duration::from_secs(60 * 60);
/// Series at once; about 300 bytes each, histograms a few times that.
pub const SERIES_MAX: usize = 100_000;
/// Different values of a set in one [`FLUSH`].
pub const SET_MAX: usize = 100_000;
/// Events that wait for the next flush.
pub const EVENTS_MAX: usize = 10_000;

/// Lines since the start, by what became of them. Their sum is what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub taken: u64,
    /// No StatsD, or longer than [`LINE_BYTES_MAX`].
    pub malformed: u64,
    /// Of new series beyond [`SERIES_MAX`].
    pub over_series: u64,
    /// Values of sets beyond [`SET_MAX`], and events beyond [`EVENTS_MAX`].
    pub over_room: u64,
}

impl Tally {
    /// What was dropped, by reason.
    pub fn dropped(&self) -> [(&'static str, u64); 3] {
        [("malformed", self.malformed), ("series_limit", self.over_series), ("no_room", self.over_room)]
    }
}

/// Adds lines up. Pure: time is an argument.
#[derive(Debug, Default)]
pub struct Aggregator {
    series: HashMap<Key, Entry>,
    events: Vec<Event>,
    tally: Tally,
}

/// A name and its labels, in the order of the labels' names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    labels: Vec<(String, String)>,
}

#[derive(Debug)]
struct Entry {
    heard: Timestamp,
    value: Held,
}

#[derive(Debug)]
enum Held {
    Counter(f64),
    Gauge(f64),
    Histogram(Box<Observations>),
    Set(HashSet<Box<str>>),
}

impl Held {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(0.0),
            Kind::Gauge => Self::Gauge(0.0),
            Kind::Timer | Kind::Distribution => Self::Histogram(Box::default()),
            Kind::Set => Self::Set(HashSet::new()),
        }
    }
}

/// What one flush writes.
#[derive(Debug, Default)]
pub struct Flushed {
    t_ms: i64,
    series: Vec<(Key, Sample)>,
    /// By name.
    kinds: BTreeMap<String, MetricType>,
    pub events: Vec<Event>,
}

#[derive(Debug)]
enum Sample {
    Float(f64),
    Histogram(Box<nines_series::Histogram>),
}

impl Aggregator {
    /// Lines of a datagram or of a stream, without the end of the last.
    pub fn take(&mut self, text: &[u8], now: Timestamp) {
        for text in text.split(|byte| *byte == b'\n') {
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.is_empty() {
                continue;
            }
            match std::str::from_utf8(text).ok().and_then(line) {
                None => self.tally.malformed += 1,
                Some(Line::Measured(measured)) => self.measured(&measured, now),
                Some(Line::Happened(happened)) => self.happened(&happened, now),
            }
        }
    }

    /// A part of a line that could not be kept together.
    pub fn malformed(&mut self) {
        self.tally.malformed += 1;
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    pub fn series(&self) -> usize {
        self.series.len()
    }

    fn measured(&mut self, line: &Measured<'_>, now: Timestamp) {
        let Some(key) = key(line) else {
            self.tally.malformed += 1;
            return;
        };
        let is_full = self.series.len() >= SERIES_MAX;
        let entry = match self.series.get_mut(&key) {
            Some(entry) => entry,
            None if is_full => {
                self.tally.over_series += 1;
                return;
            }
            None => self.series.entry(key).or_insert(Entry { heard: now, value: Held::of(line.kind) }),
        };
        entry.heard = now;
        let numbers = || line.values.iter().filter_map(|text| Some((*text, text.parse::<f64>().ok()?)));
        match (&mut entry.value, line.kind) {
            (Held::Counter(value), Kind::Counter) => {
                *value += numbers().map(|(_, number)| number / line.rate).sum::<f64>();
            }
            (Held::Gauge(value), Kind::Gauge) => {
                for (text, number) in numbers() {
                    // A sign means a change, by which no gauge can be set below zero at once.
                    *value = if text.starts_with(['+', '-']) { *value + number } else { number };
                }
            }
            (Held::Histogram(observations), Kind::Timer) => {
                numbers().for_each(|(_, number)| observations.add(number / 1e3, 1.0 / line.rate));
            }
            (Held::Histogram(observations), Kind::Distribution) => {
                numbers().for_each(|(_, number)| observations.add(number, 1.0 / line.rate));
            }
            (Held::Set(known), Kind::Set) => {
                for value in &line.values {
                    if known.len() >= SET_MAX && !known.contains(*value) {
                        self.tally.over_room += 1;
                        return;
                    }
                    known.insert(Box::from(*value));
                }
            }
            // One name as two kinds: the first counts, as its series has a type.
            _ => {
                self.tally.malformed += 1;
                return;
            }
        }
        self.tally.taken += 1;
    }

    fn happened(&mut self, line: &Happened<'_>, now: Timestamp) {
        if self.events.len() >= EVENTS_MAX {
            self.tally.over_room += 1;
            return;
        }
        let (severity, word) = match line.alert_type {
            "error" => (17_i64, "ERROR"),
            "warning" => (13, "WARN"),
            _ => (9, "INFO"),
        };
        let body = match &*line.text {
            "" => line.title.clone(),
            text => format!("{}: {text}", line.title),
        };
        let text = |text: &str| Value::from(text);
        let mut fields: Vec<(Name, Value)> = vec![
            (Name::from(field::BODY), text(&body)),
            (Name::from(field::SEVERITY_NUMBER), Value::Int(severity)),
            (Name::from(field::SEVERITY_TEXT), text(word)),
            (
                Name::from(field::EVENT_NAME),
                text(if line.is_check { "statsd.check" } else { "statsd.event" }),
            ),
        ];
        let mut known: HashSet<&str> = HashSet::new();
        for (name, value) in &line.tags {
            let name = if *name == "service" { field::SERVICE_NAME } else { *name };
            if !name.is_empty() && known.insert(name) && !fields.iter().any(|(known, _)| known == name) {
                fields.push((Name::from(name), text(value)));
            }
        }
        if let Some(host) = line.host.filter(|_| !known.contains("host.name")) {
            fields.push((Name::from("host.name"), text(host)));
        }
        let timestamp = line.at_secs.map_or(now, Timestamp::from_secs);
        self.events.push(Event { timestamp, resource: Arc::new(Resource::default()), fields });
        self.tally.taken += 1;
    }

    /// What is to be written now, all at the time `now`.
    pub fn flush(&mut self, now: Timestamp) -> Flushed {
        let mut flushed =
            Flushed { t_ms: now.as_millis(), events: std::mem::take(&mut self.events), ..Flushed::default() };
        self.series.retain(|key, entry| {
            let is_kept = now.since(entry.heard) < KEPT;
            let kind = match &entry.value {
                Held::Counter(_) => MetricType::Counter,
                Held::Histogram(_) => MetricType::Histogram,
                Held::Gauge(_) | Held::Set(_) => MetricType::Gauge,
            };
            let sample = match &mut entry.value {
                _ if !is_kept => Sample::Float(f64::from_bits(STALE_NAN_BITS)),
                Held::Counter(value) | Held::Gauge(value) => Sample::Float(*value),
                Held::Histogram(observations) => Sample::Histogram(Box::new(observations.stored())),
                Held::Set(known) => {
                    let count = known.len() as f64;
                    known.clear();
                    Sample::Float(count)
                }
            };
            if !flushed.kinds.contains_key(&key.name) {
                flushed.kinds.insert(key.name.clone(), kind);
            }
            flushed.series.push((key.clone(), sample));
            is_kept
        });
        flushed
    }
}

impl Flushed {
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// One more counter: what the listener says of itself.
    pub fn count(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.kinds.insert(name.to_owned(), MetricType::Counter);
        self.series.push((Key { name: name.to_owned(), labels }, Sample::Float(value)));
    }

    pub fn request(&self) -> WriteRequest<'_> {
        let mut request = WriteRequest::default();
        for (key, sample) in &self.series {
            request.label(b"__name__", key.name.as_bytes());
            for (name, value) in &key.labels {
                request.label(name.as_bytes(), value.as_bytes());
            }
            match sample {
                Sample::Float(value) => request.sample(self.t_ms, *value),
                Sample::Histogram(histogram) => request.histogram(self.t_ms, (**histogram).clone()),
            }
            request.end_series();
        }
        for (name, kind) in &self.kinds {
            request.metadata(RawMetadata { metric: name.as_bytes(), kind: *kind, help: b"", unit: b"" });
        }
        request
    }
}

fn key(line: &Measured<'_>) -> Option<Key> {
    let (unit, suffix) = match line.kind {
        Kind::Counter => ("", Suffix::Counter),
        Kind::Timer => ("s", Suffix::Other),
        _ => ("", Suffix::Other),
    };
    let name = metric_name(line.name, unit, suffix)?;
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &line.tags {
        // A tag without a value is a flag.
        let value = if value.is_empty() { "true" } else { value };
        if let Some(name) = label_name(name) {
            labels.entry(name).or_insert_with(|| value.to_owned());
        }
    }
    Some(Key { name, labels: labels.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_secs(1_700_000_000)
    }

    fn value(flushed: &Flushed, name: &str) -> Option<f64> {
        let found = flushed.series.iter().find(|(key, _)| key.name == name)?;
        match &found.1 {
            Sample::Float(value) => Some(*value),
            Sample::Histogram(_) => None,
        }
    }

    #[test]
    fn lines_add_up_and_go_on_from_flush_to_flush() {
        let mut aggregator = Aggregator::default();
        aggregator.take(b"hits:1|c\nhits:2|c|@0.5\nfuel:40|g\nfuel:+2|g\nfuel:-12|g\nusers:a|s\nusers:b|s\nusers:a|s\nrequest.time:250:750|ms|#route:/pay\nbad\r\n\n", now());
        assert_eq!(aggregator.tally(), Tally { taken: 9, malformed: 1, ..Tally::default() });
        let first = aggregator.flush(now());
        assert_eq!(
            (value(&first, "hits_total"), value(&first, "fuel"), value(&first, "users")),
            (Some(5.0), Some(30.0), Some(2.0))
        );
        let (key, Sample::Histogram(histogram)) =
            first.series.iter().find(|(key, _)| key.name == "request_time_seconds").unwrap()
        else {
            panic!("a timer is a histogram");
        };
        assert_eq!(key.labels, [("route".to_owned(), "/pay".to_owned())]);
        assert_eq!(
            (histogram.sum, histogram.counts.clone()),
            (1.0, nines_series::Counts::Whole { count: 2, zero: 0, positive: vec![1, 1], negative: vec![] })
        );
        aggregator.take(b"hits:1|c", now());
        let second = aggregator.flush(now() + FLUSH);
        assert_eq!((value(&second, "hits_total"), value(&second, "users")), (Some(6.0), Some(0.0)));
        // Silence ends a series, once.
        let end = aggregator.flush(now() + KEPT + FLUSH);
        assert!(value(&end, "hits_total").is_some_and(|value| value.to_bits() == STALE_NAN_BITS));
        assert!(aggregator.flush(now() + KEPT + FLUSH + FLUSH).is_empty());
    }

    #[test]
    fn what_goes_beyond_is_counted() {
        let mut aggregator = Aggregator::default();
        for index in 0..SERIES_MAX + 3 {
            aggregator.take(format!("s{index}:1|c").as_bytes(), now());
        }
        assert_eq!(aggregator.series(), SERIES_MAX);
        assert_eq!(aggregator.tally().dropped(), [("malformed", 0), ("series_limit", 3), ("no_room", 0)]);
        aggregator.take(b"s1:1|g\ns1_total:1|c", now());
        assert_eq!(aggregator.tally().over_series, 4, "a gauge of that name is another series");
    }

    #[test]
    fn events_are_wide() {
        let mut aggregator = Aggregator::default();
        aggregator.take(b"_e{6,2}:Deploy|v2|t:error|h:web-1|#service:shop,env:prod,env:again", now());
        let flushed = aggregator.flush(now());
        let event = &flushed.events[0];
        assert_eq!((event.get_str("body"), event.service()), (Some("Deploy: v2"), Some("shop")));
        assert_eq!((event.get_str("env"), event.get_str("severity_text")), (Some("prod"), Some("ERROR")));
    }
}
