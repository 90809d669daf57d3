//! A store for the scripts that answers as upstream's would: it joins what several `load` commands say of a series, and
//! it hands out histograms with the hints that upstream's chunks would have kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::conformance::notation::Item;
use crate::conformance::script::Load;
use crate::histogram::{CUSTOM_SCHEMA, Histogram, ResetHint};
use crate::labels::{Labels, METRIC_NAME};
use crate::number::{STALE_BITS, is_stale};
use crate::source::{HistogramPoint, MemorySource, SeriesData};

/// Samples that upstream's head puts into one chunk.
const CHUNK_SAMPLES: usize = 120;

#[derive(Default)]
pub(super) struct Storage {
    series: BTreeMap<Labels, BTreeMap<i64, Stored>>,
}

#[derive(Clone)]
struct Stored {
    start: i64,
    item: Item,
}

impl Storage {
    pub fn load(&mut self, load: &Load) -> Result<(), String> {
        let mut classic: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
        // Of a series that is written twice, the second counts, as upstream keeps them by labels.
        let mut written: BTreeMap<&Labels, usize> = BTreeMap::new();
        for (at, series) in load.series.iter().enumerate() {
            written.insert(&series.labels, at);
        }
        for at in written.into_values() {
            let series = &load.series[at];
            for (position, item) in series.items.iter().enumerate() {
                if *item == Item::Omitted {
                    continue;
                }
                let time = load.step * position as i64;
                let start = series.starts.get(position).copied().flatten().map_or(0, |offset| time + offset);
                let samples = self.series.entry(series.labels.clone()).or_default();
                samples.insert(time, Stored { start, item: item.clone() });
                if let (true, Item::Float(value)) = (load.with_custom_buckets, item) {
                    collect(&mut classic, &series.labels, time, *value);
                }
            }
        }
        for (labels, times) in classic {
            for (time, classic) in times {
                let histogram = classic.convert()?;
                let samples = self.series.entry(labels.clone()).or_default();
                let item = Item::Histogram(Arc::new(histogram), false);
                samples.insert(time, Stored { start: 0, item });
            }
        }
        Ok(())
    }

    pub fn source(&self) -> MemorySource {
        let mut source = MemorySource::default();
        for (labels, samples) in &self.series {
            let mut series = SeriesData { labels: labels.clone(), ..SeriesData::default() };
            let mut chunk = Chunk::default();
            for (time, stored) in samples {
                match &stored.item {
                    Item::Omitted => {}
                    Item::Float(value) if is_stale(*value) && !chunk.is_float => {
                        // The marker takes the kind of the samples before it.
                        let sum = f64::from_bits(STALE_BITS);
                        let histogram = Arc::new(Histogram { sum, ..Histogram::default() });
                        chunk.ended = true;
                        series.histograms.push(HistogramPoint { time: *time, start: 0, histogram });
                    }
                    Item::Float(value) => {
                        chunk = Chunk { is_float: true, ..Chunk::default() };
                        series.times.push(*time);
                        series.values.push(*value);
                        series.starts.push(stored.start);
                    }
                    Item::Histogram(histogram, _) => {
                        let hint = chunk.hint_of(histogram);
                        let mut kept = (**histogram).clone();
                        kept.hint = hint;
                        let histogram = Arc::new(kept);
                        series.histograms.push(HistogramPoint {
                            time: *time,
                            start: stored.start,
                            histogram,
                        });
                    }
                }
            }
            source.series.push(series);
        }
        source
    }
}

/// The chunk that upstream would be filling. Within one there are no resets, so its samples say so from the second on.
struct Chunk {
    is_float: bool,
    last: Option<Histogram>,
    samples: usize,
    /// After a stale marker nothing is known.
    ended: bool,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { is_float: true, last: None, samples: 0, ended: false }
    }
}

impl Chunk {
    fn hint_of(&mut self, histogram: &Histogram) -> ResetHint {
        let before = self.last.take().filter(|_| !self.ended);
        let gauge = histogram.hint == ResetHint::Gauge;
        let hint = match (&before, histogram.hint) {
            (_, ResetHint::Gauge) => ResetHint::Gauge,
            (_, ResetHint::Reset) => ResetHint::Reset,
            (Some(before), _) if before.hint == ResetHint::Gauge => ResetHint::Unknown,
            (Some(before), _) => {
                let layout = before.schema == histogram.schema
                    && before.zero_threshold == histogram.zero_threshold
                    && before.bounds == histogram.bounds;
                let custom = before.is_custom() && histogram.is_custom();
                let reset = histogram.count < before.count
                    || ((layout || custom) && histogram.shows_reset_after(before));
                // A reset that upstream found itself begins a chunk whose hint its merging iterators take away again
                // (upstream's issue 15346); whoever compares the two will find it once more.
                if reset || !layout || self.samples >= CHUNK_SAMPLES {
                    ResetHint::Unknown
                } else {
                    ResetHint::NotReset
                }
            }
            (None, _) => ResetHint::Unknown,
        };
        let continues = hint == ResetHint::NotReset || (gauge && before.is_some());
        self.samples = if continues { self.samples + 1 } else { 1 };
        self.is_float = false;
        self.ended = false;
        self.last = Some(histogram.clone());
        hint
    }
}

/// A classic histogram at one time.
#[derive(Default, Clone)]
struct Classic {
    /// Upper bound, as ordered bits, and cumulative count.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

fn collect(classic: &mut BTreeMap<Labels, BTreeMap<i64, Classic>>, labels: &Labels, time: i64, value: f64) {
    let name = labels.metric_name();
    let (base, suffix) = match name.rsplit_once('_') {
        Some((base, suffix @ ("bucket" | "count" | "sum"))) => (base, suffix),
        _ => return,
    };
    let le = labels.get("le");
    let upper = if le == "+Inf" { Some(f64::INFINITY) } else { le.parse::<f64>().ok() };
    if suffix == "bucket" && upper.is_none_or(f64::is_nan) {
        return;
    }
    let key = labels.with(METRIC_NAME, base).with("le", "");
    let entry = classic.entry(key).or_default().entry(time).or_default();
    match (suffix, upper) {
        ("bucket", Some(upper)) => entry.buckets.push((upper, value)),
        ("count", _) => entry.count = Some(value),
        _ => entry.sum = value,
    }
}

impl Classic {
    fn convert(mut self) -> Result<Histogram, String> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = self.buckets.last().map_or(0.0, |bucket| bucket.1);
        let count = self.count.unwrap_or(total);
        if self.buckets.last().is_none_or(|bucket| bucket.0 != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut histogram = Histogram { schema: CUSTOM_SCHEMA, count, sum: self.sum, ..Histogram::default() };
        let mut before = 0.0;
        for (at, (upper, cumulative)) in self.buckets.iter().enumerate() {
            if *cumulative < before {
                return Err(format!("classic histogram goes down at le={upper}"));
            }
            histogram.positive.push((at as i32, cumulative - before));
            before = *cumulative;
            if upper.is_finite() {
                histogram.bounds.push(*upper);
            }
        }
        histogram.compact();
        Ok(histogram)
    }
}
